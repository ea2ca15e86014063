//! `text/enriched` (RFC 1896) and the `text/richtext` before it (RFC 1341) as plain text: what some
//! Unix mail programmes still write.
//!
//! Only words and line ends come out of it. Start with [`read_text`].

/// A name of 60 octets behind its `/`. Looking further at each `<` would cost a square.
const COMMAND_OCTETS_MAX: usize = 61;

/// The words without their formatting: a single line end is a space, two are one.
pub(super) fn read_text(enriched: &str) -> String {
    let mut text = String::with_capacity(enriched.len());
    let (mut line_ends, mut hidden, mut unfilled) = (0, 0_usize, 0_usize);
    let mut rest = enriched;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        if c == '\n' && unfilled == 0 {
            line_ends += 1;
            rest = behind;
            continue;
        }
        if c == '\r' {
            rest = behind;
            continue;
        }
        match std::mem::take(&mut line_ends) {
            0 => {}
            1 if hidden == 0 => text.push(' '),
            many if hidden == 0 => text.extend(std::iter::repeat_n('\n', many - 1)),
            _ => {}
        }
        if c == '<' && !behind.starts_with('<') {
            let end = behind.bytes().take(COMMAND_OCTETS_MAX + 1).position(|octet| octet == b'>');
            let command = end.and_then(|end| Some((behind.get(..end)?, behind.get(end + 1..)?)));
            let Some((command, after)) = command.filter(|(command, _)| is_command(command)) else {
                text.push(c);
                rest = behind;
                continue;
            };
            let (name, ends) = match command.strip_prefix('/') {
                Some(name) => (name, true),
                None => (command, false),
            };
            let count = match name.to_ascii_lowercase().as_str() {
                "param" | "comment" => Some(&mut hidden),
                "nofill" => Some(&mut unfilled),
                "nl" | "paragraph" if name.eq_ignore_ascii_case("nl") || ends => {
                    text.push('\n');
                    None
                }
                "lt" => {
                    text.push('<');
                    None
                }
                _ => None,
            };
            if let Some(count) = count {
                *count = if ends { count.saturating_sub(1) } else { *count + 1 };
            }
            rest = after;
            continue;
        }
        if hidden == 0 {
            text.push(c);
        }
        // Two of them stand for one.
        rest = if c == '<' { &behind[1..] } else { behind };
    }
    text
}

/// RFC 1896 section 3: at most 60 letters, digits and hyphens.
fn is_command(command: &str) -> bool {
    let name = command.strip_prefix('/').unwrap_or(command);
    (1..=60).contains(&name.len())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_and_formatting_goes() {
        for (enriched, plain) in [
            (
                "<bold>Now</bold> is\nthe <<time>\n\nfor <x-thing>all</x-thing>.",
                "Now is the <time>\nfor all.",
            ),
            ("<color><param>red</param>Blood</color> is red", "Blood is red"),
            ("<nofill>a\n  b\n</nofill>c\r\n\r\n\r\nd", "a\n  b\nc\n\nd"),
            ("a <b and 3 < 4 > 2", "a <b and 3 < 4 > 2"),
            ("one<nl>two<lt>", "one\ntwo<"),
            ("<", "<"),
        ] {
            assert_eq!(read_text(enriched), plain);
        }
    }
}
