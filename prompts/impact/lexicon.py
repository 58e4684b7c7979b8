"""The words that impact rules look for, in the English that prompts are mostly written in. Data, and nothing else."""

from typing import Final


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# ----------------------------------------------------------------------------- what one must, may and must not
NOT: Final = "@not"
MUST: Final = "@must"
SHOULD: Final = "@should"
MAY: Final = "@may"
ONLY: Final = "@only"
EXCEPT: Final = "@except"
AT_MOST: Final = "@at most"
AT_LEAST: Final = "@at least"
EXACTLY: Final = "@exactly"
BOTH: Final = "@both"
WHETHER: Final = "@whether"

#: Phrases of one or more words, longest first when they begin alike, and what they stand for.
MARKERS: Final[dict[str, str]] = {
    phrase: marker
    for marker, phrases in {
        NOT: """not; never; no; none; nor; neither; nothing; nobody; without; avoid; avoids; avoiding; refuse;
            refuses; refuse to; refrain from; refrain; decline to; decline; stop; cease; forbid;
            forbidden; forbids; prohibited; prohibit; disallowed; disallow; banned; omit; omits; exclude;
            excludes; excluding; leave out; skip; skips; ignore; ignores; disregard; hide; withhold;
            suppress; drop; no longer; under no circumstances; on no account; in no case; at no time; at
            no point; by no means; not ever; never ever; must not; must never; should never; should not;
            shall not; may not; can not; may never; can never; could not; would not; will not; will never;
            do not; do not ever; does not; did not; is not; are not; was not; not allowed to; not allowed;
            not permitted to; not permitted; are not allowed to; is not allowed; is not permitted; are not
            permitted to; must not ever; never allowed; it is forbidden to; you are forbidden to; you must
            not; you must never; you should not; you should never; you may not; you can not; you will not;
            you will never; you shall not; you do not; you never; not to; never to; instead of; rather
            than; fail to; fails to; unable to; off limits; steer clear of; stay away from; keep away
            from; abstain from; forgo; zero; need not; needs not; not required; not necessary; not needed;
            no need to; not have to; do not have to; does not have to; not mandatory; hold off; hold off
            on; nicht; nie; niemals; kein; keine; keinen; keinem; keiner; keinerlei; ohne; vermeide;
            vermeiden; verboten; darf nicht; dürfen nicht; darfst nicht; auf keinen fall; keinesfalls;
            pas; jamais; aucun; aucune; sans; évite; évitez; éviter; interdit; en aucun cas; nunca; jamás;
            sin; evita; evite; evitar; ningún; ninguna; ninguno; prohibido; en ningún caso; não; nunca;
            jamais; sem; evite; proibido; mai; senza; vietato; evita; nessun; nessuna; niet; nooit; geen;
            zonder; vermijd""",
        MUST: """must; always; shall; required; required to; mandatory; have to; has to; need to; needs to; make
            sure; make sure to; make sure that; be sure to; be sure that; be sure; ensure; ensure that; at
            all times; every time; in every case; in all cases; without exception; without fail;
            obligatory; it is essential to; it is mandatory to; it is required to; never fail to; do not
            fail to; do not forget to; never forget to; do not forget; never forget; insist on; under all
            circumstances; must always; should always; always must; you must; you must always; you have
            to; you need to; you are required to; you should always; you always; you shall; invariably; is
            a must; are required to; is required to; not optional; without failing to; immer; stets; muss;
            müssen; musst; unbedingt; auf jeden fall; toujours; doit; doivent; dois; devez; siempre; debe;
            debes; deben; sempre; deve; devi; devono; devem; altijd; moet; moeten; never omit; do not
            omit; never skip; do not skip; never leave out; do not leave out""",
        SHOULD: """should; ought to; ought; preferably; prefer; try to; ideally; recommended; you should; aim to;
            where possible; if possible; when possible; encouraged to; it is recommended to; advisable""",
        MAY: """may; might; can; could; optional; optionally; allowed; allowed to; permitted; permitted to; feel
            free to; free to; you may; you can; you could; are allowed to; is allowed; are permitted to;
            is permitted; are free to; if you want; if you like; at your discretion; you are allowed to;
            you are free to; you are permitted to; allow; allows; permit; permits; acceptable; fine to;
            okay to; ok to; sometimes; occasionally; not hesitate to; do not hesitate to; never hesitate
            to; darf; dürfen; darfst; kann; können; kannst; peut; peux; peuvent; pouvez; puede; puedes;
            pueden; pode; podem; può; puoi; mag; mogen; kunnen""",
        BOTH: """both; not only; not just; not merely""",
        WHETHER: """whether; whether or not""",
        ONLY: """only; solely; exclusively; nothing but; nothing else; no other; nothing other than; strictly
            only; nur; ausschließlich; lediglich; seulement; uniquement; exclusivement; solo; sólo;
            solamente; únicamente; apenas; somente; soltanto; solamente; alleen; uitsluitend""",
        EXCEPT: """unless; except; except for; except when; except if; other than; apart from; with the exception
            of; only if not; but not; save for; aside from; es sei denn; außer; sauf; salvo; excepto;
            exceto; tranne; tenzij; behalve""",
        AT_MOST: """at most; no more than; not more than; never more than; do not exceed; not exceed; must not
            exceed; not exceeding; without exceeding; never exceed; not to exceed; up to; maximum; maximum
            of; a maximum of; max; limited to; limit; less than; fewer than; under; below; no longer than;
            not longer than; shorter than; within; or less; or fewer; or shorter; keep under; at the most;
            capped at; cap; höchstens; maximal; au plus; au maximum; maximum de; como máximo; no más de;
            no máximo; al massimo; hoogstens""",
        AT_LEAST: """at least; no less than; no fewer than; not less than; not fewer than; minimum; minimum of; a
            minimum of; min; more than; longer than; or more; exceeding; above; greater than; or longer;
            over; mindestens; au moins; al menos; pelo menos; almeno; minstens""",
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
_COUNTED: Final = (
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty""",
    "null eins zwei drei vier fünf sechs sieben acht neun zehn",
    "zéro une deux trois quatre cinq six sept huit neuf dix",
    "cero una dos tres cuatro cinco seis siete ocho nueve diez",
)
NUMBERS: Final = {
    **{word: str(number) for text in _COUNTED for number, word in enumerate(text.split()) if number != 1},
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
    "one": "1",
    "once": "1",
    "single": "1",
    "half": "0.5",
    "twice": "2",
    "double": "2",
    "triple": "3",
    "dozen": "12",
    "hundred": "100",
    "thousand": "1000",
}
ORDINALS: Final = words("first second third fourth fifth sixth")
#: Steps of a scale; one in the place of another is another verdict.
SCALE: Final = words(
    """low medium high critical severe moderate error errors warning warnings info blocker trivial urgent normal minor
    major p0 p1 p2 p3 p4 beginner intermediate advanced expert strict lenient"""
)

#: What a number counts where it is a limit; and what stands before one.
UNITS: Final = words(
    """word words sentence sentences paragraph paragraphs line lines character characters char chars token tokens item
    items bullet bullets point points step steps example examples question questions option options suggestion
    suggestions second seconds minute minutes hour hours day days week weeks month months year years percent %
    dollar dollars euro euros usd eur $ € £ time times retry retries attempt attempts page pages row rows column
    columns result results source sources title titles subject subjects idea ideas keyword keywords tag tags
    message messages turn turns reply replies answer answers level levels grade age aged stars score scale
    entries records issue issues comment comments call calls topic topics reason reasons heading headings
    section sections letters digits wörter sätze sätzen zeichen tage stunden minuten mots phrases lignes jours
    heures minutes palabras frases oraciones días horas minutos"""
)

# ----------------------------------------------------------------------------- the shape of an answer
FORMATS: Final = words(
    """json jsonl yaml xml html markdown csv tsv toml latex table tables tabular bullet bullets bulleted numbered prose
    paragraph paragraphs plaintext plain-text codeblock code-block fenced emoji emojis hashtag hashtags schema
    array superscript footnote footnotes brackets parentheses italic italics bold uppercase lowercase"""
)
#: What a field of an answer may hold.
TYPES: Final = words(
    "string str text number integer int float decimal boolean bool array list object date datetime null"
)

LANGUAGES: Final = words(
    """english german french spanish italian portuguese dutch polish russian ukrainian czech slovak swedish norwegian
    danish finnish hungarian romanian bulgarian greek turkish arabic hebrew persian farsi hindi urdu bengali
    tamil chinese mandarin cantonese japanese korean vietnamese thai indonesian malay swahili latin esperanto
    catalan basque deutsch englisch français anglais español inglés italiano português nederlands bilingual
    multilingual"""
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
#: How it sounds; one in the place of another that does not mean the same is another voice.
TONES: Final = words(
    """formal informal casual friendly warm neutral playful humorous serious professional distant sarcastic ironic
    empathetic enthusiastic dry cold polite blunt stern cheerful relaxed authoritative conversational academic
    technical poetic persuasive objective critical encouraging strict funny witty solemn"""
)
#: Praise in a persona; a change of it alone changes nobody's part.
PRAISE: Final = words(
    """helpful friendly polite professional knowledgeable skilled careful excellent great good kind courteous
    thoughtful attentive reliable capable competent talented world-class top-notch highly very extremely
    exceptional experienced seasoned diligent meticulous smart intelligent trusted brilliant amazing outstanding"""
)

# ----------------------------------------------------------------------------- opposites
#: Each pair is read both ways.
OPPOSITES: Final = frozenset(
    frozenset(pair.split("/"))
    for pair in words(
        """above/below accept/decline accept/refuse accept/reject acceptable/unacceptable add/remove admit/deny
        agree/disagree all/none all/some allow/block allow/deny allow/forbid allowed/forbidden
        allowed/prohibited always/rarely always/seldom always/sometimes answer/ignore answer/refuse any/none
        approve/decline approve/deny approve/reject ascending/descending ask/assume before/after begin/end
        beginner/advanced beginner/expert best/worst block/permit brief/detailed brief/lengthy
        briefly/extensively briefly/thoroughly cautious/bold censor/show child/adult children/adults
        cite/omit conceal/show concise/detailed concise/lengthy concise/verbose confident/hesitant
        confirm/assume continue/stop credit/debit deny/grant direct/indirect disclose/conceal
        disclose/withhold du/sie early/late enable/disable enabled/disabled encourage/discourage
        enthusiastic/neutral escalate/resolve every/some everyone/nobody everything/nothing expand/condense
        expand/shorten explain/omit explicit/implicit fast/slow first/last follow/ignore formal/casual
        formal/informal formally/casually formally/informally frequently/rarely friendly/hostile
        friendly/stern gain/loss gentle/harsh grant/refuse guess/ask help/refuse hide/display high/low
        higher/lower highest/lowest immediately/later include/exclude include/leave include/omit
        include/skip including/excluding increase/decrease inside/outside internal/external keep/delete
        keep/discard keep/drop keep/mask keep/remove largest/smallest latest/earliest latest/oldest
        lead/follow left/right legal/illegal literal/figurative longest/shortest manual/automatic
        manually/automatically mask/reveal mask/show maximise/minimise maximize/minimize mention/conceal
        mention/hide mention/omit minimum/maximum more/fewer more/less most/least moving/parked
        necessary/forbidden neutral/opinionated neutral/persuasive never/often never/sometimes obey/ignore
        objective/subjective often/rarely oldest/newest on/off online/offline open/close opened/closed
        optimistic/pessimistic optimistic/realistic optional/mandatory optional/required original/translated
        pass/fail passive/active past/future past/present pause/continue permit/forbid permitted/forbidden
        permitted/prohibited polite/blunt polite/impolite polite/rude politely/rudely positive/negative
        preserve/change preserve/discard preserve/remove preserve/rewrite proceed/stop proceed/wait
        promise/refuse public/confidential public/private quickly/slowly raise/lower recommend/discourage
        redact/keep redact/reveal redact/show remember/forget required/forbidden required/prohibited
        respect/ignore retain/delete retain/discard retain/mask retain/remove reveal/conceal reveal/hide
        safe/unsafe same/different secret/reveal serious/humorous serious/playful share/withhold
        short/detailed short/long shorter/longer show/hide simple/advanced simple/complex simple/technical
        singular/plural start/end store/discard strict/lenient strict/relaxed subjective/factual
        success/failure synchronous/asynchronous together/separately true/false trust/distrust trust/verify
        trusted/untrusted tu/vous tú/usted upgrade/downgrade upper/lower uppercase/lowercase usually/rarely
        verify/assume warm/cold warm/neutral welcome/forbidden with/without yes/no"""
    )
)
#: What keeps an accident from happening; a demand with one that goes away is missed.
SAFEGUARDS: Final = words(
    """confirm confirmation approve approval permission consent verify escalate warn warning disclaimer secret human
    supervisor double-check"""
)
#: What a word begins with that is its own opposite.
NEGATING: Final = ("un", "in", "im", "ir", "il", "dis", "non", "non-", "mis", "anti", "de")

# ----------------------------------------------------------------------------- what carries little
SMALL: Final = words(
    """a an the this that these those it its they them their he she his her you your we our us i my me is are was were
    be been being am do does did has have had will would to of in on at by for from with as and or but so if
    then than into onto about over also too very just please kindly really quite simply clearly carefully here
    there which who whom whose what when where how while any some such each both all well thus therefore hence
    however e g i etc via per let"""
)

# ----------------------------------------------------------------------------- other words for the same
#: In a prompt the words of a group ask for the same.
SYNONYMS: Final = tuple(
    frozenset(group.split())
    for group in """
    answer reply respond response solution|write compose draft author|give provide supply offer|show display present
    return output emit produce|user customer client shopper buyer|explain describe clarify|quick fast rapid
    concise brief short succinct terse|polite courteous respectful|friendly warm kind|correct right accurate
    error mistake fault|message msg|question query inquiry enquiry|issue problem trouble|help assist support aid
    use utilise employ|share disclose reveal divulge expose|mention name refer|cite quote|summary overview digest
    text passage content|document file article|below following underneath|above preceding previous
    complete full entire whole|step stage phase|easy simple plain|clear understandable|start begin commence
    end finish conclude|pick choose select|find locate identify|check verify confirm|guess speculate assume
    invent fabricate hallucinate|fact truth|tone voice manner style|task job assignment
    instruction directive guideline rule|important crucial essential key vital|need require|want wish desire
    say tell state|ask request|list enumerate|detailed thorough in-depth|information info data details
    delete remove erase|change modify alter edit|create make build generate|keep retain preserve maintain
    also additionally too|apology apologise sorry|discuss talk|topic subject theme|title headline heading
    section part|sentence statement|review inspect examine analyse assess evaluate|code program|team group
    company firm business|product article item goods|order purchase|example sample instance illustration
    contain include hold|appropriate suitable fitting|relevant pertinent|specific particular
    common usual frequent typical|big large|small little slightly|avoid refrain|sensitive confidential private
    personal private|respond react|conversation chat dialogue|colleague coworker|employee staff worker
    manager supervisor|doctor physician|teach instruct|learn study|number figure|value amount
    field attribute property|type kind sort|label tag category class|classify categorise
    explanation reason rationale justification|honest truthful candid|uncertain unsure|happen occur
    context background|suggest recommend propose advise|improve enhance better|fix repair correct
    kept stay remain|attach enclose|phrase express word|consider regard|ticket case request|patient calm
    cheerful upbeat|precise exact accurate|maximum max|minimum min|attempt try|torn ripped broken damaged
    buy purchase|get receive obtain|send submit|look search|see view|let allow|usually normally generally
    parcel package box|child kid|page sheet|money funds|loan borrowing credit|leading well-known renowned famous
    """.replace("\n", "|").split("|")
    if group.strip()
)
