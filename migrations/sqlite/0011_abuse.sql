-- When somebody last proved to write from an address that was taken for dead: reports of mail that was
-- sent before count no more. Null: nothing is sent there.
alter table dead_address add column alive_at bigint;

-- What did nothing and is kept all the same, the oldest first, with its size: of that only so much is
-- kept.
create index inbound_ineffective on inbound (state, received_at, id, size_octets)
    where octets is not null and state in ('filed', 'held', 'set-aside');

-- Who wrote to an incident before, asked for each mail that names one in its subject.
create index entry_author on entry (incident, lower(author)) where verified;

-- Whether a report stands for others.
create index held_report_inbound on held_report (inbound);
