//! The Message-ID under which a relay passes a mail on, as far as its answer tells.
//!
//! Some relays give each mail an identifier of their own; an answer then names that one, and none of
//! ours. Never speaks to a relay. Start with [`ids_in_answer`].

use super::header::{read_message_id, read_message_ids};

/// Services whose answer holds the left side of the identifier that they write: how it begins behind
/// the codes, and the domain that they write it under. Amazon writes the region before it.
const SERVICES: [(&str, &str); 2] = [("ok ", "amazonses.com"), ("ok: queued as ", "mtasv.net")];

/// The identifiers, without brackets, that the relay's answer to a mail names (RFC 5321 section 4.2
/// leaves the text to it): `250 2.6.0 <id@domain> Queued mail for delivery`, or a service's own form.
pub fn ids_in_answer(answer: &str) -> Vec<String> {
    let mut ids: Vec<String> = read_message_ids(answer).collect();
    ids.extend(SERVICES.iter().filter_map(|(words, domain)| {
        let behind = behind_codes(answer);
        let start = behind.get(..words.len())?;
        let left = behind.get(words.len()..)?.split_whitespace().next()?;
        let is_one = start.eq_ignore_ascii_case(words) && is_left_side(left);
        is_one.then(|| format!("{left}@{domain}"))
    }));
    ids.iter()
        .map(|id| known_form(id))
        .filter(|id| read_message_id(&format!("<{id}>")).is_some())
        .collect()
}

/// The form of an identifier under which it is remembered and looked for: of a service that writes
/// the same one under the domains of its regions, the one of the service.
pub fn known_form(id: &str) -> String {
    let Some((left, right)) = id.rsplit_once('@') else { return id.to_owned() };
    let domain = right.to_ascii_lowercase();
    let service = SERVICES.iter().map(|(_, service)| *service).find(|service| {
        domain == *service || domain.strip_suffix(service).is_some_and(|rest| rest.ends_with('.'))
    });
    service.map_or_else(|| id.to_owned(), |service| format!("{left}@{service}"))
}

/// An answer without its reply code and enhanced status code.
fn behind_codes(answer: &str) -> &str {
    let is_code = |word: &str| word.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-');
    let mut rest = answer.trim_start();
    for _ in 0..2 {
        match rest.split_once(' ') {
            Some((word, behind)) if is_code(word) => rest = behind.trim_start(),
            _ => break,
        }
    }
    rest
}

/// As the services write it: hexadecimal groups, not a word of a sentence or a queue's short name.
fn is_left_side(word: &str) -> bool {
    word.len() >= 32
        && word.contains('-')
        && word.bytes().all(|octet| octet.is_ascii_hexdigit() || octet == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relays_own_identifier_is_found_in_its_answer() {
        const SES: &str = "0102018f2c1b7d3e-5a1b2c3d-1111-2222-3333-444455556666-000000";
        for (answer, id) in [
            (format!("250 Ok {SES}"), format!("{SES}@amazonses.com")),
            (
                "250 2.6.0 <ab12@EUR01.prod.example> [InternalId=1234, Hostname=x.example] 9 bytes Queued \
                 mail for delivery"
                    .to_owned(),
                "ab12@EUR01.prod.example".to_owned(),
            ),
            (
                "250 2.0.0 Ok: queued as 0b9e3f6a-1111-2222-3333-444455556666".to_owned(),
                "0b9e3f6a-1111-2222-3333-444455556666@mtasv.net".to_owned(),
            ),
        ] {
            assert_eq!(ids_in_answer(&answer), [id], "{answer}");
        }
        for answer in
            ["250 2.0.0 Ok: queued as 4XyZ12", "250 Ok", "", "250 2.0.0 OK 1700000000 x-v6si - gsmtp"]
        {
            assert!(ids_in_answer(answer).is_empty(), "{answer}");
        }
    }

    #[test]
    fn an_identifier_is_the_same_under_every_region() {
        for id in ["a@email.amazonses.com", "a@eu-west-1.amazonses.com", "a@AmazonSES.com"] {
            assert_eq!(known_form(id), "a@amazonses.com");
        }
        assert_eq!(known_form("a@notamazonses.com"), "a@notamazonses.com");
    }
}
