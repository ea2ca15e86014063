-- Who joined or left one of our lists by mail. It counts beside the members of the configuration.
create table list_member (
    -- Its name in lower case.
    list text not null,
    -- The address as it is found, and as its owner writes it.
    address text not null,
    shown text not null,
    -- Otherwise they left.
    joined boolean not null,
    since_at bigint not null,
    primary key (list, address)
);

-- When somebody was last asked whether a mail in their name is theirs: once a day.
create table list_request (
    list text not null,
    address text not null,
    wish text not null,
    asked_at bigint not null,
    primary key (list, address, wish)
);
create index list_request_asked on list_request (asked_at);
