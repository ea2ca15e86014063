//! What the relay's answers become. The relay here is a script: it exists for the answers that a
//! real one gives once a year.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::config::Credential;

fn smtp(port: u16, tls: RelayTls, login: Option<Login>) -> Relay {
    Relay::Smtp { host: "127.0.0.1".to_owned(), port, tls, login }
}

async fn open(relay: &Relay) -> Result<Connection, String> {
    Connection::open(relay, "us.test", Limits::default()).await
}

async fn open_plain(port: u16) -> Result<Connection, String> {
    open(&smtp(port, RelayTls::Plain, None)).await
}

/// The login of `firebell` with the password in that folder.
pub(crate) fn login_with(folder: &std::path::Path, password: &str) -> Login {
    let path = folder.join("password");
    std::fs::write(&path, password).unwrap();
    Login { name: "firebell".to_owned(), credential: Credential::PasswordFile(path) }
}

/// Answers each line that begins with a key of `answers`; the key `.` is the end of a message. An
/// empty answer closes the connection. Returns all it was told when the client leaves.
pub(crate) async fn relay(answers: &[(&'static str, &'static str)]) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, relay_on(listener, answers))
}

/// The same, where somebody listens already.
pub(crate) fn relay_on(
    listener: TcpListener,
    answers: &[(&'static str, &'static str)],
) -> JoinHandle<String> {
    let script: Script = answers.iter().map(|(to, say)| Line { to, say, of: None }).collect();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let told = Told::default();
        converse(stream, &script, &told).await;
        std::mem::take(&mut *told.lock().unwrap())
    })
}

/// What a relay says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// What it answers begins with this; nothing is the greeting.
    pub to: &'static str,
    /// Nothing closes the connection, [`STALL`] never answers, [`LATER`] takes it and answers together
    /// with what comes next.
    pub say: &'static str,
    /// Only of a mail to, or from, whoever this names.
    pub of: Option<&'static str>,
}

pub(crate) const STALL: &str = "stall";
pub(crate) const LATER: &str = "later";
pub(crate) type Script = Vec<Line>;
pub(crate) type Told = std::sync::Arc<std::sync::Mutex<String>>;

/// Answers every client, until the test ends.
pub(crate) fn serve(listener: TcpListener, script: Script) -> Told {
    let told = Told::default();
    let heard = told.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (script, heard) = (script.clone(), heard.clone());
            tokio::spawn(async move { converse(stream, &script, &heard).await });
        }
    });
    told
}

async fn converse(stream: TcpStream, script: &Script, told: &Told) {
    let mut stream = BufReader::new(stream);
    let (mut heard, mut mail, mut held) = (String::new(), String::new(), String::new());
    loop {
        if heard.starts_with("MAIL") {
            mail.clone_from(&heard);
        } else if heard.starts_with("RCPT") {
            mail.push_str(&heard);
        }
        let is_answer = |line: &&Line| {
            let begins = if line.to.is_empty() { heard.is_empty() } else { heard.starts_with(line.to) };
            begins && line.of.is_none_or(|of| mail.contains(of))
        };
        let usual = if heard.is_empty() { "220 relay.test ESMTP" } else { "250 2.0.0 ok" };
        let say = script.iter().find(is_answer).map_or(usual, |line| line.say);
        let in_content = heard == "DATA\r\n" && say.starts_with("354");
        if say == STALL {
            std::future::pending::<()>().await;
        }
        if say == LATER {
            held.push_str("250 2.0.0 ok\r\n");
        } else {
            let answers = format!("{}{say}\r\n", std::mem::take(&mut held));
            if say.is_empty() || stream.write_all(answers.as_bytes()).await.is_err() {
                return;
            }
        }
        loop {
            heard.clear();
            if stream.read_line(&mut heard).await.unwrap_or(0) == 0 {
                return;
            }
            told.lock().unwrap().push_str(&heard);
            if !in_content || heard == ".\r\n" {
                break;
            }
        }
    }
}

pub(crate) const GO_AHEAD: (&str, &str) = ("DATA", "354 go");

async fn hand_over(connection: &mut Connection, to: &str) -> Result<String, HandoverError> {
    let from = Address::read("incidents+bounce.7.abc@example.org").unwrap();
    let to = Address::read(to).unwrap();
    connection.hand_over(&from, &to, b"Subject: x\r\n\r\n.dot\r\nend\r\n", || true).await
}

