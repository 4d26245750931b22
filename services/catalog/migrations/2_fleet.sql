-- How long a gateway may serve an application in fleet mode FENCED after it last reached the catalog,
-- in microseconds; null in fleet mode STATIC. The policy says the same.
alter table applications add column lease bigint;

-- What a gateway has last said of itself.
alter table gateways add column ready bigint not null default 0;
alter table gateways add column not_ready_message text not null default '';
alter table gateways add column open_connections bigint not null default 0;
alter table gateways add column positions text not null default '[]';
alter table gateways add column refused text not null default '[]';
alter table gateways add column diverged bigint not null default 0;
-- Names the mark by which it gets no leases; null where it gets them.
alter table gateways add column mark text;
-- The longest lease, in microseconds, that has run out since the mark; never a point in time.
alter table gateways add column fenced_for bigint not null default 0;
-- 1 once its eviction waits for its leases alone.
alter table gateways add column evicting bigint not null default 0;
-- 1 while the operator takes it out of use.
alter table gateways add column draining bigint not null default 0;
-- 1 once it has said in the present recovery what it knows.
alter table gateways add column reported bigint not null default 0;

-- What users were answered, as gateways last counted: replaced, never added up.
create table traffic (
    gateway text not null,
    application text not null,
    generation bigint not null,
    requests bigint not null,
    failed bigint not null,
    reported_at bigint not null,
    primary key (gateway, application, generation)
);

-- One row while the catalog is in recovery: what is here was restored and is not the truth yet.
create table recovery (
    one bigint primary key check (one = 1),
    since bigint not null,
    message text not null
);

-- What gateways have said in the present recovery that they know. Outlives memberships.
create table recovery_reports (
    gateway text not null,
    application text not null,
    timeline text not null,
    revision bigint not null,
    generation bigint not null,
    version text not null,
    primary key (gateway, application)
);

-- Timelines that ended when a restored catalog was adopted: who knows them is behind, not ahead.
create table ended_timelines (
    application text not null references applications (name),
    timeline text not null,
    primary key (application, timeline)
);

-- The phase `fencing` has come.
create table switches_with_fencing (
    id text primary key,
    application text not null references applications (name),
    kind text not null check (kind in ('update', 'reactivate')),
    source text,
    -- No reference: a version that never became active may be deleted, the switch stays.
    target text not null,
    phase text not null check (phase in (
        'provisioning', 'preparing', 'fencing', 'closing_consent', 'holding', 'releasing', 'draining',
        'settling', 'succeeded', 'failed', 'cancelled'
    )),
    state text not null,
    record text not null,
    reason text not null,
    requested_by text not null,
    request_id text not null,
    generation bigint check (generation >= 1),
    revision bigint not null check (revision >= 1),
    -- When the driver is to look at it again; null where nothing happens by time.
    wake_at bigint,
    -- Failed tries of what the present state owes.
    tries bigint not null,
    created_at bigint not null,
    committed_at bigint,
    ended_at bigint,
    unique (application, request_id),
    check ((phase in ('succeeded', 'failed', 'cancelled')) = (ended_at is not null)),
    check ((generation is null) = (committed_at is null)),
    check (ended_at is null or wake_at is null)
);

insert into switches_with_fencing (id, application, kind, source, target, phase, state, record, reason,
    requested_by, request_id, generation, revision, wake_at, tries, created_at, committed_at, ended_at)
select id, application, kind, source, target, phase, state, record, reason,
    requested_by, request_id, generation, revision, wake_at, tries, created_at, committed_at, ended_at
from switches;

drop table switches;

alter table switches_with_fencing rename to switches;

-- One open switch an application (I15).
create unique index switches_open on switches (application) where ended_at is null;
create index switches_due on switches (wake_at) where ended_at is null;
-- A generation is begun once (I15).
create unique index switches_generation on switches (application, generation);
