//! Shifts as people and their calendar programmes meet them: asked for by mail, answered by mail, read
//! from an address that was mailed, by a parser that is not ours.
//!
//! Start with [`a_shift_taken_by_mail_is_in_the_calendar_that_was_mailed`].

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{TimeDelta, Utc};

use crate::support::chrome::Chrome;
use crate::support::ports::free_port;
use crate::support::server::{Relay, Server};
use crate::support::{http, smtp, wait};

/// How long a mail may take to be answered on a busy machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Prints what the calendar says, one event a line; fails on what is no calendar.
const READER: &str = "
import sys, icalendar
calendar = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
print(calendar['X-WR-CALNAME'])
for event in calendar.walk('VEVENT'):
    begins, ends = event['DTSTART'].dt, event['DTEND'].dt
    assert begins < ends and begins.tzinfo is not None and str(event['UID'])
    print(begins.isoformat(), ends.isoformat(), event['SUMMARY'])
";

#[test]
fn a_shift_taken_by_mail_is_in_the_calendar_that_was_mailed() {
    let mut server = Server::start(free_port(), &Relay::Maildir, "");
    let mut web_port = 0;
    server.configure(|written| {
        let listen = written.split("[web]\nlisten = \"127.0.0.1:").nth(1).expect("a page");
        web_port = listen.split('"').next().and_then(|port| port.parse().ok()).expect("its port");
        written.replace("[web]\n", &format!("[web]\nurl = \"http://127.0.0.1:{web_port}\"\n"))
    });
    let (from, until) = (Utc::now() + TimeDelta::days(2), Utc::now() + TimeDelta::days(3));
    let (from, until) = (from.format("%Y-%m-%d"), until.format("%Y-%m-%d"));
    let line = format!("Override: bob {from} 18:00 UTC to {until} 06:00 UTC");
    write(&server, "alice", "incidents+oncall@example.test", &line);

    let asked = mail(&server, "bob", "take a shift?");
    let reply_to = header(&asked, "Reply-To");
    assert!(reply_to.starts_with("incidents+swap."), "{asked}");
    write(&server, "bob", &reply_to, "confirm");
    mail(&server, "alice", "Shifts: agreed");
    let agreed = mail(&server, "bob", "Shifts: agreed").replace("=\r\n", "");

    let shown = server.output(&["oncall", "--at", &format!("{from}T20:00:00Z")]).stdout;
    let shown = String::from_utf8(shown).expect("text");
    assert_eq!(shown.lines().nth(1), Some("commands  Bob Okafor <bob@people.test>"), "{shown}");

    let url = agreed.split_whitespace().find(|word| word.contains("/shifts/person/bob/"));
    let path = url.and_then(|url| url.strip_prefix(&format!("http://127.0.0.1:{web_port}")));
    let path = path.expect("an address of a calendar").to_owned();
    let (status, calendar) = http::get(web_port, &path);
    assert_eq!(status, 200, "{calendar}");
    let event = format!("{from}T18:00:00+00:00 {until}T06:00:00+00:00 On call: commanders");
    let read = read_calendar(&calendar);
    assert_eq!(read, format!("On call, Bob Okafor\n{event}\n"), "{calendar}");
    let file = server.output(&["oncall", "--ical", "--person", "bob"]).stdout;
    assert_eq!(read_calendar(&String::from_utf8(file).expect("text")), read);
    for wrong in
        [path.replace("/bob/", "/alice/"), path.replace(".ics", "a.ics"), "/shifts/person/bob/".into()]
    {
        assert_eq!(http::get(web_port, &wrong).0, 404, "{wrong}");
    }
}

#[test]
fn the_page_of_who_is_on_call_is_readable_on_a_phone() {
    let server = Server::start(
        free_port(),
        &Relay::Maildir,
        "[[service]]\nname = \"payments\"\non_call = \"commanders\"\n",
    );
    let page = server.output(&["oncall", "--html"]).stdout;
    assert!(!String::from_utf8_lossy(&page).contains('@'), "an address is on the page");
    fs::write(server.path("oncall.html"), &page).expect("a page");
    // As wide as a small phone, whatever window the browser takes.
    let phone = "<iframe src=\"oncall.html\" width=\"320\" height=\"600\"></iframe>";
    fs::write(server.path("phone.html"), phone).expect("a page around it");
    let chrome = Chrome::start();
    chrome.goto(&format!("file://{}", server.path("phone.html").display()));
    chrome.enter_frame(&chrome.find("iframe"));
    chrome.wait_for_text("payments");
    chrome.wait_for_text("Alice Ng");
    let widths = chrome
        .evaluate("const page = document.documentElement; return [page.scrollWidth, page.clientWidth]");
    assert_eq!(widths[0], widths[1], "it is wider than the screen");
}

fn write(server: &Server, who: &str, to: &str, text: &str) {
    let from = format!("{who}@people.test");
    let message = format!(
        "From: {from}\nTo: {to}\nSubject: shifts\nMessage-ID: <{}@people.test>\n\n{text}\n",
        text.len() + to.len()
    );
    smtp::send(server.smtp_port, &from, &[to], &message).expect("accepted");
}

/// The mail with this in its subject that somebody got.
fn mail(server: &Server, who: &str, subject: &str) -> String {
    let folder: PathBuf = server.path("sent").join(format!("{who}@people.test")).join("new");
    wait::until(&format!("the mail `{subject}` to {who}"), ANSWER_WITHIN, || {
        let entries = fs::read_dir(&folder).ok()?;
        let mails = entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
        mails.into_iter().find(|mail| header(mail, "Subject").contains(subject))
    })
}

fn header(mail: &str, name: &str) -> String {
    let prefix = format!("{name}: ");
    let line = mail.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_default().trim().to_owned()
}

/// What Debian's own iCalendar library reads in it.
fn read_calendar(calendar: &str) -> String {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs: install the package `python3-icalendar`");
    let mut stdin = python.stdin.take().expect("its input");
    stdin.write_all(calendar.as_bytes()).expect("written");
    drop(stdin);
    let output = python.wait_with_output().expect("it ended");
    assert!(output.status.success(), "no calendar, or no `python3-icalendar`:\n{calendar}");
    String::from_utf8(output.stdout).expect("text")
}
