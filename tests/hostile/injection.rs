//! What others write stands in many fields of the mails that we send: none of it may become a header,
//! a recipient, a tag of HTML or a field of a `mailto:` link. Every mail is read by two parsers.
//!
//! The same history is played once with harmless words and once with each of the hostile ones; mails
//! of one purpose then have the same headers. Start with
//! [`no_word_of_others_becomes_a_header_a_recipient_or_a_tag`].

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use data_encoding::BASE64;
use mail_parser::{HeaderName, MessageParser, MimeHeaders};
use serde_json::Value;

use super::*;

const VICTIM: &str = "victim@evil.example";
const LISTS: &str = "[[list]]\nname = \"leadership\"\nmembers = [\"vp@example.org\"]\n\
    [[digest]]\nname = \"weekly\"\nto = [\"leadership\"]\nschedule = \"0 9 * * Mon\"\n";

/// What is written wherever somebody else chooses the words.
fn hostile() -> Vec<(&'static str, String)> {
    vec![
        ("harmless", "The queue of payments".to_owned()),
        ("line ends", format!("x\r\nBcc: {VICTIM}\r\n\r\nbody")),
        ("bare line ends", format!("x\nBcc: {VICTIM}\rCc: {VICTIM}\n\nbody")),
        ("folded", format!("x\r\n Bcc: {VICTIM}\r\n\tCc: {VICTIM}")),
        ("NUL", format!("x\0\r\nBcc: {VICTIM}\0")),
        ("other line ends", format!("x\u{2028}Bcc: {VICTIM}\u{2029}\u{85}Cc: {VICTIM}\u{b}\u{c}")),
        ("encoded twice", format!("=?utf-8?Q?x=0D=0ABcc:_{VICTIM}=0D=0A?= =?utf-8?B?DQpCY2M6IHg=?=")),
        ("addresses", format!("\\\" <{VICTIM}>, \"x\" <{VICTIM}>; (<{VICTIM}>")),
        (
            "HTML",
            "\"'><img src=x onerror=alert(1)><script>alert(1)</script></a><a href=\"//x".to_owned(),
        ),
        (
            "a link's fields",
            format!("x&bcc={VICTIM}?cc={VICTIM}%0D%0ABcc%3A%20{VICTIM}&amp;to={VICTIM}"),
        ),
        ("a template", "{{ 7 * 7 }} {% include \"x\" %} ${x}".to_owned()),
        ("both directions", "x\u{202e}gpj.exe\u{200b}\u{feff}\u{e0001}".to_owned()),
        ("overlong", "pneumonoultramicroscopic".repeat(400)),
        ("overlong and wide", "\u{1f525}\u{f6}".repeat(3_000)),
    ]
}

/// As a header of a mail that arrives can carry it: encoded, so that nothing is lost on the way.
fn encoded(text: &str) -> String {
    let chunks = text.chars().collect::<Vec<_>>();
    let words = chunks.chunks(12).map(|chunk| {
        let chunk: String = chunk.iter().collect();
        format!("=?utf-8?B?{}?=", BASE64.encode(chunk.as_bytes()))
    });
    words.collect::<Vec<_>>().join("\r\n ")
}

/// A body that carries any octets.
fn in_base64(text: &str) -> String {
    let encoded = BASE64.encode(text.as_bytes());
    let lines = encoded.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
    lines.collect::<Vec<_>>().join("\r\n")
}

