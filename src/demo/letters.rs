//! What the visitor writes as one of the people: an ordinary mail, sent by SMTP to the address that
//! Firebell receives at.
//!
//! Nothing reaches Firebell by a way that other mail does not take. Start with [`Letter`].

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::mailboxes::ShownMail;
use super::organisation::Player;

/// Firebell answers in milliseconds; a machine that is this busy says so.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// References that a client keeps.
const REFERENCES_MAX: usize = 20;

/// A mail that somebody writes.
#[derive(Debug)]
pub(super) struct Letter {
    pub from: &'static Player,
    /// The address of theirs that they write from.
    pub from_address: &'static str,
    pub to: String,
    pub subject: String,
    pub text: String,
    /// Message-IDs without brackets: the ancestors, and last the mail being answered.
    pub references: Vec<String>,
}

/// Why a letter was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// The visitor's: it is no mail.
    #[error("this cannot be sent as a mail: {0}")]
    NoMail(String),
    /// The visitor's, or ours when it says 4yz: the server's answer.
    #[error("the server did not take the mail: {0}")]
    NotTaken(String),
}

impl Letter {
    /// An answer to `mail` with the original quoted below, as mail programs do.
    pub(super) fn reply(
        from: &'static Player,
        mail: &ShownMail,
        text: &str,
        sent_at: &str,
    ) -> Option<Self> {
        let quoted: String = mail.text.lines().map(|line| format!("> {line}\n")).collect();
        let mut references = mail.references.clone();
        references.extend(mail.message_id.clone());
        let subject = if mail.subject.to_lowercase().starts_with("re:") {
            mail.subject.clone()
        } else {
            format!("Re: {}", mail.subject)
        };
        Some(Self {
            from,
            from_address: mail.to,
            to: mail.reply_to.as_ref()?.to_string(),
            subject,
            text: format!(
                "{}\n\nOn {sent_at}, {} <{}> wrote:\n{quoted}",
                text.trim_end(),
                mail.from,
                mail.from_address
            ),
            references,
        })
    }

    /// Sends it to the SMTP listener on this machine; `id` makes its Message-ID.
    pub(super) async fn send(
        &self,
        smtp_port: u16,
        id: i64,
        now: DateTime<Utc>,
    ) -> Result<(), SendError> {
        let no_mail = |error: &dyn std::error::Error| SendError::NoMail(error.to_string());
        let from = self.from_address.parse().map_err(|error| no_mail(&error))?;
        let to: lettre::Address = self.to.trim().parse().map_err(|error| no_mail(&error))?;
        let octets =
            self.octets(Mailbox::new(Some(self.from.name.to_owned()), from), to.clone(), id, now)?;
        let from = self.from_address.parse().map_err(|error| no_mail(&error))?;
        let envelope = Envelope::new(Some(from), vec![to]).map_err(|error| no_mail(&error))?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
            .port(smtp_port)
            .timeout(Some(SEND_WITHIN))
            .build();
        let sent = transport.send_raw(&envelope, &octets).await;
        sent.map(drop).map_err(|error| SendError::NotTaken(error.to_string()))
    }

    fn octets(
        &self,
        from: Mailbox,
        to: lettre::Address,
        id: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<u8>, SendError> {
        let subject = self.subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut builder = Message::builder()
            .from(from)
            .to(Mailbox::new(None, to))
            .date(SystemTime::from(now))
            .message_id(Some(format!("<{id}@demo.firebell.invalid>")))
            .header(ContentType::TEXT_PLAIN)
            .subject(subject);
        if let Some(parent) = self.references.last() {
            let first = self.references.len().saturating_sub(REFERENCES_MAX);
            let kept = self.references.get(first..).unwrap_or_default();
            let all: Vec<String> = kept.iter().map(|id| format!("<{id}>")).collect();
            builder = builder.in_reply_to(format!("<{parent}>")).references(all.join(" "));
        }
        let text = self.text.replace("\r\n", "\n").replace('\n', "\r\n");
        let message = builder.body(text).map_err(|error| SendError::NoMail(error.to_string()))?;
        Ok(message.formatted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message::read_mail;

    #[test]
    fn a_reply_reads_as_what_its_writer_wrote() {
        let mail = ShownMail {
            from: "INC-1 SEV-1 triage".into(),
            from_address: "incidents@example.org".into(),
            to: "alice@example.org",
            on_pager: false,
            subject: "[INC-1] Café".into(),
            at: None,
            preview: String::new(),
            text: "Will you command?\nReply with this line alone".into(),
            html: None,
            reply_to: Some(crate::mail::Address::read("incidents+1.tok@example.org").unwrap()),
            message_id: Some("m@example.org".into()),
            references: vec!["r@example.org".into()],
            actions: Vec::new(),
        };
        let alice = Player::named("alice").unwrap();
        let letter =
            Letter::reply(alice, &mail, "I have command\nLooking – now.\n", "Sat 14:05 CET").unwrap();
        let from = Mailbox::new(Some(alice.name.into()), letter.from_address.parse().unwrap());
        let to = letter.to.parse().unwrap();
        let octets = letter.octets(from, to, 7, DateTime::UNIX_EPOCH).unwrap();
        let read = read_mail(&octets, false);
        assert_eq!(read.new_text.trim_end(), "I have command\nLooking – now.");
        assert_eq!(read.subject, "Re: [INC-1] Café");
        assert_eq!(read.ancestors, ["m@example.org", "r@example.org"]);
        assert_eq!(read.from.unwrap().address.as_str(), "alice@example.org");
        assert_eq!(read.recipients[0].as_str(), "incidents+1.tok@example.org");
        assert!(read.elided.contains("Will you command?"));
    }
}
