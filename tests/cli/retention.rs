//! Messages as they came are kept for a time, and what they said for good.

use std::fs;

use super::{Place, REPORT, Server, behind};

#[test]
fn raw_messages_are_forgotten_at_their_age_and_what_they_said_stays() {
    let place = Place::configured();
    let text = fs::read_to_string(place.path("firebell.toml")).unwrap();
    place.write("firebell.toml", &format!("keep_raw = \"30 days\"\n{text}"));
    let server = Server::start(&place, 1);
    for name in ["old", "new"] {
        let report = REPORT.replace("report@", &format!("{name}@")).replace("is down", name);
        assert_eq!(place.run_with(&["ingest", "--from", "bob@example.org"], &report).code, 0);
        place.json_once(&["incident", "list", "--json"], |list| {
            list[0]["title"].as_str().is_some_and(|title| title.ends_with(name))
        });
    }
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
    behind(&place, "update inbound set received_at = 0 where incident = 1");
    let server = Server::start(&place, 1);
    server.log_once("the octets of 1 old messages were deleted");

    let export = |key| place.run(&["incident", "export", key, "--format", "mbox"]);
    let (old, new) = (export("INC-1"), export("INC-2"));
    assert_eq!((old.code, old.out.as_str()), (0, ""), "{old:?}");
    assert!(old.err.starts_with("1 messages of INC-1 are not among them"), "{old:?}");
    assert!(new.out.starts_with("From bob@example.org ") && new.err.is_empty(), "{new:?}");
    let shown = place.run(&["incident", "show", "INC-1", "--full"]).out;
    assert!(shown.contains("All payments fail.") && shown.contains("Bob, payments"), "{shown}");

    let all = place.json_once(&["inbox", "list", "--all", "--json"], |rows| rows[1].is_object());
    let id = all[1]["id"].to_string();
    let message = place.run(&["inbox", "show", &id]);
    assert!(message.code == 0 && message.out.contains("is deleted, after the time"), "{message:?}");
    assert_eq!(place.run(&["inbox", "show", &id, "--raw"]).code, 66);
}
