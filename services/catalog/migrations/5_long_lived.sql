-- What each gateway last said of its users' long-lived connections, as JSON: by application, with the
-- tenants that have most.
alter table gateways add column long_lived text not null default '[]';
