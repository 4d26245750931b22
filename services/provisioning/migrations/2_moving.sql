-- Tenants that a switch has yet to move, counted when it moved the first: the next ones are not counted
-- each time.
alter table switches add column left_to_move bigint;

-- Those that a switch could not move are counted and named after each part of the move.
create index provisionings_failed on provisionings (application, version, switch, tenant) where state = 'failed';
