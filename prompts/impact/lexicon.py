"""The words that impact rules look for, in the English that prompts are mostly written in. Data, and nothing else."""

from typing import Final

# ----------------------------------------------------------------------------- what one must, may and must not
NOT: Final = "‹not›"
MUST: Final = "‹must›"
SHOULD: Final = "‹should›"
MAY: Final = "‹may›"
ONLY: Final = "‹only›"
EXCEPT: Final = "‹except›"
AT_MOST: Final = "‹at most›"
AT_LEAST: Final = "‹at least›"
EXACTLY: Final = "‹exactly›"
BOTH: Final = "‹both›"
WHETHER: Final = "‹whether›"

#: Phrases of one or more words, longest first when they begin alike, and what they stand for.
MARKERS: Final[dict[str, str]] = {
    phrase: marker
    for marker, phrases in {
        NOT: """not; never; no; none; nor; neither; nothing; nobody; without; avoid; avoids; avoiding; refuse; refuses;
            refuse to; refrain from; refrain; decline to; decline; stop; cease; forbid; forbidden; forbids; prohibited;
            prohibit; disallowed; disallow; banned; omit; omits; exclude; excludes; excluding; leave out; skip; skips;
            ignore; ignores; disregard; hide; withhold; suppress; drop; no longer; under no circumstances;
            on no account; in no case; at no time; at no point; by no means; not ever; never ever; must not;
            must never; should never; should not; shall not; may not; can not; may never; can never; could not;
            would not; will not; will never; do not; do not ever; does not; did not; is not; are not; was not;
            not allowed to; not allowed; not permitted to; not permitted; are not allowed to; is not allowed;
            is not permitted; are not permitted to; must not ever; never allowed; it is forbidden to;
            you are forbidden to; you must not; you must never; you should not; you should never; you may not;
            you can not; you will not; you will never; you shall not; you do not; you never; not to; never to;
            instead of; rather than; fail to; fails to; unable to; off limits; steer clear of; stay away from;
            keep away from; abstain from; forgo; zero; need not; needs not; not required; not necessary;
            not needed; no need to; not have to; do not have to; does not have to; not mandatory""",
        MUST: """must; always; shall; required; required to; mandatory; have to; has to; need to; needs to; make sure;
            make sure to; make sure that; be sure to; be sure that; be sure; ensure; ensure that; at all times;
            every time; in every case; in all cases; without exception; without fail; obligatory; it is essential to;
            it is mandatory to; it is required to; never fail to; do not fail to; do not forget to; never forget to;
            do not forget; never forget; insist on; under all circumstances; must always; should always; always must;
            you must; you must always; you have to; you need to; you are required to; you should always; you always;
            you shall; invariably; is a must; are required to; is required to; not optional; without failing to;
            never omit; do not omit; never skip; do not skip; never leave out; do not leave out""",
        SHOULD: """should; ought to; ought; preferably; prefer; try to; ideally; recommended; you should; aim to;
            where possible; if possible; when possible; encouraged to; it is recommended to; advisable""",
        MAY: """may; might; can; could; optional; optionally; allowed; allowed to; permitted; permitted to; feel free to;
            free to; you may; you can; you could; are allowed to; is allowed; are permitted to; is permitted;
            are free to; if you want; if you like; at your discretion; you are allowed to; you are free to;
            you are permitted to; allow; allows; permit; permits; acceptable; fine to; okay to; ok to; sometimes;
            occasionally; not hesitate to; do not hesitate to; never hesitate to""",
        BOTH: """both; not only; not just; not merely""",
        WHETHER: """whether; whether or not""",
        ONLY: """only; solely; exclusively; nothing but; nothing else; no other; nothing other than; strictly only""",
        EXCEPT: """unless; except; except for; except when; except if; other than; apart from; with the exception of;
            only if not; but not; save for; aside from""",
        AT_MOST: """at most; no more than; not more than; never more than; do not exceed; not exceed; must not exceed;
            not exceeding; without exceeding; never exceed; not to exceed; up to; maximum; maximum of; a maximum of;
            max; limited to; limit; less than; fewer than; under; below; no longer than; not longer than;
            shorter than; within; or less; or fewer; or shorter; keep under; at the most; capped at; cap""",
        AT_LEAST: """at least; no less than; no fewer than; not less than; not fewer than; minimum; minimum of;
            a minimum of; min; more than; longer than; or more; exceeding; above; greater than; or longer; over""",
        EXACTLY: """exactly; precisely""",
    }.items()
    for phrase in (" ".join(each.split()) for each in phrases.split(";"))
}

