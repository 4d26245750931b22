//! What the store promises, on both databases.

mod counters;
mod handlers;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("tests/it/migrations");
