//! Addresses: the addr-spec of a mailbox, and the subaddresses of our own.
//!
//! Never looks a person up and never talks to a server. Start with [`Address::read`] for
//! somebody else's address and [`OwnAddress::tag_of`] for one of ours.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::header;

/// The longest local part we take or make (RFC 5321 section 4.5.3.1.1).
pub const LOCAL_PART_OCTETS_MAX: usize = 64;
/// The longest path without its brackets (RFC 5321 section 4.5.3.1.3).
pub const ADDRESS_OCTETS_MAX: usize = 254;

/// An addr-spec (RFC 5322 section 3.4.1) as it was written, such as `Dana@ops.example`.
///
/// Compared without regard to case: RFC 5321 section 2.4 lets a host tell `Dana` from `dana`,
/// none that people use does, and a person known by one must be known by the other. What is
/// handed to the relay is the spelling that was given.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `@`, an empty side, or an octet that an unquoted addr-spec cannot have.
    #[error("is not an address: expected something like dana@example.org")]
    Syntax,
    /// Longer than RFC 5321 section 4.5.3.1 allows.
    #[error("is longer than an address can be (64 octets before the @, 254 in all)")]
    TooLong,
}

impl Address {
    /// Reads an addr-spec without display name or brackets.
    ///
    /// Quoted local parts, source routes and address literals are refused: nobody's mailbox
    /// has one today, and each was a way round an address check somewhere.
    ///
    /// # Errors
    ///
    /// [`AddressError::Syntax`] and [`AddressError::TooLong`], both the writer's to mend.
    pub fn read(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Syntax)?;
        if local.len() > LOCAL_PART_OCTETS_MAX || text.len() > ADDRESS_OCTETS_MAX {
            return Err(AddressError::TooLong);
        }
        let local_ok = !local.is_empty()
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(|c| {
                c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || !c.is_ascii()
            })
            && !local.chars().any(|c| c.is_whitespace() || header::disturbs_line(c));
        let domain_ok = !domain.is_empty()
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c.is_alphabetic())
            });
        if local_ok && domain_ok { Ok(Self(text.to_owned())) } else { Err(AddressError::Syntax) }
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the last `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// What stands behind the last `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The spelling under which all spellings of this address are found: in lower case, an
    /// international domain in its A-labels (RFC 5890 section 2.3.2.1), as other servers may write it.
    pub fn key(&self) -> String {
        if self.domain().is_ascii() {
            return self.0.to_lowercase();
        }
        format!("{}@{}", self.local_part().to_lowercase(), ascii_domain(self.domain()))
    }
}

/// Whether two spellings are one domain, in A-labels or in U-labels.
pub fn is_same_domain(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!(one.is_ascii() && other.is_ascii()) && ascii_domain(one) == ascii_domain(other))
}

/// A domain in A-labels; what cannot be written in them is only put in lower case.
fn ascii_domain(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0) || self.key() == other.key()
    }
}
impl Eq for Address {}
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Address {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}
impl TryFrom<String> for Address {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::read(&text)
    }
}
impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

/// The one configured address, of which all others are subaddresses (RFC 5233).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAddress {
    address: Address,
    separator: char,
}

/// What one of our addresses is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// The plain address: declare, or a reply that is recognised by its thread.
    Plain,
    /// Everything about one incident; the token proves which person was written to.
    Incident { number: i64, token: Option<String> },
    /// Declares a drill.
    Drill,
    /// Declares a private incident.
    Private,
    /// Monitoring systems; the secret proves that one was told the address.
    Alert { secret: Option<String> },
    /// Answers to the question about an alert.
    Ack { id: i64, token: String },
    /// Answers with who is on call, and takes overrides; the token proves which person was written to.
    OnCall { token: Option<String> },
    /// Answers to the question whether a shift may change hands.
    Swap { id: i64, token: String },
    /// Joins or leaves a list of ours; the token proves who was asked whether they want that, or takes
    /// its owner off the list.
    List { wish: ListWish, list: String, token: Option<String> },
    /// Answers with the one-page guide.
    Help,
    /// A report held for a known person to accept.
    Held { id: i64, token: String },
    /// Answers to a digest.
    Digest { id: i64, token: String },
    /// Reverse-path of a mail to one person (VERP).
    Bounce { outbox: i64, mac: String },
    /// Ours, but nothing that we know; what stood behind the separator.
    Unknown(String),
}

/// What somebody wants of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListWish {
    Join,
    Leave,
}