/// Everything that somebody can write, with `words` in every place; returns all mails that went out.
async fn played(words: &str) -> Vec<Sent> {
    let mut server = Server::start(&format!("{ON_CALL}{LISTS}")).await;
    let mut sent = Vec::new();
    // Whoever is of the domain and in no roster has the name that they write.
    let zoe = format!("{} <zoe@example.org>", encoded(words));
    let subject = format!("Subject: {}", encoded(words));
    let plain = in_base64;
    let typed = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Transfer-Encoding: base64";
    let file = format!(
        "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b\r\nContent-Type: text/csv\r\n\
         Content-Disposition: attachment; filename=\"{}\"\r\n\r\n1\r\n--b--",
        plain(words),
        encoded(words)
    );
    server.hear(&zoe, PLAIN, &format!("{subject}\r\n{typed}"), &plain(words)).await;
    let mixed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b";
    for (from, more, text) in [
        (ALICE, subject.as_str(), "I have command".to_owned()),
        (zoe.as_str(), &subject, "join".to_owned()),
        (zoe.as_str(), &format!("{subject}\r\n{mixed}"), file),
    ] {
        server.hear(from, FIRST, more, &text).await;
        sent.extend(server.sent().await);
    }
    for line in [
        "Title: ",
        "Summary: ",
        "Impact: ",
        "Service: ",
        "Link: ",
        "Bridge: ",
        "Chat: ",
        "Doc: ",
        "Note: ",
        "Update: ",
        "Severty: ",
        "Expert: carol@vendor.example (",
        "Later: ",
        "Correct #1: ",
        "Severity: SEV-1\r\n\r\n",
        "Phase: identified\r\n\r\n",
        "IC: bob\r\n\r\n",
        "status\r\n\r\n",
        "Customers affected: yes\r\n\r\n",
        "What happened: ",
        "Resolved: ",
        "What happened: ",
        "Submit\r\n\r\n",
        "Publish\r\n\r\n",
        "Reopen: ",
        "Cancel: ",
    ] {
        let end = if line.ends_with('(') { ")" } else { "" };
        let text = plain(&format!("{line}{words}{end}\r\n"));
        let more = format!("{subject}\r\nIn-Reply-To: <{}@x>\r\n{typed}", encoded(words));
        server.hear(ALICE, FIRST, &format!("{more}\r\nX-Words: {}", encoded(words)), &text).await;
        server.engine.clock.advance(TimeDelta::minutes(4));
        server.engine.pass_deadlines().await.unwrap();
        sent.extend(server.sent().await);
    }
    let more = format!("{subject}\r\n{typed}");
    server.hear_unproven(&zoe, FIRST, &more, &plain(&format!("Title: {words}"))).await;
    server.hear_unproven(&zoe, PLAIN, &more, &plain(words)).await;
    let stranger = format!("{} <eve@away.example>", encoded(words));
    server.hear_unproven(&stranger, PLAIN, &more, &plain(words)).await;
    server.hear(&zoe, "incidents+help@example.org", &more, "help").await;
    server.hear(&zoe, "incidents+oncall@example.org", &more, "who").await;
    let forwarded =
        format!("{words}\r\n\r\n-----Original Message-----\r\nFrom: {words}\r\nSubject: {words}");
    server
        .hear(&zoe, PLAIN, &format!("Subject: Fwd: {}\r\n{typed}", encoded(words)), &plain(&forwarded))
        .await;
    sent.extend(server.sent().await);
    let row = server.engine.store.load_outbox(None, 1).await.unwrap()[0].id;
    server.engine.undelivered(row, Undelivered::Refused(words.to_owned())).await.unwrap();
    server.engine.meters.mailbox_failed(nine(), words);
    server.engine.send_digest("weekly", nine() + TimeDelta::days(7)).await.unwrap();
    for _ in 0..12 {
        server.engine.clock.advance(TimeDelta::minutes(5));
        server.engine.pass_deadlines().await.unwrap();
    }
    server.engine.watch_mailbox().await.unwrap();
    sent.extend(server.sent().await);
    sent
}

/// Fields in the order in which the raw octets have them, one line each.
fn fields(octets: &str) -> Vec<(String, String)> {
    let (head, _) = octets.split_once("\r\n\r\n").expect("a header and a body");
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        assert!(line.len() <= 998 && line.is_ascii(), "{line}");
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        match line.strip_prefix([' ', '\t']) {
            Some(more) => fields.last_mut().expect("a field before").1.push_str(more),
            None => {
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line:?}"));
                fields.push((name.to_lowercase(), value.trim().to_owned()));
            }
        }
    }
    fields
}

/// The text of a part that is read by people.
fn html_of(octets: &str) -> String {
    let parsed = MessageParser::new().parse(octets.as_bytes()).expect("a mail");
    parsed.body_html(0).map(|html| html.into_owned()).unwrap_or_default()
}

/// Tags are ours, and links go to us with nothing but a subject and a body.
fn check_html(what: &str, html: &str) {
    let lower = html.to_lowercase();
    for tag in ["<script", "<img", "<iframe", "<form", "javascript:", "<include"] {
        assert!(!lower.contains(tag), "{what}: {tag} in\n{html}");
    }
    for tag in lower.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap_or_default();
        assert!(!inside.contains(" on") || inside.contains("on-"), "{what}: an attribute in <{inside}>");
    }
    for href in html.split("href=\"").skip(1) {
        let href =
            href.split('"').next().unwrap_or_default().replace("&#38;", "&").replace("&amp;", "&");
        let Some(link) = href.strip_prefix("mailto:") else {
            assert!(
                href.starts_with("https://") || href.starts_with("http://") || href.starts_with("tel:")
            );
            continue;
        };
        let (to, query) = link.split_once('?').unwrap_or((link, ""));
        assert!(to.starts_with("incidents") && to.ends_with("@example.org"), "{what}: {href}");
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            assert!(["subject", "body", "cc"].contains(&name), "{what}: {href}");
            assert!(name != "cc" || value.starts_with("incidents"), "{what}: {href}");
            assert!(value.is_ascii() && !value.contains([' ', '"', '<', '>', '?']), "{what}: {href}");
            assert!(name != "subject" || !value.to_uppercase().contains("%0"), "{what}: {href}");
        }
    }
}

