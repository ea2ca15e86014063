//! Mails about shifts: who is on call, that a shift begins, that it is to change hands.
//!
//! Times are in the zone of whoever reads them. Nothing here decides whose shift it is. Start with
//! [`render_on_call`].

use chrono::{DateTime, Utc};

use super::answer::{letter, step};
use super::calendar::CalendarUrl;
use super::context::{first_name, shown};
use super::paper::{Fact, Paper, fact, facts};
use super::quick::action;
use super::wrap::{clipped, one_line};
use crate::incident::Policy;
use crate::incident::decision::Purpose;
use crate::incident::event::LineResult;
use crate::mail::Address;
use crate::mail::compose::{Letter, TOKEN_MARK};
use crate::roster::OnCall;
use crate::roster::request::{Outcome, Request, Taken};
use crate::roster::rotation::{Override, Rotation, Shift};
use crate::roster::standing::Standing;
use crate::roster::zone::Zone;

/// Services and rotations in one answer.
const STANDINGS_MAX: usize = 60;
/// People of a team that are named in a line.
const NAMED_MAX: usize = 10;

/// The zone in which a reader's times are told.
fn zone_of<'p>(policy: &'p Policy, reader: &Address) -> &'p Zone {
    let own = policy.roster.member(reader).and_then(|member| member.zone.as_ref());
    own.unwrap_or(&policy.calendar.zone)
}

fn name_of(policy: &Policy, address: &Address) -> String {
    shown(&policy.roster.person(address, ""))
}

/// The reader as "you", everybody else by name.
fn you(policy: &Policy, address: &Address, reader: &Address) -> String {
    if address == reader { "you".to_owned() } else { name_of(policy, address) }
}

fn named(people: &[Address], name: impl Fn(&Address) -> String) -> String {
    let names: Vec<String> = people.iter().take(NAMED_MAX).map(name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => "nobody".to_owned(),
    }
}

/// Who is on call: for the services and rotations that the words of a question name, else for all.
pub fn render_on_call(
    policy: &Policy,
    words: &str,
    reader: &Address,
    calendars: &[CalendarUrl],
    now: DateTime<Utc>,
) -> Letter {
    let (roster, zone) = (&policy.roster, zone_of(policy, reader));
    let asked = roster.standings_named(words, now);
    let command = roster.command_rotation().map(|rotation| roster.standing_of(rotation, now));
    let lead = match (asked.first(), roster.commander_on_call(now)) {
        (Some(standing), _) => {
            let who = named(&standing.now, |person| name_of(policy, person));
            let verb = if standing.now.len() > 1 { "are" } else { "is" };
            capital(&format!("{who} {verb} on call for {}", one_line(&standing.name)))
        }
        (None, Some(person)) => format!("{} is on call now", shown(&person)),
        (None, None) if roster.rotations.is_empty() => "Nobody is on call".to_owned(),
        (None, None) => "Who is on call now".to_owned(),
    };
    let mut paper = Paper::new(lead, one_line(&policy.name));
    paper.prose(&format!("As of {}.", zone.format_full(now)));
    let mut rows = Vec::new();
    if asked.is_empty() {
        rows.extend(command_rows(policy, zone, command.as_ref(), now));
        let is_command =
            |standing: &Standing| command.as_ref().is_some_and(|command| command.name == standing.name);
        let all = roster.standings(now).into_iter().filter(|standing| !is_command(standing));
        rows.extend(all.take(STANDINGS_MAX).map(|standing| row(policy, zone, &standing)));
    } else {
        rows.extend(asked.iter().take(STANDINGS_MAX).map(|standing| row(policy, zone, standing)));
    }
    paper.facts(rows);
    let concerns = |rotation: &Rotation| {
        let is = |name: &String| *name == rotation.name;
        asked.is_empty()
            || asked.iter().any(|one| is(&one.name) || one.rotation.as_ref().is_some_and(is))
    };
    let overrides = override_rows(policy, zone, concerns, now);
    if !overrides.is_empty() {
        paper.prose("Overrides, agreed on or configured.");
        paper.facts(overrides);
    }
    paper.prose(&format!(
        "To reach them about something that is wrong, declare an incident: mail {}. A subject is \
         enough.",
        policy.address.address()
    ));
    add_how_to_change(&mut paper, policy);
    add_calendars(&mut paper, calendars);
    letter(Purpose::Guide, "Who is on call", "Who is on call", &paper)
}