CONTRACTIONS: Final = {
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "shan't": "shall not",
    "ain't": "is not",
    "let's": "let us",
    "dont": "do not",
    "doesnt": "does not",
    "isnt": "is not",
    "i'm": "i am",
    "gonna": "going to",
}
ENDINGS: Final = {"n't": "not", "'re": "are", "'ll": "will", "'ve": "have"}

# ----------------------------------------------------------------------------- numbers
NUMBERS: Final = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
    "hundred": "100",
    "thousand": "1000",
    "once": "1",
    "twice": "2",
    "half": "0.5",
    "single": "1",
    "double": "2",
    "triple": "3",
    "dozen": "12",
}

#: What a number counts where it is a limit; and what stands before one.
UNITS: Final = frozenset(
    """word words sentence sentences paragraph paragraphs line lines character characters char chars token tokens item
    items bullet bullets point points step steps example examples question questions option options suggestion
    suggestions second seconds minute minutes hour hours day days week weeks month months year years percent % dollar
    dollars euro euros usd eur $ € £ time times retry retries attempt attempts page pages row rows column columns
    result results source sources title titles subject subjects idea ideas keyword keywords tag tags message messages
    turn turns reply replies answer answers level levels grade age aged stars score scale entries records issue issues
    comment comments call calls topic topics reason reasons heading headings section sections letters digits""".split()
)

# ----------------------------------------------------------------------------- the shape of an answer
FORMATS: Final = frozenset(
    """json jsonl yaml xml html markdown csv tsv toml latex table tables tabular bullet bullets bulleted numbered prose
    paragraph paragraphs plaintext plain-text codeblock code-block fenced emoji emojis hashtag hashtags schema
    array""".split()
)
#: What a field of an answer may hold.
TYPES: Final = frozenset(
    "string str text number integer int float decimal boolean bool array list object date datetime null".split()
)

LANGUAGES: Final = frozenset(
    """english german french spanish italian portuguese dutch polish russian ukrainian czech slovak swedish norwegian
    danish finnish hungarian romanian bulgarian greek turkish arabic hebrew persian farsi hindi urdu bengali tamil
    chinese mandarin cantonese japanese korean vietnamese thai indonesian malay swahili latin esperanto catalan basque
    deutsch englisch français anglais español inglés italiano português nederlands bilingual multilingual""".split()
)

# ----------------------------------------------------------------------------- who speaks
ROLE_OPENINGS: Final = (
    "you are a",
    "you are an",
    "you are the",
    "you are our",
    "you are my",
    "you are not a",
    "you are not an",
    "your role is",
    "your name is",
    "you are called",
    "you are named",
    "act as",
    "acting as",
    "you act as",
    "you work as",
    "you work for",
    "you serve as",
    "you play",
    "play the role of",
    "take the role of",
    "assume the role of",
    "pretend to be",
    "pretend you are",
    "imagine you are",
    "i want you to act as",
    "role :",
    "persona :",
    "behave like",
    "speak as",
    "respond as",
    "answer as",
    "write as",
    "as a",
    "as an",
)
#: Praise in a persona; a change of it alone changes nobody's part.
PRAISE: Final = frozenset(
    """helpful friendly polite professional knowledgeable skilled careful excellent great good kind courteous
    thoughtful attentive reliable capable competent talented world-class top-notch highly very extremely exceptional
    experienced seasoned diligent meticulous smart intelligent trusted brilliant amazing outstanding""".split()
)

