//! Files that stand in a text, as mail had them before MIME and news has them still: uuencode,
//! in its old form and in base64 (POSIX), and yEnc.
//!
//! A file is taken for one only when it is whole, from its first line to its last; everything else
//! is text. Start with [`take_out`].

use super::Unpacked;

/// Files in one text.
const FILES_MAX: usize = 100;
/// The longest line of such a file with room to spare; yEnc has 997 at most.
const LINE_OCTETS_MAX: usize = 4_096;

/// The text without the files that stand in it; `None` when none does.
pub(super) fn take_out(octets: &[u8]) -> Option<(Vec<u8>, Vec<Unpacked>)> {
    let mut lines = Lines { rest: octets };
    let (mut text, mut files) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next() {
        let behind = lines.rest;
        let file = if files.len() < FILES_MAX { read_file(line, &mut lines) } else { None };
        match file {
            Some(file) => files.push(file),
            None => {
                lines.rest = behind;
                text.extend_from_slice(line);
            }
        }
    }
    (!files.is_empty()).then_some((text, files))
}

/// Lines with their ends.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end =
            self.rest.iter().position(|octet| *octet == b'\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(line)
    }
}

fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The file that `first` begins and `lines` go on with.
fn read_file(first: &[u8], lines: &mut Lines<'_>) -> Option<Unpacked> {
    let first = bare(first);
    if let Some(words) = first.strip_prefix(b"=ybegin ") {
        let at = words.windows(5).position(|window| window == b"name=")?;
        let octets = read_yenc(lines)?;
        return Some(unpacked(words.get(at + 5..)?, octets));
    }
    let (words, is_base64) = match first.strip_prefix(b"begin-base64 ") {
        Some(words) => (words, true),
        None => (first.strip_prefix(b"begin ")?, false),
    };
    let space = words.iter().position(|octet| *octet == b' ')?;
    let (mode, name) = words.split_at(space);
    let is_mode =
        (3..=4).contains(&mode.len()) && mode.iter().all(|octet| (b'0'..=b'7').contains(octet));
    if !is_mode || name.trim_ascii().is_empty() {
        return None;
    }
    let octets = if is_base64 { read_base64(lines) } else { read_uuencoded(lines) }?;
    Some(unpacked(name, octets))
}

fn unpacked(name: &[u8], octets: Vec<u8>) -> Unpacked {
    let name = String::from_utf8_lossy(name.trim_ascii()).trim_matches('"').to_owned();
    Unpacked { name, content_id: None, octets }
}

/// Lines of up to 45 octets, four characters for three, up to an empty one and `end`.
fn read_uuencoded(lines: &mut Lines<'_>) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut has_ended = false;
    loop {
        let line = bare(lines.next()?);
        if line == b"end" {
            return Some(octets);
        }
        if has_ended && !line.is_empty() {
            return None;
        }
        let Some((&first, digits)) = line.split_first() else {
            // Some write nothing in place of the space that stands for no octets.
            has_ended = true;
            continue;
        };
        if !(b' '..=b'`').contains(&first) {
            return None;
        }
        let count = usize::from((first - b' ') & 63);
        has_ended = count == 0;
        // Spaces at the end of a line may be lost; a checksum may stand there.
        let wanted = count.div_ceil(3) * 4;
        if digits.len() > wanted + 1 || digits.iter().any(|digit| !(b' '..=b'`').contains(digit)) {
            return None;
        }
        let digit = |at: usize| digits.get(at).map_or(0, |digit| (digit - b' ') & 63);
        for at in 0..count {
            let (group, place) = (at / 3 * 4, at % 3);
            octets.push(match place {
                0 => digit(group) << 2 | digit(group + 1) >> 4,
                1 => digit(group + 1) << 4 | digit(group + 2) >> 2,
                _ => digit(group + 2) << 6 | digit(group + 3),
            });
        }
    }
}

fn read_base64(lines: &mut Lines<'_>) -> Option<Vec<u8>> {
    let mut digits = Vec::new();
    loop {
        let line = bare(lines.next()?);
        if line == b"====" {
            return data_encoding::BASE64.decode(&digits).ok();
        }
        if !line.iter().all(|digit| digit.is_ascii_alphanumeric() || b"+/=".contains(digit)) {
            return None;
        }
        digits.extend_from_slice(line);
    }
}

/// Each octet plus 42; what a line cannot hold plus 64 again, behind a `=`.
fn read_yenc(lines: &mut Lines<'_>) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    loop {
        let line = bare(lines.next()?);
        if line.starts_with(b"=yend") {
            return Some(octets);
        }
        if line.starts_with(b"=ypart ") {
            continue;
        }
        if line.len() > LINE_OCTETS_MAX || line.starts_with(b"=ybegin ") {
            return None;
        }
        let mut line = line.iter();
        while let Some(&octet) = line.next() {
            octets.push(match octet {
                b'=' => line.next()?.wrapping_sub(64 + 42),
                _ => octet.wrapping_sub(42),
            });
        }
    }
}
