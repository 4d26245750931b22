-- What users were answered by all gateways together, by second. No references: what is written here
-- waits for nobody's rows, and nobody waits for it.
create table traffic_seconds (
    application text not null,
    -- The second's beginning.
    at bigint not null,
    generation bigint not null check (generation >= 1),
    requests bigint not null,
    failed bigint not null,
    primary key (application, at, generation)
);

create index traffic_seconds_by_age on traffic_seconds (at);

-- The last report that was counted of each start of a gateway's process: what comes again is dropped.
create table traffic_reports (
    gateway text not null,
    boot text not null,
    number bigint not null check (number >= 0),
    counted_at bigint not null,
    primary key (gateway, boot)
);

create index traffic_reports_by_age on traffic_reports (counted_at);
