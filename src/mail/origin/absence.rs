//! The words of vacation notices and other automatic answers, in the languages of common clients.
//!
//! A language is rows of the two tables. Words are the weakest sign: a subject must be one as a
//! whole, and a text must say both that somebody is away and what that means for the reader.

use std::sync::LazyLock;

use super::super::phrases::Phrases;

/// How subjects of automatic answers begin, in lower case.
const SUBJECTS: &[&str] = &[
    // English
    "automatic reply",
    "automatic response",
    "auto-reply",
    "autoreply",
    "auto reply",
    "auto response",
    "auto-response",
    "autoresponse",
    "out of office",
    "out of the office",
    "out-of-office",
    "ooo",
    "i am out of the office",
    "i'm out of the office",
    "on vacation",
    "on leave",
    "vacation reply",
    "away from the office",
    // German
    "automatische antwort",
    "abwesenheitsnotiz",
    "abwesenheitsnachricht",
    "abwesenheitsassistent",
    "abwesenheit",
    "abwesend",
    "nicht im büro",
    // French
    "réponse automatique",
    "absence du bureau",
    "absent du bureau",
    "message d'absence",
    "absence",
    // Spanish
    "respuesta automática",
    "fuera de la oficina",
    "fuera de oficina",
    "ausente de la oficina",
    // Italian
    "risposta automatica",
    "fuori sede",
    "fuori ufficio",
    "assenza dall'ufficio",
    "assente dall'ufficio",
    // Portuguese
    "resposta automática",
    "ausência temporária",
    "fora do escritório",
    "ausente do escritório",
    // Dutch
    "automatisch antwoord",
    "afwezigheidsbericht",
    "afwezigheidsassistent",
    "niet aanwezig",
    "afwezig",
    "niet op kantoor",
    // Swedish, Danish, Norwegian, Finnish
    "automatiskt svar",
    "frånvaromeddelande",
    "frånvarande",
    "autosvar",
    "automatisk svar",
    "fraværende",
    "ikke til stede",
    "automaattinen vastaus",
    "poissaoloviesti",
    "poissa",
    // Polish, Czech, Hungarian, Turkish
    "autoodpowiedź",
    "odpowiedź automatyczna",
    "automatyczna odpowiedź",
    "poza biurem",
    "nieobecność w biurze",
    "automatická odpověď",
    "mimo kancelář",
    "nepřítomnost",
    "automatikus válasz",
    "házon kívül",
    "otomatik yanıt",
    "ofis dışında",
    // Russian, Ukrainian
    "автоматический ответ",
    "автоответ",
    "нет на месте",
    "вне офиса",
    "автоматична відповідь",
    // Japanese, Chinese, Korean
    "自動応答",
    "自動返信",
    "不在通知",
    "不在のお知らせ",
    "自动回复",
    "自動回覆",
    "외출 중",
    "부재중",
    "자동 회신",
];

/// What may follow such a subject without a mark between: of "Out of office replies loop" it is not.
const FOLLOWERS: &[&str] =
    &["re:", "aw:", "sv:", "wg:", "from ", "to ", "until ", "till ", "bis ", "vom ", "ab "];

/// That somebody is away, and what that means for the reader: a text of a vacation notice says both.
struct Language {
    away: &'static [&'static str],
    so: &'static [&'static str],
}

