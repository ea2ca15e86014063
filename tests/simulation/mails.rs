//! The mails of a history: what people and strangers send; `machines` has the rest.
//!
//! Start with [`Writer::write`].

use std::net::IpAddr;
use std::sync::Arc;

use firebell::incident::Policy;
use firebell::intake::inbox::Arrival;
use firebell::mail::ids::Secret;
use firebell::mail::mailto::links_of;
use firebell::mail::message::read_mail;
use firebell::mail::{Address, Tag};
use firebell::store::rows::{Client, Outside, Route};

use super::chance::Chance;
use super::relay::Taken;
use crate::lines::LINES;

/// The roster's, but for the last two.
pub const PEOPLE: [&str; 6] =
    ["alice@example.org", "bob@example.org", "carol@example.org", "dana@example.org", VENDOR, STRANGER];
/// An expert in some histories.
const VENDOR: &str = "x@vendor.example";
/// Has to do with nothing.
pub const STRANGER: &str = "stranger@elsewhere.example";
const ROUTES: [Route; 3] = [Route::Smtp, Route::Lmtp, Route::Ingest];

/// Who is behind a mail, and what must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Proven to be of somebody known: what they wrote is in the timeline of this incident, once.
    Note(i64),
    /// Proves nothing, and is no report: it changes nothing but what waits for a `confirm`.
    Unproven,
    /// Somebody's; what comes of it depends.
    Other,
    /// A machine's: it is never answered, and changes nothing.
    Machine,
    /// A delivery report that is believed.
    Bounce,
}

/// A mail, before it is accepted.
#[derive(Debug, Clone)]
pub struct Mail {
    pub number: usize,
    /// For the figures.
    pub sort: &'static str,
    pub kind: Kind,
    pub arrival: Arrival,
}

/// Writes the mails of one history.
pub struct Writer {
    pub policy: Policy,
    pub secret: Secret,
    /// Some mail comes from hosts of strangers, about which DNS is asked.
    asks_dns: bool,
    pub(super) written: usize,
}

/// What a mail is made of.
pub(super) struct Draft {
    pub from: String,
    pub to: Vec<Address>,
    pub subject: String,
    /// Fields beside the usual ones, each with its line end.
    pub head: String,
    pub text: String,
    /// The name of a file that comes with it.
    pub file: Option<&'static str>,
    pub client: Client,
}

impl Writer {
    pub fn new(policy: Policy, secret: Secret, asks_dns: bool) -> Self {
        Self { policy, secret, asks_dns, written: 0 }
    }

    /// A mail of any sort; `taken` is what everybody has in their mailbox.
    pub fn write(&mut self, taken: &[Arc<Taken>], chance: &mut Chance) -> Mail {
        match chance.below(20) {
            0..4 => self.report(chance),
            4 | 5 => self.note(chance),
            6 | 7 => self.machine(taken, chance),
            8 if chance.percent(60) => self.nonsense(chance),
            9..12 => self.quick_answer(taken, chance),
            _ => self.reply(taken, chance),
        }
    }

    /// The same mail by another route.
    pub fn again(mail: &Mail, chance: &mut Chance) -> Mail {
        let mut again = Mail { sort: "a second copy", ..mail.clone() };
        again.arrival.route = chance.one_of(&ROUTES);
        let received = b"Received: from a.example by b.example; Wed, 18 Nov 2026 09:00:00 +0100\r\n";
        again.arrival.octets.splice(0..0, received.iter().copied());
        again
    }

    fn report(&mut self, chance: &mut Chance) -> Mail {
        let from = chance.one_of(&PEOPLE);
        let subject =
            format!("{} rack {} burns", chance.one_of(&["SEV1", "SEV-2:", "sev3", ""]), self.written);
        let tag = chance.one_of(&["", "", "", "", "+drill", "+private", "+oncall", "+help"]);
        let client = self.client(from, 70, chance);
        let sort = match (tag, from == STRANGER) {
            ("+oncall" | "+help", _) => "a question",
            (_, true) => "a stranger's report",
            _ if is_proven(&client) => "a report",
            _ => "an unproven report",
        };
        let lines = chance.below(2);
        let draft = Draft {
            from: from.to_owned(),
            to: vec![read_address(&format!("incidents{tag}@example.org"))],
            subject,
            head: String::new(),
            text: lines_of(lines, chance),
            file: file(chance),
            client,
        };
        self.mail(draft, sort, Kind::Other, chance)
    }

