//! How attributions are written in each language: a table, no rules.
//!
//! A new language is a new row here and nothing else. All entries are in lower case, with a plain
//! apostrophe.

/// What an attribution of one language is made of; `|` stands between the words.
pub(super) struct Language {
    /// How it may begin.
    pub on: &'static str,
    /// The verb that says who wrote.
    pub wrote: &'static str,
    /// Days as it may begin with, short and long.
    pub days: &'static str,
    /// Beginnings of the months' names, where no other row has them.
    pub months: &'static str,
}

/// Words by which a verbless attribution names its author ("de la part de").
pub(super) const AUTHOR_WORDS: &[&str] =
    &["מאת", "missatge de ", "de la part de ", "بواسطة", "odesílatel ", "lietotājs ", "ने लिखा"];

/// Words within names that have no capital.
pub(super) const PARTICLES: &[&str] = &[
    "you",
    "użytkownik",
    "odesílatel",
    "odosielateľ",
    "heeft",
    "osoba",
    "ezt",
    "a",
    "ha",
    "hat",
    "har",
    "je",
    "oseba",
    "használó",
    "lietotājs",
    "from",
    "fra",
    "från",
    "od",
    "от",
    "von",
    "van",
    "der",
    "den",
    "de",
    "del",
    "della",
    "di",
    "da",
    "do",
    "dos",
    "du",
    "la",
    "le",
    "el",
    "al",
    "bin",
    "ibn",
    "zu",
    "zur",
    "ten",
    "ter",
    "af",
    "av",
    "via",
    "|",
    "/",
    "-",
    "och",
    "and",
    "ο",
    "χρήστης",
    "kasutaja",
];

/// What stands between the date, the time, the verb and the name, in all languages.
pub(super) const JOINTS: &str = "at|by|from|on|the|you|via|in|um|uhr|dem|der|den|von|vom|am|hat|an|sie|à|de|du|par|la|le|vous|ore|alle|\
    alla|il|del|dal|a|las|les|el|m|p|em|às|ás|no|dia|da|do|por|om|heeft|het|volgende|door|op|je|o|godz|godzinie|w|dniu|przez|napisana|\
    wiadomość|dnia|użytkownik|v|dne|hod|odesílatel|ve|u|dana|ob|oseba|в|г|во|от|на|ч|час|о|р|від|користувач|пользователь|вы|ви|у|\
    kl|klo|klokka|klockan|kello|kell|klukkan|den|følgende|har|følgjande|kor|keltezéssel|dátummal|időpont|időpontban|napon|ezt|în|\
    data|pe|ora|tarihinde|saat|saatinde|tarixdə|στις|ο|η|χρήστης|και|ώρα|ημέρα|την|π|μ|lúc|vào|ngày|năm|pukul|tanggal|pada|hari|\
    kasutaja|kuupäeval|päeval|lietotājs|en|na|egunean|dia|ja|utc|gmt|cet|cest|och|and|und|et|y|e|i|и|та|es|di|ühel|kenal";

