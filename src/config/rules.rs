//! The rules of the configuration: severities, ladders, calendar, postmortem, digests.

use chrono::{TimeDelta, Timelike, Weekday};

use super::customers::read_customers;
use super::defaults;
use super::drill::read_drill;
use super::reading::Own;
use super::source::{Source, Table, nearest};
use super::templates::read_templates;
use super::values::{
    read_date, read_duty, read_hours, read_party, read_positive, read_positive_or_never, read_room,
    read_rung_at, read_span, read_weekdays, read_zone,
};
use crate::incident::policy::{
    DeclareFrom, Ladder, PagingPolicy, PostmortemPolicy, Rung, RungAt, SeverityPolicy,
};
use crate::incident::proposal::is_a_window;
use crate::incident::{Policy, Severity};
use crate::learning::digest::{DigestPolicy, Shows};
use crate::learning::postmortem::{Section, default_sections};
use crate::mail::OwnAddress;
use crate::roster::calendar::Calendar;
use crate::roster::zone::{Zone, check_cron};
use crate::roster::{List, Roster};

pub(super) fn read_policy<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    roster: Roster,
    own: Own,
) -> Policy {
    let name = source.string(top, "name").map(|name| name.value.into_owned());
    let means = source.string(top, "incident_means").map(|means| means.value.into_owned());
    let calendar = read_calendar(source, top);
    let drill = read_drill(source, top, &roster.lists);
    let templates = read_templates(source, top, &roster, &calendar.zone);
    let severities = read_severities(source, top, &roster.lists);
    let ladders = source.table(top, "ladder");
    if let Some(table) = ladders {
        let keys = [
            "update",
            "update_minor",
            "task",
            "action",
            "missing",
            "handover",
            "statement",
            "next_statement",
            "postmortem_owner",
            "postmortem",
        ];
        source.check_keys(table, "[ladder]", &keys);
    }
    let ladder = |source: &mut Source<'t>, key: &str, usual: Ladder| match ladders {
        Some(table) => read_ladder(source, table, key, usual),
        None => usual,
    };
    let update_ladder = ladder(source, "update", defaults::update_ladder());
    let update_ladder_minor = ladder(source, "update_minor", defaults::update_ladder_minor());
    let task_ladder = ladder(source, "task", defaults::task_ladder());
    let action_ladder = ladder(source, "action", defaults::action_ladder());
    let missing_ladder = ladder(source, "missing", defaults::missing_ladder());
    let handover_ladder = ladder(source, "handover", defaults::handover_ladder());
    let owner_ladder = ladder(source, "postmortem_owner", defaults::owner_ladder());
    let postmortem_ladder = ladder(source, "postmortem", defaults::postmortem_ladder());
    let first_ladder = ladder(source, "statement", defaults::statement_ladder());
    let next_ladder = ladder(source, "next_statement", defaults::next_statement_ladder());
    let keep_unproven = source.parsed(top, "keep_unproven", read_room);
    let unsaid = read_defaults(source, top);
    let name = name.unwrap_or_else(|| "Incidents".to_owned());
    let mut customers = read_customers(source, top, &roster.lists, &own, &name);
    (customers.first_ladder, customers.next_ladder) = (first_ladder, next_ladder);
    Policy {
        authserv_ids: Vec::new(),
        name,
        templates,
        drill_notify: drill.notify,
        drill_scripts: drill.scripts,
        incident_means: means.unwrap_or_else(|| defaults::INCIDENT_MEANS.to_owned()),
        calendar,
        default_severity: unsaid.severity,
        severities,
        bridge: unsaid.bridge,
        chat: unsaid.chat,
        update_ladder,
        update_ladder_minor,
        task_within: unsaid.task_within,
        proposal_within: unsaid.proposal_within,
        task_ladder,
        action_ladder,
        missing_ladder,
        handover_ladder,
        rest_after: source.parsed(top, "rest_after", read_positive).unwrap_or(defaults::REST_AFTER),
        paging: read_paging(source, top),
        postmortem: read_postmortem(source, top, owner_ladder, postmortem_ladder),
        customers,
        digests: read_digests(source, top, &roster.lists),
        alerts: Vec::new(),
        web_url: None,
        one_click: false,
        operator: None,
        stuck_after: defaults::STUCK_AFTER,
        per_person_per_hour: defaults::PER_PERSON_PER_HOUR,
        unproven_octets_max: keep_unproven.unwrap_or(defaults::UNPROVEN_OCTETS),
        declare_from: DeclareFrom::Known,
        close_within: source.parsed(top, "close_within", read_positive).unwrap_or(TimeDelta::hours(24)),
        address: OwnAddress::new(own.0, own.1),
        roster,
    }
}

