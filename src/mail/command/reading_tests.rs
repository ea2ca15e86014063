//! Tests of [`super`]: one table a rule.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::incident::{Phase, Role, Severity};
use crate::learning::postmortem::Section;
use crate::mail::command::Promise;
use crate::roster::zone::Zone;

fn now() -> DateTime<Utc> {
    "2026-11-21T11:00:00Z".parse().unwrap()
}

fn sections() -> Vec<Section> {
    [("What happened", ""), ("Contributing factors", "Root cause"), ("Impact", ""), ("Actions", "")]
        .map(|(heading, alias)| Section {
            heading: heading.into(),
            aliases: if alias.is_empty() { Vec::new() } else { vec![alias.into()] },
            asks: String::new(),
            required: true,
        })
        .into()
}

fn read_answering(text: &str, answered_text: Option<&str>) -> Written {
    let zone = Zone::named("Europe/Berlin").unwrap();
    let sections = sections();
    read_commands(text, &Grammar { zone: &zone, sections: &sections, answered_text }, now())
}

fn read(text: &str) -> Written {
    read_answering(text, None)
}

/// What the text asks for, all of it understood.
fn commands(text: &str) -> Vec<Command> {
    read(text).lines.into_iter().map(|line| line.meaning.expect(text)).collect()
}

fn misread(text: &str) -> Misread {
    let written = read(text);
    written.lines.into_iter().next().and_then(|line| line.meaning.err()).expect(text)
}