const LANGUAGES: &[Language] = &[
    Language {
        away: &[
            "i am out of the office",
            "i'm out of the office",
            "i am currently out of",
            "i am on vacation",
            "i'm on vacation",
            "i am on annual leave",
            "i will be out of the office",
            "i am away from the office",
        ],
        so: &[
            "limited access",
            "no access to",
            "if urgent",
            "in urgent cases",
            "urgent matters",
            "when i return",
            "upon my return",
            "on my return",
            "thank you for your message",
            "thank you for your email",
            "will not be forwarded",
        ],
    },
    Language {
        away: &[
            "nicht im büro",
            "nicht im hause",
            "nicht im haus",
            "außer haus",
            "bin im urlaub",
            "im urlaub und",
            "bin abwesend",
            "nicht erreichbar",
            "ich bin ab dem",
        ],
        so: &[
            "dringenden fällen",
            "in dringenden",
            "wenden sie sich",
            "nicht weitergeleitet",
            "nach meiner rückkehr",
            "vielen dank für ihre nachricht",
            "vielen dank für ihre e-mail",
            "meine vertretung",
        ],
    },
    Language {
        away: &[
            "je suis absent",
            "je suis en congé",
            "absente du bureau",
            "absent du bureau",
            "en congés",
        ],
        so: &[
            "en cas d'urgence",
            "à mon retour",
            "merci de contacter",
            "veuillez contacter",
            "accès limité",
        ],
    },
    Language {
        away: &["fuera de la oficina", "estoy de vacaciones", "estaré ausente", "me encuentro ausente"],
        so: &[
            "en caso de urgencia",
            "a mi regreso",
            "a mi vuelta",
            "para asuntos urgentes",
            "contacte con",
        ],
    },
    Language {
        away: &["fuori ufficio", "sono in ferie", "sono assente", "sarò assente", "fuori sede"],
        so: &["in caso di urgenza", "per urgenze", "al mio rientro", "al mio ritorno", "contattare"],
    },
    Language {
        away: &["fora do escritório", "estou de férias", "estarei ausente", "estou ausente"],
        so: &[
            "em caso de urgência",
            "assuntos urgentes",
            "no meu regresso",
            "quando retornar",
            "contactar",
            "contatar",
        ],
    },
    Language {
        away: &["niet op kantoor", "ben ik afwezig", "ben afwezig", "met vakantie", "op vakantie"],
        so: &[
            "dringende gevallen",
            "voor dringende",
            "bij mijn terugkomst",
            "na terugkomst",
            "contact opnemen met",
            "bij spoed",
        ],
    },
    Language {
        away: &[
            "inte på kontoret",
            "har semester",
            "är på semester",
            "är frånvarande",
            "ikke på kontoret",
            "har ferie",
        ],
        so: &[
            "brådskande",
            "vid akuta",
            "när jag är tillbaka",
            "när jag kommer tillbaka",
            "hastesaker",
            "haster",
            "når jeg er tilbage",
        ],
    },
    Language {
        away: &["poza biurem", "jestem na urlopie", "jestem nieobecn", "przebywam na urlopie"],
        so: &["w pilnych sprawach", "sprawach pilnych", "po powrocie", "proszę o kontakt"],
    },
    Language {
        away: &["mimo kancelář", "jsem na dovolené", "čerpám dovolenou", "nejsem přítom"],
        so: &["v naléhavých", "v neodkladných", "po návratu", "po svém návratu", "kontaktujte"],
    },
    Language {
        away: &[
            "нахожусь в отпуске",
            "я в отпуске",
            "отсутствую в офисе",
            "отсутствую на рабочем",
            "вне офиса",
        ],
        so: &["по срочным", "в срочных случаях", "после возвращения", "обращайтесь", "обращаться"],
    },
    Language {
        away: &["不在にして", "不在となり", "休暇をいただいて", "休暇中", "外出しております"],
        so: &["お急ぎの", "緊急の", "戻り次第", "ご連絡ください", "ご連絡をお願い"],
    },
    Language {
        away: &["正在休假", "不在办公室", "不在辦公室", "外出期间", "休假中"],
        so: &["紧急", "緊急", "请联系", "請聯絡", "尽快回复", "儘快回覆"],
    },
];

/// Most texts say nothing of it in any language.
static AWAY: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&LANGUAGES.iter().flat_map(|language| language.away).copied().collect::<Vec<_>>())
});

/// A notice says what it has to say at its beginning; quotations stand below.
const TEXT_CHARS: usize = 800;

/// Whether a subject in lower case is that of an automatic answer.
pub(super) fn is_subject(subject: &str) -> bool {
    SUBJECTS.iter().filter_map(|phrase| subject.strip_prefix(phrase)).any(|rest| {
        let rest = rest.trim_start();
        !rest.starts_with(char::is_alphanumeric)
            || FOLLOWERS.iter().any(|follower| rest.starts_with(follower))
    })
}

/// Whether a text is that of a vacation notice.
pub(super) fn is_text(text: &str) -> bool {
    let own = text.lines().take_while(|line| !line.starts_with('>'));
    let start: String = own.flat_map(|line| line.chars().chain([' '])).take(TEXT_CHARS).collect();
    let words = start.to_lowercase().replace('\u{2019}', "'");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    AWAY.are_within(&words) && {
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
        LANGUAGES.iter().any(|language| says(language.away) && says(language.so))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_only_begins_like_an_automatic_answer_is_none() {
        for subject in ["out of office", "out of office: x", "abwesend bis 30.11.", "absence : re: x"] {
            assert!(is_subject(subject), "{subject}");
        }
        for subject in ["out of office replies loop", "absences are not shown", "re: out of office"] {
            assert!(!is_subject(subject), "{subject}");
        }
    }

    #[test]
    fn a_text_must_say_that_somebody_is_away_and_what_follows() {
        assert!(is_text("I am out of the office until Monday. In urgent cases ask Bob."));
        assert!(!is_text("I am out of the office, but I can take command from here."));
        assert!(!is_text("We have limited access to the rack.\n> I am out of the office"));
    }
}