/// What Python's email package finds in all of these.
fn beside(folder: &std::path::Path) -> BTreeMap<String, Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile/parse.py");
    let output = Command::new("python3").arg(script).arg(folder).output();
    let output = output.expect("python3 is there: install the Debian package python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON");
    let read = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    read.map(|value| (value["name"].as_str().expect("a name").to_owned(), value)).collect()
}

#[tokio::test]
async fn no_word_of_others_becomes_a_header_a_recipient_or_a_tag() {
    let folder = tempfile::tempdir().unwrap();
    let mut mails = BTreeMap::new();
    // The headers that a mail of each purpose may have; what differs is whether it answers a mail.
    let mut usual: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (what, words) in hostile() {
        let sent = played(&words).await;
        let mut purposes = BTreeSet::new();
        for (count, mail) in sent.into_iter().enumerate() {
            let purpose = format!("{:?}", mail.purpose);
            let name = format!("{}-{count:03}", what.replace([' ', '\''], "-"));
            let mut names: Vec<String> =
                fields(&mail.octets).into_iter().map(|(name, _)| name).collect();
            names.sort();
            let once: BTreeSet<&String> = names.iter().collect();
            assert_eq!(once.len(), names.len(), "{what}: {names:?}");
            if what == "harmless" {
                usual.entry(purpose.clone()).or_default().insert(names);
            } else if let Some(usual) = usual.get(&purpose) {
                assert!(usual.contains(&names), "{what}, {purpose}: {names:?}");
            }
            purposes.insert(purpose);
            assert_ne!(mail.to, VICTIM, "{what}: {}", mail.octets);
            check_html(what, &html_of(&mail.octets));
            std::fs::write(folder.path().join(format!("{name}.eml")), &mail.octets).unwrap();
            mails.insert(name, mail);
        }
        println!("{what}: {purposes:?}");
        assert!(purposes.len() >= 15, "{what}: {purposes:?}");
    }
    let read = beside(folder.path());
    assert_eq!(read.len(), mails.len());
    for (name, mail) in &mails {
        let python = &read[name];
        let list = |key: &str| -> Vec<&str> {
            python[key].as_array().unwrap().iter().filter_map(Value::as_str).collect()
        };
        let parsed = MessageParser::new().parse(mail.octets.as_bytes()).expect("a mail");
        let found: Vec<String> =
            parsed.headers().iter().map(|header| header.name.as_str().to_lowercase()).collect();
        assert_eq!(found, list("headers"), "{name}");
        assert_eq!(found, list("headers_old"), "{name}");
        assert_eq!(list("defects"), Vec::<&str>::new(), "{name}");
        let parts: Vec<String> = parsed
            .parts
            .iter()
            .map(|part| {
                let kind = part.content_type().expect("a type");
                format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_lowercase()
            })
            .collect();
        assert_eq!(parts, list("parts"), "{name}");
        for field in ["From", "To", "Cc", "Bcc", "Reply-To", "Sender"] {
            let header = parsed.header(HeaderName::from(field)).and_then(|value| value.as_address());
            let mut by_parser: Vec<String> = header
                .map(|list| list.iter().filter_map(|one| one.address()).map(str::to_owned).collect())
                .unwrap_or_default();
            by_parser.sort();
            let by_python: Vec<&str> = python["addresses"][field]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            assert_eq!(by_parser, by_python, "{name}: {field}");
            assert!(by_parser.iter().all(|address| address != VICTIM), "{name}: {by_parser:?}");
            assert!(by_parser.len() <= 1, "{name}: {field} {by_parser:?}");
        }
        let subject = python["subject"].as_str().unwrap();
        assert!(!subject.chars().any(char::is_control), "{name}: {subject:?}");
        assert_eq!(parsed.subject().unwrap_or_default(), subject, "{name}");
    }
}
