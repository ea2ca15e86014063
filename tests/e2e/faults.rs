//! A disk that takes nothing: mail stays with its sender, nothing accepted is lost, and the server goes
//! on by itself when the disk is well.
//!
//! Start with [`on_a_full_disk_mail_stays_with_its_sender_and_nothing_accepted_is_lost`].

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::ports::free_port;
use crate::support::process::{need_root, program, run};
use crate::support::server::{ADDRESS, Relay, Server};
use crate::support::smtp;

#[test]
fn on_a_full_disk_mail_stays_with_its_sender_and_nothing_accepted_is_lost() {
    let disk = SmallDisk::new("6m");
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

/// A file system of so many octets, gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
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
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}
