//! Names of files that are safe to show and to save under, and what is kept of many or large ones.

use proptest::prelude::*;

use super::*;
use crate::mail::message::read_mail;

#[test]
fn a_name_leads_out_of_no_folder() {
    for (given, name) in [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\log.txt", "log.txt"),
        ("a\u{202e}gpj.exe\r\n", "a gpj.exe"),
        ("..", "attachment"),
        (".bashrc", "bashrc"),
        ("graph.png. . ", "graph.png"),
        ("a\u{200b}b\u{feff}.txt", "ab.txt"),
        ("nul", "_nul"),
        ("Aux .txt", "_Aux .txt"),
        ("COM1.log", "_COM1.log"),
        ("lpt².log", "_lpt².log"),
        ("com10.log", "com10.log"),
        ("console.log", "console.log"),
        ("графік \"a\".png", "графік a.png"),
    ] {
        assert_eq!(safe_name(given), name, "{given:?}");
    }
}

#[test]
fn a_long_name_keeps_its_ending() {
    assert_eq!(safe_name(&"é".repeat(200)).len(), 200);
    let name = safe_name(&format!("{}.tar.gz", "é".repeat(200)));
    assert!(name.len() <= 200 && name.ends_with("é.gz"), "{name}");
    assert_eq!(safe_name(&format!("{}.{}", "a".repeat(150), "b".repeat(150))).len(), 200);
}

/// The names of a mail whose one file has this header.
fn named(header: &str) -> Vec<String> {
    let mail = format!(
        "From: dana@ops.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the \
         file.\r\n--b\r\n{header}\r\n\r\nYQ==\r\n--b--\r\n"
    );
    let mail = read_mail(mail.as_bytes(), false);
    mail.attachments.into_iter().map(|attachment| attachment.name).collect()
}

#[test]
fn a_name_is_read_however_it_is_encoded() {
    for (header, name) in [
        ("Content-Type: image/png; name=\"graph.png\"", "graph.png"),
        ("Content-Type: image/png\r\nContent-Disposition: attachment", "attachment.png"),
        ("Content-Type: application/x-thing", "attachment"),
        // RFC 2231, whole, in pieces, in pieces of which some are encoded, with another charset.
        ("Content-Disposition: attachment; filename*=UTF-8''%e2%82%ac%20rates.csv", "€ rates.csv"),
        ("Content-Disposition: attachment; filename*=iso-8859-1'de'St%F6rung.txt", "Störung.txt"),
        (
            "Content-Disposition: attachment;\r\n filename*0=\"a long \"; filename*1=\"name.txt\"",
            "a long name.txt",
        ),
        (
            "Content-Disposition: attachment;\r\n filename*0*=UTF-8''St%C3%B6;\r\n filename*1*=rung.txt",
            "Störung.txt",
        ),
        // RFC 2047 in a parameter, which RFC 2231 forbids and most programmes write.
        ("Content-Type: text/csv; name=\"=?UTF-8?Q?St=C3=B6rung=2Ecsv?=\"", "Störung.csv"),
        (
            "Content-Type: text/csv;\r\n name=\"=?UTF-8?B?U3TDtnI=?=\r\n =?UTF-8?B?dW5nLmNzdg==?=\"",
            "Störung.csv",
        ),
        ("Content-Disposition: attachment; filename==?UTF-8?Q?St=C3=B6rung.csv?=", "Störung.csv"),
        ("Content-Disposition: attachment; filename=\"Störung.csv\"", "Störung.csv"),
        // Broken ones.
        ("Content-Disposition: attachment; filename=../../a b.txt", "a b.txt"),
        ("Content-Disposition: attachment; filename*=\"UTF-8''St%C3%B6rung.txt\"", "Störung.txt"),
        ("Content-Disposition: attachment; filename*=UTF-8''%zz%.txt", "%zz%.txt"),
        ("Content-Disposition: attachment; filename=\"=?UTF-8?B?!!?=\"", "=UTF-8B!!="),
        ("Content-Disposition: attachment; filename=\"", "attachment"),
    ] {
        assert_eq!(named(header), [name], "{header}");
    }
}

#[test]
fn what_proves_the_author_is_no_file() {
    for header in [
        "Content-Type: application/pkcs7-signature; name=smime.p7s",
        "Content-Type: application/octet-stream; name=smime.p7s",
        "Content-Type: application/pgp-signature",
        "Content-Type: application/pgp-keys; name=OpenPGP_0x1234.asc",
        "Content-Disposition: attachment; filename=signature.asc",
    ] {
        assert!(named(header).is_empty(), "{header}");
    }
}

#[test]
fn a_message_within_is_a_file_called_by_its_subject() {
    let inner = "Subject: Re: a/b\r\n\r\nSeverity: SEV-1\r\n";
    let mail = format!(
        "From: dana@ops.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the \
         file.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}--b--\r\n"
    );
    let mail = read_mail(mail.as_bytes(), false);
    let [file] = &mail.attachments[..] else { panic!("{:?}", mail.attachments) };
    assert_eq!(file.name, "Re a b.eml");
    let kept = file.content.as_ref().unwrap().octets();
    assert_eq!(String::from_utf8_lossy(kept), inner.trim_end_matches("\r\n"));
    assert_eq!(mail.new_text, "See the file.\n");
}

