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
        remitent|απο|подател\
        |desde|keneltä|gönderici|送信元|보낸이|보내는 사람|αποστολέας|küldő|المرسل|ผู้ส่ง|од|пошиљалац\
        |пошаље|vun|frå|kirjoittaja|de part de|enviado por|envoyé par|inviato da|verzonden door\
        |скинуто від|відправник|изпращач|oddawca|发信人|发件者|寄信人|寄件人姓名|작성자|des de|emailed by\
        |message from",
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
        date/time|datum/zeit|am|datum und uhrzeit\
        |date sent|datum/uhrzeit|datum en tijd|date et heure|data e ora|data e hora|fecha y hora\
        |envoyés|enviados|enviadas|отправленные|gesendet um|geschickt|versendet|verstuurd\
        |verstuurd op|verzonddatum|verzenddatum|ontvangen|enviado a las|inviata|data di invio\
        |data do envio|data de envío|data wiadomości|data nadania|dátum a čas|datum a čas\
        |tidspunkt|sent den|skickat den|lähetyspäivä|lähetysaika|lähetetty klo|päivä\
        |päiväys ja aika|дата и время|дата та час|відправлено|послато|датум|saatmisaeg\
        |išsiuntimo data|terkirim|tarikh|tarih ve saat|gönderim tarihi|dátum/idő|küldés ideje\
        |küldés dátuma|dată|expediat|trimis la|data și ora|ημερομηνία και ώρα|送信日|送付日時|受信日時|已傳送\
        |傳送時間|发出时间|发信时间|寄信日期|보냄|보낸 시간|보낸시간|일시|발송일|작성일|날짜/시간|נשלח בתאריך|תאריך ושעה|تاريخ الإرسال\
        |أُرسلت|أرسلت|تم الارسال|gửi|gửi lúc|đã gửi lúc|ngày/giờ|enviat el|dagsetning|sendt dato\
        |sendt kl",
    ),
    (
        Label::To,
        "to|an|à|a|para|aan|til|till|do|komu|kenelle|vastaanottaja|кому|címzett|kime|alıcı|宛先|收件人|收件者|\
        收信人|받는 사람|받는사람|수신|수신자|προς|către|kepada|đến|tới|người nhận|אל|إلى|به|empfänger|destinataire|\
        destinatario|destinatário|per|per a|до|za|prima|prejemnik|primatelj|kellele|adressaat|kam|adresāts|\
        gavėjas|mottaker|modtager|mottagare|ถึง|प्रति|penerima|ontvanger|geadresseerde|adresat|příjemce|nori|\
        получатель|получател|pour|recipient|recipients\
        |untuk|για|παραλήπτης|πρὸς|المستقبل|المستلم|ผู้รับ|받는이|수신인|saaja|saajat|коме|прималац\
        |прима|примач|empfangen von|bestimmt für|destinatários|destinatarios|destinatari\
        |destinataires|mottakare|vastaanottajat|alıcılar|címzettek|destinatar|destinatarul\
        |отримувач|одержувач|收件|收信者|送信先|あて先|受信者|ontvangers|příjemci|príjemca|odbiorca|odbiorcy",
    ),
    (
        Label::Cc,
        "cc|kopie|copie à|copie|kopia|kopi|копия|копія|copia|c.c.|kopio|抄送|副本|참조|másolatot kap|másolat|\
        bilgi|cópia|bcc|kopie an|kopie (cc)|cc:n|dw|do wiadomości|kópia|κοιν.|κοινοποίηση|עותק|نسخة|สำเนา|kp|\
        копие|kop.|blindkopie|cci|cco|ccn|cc'd|tembusan|koopia\
        |копія для|kopija|sao y|dk|cópia para|copie carbone|c/c|con copia|in copia|conhecimento\
        |kopi til|kopia till|kopiointi|do wiad.|kopiert an|udw|ukryta kopia|скрытая копия\
        |สำเนาถึง|숨은 참조|숨은참조|隐藏抄送|密送|密件副本|密件抄送|写し|نسخة إلى|کپی|kopia do",
    ),
    (
        Label::Subject,
        "subject|betreff|objet|asunto|oggetto|assunto|onderwerp|emne|ämne|temat|předmět|predmet|aihe|тема|\
        tárgy|konu|件名|主题|主題|主旨|標題|제목|θέμα|subiect|subjek|subyek|perihal|chủ đề|tiêu đề|נושא|הנדון|\
        الموضوع|موضوع|sujet|zadeva|naslov|teema|tema|efni|เรื่อง|หัวเรื่อง|विषय|assumpte|gaia|относно|относно тема|thema|\
        betr.|betrifft|ang|angående|vedr|subj\
        |ogg|judul|наслов|заглавие|підмет|предмет|pealkiri|عنوان|ชื่อเรื่อง|หัวจดหมาย|หัวข้อ|표제\
        |제 목|主　题|主 题|主 旨|题目|標 題|件 名|表題|ส่วนหัว|обʼєкт|aiheena|konusu|subject line|betreffzeile\
        |objet du message|temat wiadomości",
    ),
    (
        Label::Other,
        "reply-to|attachments|anlagen|anhänge|pièces jointes|pièce jointe|bijlagen|importance|priority|\
        wichtigkeit|priorität|antwort an|antworten an|organization|message-id|resent-from|mailed-by|signed-by|\
        adjuntos|datos adjuntos|allegati|anexos|bilagor|vedlegg|vedhæftede filer|bilage|załączniki|přílohy|\
        вложения|附件|添付ファイル|添付|첨부 파일|ekler|liitteet|mellékletek|répondre à|responder a|rispondi a|\
        importance haute|sensitivity|importancia|重要性|x-mailer|user-agent|newsgroups|in-reply-to|references|\
        classification|categories|kategorien\
        |wichtig|anhang|anlage|attachment|pièce(s) jointe(s)|adjunto|archivos adjuntos|allegato\
        |anexo|bijlage|bilaga|vedlagt|liite|załącznik|příloha|príloha|prílohy|вложение\
        |вложенные файлы|долучення|вкладення|csatolmány|melléklet|συνημμένα|συνημμένο|atașament\
        |atașamente|附 件|添付：|첨부|קבצים מצורפים|المرفقات|tệp đính kèm|đính kèm|lampiran\
        |สิ่งที่แนบมา|folgen-flag|nachverfolgungskennzeichnung|return-path|list-id|mailing-list\
        |delivered-to|sender ip|security level|reply to|antwort|svar til|svar till|odpowiedz do\
        |odpověď na|ответить|ответить кому|回复至|回覆至|답장 받는 사람|返信先|yanıt adresi|válaszcím\
        |răspunde la|απάντηση σε|importancia alta|hohe priorität|prioriteit|prioritas|prioridade\
        |priorità|prioridad|důležitost|ważność|fontosság|önem|важность",
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
