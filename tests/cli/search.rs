//! Incidents found by their words, and what is left out.

use serde_json::Value;

use super::{Place, Server};

const TO: &str = "incidents@example.org";

/// A plain incident, a drill, and a private one, each with the word "replica".
fn declared() -> (Place, Server) {
    let place = Place::configured();
    let server = Server::start(&place, 1);
    for (at, (subject, text)) in [
        ("SEV-2 Checkout is slow", "The replica lags by 900 s.\nÜberlast im Netz."),
        ("SEV-3 A drill", "Drill: yes\n\nThe replica is gone."),
        ("SEV-1 Somebody reads our mail", "Private: yes\n\nThe replica was copied."),
    ]
    .into_iter()
    .enumerate()
    {
        let mail = format!(
            "From: Bob <bob@example.org>\nTo: {TO}\nSubject: {subject}\nMessage-ID: <{at}@example.org>\n\
             Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}\n"
        );
        let stored = place.run_with(&["ingest", "--from", "bob@example.org", "--to", TO], &mail);
        assert_eq!(stored.code, 0, "{stored:?}");
    }
    place.json_once(&["incident", "list", "--json"], |all| {
        all.as_array().is_some_and(|all| all.len() == 3)
    });
    (place, server)
}

#[test]
fn incidents_are_found_by_all_their_words_and_private_ones_only_where_they_are_asked_for() {
    let (place, _server) = declared();
    let found = place.run(&["incident", "search", "REPLICA", "the"]).out;
    let lines: Vec<&str> = found.lines().collect();
    assert!(lines[0].starts_with("INC-2 ") && lines[0].ends_with("DRILL A drill"), "{found}");
    assert!(lines[2].starts_with("INC-1 "), "{found}");
    assert!(lines[3].starts_with("    #1 Bob Okafor: ") && lines[3].contains("replica lags by 900 s."));
    assert_eq!(lines[4], "Private incidents are left out; --private looks into them, too.");
    assert!(!found.contains("INC-3") && !found.contains("copied") && !found.contains("reads our mail"));

    for words in [["search", "copied"], ["search", "somebody"], ["search", "private: yes"]] {
        let none = place.run(&[&["incident"], words.as_slice()].concat()).out;
        assert!(none.starts_with("No incident has an entry"), "{words:?}: {none}");
    }
    let json = place.run(&["incident", "search", "replica", "--private", "--json", "--limit", "2"]).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    let heads: Vec<_> =
        json.as_array().unwrap().iter().map(|one| (&one["key"], &one["private"])).collect();
    assert_eq!(heads, [(&"INC-3".into(), &true.into()), (&"INC-2".into(), &false.into())]);
    assert_eq!(json[0]["entries"][0]["kind"], "declaration");
}

#[test]
fn words_are_found_in_any_case_and_signs_are_no_patterns() {
    let (place, _server) = declared();
    let keys = |word: &str| {
        let json = place.run(&["incident", "search", word, "--json"]).out;
        let json: Value = serde_json::from_str(&json).unwrap();
        json.as_array().unwrap().iter().map(|one| one["key"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(keys("überLAST"), ["\"INC-1\""]);
    assert_eq!(keys("900_s"), Vec::<String>::new());
    assert_eq!(keys("%"), Vec::<String>::new());
    assert_eq!(keys("s."), ["\"INC-1\""]);
    assert_eq!(place.run(&["incident", "search"]).code, 64);
    assert_eq!(place.run(&["incident", "search", " "]).code, 64);
}
