alter table applications add column approval text not null default 'not_required'
    check (approval in ('not_required', 'second_person'));

alter table history add column approved_by text;

-- What one person has proposed and another is to approve.
create table proposals (
    application text not null references applications (name),
    -- Counts the proposals of an application.
    number bigint not null check (number >= 1),
    kind text not null check (kind in ('update', 'reactivate', 'approval_off')),
    -- Null where no version is meant.
    version text,
    -- What the proposer saw of the application.
    seen_revision bigint not null check (seen_revision >= 1),
    proposed_by text not null,
    reason text not null,
    request_id text not null,
    created_at bigint not null,
    expires_at bigint not null,
    -- One that has expired or is void may still be called open: that follows from the rest.
    state text not null check (state in ('open', 'approved', 'rejected', 'withdrawn', 'expired', 'void')),
    decided_by text,
    decision_reason text,
    decided_at bigint,
    switch text,
    primary key (application, number),
    unique (application, request_id),
    check ((kind = 'approval_off') = (version is null)),
    check ((switch is null) or state = 'approved')
);

-- One open proposal an application.
create unique index proposals_open on proposals (application) where state = 'open';
