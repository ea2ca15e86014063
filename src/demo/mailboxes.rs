//! The mailboxes of the demo: what delivery put into the folders of each person, as a mail program
//! shows it.
//!
//! Reads files and writes none. Start with [`Mailboxes::list`].

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use mail_parser::{HeaderValue, Message, MessageParser};

use super::organisation::{PEOPLE, Player};
use crate::delivery::maildir::mailbox;
use crate::mail::Address;
use crate::mail::mailto::{Link, links_of};

/// Mails shown of one mailbox, the newest; a demo that sends more has made its point.
const SHOWN_MAX: usize = 200;
/// What a list shows of a mail's text.
const PREVIEW_CHARS: usize = 90;

/// The mailboxes below one folder, and which mails were opened. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Mailboxes {
    root: Arc<PathBuf>,
    opened: Arc<Mutex<HashSet<i64>>>,
}

/// A mail in a list.
#[derive(Debug)]
pub(super) struct Listed {
    pub id: i64,
    pub opened: bool,
    pub mail: ShownMail,
}

/// A mail as its recipient sees it.
#[derive(Debug, Clone)]
pub(super) struct ShownMail {
    /// The sender's display name, or their address.
    pub from: String,
    pub from_address: String,
    /// The address it came to.
    pub to: &'static str,
    pub on_pager: bool,
    pub subject: String,
    pub at: Option<DateTime<Utc>>,
    pub preview: String,
    pub text: String,
    pub html: Option<String>,
    /// Where an answer goes.
    pub reply_to: Option<Address>,
    /// Without brackets.
    pub message_id: Option<String>,
    pub references: Vec<String>,
    /// The quick actions, in the order of the letter.
    pub actions: Vec<Link>,
}

impl Mailboxes {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root: Arc::new(root), opened: Arc::default() }
    }

    /// The newest mails of `player`, the newest first, and how many there are.
    pub(super) fn list(&self, player: &'static Player) -> (Vec<Listed>, usize) {
        let ids = self.ids(player);
        let count = ids.len();
        let listed = ids.into_iter().take(SHOWN_MAX).filter_map(|id| {
            Some(Listed { id, opened: self.is_opened(id), mail: self.read(player, id)? })
        });
        (listed.collect(), count)
    }

    /// How many mails `player` has.
    pub(super) fn count_of(&self, player: &'static Player) -> usize {
        self.ids(player).len()
    }

    /// How many mails of `player` were not opened yet.
    pub(super) fn count_unopened(&self, player: &'static Player) -> usize {
        self.ids(player).into_iter().filter(|id| !self.is_opened(*id)).count()
    }

    /// How many mails each of [`PEOPLE`] has.
    pub(super) fn counts(&self) -> [usize; PEOPLE.len()] {
        PEOPLE.each_ref().map(|player| self.count_of(player))
    }

    /// The mail of `player` with this number; `None` when they have none.
    pub(super) fn read(&self, player: &'static Player, id: i64) -> Option<ShownMail> {
        player.addresses().find_map(|address| {
            let path = self.folder(address)?.join(format!("{id}.firebell"));
            read_shown(&fs::read(path).ok()?, address, player)
        })
    }

    /// From now on the mail is no news to its recipient.
    pub(super) fn open(&self, id: i64) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    fn is_opened(&self, id: i64) -> bool {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Rows of the outbox, after which the files are named; they rise with time.
    fn ids(&self, player: &'static Player) -> Vec<i64> {
        let folders = player.addresses().filter_map(|address| self.folder(address));
        let files = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        let mut ids: Vec<i64> = files
            .filter_map(|file| file.file_name().to_str()?.strip_suffix(".firebell")?.parse().ok())
            .collect();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids
    }

    fn folder(&self, address: &str) -> Option<PathBuf> {
        let address = Address::read(address).ok()?;
        Some(mailbox(&self.root, &address).join("new"))
    }
}

