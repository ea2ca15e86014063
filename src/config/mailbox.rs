//! `[receive.imap]`: the mailbox that is read, and how Firebell logs in to it.
//!
//! Opens nothing: neither the mailbox nor the file of its password. Start with [`read_mailbox`].

use std::path::PathBuf;
use std::time::Duration;

use super::reading::read_path;
use super::source::{Source, Table};
use super::values::{is_loopback, read_positive, split_port};

const KEYS: &[&str] = &["url", "password_file", "token_command", "ca_file", "move_to", "poll_every"];
/// A mail that no notification announced waits no longer than this.
const POLL_EVERY: Duration = Duration::from_secs(120);
/// Routers forget a silent connection after eight to ten minutes; a mailbox must not fall asleep.
const POLL_EVERY_MAX: Duration = Duration::from_secs(300);

/// A mailbox that is read by IMAP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    pub host: String,
    pub port: u16,
    /// TLS from the first octet, verified; without it to loopback only.
    pub tls: bool,
    pub login: String,
    /// As people write it, such as `INBOX` or `Störungen`.
    pub folder: String,
    pub credential: Credential,
    /// The certificate authority of the organisation's own servers.
    pub ca_file: Option<PathBuf>,
    /// Where messages go once they are stored.
    pub move_to: Option<String>,
    /// Looked into so often, whatever the server announces.
    pub poll_every: Duration,
}

/// What proves who we are, to a mailbox or a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The file that holds the password.
    PasswordFile(PathBuf),
    /// A command for the shell that prints an OAuth 2 access token.
    TokenCommand(String),
}

impl Mailbox {
    /// What the mailbox is called, in the database and by people: the same as long as it is the same.
    pub fn name(&self) -> String {
        format!("{}@{}/{}", self.login, self.host.to_ascii_lowercase(), self.folder)
    }
}

/// The part of a mailbox that its URL names.
struct Place {
    host: String,
    port: u16,
    tls: bool,
    login: String,
    folder: String,
}

pub(super) fn read_mailbox<'t>(source: &mut Source<'t>, table: Table<'t>) -> Option<Mailbox> {
    source.check_keys(table, "[receive.imap]", KEYS);
    let example = "imaps://incidents%40example.org@imap.example.org/INBOX";
    source.required(table, "[receive.imap]", "url", example);
    let place = source.parsed(table, "url", read_url);
    let credential = read_credential(source, table);
    if credential.is_none() && !names_credential(source, table) {
        let what = "[receive.imap] needs 'password_file', the file of the mailbox's password, or \
                    'token_command', which prints an access token";
        source.mistake(table.line, what);
    }
    let ca_file = read_path(source, table, "ca_file");
    let move_to = source.parsed(table, "move_to", read_folder);
    let poll_every = source.parsed(table, "poll_every", read_poll).unwrap_or(POLL_EVERY);
    let Place { host, port, tls, login, folder } = place?;
    if move_to.as_deref().is_some_and(|to| is_same_folder(to, &folder)) {
        let line = source.line_of(table, "move_to");
        source.mistake(line, format!("'move_to': `{folder}` is the folder that is read; name another"));
    }
    Some(Mailbox {
        host,
        port,
        tls,
        login,
        folder,
        credential: credential?,
        ca_file,
        move_to,
        poll_every,
    })
}

/// Whether anything in the table is to prove who logs in.
pub(super) fn names_credential<'t>(source: &Source<'t>, table: Table<'t>) -> bool {
    ["password_file", "token_command"].iter().any(|key| source.has(table, key))
}

/// `password_file` or `token_command`; `None` where there is neither, or a mistake in it.
pub(super) fn read_credential<'t>(source: &mut Source<'t>, table: Table<'t>) -> Option<Credential> {
    let password = read_path(source, table, "password_file").map(Credential::PasswordFile);
    let token = source.parsed(table, "token_command", |text| match text.trim() {
        "" => Err("a command must not be empty".to_owned()),
        command => Ok(Credential::TokenCommand(command.to_owned())),
    });
    if password.is_some() && token.is_some() {
        let line = source.line_of(table, "token_command");
        source.mistake(line, "'token_command' and 'password_file' exclude each other; keep one");
        return None;
    }
    password.or(token)
}

/// INBOX alone is the same in any case (RFC 9051 section 5.1).
fn is_same_folder(one: &str, other: &str) -> bool {
    one == other || (one.eq_ignore_ascii_case("INBOX") && other.eq_ignore_ascii_case("INBOX"))
}

fn read_poll(text: &str) -> Result<Duration, String> {
    let every = read_positive(text)?.to_std().map_err(|_| format!("`{text}` is no duration"))?;
    if every > POLL_EVERY_MAX {
        return Err(format!("`{text}` is too long for incidents; write 5m or less"));
    }
    Ok(every)
}

