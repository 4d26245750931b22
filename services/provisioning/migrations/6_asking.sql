-- 1 if tenants that have not agreed to the target of a switch before are asked anew.
alter table switches add column asks bigint not null default 0 check (asks in (0, 1));
