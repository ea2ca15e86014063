-- Of a note copy, an update or a resolution: the first timeline entry of what it tells. A newer one
-- that takes its place in the queue tells from there. Null: nothing takes its place.
alter table outbox add column tells_from bigint;
