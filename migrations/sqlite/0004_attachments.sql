-- What the files hold that came with messages, each once: `hash` is its SHA-256 in hexadecimal
-- digits, and `octets` are packed as those of messages are. It stays when messages are forgotten.
create table file (
    hash text primary key,
    octets blob not null
) without rowid;

-- The files of a timeline entry. Null hash: only the name is kept.
create table attachment (
    incident bigint not null references incident (number) deferrable initially deferred,
    seq bigint not null,
    position bigint not null,
    name text not null,
    size_octets bigint not null,
    hash text references file (hash) deferrable initially deferred,
    primary key (incident, seq, position)
) without rowid;

-- Up to now an entry had names and nothing else.
insert into attachment (incident, seq, position, name, size_octets)
select entry.incident, entry.seq, named.key, named.value, 0 from entry, json_each(entry.attachments) as named;
alter table entry drop column attachments;
