-- When a right secret of the pair was last shown, written at most once a minute.
alter table credentials add column last_used_at bigint;
-- From when on the pair is worthless; null where it has no end.
alter table credentials add column expires_at bigint;
-- Under which it was created: a retry answers with it.
alter table credentials add column request_id text;

-- Under which its secret was last replaced: a retry replaces the same one.
alter table credentials add column rotation_request_id text;

create unique index credentials_request_id on credentials (request_id) where request_id is not null;

-- Versions whose backends act for tenants, as far as the catalog has told of them.
create table backends (
    application text not null,
    version text not null,
    -- JSON: a list of what it may do for a tenant.
    scopes text not null,
    -- 1 while it is in test.
    in_test bigint not null check (in_test in (0, 1)),
    -- Until when its pairs get tokens though a switch has led away from it; null while none has.
    left_until bigint,
    primary key (application, version)
);

-- Keys that sign tokens. Terms follow each other: no two begin at once.
create table signing_keys (
    signs_from bigint not null primary key,
    signs_until bigint not null,
    -- The private key in PKCS#8, sealed.
    sealed text not null,
    check (signs_until > signs_from)
);
