//! The lists: shown, and changed by whoever looks after the server.

use serde_json::Value;

use super::Place;

fn with_lists() -> Place {
    let place = Place::configured();
    let configuration = std::fs::read_to_string(place.path("firebell.toml")).unwrap();
    let lists = "[[list]]\nname = \"staff\"\nopen = true\nmembers = [\"bob@example.org\"]\n\
                 [[list]]\nname = \"leadership\"\nmembers = [\"vp@example.org\"]\n\
                 [[list]]\nname = \"everyone\"\naddress = \"all@lists.example.org\"\n";
    place.write("firebell.toml", &format!("{configuration}{lists}"));
    place
}

#[test]
fn whoever_looks_after_the_server_puts_people_on_an_open_list_and_takes_them_off() {
    let place = with_lists();
    let added = place.run(&["list", "add", "Staff", "alice"]);
    assert_eq!(
        (added.code, added.out.as_str()),
        (0, "alice@example.org is on the list staff, and is told\n")
    );
    let again = place.run(&["list", "add", "staff", "alice@example.org"]);
    assert!(again.code == 66 && again.err.contains("is on it already"), "{again:?}");
    assert_eq!(place.run(&["list", "remove", "staff", "bob"]).code, 0);
    assert_eq!(place.run(&["list", "remove", "staff", "bob"]).code, 66);

    let all = place.run(&["list", "show"]).out;
    assert_eq!(
        all,
        "staff               1 member, open to people known here\nleadership          1 member\n\
         everyone            somebody else's, all@lists.example.org\n"
    );
    let staff = place.run(&["list", "show", "staff"]).out;
    let lines: Vec<&str> = staff.lines().collect();
    assert!(lines[0].starts_with("alice@example.org ") && lines[0].contains("joined "), "{staff}");
    assert!(lines[1].starts_with("bob@example.org ") && lines[1].contains("left "), "{staff}");
    let json = place.run(&["list", "show", "staff", "--json"]).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["members"][0]["standing"], "joined");
    assert!(json["members"][1]["since"].is_string(), "{json}");
    let json: Value = serde_json::from_str(&place.run(&["list", "show", "--json"]).out).unwrap();
    assert_eq!((&json[2]["address"], &json[1]["open"]), (&"all@lists.example.org".into(), &"no".into()));

    let audit = place.run(&["audit", "--person", "alice@example.org"]).out;
    assert!(audit.contains("proof   the command line") && audit.contains("joined the list"), "{audit}");
    let subjects = place.run(&["outbox", "list", "--json"]).out;
    let subjects: Value = serde_json::from_str(&subjects).unwrap();
    let said = |at: usize| subjects[at]["subject"].as_str().unwrap_or_default().to_owned();
    let both = [said(0), said(1)];
    for subject in ["You are on the list staff", "You are not on the list staff any more"] {
        assert!(both.contains(&subject.to_owned()), "{both:?}");
    }
}

#[test]
fn what_the_configuration_says_is_changed_there() {
    let place = with_lists();
    let closed = place.run(&["list", "add", "leadership", "alice"]);
    assert!(closed.code == 65 && closed.err.contains("open = true"), "{closed:?}");
    assert_eq!(place.run(&["list", "add", "everyone", "alice"]).code, 65);
    let unknown = place.run(&["list", "show", "staf"]);
    assert!(unknown.code == 66 && unknown.err.contains("staff, leadership, everyone"), "{unknown:?}");
    assert_eq!(place.run(&["list", "add", "staff", "nobody at all"]).code, 65);
}
