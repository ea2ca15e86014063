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
