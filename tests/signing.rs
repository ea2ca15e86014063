//! Mail that Firebell signs is verified as its recipients would: by the octets that left, and a name
//! server that has the keys' other halves.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use chrono::TimeDelta;
use firebell::authentication::ask_text;
use firebell::clock::Clock;
use firebell::config::{DkimKey, Resolver};
use firebell::delivery::dkim::{Signer, Signers};
use firebell::delivery::{Relay, Settings, deliver, maildir};
use firebell::ids::Ids;
use firebell::incident::decision::Purpose;
use firebell::mail::ids::Secret;
use firebell::mail::{Address, OwnAddress};
use firebell::store::Store;
use firebell::store::rows::{NewLetter, NewOutbox, OutboxState};
use mail_auth::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts,
};
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator};
use tokio::sync::{Notify, mpsc, watch};

use dns::{Answer, NameServer};

#[path = "support/dns.rs"]
mod dns;

/// As it is composed: with the mark of a token, which is as long as one.
const MAIL: &str = "From: INC-42 <incidents@example.org>\r\nTo: Alice <alice@example.org>\r\n\
    Subject: [INC-42] Checkout\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <a@example.org>\r\n\
    Reply-To: incidents+42.TOKEN@example.org\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\
    Auto-Submitted: auto-generated\r\n\r\nAnswer to incidents+42.TOKEN@example.org\r\n";

fn key(folder: &Path, selector: &str, arguments: &[&str]) -> DkimKey {
    let key_file = folder.join(selector);
    let mut command = Command::new("openssl");
    let made = command.arg("genpkey").args(arguments).arg("-out").arg(&key_file).output();
    let made = made.expect("openssl is there: install the Debian package openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    DkimKey { selector: selector.to_owned(), key_file }
}

/// What each signature of a mail is worth.
async fn results(server: &NameServer, octets: &[u8]) -> Vec<bool> {
    let connections = [ConnectionConfig::udp()].map(|mut connection| {
        connection.port = server.address.port();
        connection
    });
    let named = NameServerConfig::new(server.address.ip(), true, connections.to_vec());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![named]);
    let resolver = MessageAuthenticator::new(config, ResolverOpts::default()).unwrap();
    let message = AuthenticatedMessage::parse(octets).unwrap();
    let outputs = resolver.verify_dkim(&message).await;
    outputs.iter().map(|output| *output.result() == DkimResult::Pass).collect()
}

/// Sends one mail, and returns it as it left.
async fn sent(folder: &Path, signers: Vec<Signer>) -> Vec<u8> {
    let store = Store::open(&format!("sqlite:{}", folder.join("firebell.db").display())).await.unwrap();
    let (clock, ids) = (Clock::system(), Ids::new(1));
    let now = clock.now();
    let token = "abcdefghijklmnop";
    let octets = MAIL.replace("TOKEN", firebell::mail::compose::TOKEN_MARK).into_bytes();
    let (letter, alice) = (ids.next(now), Address::read("alice@example.org").unwrap());
    let mut write = store.begin_write().await.unwrap();
    write
        .save_letter(&NewLetter {
            id: letter,
            message_id: "a@example.org".into(),
            incident: None,
            purpose: Purpose::Note,
            created_at: now,
            subject: "x".into(),
            octets,
        })
        .await
        .unwrap();
    let row = NewOutbox {
        id: ids.next(now),
        letter,
        recipient: alice.clone(),
        token: Some(token.to_owned()),
        due_at: now,
        expires_at: now + TimeDelta::hours(1),
        tells_from: None,
        awaited: false,
    };
    write.save_outbox(&[row]).await.unwrap();
    write.commit().await.unwrap();
    let own = OwnAddress::new(Address::read("incidents@example.org").unwrap(), '+');
    let relay = Relay::Maildir(folder.join("mail"));
    let secret = Secret::new(&[7; 32]);
    let mut settings = Settings::new(vec![relay], "us.test".into(), own, secret, clock);
    settings.signers = Signers::new(signers);
    let (stop, shutdown) = watch::channel(false);
    let (failed, _failures) = mpsc::channel(1);
    let waiting = Arc::new(Notify::new());
    let delivering = tokio::spawn(deliver(store.clone(), Arc::new(settings), waiting, failed, shutdown));
    let mut looks = tokio::time::interval(std::time::Duration::from_millis(5));
    let accepted = async {
        while store.load_outbox(Some(OutboxState::Accepted), 1).await.unwrap().is_empty() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), accepted).await.expect("it is sent");
    stop.send(true).unwrap();
    delivering.await.unwrap();
    let mailbox = maildir::mailbox(&folder.join("mail"), &alice).join("new");
    let file = std::fs::read_dir(mailbox).unwrap().next().unwrap().unwrap();
    let octets = std::fs::read(file.path()).unwrap();
    assert!(String::from_utf8_lossy(&octets).contains("Answer to incidents+42.abcdefghijklmnop@"));
    octets
}

#[tokio::test]
async fn a_mail_with_its_token_filled_in_verifies_under_both_kinds_of_key() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let keys = [key(folder.path(), "r1", &rsa), key(folder.path(), "e1", &["-algorithm", "ED25519"])];
    let signers = keys.map(|key| Signer::open(&key, "example.org").unwrap());
    let table = signers
        .iter()
        .map(|signer| (signer.name().to_owned(), Answer::Text(signer.record().to_owned())));
    let mut table: HashMap<String, Answer> = table.collect();
    table.insert("fails.example.org".to_owned(), Answer::Fails);
    table.insert("silent.example.org".to_owned(), Answer::Silence);
    let server = NameServer::start(table).await;
    let resolver = Resolver::At(server.address);
    for signer in &signers {
        let published = ask_text(resolver, signer.name()).await.unwrap().unwrap();
        assert!(signer.is_in(&published), "{published}");
    }
    assert_eq!(ask_text(resolver, "none._domainkey.example.org").await, Ok(None));
    // Whoever cannot say has not said that there is nothing.
    for name in ["fails.example.org", "silent.example.org"] {
        assert!(ask_text(resolver, name).await.is_err(), "{name}");
    }
    assert!(ask_text(Resolver::Off, "x.example.org").await.is_err());

    let octets = sent(folder.path(), Vec::from(signers)).await;
    assert_eq!(results(&server, &octets).await, [true, true]);
    let text = String::from_utf8(octets).unwrap();
    // What is changed or added on the way breaks it, also a field that was there once or not at all.
    for changed in [
        text.replace("Answer to", "Reply to"),
        text.replace("From: INC-42", "From: INC-43"),
        format!("From: <eve@evil.example>\r\n{text}"),
        format!("Subject: other\r\n{text}"),
        format!("In-Reply-To: <b@example.org>\r\n{text}"),
    ] {
        assert_eq!(results(&server, changed.as_bytes()).await, [false, false], "{changed}");
    }
    // A relay adds its own line on top, and a list says how to leave it.
    for added in [
        "Received: from us.test by relay.test; Sat, 21 Nov 2026 10:00:01 +0000",
        "List-Id: <all.lists.example>\r\nList-Unsubscribe: <mailto:leave@lists.example>",
    ] {
        let passed_on = format!("{added}\r\n{text}");
        assert_eq!(results(&server, passed_on.as_bytes()).await, [true, true], "{added}");
    }
}
