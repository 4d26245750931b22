//! What is remembered: one table a file. SQL is nowhere else.

use std::{fmt, str::FromStr};

use contract::Revision;
use jiff::Timestamp;
use store::Error;

pub(crate) mod applications;
pub(crate) mod applied;
pub(crate) mod backends;
pub(crate) mod batches;
pub(crate) mod changes;
pub(crate) mod credentials;
pub(crate) mod decisions;
pub(crate) mod forms;
pub(crate) mod grants;
pub(crate) mod offers;
pub(crate) mod outbox;
pub(crate) mod positions;
pub(crate) mod provisionings;
pub(crate) mod signing_keys;
pub(crate) mod switches;
pub(crate) mod tenants;
pub(crate) mod visits;

/// The schema and its history.
pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Where a column is, to say so when it cannot be read.
#[derive(Clone, Copy)]
struct Column(&'static str, &'static str);

impl Column {
    fn damaged(self, why: impl fmt::Display) -> Error {
        Error::damaged(self.0, self.1, why)
    }

    fn text<T: FromStr<Err: fmt::Display>>(self, text: &str) -> Result<T, Error> {
        text.parse().map_err(|why| self.damaged(why))
    }

    fn optional<T: FromStr<Err: fmt::Display>>(
        self,
        text: Option<&str>,
    ) -> Result<Option<T>, Error> {
        text.map(|text| self.text(text)).transpose()
    }

    fn json<T: serde::de::DeserializeOwned>(self, text: &str) -> Result<T, Error> {
        serde_json::from_str(text).map_err(|why| self.damaged(why))
    }

    fn time(self, micros: i64) -> Result<Timestamp, Error> {
        Timestamp::from_microsecond(micros).map_err(|why| self.damaged(why))
    }

    fn maybe_time(self, micros: Option<i64>) -> Result<Option<Timestamp>, Error> {
        micros.map(|micros| self.time(micros)).transpose()
    }

    fn revision(self, number: i64) -> Result<Revision, Error> {
        Revision::try_from(number).map_err(|why| self.damaged(why))
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what is stored as JSON has text keys and no floats")
}

fn micros(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_microsecond)
}

/// Returns the one row that a write was meant for, or says that it was not there.
fn one(table: &'static str, rows: u64) -> Result<(), Error> {
    match rows {
        1 => Ok(()),
        rows => Err(Error::damaged(
            table,
            "*",
            format_args!("a write met {rows} rows instead of one"),
        )),
    }
}