impl ListWish {
    /// As addresses have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Join => "subscribe",
            Self::Leave => "leave",
        }
    }
}

impl OwnAddress {
    /// `separator` stands between the local part and the tag; `+` almost everywhere.
    pub fn new(address: Address, separator: char) -> Self {
        Self { address, separator }
    }

    /// The plain address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What `address` is for; `None` when it is not ours.
    pub fn tag_of(&self, address: &Address) -> Option<Tag> {
        if !is_same_domain(address.domain(), self.address.domain()) {
            return None;
        }
        let own = self.address.local_part().to_lowercase();
        let local = address.local_part().to_lowercase();
        if local == own {
            return Some(Tag::Plain);
        }
        let tag = local.strip_prefix(&own)?.strip_prefix(self.separator)?;
        Some(read_tag(tag))
    }

    /// The subaddress with this tag, such as `incidents+42@example.org`.
    pub fn tagged(&self, tag: &str) -> Address {
        Address(format!(
            "{}{}{}@{}",
            self.address.local_part(),
            self.separator,
            tag,
            self.address.domain()
        ))
    }

    /// The address of an incident, with the token of one person where there is one.
    pub fn of_incident(&self, number: i64, token: Option<&str>) -> Address {
        match token {
            Some(token) => self.tagged(&format!("{number}.{token}")),
            None => self.tagged(&number.to_string()),
        }
    }
}

impl OwnAddress {
    /// `text` with the tokens taken out of our addresses, so that nobody who reads it can speak for
    /// somebody else: `incidents+42.TOKEN@example.org` becomes `incidents+42@example.org`.
    pub fn without_tokens(&self, text: &str) -> String {
        let local = self.address.local_part();
        let domain = self.address.domain();
        let mut kept = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            let (before, behind) = rest.split_at(at);
            let start = before
                .rfind(|c: char| !(c.is_ascii_alphanumeric() || "+-._=".contains(c)))
                .map_or(0, |start| start + before[start..].chars().next().map_or(0, char::len_utf8));
            let (words, tagged) = before.split_at(start);
            kept.push_str(words);
            let ours = behind.get(1..=domain.len()).is_some_and(|at| at.eq_ignore_ascii_case(domain))
                && tagged.get(..local.len()).is_some_and(|own| own.eq_ignore_ascii_case(local))
                && tagged[local.len()..].starts_with(self.separator);
            // What stands behind a dot of the tag is an id with its token, or the token alone.
            let shown = if ours {
                tagged[..local.len()].len() + tag_shown(&tagged[local.len()..])
            } else {
                tagged.len()
            };
            kept.push_str(&tagged[..shown]);
            kept.push('@');
            rest = &behind[1..];
        }
        kept.push_str(rest);
        kept
    }
}

/// How much of `+42.TOKEN` may be shown; of `+leave.LIST.TOKEN` the name of the list, too.
fn tag_shown(tag: &str) -> usize {
    let named = [ListWish::Join, ListWish::Leave].into_iter().find_map(|wish| {
        let before = wish.name().len() + 2;
        let is_wish = tag.get(1..before - 1).is_some_and(|name| name.eq_ignore_ascii_case(wish.name()));
        (is_wish && tag.get(before - 1..before) == Some(".")).then_some(before)
    });
    let behind = named.unwrap_or_default();
    tag.get(behind..).and_then(|rest| rest.find('.')).map_or(tag.len(), |dot| behind + dot)
}

fn read_tag(tag: &str) -> Tag {
    let unknown = || Tag::Unknown(tag.to_owned());
    let mut parts = tag.splitn(3, '.');
    let first = parts.next().unwrap_or_default();
    match (first, parts.next(), parts.next()) {
        ("drill", None, None) => Tag::Drill,
        ("private", None, None) => Tag::Private,
        ("alert", secret, None) => Tag::Alert { secret: secret.map(str::to_owned) },
        ("ack", Some(id), Some(token)) => {
            read_id(id).map_or_else(unknown, |id| Tag::Ack { id, token: token.to_owned() })
        }
        ("oncall", token, None) => Tag::OnCall { token: token.map(str::to_owned) },
        ("swap", Some(id), Some(token)) => {
            read_id(id).map_or_else(unknown, |id| Tag::Swap { id, token: token.to_owned() })
        }
        ("subscribe", Some(list), token) => list_tag(ListWish::Join, list, token),
        ("leave", Some(list), token) => list_tag(ListWish::Leave, list, token),
        ("help", None, None) => Tag::Help,
        ("held", Some(id), Some(token)) => {
            read_id(id).map_or_else(unknown, |id| Tag::Held { id, token: token.to_owned() })
        }
        ("digest", Some(id), Some(token)) => {
            read_id(id).map_or_else(unknown, |id| Tag::Digest { id, token: token.to_owned() })
        }
        ("bounce", Some(id), Some(mac)) => {
            read_id(id).map_or_else(unknown, |outbox| Tag::Bounce { outbox, mac: mac.to_owned() })
        }
        (number, token, None) => match read_id(number) {
            Some(number) => Tag::Incident { number, token: token.map(str::to_owned) },
            None => unknown(),
        },
        _ => unknown(),
    }
}

