"""The words that rules look for, in a dozen languages. Data, and nothing else.

One word may mean several things. `ignor*` is every word that begins so, `system_prompt` is words in a row.
"""
# ruff: noqa: RUF001 - a dozen languages use a few alphabets

from collections.abc import Iterable
from typing import Final, NamedTuple

from prompts.injection.letters import plain

# ----------------------------------------------------------------------------- what a word can mean
#: What somebody does.
IGNORE, DONE_AWAY, FOLLOW, FREED, REVEAL, RECITE, GIVE, SEND, DISABLE, DISABLED, PLAY, DECODE, RUN, LATE = (
    1 << place for place in range(14)
)
#: What it is done to.
RULES, TALK, EVERYTHING, PROMPT, SECRET, PLACE, SAFETY, LIMITS, GUARD, MACHINE, MODE, HARM, REQUEST, DATA, CODE = (
    1 << place for place in range(14, 29)
)
#: Which one of these.
PREVIOUS, YOUR, ALL, SYSTEM, HIDDEN, FULL, NEW, OTHERS, UNBOUND = (1 << place for place in range(29, 38))
#: How it is said.
NOT, HOLLOW, TURN, OR, IF, ASK, ASKS, PERSON, MAY, REFUSE, COMPLY, ATTACK, EXAMPLE, AT, LINK, YOU, ME, HOW, WHAT = (
    1 << place for place in range(38, 57)
)
BE, LESS, EVEN, ADD = (1 << place for place in range(57, 61))

