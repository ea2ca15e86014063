-- Groups of alerts: the incident that each declared, or who was asked about it and until when.
create table alert_group (
    key text not null primary key,
    -- What answers to the question name.
    id bigint not null unique,
    version bigint not null,
    -- The incident that it declared last.
    incident bigint,
    -- When it declares itself; null while nobody was asked.
    wake_at bigint,
    last_at bigint not null,
    state text not null
);
create index alert_group_wake on alert_group (wake_at) where wake_at is not null;
