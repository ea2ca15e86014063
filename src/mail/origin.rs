//! Whether a person or a machine wrote a message, and which kind of machine.
//!
//! Only the signs of the message itself are weighed; the caps that stand behind them when a machine
//! hides all of them are elsewhere. Start with [`Origin`]; [`read_origin`] weighs the signs.

mod absence;

use std::sync::LazyLock;

use mail_parser::Message;

use super::header::{Fields, decode};
use super::message::Mailbox;
use super::phrases::Phrases;
use super::{dsn, meeting};

/// The field that marks our own mail, whatever its value.
pub const OWN_MARK: &str = "X-Firebell-Loop";

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody typed it.
    Person,
    /// A vacation notice or another automatic answer (RFC 3834).
    AutoReply,
    /// A delivery report (RFC 3464) or an older bounce.
    DeliveryReport,
    /// A read receipt (RFC 8098).
    ReadReceipt,
    /// A complaint (RFC 5965).
    Complaint,
    /// An invitation, or an answer to one (RFC 5546): a person sent it, by a programme that means it for
    /// calendars.
    Meeting,
    /// Our own mail on its way back.
    Own,
}

impl Origin {
    /// Everything but a person: filed, and without any effect.
    pub fn is_automatic(self) -> bool {
        self != Self::Person
    }
}

/// What stands before the `@` of the machines that report on deliveries.
const REPORTERS: &[&str] = &[
    "mailer-daemon",
    "mailerdaemon",
    "mail-daemon",
    "maildaemon",
    "postmaster",
    "mmdf",
    "uucp",
    "mail_delivery_subsystem",
    "mdaemon",
    "bounce",
    "bounces",
    "smtp-daemon",
    "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e",
];

/// Display names of such machines.
const REPORTER_NAMES: &[&str] = &[
    "mail delivery",
    "mailer-daemon",
    "mailer daemon",
    "mail administrator",
    "mail system",
    "postmaster",
    "delivery subsystem",
    "internet mail connector",
    "système de messagerie",
];

/// How subjects of delivery reports begin, without their case.
const REPORT_SUBJECTS: &[&str] = &[
    "undelivered mail",
    "undeliverable",
    "undelivered:",
    "delivery status notification",
    "delivery failure",
    "delivery failed",
    "delivery notification:",
    "delivery has failed",
    "delivery report",
    "delivery delayed",
    "mail delivery failed",
    "mail delivery failure",
    "mail delivery problem",
    "mail could not be delivered",
    "mail system error",
    "mail failure",
    "returned mail",
    "failure notice",
    "failed mail",
    "message delivery failure",
    "non-delivery",
    "nondeliverable mail",
    "unable to deliver",
    "could not send message",
    "warning: message",
    "warning: could not send",
    "your message to",
    "unzustellbar",
    "nicht zustellbar",
    "non remis",
    "échec de la remise",
    "no se puede entregar",
    "non recapitabile",
    "onbestelbaar",
    "niet te bezorgen",
    "kan inte levereras",
    "não entregue",
    "недоставленное сообщение",
];

/// How subjects of delivery reports end that begin with the subject of the mail they are about.
const REPORT_SUBJECT_ENDINGS: &[&str] = &[
    ": non remis",
    "(delivery failed)",
    ": undeliverable",
    ": not delivered",
    ": unzustellbar",
    ": non recapitato",
];

/// Sentences of reports older than RFC 3464, looked for at the start of the text.
const REPORT_SENTENCES: &[&str] = &[
    "this is the qmail-send program",
    "this message was created automatically by mail delivery software",
    "this message was created automatically by the mail system",
    "a message that you sent could not be delivered",
    "the following addresses had permanent",
    "----- the following addresses had",
    "----- transcript of session follows",
    "your message was not delivered to",
    "your message could not be delivered",
    "your mail message to the following address",
    "unable to deliver message to the following",
    "did not reach the following recipient",
    "was not delivered to the following",
    "could not be delivered to the following",
    "the following message could not be delivered",
    "this is an automatically generated delivery status notification",
    "the message you sent to",
    "i'm sorry to have to inform you that the message returned",
    "your message cannot be delivered to the following",
    "delivery to the following recipients failed",
    "failed to deliver to",
    "message could not be delivered",
    "mail delivery error",
    "could not deliver message to the following",
    "unable to deliver message",
    "------ failed recipients ------",
    "unknown local user",
    "there is no such user",
    "delivery attempts have failed",
    "returned message follows",
    "this message is automatically generated",
];

static SENTENCES: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(REPORT_SENTENCES));

/// How far into a text the sentences of old reports are looked for, in characters.
const SENTENCE_WITHIN_CHARS: usize = 2_000;
/// How much of a text is looked at: that many characters, whatever their script.
pub(super) const TEXT_OCTETS: usize = SENTENCE_WITHIN_CHARS * 4;

