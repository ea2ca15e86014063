//! Plain text as lines with their depth of quotation, `format=flowed` (RFC 3676) joined.

use std::borrow::Cow;

use super::{Line, push_line};

/// What RFC 3676 section 4 needs to know to join lines.
#[derive(Debug, Clone, Copy)]
pub(in crate::mail) struct Flowed {
    /// The space at a flowed line's end is not part of the text.
    pub del_sp: bool,
}

/// What somebody signed in the text itself (RFC 9580 section 7), without the armour around it and
/// the hyphens before its hyphens. The signature is not checked here.
pub(in crate::mail) fn without_armour(text: &str) -> Cow<'_, str> {
    const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
    let Some((before, armoured)) = text.split_once(SIGNED) else { return Cow::Borrowed(text) };
    let is_line = before.is_empty() || before.ends_with('\n');
    let Some((signed, signature)) =
        armoured.split_once("\n-----BEGIN PGP SIGNATURE-----").filter(|_| is_line)
    else {
        return Cow::Borrowed(text);
    };
    let after = signature.split_once("\n-----END PGP SIGNATURE-----").map_or("", |(_, after)| after);
    let mut plain = before.to_owned();
    // Fields such as `Hash` stand up to the first empty line.
    for line in signed.split('\n').skip(1).skip_while(|line| !line.trim().is_empty()).skip(1) {
        plain.push_str(line.strip_prefix("- ").unwrap_or(line));
        plain.push('\n');
    }
    plain.push_str(after);
    Cow::Owned(plain)
}

/// Lines as a mail client shows them.
pub(in crate::mail) fn read_lines(text: &str, flowed: Option<Flowed>) -> Vec<Line> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = one_line_end(text);
    // Blank lines at the end are no reason to look at none.
    let text = text.trim_end_matches(['\n', '\0']);
    let mut lines: Vec<Line> = Vec::new();
    let mut last: Option<Line> = None;
    let mut is_open = false;
    for raw in text.split('\n') {
        let raw = raw.replace('\0', "");
        let (depth, content) = strip_marks(&raw);
        let content =
            if flowed.is_some() { content.strip_prefix(' ').unwrap_or(content) } else { content };
        let is_delimiter = content == "-- ";
        match &mut last {
            // An empty line separates, even where the one above it ends in a space by accident.
            Some(last) if is_open && last.depth == depth && !is_delimiter && !content.is_empty() => {
                last.text.push_str(content)
            }
            _ => {
                let above = last.replace(Line::plain(content, depth));
                above.into_iter().for_each(|above| push_line(&mut lines, above));
            }
        }
        is_open = flowed.is_some() && content.ends_with(' ') && !is_delimiter;
        if is_open
            && flowed.is_some_and(|flowed| flowed.del_sp)
            && let Some(last) = &mut last
        {
            last.text.pop();
        }
    }
    last.into_iter().for_each(|last| push_line(&mut lines, last));
    while lines.last().is_some_and(|line| line.text.is_empty() && line.depth == 0) {
        lines.pop();
    }
    lines
}

/// Every line ended by `\n`: old gateways leave a CR alone, or put two before the LF.
fn one_line_end(text: &str) -> Cow<'_, str> {
    if !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        plain.push_str(&line.trim_end_matches('\r').replace('\r', "\n"));
        plain.push_str(end);
    }
    Cow::Owned(plain)
}

/// Takes the `>` off a line, and the spaces between them; the text keeps its own indent.
fn strip_marks(line: &str) -> (usize, &str) {
    let (mut depth, mut rest) = (0, line);
    loop {
        let bare = if depth == 0 { rest } else { rest.strip_prefix(' ').unwrap_or(rest) };
        match bare.strip_prefix('>') {
            Some(behind) => (depth, rest) = (depth + 1, behind),
            None if depth == 0 => return (0, line),
            None => return (depth, bare),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, flowed: Option<Flowed>) -> Vec<(usize, String)> {
        read_lines(text, flowed).into_iter().map(|line| (line.depth, line.text)).collect()
    }

    #[test]
    fn flowed_lines_are_one_and_a_signature_is_none_of_them() {
        let flowed = Some(Flowed { del_sp: false });
        let lines = shown(">> a \r\n>> b\r\nc \r\n-- \r\n  d\r\n", flowed);
        assert_eq!(lines, [(2, "a b".into()), (0, "c ".into()), (0, "-- ".into()), (0, " d".into())]);
        assert_eq!(shown("a \n\nb", flowed), [(0, "a ".into()), (0, "".into()), (0, "b".into())]);
        assert_eq!(shown("ab \ncd", Some(Flowed { del_sp: true })), [(0, "abcd".into())]);
    }

    #[test]
    fn a_carriage_return_ends_a_line_however_many_there_are() {
        let lines = [(0, "a".into()), (0, "b".into()), (0, "c".into())];
        assert_eq!(shown("a\rb\rc", None), lines);
        assert_eq!(shown("a\r\r\nb\r\nc\r\r\n", None), lines);
    }

    #[test]
    fn marks_are_counted_with_and_without_spaces() {
        assert_eq!(
            shown("> > a\n>>  b\n x > y", None),
            [(2, "a".into()), (2, " b".into()), (0, " x > y".into())]
        );
    }
}
