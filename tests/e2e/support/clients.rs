//! Mail programs that people use, driven without a screen: they read their mailbox by IMAP, quote as
//! they please, and send by Postfix.
//!
//! Start with [`Neomutt::open`] or [`s_nail`].

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::lab::{Lab, PASSWORD};
use super::process::{program, run};

/// A client that asks something would wait for ever; none needs more than a second.
const SECONDS_MAX: &str = "20";

/// Where a person types, in what the program quoted.
pub enum Typed<'a> {
    Above(&'a str),
    Below(&'a str),
    /// Below the first quoted line that begins so.
    Behind(&'a str, &'a str),
}

/// neomutt with a mailbox, a terminal and an editor.
pub struct Neomutt {
    folder: tempfile::TempDir,
}

impl Neomutt {
    /// Sets it up for `name@people.test`; `more` are further lines of its configuration.
    pub fn open(lab: &Lab, name: &str, more: &str) -> Self {
        program("neomutt", "neomutt");
        // Not in TMPDIR: gpg-agent makes a Unix socket in it.
        let folder =
            tempfile::Builder::new().prefix("fb-").tempdir_in("/tmp").expect("a folder in /tmp");
        let neomutt = Self { folder };
        let settings = format!(
            "set folder=imap://127.0.0.1:{imap}/\n\
             set imap_user={name}@people.test\n\
             set imap_pass={PASSWORD}\n\
             set spoolfile=imap://127.0.0.1:{imap}/INBOX\n\
             set smtp_url=smtp://127.0.0.1:{smtp}\n\
             set ssl_force_tls=no\n\
             set ssl_starttls=no\n\
             set from={name}@people.test\n\
             set editor={editor}\n\
             set include=yes\n\
             set autoedit=yes\n\
             set fast_reply=yes\n\
             set reply_to=yes\n\
             set confirmcreate=no\n\
             set copy=no\n\
             set sleep_time=0\n{more}\n",
            imap = lab.imap_port,
            smtp = lab.smtp_port,
            editor = neomutt.path("editor").display(),
        );
        fs::write(neomutt.path("settings"), settings).expect("the settings are written");
        neomutt
    }

    /// Does what the keys do, with `typed` in the editor, to the newest mail whose subject has `words`.
    pub fn press(&self, words: &str, keys: &str, typed: &Typed<'_>) {
        let words = words.replace(' ', ".");
        self.play(
            &["-e", &format!("push '<limit>~s\"{words}\"<enter><last-entry>{keys}<exit>'")],
            typed,
        );
    }

    /// Opens a `mailto:` link and sends what it says (RFC 6068).
    pub fn follow(&self, link: &str) {
        // Keys pushed at the start would be lost before the composing begins.
        self.play(&["-e", "send-hook . 'push <send-message>'", link], &Typed::Above(""));
    }

    /// The mails of the thread in which there is one whose subject has `words`.
    pub fn thread(&self, words: &str) -> String {
        let words = words.replace(' ', ".");
        let saved = self.path("thread");
        let keys = format!(
            "push '<limit>~(~s\"{words}\")<enter><tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{}<enter><exit>'",
            saved.display()
        );
        self.play(&["-e", &keys], &Typed::Above(""));
        fs::read_to_string(saved).unwrap_or_default()
    }

    /// Makes a key to sign with, and gives what neomutt needs to know of it.
    pub fn make_key(&self, address: &str) {
        let mut command = program("gpg", "gpg");
        command.env("GNUPGHOME", self.folder.path());
        run(command.args(["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", address]));
    }

    fn play(&self, arguments: &[&str], typed: &Typed<'_>) {
        fs::write(self.path("typed"), self.editor(typed)).expect("a text is written");
        let mut command = format!("neomutt -n -F {}", self.path("settings").display());
        for argument in arguments {
            command += &format!(" \"{}\"", argument.replace('"', "\\\""));
        }
        // script(1) is the terminal.
        let mut script = program("timeout", "coreutils");
        script.args([SECONDS_MAX, "script", "--quiet", "--return", "--command", &command, "/dev/null"]);
        script.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        script.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").env("HOME", self.folder.path());
        script.env("GNUPGHOME", self.folder.path());
        finish(script, "");
    }

    /// Writes the program that stands in for the person at the editor; gives what they type.
    fn editor(&self, typed: &Typed<'_>) -> String {
        let typed_at = self.path("typed");
        let typed_at = typed_at.display();
        let (does, text) = match typed {
            Typed::Above(text) => (format!("{{ cat {typed_at}; echo; cat \"$1\"; }}"), text),
            Typed::Below(text) => (format!("{{ cat \"$1\"; echo; cat {typed_at}; }}"), text),
            Typed::Behind(line, text) => {
                (format!("sed -e '0,/^> *{line}/{{/^> *{line}/r {typed_at}' -e '}}' \"$1\""), text)
            }
        };
        let editor = format!("#!/bin/sh\n{does} >\"$1.new\" && mv \"$1.new\" \"$1\"\n");
        fs::write(self.path("editor"), editor).expect("the editor is written");
        run(program("chmod", "coreutils").arg("755").arg(self.path("editor")));
        if text.is_empty() { String::new() } else { format!("{text}\n") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Neomutt {
    fn drop(&mut self) {
        // Only one that signed has left an agent behind; it ends by itself when its folder is gone.
        let _ = Command::new("gpgconf")
            .args(["--kill", "all"])
            .env("GNUPGHOME", self.folder.path())
            .output();
    }
}

/// Has s-nail do what `commands` say with the mailbox `name@people.test`; `settings` are `-S`.
pub fn s_nail(lab: &Lab, name: &str, settings: &[&str], commands: &str) {
    let mut command = program("timeout", "coreutils");
    command.args([SECONDS_MAX]).arg(program("s-nail", "s-nail").get_program());
    command.env("LC_ALL", "C.UTF-8").env("HOME", "/nonexistent");
    // No configuration of the machine; commands from a pipe, with tilde escapes.
    command.args(["-:/", "-#", "-Sv15-compat", "-Ssmtp-auth=none", "-Ssendwait", "-Snosave"]);
    command.arg(format!("-Sfrom={name}@people.test"));
    command.arg(format!("-Smta=smtp://127.0.0.1:{}", lab.smtp_port));
    command.args(settings.iter().map(|setting| format!("-S{setting}")));
    let mailbox = format!("imap://{name}%40people.test:{PASSWORD}@127.0.0.1:{}/INBOX", lab.imap_port);
    command.args(["-f", &mailbox]);
    finish(command, &format!("{commands}\nxit\n"));
}

/// Runs a client to its end with `input`.
///
/// # Panics
///
/// When it fails or does not end; with all that it showed.
fn finish(mut command: Command, input: &str) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = client.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("the client reads");
    drop(stdin);
    let Output { status, stdout, stderr } = client.wait_with_output().expect("it ends");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n{stdout}{stderr}");
}
