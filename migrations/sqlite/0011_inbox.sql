-- Why a message lies in the inbox for somebody to look at: held, set aside, unreadable, or kept without
-- an incident. Null for what did what it asks for, and for what is forgotten.
alter table inbound add column reason text;
update inbound
set reason = case state when 'held' then 'held for somebody known to accept'
                        else 'the server failed at it each time' end
where octets is not null and state in ('held', 'set-aside');
create index inbound_reason on inbound (state, received_at) where reason is not null;

-- By whom it claims to be, and what proved it.
create index audit_inbound on audit (inbound, id) where inbound is not null;

-- What was not sent, for the figures.
create index outbox_unsent on outbox (state) where state <> 'accepted';
