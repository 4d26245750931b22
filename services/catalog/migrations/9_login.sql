-- Whether users must sign in, and what paths need, as JSON; null where requests are passed through.
alter table applications add column login text;