    /// A mail to the address of an incident, or of several, without a token.
    fn note(&mut self, chance: &mut Chance) -> Mail {
        let proven = chance.percent(50);
        self.note_of(if proven { 100 } else { 0 }, chance)
    }

    /// A mail to an incident that proves nothing.
    pub fn unproven_note(&mut self, chance: &mut Chance) -> Mail {
        self.note_of(0, chance)
    }

    fn note_of(&mut self, proven_percent: usize, chance: &mut Chance) -> Mail {
        let from = chance.one_of(&PEOPLE);
        let first = 1 + chance.below(3);
        let mut numbers = vec![first];
        if chance.percent(20) {
            numbers.push(1 + first % 3);
        }
        let address = |number: &usize| read_address(&format!("incidents+{number}@example.org"));
        let client = self.client(from, proven_percent, chance);
        let through_list = chance.percent(15);
        let sort = match () {
            () if from == STRANGER => "a stranger's note",
            () if client.outside.is_some() => "a note that DNS is asked about",
            () if !is_proven(&client) => "an unproven note",
            () if through_list => "a note through a list",
            () if numbers.len() > 1 => "a note to two incidents",
            () => "a note without a token",
        };
        let may_be_proven = is_proven(&client) || client.outside.is_some();
        let kind = if may_be_proven { Kind::Other } else { Kind::Unproven };
        let head = if through_list { "List-Id: <ops.lists.example>\r\n" } else { "" };
        let lines = chance.below(3);
        let draft = Draft {
            from: from.to_owned(),
            to: numbers.iter().map(address).collect(),
            subject: "Re: rack".to_owned(),
            head: head.to_owned(),
            text: lines_of(lines, chance),
            file: file(chance),
            client,
        };
        self.mail(draft, sort, kind, chance)
    }

    /// An answer to a mail that somebody got; now and then of somebody to whom it was passed on, or
    /// who made its token up.
    fn reply(&mut self, taken: &[Arc<Taken>], chance: &mut Chance) -> Mail {
        let Some(answered) = chosen(taken, chance) else { return self.report(chance) };
        let to =
            field(&answered.octets, "Reply-To").unwrap_or_else(|| "incidents@example.org".to_owned());
        let mut own = read_address(&to);
        let forged = chance.percent(8).then(|| with_forged_token(&own)).flatten();
        let passed_on = chance.percent(10);
        let from =
            if passed_on { chance.one_of(&PEOPLE).to_owned() } else { answered.recipient.to_string() };
        let known = self.policy.roster.member(&answered.recipient).is_some();
        let (sort, kind) = match self.policy.address.tag_of(&own) {
            _ if forged.is_some() => ("a reply with a forged token", Kind::Unproven),
            _ if passed_on => ("a reply with another's token", Kind::Other),
            Some(Tag::Incident { number, token: Some(_) }) if known => ("a reply", Kind::Note(number)),
            _ => ("a reply without a token", Kind::Other),
        };
        own = forged.unwrap_or(own);
        let lines = chance.below(4);
        let draft = Draft {
            from,
            to: vec![own],
            subject: format!("Re: {}", field(&answered.octets, "Subject").unwrap_or_default()),
            head: thread(answered),
            text: lines_of(lines, chance),
            file: file(chance),
            client: Client::default(),
        };
        self.mail(draft, sort, kind, chance)
    }

    /// What a link in a mail begins, sent as it stands.
    fn quick_answer(&mut self, taken: &[Arc<Taken>], chance: &mut Chance) -> Mail {
        let Some(answered) = chosen(taken, chance) else { return self.report(chance) };
        let links = links_of(&String::from_utf8_lossy(&answered.octets));
        if links.is_empty() {
            return self.reply(taken, chance);
        }
        let mailto = chance.one_of(&links).mailto;
        let sort = match mailto.body.trim() {
            "confirm" => "a quick `confirm`",
            "I have command" => "a quick `I have command`",
            _ => "a quick answer",
        };
        let draft = Draft {
            from: answered.recipient.to_string(),
            to: vec![read_address(&mailto.to)],
            subject: mailto.subject,
            head: String::new(),
            text: mailto.body,
            file: None,
            client: Client::default(),
        };
        self.mail(draft, sort, Kind::Other, chance)
    }

