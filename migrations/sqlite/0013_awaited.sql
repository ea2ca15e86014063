-- Mail of which an incident waits to hear that a relay took it: a clock runs from there.
alter table outbox add column awaited bigint not null default 0;
create index outbox_awaited on outbox (id) where awaited = 1 and state = 'accepted';