fn command_rows(
    policy: &Policy,
    zone: &Zone,
    command: Option<&Standing>,
    now: DateTime<Utc>,
) -> Vec<Fact> {
    let roster = &policy.roster;
    let Some(person) = roster.commander_on_call(now) else { return Vec::new() };
    let mut lines = vec![format!("{}  {}", shown(&person), person.address)];
    if let Some(until) = command.and_then(|command| command.until) {
        lines.push(format!("until {}", zone.format_full(until)));
    }
    let mut rows = vec![facts("To command", lines)];
    let order = roster.command_rotation().map(|rotation| rotation.order(now)).unwrap_or_default();
    let next: Vec<String> =
        order.into_iter().skip(1).take(NAMED_MAX).map(|address| name_of(policy, address)).collect();
    if !next.is_empty() {
        rows.push(facts("Asked next", next));
    }
    rows
}

fn row(policy: &Policy, zone: &Zone, standing: &Standing) -> Fact {
    let mut lines: Vec<String> = standing
        .now
        .iter()
        .take(NAMED_MAX)
        .map(|person| format!("{}  {person}", name_of(policy, person)))
        .collect();
    if lines.is_empty() {
        lines.push("nobody".to_owned());
    }
    if let (Some(until), Some(next)) = (standing.until, &standing.next) {
        lines.push(format!("until {}, then {}", zone.format_full(until), name_of(policy, next)));
    }
    if standing.now.is_empty() && !standing.experts.is_empty() {
        let experts = named(&standing.experts, |person| name_of(policy, person));
        lines.push(format!("who knows about it  {experts}"));
    }
    facts(&clipped(&standing.name, 40), lines)
}

/// What differs from the rotations from now on.
fn override_rows(
    policy: &Policy,
    zone: &Zone,
    concerns: impl Fn(&Rotation) -> bool,
    now: DateTime<Utc>,
) -> Vec<Fact> {
    let shown = |(rotation, change): (&Rotation, &Override)| {
        facts(
            &clipped(&rotation.name, 40),
            vec![
                name_of(policy, &change.person),
                format!("{} to {}", zone.format_full(change.from_at), zone.format_full(change.until_at)),
            ],
        )
    };
    let all = policy.roster.overrides_after(now).into_iter();
    all.filter(|(rotation, _)| concerns(rotation)).take(STANDINGS_MAX).map(shown).collect()
}

fn add_how_to_change(paper: &mut Paper, policy: &Policy) {
    if policy.roster.rotations.is_empty() {
        return;
    }
    paper.prose(&format!(
        "To take a shift or to give one away, mail {} a line such as `Override: alice 2026-11-22 to \
         2026-11-24`, or with hours `Override: alice 2026-11-22 18:00 to 2026-11-23 09:00`; a swap is two \
         such lines. It holds when everybody concerned agrees.",
        policy.address.tagged("oncall")
    ));
}

fn add_calendars(paper: &mut Paper, calendars: &[CalendarUrl]) {
    if calendars.is_empty() {
        return;
    }
    paper.prose(
        "For a calendar programme, which reads it again by itself. Whoever has such an address sees the \
         shifts, so keep it to yourself.",
    );
    paper.facts(calendars.iter().map(|calendar| fact(&calendar.label, calendar.url.clone())).collect());
}

