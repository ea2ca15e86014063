-- Where each IMAP mailbox was read to (RFC 9051 section 2.3.1.1: a UID means something only
-- together with the mailbox's UIDVALIDITY). `since_at` is when it was first looked at: what is older
-- is history, and is never read.
create table mailbox (
    name text primary key,
    uid_validity bigint not null,
    uid bigint not null,
    since_at bigint not null
) without rowid;

-- Messages of a mailbox that the server did not hand out; the cursor went on without them.
create table unfetched (
    mailbox text not null,
    uid_validity bigint not null,
    uid bigint not null,
    attempts bigint not null,
    reason text not null,
    primary key (mailbox, uid_validity, uid)
) without rowid;
