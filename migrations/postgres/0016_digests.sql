-- What a digest listed under which numbers and who got it, so that its answers are understood.
create table digest_sent (
    id bigint primary key,
    -- Without brackets; one for all copies.
    message_id text not null unique,
    -- As JSON.
    body text not null
);