/// A shift begins.
pub fn render_shift_notice(
    policy: &Policy,
    rotation: &Rotation,
    shift: &Shift,
    calendars: &[CalendarUrl],
    now: DateTime<Utc>,
) -> Letter {
    let zone = zone_of(policy, &shift.person);
    let begins = zone.format_full(shift.starts_at);
    let mut paper = Paper::new(format!("Your shift begins {begins}"), one_line(&policy.name));
    paper.prose(&format!(
        "You are on call for {} from then on. If you can, nothing is wanted of you. If you cannot, find \
         somebody who takes it before it begins; until everybody concerned agrees it stays yours.",
        one_line(&rotation.name)
    ));
    let order = rotation.order(shift.starts_at);
    let other = order.into_iter().find(|member| **member != shift.person);
    if let Some(member) = other.and_then(|address| policy.roster.member(address)) {
        let local = |at: DateTime<Utc>| rotation.zone.local(at).format("%Y-%m-%d %H:%M").to_string();
        let line = format!(
            "Override: {} {} to {} ({})",
            member.alias.as_deref().unwrap_or(member.address.as_str()),
            local(shift.starts_at.max(now)),
            local(shift.ends_at),
            one_line(&rotation.name)
        );
        let to = policy.address.tagged(&format!("oncall.{TOKEN_MARK}"));
        let label = format!("To ask {}", first_name(&member.person()));
        paper.actions(vec![action(&label, &line, &to, "Override")]);
    }
    let mut rows = vec![
        fact("From", begins.clone()),
        fact("Until", zone.format_full(shift.ends_at)),
        fact("Rotation", one_line(&rotation.name)),
    ];
    let services = services_of(policy, &rotation.name);
    if !services.is_empty() {
        rows.push(fact("Services", services.join(", ")));
    }
    let after = rotation.on_call(shift.ends_at);
    if let Some(after) = after.filter(|after| **after != shift.person) {
        rows.push(fact("After you", name_of(policy, after)));
    }
    paper.facts(rows);
    add_calendars(&mut paper, calendars);
    paper.foot(&format!("Who else is on call? Mail {}", policy.address.tagged("oncall")));
    let subject = format!("Your shift begins {begins}");
    letter(Purpose::Shift, "Your shift", &subject, &paper)
}

fn services_of(policy: &Policy, rotation: &str) -> Vec<String> {
    let services = policy.roster.services.iter();
    let ours = services
        .filter(|service| matches!(&service.on_call, OnCall::Rotation(name) if name == rotation));
    ours.take(NAMED_MAX).map(|service| one_line(&service.name)).collect()
}

/// The shifts of a request, each in three rows.
fn shift_rows(policy: &Policy, shifts: &[Taken], zone: &Zone, reader: &Address) -> Vec<Fact> {
    let mut rows = Vec::new();
    for shift in shifts {
        rows.push(fact("From", zone.format_full(shift.from_at)));
        rows.push(fact("Until", zone.format_full(shift.until_at)));
        rows.push(fact("Taken by", you(policy, &shift.person, reader)));
        let from = named(&shift.from_whom, |person| you(policy, person, reader));
        rows.push(fact("Taken from", from));
        rows.push(fact("Rotation", one_line(&shift.rotation)));
    }
    rows
}