/// `imaps://login@host/folder` (RFC 5092), with `%40` for an `@` in the login.
fn read_url(text: &str) -> Result<Place, String> {
    let text = text.trim();
    let (tls, rest, usual_port) = if let Some(rest) = text.strip_prefix("imaps://") {
        (true, rest, 993)
    } else if let Some(rest) = text.strip_prefix("imap://") {
        (false, rest, 143)
    } else {
        return Err(format!(
            "`{text}` is no mailbox; write it as imaps://incidents%40example.org@imap.example.org/INBOX"
        ));
    };
    let (authority, folder) = rest.split_once('/').unwrap_or((rest, ""));
    let Some((login, place)) = authority.rsplit_once('@') else {
        return Err(format!(
            "`{text}` does not say who logs in; write it as imaps://incidents%40example.org@{authority}/INBOX"
        ));
    };
    if login.contains(':') {
        return Err(
            "a password does not belong into this file; name its file as password_file".to_owned()
        );
    }
    let login = read_escaped(login).filter(|login| is_line(login));
    let login = login.ok_or_else(|| "the login in it is no text; write % as %25".to_owned())?;
    let (host, port) = split_port(place, usual_port)
        .ok_or_else(|| format!("`{place}` is no host; write it as imap.example.org:{usual_port}"))?;
    if !tls && !is_loopback(host) {
        return Err(format!(
            "imap:// is not protected and goes to this machine only; write imaps://{login}@{host}",
            login = login.replace('%', "%25").replace('@', "%40"),
        ));
    }
    let folder = match folder.trim_end_matches('/') {
        "" => "INBOX".to_owned(),
        folder => {
            let folder = read_escaped(folder).ok_or_else(|| format!("`{folder}` is no folder"))?;
            read_folder(&folder)?
        }
    };
    Ok(Place { host: host.to_owned(), port, tls, login, folder })
}

fn read_folder(text: &str) -> Result<String, String> {
    if is_line(text) { Ok(text.to_owned()) } else { Err(format!("`{text}` is no folder")) }
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}

/// `%40` is `@` (RFC 3986 section 2.1); `None` for what is escaped wrongly, or no UTF-8.
fn read_escaped(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            octets.push(first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        octets.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_config;

    fn read(keys: &str) -> Result<Mailbox, String> {
        let text = format!("address = \"incidents@example.org\"\n[receive.imap]\n{keys}");
        match read_config(&text, "firebell.toml") {
            Ok(config) => config.imap.ok_or_else(|| "no mailbox".to_owned()),
            Err(errors) => Err(errors.iter().map(|error| format!("{error}\n")).collect()),
        }
    }

    #[test]
    fn a_mailbox_is_named_by_its_url() {
        let keys = "url = \"imaps://incidents%40example.org@IMAP.example.org/St%C3%B6rungen/neu\"\n\
                    password_file = \"/etc/firebell/imap\"\nmove_to = \"Processed\"\npoll_every = \"90s\"";
        let mailbox = read(keys).unwrap();
        assert_eq!(mailbox.name(), "incidents@example.org@imap.example.org/Störungen/neu");
        assert_eq!((mailbox.port, mailbox.tls), (993, true));
        assert_eq!(mailbox.credential, Credential::PasswordFile("/etc/firebell/imap".into()));
        assert_eq!(mailbox.move_to.as_deref(), Some("Processed"));
        assert_eq!(mailbox.poll_every, Duration::from_secs(90));
        let short =
            read("url = \"imap://box@[::1]:1143\"\ntoken_command = \"token incidents\"").unwrap();
        assert_eq!((short.host.as_str(), short.port, short.folder.as_str()), ("::1", 1143, "INBOX"));
        assert_eq!(short.credential, Credential::TokenCommand("token incidents".into()));
        assert_eq!(short.poll_every, POLL_EVERY);
    }

    #[test]
    fn a_mailbox_alone_listens_on_no_port() {
        let text = "address = \"incidents@example.org\"\n[receive.imap]\n\
                    url = \"imaps://a@x.example\"\npassword_file = \"p\"";
        assert_eq!(read_config(text, "x").unwrap().smtp_listen, None);
    }

    #[test]
    fn what_is_wrong_with_a_mailbox_is_told_with_its_line_and_the_next_step() {
        let secret = "password_file = \"p\"\n";
        for (keys, part) in [
            (secret, "2: [receive.imap] needs 'url'"),
            ("url = \"imaps://a@x.example\"", "2: [receive.imap] needs 'password_file'"),
            ("url = \"imaps://a:secret@x.example\"", "3: 'url': a password does not belong"),
            ("url = \"imap://a@x.example\"", "write imaps://a@x.example"),
            ("url = \"imap://a%40b@x.example\"", "write imaps://a%40b@x.example"),
            ("url = \"imaps://x.example\"", "does not say who logs in"),
            ("url = \"imaps://a%4@x.example\"", "write % as %25"),
            ("url = \"imaps://a%0d@x.example\"", "write % as %25"),
            ("url = \"imaps://a@x.example:0\"", "is no host"),
            ("url = \"pop3://a@x.example\"", "is no mailbox"),
            (
                "passwort_file = \"x\"",
                "3: unknown key 'passwort_file' in [receive.imap]; did you mean 'password_file'?",
            ),
            (
                "url = \"imaps://a@x.example\"\npassword_file = \"p\"\ntoken_command = \"t\"",
                "5: 'token_command'",
            ),
            (
                "url = \"imaps://a@x.example\"\nmove_to = \"inbox\"\npassword_file = \"p\"",
                "4: 'move_to'",
            ),
            ("poll_every = \"1h\"", "3: 'poll_every': `1h` is too long for incidents; write 5m or less"),
        ] {
            let said = read(keys).unwrap_err();
            assert!(said.contains(part), "{keys}\n{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
