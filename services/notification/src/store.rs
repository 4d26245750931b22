//! What the service remembers: one file a table.

use jiff::Timestamp;
use sqlx::migrate::Migrator;
use store::Error;

pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod inboxes;
pub(crate) mod retention;
pub(crate) mod subscriptions;
pub(crate) mod tries;

/// The tables.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!();

/// Woken when an inbox changes.
pub(crate) const INBOXES: &str = "inboxes";
/// Woken when a delivery may be due.
pub(crate) const DELIVERIES: &str = "deliveries";

fn time(table: &'static str, column: &'static str, micros: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(micros).map_err(|error| Error::damaged(table, column, error))
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, Error> {
    text.parse()
        .map_err(|error| Error::damaged(table, column, error))
}

#[cfg(test)]
mod tests;
