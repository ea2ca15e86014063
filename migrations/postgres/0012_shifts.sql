-- Shifts that are to change hands: asked for by mail, in force once everybody concerned agreed.
create table shift_request (
    id bigint primary key,
    -- Raised with every answer: of two at one moment the later is looked at again.
    version bigint not null,
    ends_at bigint not null,
    -- Null until everybody agreed.
    in_force_at bigint,
    body text not null
);
create index shift_request_in_force on shift_request (ends_at) where in_force_at is not null;