_TABLE: Final[tuple[tuple[int, str], ...]] = (
    # ------------------------------------------------------------------------- overriding
    (IGNORE, """scratch nevermind replace replaces ignore disregard forget overlook neglect discard dismiss abandon
        override overrule bypass unlearn nullify scrap erase wipe delete cancel void revoke suspend reset drop omit
        skip ignoring disregarding forgetting overriding discarding overwrite supersede supersedes overrides
        pay_no_attention no_attention set_aside put_aside throw_away throw_out never_mind take_no_notice no_notice
        leave_behind do_not_regard abrogate repeal shed purge disobey defy violate"""),
    (IGNORE | LATE, """vergesst ignoriert ignorier* vergiss vergessen vergisst missachte* verwirf verwerfe* übergeh*
        überschreib* beachte_nicht ignorez ignorer oublie oubliez oublier néglige négligez négliger ne_tiens_pas_compte
        ne_tenez_pas_compte tenir_compte fais_abstraction faites_abstraction ignora ignorad ignoren ignorar ignores
        olvida olvide olviden olvidar omite descarta descarte no_hagas_caso no_haga_caso haz_caso_omiso hagas_caso
        haga_caso ignori ignorate ignorare dimentica dimenticate dimenticare trascura non_considerare não_considere
        esqueça esquece esquecer desconsidere desconsidera desconsiderar negeer negeren vergeet vergeten zignoruj
        zignorujcie ignoruj zapomnij pomiń игнорир* проигнорир* забудь* забыть забыв* отбрось* yok_say* görmezden_gel*
        unut unutun 忽略 无视 無視 忘记 忘掉 不要理会 不理会 抛弃 忘れ 무시* 잊어* 잊고 تجاهل تجاهلي انس انسى
        تغاضى"""),
    (DONE_AWAY, """optional suggestions meaningless fake ignored disregarded forgotten overridden overruled void
        cancelled canceled revoked rescinded superseded obsolete invalid invalidated lifted suspended nullified
        null_and_void discarded deprecated outdated removed deleted erased wiped irrelevant abolished dropped waived
        repealed aufgehoben ungültig hinfällig außer_kraft annulé* annulée* caduc caduques levées anulad* levantad*
        annullat* revogad* отменен* отменя* недействит* 作废 失效 無効 무효* ignored_completely no_longer_apply
        no_longer_applies no_longer_valid no_longer_count no_longer_counts no_longer_binding no_longer_hold
        no_longer_matter not_apply_anymore gelten_nicht_mehr nicht_mehr ne_s_appliquent_plus plus_valables
        ya_no_aplican ya_no_valen ya_no_se_aplican non_valgono_più não_valem_mais больше_не_действ*"""),
    (FOLLOW, """follow obey adhere comply adhere_to stick_to comply_with heed observe abide honour honor respect stick
        listen_to bound_by following obeying adhering befolge* folge* halte* gehorche* beachte* berücksichtige* suis
        suivez suivre respecte respectez tiens_compte tenez_compte sigue siga seguir respeta obedece segui seguire
        rispetta siga_as obedeça volg opvolgen przestrzegaj соблюдай* следуй* 遵守 遵循 服从 従わ 따르*"""),
    (FREED, """freed released liberated exempt exempted unbound unshackled stop cease quit befreit libéré* liberad*
        liberat*"""),
    (RULES, """instruction instructions instruct directive directives directions guideline guidelines guidance rule
        rules prompt prompts command commands commandments programming programing conditioning preprompt briefing
        policy policies constraints restrictions training anweisung* instruktion* vorgabe* regel regeln richtlinie*
        befehl befehle befehlen weisung* aufforderung consigne* règle règles directive* instrucción instrucciones
        reglas regla órdenes directrices indicaciones istruzione istruzioni regole regola direttive instrução
        instruções regras regra diretrizes instructie instructies opdracht* richtlijn* regels instrukcj* polecen*
        zasad* zasady wytyczn* reguły regułę regułami инструкц* указани* правил* команд* директив* promptu промпт*
        talimat* kural* komut* yönerge* 指令 指示 规则 規則 命令 提示 说明 ルール プロンプト 지시* 지침* 명령* 규칙*
        프롬프트* التعليمات تعليمات تعليماتك الأوامر أوامر القواعد"""),
    (SYSTEM, """system system's developer developer's developers admin administrator administrators operator operators
        operator's platform provider's openai anthropic google company's creator creators creator's system_level
        système sistema sisteem systemu systemow* системн* систем* разработчик* sistem 系统 系統 システム 开发者 시스템
        النظام"""),
    (PROMPT, """your_configuration your_config system_configuration system_prompt system_prompts system_message
        system_messages system_instruction system_instructions systemprompt* system_text system_directive
        developer_message developer_prompt developer_instructions developer_messages sysprompt preprompt pre_prompt
        meta_prompt initial_prompt original_prompt hidden_prompt master_prompt secret_prompt base_prompt root_prompt
        starting_prompt systemanweisung* systemnachricht* prompt_système prompt_systeme message_système
        instructions_système invite_système prompt_del_sistema prompt_de_sistema mensaje_del_sistema prompt_di_sistema
        messaggio_di_sistema prompt_do_sistema mensagem_do_sistema systeemprompt* systeembericht* prompt_systemowy
        promptu_systemowego prompt_systemowego системн*_промпт* системную_инструкцию системное_сообщение
        системный_запрос sistem_istem* sistem_prompt* sistem_mesaj* 系统提示 系统提示词 系统指令 系統提示
        システムプロンプト システムメッセージ 시스템_프롬프트* 시스템_지시* 시스템_메시지* موجه_النظام
        رسالة_النظام"""),
    (PREVIOUS, """previous previously prior earlier above preceding foregoing former formerly before past initial
        initially original originally existing old older so_far until_now up_to_now till_now hitherto aforementioned
        given received told stated mentioned beforehand thus_far pre_existing built_in came_before bisherig* vorherig*
        früher* frueher* obig* oben vorangegangen* vorstehend* ursprünglich* urspruenglich* vorig* zuvor alt alten
        précédent* antérieur* ci_dessus initial* originel* avant reçues données anterior* previa* previo* previas dadas
        recibidas originales arriba dieron antes recibiste auparavant eerder inicial* precedenti precedente originali
        iniziali sopra ricevute fornite acima originais prévias vorige voorgaande eerdere bovenstaande oorspronkelijke
        poprzedni* wcześniejsz* powyższ* pierwotn* предыдущ* прежн* прошл* ранее ранн* исходн* первоначальн* выше выш*
        önceki yukarıdaki eski daha_önce 之前 以前 先前 以上 上述 上面 前面 此前 原来 原先 最初 これまで 上記 前述
        今まで 元 이전* 앞선 위의 지금까지의 기존* السابقة السابق أعلاه الأصلية"""),
    (YOUR, """your yours own you_were you_have_been you_had_been you_received you_ve_been you_got dein deine deinen
        deiner deinem ihre ihren eure ton ta tes votre vos tu tus su sus tuo tua tuoi tue vostre seu sua seus suas teu
        jouw je uw twój twoj* swój swoje swoją swoj* свой свои свою твой твои твою ваш* twoją 你的 您的 你 あなたの
        당신의 네 너의"""),
    (ALL, """all any every each everything whatever entire entirety complete whole full everyone alle allen aller alles
        sämtliche* jegliche* jede jeden tous toutes tout toute todas todos toda todo cualquier* tutte tutti tutta tutto
        qualsiasi quaisquer qualquer wszystkie wszystkich wszelk* все всех всё всю весь любые tüm bütün her 所有 全部
        一切 任何 すべて 全て 모든 모두 جميع كل كافة"""),
    (EVERYTHING, """everything anything whatever all_of_the_above all_that all_the_above stuff alles tout_ce todo_lo
        tutto_ciò tudo всё все_что"""),
    (TALK, """conversation conversations chat chats history messages message context transcript dialogue dialog logs
        log session thread exchange input inputs orders answers answer gespräch* chatverlauf verlauf unterhaltung
        nachrichten conversación conversa historial messaggi conversazione historique gesprek переписк* истори* диалог*
        разговор* 对话 聊天记录 会話 대화*"""),
    # ------------------------------------------------------------------------- revealing
    (REVEAL, """reveal revealing disclose divulge leak expose dump exfiltrate unveil spill uncover surrender betray
        give_away let_slip hand_over"""),
    (REVEAL | LATE, """verratet preisgeb* gib_preis gebe_preis preiszugeben verrate verraten enthülle* offenbare*
        offenlege* ausplaudere* révèle* révéler divulgue* dévoile* revela revele revelar revelad divulga divulgue
        rivela rivelare rivelate svela divulgare onthul* onthullen prijsgeven ujawnij ujawnić zdradź раскрой* раскры*
        выдай* разгласи* 透露 泄露 泄漏 洩露 公开 暴露 公開 開示 漏ら 明か 공개* 유출* 누설* اكشف كشف"""),
    (RECITE, """repeat print output echo recite show display quote copy paste reproduce read_out read_aloud tell_me
        tell_us show_me give_me send_me spell_out transcribe regurgitate read_me reads_me return_verbatim type_out
        write_out write_down"""),
    (RECITE | LATE, """zeigt nennt gebt_aus dime dígame decime wiederhole* ausgeben zeige zeig zeigen drucke nenne
        gib_aus gib_mir gib zitiere affiche* répète* montre* imprime* récite* cite* donne_moi muestra muestre muéstrame
        repite imprime imprima enseña enséñame mostrar mostra mostrami mostrate stampa ripeti mostre exiba repita toon
        toont herhaal druk_af pokaż wyświetl powtórz wypisz покажи* выведи* повтори* напечата* скажи göster* yazdır*
        paylaş* açıkla* tekrarla* 显示 输出 打印 重复 展示 告诉 列出 表示 出力 教え 見せ 繰り返 보여* 출력* 알려* 표시*
        اعرض أظهر اطبع كرر"""),
    (GIVE, """write tell give provide return list share state describe explain say summarize summarise translate
        paraphrase rephrase include including encode convert render present report reply respond answer email post
        publish rewrite append put insert attach embed spell decode hand send schreibe schreib übersetze* sag sage nenn
        teile écris écrivez traduis dis dites donne donnez escribe di diga traduce scrivi traduci escreva traduza
        schrijf geef vertaal напиши* перевед* расскажи* 写出 翻译 说出 書い 翻訳"""),
    (HIDDEN, """hidden secret confidential internal private concealed invisible undisclosed underlying geheim*
        versteckt* cachée* secrètes secretas ocultas segrete nascoste verborgen скрыт* секретн* 隐藏 秘密 機密
        숨겨진"""),
    (FULL, """verbatim exact exactly word_for_word entire entirety complete completely full fully whole literal
        literally in_full letter_for_letter character_by_character unmodified unaltered raw starting_with
        beginning_with starts_with wörtlich* wortwörtlich vollständig* komplett* mot_à_mot intégral* intégralité exact*
        textuellement palabra_por_palabra completo completa textual* parola_per_parola integralmente
        palavra_por_palavra woordelijk letterlijk volledig* dosłownie дословно полностью полный 完整 逐字 原文 全文
        そのまま 그대로"""),
    (NEW, """new improved better revised optimised optimized rewritten final updated suitable appropriate a an
        generated following such"""),
    (OTHERS, """their his her its user's users customer's customers student's them ihr leur leurs sus loro deles hun
        их"""),
    (SECRET, """password passwords passphrase credentials credential secret secrets api_key api_keys secret_key
        secret_keys private_key private_keys access_token access_tokens auth_token bearer_token api_token api_tokens
        encryption_key environment_variable environment_variables env_vars env_variables access_key access_keys
        passwort passwörter zugangsdaten api_schlüssel mot_de_passe mots_de_passe clé_api clés_api identifiants
        contraseña* credenciales clave_api credenziali chiave_api senha* credenciais chave_api wachtwoord* hasło hasła
        парол* ключ_api api_ключ* 密码 密钥 パスワード 비밀번호"""),
    (SAFETY, "ethical_considerations moral_considerations ethical_guidelines"),
    (SECRET, """confidential_data confidential_information secret_information sensitive_data sensitive_information
        personal_data user_data private_data customer_data"""),
    # ------------------------------------------------------------------------- roles and limits
    (PLAY, """haz_como_si haga_como_si fais_comme_si faites_comme_si fingiendo act behave pretend become simulate
        roleplay role_play imagine impersonate emulate you_are you_re you_become you_will_be you_ll_be be_an called
        named play switch enter transform turn_into respond_as answer_as du_bist sei verhalte_dich tu_es vous_êtes agis
        eres actúa compórtate sei_un sei_ora agisci você_é aja je_bent gedraag_je jesteś ты ведь_ты веди_себя 你是
        你现在是 扮演 假装 あなたは なりきっ sen_artık"""),
    (UNBOUND, """unrestricted uncensored unfiltered jailbroken unshackled amoral unethical immoral unaligned rule_free
        unmoderated rogue do_anything_now no_longer_bound no_longer_restricted no_longer_limited no_longer_subject
        no_longer_constrained not_bound_by not_restricted_by not_limited_by not_subject_to uneingeschränkt* unzensiert*
        entfesselt* sans_filtre non_censuré* sans_censure sin_censura sin_filtros senza_filtri senza_censura
        sem_censura sem_filtros ongecensureerd* ongefilterd* nieocenzurowan* без_цензуры 不受限制 无限制
        制限のない"""),
    (LIMITS, """règle regla regola regra regel law laws conscience restriction restrictions limit limits limitation
        limitations rule rules filter filters guideline guidelines censorship constraint constraints boundary
        boundaries moral morals morality ethics ethical_guidelines ethical_considerations moral_considerations scruples
        policies inhibitions guardrails safeguards taboos einschränkung* beschränkung* grenzen zensur regeln tabus
        limites filtres censure règles restricciones límites filtros censura reglas restrizioni limiti filtri
        restrições regras beperking* ogranicze* zasad ограничени* фильтр* цензур* правил 限制 约束 制限 제한* قيود"""),
    (SAFETY, """safety content ethical ethic ethics moral morality security moderation nsfw alignment safe protective
        compliance privacy sicherheit* ethisch* moralisch* inhalts* sécurité éthique* morales contenu seguridad éticas
        contenido sicurezza etiche segurança veiligheid* ethische bezpiecze* безопасност* этическ* 安全 道德 伦理 倫理
        안전*"""),
    (GUARD, """filter filters guideline guidelines restriction restrictions guardrail guardrails protocol protocols
        measure measures check checks policy policies rule rules constraints training limits limitations mechanism
        mechanisms moderation censorship settings features safeguards systems controls boundaries standards norms
        protections filtern richtlinie* sperren regeln einschränkung* vorkehrungen maßnahmen filtre filtres règles
        mesures garde_fous filtro filtros restricciones medidas normas reglas filtri restrizioni misure regole
        restrições regras beperkingen richtlijnen фильтр* ограничени* правил* 过滤 限制 审查 机制 フィルター 制限 필터*
        제한*"""),
    (SAFETY | GUARD, """usage_policy usage_policies guardrails safeguards censorship safeties sicherheitsfilter*
        sicherheitsrichtlinie* sicherheitsregel* sicherheitsvorkehrung* inhaltsfilter*"""),
    (DISABLE, """disable deactivate bypass circumvent override remove disregard ignore evade lift unlock suspend
        switch_off turn_off shut_off shut_down turn switch break violate drop forget jailbreak sidestep get_around
        work_around relax deaktiviere* deaktivier* umgehe* umgeh* abschalte* schalte ausschalte* désactive* contourne*
        désactiver desactiva* desactivar elude omite disattiva* aggira* ignora desative desativa* contorne schakel
        omzeil* uitschakel* wyłącz* omiń* отключи* обойди* сними* 禁用 关闭 绕过 解除 無効 비활성* 우회*"""),
    (DISABLED, """disabled deactivated off bypassed circumvented removed lifted suspended unlocked overridden gone
        inactive switched_off turned_off deaktiviert* abgeschaltet ausgeschaltet aufgehoben désactivé* desactivad*
        disattivat* desativad* uitgeschakeld отключен* снят* 已关闭 已禁用"""),
    (MACHINE, """ai assistant model chatbot bot llm gpt chatgpt claude gemini agent robot persona version ki assistent
        modell assistente asistente modelo modelle modèle ии бот* ассистент* 助手 模型 ai模型 人工智能"""),
    (MODE, "mode modus modo modalità tryb режим* 模式 モード 모드*"),
    (HARM, """illegal harmful unethical dangerous immoral offensive explicit criminal unlawful legality legal ethics
        consequences illegale* schädlich* illégal* dangereu* ilegal* dañin* illegali незаконн* 违法 有害"""),
    (REQUEST, """request requests question questions demand demands query queries command commands prompt prompts topic
        anfrage* frage fragen demande* question* solicitud* pregunta* petición* richiest* domand* запрос* вопрос*"""),
    # ------------------------------------------------------------------------- where to, and from what
    (ADD, "append encode embed copy pass put include get fetch call request make attach render"),
    (SEND, """send post forward upload transmit submit exfiltrate leak mail email e_mail deliver relay push report
        sende schicke übermittle* envoie* envía* envoye* invia* envie stuur verstuur отправ* пересыл* 发送 送信
        보내*"""),
    (PLACE, "webhook webhooks url server endpoint pastebin ngrok requestbin burp"),
    (CODE, """base64 base_64 rot13 rot_13 hex hexadecimal encoded ciphertext cipher encrypted morse binary base32
        obfuscated reversed codiert* kodiert* encodé* codificad* кодирован*"""),
    (DECODE, """decode decrypt decipher unscramble deobfuscate unpack dekodiere* entschlüssle* décode* decodifica*
        descodifica* расшифр* декодир* 解码 解密 デコード"""),
    (RUN, """follow execute obey run perform do carry_out act comply interpret treat befolge* führe exécute* suis
        ejecuta* sigue esegui* segui siga voer выполни* следуй 执行 遵循 実行"""),
    (DATA, """text texts document documents email emails mail message messages user user's customer customers input
        inputs page pages website websites content contents article articles file files transcript review reviews
        ticket tickets result results output source sources quote quotes passage passages data section tag tags block
        payload comment comments attachment attachments web retrieved context snippet snippets below tool tools field
        fields body note notes words word lines line sentences sentence submission submissions question request
        requests image images pdf html chunk chunks markup letter letters conversation dialogue essay code untrusted
        third_party external scraped delimiters fence ￼ dokument* text* nachricht* e_mail nutzer* benutzer* kunde*
        daten eingabe* document* texte* utilisateur* message* documento* texto* usuario* correo* testo documenti utente
        utenti documento usuário* gebruiker* tekst* użytkownik* документ* текст* сообщени* пользовател* письм* 用户
        文档 文本 邮件 ユーザー 文書 문서* 사용자*"""),
    # ------------------------------------------------------------------------- how it is said
    (NOT, """not ne never no nor neither don_t doesn_t didn_t won_t can_t cannot mustn_t shouldn_t wouldn_t couldn_t
        isn_t aren_t dont wont cant doesnt without avoid avoids avoiding refrain refuse refuses refused refusing
        decline declines declining prohibited forbidden disallowed forbid forbids prohibit unable prevent prevents
        preventing resist resists reject rejects deny denies against instead_of rather_than nobody none nothing
        under_no_circumstances off_limits unwilling impossible cease_to nicht nie niemals kein keine keinen keinem
        keiner ohne verboten weigere vermeide pas jamais aucun aucune sans refusez évite* interdit nunca jamás sin
        evita evite prohibido ningún ninguna não sem proibido nenhum* mai non senza vietato nessun* niet nooit geen
        zonder nigdy żadn* bez не никогда нельзя ни без запрещ* отказыв* asla değil gösterme* paylaşma* açıklama*
        unutma* yok_sayma* 不 不要 不得 请勿 勿 切勿 绝不 禁止 不能 不可 别 不会 不应 拒绝 しないで ないで ません
        決して 絶対に しない ではなく 마세요 마십시오 마라 말고 말아 말 않* 절대 لا لن عدم ممنوع"""),
    (HOLLOW, """hesitate hesitation fail forget refuse refuses neglect omit mind worry only just merely matter shy
        afraid longer problem decline stop doubt reason circumstances need delay question exception further regard
        zögere vergiss versäume hésite* hésitez dudes olvides esitare hesite"""),
    (TURN, """but instead then however now please because simply immediately also rather first sondern stattdessen mais
        sino pero ma mas maar ale но а сейчас 而是 但"""),
    (OR, "or nor and oder ou o y e lub или и 或 或者 和"),
    (IF, """if when whenever while should unless in_case even_if although though wenn falls sobald sollte si lorsque
        quand cuando se quando als wanneer indien jeśli jeżeli gdy если когда eğer 如果 若 当 即使 もし 場合 만약 경우
        إذا"""),
    (ASK, """ask say tell request demand instruct attempt try want urge claim insist command write type enter order beg
        trick persuade convince coax manipulate force pressure make get lure tempt argue bitten auffordern verlangen
        fragen versuchen demander essayer pedir intentar pregunta chiedere provare tentar vragen proberen просить 让
        要求 请求 试图"""),
    (ASKS, """asks asking asked says saying said tells telling requests requested requesting demands demanding demanded
        instructs instructing instructed attempts attempting attempted tries trying tried wants wanting wanted urges
        claims claiming claimed insists commands contains containing writes typed types tricks tricking persuades
        convinces pressures orders begs making designed aimed intended efforts attempt requests_to attempts_to would
        aims seeks seeking directing directs phrases phrase tactics pleads argues dares invites inviting bittet
        auffordert verlangt fragt versucht möchte aufforderung* bitten_zu versuche demande demandent essaie tente veut
        exige pide piden intenta quiere solicita pida insiste chiede chiedono prova vuole pede pedem tenta quer vraagt
        probeert wil prosi próbuje каже просит просят попросит попыта* пытается пытаются просьб* требу* хочет isterse
        ister 要求 请求 试图 求め 頼ま 言わ 요청* يطلب طلب"""),
    (PERSON, """user users customer customers client clients someone somebody anyone anybody people person they he she
        who that which attacker attackers caller callers student students message messages text texts input inputs
        document documents email emails guest guests visitor visitors candidate player players child children page it
        hackers everyone patient patients reader human humans request prompt request's prompts tool one visitor's
        nutzer nutzerin benutzer kunde kunden jemand utilisateur quelqu usuario usuarios cliente alguien utente
        qualcuno usuário alguém gebruiker iemand klant użytkownik ktoś пользователь пользователи клиент кто 用户 有人
        客户 ユーザー 誰か 사용자* kullanıcı المستخدم"""),
    (MAY, """may might can could will would shall should must possible kann können könnte peut pourrait puede podría
        può potrebbe pode kan kunnen może может могут 可能 会"""),
    (REFUSE, """refuse refuses refusing decline declines politely reject rejects deny stay remain continue explain
        redirect label labelled labeled classify classified flag flagged report escalate treat detect detects block
        warn stop confidential private suspicious attack attacks injection ignore ignores disregard whether unable
        sorry apologise apologize instead return_to steer malicious evaluate assess judge check checks determine
        recognise recognize identify spot disallowed forbidden off_topic ablehne* lehne weigere* freundlich höflich
        ignoriere* refusez décline* poliment rechaza* declina amablemente rifiuta* gentilmente recuse recusa
        educadamente weiger* beleefd odmów* grzecznie откаж* отклон* вежливо reddet* kibarca 拒绝 婉拒 礼貌 断 丁寧
        거절* ارفض"""),
    (COMPLY, """comply comply_with agree_to respond_to reply_to obey agree accept do_so do_it go_ahead must_obey
        happily immediately gladly do_as yes_do mach_das fais_le hazlo fallo faça_isso сделай"""),
    (ATTACK, """abuse abusive spam attack attacks attacker attackers injection injections malicious adversarial
        untrusted red_team red_teaming jailbreaks jailbreak_attempt jailbreak_attempts jailbreaking exploit exploits
        phishing angriff* angreifer* attaque* ataque* attacco attacchi aanval* atak* атак* инъекц* 攻击 注入 攻撃 공격*
        هجوم"""),
    (EXAMPLE, """example examples e_g for_instance such_as like including phrases phrase beispiel* exemple* ejemplo*
        esempio esempi exemplo* voorbeeld* przykład* пример* 例如 例 예"""),
    (AT, """in inside within from of by contained found embedded present for about with regarding on under into when if
        unless between than as that which who where until im in_dem aus von vom dans de du des en del dei nel nella
        della do da no na dos van uit z ze w из в во от о 中 里 中的 里的"""),
    (LINK, """the a an of to me us my our and or that those these this please just now also here out very such
        completely totally entirely fully utterly kindly for_me any simply immediately other others der die das den dem
        des und oder bitte mir uns zu le la les l un une et ou moi nous stp svp que que_te el los las y o lo una e il
        gli i as os de het een en naar van se po и а ну 的 请 都 を の は が に も 、 こと ください ce ces cette estas
        estos queste estes deze te тех эти 这些 这个 把 将 向 给 我"""),
    (YOU, """you you_are you_re you_will_be you_were you_have_been you_ve_been you_ll you_ve du ihr sie tu vous tú
        usted ustedes você je jij ty ты вы 你 您 あなた 당신 sen أنت"""),
    (ME, "i we i_m we_re ich wir je nous yo nosotros io noi eu nós ik wij ja my я мы 我 私"),
    (HOW, """how where whether why ways steps how_to wie ob comment où si cómo como onde hoe jak как 如何 怎么
        どのように"""),
    (WHAT, """what which tell was quel quelle quelles quels qué cuál cuáles quali quale qual quais wat welke jakie
        какие какой какая 什么 何"""),
    (BE, """is are was were am be been being s re has have had sind ist war waren sont est étaient son es eran sono è
        são é zijn 是"""),
    (LESS, """without no free_of free_from devoid lacking zero none ohne keine keinen keinerlei sans aucune aucun sin
        ningun* senza nessun* sem nenhum* zonder geen bez без никаких 没有 无 のない 없는 بدون"""),
    (EVEN, """even even_if even_when regardless irrespective no_matter whether however auch_wenn égal même aunque anche
        mesmo 无论 不管"""),
    # ------------------------------------------------------------------------- near others, and meaning nothing here
    (0, """police developed developing promote promotes filler fitter falter massage massages commend precious reveals
        revel forged forge prompted prompting system_of systemic stated instructor instructors filtered internally
        exposed quota preview previews"""),
)  # fmt: skip


