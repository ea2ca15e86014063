//! What the relay's answers become. The relay here is a script: it exists for the answers that a
//! real one gives once a year.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

fn plain(port: u16) -> Server<'static> {
    Server { host: "127.0.0.1", port, tls: RelayTls::Plain, login: None }
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
    let answers = answers.to_vec();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let (mut told, mut in_content) = (String::new(), false);
        stream.write_all(b"220 relay.test ESMTP\r\n").await.unwrap();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return told;
            }
            told.push_str(&line);
            if in_content && line != ".\r\n" {
                continue;
            }
            let known = answers.iter().find(|(key, _)| line.starts_with(key));
            let answer = known.map_or("250 2.0.0 ok", |(_, answer)| answer);
            in_content = line == "DATA\r\n" && answer.starts_with("354");
            if answer.is_empty() || stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return told;
            }
        }
    })
}

const GO_AHEAD: (&str, &str) = ("DATA", "354 go");

async fn hand_over(connection: &mut Connection, to: &str) -> Result<String, HandoverError> {
    let from = Address::read("incidents+bounce.7.abc@example.org").unwrap();
    let to = Address::read(to).unwrap();
    connection.hand_over(&from, &to, b"Subject: x\r\n\r\n.dot\r\nend\r\n").await
}

async fn outcome(answers: &[(&'static str, &'static str)]) -> Result<String, HandoverError> {
    let (port, _told) = relay(answers).await;
    let mut connection = Connection::open(&plain(port), "us.test").await.unwrap();
    hand_over(&mut connection, "alice@example.org").await
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_stored() {
    let (port, told) = relay(&[GO_AHEAD, (".\r\n", "250 2.0.0 queued as 4711")]).await;
    let mut connection = Connection::open(&plain(port), "us.test").await.unwrap();
    let answer = hand_over(&mut connection, "alice@example.org").await;
    assert_eq!(answer, Ok("250 2.0.0 queued as 4711".to_owned()));
    drop(connection);
    assert_eq!(
        told.await.unwrap(),
        "EHLO us.test\r\nMAIL FROM:<incidents+bounce.7.abc@example.org>\r\n\
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
    let mut connection = Connection::open(&plain(port), "us.test").await.unwrap();
    assert!(hand_over(&mut connection, "good@example.org").await.is_ok());
    assert!(hand_over(&mut connection, "bad@example.org").await.is_err());
    assert!(hand_over(&mut connection, "fine@example.org").await.is_ok());
    connection.quit().await;
    let told = told.await.unwrap();
    assert_eq!(told.matches("EHLO").count(), 1);
    assert_eq!(told.matches("\r\nend\r\n.\r\n").count(), 2);
}

#[tokio::test]
async fn a_relay_that_is_away_or_hangs_up_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hangs_up = tokio::spawn(async move { drop(listener.accept().await) });
    assert!(Connection::open(&plain(port), "us.test").await.is_err());
    hangs_up.await.unwrap();
    assert!(Connection::open(&plain(port), "us.test").await.is_err());
}

#[tokio::test]
async fn an_address_the_relay_cannot_take_is_refused_before_it_is_asked() {
    let (port, _told) = relay(&[GO_AHEAD]).await;
    let mut connection = Connection::open(&plain(port), "us.test").await.unwrap();
    let refused = hand_over(&mut connection, "j\u{f6}rg@example.org").await;
    assert!(matches!(refused, Err(HandoverError::Refused(answer)) if answer.contains("5.6.7")));
}

#[tokio::test]
async fn nothing_is_said_to_a_relay_that_will_not_be_protected_as_configured() {
    let login = Some(("firebell", "secret"));
    // It offers no STARTTLS, as it would look to us if somebody on the way had struck it out.
    let (port, told) = relay(&[]).await;
    let server = Server { tls: RelayTls::StartTls, login, ..plain(port) };
    let refused = Connection::open(&server, "us.test").await.err();
    assert_eq!(refused.as_deref(), Some("STARTTLS is not supported on this server"));
    assert_eq!(told.await.unwrap(), "EHLO us.test\r\n");
    // It speaks plain text where TLS is expected.
    let (port, told) = relay(&[]).await;
    let server = Server { tls: RelayTls::Implicit, login, ..plain(port) };
    assert!(Connection::open(&server, "us.test").await.is_err());
    assert!(!told.await.unwrap().contains("EHLO"));
}

#[tokio::test]
async fn a_login_comes_before_the_first_mail_and_its_refusal_before_any() {
    let offer = ("EHLO", "250-relay.test\r\n250 AUTH PLAIN");
    let (port, told) = relay(&[offer, ("AUTH", "235 2.7.0 welcome")]).await;
    let server = Server { login: Some(("firebell", "secret")), ..plain(port) };
    drop(Connection::open(&server, "us.test").await.unwrap());
    let login = data_encoding::BASE64.encode(b"\0firebell\0secret");
    assert_eq!(told.await.unwrap(), format!("EHLO us.test\r\nAUTH PLAIN {login}\r\n"));
    let (port, _told) = relay(&[offer, ("AUTH", "535 5.7.8 who are you")]).await;
    let server = Server { login: Some(("firebell", "wrong")), ..plain(port) };
    let refused = Connection::open(&server, "us.test").await.err();
    assert_eq!(refused.as_deref(), Some("535 5.7.8 who are you"));
}

#[tokio::test]
async fn what_was_said_before_tls_is_not_taken_for_an_answer_under_it() {
    let offer = ("EHLO", "250-relay.test\r\n250 STARTTLS");
    let injected = ("STARTTLS", "220 go\r\n250 2.0.0 anything you like");
    let (port, told) = relay(&[offer, injected]).await;
    let server = Server { tls: RelayTls::StartTls, ..plain(port) };
    let refused = Connection::open(&server, "us.test").await.err().unwrap();
    assert!(refused.contains("more than an answer before TLS"), "{refused}");
    assert_eq!(told.await.unwrap(), "EHLO us.test\r\nSTARTTLS\r\nQUIT\r\n");
}