fn list_tag(wish: ListWish, list: &str, token: Option<&str>) -> Tag {
    Tag::List { wish, list: list.to_owned(), token: token.map(str::to_owned) }
}

/// A number as we write it: another spelling of it is somebody's own.
fn read_id(text: &str) -> Option<i64> {
    text.parse().ok().filter(|id: &i64| *id > 0 && id.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(separator: char) -> OwnAddress {
        OwnAddress::new(Address::read("incidents@example.org").unwrap(), separator)
    }
    fn tag(text: &str) -> Option<Tag> {
        own('+').tag_of(&Address::read(text).unwrap())
    }

    #[test]
    fn an_address_is_known_in_any_case() {
        assert_eq!(Address::read("Dana@Ops.example"), Address::read("dana@ops.EXAMPLE"));
    }

    #[test]
    fn an_international_domain_is_one_in_either_writing() {
        let [unicode, ascii] = ["ü@Bücher.example", "ü@xn--bcher-kva.example"].map(Address::read);
        assert_eq!(unicode, ascii);
        assert_eq!(unicode.unwrap().key(), "ü@xn--bcher-kva.example");
        assert_ne!(Address::read("ü@bücher.example"), Address::read("ü@bucher.example"));
        let own = OwnAddress::new(Address::read("incidents@bücher.example").unwrap(), '+');
        let written = Address::read("incidents+help@xn--bcher-kva.example").unwrap();
        assert_eq!(own.tag_of(&written), own.tag_of(&own.tagged("help")));
        assert!(own.tag_of(&written).is_some());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "dana",
            "@x.example",
            "dana@",
            "da na@x.example",
            "a@b@c.example",
            "a@-x.example",
            "\"a\"@x.example",
            "a..b@x.example",
            "a@x.example>",
            "a\u{0}@x.example",
            "a\u{9e}@x.example",
            "\u{202e}anad@x.example",
        ] {
            assert!(Address::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_subaddress_of_the_table_is_read() {
        let token = || Some("abcdefghijklmnop".to_owned());
        assert_eq!(tag("incidents@example.org"), Some(Tag::Plain));
        assert_eq!(tag("Incidents+42@Example.org"), Some(Tag::Incident { number: 42, token: None }));
        assert_eq!(
            tag("incidents+42.ABCDEFGHIJKLMNOP@example.org"),
            Some(Tag::Incident { number: 42, token: token() })
        );
        assert_eq!(tag("incidents+drill@example.org"), Some(Tag::Drill));
        assert_eq!(tag("incidents+alert@example.org"), Some(Tag::Alert { secret: None }));
        assert_eq!(
            tag("incidents+alert.ABC@example.org"),
            Some(Tag::Alert { secret: Some("abc".into()) })
        );
        assert_eq!(tag("incidents+alert.7.abc@example.org"), Some(Tag::Unknown("alert.7.abc".into())));
        assert_eq!(
            tag("incidents+ack.7.abc@example.org"),
            Some(Tag::Ack { id: 7, token: "abc".into() })
        );
        assert_eq!(
            tag("incidents+bounce.7.abc@example.org"),
            Some(Tag::Bounce { outbox: 7, mac: "abc".into() })
        );
        let list = |wish, token| Some(Tag::List { wish, list: "staff".into(), token });
        assert_eq!(tag("incidents+subscribe.Staff@example.org"), list(ListWish::Join, None));
        assert_eq!(
            tag("incidents+leave.staff.abcdefghijklmnop@example.org"),
            list(ListWish::Leave, token())
        );
        assert_eq!(tag("incidents+leave@example.org"), Some(Tag::Unknown("leave".into())));
        assert_eq!(tag("incidents+042@example.org"), Some(Tag::Unknown("042".into())));
        assert_eq!(tag("incidents+-1@example.org"), Some(Tag::Unknown("-1".into())));
        assert_eq!(tag("incidentsx@example.org"), None);
        assert_eq!(tag("incidents@elsewhere.example"), None);
    }

    #[test]
    fn a_damaged_return_address_is_no_other_return_address() {
        let secret = crate::mail::ids::Secret::new(&[7; 32]);
        let id = i64::MAX;
        let mac = secret.bounce_mac(id);
        let is_ours = |text: &str| match Address::read(text).ok().and_then(|path| own('+').tag_of(&path))
        {
            Some(Tag::Bounce { outbox, mac }) => {
                crate::mail::ids::same(&mac, &secret.bounce_mac(outbox)).then_some(outbox)
            }
            _ => None,
        };
        let whole = format!("incidents+bounce.{id}.{mac}@example.org");
        let local = whole.split('@').next().unwrap();
        assert!(local.len() <= 64, "RFC 5321 section 4.5.3.1.1: {}", local.len());
        assert_eq!(is_ours(&whole), Some(id));
        assert_eq!(is_ours(&whole.to_uppercase()), Some(id), "hosts fold the case of local parts");
        for cut in 1..local.len() {
            assert_eq!(is_ours(&format!("{}@example.org", &local[..cut])), None, "cut to {cut}");
        }
        for at in local.len() - mac.len()..local.len() {
            let other = if local.as_bytes()[at] == b'a' { "b" } else { "a" };
            let changed = format!("{}{other}{}@example.org", &local[..at], &local[at + 1..]);
            assert_eq!(is_ours(&changed), None, "{changed}");
        }
        for hacked in [
            format!("incidents%bounce.{id}.{mac}@example.org"),
            format!("incidents+bounce.{id}.{mac}%elsewhere.example@example.org"),
            format!("elsewhere.example!incidents+bounce.{id}.{mac}@example.org"),
            format!("incidents+bounce.{}.{mac}@example.org", id - 1),
            format!("incidents+bounce.0{id}.{mac}@example.org"),
            format!("incidents+bounce.+{id}.{mac}@example.org"),
            format!("incidents+bounce.{id}0.{mac}@example.org"),
            format!("incidents+bounce.-{id}.{mac}@example.org"),
            format!("incidents+bounce.{id}.{mac}{}@example.org", "a".repeat(64 - local.len())),
            format!("incidents+bounce.{id}.{mac}.{mac}@example.org"),
            format!("incidents+bounce.{id}.{mac}@elsewhere.example"),
        ] {
            assert_eq!(is_ours(&hacked), None, "{hacked}");
        }
    }

    #[test]
    fn a_token_is_taken_out_of_our_addresses_wherever_they_stand() {
        for (text, shown) in [
            ("write to incidents+42.abcdefgh@example.org.", "write to incidents+42@example.org."),
            ("<Incidents+42.ABCDEFGH@Example.org>", "<Incidents+42@Example.org>"),
            ("mailto:incidents+held.7.abcd@example.org?x", "mailto:incidents+held@example.org?x"),
            ("incidents+42@example.org, a@b.example", "incidents+42@example.org, a@b.example"),
            ("other+42.abcd@example.org", "other+42.abcd@example.org"),
            ("é@ @@ incidents+1.a@example.org@", "é@ @@ incidents+1@example.org@"),
            ("incidents+1.a@example.com", "incidents+1.a@example.com"),
            ("incidents+leave.staff@example.org", "incidents+leave.staff@example.org"),
            ("incidents+Leave.staff.abcd@example.org", "incidents+Leave.staff@example.org"),
            ("incidents+subscribe.staff.abcd@example.org", "incidents+subscribe.staff@example.org"),
            ("incidents+leaves.abcd@example.org", "incidents+leaves@example.org"),
            ("incidents+leave@example.org", "incidents+leave@example.org"),
        ] {
            assert_eq!(own('+').without_tokens(text), shown);
        }
        assert_eq!(own('-').without_tokens("incidents-1.a@example.org"), "incidents-1@example.org");
    }

    #[test]
    fn the_separator_is_a_key() {
        let address = own('-').of_incident(42, Some("tok"));
        assert_eq!(address.as_str(), "incidents-42.tok@example.org");
        assert_eq!(
            own('-').tag_of(&address),
            Some(Tag::Incident { number: 42, token: Some("tok".into()) })
        );
    }
}
