//! The text of an RTF body, unpacked (MS-OXRTFCP) and without its formatting (MS-OXRTFEX where it
//! encloses HTML).
//!
//! Only words and line ends come out of it. Start with [`decompress`], then [`text`].

use mail_parser::decoders::charsets::map::charset_decoder;

/// What unpacked texts are cut off at: as long as the largest message.
const OCTETS_MAX: usize = 10_240_000;
const COMPRESSED: u32 = 0x7546_5a4c;
const UNCOMPRESSED: u32 = 0x414c_454d;
const DICTIONARY_OCTETS: usize = 4_096;
/// Groups within each other; what lies deeper belongs to the last.
const GROUPS_MAX: usize = 1_000;

/// What the dictionary holds at the start (MS-OXRTFCP section 2.1.2.1).
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \
\\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\
\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// Groups that hold no text of the document.
const HIDDEN: &[&str] = &[
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "object",
    "header",
    "footer",
    "listtable",
    "listoverridetable",
    "generator",
    "themedata",
    "xmlnstbl",
];

/// The RTF of `PidTagRtfCompressed`.
pub(super) fn decompress(octets: &[u8]) -> Option<Vec<u8>> {
    let number =
        |at: usize| octets.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    let raw_octets = usize::try_from(number(4)?).ok()?.min(OCTETS_MAX);
    let packed = octets.get(16..)?;
    match number(8)? {
        UNCOMPRESSED => Some(packed.get(..raw_octets.min(packed.len()))?.to_vec()),
        COMPRESSED => Some(unpack(packed, raw_octets)),
        _ => None,
    }
}

fn unpack(packed: &[u8], raw_octets: usize) -> Vec<u8> {
    let mut dictionary = [0; DICTIONARY_OCTETS];
    dictionary.iter_mut().zip(DICTIONARY).for_each(|(to, from)| *to = *from);
    let mut at = DICTIONARY.len();
    let mut raw = Vec::new();
    let mut packed = packed.iter().copied();
    let mut put = |octet: u8, dictionary: &mut [u8; DICTIONARY_OCTETS], at: &mut usize| {
        raw.push(octet);
        if let Some(place) = dictionary.get_mut(*at) {
            *place = octet;
        }
        *at = (*at + 1) % DICTIONARY_OCTETS;
        raw.len() < raw_octets
    };
    'all: while let Some(control) = packed.next() {
        for bit in 0..8 {
            if control >> bit & 1 == 0 {
                let Some(octet) = packed.next() else { break 'all };
                if !put(octet, &mut dictionary, &mut at) {
                    break 'all;
                }
                continue;
            }
            let (Some(high), Some(low)) = (packed.next(), packed.next()) else { break 'all };
            let reference = usize::from(high) << 8 | usize::from(low);
            let (offset, length) = (reference >> 4, (reference & 0xf) + 2);
            if offset == at {
                break 'all;
            }
            for step in 0..length {
                let octet =
                    dictionary.get((offset + step) % DICTIONARY_OCTETS).copied().unwrap_or_default();
                if !put(octet, &mut dictionary, &mut at) {
                    break 'all;
                }
            }
        }
    }
    raw
}

/// What a group does to the words in it.
#[derive(Clone, Copy, Default)]
struct Group {
    is_hidden: bool,
    /// Characters that stand for a `\u` one in programmes that do not know it.
    skipped: usize,
}

/// The words of an RTF document, a line for a paragraph.
pub(super) fn text(rtf: &[u8]) -> String {
    let mut reader = Reader {
        rest: rtf,
        text: String::new(),
        undecoded: Vec::new(),
        charset: "windows-1252".to_owned(),
        group: Group { is_hidden: false, skipped: 1 },
        outer: Vec::new(),
        skip: 0,
    };
    reader.read();
    reader.flush();
    reader.text
}

struct Reader<'a> {
    rest: &'a [u8],
    text: String,
    /// Octets of the document's charset, which may need several for a character.
    undecoded: Vec<u8>,
    charset: String,
    group: Group,
    outer: Vec<Group>,
    skip: usize,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some((&octet, rest)) = self.rest.split_first() {
            self.rest = rest;
            match octet {
                b'{' if self.outer.len() < GROUPS_MAX => self.outer.push(self.group),
                b'}' => self.group = self.outer.pop().unwrap_or(self.group),
                b'\\' => self.read_control(),
                b'\r' | b'\n' | b'{' => {}
                _ => self.put_octet(octet),
            }
        }
    }

    fn read_control(&mut self) {
        let Some((&first, rest)) = self.rest.split_first() else { return };
        if !first.is_ascii_alphabetic() {
            self.rest = rest;
            match first {
                b'\'' => {
                    let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                    let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    self.rest = rest.get(2..).unwrap_or_default();
                    if let Some(octet) = octet {
                        self.put_octet(octet);
                    }
                }
                // A destination that old programmes shall pass over, and so do we.
                b'*' => self.group.is_hidden = true,
                b'~' => self.put('\u{a0}'),
                b'_' => self.put('-'),
                b'\\' | b'{' | b'}' => self.put_octet(first),
                b'\r' | b'\n' => self.put('\n'),
                _ => {}
            }
            return;
        }
        let end = self.rest.iter().position(|octet| !octet.is_ascii_alphabetic());
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let is_digit = |(at, octet): (usize, &u8)| octet.is_ascii_digit() || (at == 0 && *octet == b'-');
        let digits = rest.iter().enumerate().take_while(|digit| is_digit(*digit)).count();
        let (number, rest) = rest.split_at(digits);
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let number: Option<i64> = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok());
        let word = String::from_utf8_lossy(word);
        self.obey(&word, number);
    }

    fn obey(&mut self, word: &str, number: Option<i64>) {
        match (word, number) {
            ("par" | "line" | "row" | "sect" | "page", _) => self.put('\n'),
            ("tab" | "cell", _) => self.put('\t'),
            ("emdash", _) => self.put('—'),
            ("endash", _) => self.put('–'),
            ("bullet", _) => self.put('•'),
            ("lquote", _) => self.put('‘'),
            ("rquote", _) => self.put('’'),
            ("ldblquote", _) => self.put('“'),
            ("rdblquote", _) => self.put('”'),
            ("ansicpg", Some(number)) => self.charset = format!("windows-{number}"),
            ("uc", Some(number)) => self.group.skipped = usize::try_from(number).unwrap_or(1).min(8),
            ("u", Some(number)) => {
                // Negative above 32,767, and in surrogates beyond that, which are lost.
                let code = u32::try_from(if number < 0 { number + 65_536 } else { number });
                let c = code.ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
                self.put(c);
                self.skip = self.group.skipped;
            }
            _ if HIDDEN.contains(&word) => self.group.is_hidden = true,
            _ => {}
        }
    }

    fn put_octet(&mut self, octet: u8) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if !self.group.is_hidden {
            self.undecoded.push(octet);
        }
    }

    fn put(&mut self, c: char) {
        self.skip = 0;
        if !self.group.is_hidden {
            self.flush();
            self.text.push(c);
        }
    }

    fn flush(&mut self) {
        let octets = std::mem::take(&mut self.undecoded);
        match charset_decoder(self.charset.as_bytes()) {
            Some(decode) if !octets.is_ascii() => self.text.push_str(&decode(&octets)),
            _ => self.text.push_str(&String::from_utf8_lossy(&octets)),
        }
    }
}
