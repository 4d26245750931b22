-- What provisioning is to be told of versions whose backends act for tenants, written with the change
-- that it is about; deleted once taken. No reference: an application may be deleted before.
create table credential_orders (
    application text not null,
    -- Orders of an application are told one after the other.
    number bigint not null,
    -- JSON. It holds hashes of secrets, never secrets.
    body text not null,
    request_id text not null,
    due_at bigint not null,
    tries bigint not null,
    primary key (application, number)
);

create index credential_orders_due on credential_orders (due_at);
