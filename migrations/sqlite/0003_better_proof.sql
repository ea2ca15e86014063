-- Whether the copy of a message that has its key was only filed because nothing proved its sender:
-- then a later copy with proof is read as if it were the first.
alter table content_key add column unproven boolean not null default false;
