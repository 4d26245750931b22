create table counters (
    name text primary key,
    revision bigint not null check (revision >= 0)
);
create table events (
    counter text not null references counters (name),
    revision bigint not null,
    writer bigint not null,
    taken_by text,
    primary key (counter, revision)
);
