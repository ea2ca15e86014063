//! The words with which people end what they write, in every language: one table, for the signature
//! below a text and for the lines that are read for commands.
//!
//! A new language is a new entry here and nothing else, in lower case, with a plain apostrophe. Start
//! with [`is_sign_off`].

use std::sync::LazyLock;

use super::super::phrases::Phrases;
use super::folded;

static SIGN_OFFS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(SIGN_OFF_ROWS));
static GRATITUDE: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(GRATITUDE_ROWS));

/// The longest line of them, in octets.
const OCTETS_MAX: usize = 120;

/// Whether a line is nothing but words with which people end.
pub(in crate::mail) fn is_sign_off(line: &str) -> bool {
    let text = folded_sign_off(line);
    let text = text.trim_end_matches([',', '.', '!', ' ', ';', '-', '*', '，', '。', '！', '、', '،']);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.len() <= OCTETS_MAX && SIGN_OFFS.contains(&words)
}

/// Whether it is one that may be what somebody has to say: "Thanks" needs a name below that is surely
/// theirs.
pub(in crate::mail) fn is_gratitude(line: &str) -> bool {
    let text = folded_sign_off(line);
    let is_plain = !["regard", "gru", "grü", "groet", "saludo", "salut", "hils"]
        .iter()
        .any(|word| text.contains(word));
    is_plain && GRATITUDE.begin(&text)
}

/// What stands behind the words with which a line begins: `BT` of `Thanks, BT`, in lower case.
pub(super) fn behind_sign_off(line: &str) -> Option<String> {
    let text = folded_sign_off(line);
    let phrase = SIGN_OFFS.starting(&text).max_by_key(|phrase| phrase.len())?;
    text.strip_prefix(phrase).map(str::to_owned)
}

fn folded_sign_off(line: &str) -> String {
    folded(line.trim().trim_matches(['*', '_', ' ', '\u{a0}']))
}

