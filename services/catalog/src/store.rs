//! What the catalog remembers: one file a table.

pub(crate) mod applications;
pub(crate) mod bakes;
pub(crate) mod credential_orders;
pub(crate) mod gateways;
pub(crate) mod history;
pub(crate) mod notices;
pub(crate) mod proposals;
pub(crate) mod receipts;
pub(crate) mod recovery;
pub(crate) mod sign_outs;
pub(crate) mod switches;
pub(crate) mod traffic;
pub(crate) mod traffic_seconds;
pub(crate) mod versions;

use std::{fmt, str::FromStr, time::Duration};

use ::store::Error;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::migrate::Migrator;

/// The catalog's schema.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Woken when what gateways are told, or who is a member, has changed.
pub(crate) const ROUTES: &str = "routes";
/// Woken when a switch has changed.
pub(crate) const SWITCHES: &str = "switches";
/// Woken when what is watched has changed.
pub(crate) const BAKES: &str = "bakes";
/// Woken when provisioning is to be told of app credentials, or has been.
pub(crate) const CREDENTIAL_ORDERS: &str = "credential_orders";
/// Woken when somebody is to be told something.
pub(crate) const NOTICES: &str = "notices";
/// Woken when sessions have ended before their time.
pub(crate) const SIGN_OUTS: &str = "sign_outs";

fn parsed<T: FromStr<Err: fmt::Display>>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, Error> {
    text.parse()
        .map_err(|error| Error::damaged(table, column, error))
}

fn number<N, T: TryFrom<N, Error: fmt::Display>>(
    table: &'static str,
    column: &'static str,
    number: N,
) -> Result<T, Error> {
    number
        .try_into()
        .map_err(|error| Error::damaged(table, column, error))
}

fn from_json<T: DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::damaged(table, column, error))
}

/// What this crate stores as JSON has string keys and finite numbers.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data is JSON")
}

fn time(table: &'static str, column: &'static str, micros: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(micros).map_err(|error| Error::damaged(table, column, error))
}

fn span(table: &'static str, column: &'static str, micros: i64) -> Result<Duration, Error> {
    number(table, column, micros).map(Duration::from_micros)
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Rounds up, so that nothing is looked at before its time has come.
fn not_before(time: Timestamp) -> i64 {
    time.as_microsecond().saturating_add(1)
}

#[cfg(test)]
pub(crate) mod tests;
