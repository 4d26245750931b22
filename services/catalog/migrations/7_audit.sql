-- Who changed what: rows are added and never changed. Nothing here keeps anybody from changing them who may
-- write to the database; each names the hash of the one before, so that it is found.
create table audit_entries (
    number bigint primary key check (number >= 1),
    at bigint not null,
    role text not null,
    actor text not null,
    method text not null,
    resource text not null,
    reason text not null,
    request_id text not null,
    -- JSON, or empty.
    asked text not null,
    before text not null,
    after text not null,
    previous text not null check (length(previous) = 64),
    hash text not null unique check (length(hash) = 64)
);

create index audit_entries_actor on audit_entries (actor, number);

create index audit_entries_resource on audit_entries (resource, number);

-- Where they end: one row, which whoever adds an entry locks until its transaction ends.
create table audit_head (
    one bigint primary key check (one = 1),
    number bigint not null,
    hash text not null check (length(hash) = 64)
);

insert into audit_head (one, number, hash)
values (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
