//! Handing mail in over TLS, with real clients: swaks, openssl and Postfix.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::lab::Lab;
use crate::support::ports::free_port;
use crate::support::process::{program, run};
use crate::support::server::{ADDRESS, Relay, Server};

/// A server with the certificate of the tests, to which Alice may log in; and her password.
fn server(lmtp_port: u16, relay: &Relay) -> (Server, String) {
    let mut server = Server::start(lmtp_port, relay, "");
    let certificates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates");
    for (name, to) in [("localhost.pem", "certificate"), ("localhost.key", "key")] {
        fs::copy(certificates.join(name), server.path(to)).expect("a certificate of the tests");
    }
    let made = server.output(&["password", "alice@people.test"]);
    fs::write(server.path("passwords"), &made.stdout).expect("the passwords are written");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    let password = said.split(" is ").nth(1).and_then(|rest| rest.split(';').next());
    let password = password.unwrap_or_else(|| panic!("no password in {said}")).to_owned();
    let keys = format!(
        "passwords_file = \"{}\"\n[receive.tls]\ncertificate_file = \"{}\"\nkey_file = \"{}\"\n[receive.lmtp]",
        server.path("passwords").display(),
        server.path("certificate").display(),
        server.path("key").display(),
    );
    server.configure(|text| {
        text.replace("[receive.lmtp]", &keys).replace("networks = [\"127.0.0.0/8\"]", "networks = []")
    });
    (server, password)
}

fn authority() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates/authority.pem")
}

fn swaks(server: &Server, from: &str, subject: &str, more: &[&str]) -> Output {
    let mut command = program("swaks", "swaks");
    command.args(["--server", "localhost", "--port", &server.smtp_port.to_string()]);
    command.args(["--from", from, "--to", ADDRESS, "--h-Subject", subject, "--body", "It is slow."]);
    command.args(more).output().expect("swaks runs")
}

fn declared(server: &Server, key: &str) -> (String, bool) {
    let incident = server.wait_for_incident(key, "a declaration", |incident| {
        incident["timeline"].as_array().is_some_and(|timeline| !timeline.is_empty())
    });
    let entry = &incident["timeline"][0];
    (entry["author"].as_str().unwrap_or_default().to_owned(), entry["verified"] == true)
}

#[test]
fn who_logs_in_over_tls_is_believed_to_be_themselves_and_nobody_else() {
    let (server, password) = server(free_port(), &Relay::Maildir);
    let ca = authority();
    let ca = ca.to_str().expect("a path");
    let secure = ["--tls", "--tls-verify", "--tls-ca-path", ca];
    for (number, mechanism, from, believed) in [
        ("1", "PLAIN", "alice@people.test", true),
        ("2", "LOGIN", "alice@people.test", true),
        ("3", "PLAIN", "bob@people.test", false),
    ] {
        let login =
            ["--auth", mechanism, "--auth-user", "alice@people.test", "--auth-password", &password];
        let sent =
            swaks(&server, from, &format!("Checkout {number} is slow"), &[&secure[..], &login].concat());
        let said = String::from_utf8_lossy(&sent.stdout);
        assert!(sent.status.success(), "{said}{}", String::from_utf8_lossy(&sent.stderr));
        let key = format!("INC-{number}");
        assert_eq!(declared(&server, &key), (from.to_owned(), believed), "{said}");
        let raw = server.output(&["incident", "export", &key, "--format", "mbox"]).stdout;
        assert!(String::from_utf8_lossy(&raw).contains("with ESMTPSA;"));
    }
    let login = ["--auth", "PLAIN", "--auth-user", "alice@people.test", "--auth-password"];
    let in_the_clear = swaks(&server, "alice@people.test", "x", &[&login[..], &[&password]].concat());
    assert!(!in_the_clear.status.success(), "logged in without TLS");
    let guessed = [&secure[..], &login, &["sesame"]].concat();
    assert!(!swaks(&server, "alice@people.test", "x", &guessed).status.success(), "guessed");
}

/// What openssl says of the certificate that the server shows, verified with those in `ca`.
fn shown(server: &Server, ca: &Path) -> bool {
    let mut command = program("openssl", "openssl");
    command.args(["s_client", "-starttls", "smtp", "-connect"]);
    command.arg(format!("localhost:{}", server.smtp_port)).arg("-CAfile").arg(ca);
    command.args(["-verify_return_error", "-verify_hostname", "localhost", "-brief"]);
    command.stdin(std::process::Stdio::null()).output().expect("openssl runs").status.success()
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart() {
    let (server, _) = server(free_port(), &Relay::Maildir);
    assert!(shown(&server, &authority()));
    let (certificate, key) = (server.path("certificate"), server.path("key"));
    let mut renew = program("openssl", "openssl");
    renew.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    renew.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    run(renew.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    assert!(shown(&server, &certificate));
    assert!(!shown(&server, &authority()));
    fs::write(&key, "no key").expect("the key is written");
    assert!(shown(&server, &certificate), "a broken key took the certificate that was in use");
    assert!(server.log().contains("what was read before stays in use"));
}

#[test]
fn postfix_hands_mail_over_encrypted() {
    let lmtp_port = free_port();
    let lab = Lab::start(lmtp_port);
    let (server, _) = server(lmtp_port, &Relay::Smtp(lab.smtp_port));
    let message = "From: dana@people.test\nTo: incidents@example.test\nSubject: Slow\n\nIt is slow.\n";
    lab.deliver("dana@people.test", &[ADDRESS], message);
    declared(&server, "INC-1");
    let raw = server.output(&["incident", "export", "INC-1", "--format", "mbox"]).stdout;
    assert!(String::from_utf8_lossy(&raw).contains("with LMTPS;"), "{}", lab.logs());
}
