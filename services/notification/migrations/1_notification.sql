-- Times are microseconds since 1970, ids UUIDs of version 7.

-- The revision counts changes to an inbox. It is taken under the row's lock in the transaction of
-- the change, so revisions become visible in their order.
create table inboxes (
    name text primary key,
    revision bigint not null check (revision >= 0)
);

-- An event shows once, however often it is published (I9): that is the unique key.
create table events (
    id text primary key,
    inbox text not null references inboxes (name),
    cause text not null,
    kind text not null,
    tab text not null check (tab in ('applications', 'subscriptions', 'events')),
    title text not null,
    body text not null,
    happened_at bigint not null,
    is_read bigint not null check (is_read in (0, 1)),
    is_archived bigint not null check (is_archived in (0, 1)),
    application text not null,
    tenant text not null,
    version text not null,
    switch text not null,
    request_id text not null,
    revision bigint not null check (revision > 0),
    unique (inbox, cause, kind),
    unique (inbox, revision)
);

create index events_by_time on events (inbox, happened_at, id);
create index events_unread on events (inbox, tab) where is_read = 0 and is_archived = 0;

-- A mail to one address. due_at: when somebody is to look at it next, be it for the next try or
-- because a claim has lapsed; null when there is nothing left to do.
create table deliveries (
    id text primary key,
    event text not null references events (id),
    inbox text not null references inboxes (name),
    kind text not null,
    recipient text not null,
    recipient_key text not null,
    subject text not null,
    message_id text not null unique,
    -- The mail as it goes over the wire, sealed; null once it was sent, or if it could not be written.
    mail text,
    state text not null check (state in ('queued', 'sending', 'sent', 'failed', 'dead')),
    due_at bigint,
    -- What a queued one waits for.
    waits_for text check (waits_for in ('turn', 'server', 'recipient')),
    claim text,
    reason text,
    sent_at bigint,
    try_count bigint not null check (try_count >= 0),
    -- Tries in vain since it was queued, and until when it is tried.
    failures bigint not null check (failures >= 0),
    tried_until bigint not null,
    created_at bigint not null,
    request_id text not null,
    unique (event, recipient_key),
    check ((due_at is not null) = (state in ('queued', 'sending'))),
    check ((waits_for is not null) = (state = 'queued')),
    check ((claim is not null) = (state = 'sending')),
    check ((reason is not null) = (state in ('failed', 'dead'))),
    check ((sent_at is not null) = (state = 'sent')),
    check (state <> 'sent' or mail is null)
);

create index deliveries_due on deliveries (due_at, id) where due_at is not null;
create index deliveries_waiting on deliveries (waits_for) where waits_for = 'server';
create index deliveries_by_state on deliveries (state, id);
create index deliveries_of_inbox on deliveries (inbox, created_at);

create table tries (
    delivery text not null references deliveries (id),
    number bigint not null check (number > 0),
    tried_at bigint not null,
    outcome text not null,
    primary key (delivery, number)
);
