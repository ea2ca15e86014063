-- Instants are microseconds since the epoch; ids are made by the application.
-- `octets` are packed: their first octet says how (see store/octets.rs).

create table meta (
    key text primary key,
    value blob not null
) without rowid;

create table counter (
    name text primary key,
    n bigint not null
) without rowid;

-- Messages as they were accepted. Null octets: forgotten, being older than is kept.
create table inbound (
    id integer primary key,
    received_at bigint not null,
    reverse_path text,
    recipients text not null,
    network_trusted boolean not null,
    route text not null,
    octets blob,
    size_octets bigint not null,
    state text not null,
    incident bigint,
    attempts bigint not null default 0,
    read_at bigint
);
create index inbound_waiting on inbound (received_at, id) where state = 'waiting';
create index inbound_incident on inbound (incident, received_at) where incident is not null;
create index inbound_raw on inbound (received_at) where octets is not null;

-- One message may come by several ways; the first has the key.
create table content_key (
    key blob primary key,
    inbound bigint not null
) without rowid;

-- `state` is the truth, as JSON; the columns beside it are what is asked for.
create table incident (
    number integer primary key,
    version bigint not null,
    is_open boolean not null,
    phase text not null,
    severity text not null,
    title text not null,
    private boolean not null,
    drill boolean not null,
    declared_at bigint not null,
    resolved_at bigint,
    closed_at bigint,
    state text not null
);
create index incident_open on incident (number) where is_open;

create table entry (
    incident bigint not null references incident (number) deferrable initially deferred,
    seq bigint not null,
    at bigint not null,
    recorded_at bigint not null,
    author text,
    author_name text not null,
    verified boolean not null,
    kind text not null,
    text text not null,
    elided text not null,
    attachments text not null,
    message_id text,
    primary key (incident, seq)
);

create table deadline (
    incident bigint not null references incident (number) deferrable initially deferred,
    kind text not null,
    wake_at bigint not null,
    primary key (incident, kind)
) without rowid;
create index deadline_wake_at on deadline (wake_at);

-- Finished mails, once for all who get them.
create table letter (
    id integer primary key,
    message_id text not null,
    incident bigint,
    purpose text not null,
    created_at bigint not null,
    subject text not null,
    octets blob not null
);

-- A letter to one recipient. Both indexes hold only what waits, however much was sent before.
create table outbox (
    id integer primary key,
    letter bigint not null,
    recipient text not null,
    recipient_key text not null,
    token text,
    state text not null,
    due_at bigint not null,
    leased_until bigint not null default 0,
    attempts bigint not null default 0,
    expires_at bigint not null,
    accepted_at bigint,
    last_answer text not null default ''
);
create index outbox_due on outbox (due_at, id) where state in ('queued', 'deferred');
create index outbox_recipient on outbox (recipient_key) where state in ('queued', 'deferred');

-- Message-IDs that we sent or received: how a reply finds its incident.
create table known_id (
    message_id text primary key,
    incident bigint,
    letter bigint,
    purpose text
) without rowid;

create table digest_run (
    name text not null,
    period_at bigint not null,
    primary key (name, period_at)
) without rowid;

create table budget (
    name text not null,
    hour bigint not null,
    uses bigint not null,
    primary key (name, hour)
) without rowid;

create table configuration (
    number integer primary key,
    text text not null,
    stored_at bigint not null
);
