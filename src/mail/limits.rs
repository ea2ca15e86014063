//! What a message may be made of before a parser is trusted with it.
//!
//! One linear pass over the octets that counts what could grow a parser's memory or stack. It
//! never understands a message: it counts generously, so that whatever passes is harmless. What
//! does not pass is kept and read by its header alone. Start with [`check`].

use super::header::header_end;

/// Postfix's `message_size_limit`: the largest message that is taken by any way.
pub const MESSAGE_OCTETS_MAX: usize = 10_240_000;
/// Postfix's `header_size_limit`; beyond it nobody's client reads on either.
pub const HEADER_OCTETS_MAX: usize = 102_400;
/// Ten times what the longest routes leave behind.
pub const HEADER_FIELDS_MAX: usize = 1_000;
/// A parser that keeps 600 octets a part stays below one megabyte.
pub const PARTS_MAX: usize = 1_000;
/// Postfix's `mime_nesting_limit`. The parser's values are dropped recursively, and a stack of
/// 2 MiB ends at about 4,000 levels.
pub const NESTING_MAX: usize = 100;
/// Why the parser gets no message within which another is encoded.
pub const ENCODED_MESSAGE: &str = "it holds an encoded message, which RFC 2046 section 5.2.1 forbids";
/// Comparisons with a boundary; an ordinary log of rules in a mail of three parts needs a tenth.
const COMPARISONS_MAX: usize = 10_000_000;
/// Double hyphens that might be boundaries of a kind we failed to see.
const HYPHEN_PAIRS_MAX: usize = 200_000;

/// Whether the message may be given to the parser.
///
/// # Errors
///
/// What there is too much of, for people to read.
pub fn check(octets: &[u8]) -> Result<(), &'static str> {
    let end = header_end(octets);
    if end > HEADER_OCTETS_MAX {
        return Err("its header is longer than 100 KiB");
    }
    let header = octets.get(..end).unwrap_or_default();
    let starts_field = |line: &&[u8]| line.first().is_some_and(|first| !first.is_ascii_whitespace());
    if header.split(|octet| *octet == b'\n').filter(starts_field).count() > HEADER_FIELDS_MAX {
        return Err("its header has more than 1,000 fields");
    }
    let boundaries = read_containers(octets)?;
    count_parts(octets, &boundaries)
}

/// Which fields the header block at hand has shown so far.
#[derive(Default)]
struct Block {
    in_content_type: bool,
    holds_message: bool,
    is_encoded: bool,
}

/// The boundaries that any line declares. A container that is declared counts as a level, whether
/// it lies within another or beside it: telling these apart is where parsers differ.
fn read_containers(octets: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let (mut boundaries, mut containers) = (Vec::new(), 0);
    let (mut block, mut has_digest, mut has_encoded) = (Block::default(), false, false);
    for line in octets.split(|octet| *octet == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            block = Block::default();
            continue;
        }
        let is_field = find(line, b"content-").is_some();
        if is_field {
            block.in_content_type = find(line, b"content-type").is_some();
            let encoded = find(line, b"base64").is_some() || find(line, b"quoted-printable").is_some();
            block.is_encoded |= encoded && find(line, b"transfer-encoding").is_some();
            has_encoded |= block.is_encoded;
        }
        if block.in_content_type {
            let message = find(line, b"message").is_some();
            if message || find(line, b"multipart").is_some() {
                containers += 1;
            }
            // The headers of a message (RFC 6522 section 4) are text.
            let is_message = find(line, b"rfc822").is_some() && find(line, b"rfc822-headers").is_none();
            block.holds_message |= is_message || find(line, b"global").is_some();
            has_digest |= find(line, b"digest").is_some();
        }
        // A parameter may stand on a line of its own.
        if let Some(at) = find(line, b"boundary") {
            let rest = line.get(at + b"boundary".len()..).unwrap_or_default().trim_ascii_start();
            if rest.first() == Some(&b'*') {
                return Err("a boundary in it is split or encoded (RFC 2231)");
            }
            if let Some(value) = rest.strip_prefix(b"=") {
                boundaries.extend(read_boundary(value.trim_ascii_start()));
            }
        }
        if containers > NESTING_MAX || boundaries.len() > NESTING_MAX * 2 {
            return Err("it has more than 100 containers within each other");
        }
        // The encoding would hide what the message within is made of.
        if block.holds_message && block.is_encoded || has_digest && has_encoded {
            return Err(ENCODED_MESSAGE);
        }
    }
    Ok(boundaries)
}

