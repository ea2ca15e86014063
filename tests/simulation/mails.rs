//! The mails of a history: what people, machines and strangers send.
//!
//! Start with [`Writer::write`].

use firebell::incident::Policy;
use firebell::intake::inbox::Arrival;
use firebell::mail::ids::Secret;
use firebell::mail::message::read_mail;
use firebell::mail::{Address, Tag};
use firebell::store::rows::{Client, Route};

use super::chance::Chance;
use super::relay::Taken;
use crate::lines::LINES;

/// The roster's, but for the last two.
pub const PEOPLE: [&str; 6] = [
    "alice@example.org",
    "bob@example.org",
    "carol@example.org",
    "dana@example.org",
    "x@vendor.example",
    "stranger@elsewhere.example",
];
const ROUTES: [Route; 3] = [Route::Smtp, Route::Lmtp, Route::Ingest];

/// Who is behind a mail, and what must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Proven to be of somebody known: what they wrote is in the timeline of this incident, once.
    Note(i64),
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
    pub kind: Kind,
    pub arrival: Arrival,
}

/// Writes the mails of one history.
pub struct Writer {
    pub policy: Policy,
    pub secret: Secret,
    written: usize,
}

impl Writer {
    pub fn new(policy: Policy, secret: Secret) -> Self {
        Self { policy, secret, written: 0 }
    }

    /// A mail of any kind; `taken` is what everybody has in their mailbox.
    pub fn write(&mut self, taken: &[Taken], chance: &mut Chance) -> Mail {
        match chance.below(10) {
            0 | 1 => self.report(chance),
            2 => self.note(chance),
            3 => self.machine(taken, chance),
            4 if chance.percent(30) => self.nonsense(chance),
            _ => self.reply(taken, chance),
        }
    }

    /// What a machine sends: an automatic reply, or a delivery report, which may be forged.
    pub fn machine(&mut self, taken: &[Taken], chance: &mut Chance) -> Mail {
        if taken.is_empty() {
            return self.report(chance);
        }
        let answered = &taken[chance.below(taken.len())];
        match chance.below(3) {
            0 => self.automatic_reply(answered, chance),
            1 => self.delivery_report(answered, true),
            _ => self.delivery_report(answered, false),
        }
    }

    /// The same mail by another route.
    pub fn again(mail: &Mail, chance: &mut Chance) -> Mail {
        let mut again = mail.clone();
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
        let to = format!("incidents{tag}@example.org");
        let lines = chance.below(2);
        self.mail(from, &to, &subject, "", lines, Kind::Other, chance.percent(70), chance)
    }

    fn note(&mut self, chance: &mut Chance) -> Mail {
        let from = chance.one_of(&PEOPLE);
        let number = 1 + chance.below(3);
        let to = format!("incidents+{number}@example.org");
        let lines = chance.below(3);
        self.mail(from, &to, "Re: rack", "", lines, Kind::Other, chance.percent(50), chance)
    }

    /// An answer to a mail that somebody got; now and then of somebody to whom it was passed on.
    fn reply(&mut self, taken: &[Taken], chance: &mut Chance) -> Mail {
        let Some(answered) = chosen(taken, chance) else { return self.report(chance) };
        let to =
            field(&answered.octets, "Reply-To").unwrap_or_else(|| "incidents@example.org".to_owned());
        let own = read_address(&to);
        let passed_on = chance.percent(10);
        let from =
            if passed_on { chance.one_of(&PEOPLE).to_owned() } else { answered.recipient.to_string() };
        let known = self.policy.roster.member(&answered.recipient).is_some();
        let kind = match self.policy.address.tag_of(&own) {
            Some(Tag::Incident { number, token: Some(_) }) if known && !passed_on => Kind::Note(number),
            _ => Kind::Other,
        };
        let subject = format!("Re: {}", field(&answered.octets, "Subject").unwrap_or_default());
        let lines = chance.below(4);
        self.mail(&from, own.as_str(), &subject, &thread(answered), lines, kind, false, chance)
    }

