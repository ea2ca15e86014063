//! Quick actions: `mailto:` links whose reply is written already and, sent back unchanged, does
//! what the link says (RFC 6068).

use crate::incident::Policy;
use crate::mail::Address;

/// Outlook and Gmail cut longer links; the subject gives way first.
const LINK_OCTETS_MAX: usize = 900;

/// Something the reader can do with one reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// `To take command`.
    pub label: String,
    /// The reply, complete as it is.
    pub reply: String,
    /// `mailto:…`, percent-encoded.
    pub link: String,
}

/// A reply to `to` under `subject`.
pub fn action(label: &str, reply: &str, to: &Address, subject: &str) -> Action {
    let body = percent(&reply.replace('\n', "\r\n"));
    let link = |subject: &str| {
        format!(
            "mailto:{}?subject={}&body={body}",
            percent_address(to),
            percent(&format!("Re: {subject}"))
        )
    };
    let full = link(subject);
    // The tag alone still finds the incident, and the address finds it in any case.
    let tag = subject.split_inclusive(']').next().unwrap_or_default();
    let link = if full.len() <= LINK_OCTETS_MAX { full } else { link(tag) };
    Action { label: label.to_owned(), reply: reply.to_owned(), link }
}

/// Where a reply goes: with the reader's token where the mail goes to persons.
pub fn reply_address(number: i64, to_persons: bool, policy: &Policy) -> Address {
    policy.address.of_incident(number, to_persons.then_some(crate::mail::compose::TOKEN_MARK))
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `@` stays, and `+`, which RFC 6068 section 5 leaves a plus.
fn percent_address(address: &Address) -> String {
    address
        .as_str()
        .split('@')
        .map(|part| percent(part).replace("%2B", "+"))
        .collect::<Vec<_>>()
        .join("@")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_encoded_as_rfc_6068_wants_it() {
        let to = Address::read("incidents+42.tok@example.org").unwrap();
        let action = action("Take command", "I have command\nack", &to, "[INC-42] A & B");
        assert_eq!(
            action.link,
            "mailto:incidents+42.tok@example.org?subject=Re%3A%20%5BINC-42%5D%20A%20%26%20B\
             &body=I%20have%20command%0D%0Aack"
        );
    }

    #[test]
    fn a_long_title_does_not_make_a_link_that_clients_cut() {
        let to = Address::read("incidents+42@example.org").unwrap();
        let action =
            action("Take command", "I have command", &to, &format!("[INC-42] {}", "事故".repeat(200)));
        assert!(action.link.len() <= LINK_OCTETS_MAX);
        assert!(action.link.contains("INC-42"));
    }
}
