-- The part of the address behind the `@`, in lower case: only so many mails go to one domain at once.
alter table deliveries add column domain text not null default '';
update deliveries
    set domain = substr(recipient_key, length(rtrim(recipient_key, replace(recipient_key, '@', ''))) + 1);
drop index deliveries_due;
create index deliveries_due on deliveries (due_at, id, domain) where due_at is not null;

-- A mail that was sent and came back: when that was told, and what the other server said.
alter table deliveries add column bounced_at bigint;
alter table deliveries add column bounce text;
create index deliveries_by_age on deliveries (created_at);
create index events_by_age on events (happened_at);

-- What an inbox's owner wants to be told of, and how; what is not here is on.
create table subscriptions (
    inbox text not null,
    category text not null,
    channel text not null check (channel in ('inbox', 'mail')),
    is_on bigint not null check (is_on in (0, 1)),
    primary key (inbox, category, channel)
);

-- Who wants no mails of a category any more, by the link in one of them.
create table unsubscribed (
    inbox text not null,
    category text not null,
    address text not null,
    since bigint not null,
    primary key (inbox, category, address)
);
