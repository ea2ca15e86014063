-- Addresses to which nothing is sent for a while, because a delivery report said that there is no such
-- mailbox. Taken out when mail comes from there, or by the operator.
create table dead_address (
    address text primary key,
    since_at bigint not null,
    reason text not null
);

-- The report that stands for all that were held with it: it is the one that somebody is asked about.
create table held_report (
    name text not null,
    hour bigint not null,
    inbound bigint not null,
    primary key (name, hour)
);
alter table inbound add column held_with bigint;
create index inbound_held_with on inbound (held_with) where held_with is not null;

-- When a Message-ID was seen first, so that it is forgotten when nobody answers it any more.
alter table known_id add column seen_at bigint not null default 0;
update known_id set seen_at = cast(extract(epoch from now()) * 1000000 as bigint);
