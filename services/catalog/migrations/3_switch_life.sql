-- Who did what to which version; never changed. Made anew because its actions are more.
create table history_with_drains (
    application text not null references applications (name),
    number bigint not null,
    at bigint not null,
    actor text not null,
    action text not null check (action in (
        'created', 'changed', 'registered_to_test', 'test_cancelled', 'switch_confirmed', 'activated',
        'switch_given_up', 'drain_extended', 'drain_cut', 'adopted'
    )),
    version text not null,
    switch text,
    reason text not null,
    request_id text not null,
    primary key (application, number)
);

insert into history_with_drains (application, number, at, actor, action, version, switch, reason, request_id)
select application, number, at, actor, action, version, switch, reason, request_id from history;

drop table history;

alter table history_with_drains rename to history;

-- What is known of a switch that has ended, signed; never changed.
create table receipts (
    switch text primary key references switches (id),
    application text not null references applications (name),
    -- Counts the receipts of an application; each names the digest of the one before.
    number bigint not null check (number >= 1),
    timeline text not null,
    -- The one that its commit began; null where there was none.
    generation bigint check (generation >= 1),
    -- The JSON text as it was signed.
    receipt text not null,
    sha256 text not null check (length(sha256) = 64),
    -- Both in base64.
    signature text not null,
    public_key text not null,
    unique (application, number)
);

-- A generation of a timeline is one version's, for ever (I14).
create unique index receipts_generation on receipts (timeline, generation);