/// Words with which people end. Whole lines; `|` stands between them.
const SIGN_OFF_ROWS: &[&str] = &[
    "regards|best regards|kind regards|warm regards|with kind regards|with best regards",
    "kindest regards|many regards|rgds|br|kr|best|all the best|best wishes|cheers|sincerely",
    "yours sincerely|sincerely yours|yours truly|yours faithfully|yours|respectfully",
    "cordially|thanks|thank you|many thanks|thanks a lot|thx|thanks and regards",
    "thanks & regards|thanks and best regards|thank you and regards|thanks again",
    "thank you very much|thanks in advance|thanks for your help|take care|ciao",
    "mit freundlichen grüßen|mit freundlichen grüssen|mit freundlichem gruß|freundliche grüße",
    "freundliche grüsse|viele grüße|viele grüsse|liebe grüße|beste grüße|beste grüsse",
    "herzliche grüße|schöne grüße|gruß|grüße|gruss|mfg|lg|vg|danke und gruß|cordialement",
    "bien cordialement|bien à vous|bien à toi|cdt|cdlt|sincères salutations|salutations",
    "meilleures salutations|amicalement|merci|saludos|un saludo|saludos cordiales|atentamente",
    "cordialmente|gracias|muchas gracias|un cordial saludo|cordiali saluti|distinti saluti",
    "saluti|un saluto|grazie|atenciosamente|cumprimentos|com os melhores cumprimentos",
    "melhores cumprimentos|abraços|obrigado|obrigada|met vriendelijke groet",
    "met vriendelijke groeten|vriendelijke groet|vriendelijke groeten|groeten|groet|mvg",
    "hartelijke groet|hartelijke groeten|met hartelijke groet|bedankt|alvast bedankt",
    "med venlig hilsen|venlig hilsen|de bedste hilsner|bedste hilsner|hilsen|mvh|vh|kh",
    "kærlig hilsen|med vennlig hilsen|vennlig hilsen|med vänliga hälsningar",
    "vänliga hälsningar|hälsningar|ystävällisin terveisin|terveisin|yt|pozdrawiam",
    "z poważaniem|z powazaniem|pozdrawiam serdecznie|serdecznie pozdrawiam|s pozdravem",
    "pozdrawiam cieplo|с уважением|всего доброго|з повагою|üdvözlettel|tisztelettel",
    "saygılarımla|cu stimă|με εκτίμηση|此致|祝好|谢谢|よろしくお願いします|よろしくお願いいたします|감사합니다|dzięki",
    "pozdrawiamy|thank you and best regards|thank you and kind regards|with thanks",
    "with many thanks|thanks in advance and regards|thanks so much",
    "best regards and thanks|warmly|warmest regards|with warm regards|with regards|bests|bye",
    "bye for now|have a nice day|have a good day",
    "have a great day|have a nice weekend|your pal",
    "cheers and thanks|kindly|very truly yours|yours respectfully",
    "mit freundlichen gruessen|mit freundlichem gruss|mit besten grüßen|mit besten grüssen",
    "mit bestem gruß|mit vielen grüßen|mit herzlichen grüßen|mit kollegialen grüßen",
    "freundlicher gruß|freundlichen gruß|lieber gruß|lieben gruß|bester gruß|beste gruesse",
    "viele gruesse|schöne grüsse|liebe grüsse|herzliche grüsse|herzlichen gruß",
    "hochachtungsvoll|gruß aus|danke|vielen dank|danke und grüße|danke und viele grüße",
    "vielen dank und viele grüße|danke im voraus|vielen dank im voraus|besten dank",
    "herzlichen dank|besten gruß|beste grüße und danke|tschüß|tschüss|bis dann|bis bald|bg|hg",
    "mbg|sg|schönen gruß|schöne grüße und danke|freundliche grüße und vielen dank|grüße aus",
    "mit freundlichen grüßen / best regards|mit freundlichen grüßen / kind regards",
    "viele grüße / best regards|merci d'avance|merci beaucoup|bonne journée|bonne soirée",
    "bonne réception|belle journée|bonnes salutations|sincèrement|respectueusement",
    "salutations distinguées|bien sincèrement|très cordialement|à bientôt|à plus|amitiés",
    "avec mes salutations|bonne fin de journée|bien amicalement",
    "veuillez agréer mes salutations distinguées|reciba un cordial saludo|muchos saludos",
    "saludos atentos|un abrazo|abrazos|atte|gracias y saludos",
    "muchas gracias y saludos|gracias de antemano|que tengas un buen día|slds",
    "saludos desde|recibe un cordial saludo|salutacions|salutacions cordials|atentament",
    "gràcies|con cordiali saluti|i migliori saluti|cordialità|grazie mille|grazie e saluti",
    "un cordiale saluto|buona giornata|buon lavoro|a presto|tanti saluti|un caro saluto",
    "grazie in anticipo|con i migliori saluti|porgo cordiali saluti|cordiais saudações",
    "saudações|abraço|um abraço|abs|att|grato|grata|muito obrigado|muito obrigada",
    "obrigado desde já|com os meus cumprimentos|os melhores cumprimentos|bom trabalho",
    "vriendelijke groetjes|groetjes|gr|m.vr.gr|mvrgr|met groet|met groeten|hoogachtend",
    "dank je wel|dank u|dankjewel|dank|bij voorbaat dank|beste groeten|beste groet|fijne dag",
    "hartelijk dank|bedankt en groet|med venlig hilsen / best regards|med venlige hilsner",
    "venlige hilsner|de bedste hilsener|på forhånd tak|tak|mange tak|hilsener|dbh",
    "mange hilsner|knus|hilsen fra|med hilsen|med vennlig hilsen / best regards|beste hilsen",
    "hilsen oss|takk|tusen takk|takk på forhånd|med vänlig hälsning|vänlig hälsning",
    "med vänliga hälsningar / best regards|vänligen|hälsning|hälsn|tack|tack på förhand",
    "tackar|bästa hälsningar|varma hälsningar|med bästa hälsningar|ha det bra|/mvh|terv",
    "ystävällisesti|parhain terveisin|kiitos|kiittäen|kiitos etukäteen|terveiset",
    "kunnioittavasti|hyvää päivänjatkoa|pozdr|pozdrowienia|serdeczne pozdrowienia",
    "z wyrazami szacunku|z pozdrowieniami|łączę pozdrowienia|łączę wyrazy szacunku|dziękuję",
    "dziękuję i pozdrawiam|dzięki i pozdrawiam|z góry dziękuję|miłego dnia",
    "s pozdravem a přáním hezkého dne|s přátelským pozdravem|zdravím|děkuji|děkuji a zdravím",
    "díky|hezký den|s úctou|s pozdravom|ďakujem|s priateľským pozdravom|pozdrav|lijep pozdrav",
    "srdačan pozdrav|lp|lep pozdrav|hvala|s poštovanjem|srdačno|s spoštovanjem|поздрав",
    "срдачан поздрав|хвала|с наилучшими пожеланиями|с уважением и наилучшими пожеланиями",
    "всего хорошего|спасибо|заранее спасибо|благодарю|хорошего дня|до свидания",
    "с приветом|з найкращими побажаннями|дякую|щиро дякую|гарного дня|с уважение|поздрави",
    "благодаря|с поздрав|üdv|köszönöm|köszönettel|szép napot|előre is köszönöm|minden jót",
    "üdvözlet|saygılar|iyi çalışmalar|iyi günler|teşekkürler|teşekkür ederim|selamlar",
    "sevgiler|saygılarımızla|kolay gelsin|iyi günler dilerim|cu respect|cu stimă și respect",
    "toate cele bune|mulțumesc|multumesc|o zi bună|o zi buna|cu drag|numai bine|salutări",
    "με φιλικούς χαιρετισμούς|φιλικά|με τιμή|χαιρετισμούς|ευχαριστώ|σας ευχαριστώ",
    "ευχαριστώ πολύ|lugupidamisega|tervitustega|tervitades|parimate soovidega|tänan|ar cieņu",
    "paldies|pagarbiai|ačiū|geros dienos|linkėjimai|kveðja|með kveðju|bestu kveðjur",
    "takk fyrir|agur bero bat|ondo izan|eskerrik asko|saúdos|unha aperta|敬礼|祝好！|顺颂商祺|祝工作顺利",
    "谢谢！|多谢|感谢|此致敬礼|商祺|祝 好|祝商祺|顺祝商祺|謝謝|敬上|順頌商祺|祝您工作愉快|致敬|祝顺利|best regards / 此致|よろしくお願い致します",
    "宜しくお願いします|宜しくお願い致します|宜しくお願いいたします|以上、よろしくお願いいたします|以上、よろしくお願いします|ありがとうございます",
    "ありがとうございました|敬具|どうぞよろしくお願いいたします|何卒よろしくお願いいたします|고맙습니다|안녕히 계세요|수고하세요|수고하십시오|드림|올림|좋은 하루 되세요",
    "בברכה|תודה|בתודה|בכבוד רב|תודה רבה|مع تحياتي|تحياتي|شكرا|شكراً|مع خالص التحية",
    "وتفضلوا بقبول فائق الاحترام|مع التحية|با احترام|با تشکر|سپاس|trân trọng|thân mến|cảm ơn",
    "xin cảm ơn|thân|kính thư|salam|hormat saya|terima kasih|salam hangat|hormat kami",
    "sekian terima kasih|yang benar|ขอแสดงความนับถือ|ขอบคุณ|ขอบคุณครับ|ขอบคุณค่ะ",
    "ด้วยความเคารพ|धन्यवाद|सादर|भवदीय",
];

