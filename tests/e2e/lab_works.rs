//! The neighbours themselves: when these fail, no other failure here means anything.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use crate::support::chrome::Chrome;
use crate::support::lab::Lab;

#[test]
fn a_mail_goes_by_postfix_to_a_mailbox_and_is_read_there() {
    let lab = Lab::start(1);
    let message = "From: Dana <dana@people.test>\nTo: alice@people.test\nReply-To: a+b@example.test\n\
                   Subject: =?utf-8?q?caf=C3=A9?=\nMessage-ID: <1@people.test>\n\nhello\n.dot\n";
    lab.deliver("dana@people.test", &["alice@people.test"], message);
    let mut alice = lab.mailbox("alice");
    let mail = alice.wait_for("a mail from Dana", |mail| mail.from.contains("dana@"));
    assert_eq!(mail.subject, "café");
    assert_eq!(mail.text, "hello\n.dot\n");
    assert_eq!(mail.reply_to.as_deref(), Some("a+b@example.test"));
    assert_eq!(mail.message_id, "1@people.test");
    assert!(mail.raw.contains("Received:"));
    assert_eq!(alice.search("FROM dana UNSEEN"), [1], "reading leaves no mark");
    // The second arrives while the mailbox is open: the server tells of it.
    lab.deliver("dana@people.test", &["alice@people.test"], &message.replace("hello", "again"));
    assert!(alice.wait_until_count(2)[1].text.starts_with("again"));
}

#[test]
fn mail_for_the_product_goes_to_it_by_lmtp() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let lab = Lab::start(listener.local_addr().expect("an address").port());
    let (taken, received) = mpsc::channel();
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| take_by_lmtp(stream, &taken)));
    let message = "From: dana@people.test\nTo: incidents+42@example.test\nSubject: x\n\nhello\n";
    lab.deliver("dana@people.test", &["incidents+42@example.test"], message);
    let commands = received.recv_timeout(Duration::from_secs(60)).expect("the mail comes by LMTP");
    assert!(commands.contains("RCPT TO:<incidents+42@example.test>"), "{commands}");
    assert!(commands.contains("\r\nhello\r\n"), "{commands}");
}

/// The smallest LMTP server (RFC 2033) for one recipient; reports all it was told at the end.
fn take_by_lmtp(stream: TcpStream, taken: &Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut heard = String::new();
    let mut in_message = false;
    reader.get_mut().write_all(b"220 ready\r\n").expect("Postfix reads");
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).expect("Postfix writes") == 0 {
            break;
        }
        let answer = match line.trim_end() {
            "." if in_message => {
                in_message = false;
                "250 2.0.0 stored"
            }
            _ if in_message => "",
            "DATA" => {
                in_message = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        heard.push_str(&line);
        if !answer.is_empty() {
            reader.get_mut().write_all(format!("{answer}\r\n").as_bytes()).expect("Postfix reads");
        }
        if answer.starts_with("221") {
            break;
        }
    }
    // The test may have seen enough and be gone.
    let _ = taken.send(heard);
}

#[test]
fn a_browser_opens_a_page_and_a_click_follows_its_link() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Each on its own: one that stays silent must not keep the others waiting.
            thread::spawn(|| serve_page(stream));
        }
    });
    let chrome = Chrome::start();
    chrome.goto(&format!("http://{address}/"));
    assert_eq!(chrome.text(&chrome.find("h1")), "page /");
    let field = chrome.find("input");
    chrome.write(&field, "typed");
    chrome.click(&chrome.find_link("go on"));
    chrome.wait_for_text("page /next");
    assert_eq!(chrome.url(), format!("http://{address}/next"));
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("page.png");
    chrome.screenshot(&image);
    assert!(std::fs::read(image).expect("an image").starts_with(b"\x89PNG"));
}

/// Answers any path with a page that tells it.
fn serve_page(stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    // The browser opens connections in advance, on which nothing may ever come.
    if reader.by_ref().take(4096).read_line(&mut request).is_err() {
        return;
    }
    let Some(path) = request.split(' ').nth(1) else { return };
    let page = format!("<!doctype html><h1>page {path}</h1><input><p><a href=/next>please go on</a>");
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n", page.len());
    let _ = write!(reader.get_mut(), "{head}Connection: close\r\n\r\n{page}");
}
