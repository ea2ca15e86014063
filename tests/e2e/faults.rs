//! A disk that takes nothing: mail stays with its sender, nothing accepted is lost, and the server goes
//! on by itself when the disk is well.
//!
//! Start with [`on_a_full_disk_mail_stays_with_its_sender_and_nothing_accepted_is_lost`].

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::ports::free_port;
use crate::support::process::{need_root, program, run};
use crate::support::server::{ADDRESS, Relay, Server};
use crate::support::{smtp, wait};

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn on_a_full_disk_mail_stays_with_its_sender_and_nothing_accepted_is_lost() {
    let disk = Disk::new("6m");
    let mut server = Server::start(free_port(), &Relay::Maildir, "");
    let state = disk.path().display().to_string();
    let was = server.path("state").display().to_string();
    server.configure(|text| text.replace(&was, &state));
    let send = |number: usize, padding: usize| {
        // What does not compress, so that the disk fills.
        let noise: String = (0..padding)
            .map(|at| {
                char::from(b'!' + u8::try_from((at * at * 7 + at * number + at / 93) % 90).unwrap_or(0))
            })
            .collect::<Vec<_>>()
            .chunks(76)
            .map(|line| line.iter().collect::<String>() + "\n")
            .collect();
        let message = format!(
            "From: dana@people.test\nTo: {ADDRESS}\nMessage-ID: <{number}@people.test>\nSubject: Slow {number}\n\n\
             It is slow.\n\n-- \n{noise}"
        );
        smtp::send(server.smtp_port, "dana@people.test", &[ADDRESS], &message)
    };
    send(1, 10).expect("there is room");
    server.wait_for_incident("INC-1", "the incident", |_| true);
    let filler = disk.path().join("filler");
    let mut run_full = program("dd", "coreutils");
    run_full.arg("if=/dev/zero").arg(format!("of={}", filler.display())).args(["bs=1k", "count=100000"]);
    assert!(!run_full.output().expect("dd runs").status.success(), "the disk did not fill");
    let refused = (2..40).find_map(|number| send(number, 400_000).err());
    let refused = refused.expect("a full disk refuses mail in the end").to_string();
    assert!(refused.contains("451 4.3.0"), "{refused}");
    fs::remove_file(filler).expect("room is made");
    send(50, 10).expect("there is room again");
    let messages = server.wait_for_incident("INC-1", "the server to work again", |_| true);
    assert_eq!(messages["key"], "INC-1");
}

#[test]
fn on_a_disk_that_becomes_read_only_mail_stays_with_its_sender_until_it_is_well() {
    let mut server = Server::start(free_port(), &Relay::Maildir, "");
    let (library, is_ill) = (server.path("read_only.so"), server.path("is_ill"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/support/read_only.c");
    run(program("cc", "build-essential").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source));
    let name = |path: &Path| path.display().to_string();
    server.restart_with(&[("LD_PRELOAD", &name(&library)), ("READ_ONLY_WHILE", &name(&is_ill))]);
    let note = |number: usize| {
        let to = "incidents+1@example.test";
        let message = format!(
            "From: bob@people.test\nTo: {to}\nSubject: Re: [INC-1]\nMessage-ID: <{number}@people.test>\n\n\
             mark={number}; seen\n"
        );
        smtp::send(server.smtp_port, "bob@people.test", &[to], &message)
    };
    let report = format!("From: dana@people.test\nTo: {ADDRESS}\nSubject: SEV-2 down\n\nIt is down.\n");
    smtp::send(server.smtp_port, "dana@people.test", &[ADDRESS], &report).expect("accepted");
    server.wait_for_incident("INC-1", "the incident", |_| true);
    note(1).expect("accepted");
    fs::write(&is_ill, "").expect("the disk is ill");
    for number in 2..5 {
        let refused = note(number).expect_err("nothing is accepted that is not stored").to_string();
        assert!(refused.contains("451 4.3.0"), "{refused}");
    }
    wait_for_health(&server, "503 Service Unavailable", "the database cannot be written to\n");
    assert!(server.log().contains("the store cannot be used"), "{}", server.log());
    fs::remove_file(&is_ill).expect("the disk is well");
    wait_for_health(&server, "200 OK", "ok\n");
    // Senders try again, and somebody else writes.
    for number in 2..6 {
        note(number).expect("accepted again, by the same process");
    }
    let incident = server
        .wait_for_incident("INC-1", "every note", |incident| incident.to_string().contains("mark=5;"));
    let texts = incident["timeline"].to_string();
    for number in 1..6 {
        assert_eq!(texts.matches(&format!("mark={number};")).count(), 1, "{number} in {texts}");
    }
}

#[test]
fn a_server_does_not_start_on_a_disk_that_is_read_only_and_says_so() {
    let disk = Disk::new("64m");
    let mut server = Server::start(free_port(), &Relay::Maildir, "");
    let was = server.path("state").display().to_string();
    let state = disk.path().display().to_string();
    server.configure(|text| text.replace(&was, &state));
    assert_eq!(server.terminate(), Some(0));
    disk.mount_again("ro");
    let (code, said) = server.fails(&["serve"]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains(&state) && said.contains("`firebell check`"), "{said}");
    let (code, said) = server.fails(&["check"]);
    assert_eq!(code, Some(69), "{said}");
    assert!(
        said.contains(&format!("not  data_dir {state} can be written: Read-only file system")),
        "{said}"
    );
    disk.mount_again("rw");
    server.restart();
    wait_for_health(&server, "200 OK", "ok\n");
}

fn wait_for_health(server: &Server, status: &str, said: &str) {
    let address = ("127.0.0.1", server.web_port());
    wait::until(&format!("/healthz to say {status}: {said}"), WITHIN, || {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        (answer.contains(status) && answer.ends_with(said)).then_some(())
    });
}

/// A file system of so many octets, gone when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(size: &str) -> Self {
        need_root();
        let folder =
            tempfile::Builder::new().prefix("fb-").tempdir_in("/tmp").expect("a folder in /tmp");
        let mut mount = program("mount", "mount");
        run(mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path()));
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn mount_again(&self, how: &str) {
        let options = format!("remount,{how}");
        run(program("mount", "mount").args(["-o", &options]).arg(self.path()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}
