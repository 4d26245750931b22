-- Times are microseconds since 1970. Texts in upper bounds are checked where they enter.

create table tenants (
    tenant text not null primary key,
    display_name text not null,
    -- JSON: a list of {"email", "display_name"}.
    contacts text not null,
    -- Under which it was created, and what was asked then: a retry is told from another request.
    request_id text,
    request_digest text,
    -- Grows by one with each change: the etag.
    revision bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    check ((request_id is null) = (request_digest is null))
);

create unique index tenants_request_id on tenants (request_id) where request_id is not null;

-- What is known here of the catalog's applications. `active_version` is the target of the last
-- switch that was settled as committed: every activation, the first one too, is settled here. So a
-- version counts as in use, and a denial of it is answered only after the gateways, if it is
--   - `active_version`, or
--   - the source of a switch that is open or closed, or
--   - the target of a closed one: it may have been committed, and nobody has said so yet.
-- Any other version is surely not in use: a switch to it has yet to close its consent, and will name
-- grants that hold the denial.
create table applications (
    application text not null primary key,
    display_name text not null,
    active_version text
);

-- Switches as the tenants' side sees them.
create table switches (
    switch text not null primary key,
    application text not null,
    -- NULL at a first activation.
    source text,
    -- NULL only where the catalog gave up before it moved anybody.
    target text,
    -- `told` if tenants get a mail that says how to deny.
    notice text not null check (notice in ('told', 'untold')),
    phase text not null check (phase in ('open', 'closed', 'committed', 'given_up')),
    -- The last tenant that was moved; those after it are not moved yet.
    moved_up_to text,
    -- When nobody was left to move.
    moved_all_at bigint,
    moved bigint not null,
    mailed bigint not null,
    opened_at bigint not null,
    check (target is not null or phase = 'given_up')
);

create unique index switches_unsettled on switches (application) where phase in ('open', 'closed');

create table provisionings (
    tenant text not null,
    application text not null,
    version text not null,
    state text not null check (state in ('pending_acceptance', 'provisioned', 'denied', 'failed', 'removed')),
    basis text check (basis in ('accepted', 'on_record', 'moved_with_notice', 'moved')),
    -- Why it failed or was removed.
    cause text check (cause in ('no_contact', 'by_operator', 'taken_back', 'tenant_deleted')),
    state_at bigint not null,
    actor text not null,
    -- What the actor said about it; may be empty.
    note text not null,
    -- The switch that brought the tenant to this version.
    switch text,
    -- The open switch that has touched the row, and, as JSON, what it was before.
    under_switch text,
    prior text,
    created_at bigint not null,
    -- Grows by one with each change: the etag.
    revision bigint not null,
    -- The grants' revision at which its grant last changed.
    granted_at_revision bigint not null,
    primary key (tenant, application, version),
    check ((state = 'provisioned') = (basis is not null)),
    check ((state in ('failed', 'removed')) = (cause is not null)),
    check ((under_switch is null) = (prior is null))
);

create index provisionings_by_version on provisionings (application, version, tenant);
create index provisionings_by_grant on provisionings (granted_at_revision);
create index provisionings_by_switch on provisionings (under_switch, tenant) where under_switch is not null;

-- Links that were sent. The tokens themselves are nowhere: they go out in mails.
create table offers (
    offer text not null primary key,
    -- SHA-256 of the token, lower-case hex.
    token_hash text not null unique,
    tenant text not null,
    application text not null,
    version text not null,
    purpose text not null check (purpose in ('accept', 'deny')),
    -- The switch it was made for.
    switch text,
    -- The version in use when it was made.
    source text,
    created_at bigint not null,
    expires_at bigint not null,
    voided_at bigint,
    -- The switch that made it void: it opens again if that switch is given up.
    voided_by text,
    check (voided_by is null or voided_at is not null)
);

create index offers_by_provisioning on offers (tenant, application, version);
create index offers_by_switch on offers (switch) where switch is not null;
create index offers_by_voider on offers (voided_by) where voided_by is not null;

-- Every decision that was taken, for the record.
create table decisions (
    decision text not null primary key,
    tenant text not null,
    application text not null,
    version text not null,
    choice text not null check (choice in ('accept', 'deny')),
    actor text not null,
    reason text not null,
    -- Where it came from, if by a link.
    address text not null,
    user_agent text not null,
    offer text,
    request_id text,
    decided_at bigint not null
);

create index decisions_by_provisioning on decisions (tenant, application, version, decided_at);

create table credentials (
    credential text not null primary key,
    application text not null,
    version text not null,
    client_id text not null unique,
    -- Argon2id, as a PHC string.
    secret_hash text not null,
    previous_hash text,
    previous_expires_at bigint,
    created_at bigint not null,
    rotated_at bigint,
    revoked_at bigint,
    check ((previous_hash is null) = (previous_expires_at is null))
);

create index credentials_by_version on credentials (application, version, credential);

-- One row: whose grants these are, and how often they have changed. The row's lock orders all
-- changes, so whoever reads revision n also sees every change up to n.
create table grants (
    only_one bigint not null primary key check (only_one = 1),
    timeline text not null,
    revision bigint not null
);

-- What each gateway has said that it has applied.
create table positions (
    gateway text not null primary key,
    -- The stream that speaks for the gateway: a later one takes over.
    stream text not null,
    timeline text not null,
    revision bigint not null,
    said_at bigint not null
);

-- Notices on their way to the notification service. A row is waiting, done (and then empty), or
-- parked because it was refused for good.
create table outbox (
    notice text not null primary key,
    -- The encoded notice, sealed: it may hold a token. Empty once it is done.
    body text not null,
    tries bigint not null,
    -- When it is to be published next; far enough ahead while somebody is at it.
    due_at bigint not null,
    done_at bigint,
    parked_at bigint,
    check (done_at is null or body = ''),
    check (done_at is null or parked_at is null)
);

create index outbox_waiting on outbox (due_at, notice) where done_at is null and parked_at is null;
create index outbox_done on outbox (done_at) where done_at is not null;