/// Asks one person whether shifts may change hands; `again` where they answered what nobody can read.
///
/// The reply goes to `incidents+swap.ID.TOKEN@`, with the general mark for the token.
pub fn render_swap_asked(
    policy: &Policy,
    id: i64,
    request: &Request,
    reader: &Address,
    again: bool,
    now: DateTime<Utc>,
) -> Letter {
    let zone = zone_of(policy, reader);
    let asks_itself = request.asked_by == *reader;
    let takes = request.shifts.iter().any(|shift| shift.person == *reader);
    let gives = request.shifts.iter().any(|shift| shift.from_whom.contains(reader));
    let begins = request.shifts.iter().map(|shift| shift.from_at).min().unwrap_or(now).max(now);
    let asker = name_of(policy, &request.asked_by);
    let question = match (asks_itself, takes, gives) {
        (true, ..) => "Did you ask for this shift?".to_owned(),
        (_, true, true) => format!("{asker} asks: swap shifts?"),
        (_, true, false) => format!("{asker} asks: take a shift?"),
        (_, false, _) => format!("{asker} asks: give your shift away?"),
    };
    let mut paper = Paper::new(question.clone(), one_line(&policy.name));
    if asks_itself {
        paper.prose(
            "A mail with your address as its sender asks for what stands below, and nothing proves that it \
             is yours. If you wrote it, confirm, and the others are asked. If you did not, do nothing: none \
             of it happens.",
        );
    } else {
        if again {
            paper.prose("Your answer was read as neither yes nor no: a line alone says which.");
        }
        let mut holders: Vec<Address> = Vec::new();
        for holder in request.shifts.iter().flat_map(|shift| &shift.from_whom) {
            if !holders.contains(holder) {
                holders.push(holder.clone());
            }
        }
        paper.prose(&format!(
            "Please answer before {}. It holds when everybody concerned agrees; until then nothing changes, \
             and it stays with {}.",
            zone.format_full(begins),
            named(&holders, |person| you(policy, person, reader))
        ));
    }
    let to = policy.address.tagged(&format!("swap.{id}.{TOKEN_MARK}"));
    let subject = question;
    paper.actions(vec![
        action("To agree", "confirm", &to, &subject),
        action("To decline", "decline", &to, &subject),
    ]);
    paper.facts(shift_rows(policy, &request.shifts, zone, reader));
    letter(
        Purpose::ShiftRequest,
        &format!("{} about shifts", ascii_first(policy, request)),
        &subject,
        &paper,
    )
}

fn ascii_first(policy: &Policy, request: &Request) -> String {
    first_name(&policy.roster.person(&request.asked_by, ""))
}

/// To whoever asked: who is to agree now.
pub fn render_swap_waits(
    policy: &Policy,
    request: &Request,
    reader: &Address,
    now: DateTime<Utc>,
) -> Letter {
    let zone = zone_of(policy, reader);
    let asked = named(&request.asked_now(), |person| name_of(policy, person));
    let verb = if request.asked_now().len() > 1 { "are" } else { "is" };
    let mut paper = Paper::new(format!("{asked} {verb} asked"), one_line(&policy.name));
    paper.prose(
        "You need not do anything: you agreed by asking, and hear of it when it holds or is declined. Until \
         everybody concerned agreed, the shifts stay as they are.",
    );
    paper.facts(shift_rows(policy, &request.shifts, zone, reader));
    paper.foot(&format!("As of {}.", zone.format_full(now)));
    letter(Purpose::Receipt, "Shifts", "Shifts: the others are asked", &paper)
}

/// To whoever asked for what cannot be.
pub fn render_swap_refused(policy: &Policy, results: &[LineResult]) -> Letter {
    let lead =
        if results.len() == 1 { "The shift stays as it is" } else { "The shifts stay as they are" };
    let mut paper = Paper::new(lead, one_line(&policy.name));
    paper.prose(
        "Please send it once more in a reply to this mail, mended as shown below; all lines of one mail are \
         done together.",
    );
    paper.transcript(results.iter().map(step).collect());
    paper.foot(
        "Only you get this. If somebody who has to agree cannot answer, whoever keeps the configuration can \
         add an [[override]].",
    );
    letter(Purpose::Receipt, "Shifts", "Shifts: not done", &paper)
}

