//! A small blocking IMAP reader (RFC 3501 with IDLE, RFC 2177): one mailbox, its mails in order.
//!
//! Never changes the mailbox. Start with [`Imap::wait_for`].

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longer than Dovecot ever needs to answer a command.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a mail may take from one end to the other on a busy machine.
const MAIL_WITHIN: Duration = Duration::from_secs(60);
/// IDLE is renewed this often, in case the kernel did not tell Dovecot about a file.
const IDLE_FOR: Duration = Duration::from_secs(2);

/// An open INBOX.
pub struct Imap {
    stream: BufReader<TcpStream>,
    whose: String,
    tag: u32,
    exists: usize,
    mails: Vec<Mail>,
}

/// A mail as a person's program shows it.
#[derive(Debug, Clone)]
pub struct Mail {
    pub subject: String,
    /// The display name and address.
    pub from: String,
    pub reply_to: Option<String>,
    pub message_id: String,
    /// The plain text.
    pub text: String,
    /// All of it, as it arrived.
    pub raw: String,
}

impl Imap {
    /// Logs in and selects INBOX.
    pub fn open(port: u16, account: &str, password: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the IMAP server listens");
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("a timeout");
        let mut imap = Self {
            stream: BufReader::new(stream),
            whose: account.to_owned(),
            tag: 0,
            exists: 0,
            mails: Vec::new(),
        };
        imap.line().expect("a greeting");
        imap.command(&format!("LOGIN {account} {password}"));
        imap.command("SELECT INBOX");
        imap
    }

    /// The first mail, in the order of arrival, for which `wanted` holds; waits for it.
    ///
    /// # Panics
    ///
    /// When none comes; with the subjects of those that did.
    pub fn wait_for(&mut self, what: &str, wanted: impl Fn(&Mail) -> bool) -> Mail {
        let end = Instant::now() + MAIL_WITHIN;
        loop {
            self.fetch_new();
            if let Some(mail) = self.mails.iter().find(|mail| wanted(mail)) {
                return mail.clone();
            }
            let subjects: Vec<_> = self.mails.iter().map(|mail| (&mail.from, &mail.subject)).collect();
            assert!(
                Instant::now() < end,
                "{}: waited in vain for {what}; got {subjects:#?}",
                self.whose
            );
            self.idle();
        }
    }

    /// Waits until there are `count` mails or more, and gives them all in the order of arrival.
    pub fn wait_until_count(&mut self, count: usize) -> &[Mail] {
        let end = Instant::now() + MAIL_WITHIN;
        while self.exists < count {
            assert!(Instant::now() < end, "{}: {} mails in place of {count}", self.whose, self.exists);
            self.idle();
        }
        self.mails()
    }

    /// All mails that are there now.
    pub fn mails(&mut self) -> &[Mail] {
        self.command("NOOP");
        self.fetch_new();
        &self.mails
    }

    /// The numbers of the mails that `criteria` finds (RFC 3501 section 6.4.4).
    pub fn search(&mut self, criteria: &str) -> Vec<usize> {
        let answers = self.command(&format!("SEARCH {criteria}"));
        let found = answers.iter().find_map(|line| line.strip_prefix("* SEARCH"));
        found.unwrap_or_default().split_whitespace().filter_map(|number| number.parse().ok()).collect()
    }

    fn fetch_new(&mut self) {
        while self.mails.len() < self.exists {
            let number = self.mails.len() + 1;
            let answers = self.command(&format!("FETCH {number} BODY.PEEK[]"));
            let literal = answers.iter().find_map(|line| line.strip_prefix("literal ")).expect("a mail");
            self.mails.push(read_mail(literal));
        }
    }

    /// Waits until the server reports something, or a moment.
    fn idle(&mut self) {
        self.stream.get_mut().set_read_timeout(Some(IDLE_FOR)).expect("a timeout");
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.write(&format!("{tag}IDLE"));
        // The continuation comes at once; the next line, if any, is news.
        for _ in 0..2 {
            match self.line() {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    break;
                }
                Err(error) => panic!("{}: the IMAP server went away: {error}", self.whose),
            }
        }
        self.stream.get_mut().set_read_timeout(Some(ANSWER_WITHIN)).expect("a timeout");
        self.write("DONE");
        self.read_until_tagged(&tag);
        self.command("NOOP");
    }

    /// Sends a command and gives its untagged answers; a literal is `literal ` and its octets.
    fn command(&mut self, command: &str) -> Vec<String> {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.write(&format!("{tag}{command}"));
        self.read_until_tagged(&tag)
    }

    fn read_until_tagged(&mut self, tag: &str) -> Vec<String> {
        let mut answers = Vec::new();
        loop {
            let line = self.line().unwrap_or_else(|error| panic!("{}: {error}", self.whose));
            if let Some(result) = line.strip_prefix(tag) {
                assert!(result.starts_with("OK"), "{}: the IMAP server answered {result}", self.whose);
                return answers;
            }
            if let Some(octets) = literal_octets(&line) {
                let mut literal = vec![0; octets];
                self.stream.read_exact(&mut literal).expect("the literal is complete");
                answers.push(format!("literal {}", String::from_utf8_lossy(&literal)));
            }
            answers.push(line);
        }
    }

    fn write(&mut self, line: &str) {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).expect("the server reads");
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut octets = Vec::new();
        if self.stream.read_until(b'\n', &mut octets)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&octets).trim_end().to_owned();
        if let Some(count) = line.strip_prefix("* ").and_then(|rest| rest.strip_suffix(" EXISTS")) {
            self.exists = count.parse().expect("a number of mails");
        }
        Ok(line)
    }
}

/// `{123}` at the end of a line announces so many octets (RFC 3501 section 4.3).
fn literal_octets(line: &str) -> Option<usize> {
    line.strip_suffix('}')?.rsplit_once('{')?.1.parse().ok()
}

fn read_mail(raw: &str) -> Mail {
    let parsed =
        mail_parser::MessageParser::default().parse(raw.as_bytes()).expect("a mail with a header");
    let first = |address: Option<&mail_parser::Address<'_>>| {
        let address = address?.first()?;
        Some((address.name().unwrap_or_default().to_owned(), address.address()?.to_owned()))
    };
    let (name, address) = first(parsed.from()).unwrap_or_default();
    Mail {
        subject: parsed.subject().unwrap_or_default().to_owned(),
        from: format!("{name} <{address}>"),
        reply_to: first(parsed.reply_to()).map(|(_, address)| address),
        message_id: parsed.message_id().unwrap_or_default().to_owned(),
        text: parsed.body_text(0).unwrap_or_default().replace("\r\n", "\n"),
        raw: raw.to_owned(),
    }
}
