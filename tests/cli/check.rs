//! The first configuration, its mistakes, and what `firebell check` says.

use super::*;

#[test]
fn ten_mistakes_are_ten_lines_with_the_nearest_key() {
    let place = Place::empty();
    place.write(
        "firebell.toml",
        r#"address = "incidents@example.org"
time_zon = "Europe/Berlin"
keep_raw = "long"
[recieve.smtp]
listen = "127.0.0.1:2525"
[send]
relais = "smtp://127.0.0.1:25"
operator = "postmaster"
[[person]]
name = "Alice Ng"
alias = "alice"
email = "alice@example.org"
pagr = "49151555@sms.example.org"
[[list]]
name = "everyone"
members = ["alise"]
[calendar]
hours = "9 to 5"
holidays = ["Christmas"]
[comand]
trained = ["alice"]
"#,
    );
    let ran = place.run(&["check"]);
    assert_eq!(ran.code, 78);
    let lines: Vec<&str> = ran.err.lines().collect();
    for (line, part) in [
        (2, "unknown key 'time_zon' in the top level; did you mean 'time_zone'?"),
        (3, "`long` is no duration"),
        (4, "unknown key 'recieve' in the top level; did you mean 'receive'?"),
        (7, "unknown key 'relais' in [send]; did you mean 'relay'?"),
        (8, "'operator': `postmaster` is not an address"),
        (13, "unknown key 'pagr' in [[person]]; did you mean 'pager'?"),
        (16, "did you mean 'alice'?"),
        (18, "'hours': `9 to 5` are no hours; write them as 09:00-18:00"),
        (19, "'holidays': `Christmas` is no date; write it as 2026-12-25"),
        (20, "unknown key 'comand' in the top level; did you mean 'command'?"),
    ] {
        let start = format!("firebell.toml:{line}: ");
        let found = lines.iter().any(|said| said.starts_with(&start) && said.contains(part));
        assert!(found, "{start}{part}\n{}", ran.err);
    }
    assert_eq!(lines.len(), 10, "{}", ran.err);
}

