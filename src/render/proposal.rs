//! Proposals: the question for objections, the objection for whoever commands, the outcome, and the
//! decision.

use super::context::{Context, shown};
use super::paper::{Fact, Paper, fact, facts};
use super::when;
use super::wrap::{clipped, one_line};
use crate::incident::decision::{Objected, Purpose};
use crate::incident::proposal::{Outcome, Proposal, Sent};
use crate::incident::state::Person;
use crate::mail::compose::Letter;

const WHAT_CHARS: usize = 120;
/// Names in one mail; the timeline has all.
const ASKED_SHOWN: usize = 30;
const FILES_SHOWN: usize = 20;

/// "Any strong objections?"
pub fn render_proposal(context: &Context<'_>, proposal: &Proposal) -> Letter {
    let seq = proposal.seq;
    let subject = subject(context, proposal);
    let what = clipped(&one_line(&proposal.what), 50);
    let by = proposal.proposed_at + proposal.window;
    let lead = format!("Object by {}, or it is done: {what}", context.brief(by));
    let mut paper = Paper::new(lead, context.about());
    paper.prose(&format!(
        "{} proposes this. If you have a strong objection, say it by {}; silence is consent. You have {} \
         from when the last of you was sent this, even if that was late.",
        shown(&proposal.by),
        context.full(by),
        when::span(proposal.window),
    ));
    paper.words(&proposal.what);
    for risk in &proposal.risks {
        paper.prose("What may go wrong, as they see it.");
        paper.words(risk);
    }
    paper.actions(vec![
        context.action("To object", &format!("Object #{seq}: because"), &subject),
        context.action("To agree at once", "ack", &subject),
    ]);
    paper.prose(
        "Write behind the colon what speaks against it. An objection stops it; whoever commands, and \
         nobody else, learns whose it is.",
    );
    let asked = proposal.asked.iter().take(ASKED_SHOWN).map(|asked| shown(&asked.person)).collect();
    let mut rows = vec![fact("Proposal", format!("#{seq}")), facts("Asked", asked)];
    rows.extend(context.summary_facts());
    paper.facts(rows);
    context.on_duty(Purpose::Proposal(seq), subject, &format!("proposal-{seq}"), &paper)
}

fn subject(context: &Context<'_>, proposal: &Proposal) -> String {
    if context.incident.private {
        context.duty_subject("Any strong objection?")
    } else {
        let what = clipped(&one_line(&proposal.what), 60);
        context.duty_subject(&format!("Any objection? {what}"))
    }
}

/// Who objects, with their words and the names of their files, for whoever commands alone.
pub fn render_objection(
    context: &Context<'_>,
    proposal: &Proposal,
    by: &Person,
    (why, files): (&str, &[String]),
    when: &Objected,
) -> Letter {
    let seq = proposal.seq;
    let subject = subject(context, proposal);
    let what = clipped(&one_line(&proposal.what), 40);
    let lead = match when {
        Objected::InTime => format!("#{seq} is stopped by an objection: {what}"),
        Objected::Again => format!("One more objection to #{seq}: {what}"),
        Objected::Late(_) => format!("Late objection to #{seq}: {what}"),
    };
    let mut paper = Paper::new(lead, context.about());
    let by_whom = shown(by);
    paper.prose(&match when {
        Objected::InTime => format!(
            "{by_whom} objects. It is yours to decide now: weigh it, and write what is done. Only you learn \
             who objects; the others learn that somebody does.",
        ),
        Objected::Again => format!(
            "{by_whom} says this against it. It was stopped before, and is still yours to decide. Only you \
             learn who objects.",
        ),
        Objected::Late(late) => format!(
            "{by_whom} objects {late} after the time was up. What was agreed stands, unless you decide \
             otherwise now. Only you learn who objects.",
        ),
    });
    if why.is_empty() && files.is_empty() {
        paper.prose(&format!("{} gives no reason yet, and was asked for it.", shown(by)));
    }
    paper.words(why);
    let mut rows = vec![
        fact("Proposal", format!("#{seq} {}", clipped(&one_line(&proposal.what), WHAT_CHARS))),
        fact("Proposed by", shown(&proposal.by)),
    ];
    if !files.is_empty() {
        let names = files.iter().take(FILES_SHOWN).map(|name| clipped(name, 100)).collect();
        rows.push(facts("Attached", names));
    }
    paper.facts(rows);
    let done = format!("Decision #{seq}: We do it: {}", clipped(&one_line(&proposal.what), 30));
    paper.actions(vec![
        context.action("To do it all the same", &done, &subject),
        context.action("To leave it", &format!("Decision #{seq}: We do not do this."), &subject),
    ]);
    context.on_duty(Purpose::Objection(seq), subject, &format!("proposal-{seq}"), &paper)
}

