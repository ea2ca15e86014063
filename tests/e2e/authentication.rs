//! The server as an operator runs it, asking a name server who stands behind a mail.

use std::collections::HashMap;
use std::net::SocketAddr;

use data_encoding::BASE64;
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;

use crate::dns::{Answer, NameServer};
use crate::support::ports::free_port;
use crate::support::server::{ADDRESS, Relay, Server};
use crate::support::smtp;

/// A name server that runs as long as the test does, and the key that it has the public half of.
fn name_server() -> (SocketAddr, Vec<u8>, tokio::runtime::Runtime) {
    let key = Ed25519Key::generate_pkcs8().expect("a key");
    let public = Ed25519Key::from_pkcs8_der(&key).expect("a key").public_key();
    let record = format!("v=DKIM1; k=ed25519; p={}", BASE64.encode(&public));
    let table = HashMap::from([
        ("s1._domainkey.people.test".to_owned(), Answer::Text(record)),
        ("_dmarc.people.test".to_owned(), Answer::Text("v=DMARC1; p=reject".to_owned())),
        ("s1._domainkey.broken.test".to_owned(), Answer::Fails),
        ("s1._domainkey.slow.test".to_owned(), Answer::Silence),
    ]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let server = runtime.block_on(NameServer::start(table));
    (server.address, key, runtime)
}

#[test]
fn a_signed_mail_by_lmtp_is_its_authors_and_a_slow_name_server_holds_up_nobody_else() {
    let (resolver, key, _runtime) = name_server();
    let mut server = Server::start(free_port(), &Relay::Maildir, "");
    server.configure(|text| {
        text.replace("networks = [\"127.0.0.0/8\"]", &format!("resolver = \"{resolver}\""))
    });
    let mail = |name: &str| {
        format!(
            "From: Dana <dana@people.test>\r\nTo: {ADDRESS}\r\nMessage-ID: <{name}@people.test>\r\n\
             Subject: {name} is slow\r\n\r\nIt is slow.\r\n"
        )
    };
    let signature = |domain: &str, mail: &str| {
        let key = Ed25519Key::from_pkcs8_der(&key).expect("a key");
        let signer =
            DkimSigner::from_key(key).domain(domain).selector("s1").headers(["From", "Subject"]);
        signer.sign(mail.as_bytes()).expect("a signature").to_header()
    };
    for (name, domain, signed) in [
        ("Silence", "slow.test", "Silence"),
        ("Failure", "broken.test", "Failure"),
        ("Checkout", "people.test", "Checkout"),
        // It bears the signature of another mail.
        ("Forgery", "people.test", "Checkout"),
    ] {
        let message = signature(domain, &mail(signed)) + &mail(name);
        smtp::send_lmtp(server.lmtp_port, "dana@people.test", ADDRESS, &message).expect("it is taken");
    }
    let mut proofs = HashMap::new();
    for number in 1..=4 {
        let incident = server.wait_for_incident(&format!("INC-{number}"), "a declaration", |incident| {
            incident["timeline"].as_array().is_some_and(|timeline| !timeline.is_empty())
        });
        let entry = &incident["timeline"][0];
        let title = incident["title"].as_str().unwrap_or_default().to_owned();
        if number == 4 {
            assert_eq!(title, "Silence is slow", "the first mail is the last to be read");
        }
        proofs.insert(
            title,
            format!("{} {}", entry["verified"], entry["proof"].as_str().unwrap_or("none")),
        );
    }
    for (title, proof) in [
        ("Checkout is slow", "true dmarc=pass header.from=people.test, dkim=pass header.d=people.test"),
        ("Forgery is slow", "false nothing; dmarc=none header.from=people.test, dkim="),
        ("Failure is slow", "false nothing; dmarc=none header.from=people.test, dkim=temperror"),
        ("Silence is slow", "false nothing; dmarc=temperror, DNS did not answer in time"),
    ] {
        assert!(proofs.get(title).is_some_and(|found| found.starts_with(proof)), "{title}: {proofs:#?}");
    }
    let audit = server.run(&["audit", "--person", "Dana@people.test", "--json"]);
    assert_eq!(audit.as_array().map(Vec::len), Some(4), "{audit:#}");
    let of_one = server.run(&["audit", "--incident", "INC-1", "--json"]);
    assert_eq!(of_one.as_array().map(Vec::len), Some(1), "{of_one:#}");
    let shown = server.output(&["audit"]).stdout;
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains("became  #1 declaration"), "{shown}");
}