    fn automatic_reply(&mut self, answered: &Taken, chance: &mut Chance) -> Mail {
        let from = answered.recipient.to_string();
        let to = match chance.percent(50) {
            true => field(&answered.octets, "Reply-To")
                .unwrap_or_else(|| self.policy.address.address().to_string()),
            false => self.reverse_path(answered, true).to_string(),
        };
        let to = read_address(&to);
        let head = format!("{}Auto-Submitted: auto-replied\r\n", thread(answered));
        let mut mail = self.mail(
            &from,
            to.as_str(),
            "Automatic reply: away",
            &head,
            1,
            Kind::Machine,
            false,
            chance,
        );
        if chance.percent(50) {
            mail.arrival.reverse_path = None;
        }
        mail
    }

    fn delivery_report(&mut self, answered: &Taken, believed: bool) -> Mail {
        let path = self.reverse_path(answered, believed);
        self.written += 1;
        let number = self.written;
        let octets = format!(
            "From: Mail Delivery System <mailer-daemon@relay.example>\r\nTo: {path}\r\n\
             Message-ID: <report{number}@relay.example>\r\nSubject: Undelivered Mail Returned to Sender\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
             --b\r\n\r\nIt could not be delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; relay.example\r\n\r\nFinal-Recipient: rfc822; {}\r\nAction: failed\r\n\
             Status: 5.2.2\r\n--b--\r\n",
            answered.recipient
        );
        let arrival = Arrival {
            reverse_path: None,
            recipients: vec![path],
            client: Client::default(),
            route: Route::Smtp,
            octets: octets.into_bytes(),
        };
        Mail { number, kind: if believed { Kind::Bounce } else { Kind::Machine }, arrival }
    }

    fn reverse_path(&self, answered: &Taken, genuine: bool) -> Address {
        let mac = self.secret.bounce_mac(if genuine { answered.row } else { answered.row + 1 });
        self.policy.address.tagged(&format!("bounce.{}.{mac}", answered.row))
    }

    /// Octets that are hardly a mail.
    fn nonsense(&mut self, chance: &mut Chance) -> Mail {
        self.written += 1;
        let octets = (0..chance.below(300)).map(|_| chance.next() as u8).collect();
        let arrival = Arrival {
            reverse_path: Some("x@elsewhere.example".to_owned()),
            recipients: vec![read_address("incidents@example.org")],
            client: Client::default(),
            route: Route::Smtp,
            octets,
        };
        Mail { number: self.written, kind: Kind::Other, arrival }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a different part of one mail")]
    fn mail(
        &mut self,
        from: &str,
        to: &str,
        subject: &str,
        head: &str,
        lines: usize,
        kind: Kind,
        network_trusted: bool,
        chance: &mut Chance,
    ) -> Mail {
        self.written += 1;
        let number = self.written;
        let lines: String = (0..lines).map(|_| format!("{}\n", chance.one_of(&LINES))).collect();
        let octets = format!(
            "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{number}@people.example>\r\n\
             {head}\r\n{}\r\n{}\r\n",
            lines.replace('\n', "\r\n"),
            mark(number)
        );
        let arrival = Arrival {
            reverse_path: Some(from.to_owned()),
            recipients: vec![read_address(to)],
            client: Client { network_trusted, ..Client::default() },
            route: chance.one_of(&ROUTES),
            octets: octets.into_bytes(),
        };
        Mail { number, kind, arrival }
    }
}

/// By which the words of a mail are found again.
pub fn mark(number: usize) -> String {
    format!("mark={number}; this is what we see")
}

/// A mail that a person got, rather a late one.
fn chosen<'a>(taken: &'a [Taken], chance: &mut Chance) -> Option<&'a Taken> {
    let recent = &taken[taken.len().saturating_sub(12)..];
    let people: Vec<_> =
        recent.iter().filter(|mail| PEOPLE.contains(&mail.recipient.as_str())).collect();
    if people.is_empty() { None } else { Some(chance.one_of(&people)) }
}

fn thread(answered: &Taken) -> String {
    let id = read_mail(&answered.octets, false).message_id.unwrap_or_default();
    format!("In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n")
}

fn read_address(text: &str) -> Address {
    let bare = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    Address::read(bare.trim()).expect("an address that Firebell wrote")
}

/// A header field as it stands, unfolded.
fn field(octets: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(octets);
    let head = text.split("\r\n\r\n").next()?.replace("\r\n ", " ");
    let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(|value| value.trim().to_owned())
}