#[test]
fn a_text_file_stays_in_its_own_charset() {
    let mail = b"From: dana@ops.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
        Content-Type: text/csv; charset=iso-8859-1; name=a.csv\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\nSt=F6rung;1\r\n--b\r\n\
        Content-Disposition: attachment; filename=b.txt\r\n\r\nSt\xf6rung\r\n--b--\r\n";
    let attachments = read_mail(mail, false).attachments;
    let kept: Vec<&[u8]> =
        attachments.iter().filter_map(|file| Some(file.content.as_ref()?.octets())).collect();
    assert_eq!(kept, [&b"St\xf6rung;1"[..], b"St\xf6rung"]);
}

#[test]
fn what_is_empty_locked_or_called_like_another_is_kept_as_it_came() {
    // The first octets of an archive whose one file is encrypted (bit 0 of its flags).
    let locked = "UEsDBBQAAQAIAAAAIQAAAAAAAAAAAAAAAAABAAAAYQ==";
    let files = [
        ("empty.log", "", ""),
        ("locked.zip", "base64", locked),
        ("same.log", "", "one"),
        ("same.log", "", "two"),
    ];
    let mut mail =
        "From: dana@ops.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
    for (name, encoding, content) in files {
        mail.push_str(&format!(
            "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: {encoding}\r\n\
             Content-Disposition: attachment; filename={name}\r\n\r\n{content}\r\n"
        ));
    }
    let attachments = read_mail(format!("{mail}--b--\r\n").as_bytes(), false).attachments;
    let kept: Vec<(&str, usize)> = attachments
        .iter()
        .map(|file| (file.name.as_str(), file.content.as_ref().unwrap().octets().len()))
        .collect();
    assert_eq!(kept, [("empty.log", 0), ("locked.zip", 31), ("same.log", 3), ("same.log", 3)]);
    assert_ne!(
        attachments[2].content.as_ref().unwrap().hash(),
        attachments[3].content.as_ref().unwrap().hash()
    );
}

#[test]
fn a_hundred_logos_are_no_files() {
    let logo = |number| {
        format!(
            "--b\r\nContent-Type: image/png; name=logo{number}.png\r\nContent-ID: <logo{number}@x>\r\n\
             Content-Disposition: inline; filename=logo{number}.png\r\n\r\npng{number}\r\n"
        )
    };
    let shown: String = (0..100).map(|number| format!("<img src=\"cid:logo{number}@x\">")).collect();
    let logos: String = (0..100).map(logo).collect();
    let mail = format!(
        "From: dana@ops.example\r\nContent-Type: multipart/related; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/html\r\n\r\n<p>It is back.</p><p>-- <br>Dana Fox<br>{shown}</p>\r\n\
         {logos}--b--\r\n"
    );
    let mail = read_mail(mail.as_bytes(), false);
    assert_eq!(mail.new_text.trim(), "It is back.");
    assert!(mail.attachments.is_empty(), "{:?}", mail.attachments);
}

#[test]
fn beyond_the_limits_only_the_name_is_kept() {
    let mut mail =
        "From: dana@ops.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
    for number in 0..=KEPT_MAX {
        mail.push_str(&format!(
            "--b\r\nContent-Disposition: attachment; filename={number}.log\r\n\r\nx\r\n"
        ));
    }
    let attachments = read_mail(format!("{mail}--b--\r\n").as_bytes(), false).attachments;
    assert_eq!(attachments.len(), KEPT_MAX + 1);
    let kept = attachments.iter().filter(|attachment| attachment.content.is_some());
    assert_eq!(kept.count(), KEPT_MAX);
    assert_eq!((attachments[KEPT_MAX].name.as_str(), attachments[KEPT_MAX].size_octets), ("100.log", 1));
}

#[test]
fn one_file_that_is_too_large_leaves_room_for_the_others() {
    let mut mail =
        "From: dana@ops.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
    for size in [KEPT_OCTETS_MAX + 1, 9_000_000, 9_000_000, 5] {
        let file = format!("{}\r\n", "x".repeat(size));
        mail.push_str(&format!("--b\r\nContent-Disposition: attachment; filename=a.log\r\n\r\n{file}"));
    }
    let attachments = read_mail(format!("{mail}--b--\r\n").as_bytes(), false).attachments;
    let kept: Vec<bool> = attachments.iter().map(|attachment| attachment.content.is_some()).collect();
    assert_eq!(kept, [false, true, false, true]);
}

proptest! {
    #[test]
    fn no_name_is_dangerous(given in "\\PC{0,300}|[a-z./\\\\ :\u{202e}\u{0}\u{7}]{0,40}") {
        let name = safe_name(&given);
        prop_assert!(!name.is_empty() && name.len() <= NAME_OCTETS_MAX + 1);
        let forbidden = |c: char| c.is_control() || "/\\:\u{202e}".contains(c);
        prop_assert!(!name.contains(forbidden), "{:?}", name);
        prop_assert!(!name.starts_with('.') && !name.ends_with(['.', ' ']), "{:?}", name);
    }
}
