//! The mailboxes of a rehearsal: what each address got, and the mails that people write in answer.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::incident::Policy;
use crate::mail::Address;
use crate::mail::compose::fill_token;
use crate::mail::mailto::links_of;
use crate::mail::message::{InboundMail, read_mail, text_of};
use crate::roster::Named;
use crate::store::rows::Job;

/// What a step makes: the octets of a message and the envelope's recipients.
type Arrived = Result<(Vec<u8>, Vec<Address>), String>;

/// What every address got, oldest first.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    mails: BTreeMap<String, Vec<Vec<u8>>>,
    /// The outbox row of the last mail that each got.
    last_rows: BTreeMap<String, i64>,
}

/// What the page to leave a list is given.
#[derive(Debug)]
pub(super) struct Way {
    pub list: String,
    pub token: String,
}

/// A letter as a script prints it.
#[derive(Debug)]
pub(super) struct Sent {
    pub recipients: Vec<String>,
    pub text: String,
}

/// An answer as the script describes it.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    pub who: &'a str,
    pub to_subject: Option<&'a str>,
    /// To the plain address, so that only the thread says what is answered.
    pub by_thread: bool,
    /// Somebody else to whom the mail was passed on.
    pub from: Option<&'a str>,
    pub copying: Option<&'a str>,
    pub body: &'a str,
}

impl Mailboxes {
    /// Puts a copy into its recipient's mailbox, and into the block of its letter.
    pub(super) fn deliver(&mut self, job: &Job, sent: &mut Vec<Sent>) {
        let octets = match &job.token {
            Some(token) => fill_token(&job.octets, token),
            None => job.octets.to_vec(),
        };
        let text = printed(&octets);
        match sent.iter_mut().find(|letter| letter.text == text) {
            Some(letter) => letter.recipients.push(job.recipient.to_string()),
            None => sent.push(Sent { recipients: vec![job.recipient.to_string()], text }),
        }
        self.last_rows.insert(job.recipient.key(), job.outbox);
        self.mails.entry(job.recipient.key()).or_default().push(octets);
    }

    /// A mail as the script writes it, with the header fields that it leaves out.
    pub(super) fn arrival(&self, body: &str, to: Option<&str>, policy: &Policy, count: i64) -> Arrived {
        let mut octets = body.replace('\n', "\r\n");
        octets.push_str("\r\n");
        let head = body.split("\n\n").next().unwrap_or_default().to_ascii_lowercase();
        let has = |field: &str| head.lines().any(|line| line.starts_with(&format!("{field}:")));
        let own = policy.address.address();
        let mut added = String::new();
        if !has("message-id") {
            added.push_str(&format!("Message-ID: <{count}@script.example>\r\n"));
        }
        if !has("to") {
            added.push_str(&format!("To: {}\r\n", to.unwrap_or(own.as_str())));
        }
        let octets = format!("{added}{octets}").into_bytes();
        let mut recipients = match to {
            Some(to) => vec![Address::read(to).map_err(|error| format!("`{to}` {error}"))?],
            None => {
                let mail = read_mail(&octets, false);
                mail.recipients.into_iter().filter(|to| policy.address.tag_of(to).is_some()).collect()
            }
        };
        if recipients.is_empty() {
            recipients.push(own.clone());
        }
        Ok((octets, recipients))
    }

    /// An answer to a mail that `who` got, with the original quoted below as clients do.
    pub(super) fn reply(&self, reply: &Reply<'_>, policy: &Policy, count: i64) -> Arrived {
        let (mut from, original) = self.last(reply.who, reply.to_subject, policy)?;
        if let Some(other) = reply.from {
            from = Address::read(other).map_err(|error| format!("`{other}` {error}"))?;
        }
        let body = reply.body;
        let mail = read_mail(&original, false);
        let to = if reply.by_thread {
            policy.address.address().clone()
        } else {
            reply_to(&original).ok_or("the mail has no address to answer to")?
        };
        let quoted: String = text_of(&original).lines().map(|line| format!("> {line}\n")).collect();
        let body = format!("{body}\n\nOn Friday, Incidents wrote:\n{quoted}");
        let octets = written(&from, &to, &reply_subject(&mail), Some(&mail), &body, count);
        let Some(copying) = reply.copying else { return Ok((octets, vec![to])) };
        let copied = Address::read(copying).map_err(|error| format!("`{copying}` {error}"))?;
        let octets = [format!("Cc: {copied}\r\n").as_bytes(), &octets].concat();
        Ok((octets, vec![to, copied]))
    }

