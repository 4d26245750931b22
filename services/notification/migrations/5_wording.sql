-- What an event's title and text are made from, as JSON: the name of its words and the values that go into them. With it an
-- event is read in the language of whoever looks. Empty for what was published before: that reads as it was published.
alter table events add column wording text not null default '';