/// The value up to where any parser may end it: counting the shorter one counts more.
fn read_boundary(value: &[u8]) -> Option<Vec<u8>> {
    let ends = |octet: &u8| matches!(*octet, b'"' | b';' | b'\\') || octet.is_ascii_whitespace();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let end = value.iter().position(ends).unwrap_or(value.len());
    let value = value.get(..end).unwrap_or_default();
    (!value.is_empty()).then(|| value.to_vec())
}

fn count_parts(octets: &[u8], boundaries: &[Vec<u8>]) -> Result<(), &'static str> {
    let (mut parts, mut pairs, mut comparisons) = (0, 0, 0);
    for (at, pair) in octets.windows(2).enumerate() {
        if pair != b"--" {
            continue;
        }
        let rest = octets.get(at + 2..).unwrap_or_default();
        comparisons += boundaries.len();
        if boundaries.iter().any(|boundary| rest.starts_with(boundary)) {
            parts += 1;
        }
        if !boundaries.is_empty() && rest.first().is_some_and(|next| *next != b'-') {
            pairs += 1;
        }
        if parts > PARTS_MAX * 2 || pairs > HYPHEN_PAIRS_MAX || comparisons > COMPARISONS_MAX {
            return Err("it has more than 1,000 parts");
        }
    }
    if parts > PARTS_MAX { Err("it has more than 1,000 parts") } else { Ok(()) }
}

/// Where `needle`, in lower case, stands in `line` in any case. Lines beyond the header's limit are
/// looked at to their end as well: the cost is linear for the short needles used here.
fn find(line: &[u8], needle: &[u8]) -> Option<usize> {
    line.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Vec<u8> {
        b"Content-Type: message/rfc822\r\n\r\n".repeat(levels)
    }

    #[test]
    fn a_message_of_twenty_thousand_messages_never_reaches_the_parser() {
        assert!(check(&nested(NESTING_MAX)).is_ok());
        assert!(check(&nested(NESTING_MAX + 1)).is_err());
        assert!(check(&nested(22_000)).is_err());
        assert!(check(&b"Content-Type:\r\n message/rfc822\r\n\r\n".repeat(200)).is_err());
    }

    #[test]
    fn a_million_parts_never_reach_the_parser() {
        for separator in ["--b\n\n", "--b"] {
            let mut mail = b"Content-Type: multipart/mixed; boundary=b\n\n".to_vec();
            mail.extend(separator.repeat(1_000_000).bytes());
            assert!(check(&mail).is_err());
        }
    }

    #[test]
    fn each_limit_begins_behind_its_number() {
        let multipart = |parts: usize| {
            let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
            format!("{head}{}", "--b\r\n\r\nx\r\n".repeat(parts)).into_bytes()
        };
        let header = |octets: usize| {
            let frame = "X: \r\n".len();
            format!("X: {}\r\n\r\nbody", "y".repeat(octets - frame)).into_bytes()
        };
        let fields = |fields: usize| b"X: y\r\n".repeat(fields);
        type Made = Box<dyn Fn(usize) -> Vec<u8>>;
        let table: [(&str, Made, usize); 4] = [
            ("parts", Box::new(multipart), PARTS_MAX),
            ("octets of the header", Box::new(header), HEADER_OCTETS_MAX),
            ("fields", Box::new(fields), HEADER_FIELDS_MAX),
            ("containers", Box::new(nested), NESTING_MAX),
        ];
        for (what, made, most) in table {
            let passes = [most - 1, most, most + 1].map(|number| check(&made(number)).is_ok());
            assert_eq!(passes, [true, true, false], "{what}");
        }
    }

    #[test]
    fn a_bomb_behind_an_encoding_or_a_split_boundary_is_seen() {
        let encoded =
            "A: b\n\n--x\nContent-Transfer-Encoding: base64\nContent-Type: message/rfc822\n\nAAAA\n";
        assert!(check(encoded.as_bytes()).is_err());
        assert!(check(b"Content-Type: multipart/mixed; boundary*0=a;\n boundary*1=b\n\n").is_err());
    }

    #[test]
    fn the_header_has_a_length_and_a_number_of_fields() {
        assert!(check(&b"X: y\r\n".repeat(HEADER_FIELDS_MAX)).is_ok());
        assert!(check(&b"X: y\r\n".repeat(HEADER_FIELDS_MAX + 1)).is_err());
        assert!(check(format!("X: {}\r\n\r\n", "y".repeat(HEADER_OCTETS_MAX)).as_bytes()).is_err());
    }

    #[test]
    fn a_log_full_of_rules_is_an_ordinary_mail() {
        let log = format!("Subject: log\n\n{}", "-- step\n--------------\n".repeat(5_000));
        assert!(check(log.as_bytes()).is_ok());
    }
}
