-- Who handed a message over: who logged in, and which host of a stranger, where we are the MX.
alter table inbound add column login text;
alter table inbound add column client text;
alter table inbound add column hello text;

-- What SPF, DKIM, DMARC and ARC say of a message, as JSON. A message that waits for the answers is
-- leased by whoever asks.
alter table inbound add column authentication text;
alter table inbound add column leased_until bigint not null default 0;
create index inbound_unproven on inbound (received_at, id) where state = 'unproven';

-- By what its author was believed, or why not.
alter table entry add column proof text not null default '';

-- Every decision on trust: whom a message claims to be from, what proved it, what became of it.
create table audit (
    id bigint primary key,
    at bigint not null,
    incident bigint,
    inbound bigint,
    who text not null,
    proof text not null,
    outcome text not null
);
create index audit_incident on audit (incident, id) where incident is not null;
create index audit_who on audit (who, id);
create index audit_stray on audit (at) where incident is null;
