//! The names of the fields in a header block, in the languages of Outlook, Apple Mail, Notes and
//! others: a table, no rules. A new language is a new entry. All in lower case.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The kinds of line in a header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mail) enum Label {
    From,
    Date,
    To,
    Cc,
    Subject,
    Other,
}

/// Which kind of field a name is, in any of the languages.
pub(in crate::mail) fn label_of(name: &str) -> Option<Label> {
    BY_NAME.get(name).copied()
}

static BY_NAME: LazyLock<HashMap<&str, Label>> = LazyLock::new(|| {
    let of =
        |(label, names): &'static (Label, &'static str)| names.split('|').map(|name| (name, *label));
    LABELS.iter().flat_map(of).collect()
});

/// `|` stands between the names.
const LABELS: &[(Label, &str)] = &[
    (
        Label::From,
        "from|von|de|da|van|fra|från|od|lähettäjä|от|від|feladó|kimden|gönderen|発信者|差出人|送信者|\
        发件人|寄件者|寄件人|发送人|보낸 사람|보낸사람|발신|발신자|από|de la|dari|từ|người gửi|מאת|من|отправитель|odesílatel|\
        odosielateľ|expéditeur|mittente|remitente|afzender|absender|sender|message de|от кого|від кого|\
        avsändare|avsender|afsender|pošiljatelj|šalje|kellelt|saatja|nuo|no|siuntėjas|sūtītājs|frá|\
        เรียน จาก|จาก|डाक भेजने वाला|प्रेषक|pengirim|expeditor|nadawca|nguồn|فرستنده|از|sent by|gesendet von|igorlea|nork|\
        remitent|απο|подател",
    ),
    (
        Label::Date,
        "sent|date|gesendet|gesendet am|datum|envoyé|envoyé le|date d'envoi|message du|enviado|enviado el|\
        enviada em|enviado em|enviada|fecha|fecha de envío|data|inviato|data invio|inviato il|verzonden|\
        verzonden op|sendt|dato|skickat|skickades|wysłano|data wysłania|wysłane|data i godzina|odesláno|\
        odoslané|lähetetty|päivämäärä|päiväys|pvm|отправлено|дата|надіслано|дата відправлення|\
        дата отправки|elküldve|küldés|küldve|dátum|tarih|gönderildi|gönderilme tarihi|gönderme tarihi|日時|\
        送信日時|日付|发送时间|发送日期|日期|發送時間|寄件日期|傳送日期|時間|时间|보낸 날짜|보낸날짜|날짜|발신일|στάλθηκε|\
        ημερομηνία|αποστολή|trimis|dikirim|tanggal|đã gửi|ngày|ngày gửi|נשלח|תאריך|تاريخ|التاريخ|تم الإرسال|\
        تاریخ|date and time|sent at|sent on|received|поставлено|изпратено|poslano|poslato|šalje se|saadetud|\
        kuupäev|išsiųsta|nosūtīts|datums|sent date|ส่ง|วันที่|ส่งเมื่อ|दिनांक|भेजा गया|enviat|bidalia|data de envio|sendt den|\
        date/time|datum/zeit|am|datum und uhrzeit",
    ),
    (
        Label::To,
        "to|an|à|a|para|aan|til|till|do|komu|kenelle|vastaanottaja|кому|címzett|kime|alıcı|宛先|收件人|收件者|\
        收信人|받는 사람|받는사람|수신|수신자|προς|către|kepada|đến|tới|người nhận|אל|إلى|به|empfänger|destinataire|\
        destinatario|destinatário|per|per a|до|za|prima|prejemnik|primatelj|kellele|adressaat|kam|adresāts|\
        gavėjas|mottaker|modtager|mottagare|ถึง|प्रति|penerima|ontvanger|geadresseerde|adresat|příjemce|nori|\
        получатель|получател|pour|recipient|recipients",
    ),
    (
        Label::Cc,
        "cc|kopie|copie à|copie|kopia|kopi|копия|копія|copia|c.c.|kopio|抄送|副本|참조|másolatot kap|másolat|\
        bilgi|cópia|bcc|kopie an|kopie (cc)|cc:n|dw|do wiadomości|kópia|κοιν.|κοινοποίηση|עותק|نسخة|สำเนา|kp|\
        копие|kop.|blindkopie|cci|cco|ccn|cc'd|tembusan|koopia",
    ),
    (
        Label::Subject,
        "subject|betreff|objet|asunto|oggetto|assunto|onderwerp|emne|ämne|temat|předmět|predmet|aihe|тема|\
        tárgy|konu|件名|主题|主題|主旨|標題|제목|θέμα|subiect|subjek|subyek|perihal|chủ đề|tiêu đề|נושא|הנדון|\
        الموضوع|موضوع|sujet|zadeva|naslov|teema|tema|efni|เรื่อง|หัวเรื่อง|विषय|assumpte|gaia|относно|относно тема|thema|\
        betr.|betrifft|ang|angående|vedr|subj",
    ),
    (
        Label::Other,
        "reply-to|attachments|anlagen|anhänge|pièces jointes|pièce jointe|bijlagen|importance|priority|\
        wichtigkeit|priorität|antwort an|antworten an|organization|message-id|resent-from|mailed-by|signed-by|\
        adjuntos|datos adjuntos|allegati|anexos|bilagor|vedlegg|vedhæftede filer|bilage|załączniki|přílohy|\
        вложения|附件|添付ファイル|添付|첨부 파일|ekler|liitteet|mellékletek|répondre à|responder a|rispondi a|\
        importance haute|sensitivity|importancia|重要性|x-mailer|user-agent|newsgroups|in-reply-to|references|\
        classification|categories|kategorien",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_one_kind_in_every_language() {
        let names: Vec<&str> = LABELS.iter().flat_map(|(_, names)| names.split('|')).collect();
        for (at, name) in names.iter().enumerate() {
            assert_eq!(name.trim(), *name);
            assert!(!names.iter().skip(at + 1).any(|other| other == name), "{name}");
        }
        assert_eq!(label_of("betreff"), Some(Label::Subject));
        assert_eq!(label_of("severity"), None);
    }
}