async fn outcome(answers: &[(&'static str, &'static str)]) -> Result<String, HandoverError> {
    let (port, _told) = relay(answers).await;
    let mut connection = open_plain(port).await.unwrap();
    hand_over(&mut connection, "alice@example.org").await
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_stored() {
    let (port, told) = relay(&[GO_AHEAD, (".\r\n", "250 2.0.0 queued as 4711")]).await;
    let mut connection = open_plain(port).await.unwrap();
    let answer = hand_over(&mut connection, "alice@example.org").await;
    assert_eq!(answer, Ok("250 2.0.0 queued as 4711".to_owned()));
    drop(connection);
    assert_eq!(
        told.await.unwrap(),
        "EHLO us.test\r\nEHLO us.test\r\nMAIL FROM:<incidents+bounce.7.abc@example.org>\r\n\
         RCPT TO:<alice@example.org>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\nend\r\n.\r\n"
    );
}

#[tokio::test]
async fn temporary_answers_put_off_and_permanent_ones_refuse() {
    use HandoverError::{Deferred, Refused};
    let answer = "450 4.2.0 greylisted";
    assert_eq!(outcome(&[("RCPT", answer)]).await, Err(Deferred(answer.into())));
    let answer = "550 5.1.1 no such person";
    assert_eq!(outcome(&[("RCPT", answer)]).await, Err(Refused(answer.into())));
    let answer = "451 4.3.0 disk full";
    assert_eq!(outcome(&[GO_AHEAD, (".\r\n", answer)]).await, Err(Deferred(answer.into())));
    let answer = "554 5.7.1 looks like spam";
    assert_eq!(outcome(&[GO_AHEAD, (".\r\n", answer)]).await, Err(Refused(answer.into())));
    let answer = "452 4.3.1 no room";
    assert_eq!(outcome(&[("DATA", answer)]).await, Err(Deferred(answer.into())));
}

#[tokio::test]
async fn a_connection_that_breaks_behind_the_dot_leaves_the_mail_uncertain() {
    let broke = outcome(&[GO_AHEAD, (".\r\n", "")]).await;
    assert!(matches!(broke, Err(HandoverError::Uncertain(_))), "{broke:?}");
    let broke = outcome(&[("RCPT", "")]).await;
    assert!(matches!(broke, Err(HandoverError::Broken(_))), "{broke:?}");
    let closing = outcome(&[("MAIL", "421 4.3.2 shutting down")]).await;
    assert!(matches!(closing, Err(HandoverError::Broken(_))), "{closing:?}");
}

#[tokio::test]
async fn one_bad_recipient_does_not_stop_the_others() {
    let (port, told) = relay(&[GO_AHEAD, ("RCPT TO:<bad@", "550 5.1.1 no")]).await;
    let mut connection = open_plain(port).await.unwrap();
    assert!(hand_over(&mut connection, "good@example.org").await.is_ok());
    assert!(hand_over(&mut connection, "bad@example.org").await.is_err());
    assert!(hand_over(&mut connection, "fine@example.org").await.is_ok());
    connection.quit().await;
    let told = told.await.unwrap();
    assert_eq!(told.matches("QUIT").count(), 1);
    assert_eq!(told.matches("\r\nend\r\n.\r\n").count(), 2);
}

const PIPELINING: (&str, &str) = ("EHLO", "250-relay.test\r\n250-8BITMIME\r\n250 PIPELINING");

#[tokio::test]
async fn a_relay_that_takes_commands_in_one_go_gets_them_so() {
    // It answers nothing before it has heard DATA.
    let (port, _told) = relay(&[PIPELINING, ("MAIL", LATER), ("RCPT", LATER), GO_AHEAD]).await;
    let mut connection = open_plain(port).await.unwrap();
    for _ in 0..2 {
        assert!(hand_over(&mut connection, "alice@example.org").await.is_ok());
    }
    let dialogue = connection.dialogue();
    let dialogue: Vec<&str> = dialogue.lines().collect();
    let paired = ["> RCPT TO:<alice@example.org>", "< 250 2.0.0 ok", "> DATA", "< 354 go"];
    assert_eq!(dialogue.get(2..6), Some(&paired[..]));
}

#[tokio::test]
async fn of_commands_in_one_go_the_first_refusal_counts_and_the_next_mail_begins_cleanly() {
    use HandoverError::{Broken, Deferred, Refused};
    let refused = ("RCPT TO:<bad@", "550 5.1.1 no");
    // One says so twice; the other wants the content of a mail that is for nobody.
    for to_data in ["503 5.5.1 no valid recipients", "354 go"] {
        let at_bad = |to, say| Line { to, say, of: Some("bad@") };
        let mut script = vec![at_bad("DATA", to_data), at_bad(".\r\n", "554 5.5.1 no recipients")];
        script.extend([PIPELINING, refused, GO_AHEAD].map(|(to, say)| Line { to, say, of: None }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = serve(listener, script);
        let mut connection = open_plain(port).await.unwrap();
        assert!(hand_over(&mut connection, "good@example.org").await.is_ok());
        let bad = hand_over(&mut connection, "bad@example.org").await;
        assert_eq!(bad, Err(Refused("550 5.1.1 no".into())));
        assert!(hand_over(&mut connection, "fine@example.org").await.is_ok());
        let told = told.lock().unwrap();
        assert_eq!(told.matches("\r\nend\r\n.\r\n").count(), 2, "{told}");
        assert_eq!(told.contains("DATA\r\n.\r\nRSET"), to_data.starts_with("354"), "{told}");
    }
    let answer = "450 4.2.0 greylisted";
    assert_eq!(outcome(&[PIPELINING, ("MAIL", answer)]).await, Err(Deferred(answer.into())));
    let answer = "421 4.3.2 shutting down";
    assert_eq!(outcome(&[PIPELINING, ("RCPT", answer)]).await, Err(Broken(answer.into())));
}

#[tokio::test]
async fn a_relay_that_is_away_or_hangs_up_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hangs_up = tokio::spawn(async move { drop(listener.accept().await) });
    assert!(open_plain(port).await.is_err());
    hangs_up.await.unwrap();
    assert!(open_plain(port).await.is_err());
}

#[tokio::test]
async fn an_address_the_relay_cannot_take_is_refused_before_it_is_asked() {
    let (port, _told) = relay(&[GO_AHEAD]).await;
    let mut connection = open_plain(port).await.unwrap();
    let refused = hand_over(&mut connection, "j\u{f6}rg@example.org").await;
    assert!(matches!(refused, Err(HandoverError::Refused(answer)) if answer.contains("5.6.7")));
}

#[tokio::test]
async fn nothing_is_said_to_a_relay_that_will_not_be_protected_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    let login = Some(login_with(folder.path(), "secret"));
    // It offers no STARTTLS, as it would look to us if somebody on the way had struck it out.
    let (port, told) = relay(&[]).await;
    let refused = open(&smtp(port, RelayTls::StartTls, login.clone())).await.err();
    assert_eq!(refused.as_deref(), Some("STARTTLS is not supported on this server"));
    assert_eq!(told.await.unwrap(), "EHLO us.test\r\n");
    // It speaks plain text where TLS is expected.
    let (port, told) = relay(&[]).await;
    assert!(open(&smtp(port, RelayTls::Implicit, login)).await.is_err());
    assert!(!told.await.unwrap().contains("EHLO"));
}

const OFFER: (&str, &str) = ("EHLO", "250-relay.test\r\n250 AUTH PLAIN XOAUTH2");

/// What a login came to, and what the relay was told of it.
async fn logged_in(login: &Login, answers: &[(&'static str, &'static str)]) -> (Option<String>, String) {
    let (port, told) = relay(&[&[OFFER], answers].concat()).await;
    let refused = open(&smtp(port, RelayTls::Plain, Some(login.clone()))).await.err();
    let told = told.await.unwrap();
    (refused, told.strip_prefix("EHLO us.test\r\n").unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_login_comes_before_the_first_mail_and_a_changed_password_is_found_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let login = login_with(folder.path(), "old");
    let (refused, _) = logged_in(&login, &[("AUTH", "535 5.7.8 who are you")]).await;
    assert_eq!(refused.as_deref(), Some("535 5.7.8 who are you"));
    login_with(folder.path(), "secret\n");
    let (refused, told) = logged_in(&login, &[("AUTH", "235 2.7.0 welcome")]).await;
    assert_eq!(refused, None);
    let login = format!("AUTH PLAIN {}\r\n", BASE64.encode(b"\0firebell\0secret"));
    assert_eq!(told, login + "EHLO us.test\r\n");
}

#[tokio::test]
async fn a_token_is_shown_as_its_mechanism_wants_it_and_its_refusal_is_heard_out() {
    let credential = Credential::TokenCommand("printf ya29.a-b".to_owned());
    let login = Login { name: "box@example.org".to_owned(), credential };
    let shown = BASE64.encode(b"user=box@example.org\x01auth=Bearer ya29.a-b\x01\x01");
    let (refused, told) = logged_in(&login, &[("AUTH", "235 2.7.0 welcome")]).await;
    assert_eq!((refused, told), (None, format!("AUTH XOAUTH2 {shown}\r\nEHLO us.test\r\n")));
    let why = ("AUTH", "334 eyJzdGF0dXMiOiI0MDEifQ==");
    let (refused, told) = logged_in(&login, &[why, ("\r\n", "535 5.7.8 expired")]).await;
    assert_eq!(refused.as_deref(), Some("535 5.7.8 expired"));
    assert_eq!(told, format!("AUTH XOAUTH2 {shown}\r\n\r\n"));
    let (refused, told) = logged_in(&login, &[why]).await;
    assert_eq!(refused.as_deref(), Some("the relay does not want the token"));
    assert!(!told.contains("MAIL"));
}

#[tokio::test]
async fn what_was_said_before_tls_is_not_taken_for_an_answer_under_it() {
    let offer = ("EHLO", "250-relay.test\r\n250 STARTTLS");
    let injected = ("STARTTLS", "220 go\r\n250 2.0.0 anything you like");
    let (port, told) = relay(&[offer, injected]).await;
    let refused = open(&smtp(port, RelayTls::StartTls, None)).await.err().unwrap();
    assert!(refused.contains("more than an answer before TLS"), "{refused}");
    assert_eq!(told.await.unwrap(), "EHLO us.test\r\nSTARTTLS\r\nQUIT\r\n");
}