fn read_paging<'t>(source: &mut Source<'t>, top: Table<'t>) -> PagingPolicy {
    let mut paging = defaults::PAGING;
    let Some(table) = source.table(top, "paging") else { return paging };
    source.check_keys(table, "[paging]", &["level_within", "ack_lapses_after"]);
    if let Some(within) = source.parsed(table, "level_within", read_positive) {
        paging.level_within = within;
    }
    if let Some(after) = source.parsed(table, "ack_lapses_after", read_positive_or_never) {
        paging.ack_lapses_after = after;
    }
    paging
}

fn read_calendar<'t>(source: &mut Source<'t>, top: Table<'t>) -> Calendar {
    use Weekday::{Fri, Mon, Thu, Tue, Wed};
    let zone = source.parsed(top, "time_zone", read_zone).unwrap_or_else(Zone::utc);
    let mut calendar = Calendar {
        zone,
        working_days: vec![Mon, Tue, Wed, Thu, Fri],
        opens: defaults::nine(),
        closes: defaults::six(),
        holidays: Default::default(),
    };
    let Some(table) = source.table(top, "calendar") else { return calendar };
    source.check_keys(table, "[calendar]", &["working_days", "hours", "holidays"]);
    if let Some(days) = source.parsed(table, "working_days", read_weekdays) {
        calendar.working_days = days;
    }
    if let Some((opens, closes)) = source.parsed(table, "hours", read_hours) {
        (calendar.opens, calendar.closes) = (opens, closes);
    }
    for text in source.strings(table, "holidays").unwrap_or_default() {
        match read_date(&text.value) {
            Ok(day) => {
                calendar.holidays.insert(day);
            }
            Err(why) => source.mistake(text.line, format!("'holidays': {why}")),
        }
    }
    calendar
}

pub(super) fn read_severity(text: &str) -> Result<Severity, String> {
    Severity::read(text).ok_or_else(|| format!("`{text}` is no severity; write one of SEV-1 to SEV-5"))
}

/// What holds where a report or a line does not say it.
struct Unsaid {
    severity: Severity,
    bridge: Option<String>,
    chat: Option<String>,
    task_within: TimeDelta,
    proposal_within: TimeDelta,
}

fn read_defaults<'t>(source: &mut Source<'t>, top: Table<'t>) -> Unsaid {
    let usual = Unsaid {
        severity: Severity::Sev2,
        bridge: None,
        chat: None,
        task_within: defaults::TASK_WITHIN,
        proposal_within: defaults::PROPOSAL_WITHIN,
    };
    let Some(table) = source.table(top, "defaults") else { return usual };
    source.check_keys(table, "[defaults]", &["severity", "bridge", "chat", "task", "proposal"]);
    let severity = source.parsed(table, "severity", read_severity).unwrap_or(usual.severity);
    let task_within = source.parsed(table, "task", read_positive).unwrap_or(usual.task_within);
    let proposal = source.parsed(table, "proposal", read_window);
    let proposal_within = proposal.unwrap_or(usual.proposal_within);
    let mut text = |key| source.string(table, key).map(|text| text.value.into_owned());
    Unsaid { severity, bridge: text("bridge"), chat: text("chat"), task_within, proposal_within }
}