fn read_shown(octets: &[u8], to: &'static str, player: &'static Player) -> Option<ShownMail> {
    let message = MessageParser::default().parse(octets)?;
    let (from, from_address) = sender(&message)?;
    let text = message.body_text(0).unwrap_or_default().replace("\r\n", "\n");
    let html = message.body_html(0).map(|html| html.into_owned());
    let actions = html.as_deref().map(links_of).unwrap_or_default();
    Some(ShownMail {
        from,
        from_address,
        to,
        on_pager: player.pager == Some(to),
        subject: message.subject().unwrap_or("(no subject)").to_owned(),
        at: message.date().and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0)),
        preview: preview(&text),
        text: text.trim_end().to_owned(),
        html,
        reply_to: reply_to(&message),
        message_id: message.message_id().map(str::to_owned),
        references: ids_of(message.references()),
        actions,
    })
}

fn sender(message: &Message<'_>) -> Option<(String, String)> {
    let from = message.from()?.first()?;
    let address = from.address()?.to_owned();
    let name = from.name().filter(|name| !name.is_empty()).unwrap_or(&address);
    Some((name.to_owned(), address.clone()))
}

fn reply_to(message: &Message<'_>) -> Option<Address> {
    let field = message.reply_to().or(message.from())?;
    Address::read(field.first()?.address()?).ok()
}

fn ids_of(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![id.to_string()],
        HeaderValue::TextList(ids) => ids.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// The beginning of the text on one line, as phones show it.
fn preview(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(PREVIEW_CHARS) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: INC-1 SEV-1 triage <incidents@example.org>\r\nTo: Alice Ng <alice@example.org>\r\n\
        Reply-To: <incidents+1.tok@example.org>\r\nSubject: [INC-1] Caf=?utf-8?q?=C3=A9?=\r\n\
        Message-ID: <m@example.org>\r\nReferences: <r@example.org> <q@example.org>\r\n\
        Date: Sat, 21 Nov 2026 14:05:00 +0100\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\
        SEV-1 declared\r\nnobody  commands\r\n--b\r\nContent-Type: text/html\r\n\r\n\
        <a href=\"mailto:incidents+1.tok@example.org?subject=x&#38;body=ack\">Yes</a>\r\n--b--\r\n";

    #[test]
    fn a_mailbox_has_the_mail_of_all_addresses_of_a_person_newest_first() {
        let root = tempfile::tempdir().unwrap();
        let from = Address::read("incidents@example.org").unwrap();
        for (id, to) in
            [(7, "alice@example.org"), (9, "alice@pager.example.org"), (8, "bob@example.org")]
        {
            let to = Address::read(to).unwrap();
            crate::delivery::maildir::write(root.path(), id, &from, &to, MAIL.as_bytes()).unwrap();
        }
        let mailboxes = Mailboxes::new(root.path().to_owned());
        let alice = Player::named("alice").unwrap();
        let (listed, count) = mailboxes.list(alice);
        assert_eq!((listed.iter().map(|one| one.id).collect::<Vec<_>>(), count), (vec![9, 7], 2));
        assert!(listed[0].mail.on_pager && !listed[1].mail.on_pager);
        mailboxes.open(9);
        assert_eq!((mailboxes.count_unopened(alice), mailboxes.counts()), (1, [2, 1, 0, 0, 0, 0]));
        assert!(mailboxes.read(alice, 8).is_none());
        assert!(mailboxes.list(Player::named("victor").unwrap()).0.is_empty());
    }

    #[test]
    fn a_mail_is_shown_as_its_recipient_sees_it() {
        let mail = read_shown(MAIL.as_bytes(), "alice@example.org", &PEOPLE[0]).unwrap();
        assert_eq!(mail.from, "INC-1 SEV-1 triage");
        assert_eq!(mail.preview, "SEV-1 declared nobody commands");
        assert_eq!(mail.reply_to.unwrap().as_str(), "incidents+1.tok@example.org");
        assert_eq!(mail.references, ["r@example.org", "q@example.org"]);
        assert_eq!(mail.actions[0].label, "Yes");
        assert_eq!(mail.actions[0].mailto.body, "ack");
    }
}