/// One row a language.
pub(super) const LANGUAGES: &[Language] = &[
    // English
    Language {
        on: "on |at |the |quoting |in article |in message |also sprach |thus spake ",
        wrote: "wrote|writes|said|sent|has written|scribbled|wrote the following|you wrote|quoting|\
            also sprach|thus spake",
        days: "mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun|monday|tuesday|wednesday|thursday|\
            friday|saturday|sunday",
        months: "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec",
    },
    // German
    Language {
        on: "am |zitat von |zitiere |von: ",
        wrote: "schrieb|schreibt|geschrieben|hat geschrieben|schrieb folgendes|schrieben sie|folgendes geschrieben|zitat von|\
            zitiere",
        days: "mo|di|mi|do|fr|sa|so|montag|dienstag|mittwoch|donnerstag|freitag|samstag|\
            sonnabend|sonntag",
        months: "mär|mai|okt|dez|jän",
    },
    // French
    Language {
        on: "le |en date de |citant |selon ",
        wrote: "a écrit|a ecrit|écrivait|écrit|avez écrit|as écrit|citant",
        days: "lun|mar|mer|jeu|ven|sam|dim|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
        months: "janv|févr|avr|juin|juil|août|déc",
    },
    // Spanish, Catalan, Galician, Basque
    Language {
        on: "el |con fecha |citando a |missatge de |o |hace ",
        wrote: "escribió|escribio|escribía|ha escrit|va escriure|va escriure el següent|escribiu|idatzi du|idatzita|\
            escribiste|citando a|missatge de",
        days: "mié|mie|jue|vie|sáb|sab|dom|lunes|martes|miércoles|jueves|viernes|sábado|\
            domingo|dl|dt|dc|dj|dv|ds|dg",
        months: "ene|abr|ago|dic|gen|des|xan|urt",
    },
    // Portuguese
    Language {
        on: "em |no dia |a |citando ",
        wrote: "escreveu|escreve|escreveu o seguinte|citando",
        days: "seg|ter|qua|qui|sex|segunda|terça|quarta|quinta|sexta",
        months: "fev|out|set",
    },
    // Italian
    Language {
        on: "il |in data |il giorno |alle ",
        wrote: "ha scritto|scrisse|scrive|ha inviato|hai scritto|avete scritto",
        days: "gio|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica",
        months: "mag|giu|lug|ott",
    },
    // Dutch
    Language {
        on: "op |citeren ",
        wrote: "schreef|het volgende geschreven|heeft geschreven|schreef het volgende|schreven|citeren",
        days: "ma|wo|vr|za|zo|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag",
        months: "mrt|mei|maa",
    },
    // Swedish, Danish, Norwegian, Icelandic
    Language {
        on: "den |d. |den: |på |þann |citerar |kl. ",
        wrote: "skrev|har skrivit|har skrevet|skriver|skrifaði|følgende|skreiv|skrev følgende|citerar",
        days: "mån|tis|ons|tor|tors|fre|lör|sön|måndag|tisdag|onsdag|torsdag|fredag|lördag|\
            søndag|man|tir|lør|søn|mandag|tirsdag|lørdag|mið|fim|fös|lau|sun|þri",
        months: "maj|des",
    },
    // Finnish, Estonian
    Language {
        on: "kuupäev |päivämäärä |lainaus ",
        wrote: "kirjoitti|kirjutas|kirjoitit|lainaus",
        days: "ma|ti|ke|to|pe|la|su|maanantai|tiistai|keskiviikko|torstai|perjantai|lauantai|sunnuntai|maanantaina|tiistaina|keskiviikkona|torstaina|perjantaina|\
            lauantaina|sunnuntaina",
        months: "tammi|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu|jaan|veebr|\
            märts",
    },
    // Polish
    Language {
        on: "w dniu |dnia |cytowanie ",
        wrote: "napisał|napisała|napisał(a)|napisał/a|pisze|napisana przez|napisano|pisał|pisała|pisał(a)|cytowanie",
        days: "pon|wt|śr|czw|pt|sob|niedz|poniedziałek|wtorek|środa|czwartek|piątek|sobota|\
            niedziela",
        months: "sty|lut|kwi|cze|lip|sie|wrz|paź|lis|gru",
    },
    // Czech, Slovak
    Language {
        on: "dne |dňa |v |cituji ",
        wrote: "napsal|napsala|napsal(a)|napsal/a|napísal|napísala|napísal(a)|napísal/a|píše|napsáno|cituji",
        days: "po|út|st|čt|pá|ut|št|pi|ne|pondělí|úterý|středa|čtvrtek|pátek|neděle",
        months: "led|úno|bře|dub|kvě|čer|srp|zář|říj|lis|pro",
    },
    // Slovene, Croatian, Serbian, Bosnian
    Language {
        on: "v |dana |дана |dne ",
        wrote: "napisao je|napisala je|je napisao|je napisala|je napisal|je napisala/o|\
            napisao/la|је написао|је написала|је написао/ла|piše|је написао(ла)|je napisao(la)|je napisal(a)|\
            napisal|napisala|napisao|пише|sporoča",
        days: "sri|čet|pet|sub|ned|uto|pon|sre|tor|сре|чет|пет|суб|нед|пон|уто",
        months: "sij|velj|ožu|tra|svi|lip|srp|kol|ruj|stu|pro",
    },
    // Russian, Ukrainian, Belarusian, Bulgarian
    Language {
        on: "на |в |от ",
        wrote: "написал|написала|написал(а)|писал|писал(а)|писала|вы писали|пишет|пише|написав|написано|написала|написа|написа(ла)|написав(ла)|\
            следното|напісаў",
        days: "пн|вт|ср|чт|пт|сб|вс|нд|понедельник|вторник|среда|четверг|пятница|суббота|\
            воскресенье|понеділок|вівторок|середа|четвер|п'ятниця|субота|неділя",
        months: "янв|фев|мар|апр|май|мая|июн|июл|авг|сен|окт|ноя|дек|січ|лют|бер|кві|тра|чер|лип|\
            сер|вер|жов|лис|гру",
    },
    // Hungarian
    Language {
        on: "időpont: ",
        wrote: "írta|ezt írta|írja|a következőt írta|idézése",
        days: "hétfő|kedd|szerda|csütörtök|péntek|szombat|vasárnap|h|k|sze|cs|p|szo|v",
        months: "febr|márc|ápr|máj|jún|júl|szept|okt",
    },
    // Romanian
    Language {
        on: "pe |în |la ",
        wrote: "a scris|scrie",
        days: "lun|mie|joi|vin|sâm|dum|luni|marți|miercuri|vineri",
        months: "ian|iun|iul|noi",
    },
    // Lithuanian, Latvian
    Language {
        on: "data: ",
        wrote: "rašė|rakstīja|parašė",
        days: "pr|an|tr|kt|pn|št|sk|pirmd|otrd|trešd|ceturtd|piektd|sestd|svētd",
        months: "saus|vas|kov|bal|geg|birž|liep|rugp|rugs|spal|lapkr|gruod|maijs",
    },
    // Turkish
    Language {
        on: "tarihinde ",
        wrote: "yazdı|şunu yazdı|şunları yazdı|yazmış|yazıb",
        days: "pzt|sal|çar|per|cum|cmt|paz|pazartesi|salı|çarşamba|perşembe|cuma|cumartesi|\
            pazar",
        months: "oca|şub|nis|may|haz|tem|ağu|eyl|eki|kas|ara",
    },
    // Greek
    Language {
        on: "στις |την ",
        wrote: "έγραψε|γράφει",
        days: "δευ|τρί|τετ|πέμ|παρ|σάβ|κυρ",
        months: "ιαν|φεβ|μαρ|απρ|μαΐ|ιουν|ιουλ|αυγ|σεπ|οκτ|νοε|δεκ",
    },
    // Japanese
    Language {
        on: "於 ",
        wrote: "のメール|のメッセージ|書きました|は書きました|wrote|さんは次のように書きました|様が書いたメール|さんが書きました|さんからの引用",
        days: "",
        months: "月",
    },
    // Chinese
    Language {
        on: "在 |在|于 |於 ",
        wrote: "写道|寫道|写到|寫到|写了|寫了|写于|寫於|寫下|提到|编写|撰寫|已寫入",
        days: "周一|周二|周三|周四|周五|周六|周日",
        months: "年",
    },
    // Korean
    Language {
        on: "",
        wrote: "작성|님이 작성|님이 작성함|님의 말|님이 쓴 글|썼습니다|쓴 글|쓴 내용|에 쓴 글",
        days: "",
        months: "월|년",
    },
    // Arabic, Hebrew, Persian
    Language {
        on: "في |على |בתאריך |ב-|ביום |در ",
        wrote: "كتب|كتبت|كتب/كتبت|تمت كتابة ما يلي بواسطة|כתב|כתבה|כתב/ה|נכתב על ידי|نوشت|نوشته|نوشته است|كتب ما يلي",
        days: "الأحد|الاثنين|الثلاثاء|الأربعاء|الخميس|الجمعة|السبت|יום",
        months: "يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر|בינו|\
            בפבר|במרץ|באפר|במאי|ביוני|ביולי|באוג|בספט|באוק|בנוב|בדצמ",
    },
    // Vietnamese, Indonesian, Malay, Thai, Hindi
    Language {
        on: "vào |pada |เมื่อ |ในวันที่ |pada tanggal ",
        wrote: "viết|đã viết|menulis|เขียน|เขียนว่า|เขียนเมื่อ|ने लिखा|telah menulis",
        days: "rab|kam|jum|sen|sel|min|सोम|मंगल|बुध|गुरु|शुक्र|शनि|रवि",
        months: "thg|tháng|mei|agu|okt|des|ม.ค|ก.พ|มี.ค|เม.ย|พ.ค|มิ.ย|ก.ค|ส.ค|ก.ย|ต.ค|พ.ย|ธ.ค|जन|\
            फ़र|मार्च|अप्रैल|मई|जून|जुल|अग|सित|अक्टू|नव|दिस",
    },
];