/// How long silence must last to be consent.
fn read_window(text: &str) -> Result<TimeDelta, String> {
    let window = read_positive(text)?;
    is_a_window(window).then_some(window).ok_or_else(|| {
        format!("`{text}` is no time to object: people need a minute, and at most 24 hours")
    })
}

fn read_severities<'t>(source: &mut Source<'t>, top: Table<'t>, lists: &[List]) -> [SeverityPolicy; 5] {
    let mut severities = defaults::severities();
    for table in source.tables(top, "severity") {
        let keys = [
            "name",
            "meaning",
            "notify",
            "take_command_within",
            "leadership_within",
            "update_every",
            "postmortem_within",
            "actions_within",
        ];
        source.check_keys(table, "[[severity]]", &keys);
        source.required(table, "[[severity]]", "name", "SEV-1");
        let severity = source.parsed(table, "name", read_severity);
        // A table with a wrong name is still read for its mistakes.
        let mut unnamed = severities[0].clone();
        let policy = match severity {
            Some(severity) => &mut severities[severity.index()],
            None => &mut unnamed,
        };
        if let Some(meaning) = source.string(table, "meaning") {
            policy.meaning = meaning.value.into_owned();
        }
        if let Some(names) = read_list_names(source, table, "notify", lists) {
            policy.notify = names;
        }
        if let Some(span) = source.parsed(table, "take_command_within", read_span) {
            policy.take_command_within = span;
        }
        if let Some(span) = source.parsed(table, "leadership_within", read_positive) {
            policy.leadership_within = Some(span);
        }
        if let Some(duty) = source.parsed(table, "postmortem_within", read_duty) {
            policy.postmortem = duty;
        }
        if let Some(span) = source.parsed(table, "actions_within", read_positive) {
            policy.actions_within = span;
        }
        if let Some(every) = source.table(table, "update_every") {
            let phases = ["investigating", "identified", "monitoring"];
            source.check_keys(every, "update_every", &phases);
            for (phase, slot) in phases.iter().zip(policy.update_every.iter_mut()) {
                if let Some(span) = source.parsed(every, phase, read_span) {
                    *slot = span;
                }
            }
        }
    }
    severities
}

pub(super) fn read_list_names<'t>(
    source: &mut Source<'t>,
    table: Table<'t>,
    key: &str,
    lists: &[List],
) -> Option<Vec<String>> {
    let texts = source.strings(table, key)?;
    for text in &texts {
        // These may be named before they exist: whoever notifies them finds nobody yet.
        let is_usual = matches!(text.value.as_ref(), "everyone" | "leadership" | defaults::DRILL_LIST);
        if is_usual || lists.iter().any(|list| list.name.eq_ignore_ascii_case(&text.value)) {
            continue;
        }
        let advice = match nearest(&text.value, lists.iter().map(|list| list.name.as_str())) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "add a [[list]] with that name".to_owned(),
        };
        source.mistake(text.line, format!("'{key}': there is no list '{}'; {advice}", text.value));
    }
    Some(texts.into_iter().map(|text| text.value.into_owned()).collect())
}

fn read_ladder<'t>(source: &mut Source<'t>, table: Table<'t>, key: &str, usual: Ladder) -> Ladder {
    let tables = source.tables(table, key);
    if tables.is_empty() {
        return usual;
    }
    let mut rungs = Vec::new();
    for table in tables {
        source.check_keys(table, "a step of the ladder", &["at", "to"]);
        source.required(table, "a step of the ladder", "at", "5m");
        let at = source.parsed(table, "at", read_rung_at);
        let names = source.strings(table, "to").unwrap_or_default();
        if names.is_empty() {
            source
                .mistake(table.line, "a step of the ladder reaches nobody; write to = [\"commander\"]");
        }
        let mut to = Vec::new();
        for name in names {
            match read_party(&name.value) {
                Ok(party) => to.push(party),
                Err(why) => source.mistake(name.line, format!("'to': {why}")),
            }
        }
        rungs.extend(at.map(|at| Rung { at, to }));
    }
    // Steps may be written in any order; a ladder is climbed in the order of time.
    rungs.sort_by_key(|rung| match rung.at {
        RungAt::BusinessPercent(percent) => (0, i64::from(percent)),
        RungAt::DueDayAt(time) => (1, i64::from(time.num_seconds_from_midnight())),
        RungAt::Offset(offset) => (2, offset.num_seconds()),
        RungAt::BusinessDaysAfter(days) => (3, i64::from(days)),
    });
    Ladder { rungs, then: usual.then }
}