/// How it ended, for its author and those who were asked.
pub fn render_outcome(context: &Context<'_>, proposal: &Proposal) -> Letter {
    let seq = proposal.seq;
    let what = clipped(&one_line(&proposal.what), 50);
    let how = proposal.ended.as_ref().map_or(Outcome::Undecided, |closed| closed.how);
    let lead = format!("#{seq} is {}: {what}", how.name());
    let mut paper = Paper::new(lead, context.about());
    let decides = match context.incident.commander() {
        Some(commander) => format!("{} decides", shown(commander)),
        None => "whoever takes command decides".to_owned(),
    };
    paper.prose(&match how {
        Outcome::Agreed => format!(
            "Nobody objected in time: it is agreed, and {} goes on with it.",
            shown(&proposal.by)
        ),
        Outcome::Stopped => format!("Somebody objects, so it is not done unless {decides} so."),
        Outcome::Undecided => {
            format!("Nobody who was asked could be reached, so nobody consented; {decides}.")
        }
        Outcome::Decided | Outcome::Overtaken => "It is settled.".to_owned(),
    });
    paper.words(&proposal.what);
    let asked = proposal.asked.iter().take(ASKED_SHOWN).map(|asked| match &asked.copy {
        Sent::Taken(at) => {
            format!("{}, whose server took it {}", shown(&asked.person), context.brief(*at))
        }
        Sent::Failed(why) => format!("{}, not reached  {}", shown(&asked.person), clipped(why, 100)),
        Sent::OnItsWay => shown(&asked.person),
    });
    paper.facts(vec![
        fact("Proposal", format!("#{seq} by {}", shown(&proposal.by))),
        facts("Asked", asked.collect()),
        fact("Commander", context.commander_line()),
    ]);
    context.on_duty(
        Purpose::ProposalOutcome(seq),
        subject(context, proposal),
        &format!("proposal-{seq}"),
        &paper,
    )
}

/// What whoever commands decided.
pub fn render_decision(
    context: &Context<'_>,
    seq: i64,
    by: &Person,
    what: &str,
    answers: Option<i64>,
) -> Letter {
    let lead = format!("Decided: {}", clipped(&one_line(what), 60));
    let mut paper = Paper::new(lead, context.about());
    paper.prose(&format!("{} decided this. It goes into the next update to everybody.", shown(by)));
    paper.words(what);
    let mut rows = vec![fact("Decision", format!("#{seq} by {}", shown(by)))];
    if let Some(proposal) = answers.and_then(|seq| context.incident.proposal(seq)) {
        let what = clipped(&one_line(&proposal.what), WHAT_CHARS);
        rows.push(fact("On", format!("#{} {what}", proposal.seq)));
    }
    rows.push(fact("Commander", context.commander_line()));
    paper.facts(rows);
    let mut letter = context.in_thread(Purpose::Note, &paper);
    letter.display_name = context.via(by);
    letter
}

/// The proposals that are open, where there are any.
pub fn open_proposals(context: &Context<'_>) -> Option<Fact> {
    let lines: Vec<String> = context
        .incident
        .open_proposals()
        .map(|proposal| {
            let until = match proposal.due_at() {
                Some(at) => format!("objections until {}", context.brief(at)),
                None => "on its way to those who are asked".to_owned(),
            };
            let what = clipped(&one_line(&proposal.what), WHAT_CHARS);
            format!("#{} {}, {until}  {what}", proposal.seq, shown(&proposal.by))
        })
        .collect();
    (!lines.is_empty()).then(|| facts("Open proposals", lines))
}
