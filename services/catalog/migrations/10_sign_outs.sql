-- Sessions of users that have ended before their time, as marks that say something to gateways alone.
create table sign_outs (
    -- 32 bytes in hex.
    mark text primary key check (length(mark) = 64),
    -- Grows in the order of commits: whoever writes takes it from the row that it has locked.
    number bigint not null unique check (number >= 1),
    -- Names this row to followers: of a database that was put back, they know what it no longer has.
    position text not null unique check (length(position) = 36),
    ended_at bigint not null
);

create index sign_outs_ended_at on sign_outs (ended_at);

-- The last number: one row.
create table sign_outs_head (
    one bigint primary key check (one = 1),
    number bigint not null
);

insert into sign_outs_head (one, number)
values (1, 0);