# ----------------------------------------------------------------------------- opposites
#: Each pair is read both ways.
OPPOSITES: Final = frozenset(
    frozenset(pair.split("/"))
    for pair in """include/exclude formal/informal formal/casual polite/rude polite/impolite polite/blunt allow/deny
    allow/forbid allow/block accept/reject accept/refuse accept/decline approve/reject approve/deny approve/decline
    enable/disable enabled/disabled before/after above/below more/less more/fewer short/long shorter/longer
    brief/detailed brief/lengthy concise/verbose concise/detailed concise/lengthy short/detailed first/last
    ascending/descending increase/decrease minimum/maximum public/private internal/external true/false yes/no
    positive/negative optional/required optional/mandatory required/forbidden encourage/discourage mention/hide
    mention/omit mention/conceal show/hide reveal/hide reveal/conceal disclose/withhold disclose/conceal share/withhold
    simple/complex simple/technical simple/advanced friendly/hostile friendly/stern keep/remove keep/drop keep/delete
    keep/discard add/remove preserve/discard preserve/remove preserve/change preserve/rewrite with/without
    inside/outside oldest/newest latest/earliest latest/oldest left/right high/low higher/lower strict/lenient
    strict/relaxed cautious/bold serious/playful serious/humorous singular/plural passive/active past/present
    past/future beginner/expert beginner/advanced child/adult children/adults ask/assume confirm/assume
    verify/assume guess/ask agree/disagree trust/distrust open/close opened/closed start/end begin/end
    all/none any/none every/some all/some most/least best/worst highest/lowest largest/smallest longest/shortest
    public/confidential enthusiastic/neutral warm/cold warm/neutral optimistic/pessimistic direct/indirect
    explicit/implicit literal/figurative answer/refuse answer/ignore help/refuse follow/ignore obey/ignore
    respect/ignore cite/omit explain/omit recommend/discourage promise/refuse escalate/resolve optimistic/realistic
    deny/grant grant/refuse upper/lower uppercase/lowercase synchronous/asynchronous manual/automatic
    manually/automatically immediately/later early/late fast/slow quickly/slowly gentle/harsh neutral/opinionated
    neutral/persuasive objective/subjective subjective/factual permit/forbid permitted/forbidden allowed/forbidden
    allowed/prohibited permitted/prohibited legal/illegal safe/unsafe include/omit include/skip including/excluding
    necessary/forbidden required/prohibited acceptable/unacceptable welcome/forbidden
    politely/rudely formally/informally formally/casually briefly/extensively briefly/thoroughly
    always/rarely always/sometimes always/seldom often/rarely never/sometimes never/often usually/rarely
    frequently/rarely everything/nothing everyone/nobody expand/shorten expand/condense redact/reveal redact/keep
    redact/show mask/reveal mask/show censor/show block/permit retain/discard retain/delete store/discard
    remember/forget trust/verify lead/follow original/translated confident/hesitant
    together/separately same/different""".split()
)
NEGATING: Final = ("un", "in", "im", "ir", "il", "dis", "non", "non-", "mis", "anti", "de")

# ----------------------------------------------------------------------------- what carries little
SMALL: Final = frozenset(
    """a an the this that these those it its they them their he she his her you your we our us i my me is are was were
    be been being am do does did has have had will would to of in on at by for from with as and or but so if then than
    into onto about over also too very just please kindly really quite simply clearly carefully here there which who
    whom whose what when where how while any some such each both all well thus therefore hence however e g i etc via
    per let""".split()
)

# ----------------------------------------------------------------------------- other words for the same
#: Stems (prompts/impact/words.py); in a prompt the words of a group ask for the same.
SYNONYMS: Final = tuple(
    frozenset(group.split())
    for group in """
    answer reply respond response|write compose draft author|give provide supply offer|return output emit produce
    show display present|user customer client shopper buyer|explain describ clarify|concis brief short succinct terse
    polit courteou respectful|friend warm kind|correct right accurat|error mistak fault|email e-mail mail
    message msg|question query inquiry enquiry|issu problem trouble|help assist support aid|use utiliz employ
    shar disclos reveal divulg expos|mention nam refer|cite quot|summariz summar condens|text passag content
    document file articl|below follow underneath|above preced previou|complet full entir whole|step stag phas
    easy simpl plain|clear understandabl|start begin commenc|end finish conclud|pick choos select|find locat identify
    check verify confirm|guess speculat assum|invent fabricat hallucinat|fact truth|tone voic manner styl
    task job assignment|instruct direct guidelin rul|import crucial essential key vital|need requir|want wish desir
    say tell stat|ask request|list enumerat|detail thorough in-depth|information info data detail|delete remov eras
    chang modify alter edit|create mak build generat|keep retain preserv maintain|also additional too|quick fast rapid
    apology apologiz sorry|discuss talk|topic subject theme|reader audienc|title headlin heading|section part
    sentenc statement|review inspect examin analyz assess evaluat|code program|team group|compani firm business
    product articl item good|order purchas|answer solut|exampl sampl instanc illustrat|contain includ hold
    appropriat suitabl fit|relevant pertinent|specific particular|common usual frequent typical|big larg
    small littl|avoid refrain|sensitiv confidential privat|personal privat|respond react|convers chat dialogu
    colleagu coworker|employe staff worker|manager supervisor|doctor physician|teach instruct explain|learn study
    number figur|valu amount|field attribut property|type kind sort|label tag category class|class classify categoriz
    explanat reason rational justificat|clear plain|honest truthful candid|uncertain unsur|happen occur
    context background|suggest recommend propos advis|improv enhanc better|fix repair correct|answer handl
    kept stay remain|attach enclos|phras express word|consid regard|ticket case request|language tongue
    patient calm|cheer upbeat|precis exact accurat|max maximum|min minimum|repli answer|provid given|suppli given
    """.replace("\n", "|").split("|")
    if group.strip()
)
