-- Times are microseconds since 1970; structs are JSON; hashes are hex.

create table applications (
    name text primary key,
    display_name text not null,
    abstract text not null,
    policy text not null,
    -- The history that gateways compare theirs with: new at creation and at every adoption.
    timeline text not null,
    -- Grows by one with every change of what gateways are told.
    route_revision bigint not null check (route_revision >= 1),
    -- Grows by one with every change: the etag.
    revision bigint not null check (revision >= 1),
    creation_request_id text,
    creation_digest text not null,
    created_at bigint not null,
    updated_at bigint not null
);

create table icons (
    application text primary key references applications (name),
    media_type text not null check (media_type in ('image/png', 'image/svg+xml')),
    -- Base64.
    data text not null
);

create table versions (
    application text not null references applications (name),
    name text not null,
    upstream text not null,
    health text not null,
    roles text not null,
    -- The scopes; null where no app credentials are needed.
    app_credentials text,
    first_active_at bigint,
    last_active_at bigint,
    revision bigint not null check (revision >= 1),
    creation_request_id text,
    creation_digest text not null,
    created_at bigint not null,
    primary key (application, name),
    check ((first_active_at is null) = (last_active_at is null))
);

create index versions_by_age on versions (created_at, application, name);

-- One row an application, from its first activation on: exactly one active version (I1).
create table active_versions (
    application text primary key references applications (name),
    version text not null,
    generation bigint not null check (generation >= 1),
    foreign key (application, version) references versions (application, name)
);

-- One row an application: one version in test.
create table tests (
    application text primary key references applications (name),
    version text not null,
    token_sha256 text not null check (length(token_sha256) = 64),
    since bigint not null,
    foreign key (application, version) references versions (application, name)
);

create table switches (
    id text primary key,
    application text not null references applications (name),
    kind text not null check (kind in ('update', 'reactivate')),
    source text,
    -- No reference: a version that never became active may be deleted, the switch stays.
    target text not null,
    phase text not null check (phase in (
        'provisioning', 'preparing', 'closing_consent', 'holding', 'releasing', 'draining', 'settling',
        'succeeded', 'failed', 'cancelled'
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

-- One open switch an application (I15).
create unique index switches_open on switches (application) where ended_at is null;
create index switches_due on switches (wake_at) where ended_at is null;
-- A generation is begun once (I15).
create unique index switches_generation on switches (application, generation);

create table gateways (
    name text primary key,
    boot text not null,
    software text not null,
    listeners text not null,
    -- Names the stream that it follows on; null where it has none.
    stream text,
    joined_at bigint not null,
    last_seen_at bigint not null
);

-- Who did what to which version; never changed.
create table history (
    application text not null references applications (name),
    number bigint not null,
    at bigint not null,
    actor text not null,
    action text not null check (action in (
        'created', 'changed', 'registered_to_test', 'test_cancelled', 'switch_confirmed', 'activated',
        'switch_given_up'
    )),
    version text not null,
    switch text,
    reason text not null,
    request_id text not null,
    primary key (application, number)
);

-- What people are to be told, written with the change that it is about; deleted once taken.
create table notices (
    id text primary key,
    notice text not null,
    due_at bigint not null,
    tries bigint not null
);

create index notices_due on notices (due_at);
