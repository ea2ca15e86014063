//! The envelope of a message that came without one: what the MTA that delivered it wrote into its
//! header.
//!
//! Never decides what a message may do: anybody can write a header. Start with [`read_fields`].

use crate::mail::{Address, OwnAddress};

/// Fields of the envelope in a header that count.
const RECIPIENTS_MAX: usize = 100;
/// How far into a message the header is looked at; it may go on, as in a message by SMTP.
const HEADER_OCTETS_MAX: usize = 102_400;
/// Where MTAs write whom they delivered to.
const RECIPIENT_FIELDS: [&str; 5] =
    ["x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "x-forwarded-to"];

/// Return-Path, as the MTA wrote it; else the sender in its `From ` line; else the From field, for
/// a message that no MTA delivered. Empty is the null reverse-path.
pub(super) fn read_reverse_path(fields: &[(String, String)], from_line: Option<&str>) -> String {
    let field = |name| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    if let Some(path) = field("return-path") {
        return in_brackets(path).to_owned();
    }
    match from_line.and_then(|line| line.split_whitespace().next()) {
        Some(sender) if sender.eq_ignore_ascii_case("MAILER-DAEMON") => String::new(),
        Some(sender) if sender.contains('@') => sender.to_owned(),
        _ => field("from")
            .and_then(|value| Address::read(in_brackets(value)).ok())
            .map_or_else(String::new, String::from),
    }
}

/// Whom a message claims to be from, when its header has exactly one From field; nobody when that names
/// several or cannot be read.
pub(super) fn read_author(octets: &[u8]) -> Option<Address> {
    let fields = read_fields(octets);
    let mut named = fields.iter().filter(|(name, _)| name == "from");
    let (_, value) = named.next().filter(|_| named.next().is_none())?;
    Address::read(in_brackets(value)).ok()
}

/// Where the MTA says that it delivered to, as far as that is us; else the plain address.
pub(super) fn read_recipients(fields: &[(String, String)], own: &OwnAddress) -> Vec<Address> {
    let mut recipients: Vec<Address> = Vec::new();
    let named = fields.iter().filter(|(name, _)| RECIPIENT_FIELDS.contains(&name.as_str()));
    for (_, value) in named.take(RECIPIENTS_MAX) {
        let address = Address::read(in_brackets(value)).ok();
        let ours = address.filter(|address| own.tag_of(address).is_some());
        recipients.extend(ours.filter(|address| !recipients.contains(address)));
    }
    if recipients.is_empty() {
        recipients.push(own.address().clone());
    }
    recipients
}

fn in_brackets(value: &str) -> &str {
    let inner = value.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(value, |(inner, _)| inner).trim()
}

/// The header's fields, names in lower case, folded lines joined (RFC 5322 section 2.2.3).
pub(super) fn read_fields(octets: &[u8]) -> Vec<(String, String)> {
    let header = octets.get(..HEADER_OCTETS_MAX).unwrap_or(octets);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in header.split(|&octet| octet == b'\n') {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push_str(&line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim_end().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    fields
}
