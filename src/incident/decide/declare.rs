//! A report becomes an incident: nothing is asked before it exists.

use chrono::{DateTime, Utc};

use super::{Step, kept, whole_text};
use crate::incident::Severity;
use crate::incident::decision::{Decision, EntryKind, OfferedBy, Says};
use crate::incident::event::{Declared, Said, Trust};
use crate::incident::permission::states_fact;
use crate::incident::policy::Policy;
use crate::incident::state::{Command as InCommand, Incident, WideMail};
use crate::mail::command::{Command, Line, Written};

/// Makes the incident, asks for a commander, and tells everybody who must know.
pub(super) fn declare(declared: &Declared, policy: &Policy, now: DateTime<Utc>) -> Decision {
    let mut step = Step::new(first_state(declared, policy, now), policy, now);
    step.was = None;
    let proven = declared.by.trust == Trust::Verified || declared.accepted_by.is_some();
    let (lines, waiting): (Vec<Line>, Vec<Line>) =
        declared.written.lines.iter().cloned().partition(|line| {
            proven || line.meaning.as_ref().is_ok_and(states_fact) || line.meaning.is_err()
        });
    step.near_misses_are_yes(&lines);
    let mut by = declared.by.clone();
    by.known = true;
    let said = Said {
        by,
        written: Written { lines, prose: declared.written.prose.clone(), gave_up: false },
        answering: None,
        answered_at: None,
        entry_authors: std::collections::BTreeMap::new(),
        led_from: None,
        others: declared.others.clone(),
        source: declared.source.clone(),
    };
    step.record_declaration(declared, &said);
    step.apply_lines(&said);
    step.finish_declaration(declared, &said);
    step.page_services();
    step.ask_for_statement();
    if !proven {
        step.ask_for_proof(declared, waiting);
    } else {
        step.answer(&said);
    }
    step.into_decision()
}

/// What asks for a script is a drill from the start, also where the script waits for a proof, or there is
/// none of that name: the wide mail cannot be called back.
fn plays_script(lines: &[Line]) -> bool {
    lines.iter().any(|line| matches!(line.meaning, Ok(Command::DrillScript(_))))
}

fn first_state(declared: &Declared, policy: &Policy, now: DateTime<Utc>) -> Incident {
    let severity = declared.severity.unwrap_or(policy.default_severity);
    let wide_mail = if declared.by.trust == Trust::Verified || declared.accepted_by.is_some() {
        WideMail::Sent
    } else {
        WideMail::HeldForConfirmation
    };
    Incident {
        severity_assumed: declared.severity.is_none(),
        private: declared.private,
        drill: declared.drill || plays_script(&declared.written.lines),
        wide_mail,
        ..Incident::new(declared.number, &declared.title, severity, declared.by.person.clone(), now)
    }
}

impl Step<'_> {
    /// A mistyped `Private` or `Drill` counts as yes until corrected: the wide mail cannot be called
    /// back.
    fn near_misses_are_yes(&mut self, lines: &[Line]) {
        for line in lines {
            let Err(misread) = &line.meaning else { continue };
            let (field, counts_as) = match misread.field.as_deref() {
                Some("Private") => {
                    self.incident.private = true;
                    ("Private", "private")
                }
                Some("Drill") => {
                    self.incident.drill = true;
                    ("Drill", "a drill")
                }
                _ => continue,
            };
            self.hints.push(format!(
                "{} counts as {counts_as}, because a line that nearly says so was not understood. Reply  \
                 {field}: no  if that is a mistake.",
                self.incident.key(),
            ));
        }
    }

    fn record_declaration(&mut self, declared: &Declared, said: &Said) {
        let mut text = declared.title.clone();
        let prose = whole_text(&[], &declared.written.prose);
        if !prose.is_empty() {
            text = format!("{text}\n\n{prose}");
        }
        if let (Some(accepted_by), None) = (&declared.accepted_by, &declared.alert) {
            text = format!("{text}\n\n(Reported from outside; accepted by {}.)", accepted_by.shown());
        }
        let Some(alerted) = &declared.alert else {
            self.record(EntryKind::Declaration, Some(&said.by), text, said.source.clone());
            return;
        };
        self.declared_by_alert(alerted);
        let rule = &alerted.alert.rule;
        let by = match &declared.accepted_by {
            Some(person) => {
                format!("Declared by {}, from an alert that the rule {rule} knows.", person.shown())
            }
            None => format!("Declared by the alert rule {rule}."),
        };
        let text = format!("{by}\n\n{text}");
        self.record(EntryKind::Declaration, None, text, said.source.clone());
        if let Some(entry) = self.entries.last_mut() {
            entry.proof.clone_from(&alerted.proof);
        }
    }

    fn finish_declaration(&mut self, declared: &Declared, said: &Said) {
        let words: Vec<String> = std::mem::take(&mut self.official)
            .into_iter()
            .chain(std::mem::take(&mut self.notes))
            .chain(Some(declared.written.prose.clone()))
            .filter(|words| !words.trim().is_empty())
            .collect();
        if self.incident.summary.is_none() && !words.is_empty() {
            self.incident.summary = Some(kept(&words.join("\n\n")));
        }
        self.incident.thread_title = self.incident.title.clone();
        self.record_facts(said, true);
        self.changes.clear();
        self.follow_up = false;
        self.announce = false;
        if let InCommand::Offered { to, .. } = &mut self.incident.command
            && to.is_empty()
        {
            let asked = asked_first(&self.incident, self.policy, self.now);
            if let InCommand::Offered { to, .. } = &mut self.incident.command {
                to.clone_from(&asked);
            }
        }
        let mut wide = self.wide();
        wide.extend(self.on_call_unpaged());
        self.mail(wide, Says::Declaration);
        // What is over when it is reported needs no commander.
        if self.incident.phase.is_active() && matches!(self.incident.command, InCommand::Offered { .. })
        {
            self.mail_offer(OfferedBy::Declaration);
        }
    }

    /// The reporter's address is known, and anybody can write it into a From: the wide mail waits.
    fn ask_for_proof(&mut self, declared: &Declared, waiting: Vec<Line>) {
        if declared.by.known {
            self.ask_to_confirm(&declared.by.person, waiting, String::new());
        }
    }
}

/// Who is asked first to take command.
pub(super) fn asked_first(
    incident: &Incident,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Vec<crate::incident::state::Person> {
    let roster = &policy.roster;
    let reporter = || vec![incident.reporter.clone()];
    // A drill takes nobody from their work whom its reporter did not name.
    if incident.severity >= Severity::Sev4 || incident.drill {
        return reporter();
    }
    if roster.command_rotation().is_some() {
        return roster.commander_on_call(now).map_or_else(reporter, |person| vec![person]);
    }
    let trained: Vec<_> = roster.trained.iter().map(|address| roster.person(address, "")).collect();
    if trained.is_empty() { reporter() } else { trained }
}