#[test]
fn a_first_configuration_has_no_mistakes_and_is_never_written_over_another() {
    let place = Place::empty();
    let ran = place.run(&["init"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("firebell check") && ran.out.contains("firebell serve"));
    let written = fs::read_to_string(place.path("firebell.toml")).unwrap();
    // All that the machine has to do with is moved into the folder of the test.
    let folder = place.folder.path().display();
    let here = format!(
        "{written}\n[send]\nrelay = \"maildir:{folder}/mail\"\n[receive.lmtp]\nlisten = \"unix:{folder}/lmtp\"\n"
    );
    let here = here.replacen("address =", &format!("data_dir = \"{folder}/state\"\naddress ="), 1);
    place.write("firebell.toml", &here);
    let checked = place.run(&["check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.out.lines().count() >= 5, "{checked:?}");
    let mut lines = checked.out.lines();
    assert!(
        lines.all(|line| line.starts_with("ok ") || line.starts_with("warn nobody is told")),
        "{checked:?}"
    );
    let again = place.run(&["init"]);
    assert_eq!(again.code, 73);
    assert!(again.err.contains("exists already"));
    assert_eq!(fs::read_to_string(place.path("firebell.toml")).unwrap(), here);
    assert_eq!(place.run(&["-c", "other.toml", "init"]).code, 0);
    assert_eq!(fs::read_to_string(place.path("other.toml")).unwrap(), written);
}

#[test]
fn systemd_accepts_the_unit_and_finds_it_confined() {
    let place = Place::empty();
    let ran = place.run(&["init", "--systemd"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    // Whoever tests it has not installed it.
    place.write("firebell.service", &ran.out.replace("/usr/bin/firebell", BINARY));
    for arguments in [
        &["verify", "--man=no", "./firebell.service"][..],
        // In tenths, of 10 for a unit that confines nothing.
        &["security", "--offline=true", "--threshold=20", "./firebell.service"],
    ] {
        let mut analysis = Command::new("systemd-analyze");
        let ran = Ran::from(analysis.current_dir(place.folder.path()).args(arguments).output().unwrap());
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(!ran.err.contains("firebell.service:"), "{ran:?}");
    }
}

#[test]
fn a_check_makes_nothing_and_says_when_nobody_would_be_told() {
    let place = Place::configured();
    let before = fs::read_dir(place.folder.path()).unwrap().count();
    let ran = place.run(&["check"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("state is not there yet; the server makes it"), "{ran:?}");
    assert!(!ran.out.contains("warn "), "{ran:?}");
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), before, "root may run it");
    let text = fs::read_to_string(place.path("firebell.toml")).unwrap();
    let alone = text.replace(&PEOPLE[PEOPLE.find("[[rotation]]").unwrap()..], "");
    place.write("firebell.toml", &alone);
    let ran = place.run(&["check"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let warned = ran.out.lines().find(|line| line.starts_with("warn ")).unwrap();
    assert!(warned.contains("name the operator in [send]"), "{warned}");
    place.write("firebell.toml", &alone.replace("[send]", "[send]\noperator = \"ops@example.org\""));
    assert!(!place.run(&["check"]).out.contains("warn "));
}

#[test]
fn a_check_names_what_is_not_to_be_had() {
    let place = Place::configured();
    // Port 1 (tcpmux) has had no server for thirty years.
    let text = fs::read_to_string(place.path("firebell.toml")).unwrap();
    let relay = format!("maildir:{}/mail", place.folder.path().display());
    place.write("firebell.toml", &text.replace(&relay, "smtp://127.0.0.1:1"));
    let ran = place.run(&["check"]);
    assert_eq!(ran.code, 69, "{ran:?}");
    let not: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("not ")).collect();
    assert!(not.len() == 1 && not[0].contains("relay 127.0.0.1:1"), "{ran:?}");
    assert!(not[0].contains("[send] relay"), "{ran:?}");
    let fallback = "[send.fallback]\nrelay = \"smtps://bell@127.0.0.1:2\"\npassword_file = \"gone\"\n";
    let text = text.replace(&relay, "smtp://127.0.0.1:1").replace("/lmtp\"", "/gone/lmtp\"");
    place.write("firebell.toml", &text.replace(PEOPLE, &format!("{fallback}{PEOPLE}")));
    fs::create_dir(place.path("state")).unwrap();
    place.write("state/firebell.db", "Dear Firebell, this is a text and not a database.");
    let ran = place.run(&["check"]);
    let not: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("not ")).collect();
    let [database, _, fallback, lmtp] = not.as_slice() else { panic!("{ran:?}") };
    assert!(database.contains("not a database") && database.contains("`firebell restore`"), "{ran:?}");
    assert!(fallback.contains("relay 127.0.0.1:2: [send.fallback] password_file gone"), "{ran:?}");
    assert!(lmtp.contains("/gone/lmtp: ") && lmtp.contains("make its folder"), "{ran:?}");
}

#[test]
fn a_check_says_what_to_publish_for_the_keys_that_sign() {
    let place = Place::configured();
    let key = place.path("dkim.pem");
    let made = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm", "ED25519", "-out"])
        .arg(&key)
        .output()
        .expect("openssl is there: install the Debian package openssl");
    assert!(made.status.success(), "{made:?}");
    let text = fs::read_to_string(place.path("firebell.toml")).unwrap();
    let keys = format!(
        "[receive.trust]\nresolver = \"off\"\n[[send.dkim]]\nselector = \"s1\"\nkey_file = \"{}\"\n",
        key.display()
    );
    place.write("firebell.toml", &format!("{text}\n{keys}"));
    let ran = place.run(&["check"]);
    let not: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("not ")).collect();
    let [not] = not.as_slice() else { panic!("{ran:?}") };
    assert!(not.contains("DKIM key s1._domainkey.example.org: DNS was not asked"), "{ran:?}");
    assert!(not.contains("publish there the TXT record \"v=DKIM1; k=ed25519; p="), "{ran:?}");
    fs::remove_file(&key).unwrap();
    let ran = place.run(&["check"]);
    assert!(ran.out.contains("not  DKIM: [[send.dkim]]") && ran.out.contains("dkim.pem"), "{ran:?}");
}