/// Sign-offs that may be all somebody has to say: they need a name below that is surely a name.
/// Beginnings.
const GRATITUDE_ROWS: &[&str] = &[
    "than",
    "thx",
    "merci",
    "gracias",
    "muchas gracias",
    "grazie",
    "obrigad",
    "muito obrigad",
    "bedankt",
    "谢谢",
    "감사",
    "고맙",
    "dank",
    "vielen dank",
    "besten dank",
    "herzlichen dank",
    "hartelijk dank",
    "tak",
    "takk",
    "tack",
    "mange tak",
    "tusen takk",
    "kiit",
    "dzięk",
    "dzięki",
    "děk",
    "ďak",
    "díky",
    "hvala",
    "хвала",
    "спасибо",
    "благодар",
    "дяку",
    "щиро дяку",
    "заранее спасибо",
    "köszön",
    "teşekkür",
    "mulțumesc",
    "multumesc",
    "ευχαριστώ",
    "σας ευχαριστώ",
    "tänan",
    "paldies",
    "ačiū",
    "eskerrik",
    "謝謝",
    "多谢",
    "感谢",
    "ありがとう",
    "תודה",
    "شكر",
    "سپاس",
    "cảm ơn",
    "xin cảm ơn",
    "terima kasih",
    "ขอบคุณ",
    "धन्यवाद",
    "bye",
    "see you",
    "good luck",
    "удачи",
    "以上",
    "hope",
    "hth",
    "tia",
    "have a",
];

#[cfg(test)]
mod tests {
    use super::super::{Line, new_text, split};
    use super::*;

    fn new(author: &str, text: &str) -> String {
        split(text.lines().map(|line| Line::plain(line, 0)).collect(), author).new_text
    }

    /// Each as it is written at the start of a line.
    fn sign_offs() -> Vec<String> {
        let all = SIGN_OFF_ROWS.iter().flat_map(|row| row.split('|'));
        all.map(|phrase| {
            let mut chars = phrase.chars();
            let first = chars.next().into_iter().flat_map(char::to_uppercase);
            first.chain(chars).collect()
        })
        .collect()
    }

    #[test]
    fn a_name_below_any_of_them_is_a_signature() {
        const OWN: &str = "We are back since ten.\n";
        for sign_off in sign_offs() {
            for between in ["\n", ",\n", "\n\n", ".\n\n"] {
                for author in ["Dana Okafor", ""] {
                    let text = format!("{OWN}\n{sign_off}{between}Dana Okafor\n");
                    assert_eq!(new(author, &text), OWN, "{text:?} of {author:?}");
                }
            }
        }
    }

    #[test]
    fn what_somebody_adds_below_their_name_is_kept() {
        for sign_off in sign_offs() {
            for added in [
                "PS: core1 is full",
                "追伸：core1",
                "the disk on core1 is full",
                "P.S. Bob has the key.",
                "The disk on core1 is full, somebody must go there.",
                "磁盘已满，请尽快派人过去处理。",
            ] {
                let text = format!("Back.\n\n{sign_off},\nDana Okafor\n\n{added}\n");
                assert!(new("Dana Okafor", &text).contains(added), "{text:?}");
            }
        }
        let mail = "From: Dana <d@ops.example>\n\nBack.\n\nRegards,\nDana\n\nPS: core1 is full\n";
        assert!(new_text(mail.as_bytes()).ends_with("PS: core1 is full\n"));
    }
}
