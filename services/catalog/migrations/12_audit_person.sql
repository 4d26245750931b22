-- Which person spoke for a tenant, by the name that the issuer of their access token has for them; empty where
-- none is known, as in all entries from before this column. A part of the hash where it is not empty.
alter table audit_entries add column person text not null default '';

create index audit_entries_person on audit_entries (person, number);