fn text_of(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_field_is_read_however_a_client_dresses_it() {
    for text in [
        "Severity: SEV-2",
        "severity: sev2",
        "SEVERITY:2",
        "Sev: 2",
        "*Severity:* 2",
        "**Severity**: 2",
        "**Severity:** SEV-2",
        "*Severity: 2*",
        "- severity = SEV2",
        "\u{2022} Severity: 2",
        "Severity\u{ff1a} 2",
        "Severity:\u{a0}SEV\u{2011}2.",
        "\u{feff}Severity: Sev 2!",
        "\u{200b}Severity : \u{ff12}",
        "Severity: \u{201c}SEV-2\u{201d}",
    ] {
        assert_eq!(commands(text), [Command::Severity(Severity::Sev2)], "{text:?}");
        assert_eq!(read(text).prose, "", "{text:?}");
    }
    for text in ["Severity - 2", "Severity 2", "The severity: 2", "Severity is 2: yes"] {
        assert_eq!(read(text).prose, text);
        assert!(read(text).lines.is_empty(), "{text}");
    }
}

#[test]
fn every_field_of_the_table_is_read() {
    let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let role = |role, person: &str, remark: Option<&str>| Command::Role {
        role,
        person: person.into(),
        remark: remark.map(str::to_owned),
    };
    for (text, expected) in [
        ("Phase: monitoring", Command::Phase(Phase::Monitoring)),
        ("Phase: size-up", Command::Phase(Phase::Investigating)),
        ("Title: Checkout is failing", Command::Title(text_of("Checkout is failing"))),
        ("Summary: it is down", Command::Summary(text_of("it is down"))),
        ("Impact: nobody can pay", Command::Impact(text_of("nobody can pay"))),
        ("Service: payments, search", Command::Service(vec!["payments".into(), "search".into()])),
        ("Started: 11:30", Command::Started(instant("2026-11-21T10:30:00Z"))),
        ("Detected: 14:30 UTC", Command::Detected(instant("2026-11-20T14:30:00Z"))),
        ("Link: <https://x.example/a>", Command::Link(text_of("https://x.example/a"))),
        ("Doc: https://x.example/a <https://x.example/a>", Command::Doc(text_of("https://x.example/a"))),
        ("Bridge: tel:+49-30-1234567", Command::Bridge(text_of("tel:+49-30-1234567"))),
        ("Chat: #incident", Command::Chat(text_of("#incident"))),
        ("Customers affected: yes", Command::CustomersAffected(true)),
        ("Customers affected: No.", Command::CustomersAffected(false)),
        ("IC: bob", Command::OfferCommand(text_of("bob"))),
        ("Incident commander: bob", Command::OfferCommand(text_of("bob"))),
        ("Commander: bob", Command::OfferCommand(text_of("bob"))),
        (
            "Handover: bob@x.example <mailto:bob@x.example>",
            Command::OfferCommand(text_of("bob@x.example")),
        ),
        ("Deputy: bob", role(Role::Deputy, "bob", None)),
        ("Scribe: bob", role(Role::Scribe, "bob", None)),
        ("Liaison: bob", role(Role::Liaison, "bob", None)),
        ("Expert: carol (database)", role(Role::Expert, "carol", Some("database"))),
        ("Responder: carol", role(Role::Responder, "carol", None)),
        ("Release: bob", Command::Release(text_of("bob"))),
        ("New token: bob", Command::NewToken(text_of("bob"))),
        ("Update: all well", Command::Update(text_of("all well"))),
        ("Note: seen it before", Command::Note(text_of("seen it before"))),
        ("Next update: 45m", Command::NextUpdate(Promise::Within(chrono::TimeDelta::minutes(45)))),
        ("Next update: 14:30", Command::NextUpdate(Promise::At(instant("2026-11-21T13:30:00Z")))),
        ("Resolved: a restart", Command::Resolved(text_of("a restart"))),
        ("Reopen: it is back", Command::Reopen(text_of("it is back"))),
        ("Cancel: false alarm", Command::Cancel(text_of("false alarm"))),
        ("Private: yes", Command::Private(true)),
        ("Drill: yes", Command::Drill(true)),
        ("Drill: database-2", Command::DrillScript("database-2".to_owned())),
        ("Correct #12: it was db2", Command::Correct { seq: 12, text: text_of("it was db2") }),
        ("Correct 12: it was db2", Command::Correct { seq: 12, text: text_of("it was db2") }),
        ("Postmortem owner: dana", Command::PostmortemOwner(text_of("dana"))),
        ("Waive postmortem: a drill", Command::WaivePostmortem(text_of("a drill"))),
        ("ack", Command::Ack),
        ("OK.", Command::Ack),
        ("Yes!", Command::Ack),
        ("on it", Command::Ack),
        ("Got it", Command::Ack),
        ("I have command.", Command::TakeCommand),
        ("  I have command", Command::TakeCommand),
        ("I\u{2019}m IC", Command::TakeCommand),
        ("i am ic", Command::TakeCommand),
        ("Join", Command::Join),
        ("leave", Command::Leave),
        ("confirm", Command::Confirm),
        ("status", Command::Status),
        ("help", Command::Help),
        ("Submit", Command::Submit),
        ("publish.", Command::Publish),
    ] {
        assert_eq!(commands(text), [expected], "{text}");
        assert_eq!(read(text).prose, "", "{text}");
    }
}

#[test]
fn a_task_is_given_with_a_time_or_without() {
    let within = |minutes| Some(Promise::Within(TimeDelta::minutes(minutes)));
    for (text, what, by) in [
        ("Task: bob check replica lag by 10m", "bob check replica lag", within(10)),
        ("task: Bob Okafor to look in 1h30.", "Bob Okafor to look", within(90)),
        ("Task: bob look (20 min)", "bob look", within(20)),
        ("Task: bob look By 45", "bob look", within(45)),
        ("Task: bob check the traffic by region", "bob check the traffic by region", None),
        ("Task: bob look in the log", "bob look in the log", None),
        ("Task: bob", "bob", None),
    ] {
        let expected = Command::Task { text: what.to_owned(), within: by };
        assert_eq!(commands(text), [expected], "{text}");
    }
    let [Command::Task { within: Some(Promise::At(_)), .. }] = commands("Task: bob look by 18:00")[..]
    else {
        panic!("a time of the day")
    };
    for text in ["Task: bob look by 0m", "Task: bob look by 90 days", "Task:"] {
        assert!(read(text).lines[0].meaning.is_err(), "{text}");
    }
}

#[test]
fn the_owner_of_a_task_answers_with_its_number_or_without() {
    let done = |seq, result: &str| Command::Done { seq, result: result.to_owned() };
    for (text, expected) in [
        ("done", done(None, "")),
        ("Done #3", done(Some(3), "")),
        ("done 3!", done(Some(3), "")),
        ("Done #3: the lag is 40 s", done(Some(3), "the lag is 40 s")),
        ("Done: it runs", done(None, "it runs")),
        ("ack #3", Command::TakeOn(3)),
        ("Reassign #3: carol", Command::Reassign { seq: Some(3), person: "carol".to_owned() }),
        (
            "More time #3: 20m",
            Command::MoreTime { seq: Some(3), by: Promise::Within(TimeDelta::minutes(20)) },
        ),
        ("Decline #3", Command::Decline { seq: Some(3), why: String::new() }),
        ("Decline: no access", Command::Decline { seq: None, why: "no access".to_owned() }),
        ("Later: who pays?", Command::Later("who pays?".to_owned())),
    ] {
        assert_eq!(commands(text), [expected], "{text}");
    }
    assert_eq!(commands("Done #99999999999999999999"), []);
}

#[test]
fn what_customers_are_told_holds_no_command() {
    let lines = read("Statement: we are sorry\n\nSeverity: 1").lines;
    let meanings: Vec<_> = lines.into_iter().map(|line| line.meaning).collect();
    // The line below comes back to its writer.
    assert!(matches!(&meanings[..], [Ok(Command::Statement { .. }), Err(_)]), "{meanings:?}");
    assert_eq!(commands("approve"), [Command::Approve(None)]);
}

#[test]
fn an_incident_is_named_by_its_key_or_its_number() {
    for key in ["INC-41", "inc-41.", "[INC-41]", "INC 41", "#41", "41"] {
        assert_eq!(commands(&format!("Duplicate of: {key}")), [Command::DuplicateOf(41)], "{key}");
        assert_eq!(commands(&format!("Part of: {key}")), [Command::PartOf(Some(41))], "{key}");
    }
    for none in ["none", "no", "None."] {
        assert_eq!(commands(&format!("Part of: {none}")), [Command::PartOf(None)], "{none}");
    }
    for key in ["none", "INC-", "INC-4x", "-4", "0", "that one"] {
        let written = read(&format!("Duplicate of: {key}"));
        let meaning = written.lines.into_iter().next().map(|line| line.meaning);
        assert!(
            matches!(&meaning, Some(Err(misread)) if misread.instead.is_some()),
            "{key} {meaning:?}"
        );
    }
}

#[test]
fn commands_are_the_leading_lines_and_paragraphs_of_nothing_else() {
    let severity = || Command::Severity(Severity::Sev1);
    let monitoring = || Command::Phase(Phase::Monitoring);
    for (text, expected, prose) in [
        ("Severity: 1\n\nPhase: monitoring\n\nIt is bad.", vec![severity(), monitoring()], "It is bad."),
        ("Hi Bob,\n\nSeverity: 1\nIt is bad.", vec![severity()], "Hi Bob,\nIt is bad."),
        ("It is bad.\nSeverity: 1", vec![], "It is bad.\nSeverity: 1"),
        ("It is bad.\n\nSeverity: 1\nPhase: monitoring", vec![severity(), monitoring()], "It is bad."),
        ("It is bad.\n\nSeverity: 1\nsaid Bob", vec![], "It is bad.\n\nSeverity: 1\nsaid Bob"),
        ("It is bad.\n\nSeverity: high", vec![], "It is bad.\n\nSeverity: high"),
        ("Looking.\n\nack", vec![Command::Ack], "Looking."),
        ("ok will look", vec![], "ok will look"),
        ("ok, will look\nack", vec![], "ok, will look\nack"),
        ("error: disk full\nSeverity: 1", vec![], "error: disk full\nSeverity: 1"),
        ("Hello all,\nok\n\nThanks,\nAlice", vec![Command::Ack], ""),
        ("ok\n\nAll clear!", vec![Command::Ack], "All clear!"),
        ("ok\n\nGood again.", vec![Command::Ack], "Good again."),
        ("Good morning all,\nok", vec![Command::Ack], ""),
        ("Hi Bob\n\nok", vec![Command::Ack], ""),
        ("Thanks for looking.\n\nok", vec![Command::Ack], "Thanks for looking."),
        ("Fine.\n\nThanks\n\nSeverity: 1", vec![severity()], "Fine.\n\nThanks"),
        // A signature may hold what looks like a field.
        ("Fine.\n\nRegards,\nAlice Ng\n\nChat: @ng", vec![], "Fine.\n\nRegards,\nAlice Ng\n\nChat: @ng"),
        ("Hallo Bob,\nok\n\nViele Gr\u{fc}\u{df}e\n\nAlice", vec![Command::Ack], ""),
        (
            "ok\n\n\u{421} \u{443}\u{432}\u{430}\u{436}\u{435}\u{43d}\u{438}\u{435}\u{43c},\nAlice",
            vec![Command::Ack],
            "",
        ),
        ("ok\n\nMerci\npasse par Bob", vec![Command::Ack], "Merci\npasse par Bob"),
        (
            "Fine.\n\nVenlig hilsen\n\nAlice Ng\n\nChat: @ng",
            vec![],
            "Fine.\n\nVenlig hilsen\n\nAlice Ng\n\nChat: @ng",
        ),
        (
            "Thanks\nAlice\nOn call\n\nLink: x.example",
            vec![],
            "Thanks\nAlice\nOn call\n\nLink: x.example",
        ),
    ] {
        let written = read(text);
        let applied: Vec<Command> =
            written.lines.into_iter().filter_map(|line| line.meaning.ok()).collect();
        assert_eq!(applied, expected, "{text}");
        assert_eq!(written.prose, prose, "{text}");
    }
}

#[test]
fn a_line_among_other_words_is_not_read_and_its_writer_is_told() {
    let text = "It is bad.\nSeverity: 1\nImpact: some\nIC: bob\n> Phase: monitoring\nSeverity: high";
    let written = read(text);
    assert_eq!(written.prose, text);
    let told: Vec<_> = written
        .lines
        .iter()
        .map(|line| line.meaning.as_ref().unwrap_err().instead.as_deref().unwrap_or_default())
        .collect();
    assert_eq!(told, ["Severity: 1", "IC: bob"]);
    assert_eq!(read(&format!("It is bad.\n{}", "Severity: 1\n".repeat(50))).lines.len(), 5);
    assert_eq!(read_answering("It is bad.\nSeverity: 1", Some("Severity: 1")).lines, []);
}

#[test]
fn a_text_runs_on_as_far_as_its_field_says() {
    assert_eq!(
        commands("Impact: checkout fails for\n20 % of customers\nNext update: 30m"),
        [
            Command::Impact(text_of("checkout fails for\n20 % of customers")),
            Command::NextUpdate(Promise::Within(chrono::TimeDelta::minutes(30))),
        ]
    );
    let written = read("Resolved: a restart\nof db1\n\nWe watch it.");
    assert_eq!(written.prose, "We watch it.");
    assert_eq!(
        commands("Update: first\n\nSeverity: 1\nlast"),
        [Command::Update(text_of("first\n\nSeverity: 1\nlast"))]
    );
    assert_eq!(
        commands("Impact: all\nI have command"),
        [Command::Impact(text_of("all")), Command::TakeCommand]
    );
}

#[test]
fn every_default_heading_of_the_postmortem_is_read_in_one_reply() {
    let zone = Zone::named("Europe/Berlin").unwrap();
    let sections = crate::learning::postmortem::default_sections();
    let grammar = Grammar { zone: &zone, sections: &sections, answered_text: None };
    let spellings =
        |section: &Section| [std::slice::from_ref(&section.heading), &section.aliases].concat();
    for at in 0..3 {
        let typed = |section: &Section| spellings(section).get(at).unwrap_or(&section.heading).clone();
        let text: Vec<_> = sections
            .iter()
            .map(|section| format!("{}: it was so\n\n- and so", typed(section)))
            .collect();
        let written = read_commands(&text.join("\n\n"), &grammar, now());
        let read: Vec<_> = written.lines.into_iter().map(|line| line.meaning.unwrap()).collect();
        let expected = sections.iter().map(|section| Command::Section {
            heading: section.heading.clone(),
            text: "it was so\n\n- and so".into(),
        });
        assert_eq!(read, expected.collect::<Vec<_>>());
        assert_eq!(written.prose, "");
    }
}

#[test]
fn a_section_of_the_postmortem_runs_to_the_next() {
    let section =
        |heading: &str, text: &str| Command::Section { heading: heading.into(), text: text.into() };
    assert_eq!(
        commands(
            "What happened:\nThe disk filled.\n\nDecision: we waited.\n\nRoot cause: no alert\n\n\
             Impact:\n20 % could not pay\n\nand more\n\nsubmit"
        ),
        [
            section("What happened", "The disk filled.\n\nDecision: we waited."),
            section("Contributing factors", "no alert"),
            section("Impact", "20 % could not pay\n\nand more"),
            Command::Submit,
        ]
    );
    // A skeleton that came back half filled asks for nothing where it is empty.
    let written = read("Here it is.\n\nWhat happened:\n\nActions:\nAn alert.\n\nRoot cause:\n");
    assert_eq!(written.prose, "Here it is.");
    assert_eq!(written.lines.len(), 1);
    assert_eq!(written.lines[0].meaning, Ok(section("Actions", "An alert.")));
    assert_eq!(written.lines[0].typed, "What happened:\n\nActions:\nAn alert.\nRoot cause:");
}

#[test]
fn below_a_forwarded_header_nothing_is_read() {
    let text = "Severity: 1\nfyi\n\n*From:* Bob <b@x.example>\nSent: today\nPhase: monitoring\n\nack";
    let written = read(text);
    assert_eq!(written.lines.len(), 1);
    assert!(written.prose.ends_with("Phase: monitoring\n\nack"));
    // One alone is no header.
    assert_eq!(commands("From: the database\n\nack"), [Command::Ack]);
    let update = read("Update: see below\n\nFrom: x\nTo: y\n\nBye");
    assert_eq!(update.lines[0].meaning, Ok(Command::Update(text_of("see below"))));
    assert_eq!(update.prose, "From: x\nTo: y\n\nBye");
}

#[test]
fn a_forwarded_header_is_one_in_any_language() {
    for header in [
        "Von: Bob <b@x.example>\nGesendet: Montag, 23. November 2026 10:00",
        "De : Bob <b@x.example>\nObjet : caisse",
        "**De:** Bob <b@x.example>\n**Enviado el:** lunes",
        "От: Bob <b@x.example>\nТема: касса",
        "差出人: Bob <b@x.example>\n件名: レジ",
        "发件人：Bob <b@x.example>\n主题：收银台",
    ] {
        let written = read(&format!("Severity: 1\nfyi\n\n{header}\n\nPhase: monitoring"));
        assert_eq!(written.lines.len(), 1, "{header}");
    }
    assert_eq!(commands("Von: der Datenbank\n\nack"), [Command::Ack]);
}

#[test]
fn a_line_of_the_mail_being_answered_is_no_command() {
    let answered = Some("Facts\n  Severity:  SEV-1\n  I have command\n");
    assert!(read_answering("Severity: SEV-1", answered).lines.is_empty());
    assert_eq!(read_answering("Severity: SEV-2", answered).lines.len(), 1);
    assert_eq!(read_answering("I have command", answered).lines.len(), 1);
}

#[test]
fn a_near_miss_is_reported_and_not_guessed_at() {
    let found = misread("Severty: 1");
    assert_eq!(found.why, "There is no field `Severty`.");
    assert_eq!(found.instead.as_deref(), Some("Severity: 1"));
    assert_eq!(found.field.as_deref(), Some("Severity"));
    assert_eq!(misread("Privat: yes").field.as_deref(), Some("Private"));
    assert_eq!(misread("Dril: yes").field.as_deref(), Some("Drill"));
    assert_eq!(misread("Private").field.as_deref(), Some("Private"));
    assert_eq!(misread("Private: please").field.as_deref(), Some("Private"));
    assert_eq!(misread("I have comand").instead.as_deref(), Some("I have command"));
    assert_eq!(misread("Corect #12: x").instead.as_deref(), Some("Correct #12: x"));
    // Elsewhere it is prose, but for the two that keep a mail from going out.
    assert!(read("It is bad.\n\nSeverty: 1").lines.is_empty());
    assert_eq!(read("It is bad.\n\nPrivat: yes").lines.len(), 1);
}

#[test]
fn after_five_near_misses_reading_stops() {
    let text = "Severty: 1\n".repeat(5);
    assert!(!read(&text).gave_up);
    let text = format!("{text}Severty: 6\nSeverity: 1\n\nack");
    let written = read(&text);
    assert!(written.gave_up);
    assert_eq!(written.lines.len(), 5);
    assert_eq!(written.prose, "Severty: 6\nSeverity: 1\n\nack");
}

#[test]
fn a_wrong_value_comes_back_with_a_line_that_works() {
    for (text, why, instead) in [
        ("Severity: high", "one of SEV-1 to SEV-5", "Severity: SEV-2"),
        ("Severity:", "Nothing stands behind", "Severity: SEV-2"),
        ("Phase: resolved", "saying what fixed it", "Resolved: what fixed it"),
        ("Phase: fine", "no phase", "Phase: monitoring"),
        ("Next update: soon", "no time that can be read", "Next update: 45m"),
        ("Next update: 0m", "later than now", "Next update: 45m"),
        ("Next update: 90 days", "within 31 days", "Next update: 45m"),
        ("Next update: 2026-11-20 10:00", "has passed already", "Next update: 45m"),
        ("Started: 2026-11-23 10:00", "has not come yet", "Started: 14:05"),
        ("Customers affected: some", "neither yes nor no", "Customers affected: yes"),
        ("Correct: no number", "Which entry", "Correct #12: what is right"),
        ("Update:", "Nothing stands behind", "Update: what is new"),
    ] {
        let found = misread(text);
        assert!(found.why.contains(why), "{text}: {}", found.why);
        assert_eq!(found.instead.as_deref(), Some(instead), "{text}");
    }
}

#[test]
fn a_megabyte_of_anything_is_read_in_one_pass() {
    let million = 1_000_000;
    for piece in [
        "x",
        "\n",
        "a b ",
        "Impact: x\n",
        "What happened:\n",
        "What happened: x\nSeverity: bogus\n\n",
        "x\n\nSeverity: 1\nno\n\n",
        "Severity: ",
        "1",
        ":",
        "*",
        "\u{ff1a}",
        "Actions: a\n\n",
        "ack\n",
        "Severty: 1\n",
        "From: x\n\n",
        "Title: x\ny\n",
    ] {
        let text = piece.repeat(million / piece.len());
        let written = read(&text);
        assert!(written.lines.len() <= LINES_MAX, "{piece:?}");
    }
}

#[test]
fn a_promise_behind_an_update_is_a_promise() {
    let written = read("Update: We roll back.\nNext update: 45m\n");
    assert_eq!(written.lines.len(), 2);
    assert_eq!(written.lines[0].meaning, Ok(Command::Update("We roll back.".to_owned())));
    assert!(matches!(written.lines[1].meaning, Ok(Command::NextUpdate(_))));
}

#[test]
fn fields_behind_an_update_are_its_text_and_named() {
    let unread = |text: &str| {
        let written = read(text);
        let (first, others) = written.lines.split_first().unwrap();
        assert!(matches!(first.meaning, Ok(Command::Update(_) | Command::Note(_))), "{first:?}");
        let misread = others.iter().map(|line| line.meaning.clone().unwrap_err());
        misread.map(|misread| misread.instead.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(unread("Update: They wrote\nSeverity: SEV-1\n"), ["Severity: SEV-1"]);
    assert_eq!(
        unread(
            "Update: It works.\n\n*Phase:* monitoring.\n\nnext update = 20m\nNext update: 20m\n sev: 2\n"
        ),
        ["Next update: 20m", "Severity: 2"],
        "an equals sign among words is none"
    );
    let both = ["Next update: 20m", "Phase: monitoring"];
    assert_eq!(unread("Note: It works.\nNext update: 20m\n\nPhase: monitoring\n \n"), both);
    // Many of them are a table that somebody pasted.
    let pasted = "Phase: monitoring\n".repeat(50);
    assert_eq!(unread(&format!("Update: It works.\n{pasted}")).len(), UNREAD_MAX);
    for prose in [
        "Update: It works.",
        "Update: It works.\nWorkaround: use the other door.",
        "Update: It works.\nPhase: monitoring\nas they call it.",
        "Update: It works.\nSeverity: none of ours",
        "Update: It works.\nNote: others are welcome.",
    ] {
        assert_eq!(unread(prose), [""; 0], "{prose}");
    }
}

#[test]
fn an_action_says_what_and_behind_it_whose_and_by_when() {
    let at = |text: &str| Some(Promise::At(text.parse().unwrap()));
    for (text, what, owner, due, later) in [
        (
            "Action: Add an alert on lag. Owner: bob. Due: 2026-12-04",
            "Add an alert on lag",
            Some("bob"),
            at("2026-12-04T22:59:00Z"),
            false,
        ),
        (
            "action item: Add an alert\non lag, due: 2026-12-04; owner: Bob Okafor",
            "Add an alert on lag",
            Some("Bob Okafor"),
            at("2026-12-04T22:59:00Z"),
            false,
        ),
        (
            "- Action: Add an alert (Owner: bob@example.org, Due: 3 weeks)",
            "Add an alert",
            Some("bob@example.org"),
            Some(Promise::Within(TimeDelta::days(21))),
            false,
        ),
        ("Action (later): Split it. Owner: carol", "Split it", Some("carol"), None, true),
        (
            "Action: Say who is the co-owner: nobody knows",
            "Say who is the co-owner: nobody knows",
            None,
            None,
            false,
        ),
    ] {
        let owner = owner.map(text_of);
        let action = Command::Action { what: what.to_owned(), owner, due, later };
        assert_eq!(commands(text), [action], "{text}");
    }
    assert!(misread("Action: Owner: bob").why.contains("What is to be done"));
    assert!(misread("Action: Do it. Owner: bob. Due: soon").why.contains("no day"));
    assert!(misread("Action: Do it. Owner: bob. Due: 2026-11-20").why.contains("has passed"));
    assert_eq!(commands("Fund 3"), [Command::Fund(Some(3))]);
    assert_eq!(commands("Drop 7: why"), [Command::Drop { seq: Some(7), why: text_of("why") }]);
    assert_eq!(commands("Ask 9: who?"), [Command::Ask { seq: Some(9), question: text_of("who?") }]);
    let by = Promise::At("2026-12-20T22:59:00Z".parse().unwrap());
    assert_eq!(commands("More time #5: 2026-12-20"), [Command::MoreTime { seq: Some(5), by }]);
}

#[test]
fn resolved_alone_opens_a_mail_and_says_nothing_further_down() {
    assert_eq!(commands("Resolved.\n\nThe rollback helped."), [Command::Resolved(String::new())]);
    assert_eq!(commands("The replica:\n\nresolved\n"), []);
}

#[test]
fn an_ack_may_be_said_twice_and_our_bar_hides_no_quotation() {
    assert_eq!(commands("Yes, on it!"), [Command::Ack]);
    assert_eq!(commands("Yes, but later"), []);
    let written = read_answering("Severity: SEV-1", Some("| Severity: SEV-1"));
    assert!(written.lines.is_empty());
}

proptest! {
    #[test]
    fn reading_is_total(text in any::<String>()) {
        read_answering(&text, Some(&text));
    }

    #[test]
    fn no_word_is_lost(pieces in proptest::collection::vec(prop_oneof![
        Just("Severity: 1"), Just("Severity: high"), Just("Severty: 2"), Just("Impact: none"),
        Just("Impact:"), Just("What happened:"), Just("Root cause: x"), Just("ack"), Just(""),
        Just("Hi Bob,"), Just("Thanks,"), Just("Bob"), Just("From: a"), Just("To: b"), Just("Update: u"),
        Just("I have command"), Just("Task: do it"), Just("prose of some words"), Just("done #3"),
        Just("Statement: s"), Just("Actions:"), Just("submit"), Just("\u{a0}"), Just("Privat: yes"),
    ], 0..24)) {
        let text = pieces.join("\n");
        let written = read(&text);
        let mut kept = written.prose.clone();
        for line in &written.lines {
            kept.push('\n');
            kept.push_str(&line.typed);
        }
        let count = |text: &str, word: &str| text.split_whitespace().filter(|found| *found == word).count();
        for word in text.split_whitespace() {
            prop_assert!(count(&kept, word) >= count(&text, word), "{word} of {text:?} in {kept:?}");
        }
    }
}
