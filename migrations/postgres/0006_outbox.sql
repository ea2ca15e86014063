-- What the reminders in a letter ask for: one line for each incident and kind of thing owed, so that
-- one of them can be settled, or come again, and the others stay.
create table reminder (
    letter bigint not null,
    incident bigint not null,
    purpose text not null,
    escalated boolean not null
);
create index reminder_letter on reminder (letter);
-- Those that wait from before. What several asked for in one mail was not kept: such a mail is sent
-- as it is.
insert into reminder (letter, incident, purpose, escalated)
    select id, incident, purpose, false from letter
    where incident is not null
    and purpose in ('reminder-update', 'reminder-missing', 'reminder-postmortem-owner',
                    'reminder-postmortem')
    and id in (select letter from outbox where state in ('queued', 'deferred'));

-- Raised with every lease: whoever held an earlier one can put nothing off and refuse nothing.
alter table outbox add column epoch bigint not null default 0;
-- How often the relay did not say whether it took the mail.
alter table outbox add column ambiguous bigint not null default 0;
-- `uncertain` waits, too: once more, later.
drop index outbox_due;
create index outbox_due on outbox (due_at, id) where state in ('queued', 'deferred', 'uncertain');
drop index outbox_recipient;
create index outbox_recipient on outbox (recipient_key)
    where state in ('queued', 'deferred', 'uncertain');

-- What was said between us and the relay when it last did not take the mail.
alter table outbox add column dialogue text not null default '';
