-- When somebody last proved to write from an address that was taken for dead: reports of mail that was
-- sent before count no more. Null: nothing is sent there.
alter table dead_address add column alive_at bigint;

-- What did nothing and is kept all the same, the oldest first, with its size: of that only so much is
-- kept.
create index inbound_ineffective on inbound (received_at, id, size_octets)
    where octets is not null and state in ('filed', 'held', 'set-aside');