    /// Proves who sends in so many of a hundred times, otherwise not, or in a way that DNS is asked
    /// about.
    fn client(&self, from: &str, proven_percent: usize, chance: &mut Chance) -> Client {
        if chance.percent(proven_percent) {
            return match chance.percent(30) {
                true => Client { login: Some(read_address(from)), ..Client::default() },
                false => Client::of_trusted_network(),
            };
        }
        let asked = self.asks_dns && chance.percent(50);
        let outside = Outside { address: IpAddr::from([192, 0, 2, 1]), hello: "mx.example".to_owned() };
        Client { outside: asked.then_some(outside), ..Client::default() }
    }

    pub(super) fn mail(
        &mut self,
        draft: Draft,
        sort: &'static str,
        kind: Kind,
        chance: &mut Chance,
    ) -> Mail {
        self.written += 1;
        let number = self.written;
        let to: Vec<&str> = draft.to.iter().map(Address::as_str).collect();
        let (head, from, subject) = (draft.head, &draft.from, draft.subject);
        let text = format!("{}\n{}\n", draft.text, mark(number)).replace('\n', "\r\n");
        let head = format!(
            "From: {from}\r\nTo: {}\r\nSubject: {subject}\r\nMessage-ID: <{number}@people.example>\r\n\
             {head}",
            to.join(", ")
        );
        let octets = match draft.file {
            None => format!("{head}\r\n{text}"),
            Some(file) => format!(
                "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                 --b\r\n\r\n{text}\r\n--b\r\nContent-Type: text/csv\r\n\
                 Content-Disposition: attachment; filename={file}\r\n\r\n{number}\r\n--b--\r\n"
            ),
        };
        let arrival = Arrival {
            reverse_path: Some(draft.from),
            recipients: draft.to,
            client: draft.client,
            route: chance.one_of(&ROUTES),
            octets: octets.into_bytes(),
        };
        Mail { number, sort, kind, arrival }
    }
}

fn is_proven(client: &Client) -> bool {
    client.network_trusted || client.login.is_some()
}

fn file(chance: &mut Chance) -> Option<&'static str> {
    chance.percent(10).then(|| chance.one_of(&["lag.csv", "graph.csv"]))
}

fn lines_of(count: usize, chance: &mut Chance) -> String {
    (0..count).map(|_| format!("{}\n", chance.one_of(&LINES))).collect()
}

/// By which the words of a mail are found again.
pub fn mark(number: usize) -> String {
    format!("mark={number}; this is what we see")
}

/// A mail that a person got, rather a late one.
fn chosen<'a>(taken: &'a [Arc<Taken>], chance: &mut Chance) -> Option<&'a Taken> {
    let recent = &taken[taken.len().saturating_sub(12)..];
    let people: Vec<_> = recent
        .iter()
        .map(Arc::as_ref)
        .filter(|mail| PEOPLE.contains(&mail.recipient.as_str()))
        .collect();
    if people.is_empty() { None } else { Some(chance.one_of(&people)) }
}

/// The address with the last letter of its token changed; `None` where it has none.
fn with_forged_token(own: &Address) -> Option<Address> {
    let (local, domain) = own.as_str().split_once('@')?;
    let (before, token) = local.rsplit_once('.')?;
    let (rest, last) = token.split_at_checked(token.len().checked_sub(1)?)?;
    let other = if last == "a" { "b" } else { "a" };
    Address::read(&format!("{before}.{rest}{other}@{domain}")).ok()
}

pub(super) fn thread(answered: &Taken) -> String {
    let id = read_mail(&answered.octets, false).message_id.unwrap_or_default();
    format!("In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n")
}

pub(super) fn read_address(text: &str) -> Address {
    let bare = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    Address::read(bare.trim()).expect("an address that Firebell wrote")
}

/// A header field as it stands, unfolded.
pub(super) fn field(octets: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(octets);
    let head = text.split("\r\n\r\n").next()?.replace("\r\n ", " ");
    let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(|value| value.trim().to_owned())
}
