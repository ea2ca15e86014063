//! Wrappings as Outlook, S/MIME signers and newsreaders make them, and everything that is broken.

use proptest::prelude::*;

use super::*;
use crate::mail::Attachment;
use crate::mail::message::{InboundMail, read_mail};

/// A `winmail.dat` in the making.
struct Writer(Vec<u8>);

impl Writer {
    fn new() -> Self {
        Self([&0x223e_9f78_u32.to_le_bytes()[..], &[1, 0]].concat())
    }

    fn attribute(mut self, level: u8, id: u32, value: &[u8]) -> Self {
        let sum = value.iter().fold(0_u16, |sum, octet| sum.wrapping_add(u16::from(*octet)));
        self.0.push(level);
        self.0.extend(id.to_le_bytes());
        self.0.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        self.0.extend(value);
        self.0.extend(sum.to_le_bytes());
        self
    }
}

/// A list of properties, each with its kind and tag; the value is of variable length.
fn properties(list: &[(u16, u16, &[u8])]) -> Vec<u8> {
    let mut octets = u32::try_from(list.len()).unwrap().to_le_bytes().to_vec();
    for (kind, tag, value) in list {
        octets.extend(kind.to_le_bytes());
        octets.extend(tag.to_le_bytes());
        octets.extend(1_u32.to_le_bytes());
        octets.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        octets.extend(*value);
        octets.resize(octets.len().next_multiple_of(4), 0);
    }
    octets
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// A text, a spreadsheet and a message within, as Outlook wraps them.
fn winmail() -> Vec<u8> {
    let inner = Writer::new()
        .attribute(
            1,
            0x0006_9003,
            &properties(&[
                (0x1f, 0x0037, &utf_16("Re: cards")),
                (0x1f, 0x1000, &utf_16("Severity: SEV-1")),
            ]),
        )
        .0;
    let object = [&[0; 16][..], &inner].concat();
    Writer::new()
        .attribute(1, 0x0006_9007, &1252_u32.to_le_bytes())
        .attribute(
            1,
            0x0006_9003,
            &properties(&[
                (0x1f, 0x0037, &utf_16("cards")),
                (0x102, 0x1013, b"<p>The vendor replaces the card.</p>"),
            ]),
        )
        .attribute(2, 0x0006_9002, &[0; 14])
        .attribute(2, 0x0001_8010, b"CARDS~1.XLS\0")
        .attribute(2, 0x0006_800f, b"cells")
        .attribute(2, 0x0006_9005, &properties(&[(0x1f, 0x3707, &utf_16("Cards – all.xlsx"))]))
        .attribute(2, 0x0006_9002, &[0; 14])
        .attribute(2, 0x0006_9005, &properties(&[(0x0d, 0x3701, &object)]))
        .0
}

/// A mail with a text, if there is one, and a part in base64.
fn mail(text: &str, header: &str, octets: &[u8]) -> InboundMail {
    let encoded = data_encoding::BASE64.encode(octets);
    let text = if text.is_empty() { String::new() } else { format!("--b\r\n\r\n{text}\r\n") };
    let mail = format!(
        "From: Dana <dana@ops.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{text}--b\r\n\
         {header}\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--b--\r\n"
    );
    read_mail(mail.as_bytes(), false)
}

fn names(mail: &InboundMail) -> Vec<&str> {
    mail.attachments.iter().map(|attachment| attachment.name.as_str()).collect()
}

const TNEF: &str = "Content-Type: application/ms-tnef; name=winmail.dat";

#[test]
fn outlooks_wrapping_is_opened() {
    let read = mail("", TNEF, &winmail());
    assert_eq!(read.new_text, "The vendor replaces the card.\n");
    assert_eq!(names(&read), ["Cards – all.xlsx", "Re cards.txt"]);
    let content = |at: usize| read.attachments[at].content.as_ref().unwrap().octets();
    // What a message within says is a file and no command.
    assert_eq!((content(0), content(1)), (&b"cells"[..], &b"Severity: SEV-1"[..]));
}

#[test]
fn beside_a_text_outlooks_own_says_nothing_new() {
    let read = mail("It is the card.", TNEF, &winmail());
    assert_eq!(read.new_text, "It is the card.\n");
    assert_eq!(names(&read), ["Cards – all.xlsx", "Re cards.txt"]);
}

#[test]
fn what_only_looks_like_a_wrapping_is_a_file() {
    assert_eq!(names(&mail("x", TNEF, b"something else")), ["winmail.dat"]);
    let smime = "Content-Type: application/pkcs7-mime; name=smime.p7m";
    assert_eq!(names(&mail("x", smime, b"something else")), ["smime.p7m"]);
}

#[test]
fn what_is_left_of_a_damaged_wrapping_is_read_and_the_whole_is_kept() {
    let whole = winmail();
    let mut ends = vec![6];
    while let Some(length) = ends.last().and_then(|end| whole.get(end + 5..end + 9)) {
        let length = u32::from_le_bytes(length.try_into().unwrap());
        ends.push(ends.last().unwrap() + 9 + usize::try_from(length).unwrap() + 2);
    }
    assert_eq!(ends.last(), Some(&whole.len()));
    let is_kept = |read: &InboundMail, octets: &[u8]| {
        let content =
            |file: &Attachment| file.content.as_ref().is_some_and(|kept| kept.octets() == octets);
        read.attachments.iter().any(|file| file.name.starts_with("winmail") && content(file))
    };
    // What is cut between two attributes is as good as whole.
    for cut in (0..whole.len()).filter(|cut| !ends.contains(cut)) {
        let octets = &whole[..cut];
        assert!(is_kept(&mail("", TNEF, octets), octets), "cut to {cut} octets");
    }
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let read = mail("", TNEF, &damaged);
    assert_eq!(read.new_text, "The vendor replaces the card.\n");
    assert_eq!(names(&read), ["Cards – all.xlsx", "Re cards.txt", "winmail, damaged.dat"]);
    assert!(is_kept(&read, &damaged));
    assert_eq!(
        names(&mail("", TNEF, &[&whole[..], b"\r\n"].concat())).len(),
        2,
        "a line end is no damage"
    );
}

#[test]
fn a_text_in_rtf_is_read() {
    let rtf = b"{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}}{\\*\\generator x;}\\f0 Caf\\'e9 \\u8364 ?5\\par\r\nopen\\{\\}}";
    let raw =
        [&[0; 4][..], &u32::try_from(rtf.len()).unwrap().to_le_bytes(), b"MELA", &[0; 4], rtf].concat();
    let tnef = Writer::new().attribute(1, 0x0006_9003, &properties(&[(0x102, 0x1009, &raw)])).0;
    assert_eq!(mail("", TNEF, &tnef).new_text, "Café €5\nopen{}\n");
}

#[test]
fn rtf_is_unpacked_as_its_specification_shows() {
    // MS-OXRTFCP section 3.1: "{\rtf1\ansi\ansicpg1252\pard hello world}\r\n".
    let packed = [
        0x2d, 0x00, 0x00, 0x00, 0x2b, 0x00, 0x00, 0x00, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7,
        0x03, 0x00, 0x0a, 0x00, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20,
        0x68, 0x65, 0x6c, 0x09, 0x00, 0x20, 0x62, 0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f,
        0xa0,
    ];
    let rtf = rtf::decompress(&packed).unwrap();
    assert_eq!(rtf, b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
    assert_eq!(rtf::text(&rtf), "hello world");
}

#[test]
fn a_file_within_the_text_is_a_file() {
    let text = "The log:\nbegin 644 a b.log\n%:&5L;&\\ \n`\nend\nand no more.\nbegin 644 of the notes\n";
    let mail = format!("From: dana@ops.example\n\n{text}");
    let read = read_mail(mail.as_bytes(), false);
    assert_eq!(read.new_text, "The log:\nand no more.\nbegin 644 of the notes\n");
    assert_eq!(names(&read), ["a b.log"]);
    assert_eq!(read.attachments[0].content.as_ref().unwrap().octets(), b"hello");
}

#[test]
fn a_file_in_yenc_or_base64_is_a_file() {
    let mut mail = b"From: dana@ops.example\n\nSee:\n=ybegin line=128 size=5 name=a.bin\n".to_vec();
    mail.extend(b"hello".iter().map(|octet| octet.wrapping_add(42)));
    mail.extend(b"=\x7d\n=yend size=6\nbegin-base64 644 b.bin\naGVsbG8=\n====\n");
    let read = read_mail(&mail, false);
    assert_eq!((read.new_text.as_str(), names(&read)), ("See:\n", vec!["a.bin", "b.bin"]));
    let content = |at: usize| read.attachments[at].content.as_ref().unwrap().octets();
    assert_eq!((content(0), content(1)), (&b"hello\x13"[..], &b"hello"[..]));
}

#[test]
fn half_a_file_within_the_text_is_text() {
    for text in [
        "begin 644 a.log\n%:&5L;&\\\n",
        "begin 644 a.log\nthe work\nend\n",
        "begin at once\nend\n",
        "=ybegin line=128 name=x\nabc\n",
        "begin-base64 644 a\nnot base64\n====\n",
    ] {
        let read = read_mail(format!("From: dana@ops.example\n\n{text}").as_bytes(), false);
        assert_eq!((read.new_text.as_str(), read.attachments.len()), (text, 0));
    }
}

#[test]
fn the_header_is_the_messages_whatever_is_wrapped() {
    // A signed entity that pretends to be a message of somebody else.
    let entity = b"From: vp@ops.example\r\nContent-Type: text/plain\r\n\r\nack\r\n";
    let tlv = |tag: u8, content: &[u8]| {
        assert!(content.len() < 128);
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    };
    let oid = |last: u8| tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, last]);
    let content = tlv(0x30, &[oid(1), tlv(0xa0, &tlv(4, entity))].concat());
    let signed = tlv(0x30, &[tlv(2, &[1]), tlv(0x31, &[]), content].concat());
    let cms = tlv(0x30, &[oid(2), tlv(0xa0, &signed)].concat());
    let mail = format!(
        "From: dana@ops.example\r\nSubject: x\r\nContent-Type: application/pkcs7-mime;\r\n name=smime.p7m\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        data_encoding::BASE64.encode(&cms)
    );
    let read = read_mail(mail.as_bytes(), false);
    assert_eq!(read.from.unwrap().address.as_str(), "dana@ops.example");
    assert_eq!((read.subject.as_str(), read.new_text.as_str()), ("x", "ack\n"));
    let nested = [0x30, 0x80].repeat(100_000);
    assert_eq!(cms::read(&nested), Cms::Unknown);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_octets_make_opening_panic(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        cms::read(&octets);
        tnef::read(&[&0x223e_9f78_u32.to_le_bytes()[..], &octets].concat());
        rtf::text(&octets);
        rtf::decompress(&[&[9, 0, 0, 0, 255, 255, 1, 0, b'L', b'Z', b'F', b'u', 0, 0, 0, 0], &octets[..]].concat());
        uuencode::take_out(&[b"begin 644 a\n", &octets[..]].concat());
    }

    #[test]
    fn no_damage_to_a_wrapping_makes_opening_panic(
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        end in any::<prop::sample::Index>(),
    ) {
        let mut octets = winmail();
        for (at, octet) in damages {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        tnef::read(&octets);
        octets.truncate(end.index(octets.len()));
        tnef::read(&octets);
    }
}
