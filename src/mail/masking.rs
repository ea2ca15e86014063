//! Whole messages without the tokens of our addresses: for an export, which leaves the house.
//!
//! A token may stand in plain sight, behind a soft line break of quoted-printable, or in base64
//! (RFC 2045 section 6). Nothing is changed that holds none, so that signatures of other messages
//! stay valid. Start with [`OwnAddress::message_without_tokens`].

use data_encoding::BASE64;

use super::OwnAddress;

/// Characters of an encoded line (RFC 2045 sections 6.7 and 6.8), a soft break included.
const LINE_CHARS_MAX: usize = 76;
/// A run of base64 shorter than this holds no address of ours with a token.
const ENCODED_CHARS_MIN: usize = 24;

impl OwnAddress {
    /// A message, with every token of our addresses taken out.
    pub fn message_without_tokens(&self, octets: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(octets.len());
        let mut lines = octets.split_inclusive(|&octet| octet == b'\n').peekable();
        while let Some(line) = lines.next() {
            let joins = |line: &[u8]| is_base64(line) || content(line).ends_with(b"=");
            let mut group = vec![line];
            if is_base64(line) {
                while let Some(next) = lines.next_if(|next| is_base64(next)) {
                    group.push(next);
                }
                if self.mask_base64(&group, &mut kept) {
                    continue;
                }
            } else if joins(line) {
                while group.last().is_some_and(|last| content(last).ends_with(b"=")) {
                    let Some(next) = lines.next() else { break };
                    group.push(next);
                }
                if self.mask_quoted_printable(&group, &mut kept) {
                    continue;
                }
            }
            for line in group {
                self.mask_plain(line, &mut kept);
            }
        }
        kept
    }

    /// Messages may be in any charset, so what is no UTF-8 stays as it is.
    fn mask_plain(&self, octets: &[u8], kept: &mut Vec<u8>) {
        for chunk in octets.utf8_chunks() {
            kept.extend_from_slice(self.without_tokens(chunk.valid()).as_bytes());
            kept.extend_from_slice(chunk.invalid());
        }
    }

    /// Whether the lines are base64 with a token in it; then they are written without it.
    fn mask_base64(&self, lines: &[&[u8]], kept: &mut Vec<u8>) -> bool {
        let encoded: Vec<u8> = lines.iter().flat_map(|line| content(line)).copied().collect();
        if encoded.len() < ENCODED_CHARS_MIN {
            return false;
        }
        let Ok(decoded) = BASE64.decode(&encoded) else { return false };
        let masked = self.message_without_tokens(&decoded);
        if masked == decoded {
            return false;
        }
        let end = line_end(lines);
        for line in BASE64.encode(&masked).as_bytes().chunks(LINE_CHARS_MAX) {
            kept.extend_from_slice(line);
            kept.extend_from_slice(end);
        }
        true
    }

    /// Whether lines joined by soft breaks have a token in them; then they are written without it.
    fn mask_quoted_printable(&self, lines: &[&[u8]], kept: &mut Vec<u8>) -> bool {
        let mut joined = Vec::new();
        for line in lines {
            let content = content(line);
            joined.extend_from_slice(content.strip_suffix(b"=").unwrap_or(content));
        }
        let mut masked = Vec::with_capacity(joined.len());
        self.mask_plain(&joined, &mut masked);
        if masked == joined {
            return false;
        }
        let end = line_end(lines);
        let mut rest = masked.as_slice();
        while rest.len() > LINE_CHARS_MAX {
            // An escape of three characters is not cut in two.
            let room = LINE_CHARS_MAX - 1;
            let escape = rest.get(room - 2..room).and_then(|tail| tail.iter().position(|&c| c == b'='));
            let (line, behind) = rest.split_at(escape.map_or(room, |at| room - 2 + at));
            kept.extend_from_slice(line);
            kept.push(b'=');
            kept.extend_from_slice(end);
            rest = behind;
        }
        kept.extend_from_slice(rest);
        if lines.last().is_some_and(|line| line.ends_with(b"\n")) {
            kept.extend_from_slice(end);
        }
        true
    }
}

/// A line without its end.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn line_end(lines: &[&[u8]]) -> &'static [u8] {
    if lines.iter().any(|line| line.ends_with(b"\r\n")) { b"\r\n" } else { b"\n" }
}

fn is_base64(line: &[u8]) -> bool {
    let content = content(line);
    let padding = content.iter().rev().take_while(|&&octet| octet == b'=').count();
    let encoded = content.get(..content.len() - padding).unwrap_or_default();
    let is_of_it = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'+' || *octet == b'/';
    padding <= 2
        && !encoded.is_empty()
        && content.len().is_multiple_of(4)
        && encoded.iter().all(is_of_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Address;

    const TOKEN: &str = "abcdefghijklmnop";

    fn masked(text: &str) -> String {
        let own = OwnAddress::new(Address::read("incidents@example.org").unwrap(), '+');
        String::from_utf8(own.message_without_tokens(text.as_bytes())).unwrap()
    }

    #[test]
    fn a_token_is_found_in_every_encoding() {
        let words = format!("Write to incidents+42.{TOKEN}@example.org, please. ").repeat(3);
        assert!(!masked(&words).contains(TOKEN));
        let encoded: Vec<String> = BASE64
            .encode(words.as_bytes())
            .as_bytes()
            .chunks(76)
            .map(|line| format!("{}\r\n", String::from_utf8_lossy(line)))
            .collect();
        let part = format!("Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b\r\n", encoded.concat());
        let kept = masked(&part);
        let body = kept.split("\r\n\r\n").nth(1).unwrap().replace("\r\n", "");
        let decoded = String::from_utf8(BASE64.decode(body.as_bytes()).unwrap()).unwrap();
        assert_eq!(decoded, words.replace(&format!(".{TOKEN}"), ""));
        assert!(kept.lines().all(|line| line.len() <= 76) && kept.ends_with("\r\n--b\r\n"));
        let broken = format!(
            "a =3D b incidents+42.abcdef=\r\nghijklmnop@example.org {}=\r\nend\r\n",
            "=C3=BC".repeat(12)
        );
        let kept = masked(&broken);
        assert_eq!(
            kept.replace("=\r\n", ""),
            format!("a =3D b incidents+42@example.org {}end\r\n", "=C3=BC".repeat(12))
        );
        assert!(kept.lines().all(|line| line.len() <= 76), "{kept}");
    }

    #[test]
    fn what_holds_no_token_stays_as_it_was() {
        for text in [
            "",
            "no line end",
            "Subject: =?utf-8?Q?x=3D?=\r\n\r\na=\r\nb=",
            "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\nQUJD\n",
            "word\r\nwords\r\nabcd\r\nincidents+42@example.org",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