def words_of(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


class Row(NamedTuple):
    """What stands behind a first word, and what the whole means; its last word may be only a beginning."""

    rest: tuple[str, ...]
    means: int


def _entries(table: Iterable[tuple[int, str]]) -> tuple[dict[str, int], dict[str, int], dict[str, list[Row]]]:
    """Whole words, beginnings, and words in a row, folded as the texts are that they are looked for in."""
    words: dict[str, int] = {}
    stems: dict[str, int] = {}
    rows: dict[tuple[str, ...], int] = {}
    for means, text in table:
        for entry in plain(text).lower().split():
            row = tuple(entry.split("_"))
            if len(row) > 1:
                rows[row] = rows.get(row, 0) | means
            elif entry.endswith("*"):
                stems[entry[:-1]] = stems.get(entry[:-1], 0) | means
            else:
                words[entry] = words.get(entry, 0) | means
    for entries in (stems, words):
        for word in [word for word, means in entries.items() if means]:
            for length in range(2, len(word)):
                entries[word] |= stems.get(word[:length], 0)
    by_first: dict[str, list[Row]] = {}
    for row in sorted(rows, key=len, reverse=True):
        by_first.setdefault(row[0], []).append(Row(row[1:], rows[row]))
        words.update({word: 0 for word in row if word not in words and not word.endswith("*")})
    return words, stems, by_first


WORDS, STEMS, ROWS = _entries(_TABLE)
#: What rules begin with: words that are worth finding although they are badly written.
CORE: Final = (
    IGNORE
    | REVEAL
    | RULES
    | PROMPT
    | PREVIOUS
    | SYSTEM
    | SECRET
    | UNBOUND
    | DISABLE
    | SAFETY
    | GUARD
    | HIDDEN
    | RECITE
    | FOLLOW
)