fn read_postmortem<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    owner_ladder: Ladder,
    ladder: Ladder,
) -> PostmortemPolicy {
    let mut policy = PostmortemPolicy {
        name: "postmortem".to_owned(),
        sections: default_sections(),
        owner_within: TimeDelta::hours(1),
        owner_ladder,
        ladder,
    };
    let Some(table) = source.table(top, "postmortem") else { return policy };
    source.check_keys(table, "[postmortem]", &["name", "owner_within", "section"]);
    if let Some(name) = source.string(table, "name") {
        policy.name = name.value.into_owned();
    }
    if let Some(within) = source.parsed(table, "owner_within", read_positive) {
        policy.owner_within = within;
    }
    let sections = read_sections(source, table);
    if !sections.is_empty() {
        policy.sections = sections;
    }
    policy
}

fn read_sections<'t>(source: &mut Source<'t>, postmortem: Table<'t>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for table in source.tables(postmortem, "section") {
        source.check_keys(table, "[[postmortem.section]]", &["heading", "aliases", "asks", "required"]);
        let Some(heading) = source.required(table, "[[postmortem.section]]", "heading", "What happened")
        else {
            continue;
        };
        if sections.iter().any(|section| section.heading.eq_ignore_ascii_case(&heading.value)) {
            source.mistake(
                heading.line,
                format!("there is a section '{}' already; leave one out", heading.value),
            );
        }
        let aliases = source.strings(table, "aliases").unwrap_or_default();
        sections.push(Section {
            heading: heading.value.into_owned(),
            aliases: aliases.into_iter().map(|alias| alias.value.into_owned()).collect(),
            asks: source.string(table, "asks").map_or(String::new(), |asks| asks.value.into_owned()),
            required: source.boolean(table, "required").unwrap_or(false),
        });
    }
    sections
}

fn read_digests<'t>(source: &mut Source<'t>, top: Table<'t>, lists: &[List]) -> Vec<DigestPolicy> {
    let mut digests: Vec<DigestPolicy> = Vec::new();
    for table in source.tables(top, "digest") {
        source.check_keys(table, "[[digest]]", &["name", "to", "schedule", "shows"]);
        let name = source.required(table, "[[digest]]", "name", "leadership-weekly");
        let to = read_list_names(source, table, "to", lists).unwrap_or_default();
        if to.is_empty() {
            source.mistake(table.line, "[[digest]] needs 'to'; write to = [\"leadership\"]");
        }
        source.required(table, "[[digest]]", "schedule", "0 9 * * Mon");
        let schedule =
            source.parsed(table, "schedule", |text| check_cron(text).map(|()| text.to_owned()));
        let shows = source.parsed(table, "shows", read_shows).unwrap_or(Shows::Everything);
        let (Some(name), Some(schedule)) = (name, schedule) else { continue };
        if digests.iter().any(|digest| digest.name == name.value) {
            let what = format!("there is a digest '{}' already; choose another name", name.value);
            source.mistake(name.line, what);
        }
        digests.push(DigestPolicy { name: name.value.into_owned(), to, schedule, shows });
    }
    let is_planned = digests.iter().any(|digest| digest.shows == Shows::Parked);
    if !is_planned && lists.iter().any(|list| list.name == "leadership") {
        digests.push(defaults::planning());
    }
    digests
}

fn read_shows(text: &str) -> Result<Shows, String> {
    match text {
        "everything" => Ok(Shows::Everything),
        "parked" => Ok(Shows::Parked),
        _ => Err(format!("`{text}` is nothing that a digest shows; write everything or parked")),
    }
}