/// What is known of a message when its origin is asked.
pub(super) struct Signs<'a> {
    pub fields: &'a Fields,
    pub from: Option<&'a Mailbox>,
    pub subject: &'a str,
    /// What the parser made of it, where it was given to the parser.
    pub message: Option<&'a Message<'a>>,
    /// Its beginning at least, of [`TEXT_OCTETS`].
    pub text: &'a str,
    pub null_reverse_path: bool,
}

/// Weighs the signs of a message: the surest first.
pub(super) fn read_origin(signs: &Signs<'_>) -> Origin {
    if signs.fields.has(&OWN_MARK.to_ascii_lowercase()) {
        return Origin::Own;
    }
    if signs.message.is_some_and(dsn::is_refused_by_filter) {
        return Origin::DeliveryReport;
    }
    if let Some(report) = report_type(signs) {
        return report;
    }
    if signs.message.is_some_and(meeting::is_meeting) {
        return Origin::Meeting;
    }
    if is_delivery_report(signs) {
        return Origin::DeliveryReport;
    }
    if is_automatic_answer(signs) { Origin::AutoReply } else { Origin::Person }
}

/// `multipart/report` (RFC 6522) says itself what it reports.
fn report_type(signs: &Signs<'_>) -> Option<Origin> {
    let value = signs.fields.first("content-type")?.to_ascii_lowercase();
    if !value.trim_start().starts_with("multipart/report") {
        let is_alone = |kind: &str| value.trim_start().starts_with(kind);
        return match () {
            () if is_alone("message/delivery-status") => Some(Origin::DeliveryReport),
            () if is_alone("message/disposition-notification") => Some(Origin::ReadReceipt),
            () => None,
        };
    }
    let kind = value.split_once("report-type").map_or("", |(_, rest)| rest);
    let kind = kind.trim_start_matches([' ', '\t', '=', '"']);
    Some(match () {
        () if kind.starts_with("disposition-notification") => Origin::ReadReceipt,
        () if kind.starts_with("feedback-report") => Origin::Complaint,
        () => Origin::DeliveryReport,
    })
}

fn is_delivery_report(signs: &Signs<'_>) -> bool {
    let has_report = signs.message.is_some_and(|message| message.parts.iter().any(dsn::is_status));
    if has_report || signs.fields.has("x-failed-recipients") {
        return true;
    }
    let subject = strip_reply_marks(signs.subject).to_lowercase();
    let by_subject = begins_with_any(&subject, REPORT_SUBJECTS)
        || REPORT_SUBJECT_ENDINGS.iter().any(|ending| subject.ends_with(ending));
    let by_text = has_report_sentence(signs.text);
    let null = signs.null_reverse_path || null_return_path(signs.fields);
    // A person may hold a postmaster's address, and a person may quote a report or declare that
    // mail bounces: no sign is enough alone, unless it is a name that only machines have.
    let answers = signs.fields.has("in-reply-to");
    match (is_reporter(signs), by_subject, by_text) {
        (true, true, _) | (true, _, true) => true,
        (true, false, false) => null || !(answers || is_postmaster(signs)),
        (false, true, true) => null || !answers,
        (false, true, false) | (false, false, true) => null,
        (false, false, false) => false,
    }
}

fn is_postmaster(signs: &Signs<'_>) -> bool {
    signs.from.is_some_and(|from| from.address.local_part().eq_ignore_ascii_case("postmaster"))
}

fn is_reporter(signs: &Signs<'_>) -> bool {
    let from: String = signs.fields.all("from").map(|value| decode(value).to_lowercase()).collect();
    let local = |text: &str| REPORTERS.contains(&text);
    signs.from.is_some_and(|from| local(&from.address.local_part().to_lowercase()))
        || REPORTER_NAMES.iter().any(|name| from.contains(name))
        || from.trim_start_matches(['<', '"', ' ']).split(['@', ' ', '>']).next().is_some_and(local)
}

fn has_report_sentence(text: &str) -> bool {
    let start: String = text.chars().take(SENTENCE_WITHIN_CHARS).collect();
    let own: String = start.lines().filter(|line| !line.starts_with('>')).collect::<Vec<_>>().join(" ");
    let words = own.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    SENTENCES.are_within(&words)
}

/// RFC 3834 section 5, and what answered automatically before it or without it.
fn is_automatic_answer(signs: &Signs<'_>) -> bool {
    let fields = signs.fields;
    let submitted = fields.all("auto-submitted").any(|value| {
        let keyword = value.split([';', '(', ' ']).next().unwrap_or_default().trim();
        !keyword.is_empty() && !keyword.eq_ignore_ascii_case("no")
    });
    let precedence = fields.all("precedence").any(|value| {
        ["bulk", "junk", "auto_reply", "auto-reply"]
            .iter()
            .any(|kind| value.trim().eq_ignore_ascii_case(kind))
    });
    // `Precedence: bulk` is what Mailman 2 sets for a person's post.
    let is_post = ["list-id", "list-post", "x-mailing-list"].iter().any(|name| fields.has(name));
    let precedence = precedence && !is_post;
    let old =
        ["x-autoreply", "x-autorespond", "x-autoresponder", "x-autoreply-from", "x-mail-autoreply"];
    let old =
        old.iter().any(|name| fields.all(name).any(|value| !value.trim().eq_ignore_ascii_case("no")));
    let subject = strip_reply_marks(signs.subject).to_lowercase();
    submitted
        || precedence
        || old
        || signs.null_reverse_path
        || null_return_path(fields)
        || absence::is_subject(&subject)
        || (answers_something(signs) && absence::is_text(signs.text))
}

