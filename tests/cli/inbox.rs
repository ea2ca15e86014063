//! Mail that somebody has to look at: listed, shown, read again.

use serde_json::Value;

use super::{Place, REPORT, Server};

const STRANGERS: &str = "From: Eve <eve@elsewhere.example>\nTo: incidents@example.org\n\
    Subject: Your checkout \u{1b}[31mis down\nMessage-ID: <eve@elsewhere.example>\n\n\
    Nobody can pay at incidents+1.abcdefghijklmnop@example.org\n-- \nEve\n";
const LIST: &[&str] = &["inbox", "list", "--json"];

/// Hands in one message of Bob, who declares, and one of a stranger; returns the numbers of both.
fn received(place: &Place) -> (String, String) {
    let to = "incidents@example.org";
    for (from, message) in [("bob@example.org", REPORT), ("bounces@elsewhere.example", STRANGERS)] {
        let stored = place.run_with(&["ingest", "--from", from, "--to", to], message);
        assert_eq!(stored.code, 0, "{stored:?}");
    }
    let held = place.json_once(LIST, |rows| rows[0]["state"] == "held");
    assert_eq!(held.as_array().unwrap().len(), 1);
    let all = place.json_once(&["inbox", "list", "--all", "--json"], |rows| rows[1]["state"] == "read");
    assert_eq!(all[1]["reason"], Value::Null);
    (all[1]["id"].to_string(), held[0]["id"].to_string())
}

#[test]
fn a_held_report_is_listed_shown_and_read_again() {
    let place = Place::configured();
    let nothing = place.run(&["inbox", "list"]);
    assert!(nothing.code == 0 && nothing.out.starts_with("Nothing is held"), "{nothing:?}");
    let server = Server::start(&place, 1);
    let (_, id) = received(&place);

    let list = place.run(&["inbox", "list"]).out;
    assert!(list.starts_with(&format!("{id}  held  ")), "{list}");
    assert!(list.contains("  eve@elsewhere.example\n    held for somebody known to accept: "), "{list}");

    let shown = place.run(&["inbox", "show", &id]).out;
    for line in [
        "State        held",
        "From         eve@elsewhere.example",
        "Reverse-path <bounces@elsewhere.example>",
        "Recipients   incidents@example.org",
        "    Message-ID: <eve@elsewhere.example>",
        "    Nobody can pay at incidents+1@example.org",
        "Cut off",
        "    Eve",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "`{line}` is not in\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let raw = place.run(&["inbox", "show", &id, "--raw"]).out;
    assert_eq!(raw, STRANGERS.replace('\n', "\r\n").replace(".abcdefghijklmnop", ""));
    let json = place.run(&["inbox", "show", &id, "--json"]).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["state"], &json["lacks"]), (&"held".into(), &Value::Null));
    assert_eq!(json["came"]["route"], "ingest");
    assert_eq!(json["text"], "Nobody can pay at incidents+1@example.org\n");
    assert_eq!(json["decisions"].as_array().unwrap().len(), 1);

    // Since then the operator has made Eve known.
    let text = std::fs::read_to_string(place.path("firebell.toml")).unwrap();
    let eve = "[[person]]\nname = \"Eve\"\nalias = \"eve\"\nemail = \"eve@elsewhere.example\"\n";
    place.write("firebell.toml", &format!("{text}{eve}"));
    server.signal("HUP");
    server.log_once("read again and is in force");
    let again = place.run(&["inbox", "read-again", &id]);
    assert_eq!(again.code, 0, "{again:?}");
    place.json_once(&["incident", "list", "--json"], |list| list[0]["key"] == "INC-2");
    assert_eq!(place.run(LIST).out, "[]\n");
}

#[test]
fn what_is_not_in_the_inbox_is_not_read_again() {
    let place = Place::configured();
    let _server = Server::start(&place, 1);
    let (declared, _) = received(&place);
    let again = place.run(&["inbox", "read-again", &declared]);
    assert_eq!((again.code, again.out.as_str()), (65, ""), "{again:?}");
    assert!(again.err.contains("INC-1") && again.err.contains("ask its sender"), "{again:?}");
    for command in ["show", "read-again"] {
        let ran = place.run(&["inbox", command, "7"]);
        assert_eq!((ran.code, ran.err.contains("no message 7")), (66, true), "{ran:?}");
    }
    assert_eq!(place.run(&["inbox", "show", "x"]).code, 64);
}
