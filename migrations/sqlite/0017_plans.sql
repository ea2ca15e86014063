-- SQLite plans by rules, not by statistics, and writes a row in its place: only PostgreSQL had to be told.
select 1;
