//! Reading alone: messages a second through `read_mail`, beside the parser alone on the same
//! octets; and what the worst messages of 10 MB cost, each in a process of its own.

use std::process::Command;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use firebell::mail::message::read_mail;
use mail_parser::MessageParser;

use crate::Outcome;

const SPAN: Duration = Duration::from_secs(2);
/// What `[receive.smtp]` takes at most, if nothing else is said.
const WORST_OCTETS: usize = 10 * 1024 * 1024;
/// Names the form that a process started by [`measure_worst`] reads.
const FORM: &str = "FIREBELL_BENCH_FORM";

/// Prints what is read a second of two usual replies.
pub fn measure() {
    println!("{:>24} {:>14} {:>20}", "replies of", "read/s", "parsed only/s");
    for (name, mail) in [("1.5 KB of text", text_reply()), ("20 KB of HTML", html_reply())] {
        let read = rate(|| drop(std::hint::black_box(read_mail(&mail, false))));
        let parsed = rate(|| drop(std::hint::black_box(MessageParser::default().parse(&mail))));
        println!("{name:>24} {read:>14.0} {parsed:>20.0}");
    }
}

fn rate(read: impl Fn()) -> f64 {
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < SPAN {
        (0..10).for_each(|_| read());
        count += 10;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// Prints time and peak memory for each form of the worst messages.
pub fn measure_worst() -> Outcome<()> {
    println!("{:>24} {:>10} {:>12} {:>12}", "10 MB of", "MB", "seconds", "peak MiB");
    for (name, _) in FORMS {
        let child = Command::new(std::env::current_exe()?).env(FORM, name).output()?;
        print!("{}", String::from_utf8(child.stdout)?);
        if !child.status.success() {
            return Err(format!("reading {name} ended with {}", child.status).into());
        }
    }
    Ok(())
}

/// In a process that [`measure_worst`] started: reads one message, prints its line, and says so.
pub fn read_worst_if_asked() -> Outcome<bool> {
    let Ok(wanted) = std::env::var(FORM) else { return Ok(false) };
    let (name, form) = FORMS.iter().find(|(name, _)| *name == wanted).ok_or("no such form")?;
    let mail = form();
    let begun = Instant::now();
    drop(std::hint::black_box(read_mail(&mail, false)));
    let (took, megabytes) = (begun.elapsed().as_secs_f64(), mail.len() as f64 / 1e6);
    println!("{name:>24} {megabytes:>10.1} {took:>12.2} {:>12.0}", peak()?);
    Ok(true)
}

/// The most memory that this process ever had, in MiB.
fn peak() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1_024.0)
}

/// Makes a message.
type Form = fn() -> Vec<u8>;

/// Each is what it is called, over and over.
const FORMS: &[(&str, Form)] = &[
    ("prose", || filled("text/plain", "It was slow since ten, and the queue grew to 1200.\r\n")),
    ("marks of quotation", || filled("text/plain", ">")),
    ("quoted lines", || filled("text/plain", "> a line that was quoted from before\r\n")),
    ("short quoted lines", || filled("text/plain", ">\r\n")),
    ("line ends", || filled("text/plain", "\r\n")),
    ("short lines", || filled("text/plain", "a\r\n")),
    ("one line", || filled("text/plain", "word ")),
    ("attributions", || filled("text/plain", "On 2 Apr 2012 at 18:26, M <m@x.example> wrote:\r\n")),
    ("header blocks", || filled("text/plain", "From: a@x.example\r\nSent: 1.1.2020 10:00\r\n")),
    ("openings in long lines", || filled("text/plain", &format!("{}:\r\n", "a On b".repeat(60)))),
    ("sign-offs", || filled("text/plain", "Thanks\r\nDana Okafor\r\n\r\n")),
    ("flowed lines", || filled("text/plain; format=flowed", "a \r\n")),
    ("nested divs", || filled("text/html", "<div>a")),
    ("nested quotations", || filled("text/html", "<blockquote class=gmail_quote>a")),
    ("nested tables", || filled("text/html", "<table><tr><td>a")),
    ("closed early", || filled("text/html", "<div><b class=gmail_quote></div>a")),
    ("line breaks", || filled("text/html", "<br>")),
    ("links", || filled("text/html", "<a href=\"https://x.example/1\">a</a> ")),
    ("attributes", || filled("text/html", &format!("<div {}>", "class=gmail_quote ".repeat(9)))),
    ("one tag's attributes", || filled("text/html", &format!("<p {}>", attributes(1_000_000)))),
    ("one attribute's classes", || {
        filled("text/html", &format!("<p class='{}'>a", "gmail_quot ".repeat(950_000)))
    }),
    ("character references", || filled("text/html", "&amp;")),
    ("unclosed comment", || filled("text/html", "<!-- a ")),
    ("encoded HTML", || {
        let html = "<p>It was slow <b>since</b> ten.</p>\r\n".repeat(WORST_OCTETS * 3 / 4 / 38);
        let encoded = BASE64.encode(html.as_bytes());
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let head = head("text/html\r\nContent-Transfer-Encoding: base64");
        format!("{head}{}", lines.join("\r\n")).into_bytes()
    }),
    ("wrongly labelled text", || filled("text/plain; charset=us-ascii", "caf\u{e9} \u{e9}\r\n")),
];

fn attributes(count: usize) -> String {
    (0..count).map(|number| format!("a{number}=b ")).collect()
}

fn filled(kind: &str, piece: &str) -> Vec<u8> {
    let head = head(kind);
    format!("{head}{}", piece.repeat((WORST_OCTETS - head.len()) / piece.len())).into_bytes()
}

fn head(kind: &str) -> String {
    format!(
        "Received: from mx.example.org by mail.example.org; Mon, 6 Jan 2025 10:00:00 +0100\r\n\
         From: Alice Ng <alice@example.org>\r\nTo: incidents+1@example.org\r\n\
         Subject: Re: [INC-1] checkout is slow\r\nDate: Mon, 6 Jan 2025 10:00:00 +0100\r\n\
         Message-ID: <2@example.org>\r\nIn-Reply-To: <1@example.org>\r\nMIME-Version: 1.0\r\n\
         Content-Type: {kind}\r\n\r\n"
    )
}

fn text_reply() -> Vec<u8> {
    let quoted = "> quoted line of the declaration that was sent before\r\n".repeat(16);
    format!(
        "{}The replica is lagging by some minutes:\r\nthe number of waiting jobs grew to 1200 \
         at 10:05.\r\n\r\nNext update: 45m\r\n\r\nBest regards,\r\nAlice Ng\r\n\r\n\
         On Mon, Jan 6, 2025 at 9:50 AM Incidents <incidents+1@example.org> wrote:\r\n{quoted}",
        head("text/plain; charset=utf-8")
    )
    .into_bytes()
}

fn html_reply() -> Vec<u8> {
    let paragraphs = |count: usize| -> String {
        let paragraph = |number: usize| {
            format!(
                "<p class=MsoNormal><span style='font-size:11.0pt'>Paragraph {number}: the replica \
                 lags &amp; waits, see <a href=\"https://x.example/{number}\">this</a>.</span></p>\r\n"
            )
        };
        (0..count).map(paragraph).collect()
    };
    format!(
        "{}<html><body><div dir=\"ltr\">{}</div><div class=\"gmail_quote\"><div class=\"gmail_attr\">\
         On Mon, Jan 6, 2025 Incidents wrote:</div><blockquote class=\"gmail_quote\">{}\
         </blockquote></div></body></html>\r\n",
        head("text/html; charset=utf-8"),
        paragraphs(15),
        paragraphs(125)
    )
    .into_bytes()
}
