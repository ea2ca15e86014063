//! What a session does about encryption and logins.

use super::*;

async fn talk_with_tls(settings: Settings, tls: Tls, wire: &str) -> (Talk, Ended) {
    talk_over(settings, tls, Protocol::Smtp, &[wire.as_bytes()], Ok(())).await
}

#[tokio::test]
async fn a_handshake_is_offered_once_and_only_where_there_is_a_certificate() {
    let wire = "EHLO c.example\r\nSTARTTLS\r\n";
    let (talk, ended) = talk_with_tls(settings(), Tls::Offered, wire).await;
    assert!(talk.answers.contains(&"250-STARTTLS".to_owned()));
    assert_eq!((talk.codes().as_str(), ended), ("220 250 220", Ended::Handshake));
    for tls in [Tls::Unavailable, Tls::Active] {
        let (talk, ended) = talk_with_tls(settings(), tls, wire).await;
        assert!(!talk.answers.contains(&"250-STARTTLS".to_owned()));
        assert!(talk.codes().ends_with("250 502") && ended == Ended::Closed, "{:?}", talk.answers);
    }
}

#[tokio::test]
async fn nothing_that_follows_starttls_is_obeyed() {
    let rest = "MAIL FROM:<dana@ops.example>\r\nRCPT TO:<incidents@example.org>\r\nDATA\r\nx\r\n.\r\n";
    let wire = format!("EHLO c.example\r\nSTARTTLS\r\n{rest}");
    let (talk, ended) = talk_with_tls(settings(), Tls::Offered, &wire).await;
    assert_eq!((talk.codes().as_str(), ended), ("220 250 503", Ended::Closed));
    assert!(talk.messages.is_empty());
}

fn with_passwords() -> (Settings, String) {
    let alice = Address::read("alice@example.org").unwrap();
    let (password, line) = passwords::make(&alice, [7; 10], [8; 10]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), line).unwrap();
    let mut settings = settings();
    settings.passwords = Some(Arc::new(passwords::open(file.path()).unwrap()));
    let response = BASE64.encode(format!("\0alice@example.org\0{password}").as_bytes());
    (settings, response)
}

#[tokio::test]
async fn who_logged_in_is_kept_with_the_message() {
    let (settings, response) = with_passwords();
    let wire = format!(
        "EHLO c.example\r\nAUTH PLAIN {response}\r\nAUTH PLAIN {response}\r\nMAIL FROM:<a@b.example>\r\n\
         RCPT TO:<incidents@example.org>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"
    );
    let (talk, _) = talk_with_tls(settings, Tls::Active, &wire).await;
    assert!(talk.answers.contains(&"250-AUTH PLAIN LOGIN".to_owned()));
    assert_eq!(talk.codes(), "250 235 503 250 250 550 354 250 221");
    let login = talk.messages[0].client.login.as_ref().map(Address::as_str);
    assert_eq!(login, Some("alice@example.org"));
    let text = String::from_utf8(talk.messages[0].octets.clone()).unwrap();
    assert!(text.contains("(Firebell) with ESMTPSA;"), "{text}");
}

#[tokio::test]
async fn a_login_may_come_line_by_line_and_be_given_up() {
    let (settings, response) = with_passwords();
    let wire =
        format!("EHLO c.example\r\nAUTH LOGIN\r\n*\r\nAUTH PLAIN\r\n{response}\r\nNOOP\r\nQUIT\r\n");
    let (talk, _) = talk_with_tls(settings, Tls::Active, &wire).await;
    assert_eq!(talk.codes(), "250 334 501 334 235 250 221");
    let (settings, _) = with_passwords();
    let wire = format!("EHLO c.example\r\nAUTH PLAIN\r\n{}\r\nNOOP\r\n", "A".repeat(50_000));
    let (talk, _) = talk_with_tls(settings, Tls::Active, &wire).await;
    assert_eq!(talk.codes(), "250 334 500 250");
}

#[tokio::test]
async fn nobody_logs_in_without_encryption_by_lmtp_or_by_guessing() {
    let (settings, response) = with_passwords();
    let wire = format!("EHLO c.example\r\nAUTH PLAIN {response}\r\nQUIT\r\n");
    let (talk, _) = talk_with_tls(settings, Tls::Offered, &wire).await;
    assert!(!talk.answers.iter().any(|line| line.contains("AUTH")));
    assert_eq!(talk.codes(), "220 250 538 221");
    let (settings, _) = with_passwords();
    let lmtp = wire.replace("EHLO", "LHLO");
    let (talk, _) = talk_over(settings, Tls::Active, Protocol::Lmtp, &[lmtp.as_bytes()], Ok(())).await;
    assert_eq!(talk.codes(), "250 502 221");
    let (settings, _) = with_passwords();
    let guess = format!("AUTH PLAIN {}\r\n", BASE64.encode(b"\0alice@example.org\0sesame"));
    let wire = format!("EHLO c.example\r\n{}", guess.repeat(5));
    let (talk, _) = talk_with_tls(settings, Tls::Active, &wire).await;
    assert_eq!(talk.codes(), "250 535 535 535 421");
}
