-- The incident that a mail is about, as its letter has it: what waits about one is found however much
-- waits about others. What was accepted or cancelled never waits again.
alter table outbox add column incident bigint;
update outbox set incident = (select letter.incident from letter where letter.id = outbox.letter)
    where state not in ('accepted', 'cancelled');
create index outbox_incident on outbox (incident, recipient_key, tells_from)
    where state in ('queued', 'deferred', 'uncertain');