/// Nobody declares an incident or opens a thread with the words of a vacation notice.
fn answers_something(signs: &Signs<'_>) -> bool {
    signs.fields.has("in-reply-to") || signs.fields.has("references")
}

fn null_return_path(fields: &Fields) -> bool {
    fields.all("return-path").any(|value| value.trim() == "<>")
}

fn begins_with_any(text: &str, table: &[&str]) -> bool {
    table.iter().any(|phrase| text.starts_with(phrase))
}

/// The subject behind tags in square brackets, which lists and gateways put before it. `Re:` stays:
/// a person who answers a report writes one.
fn strip_reply_marks(subject: &str) -> &str {
    let mut rest = subject.trim();
    // Not more than three: tag of a list, of a gateway, of an incident.
    for _ in 0..3 {
        match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((_, behind)) => rest = behind.trim_start(),
            None => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message::read_mail;

    fn origin(header: &str) -> Origin {
        let mail = format!("From: Dana <dana@ops.example>\r\n{header}\r\n\r\nIt works again.\r\n");
        read_mail(mail.as_bytes(), false).origin
    }

    #[test]
    fn what_only_asks_for_no_answer_is_no_sign_of_a_machine() {
        assert_eq!(origin("X-Auto-Response-Suppress: All"), Origin::Person);
        assert_eq!(origin("Auto-Submitted: no"), Origin::Person);
        assert_eq!(origin("Auto-Submitted: auto-replied (vacation)"), Origin::AutoReply);
        assert_eq!(origin("Precedence: bulk"), Origin::AutoReply);
        assert_eq!(origin("Return-Path: <>"), Origin::AutoReply);
        assert_eq!(origin("Return-Path: <dana@ops.example>"), Origin::Person);
    }

    #[test]
    fn a_post_through_a_list_is_a_persons_mail() {
        for header in
            ["List-Id: <ops.lists.example>\r\nPrecedence: list", "List-Id: <x.y>\r\nPrecedence: bulk"]
        {
            let mail = format!("From: dana@ops.example\r\n{header}\r\n\r\nHello.\r\n");
            let mail = read_mail(mail.as_bytes(), false);
            assert_eq!((mail.origin, mail.through_list), (Origin::Person, true));
        }
    }

    #[test]
    fn an_automatic_answer_is_known_by_its_subject_in_many_languages() {
        for subject in
            ["Automatic reply: x", "=?utf-8?q?R=C3=A9ponse_automatique?= : x", "Abwesenheitsnotiz"]
        {
            assert_eq!(origin(&format!("Subject: {subject}")), Origin::AutoReply, "{subject}");
        }
        assert_eq!(origin("Subject: Re: Automatic reply: x"), Origin::Person);
    }

    #[test]
    fn our_own_mail_is_known_by_its_mark() {
        assert_eq!(origin("X-Firebell-Loop: anything"), Origin::Own);
    }

    #[test]
    fn a_report_about_bouncing_mail_is_a_persons() {
        for text in [
            "Hi. This is the network team.",
            "Every login says: there is no such user.",
            "Mail delivery error since ten.",
        ] {
            let mail = format!("From: dana@ops.example\r\nSubject: mail is down\r\n\r\n{text}\r\n");
            assert_eq!(read_mail(mail.as_bytes(), false).origin, Origin::Person, "{text}");
        }
    }

    #[test]
    fn old_reports_are_known_by_sender_subject_and_text() {
        for (from, subject, text) in [
            (
                "MAILER-DAEMON@x.example",
                "failure notice",
                "Hi. This is the qmail-send program at x.example.",
            ),
            (
                "Mail Delivery System <a@x.example>",
                "x",
                "This message was created automatically by mail delivery software.",
            ),
            (
                "imss@x.example",
                "Mail could not be delivered",
                "Unable to deliver message to <bob@x.example>.",
            ),
        ] {
            let mail = format!("From: {from}\r\nSubject: {subject}\r\n\r\n{text}\r\n");
            assert_eq!(read_mail(mail.as_bytes(), false).origin, Origin::DeliveryReport, "{subject}");
        }
    }

    #[test]
    fn a_postmaster_who_answers_by_hand_is_a_person() {
        let mail = b"From: postmaster@ops.example\r\nIn-Reply-To: <a@b>\r\n\r\nI have looked at it.\r\n";
        assert_eq!(read_mail(mail, false).origin, Origin::Person);
    }
}
