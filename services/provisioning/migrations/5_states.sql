-- What has happened to provisionings, in the order in which it was committed: a transaction takes its
-- number under the lock of the row of grants. Written once, never changed; gone with the tenant.
create table provisioning_changes (
    -- Of the transaction, and of the change within it.
    change bigint not null,
    place bigint not null,
    tenant text not null,
    application text not null,
    version text not null,
    event text not null,
    at bigint not null,
    actor text not null,
    -- As the actor gave it; may be empty.
    reason text not null,
    -- JSON: how it stood before, if it was there, and how it stands since.
    stood text,
    stands text not null,
    -- The switch to which the change belongs.
    switch text,
    request_id text,
    primary key (change, place)
);

create index provisioning_changes_by_provisioning
    on provisioning_changes (tenant, application, version, change, place);

-- The number of the last change.
alter table grants add column changes bigint not null default 0;

-- When every gateway had applied the grants up to a revision.
create table applied (
    revision bigint not null primary key,
    applied_at bigint not null
);

-- The notice that brings a link: until it is done, the tenant was not asked. NULL of links that were
-- made before this was known: their notices are long done.
alter table offers add column notice text;

create index offers_by_notice on offers (notice) where notice is not null;

-- Histories begin with what is known.
insert into provisioning_changes (change, place, tenant, application, version, event, at, actor, reason, stood, stands, switch, request_id)
select 0, row_number() over (order by tenant, application, version), tenant, application, version, 'known_before',
    state_at, actor, note, null,
    '{"standing":'
        || case
            when state = 'provisioned' then '{"provisioned":"' || basis || '"}'
            when cause is not null then '{"' || state || '":"' || cause || '"}'
            else '"' || state || '"'
        end
        || ',"mail":"settled","granted_at":' || granted_at_revision || '}',
    switch, null
from provisionings
where exists (select 1 from tenants where tenants.tenant = provisionings.tenant);

-- How many people a tenant has, where the operator says so.
alter table tenants add column users bigint check (users > 0);

-- What was done for a tenant in a batch, under the id of its request; kept for a week.
create table batch_outcomes (
    request_id text not null,
    tenant text not null,
    -- SHA-256 of what the batch was to do, lower-case hex.
    digest text not null,
    outcome text not null check (outcome in ('created', 'provided', 'restored', 'removed', 'unchanged')),
    done_at bigint not null,
    primary key (request_id, tenant)
);

create index batch_outcomes_done on batch_outcomes (done_at);

-- Visits of links that look like a machine's, counted by place and name. Gone with the tenant.
create table visits (
    tenant text not null,
    application text not null,
    version text not null,
    address text not null,
    user_agent text not null,
    first_at bigint not null,
    last_at bigint not null,
    -- How often it opened the page, and how often it sent a form that no person sends.
    opened bigint not null,
    sent bigint not null,
    primary key (tenant, application, version, address, user_agent)
);
