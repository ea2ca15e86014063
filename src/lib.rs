//! Firebell, an e-mail-first incident coordination server.
//!
//! Mail one address and an incident exists; reply, and the reply is in its timeline. Firebell sends
//! the declaration and the follow-ups, and keeps the promises that people made: it reminds, it
//! escalates, and it stops when somebody answered. This page is the architecture: the way of a mail,
//! what is never done, and where to find what.
//!
//! # The way of a mail
//!
//! Mail comes in as octets and is stored before it is accepted. It is read into a value. The value,
//! the incident and the policy go into one pure function. What that function returns is stored in
//! one transaction, together with the finished octets of every mail to send. Other tasks hand those
//! octets to the relay, and wake up when a deadline row falls due: a passed deadline is just another
//! event through the same door.
//!
//! ```text
//! octets ── intake::smtp, imap, ingest ──> inbound row ── COMMIT ──> 250
//! inbound row ── authentication ──> SPF, DKIM, DMARC, ARC    when the message can prove something
//! inbound row ── mail::message::read_mail ──> InboundMail    a value with clues; reading never fails
//!   engine, one transaction for a batch of messages:
//!     store loads what the clues point at
//!     interpret ──> what the message asks for, and how far its sender is believed
//!     incident::decide ──> the incident as it is now, timeline entries, mails to write
//!     render, mail::compose ──> finished octets, Message-ID included
//!     store saves incident (version + 1), entries, deadline rows, outbox rows, inbound mark
//!   COMMIT
//! outbox row ── delivery ──> relay 250 ──> accepted
//! deadline row due ── deadlines ──> Event::Passed ──> the same door
//! relay 5yz, delivery report ──> Event::Undeliverable ──> the same door
//! ```
//!
//! # What never happens
//!
//! - Nothing is accepted before it is stored: no `250`, no exit code 0 without a commit.
//! - Nothing but [`engine`] changes an incident, and nothing but [`incident::decide`] says how.
//! - No incident looks into another: what one shows in another is kept there, and told by an event in the
//!   same transaction ([`incident::related`]).
//! - No deadline is set or cancelled by hand: rows are replaced by what
//!   [`incident::deadlines::deadlines`] computes, at every commit.
//! - No outgoing mail changes after it is stored: a retry is the same octets under the same
//!   Message-ID. Only a recipient's token is filled in, in place of a mark of the same length.
//! - Nothing is told to customers that the commander or the deputy did not write or approve as it stands.
//! - No message of a machine changes state, is answered, or counts as an update; but for alerts that a
//!   rule knows and whose sender is proven, which declare and never resolve.
//! - No state changes for somebody who is not verified ([`interpret`]).
//! - No clock, randomness, SQL, files or `async` in [`incident`], [`learning`], [`roster`], [`alerts`],
//!   [`mail`], [`render`] and [`interpret`]: `tests/tidy.rs` sees to it.
//! - No transaction is open while a relay is spoken to; delivery holds a lease instead.
//! - No row is handled in a way that would do harm when it is handled late, twice, or by another
//!   process: correctness rests on guarded updates and unique keys in [`store`].
//!
//! # Where to find what
//!
//! | | |
//! | --- | --- |
//! | [`mail`] | octets and values: addresses, reading, new text of a reply, the command grammar, composing |
//! | [`incident`] | the rules: state, events, permissions, what follows, what is owed and when |
//! | [`learning`] | postmortem sections, figures of the digest |
//! | [`roster`] | people, teams, lists, services, rotations and their overrides, local time and business days |
//! | [`alerts`] | what monitoring systems say: rules, groups, Alertmanager's JSON |
//! | [`render`] | the words of every mail, and `incident show` |
//! | [`interpret`] | who is believed, what belongs where |
//! | [`store`] | all SQL, one text for SQLite and PostgreSQL |
//! | [`engine`] | the one door |
//! | [`intake`], [`delivery`] | the wire: SMTP and LMTP in, IMAP mailboxes, pipes and files in, SMTP and maildirs out |
//! | [`credential`] | passwords and tokens with which Firebell logs in elsewhere |
//! | [`authentication`] | asks DNS who stands behind a message |
//! | [`deadlines`], [`digests`] | the loops that wake up by themselves; notices of shifts |
//! | [`config`] | one TOML file, all its mistakes at once |
//! | [`app`], [`cli`] | wiring, and the commands |
//! | [`rehearse`] | plays a conversation script; the tests' scripts are the specification |
//! | [`demo`], [`web`] | everything in one process to play with, and its page; `/healthz`, `/metrics` and the customers' `/status` of the server |
//! | [`meters`] | what a running server counts of itself |
//!
//! Arrows point one way: `cli → app → {intake, authentication, delivery, deadlines, digests, web} → engine →
//! {store, interpret, render} → {incident, learning, roster, alerts, mail}`. Intake, delivery, deadlines and
//! pages never see each other; they meet in rows.

pub mod alerts;
pub mod app;
pub mod authentication;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credential;
pub mod deadlines;
pub mod delivery;
pub mod demo;
pub mod digests;
pub mod engine;
pub mod ids;
pub mod incident;
pub mod intake;
pub mod interpret;
pub mod learning;
pub mod mail;
pub mod meters;
pub mod rehearse;
pub mod render;
pub mod roster;
pub mod store;
pub mod web;
