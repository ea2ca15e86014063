//! Who is on call, as `firebell oncall` prints it and as a page of its own.
//!
//! The page is for everybody: it names people and none of their addresses. Start with
//! [`render_on_call_text`].

use std::fmt::Write as _;

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::wrap::{clipped, one_line};
use crate::incident::Policy;
use crate::mail::Address;
use crate::roster::standing::Standing;

/// How far ahead the page looks, so that it is true for a while after it was written.
const PAGE_AHEAD: TimeDelta = TimeDelta::days(28);
/// Shifts of a rotation on the page.
const PAGE_SHIFTS_MAX: usize = 30;

/// Who is on call, with addresses, for whoever looks after the server.
pub fn render_on_call_text(policy: &Policy, at: DateTime<Utc>) -> String {
    let (roster, zone) = (&policy.roster, &policy.calendar.zone);
    let name = |address: &Address| {
        let person = roster.person(address, "");
        if person.name.is_empty() { address.to_string() } else { format!("{} <{address}>", person.name) }
    };
    let mut text = format!("{}\n", zone.format_full(at));
    let order: Vec<&Address> = match roster.command_rotation() {
        Some(rotation) => rotation.order(at),
        None => roster.trained.iter().collect(),
    };
    for (index, address) in order.iter().enumerate() {
        let role = if index == 0 { "commands" } else { "then" };
        let _ = writeln!(text, "{role:<9} {}", name(address));
    }
    if order.is_empty() {
        text.push_str("Nobody is on call: the configuration has no [command] with a rotation.\n");
    }
    if let Some(rotation) = roster.command_rotation() {
        let next = zone.format_full(rotation.next_handover(at));
        let _ = writeln!(text, "The rotation {} hands over {next}.", rotation.name);
    }
    let commanding = roster.command_rotation().map(|rotation| rotation.name.as_str());
    for standing in roster.standings(at) {
        if Some(standing.name.as_str()) == commanding && standing.rotation.is_none() {
            continue;
        }
        let _ = writeln!(text, "\n{}", title(&standing));
        let who: Vec<String> = standing.now.iter().map(name).collect();
        let who = if who.is_empty() { "nobody".to_owned() } else { who.join(", ") };
        let instead = if standing.is_override { "  (override)" } else { "" };
        let _ = writeln!(text, "  now   {who}{instead}");
        if let (Some(until), Some(next)) = (standing.until, &standing.next) {
            let _ = writeln!(text, "  next  {} from {}", name(next), zone.format_full(until));
        }
    }
    let overrides = roster.overrides_after(at);
    if !overrides.is_empty() {
        text.push_str("\noverrides\n");
    }
    for (rotation, change) in overrides {
        let (from, until) = (zone.format_full(change.from_at), zone.format_full(change.until_at));
        let who = name(&change.person);
        let _ = writeln!(text, "  {}  {who} from {from} to {until}", rotation.name);
    }
    text
}

fn title(standing: &Standing) -> String {
    match &standing.rotation {
        Some(rotation) if *rotation != standing.name => format!("{} ({rotation})", standing.name),
        _ => standing.name.clone(),
    }
}

#[derive(Template)]
#[template(path = "web/oncall.html")]
struct OnCallPage {
    name: String,
    written_at: String,
    standings: Vec<Shown>,
    rotations: Vec<Shifts>,
}

/// A service or a rotation on the page.
struct Shown {
    name: String,
    rotation: Option<String>,
    now: Vec<String>,
    until: Option<String>,
    next: Option<String>,
}

/// A rotation's next shifts.
struct Shifts {
    name: String,
    rows: Vec<ShiftRow>,
}

struct ShiftRow {
    who: String,
    from: String,
    until: String,
}

/// The page of every service and who is on call now and next, complete in itself.
pub fn render_on_call_page(policy: &Policy, now: DateTime<Utc>) -> String {
    let (roster, zone) = (&policy.roster, &policy.calendar.zone);
    let name = |address: &Address| {
        let person = roster.person(address, "");
        // Whoever has no name in the roster is not named at all: their address is nobody's business.
        if person.name.is_empty() { "somebody".to_owned() } else { clipped(&one_line(&person.name), 80) }
    };
    let shown = |standing: Standing| Shown {
        name: clipped(&standing.name, 80),
        rotation: standing.rotation.filter(|rotation| *rotation != standing.name),
        now: standing.now.iter().map(name).collect(),
        until: standing.until.map(|at| zone.format_full(at)),
        next: standing.next.as_ref().map(name),
    };
    let rotations = roster.rotations.iter().map(|rotation| Shifts {
        name: clipped(&rotation.name, 80),
        rows: rotation
            .shifts(now, now + PAGE_AHEAD)
            .iter()
            .take(PAGE_SHIFTS_MAX)
            .map(|shift| ShiftRow {
                who: name(&shift.person),
                from: zone.format_full(shift.starts_at),
                until: zone.format_full(shift.ends_at),
            })
            .collect(),
    });
    let page = OnCallPage {
        name: one_line(&policy.name),
        written_at: zone.format_full(now),
        standings: roster.standings(now).into_iter().map(shown).collect(),
        rotations: rotations.collect(),
    };
    page.render().expect("a template without fallible parts")
}
