-- New versions that are watched after their switch, one an application. The row goes with the watch.
create table bakes (
    application text primary key references applications (name),
    -- The switch that made the target the active version.
    switch text not null,
    -- Where it goes back to.
    source text not null,
    target text not null,
    -- The one in which the target is watched.
    generation bigint not null check (generation >= 1),
    -- As JSON, as they were at the commit.
    rules text not null,
    until_at bigint not null,
    -- When it is to be looked at again.
    wake_at bigint not null,
    -- Failed health checks in a row.
    health_failures bigint not null check (health_failures >= 0),
    -- Set when a rule has fired and the switch back has not begun yet.
    fired_at bigint,
    fired_why text,
    check ((fired_at is null) = (fired_why is null))
);

create index bakes_due on bakes (wake_at);
