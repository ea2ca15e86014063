-- When somebody last proved to write from an address that was taken for dead: reports of mail that was
-- sent before count no more. Null: nothing is sent there.
alter table dead_address add column alive_at bigint;