/// To everybody concerned: it holds.
pub fn render_swap_settled(
    policy: &Policy,
    request: &Request,
    reader: &Address,
    calendars: &[CalendarUrl],
    now: DateTime<Utc>,
) -> Letter {
    let zone = zone_of(policy, reader);
    let takes = request.shifts.iter().find(|shift| shift.person == *reader);
    let lead = match (takes, request.shifts.first()) {
        (Some(shift), _) => format!("You are on call from {}", zone.format_full(shift.from_at)),
        (None, Some(shift)) => format!(
            "{} is on call from {}",
            name_of(policy, &shift.person),
            zone.format_full(shift.from_at)
        ),
        (None, None) => "The shifts changed hands".to_owned(),
    };
    let mut paper = Paper::new(lead, one_line(&policy.name));
    paper.prose(
        "Everybody concerned agreed, and nothing more is wanted of you. To change it again, send another \
         such line; the later of two counts.",
    );
    paper.facts(shift_rows(policy, &request.shifts, zone, reader));
    if takes.is_some() {
        add_calendars(&mut paper, calendars);
    }
    paper.foot(&format!("As of {}.", zone.format_full(now)));
    letter(Purpose::Shift, "Shifts", "Shifts: agreed", &paper)
}

/// To everybody concerned: it does not happen.
pub fn render_swap_declined(
    policy: &Policy,
    request: &Request,
    reader: &Address,
    now: DateTime<Utc>,
) -> Letter {
    let zone = zone_of(policy, reader);
    let lead = match &request.outcome {
        Outcome::Declined { by } if by == reader => {
            "You declined: the shifts stay as they are".to_owned()
        }
        Outcome::Declined { by } => {
            format!("{} declined: the shifts stay as they are", name_of(policy, by))
        }
        _ => "The shifts stay as they are".to_owned(),
    };
    let mut paper = Paper::new(lead, one_line(&policy.name));
    paper.prose("Nothing more is wanted of you. Somebody else can be asked with another such line.");
    paper.facts(shift_rows(policy, &request.shifts, zone, reader));
    paper.foot(&format!("As of {}.", zone.format_full(now)));
    letter(Purpose::Shift, "Shifts", "Shifts: declined", &paper)
}

/// To whoever answered what was settled.
pub fn render_swap_late(
    policy: &Policy,
    request: &Request,
    reader: &Address,
    now: DateTime<Utc>,
) -> Letter {
    let zone = zone_of(policy, reader);
    let why = match &request.outcome {
        Outcome::InForce { at } => format!("all agreed on {}", zone.format_full(*at)),
        Outcome::Declined { by } => format!("{} declined it", you(policy, by, reader)),
        Outcome::Waiting if request.ends_at() <= now => {
            format!("the shift ended on {}", zone.format_full(request.ends_at()))
        }
        Outcome::Waiting => "it is not yours to answer".to_owned(),
    };
    let mut paper = Paper::new("Your answer did nothing", one_line(&policy.name));
    paper.prose(&format!(
        "It changed nothing, because {why}. To change who is on call, send a new line such as `Override: \
         alice 2026-11-22 to 2026-11-24` in a reply to this mail.",
    ));
    paper.facts(shift_rows(policy, &request.shifts, zone, reader));
    letter(Purpose::Receipt, "Shifts", "Shifts: your answer did nothing", &paper)
}

/// A rotation does not have the people that it needs.
pub fn render_short(policy: &Policy, rotation: &str, why: &[String], now: DateTime<Utc>) -> Letter {
    let name = one_line(rotation);
    let mut paper =
        Paper::new(format!("The rotation {name} is short of people"), one_line(&policy.name));
    paper.prose(
        "Please find somebody who joins it, or mend the roster: when whoever is on call cannot answer, \
         nobody stands behind them. Whoever keeps the configuration adds them to its `members` and has \
         the server read it again. Until then it goes on as it is.",
    );
    paper.items(&why.iter().take(STANDINGS_MAX).map(|why| clipped(why, 300)).collect::<Vec<_>>());
    paper.facts(vec![
        fact("Rotation", name.clone()),
        fact("Noticed", policy.calendar.zone.format_full(now)),
    ]);
    letter(Purpose::Operator, "Firebell", &format!("The rotation {name} is short of people"), &paper)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