    /// The prefilled mail of a quick action, sent unchanged. Clients drop the thread on `mailto:`.
    pub(super) fn press(&self, who: &str, label: &str, policy: &Policy, count: i64) -> Arrived {
        let (from, original) = self.last(who, None, policy)?;
        let html = crate::mail::message::html_of(&original).ok_or("the mail has no HTML")?;
        let link = links_of(&html).into_iter().find(|link| link.label.contains(label));
        let mailto = link.ok_or_else(|| format!("the mail has no action `{label}`"))?.mailto;
        let to = Address::read(&mailto.to).map_err(|error| format!("`{}` {error}", mailto.to))?;
        Ok((written(&from, &to, &mailto.subject, None, &mailto.body, count), vec![to]))
    }

    /// Where a mail program posts to when its reader presses the button by which they leave a list.
    pub(super) fn one_click(&self, who: &str, policy: &Policy) -> Result<Way, String> {
        let (_, original) = self.last(who, None, policy)?;
        header(&original, "List-Unsubscribe-Post").ok_or("the mail offers no one-click")?;
        let ways = header(&original, "List-Unsubscribe").unwrap_or_default();
        let url = ways.split('<').find(|way| way.starts_with("https:")).unwrap_or_default();
        let path = url.split('>').next().unwrap_or_default();
        let mut parts = path.rsplit('/').map(str::to_owned);
        match (parts.next(), parts.next()) {
            (Some(token), Some(list)) => Ok(Way { list, token }),
            _ => Err("the mail has no page to leave by".to_owned()),
        }
    }

    /// A delivery report (RFC 3464) on the last mail that `who` got, from a system behind the relay.
    pub(super) fn bounce(&self, who: &str, reason: &str, engine: &Engine) -> Arrived {
        let policy = engine.policy();
        let (address, _) = self.last(who, None, &policy)?;
        let row = *self.last_rows.get(&address.key()).ok_or("they got no mail")?;
        let mac = engine.secret.bounce_mac(row);
        let path = policy.address.tagged(&format!("bounce.{row}.{mac}"));
        let status = reason.split(' ').next().unwrap_or_default();
        let report = format!(
            "From: Mail Delivery System <MAILER-DAEMON@relay.example>\r\nTo: {path}\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=report\r\n\r\n\
             --report\r\n\r\nIt could not be delivered.\r\n\
             --report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n\
             Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: {status}\r\n\
             Diagnostic-Code: smtp; 550 {reason}\r\n--report--\r\n"
        );
        Ok((report.into_bytes(), vec![path]))
    }

    fn last(
        &self,
        who: &str,
        to_subject: Option<&str>,
        policy: &Policy,
    ) -> Result<(Address, Vec<u8>), String> {
        let Named::One(person) = policy.roster.named(who) else {
            return Err(format!("who is `{who}`?"));
        };
        let mut addresses = vec![person.address.clone()];
        if let Some(member) = policy.roster.member(&person.address) {
            addresses.extend(member.pager.clone());
        }
        for address in addresses {
            let mails = self.mails.get(&address.key()).map(Vec::as_slice).unwrap_or_default();
            let wanted = |mail: &&Vec<u8>| {
                to_subject.is_none_or(|text| {
                    read_mail(mail, false).subject.to_lowercase().contains(&text.to_lowercase())
                })
            };
            if let Some(mail) = mails.iter().rev().find(wanted) {
                return Ok((address, mail.clone()));
            }
        }
        Err(format!("{who} got no such mail"))
    }
}

/// A mail as its reader sees it: the fields that clients show, then the text.
fn printed(octets: &[u8]) -> String {
    let from = header(octets, "From").unwrap_or_default();
    let subject = read_mail(octets, false).subject;
    format!("From: {from}\nSubject: {subject}\n\n{}", text_of(octets).trim_end())
}

/// The value of a header field, unfolded.
fn header(octets: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(octets);
    let head = text.split("\r\n\r\n").next()?.replace("\r\n ", " ");
    let prefix = format!("{}:", name.to_ascii_lowercase());
    head.lines()
        .find(|line| line.to_ascii_lowercase().starts_with(&prefix))
        .map(|line| line[prefix.len()..].trim().to_owned())
}

fn reply_to(octets: &[u8]) -> Option<Address> {
    let value = header(octets, "Reply-To").or_else(|| header(octets, "From"))?;
    let bare = value.rsplit_once('<').map_or(value.as_str(), |(_, rest)| rest.trim_end_matches('>'));
    Address::read(bare).ok()
}

fn reply_subject(mail: &InboundMail) -> String {
    format!("Re: {}", mail.subject)
}

fn written(
    from: &Address,
    to: &Address,
    subject: &str,
    answered: Option<&InboundMail>,
    body: &str,
    count: i64,
) -> Vec<u8> {
    let thread = match answered.and_then(|mail| mail.message_id.as_deref()) {
        Some(id) => format!("In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n"),
        None => String::new(),
    };
    let head = format!(
        "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{count}@script.example>\r\n{thread}\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    );
    format!("{head}\r\n{}\r\n", body.replace('\n', "\r\n")).into_bytes()
}
