//! Encoded words of a header (RFC 2047, with the language of RFC 2231 section 5), as they really come.
//!
//! Programmes split characters between two words, leave spaces and question marks bare, forget the
//! padding and name charsets wrongly; what cannot be read as a word stays as it was written. Start
//! with [`read_words`].

use mail_parser::decoders::base64::base64_decode;

use super::charset;

/// One encoded word, without its transfer encoding.
struct Word<'a> {
    charset: &'a str,
    octets: Vec<u8>,
}

/// The text of a field with its encoded words decoded.
pub(super) fn read_words(value: &str) -> String {
    let (mut text, mut rest) = (String::new(), value);
    // Adjacent words of one charset are decoded together: a character may be split between them.
    let mut open: Option<Word<'_>> = None;
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        let Some((word, behind)) = read_word(from) else {
            close(&mut text, open.take());
            text.push_str(before);
            text.push_str("=?");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        // White space between two encoded words belongs to neither (RFC 2047 section 6.2).
        let joins = open.is_some() && before.trim().is_empty();
        if !joins {
            close(&mut text, open.take());
            text.push_str(before);
        }
        match open.as_mut().filter(|last| last.charset.eq_ignore_ascii_case(word.charset)) {
            Some(last) => last.octets.extend(word.octets),
            None => {
                close(&mut text, open.take());
                open = Some(word);
            }
        }
        rest = behind;
    }
    close(&mut text, open);
    text.push_str(rest);
    text
}

fn close(text: &mut String, word: Option<Word<'_>>) {
    if let Some(word) = word {
        text.push_str(&charset::read_octets(word.charset, &word.octets));
    }
}

/// The word at the start of `from`, and what stands behind it.
fn read_word(from: &str) -> Option<(Word<'_>, &str)> {
    let (charset, rest) = from.strip_prefix("=?")?.split_once('?')?;
    let is_label = |c: char| c.is_ascii_alphanumeric() || "-_.:+*'()".contains(c);
    if charset.is_empty() || !charset.chars().all(is_label) {
        return None;
    }
    let (encoding, rest) = rest.split_once('?')?;
    let (encoded, behind) = rest.split_once("?=")?;
    // A forgotten end must not swallow the next word.
    if encoded.contains("=?") {
        return None;
    }
    let octets = match encoding {
        "q" | "Q" => read_q(encoded.as_bytes(), b' '),
        "b" | "B" => read_b(encoded)?,
        _ => return None,
    };
    let charset = charset.split('*').next().unwrap_or_default();
    Some((Word { charset, octets }, behind))
}

/// Octets of which some are written as `=` and two digits. An `=` that begins no octet stands for
/// itself, and an underscore for what it is given to mean.
pub(super) fn read_q(encoded: &[u8], underscore: u8) -> Vec<u8> {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let pair = behind.get(..2).filter(|_| *first == b'=').and_then(read_hex);
        match (first, pair) {
            (_, Some(octet)) => {
                octets.push(octet);
                rest = behind.get(2..).unwrap_or_default();
            }
            (b'_', None) => octets.push(underscore),
            (other, None) => octets.push(*other),
        }
    }
    octets
}

fn read_hex(pair: &[u8]) -> Option<u8> {
    let mut digits = pair.iter().map(|digit| char::from(*digit).to_digit(16));
    let value = digits.try_fold(0, |value, digit| Some(value * 16 + digit?))?;
    u8::try_from(value).ok()
}

/// White space within and missing padding are no matter.
fn read_b(encoded: &str) -> Option<Vec<u8>> {
    let mut digits: Vec<u8> =
        encoded.bytes().filter(|octet| !octet.is_ascii_whitespace() && *octet != b'=').collect();
    if digits.len() % 4 == 1 {
        // Six bits are no octet.
        digits.pop();
    }
    digits.resize(digits.len().next_multiple_of(4), b'=');
    base64_decode(&digits)
}

#[cfg(test)]
mod tests {
    use super::read_words;

    #[test]
    fn words_are_read_however_they_were_written() {
        for (written, meant) in [
            ("=?utf-8?q?caf=c3=a9_ist_zu?=", "café ist zu"),
            ("=?utf-8?q?caf=C3=A9 ist zu?=", "café ist zu"),
            ("=?utf-8?Q?caf=C3?=  =?utf-8?Q?=A9?= zu", "café zu"),
            ("=?utf-8?B?44OG44K544I=?= =?UTF-8?B?iOOBp+OBmQ==?=", "テスよです"),
            ("=?utf-8?q?=C3=A9?= =?iso-8859-1?q?=E9?=", "éé"),
            ("=?utf-8?b?Y2Fmw6k?= zu", "café zu"),
            ("=?utf-8?b?Y2F  mw6k=?= zu", "café zu"),
            ("=?utf-8*de?q?caf=C3=A9?=", "café"),
            ("\"=?utf-8?q?caf=C3=A9?=\" x", "\"café\" x"),
            ("Re:=?utf-8?q?caf=C3=A9?=", "Re:café"),
            ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
            ("=?utf-8?q?50=%_of_x?=", "50=% of x"),
            ("=?utf-8?q??= x", " x"),
            ("=?iso-8859-1?q?=93a=94_=80?=", "“a” €"),
            ("=?iso-8859-1?q?caf=C3=A9?=", "café"),
            ("=?us-ascii?q?caf=C3=A9?=", "café"),
            ("=?utf-8?q?caf=E9?=", "café"),
            ("=?cp-850?q?caf=82?=", "café"),
            ("=?ansi?q?caf=E9?=", "café"),
            ("=?x-unknown?q?caf=E9?=", "café"),
            ("=?unicode-1-1-utf-7?q?caf+AOk-?=", "café"),
            ("=?gb2312?B?1qe4tulG?=", "支付镕"),
        ] {
            assert_eq!(read_words(written), meant, "{written}");
        }
    }

    #[test]
    fn what_is_no_word_stays_as_it_was_written() {
        for written in [
            "a =?b?= c ?= =? d",
            "=?utf-8?q?caf=C3=A9",
            "=?utf-8?x?caf?=",
            "=??q?a?=",
            "=?",
            "is it =? or ?= here",
        ] {
            assert_eq!(read_words(written), written);
        }
        let behind = read_words("=?utf-8?q?lost end =?utf-8?q?caf=C3=A9?=");
        assert_eq!(behind, "=?utf-8?q?lost end café");
    }
}
