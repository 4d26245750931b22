//! What can go wrong with a database, told by what the caller can do about it.

use std::borrow::Cow;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// The driver's own words: for logs only, they may hold SQL, paths and addresses.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error of the database. Its text may be shown to people: it holds no SQL, path or address.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or it was lost before the commit was sent: nothing has changed.
    #[error("the database did not answer")]
    Unavailable(#[source] Cause),
    /// Others kept writing the same rows, or held the lock, until all tries were used up: nothing has changed.
    #[error("the database is busy")]
    Busy(#[source] Cause),
    /// The connection was lost while committing. Only reading the rows back tells what holds.
    #[error("the database did not say whether the change was kept")]
    CommitUnknown(#[source] Cause),
    /// The database has no space left: nothing has changed.
    #[error("the database has no space left")]
    Full(#[source] Cause),
    /// A unique index or primary key refused the row.
    #[error("the row exists already")]
    Unique(#[source] Cause),
    /// A foreign key refused the row.
    #[error("the row refers to one that does not exist, or is still referred to")]
    ForeignKey(#[source] Cause),
    /// A `check` or `not null` refused the row.
    #[error("the row breaks a rule of its table")]
    Check(#[source] Cause),
    /// A stored row does not parse. Nothing is put in its place.
    #[error("a stored row cannot be read: {table}.{column}")]
    Damaged {
        /// Table, or `row` where only the driver saw it.
        table: &'static str,
        /// Column.
        column: Cow<'static, str>,
        /// What is wrong with it: for logs only, it may quote the row.
        text: String,
    },
    /// The database is set up so that an acknowledged change could be lost; names the setting.
    #[error("the database is not safe to use: {0}")]
    Unsafe(String),
    /// The schema could not be brought to this version.
    #[error("the database's schema could not be brought to this version")]
    Migrate(#[source] Cause),
    /// Something is wrong with the program or the database itself.
    #[error("the database failed")]
    Other(#[source] Cause),
}

impl Error {
    /// Returns the error for a row of `table` whose `column` does not parse; `text` says why, for logs.
    pub fn damaged(table: &'static str, column: &'static str, text: impl fmt::Display) -> Error {
        Error::Damaged {
            table,
            column: Cow::Borrowed(column),
            text: text.to_string(),
        }
    }

    /// Tells whether trying again later may help, as it is. After [`Error::CommitUnknown`] the first
    /// thing to do is to read.
    pub fn transient(&self) -> bool {
        match self {
            Error::Unavailable(_) | Error::Busy(_) | Error::CommitUnknown(_) | Error::Full(_) => {
                true
            }
            Error::Unique(_)
            | Error::ForeignKey(_)
            | Error::Check(_)
            | Error::Damaged { .. }
            | Error::Unsafe(_)
            | Error::Migrate(_)
            | Error::Other(_) => false,
        }
    }

    /// Returns the error of a `COMMIT` that failed. Only an answer of the database which leaves the
    /// session alive proves that nothing was kept.
    pub(crate) fn of_commit(error: sqlx::Error) -> Error {
        let refused = match &error {
            sqlx::Error::Database(answer) => match answer.try_downcast_ref::<PgDatabaseError>() {
                Some(answer) => matches!(answer.severity(), PgSeverity::Error),
                // SQLite: an I/O error may come after the log was written.
                None => matches!(
                    sqlite_code(answer.as_ref()),
                    Some(BUSY | LOCKED | FULL | CONSTRAINT)
                ),
            },
            _ => false,
        };
        if refused {
            Error::from(error)
        } else {
            Error::CommitUnknown(Box::new(error))
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match error {
            sqlx::Error::Database(ref answer) => {
                let class = class(answer.as_ref());
                class(Box::new(error))
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Error::Unavailable(Box::new(error)),
            sqlx::Error::ColumnDecode { index, source } => Error::Damaged {
                table: "row",
                column: Cow::Owned(index),
                text: source.to_string(),
            },
            sqlx::Error::Decode(source) => Error::Damaged {
                table: "row",
                column: Cow::Borrowed("?"),
                text: source.to_string(),
            },
            other => Error::Other(Box::new(other)),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Error {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                match Error::from(error) {
                    known if known.transient() => known,
                    Error::Other(cause) => Error::Migrate(cause),
                    refused => Error::Migrate(Box::new(refused)),
                }
            }
            other => Error::Migrate(Box::new(other)),
        }
    }
}

// Primary result codes of SQLite, <https://www.sqlite.org/rescode.html>.
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const IOERR: u32 = 10;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const CONSTRAINT: u32 = 19;

fn sqlite_code(answer: &dyn DatabaseError) -> Option<u32> {
    answer
        .code()?
        .parse::<u32>()
        .ok()
        .map(|extended| extended & 0xff)
}

/// Picks the variant for an answer of either database.
fn class(answer: &dyn DatabaseError) -> fn(Cause) -> Error {
    match answer.kind() {
        ErrorKind::UniqueViolation | ErrorKind::ExclusionViolation => return Error::Unique,
        ErrorKind::ForeignKeyViolation => return Error::ForeignKey,
        ErrorKind::NotNullViolation | ErrorKind::CheckViolation => return Error::Check,
        _ => {}
    }
    match answer.try_downcast_ref::<PgDatabaseError>() {
        Some(answer) => postgres_class(answer.code()),
        None => match sqlite_code(answer) {
            Some(BUSY | LOCKED) => Error::Busy,
            Some(FULL) => Error::Full,
            Some(IOERR | CANTOPEN) => Error::Unavailable,
            _ => Error::Other,
        },
    }
}

/// Codes as in PostgreSQL's appendix A.
fn postgres_class(code: &str) -> fn(Cause) -> Error {
    match code {
        // Serialization failure, deadlock, lock time-out.
        "40001" | "40P01" | "55P03" => Error::Busy,
        // Disk full; tested before its class below.
        "53100" => Error::Full,
        // Statement time-out, idle in transaction, system I/O error.
        "57014" | "25P03" | "58030" => Error::Unavailable,
        // Lost connections, too few resources, shut down or starting.
        code if code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") => {
            Error::Unavailable
        }
        _ => Error::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_postgres_say_what_to_do() {
        let check = |code: &str, expected: &str| {
            let error = postgres_class(code)("x".into());
            assert!(
                format!("{error:?}").starts_with(expected),
                "{code}: {error:?}"
            );
        };
        check("40001", "Busy");
        check("40P01", "Busy");
        check("55P03", "Busy");
        check("53100", "Full");
        check("53300", "Unavailable");
        check("57P01", "Unavailable");
        check("57014", "Unavailable");
        check("08006", "Unavailable");
        check("42601", "Other");
    }

    #[test]
    fn a_lost_connection_while_committing_leaves_the_outcome_open() {
        let lost = || sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into());
        assert!(matches!(Error::of_commit(lost()), Error::CommitUnknown(_)));
        assert!(matches!(Error::from(lost()), Error::Unavailable(_)));
        assert!(Error::of_commit(lost()).transient());
    }

    #[test]
    fn texts_hold_nothing_of_the_cause() {
        let cause = || -> Cause { "select secret from /var/lib at 10.0.0.1".into() };
        let damaged = Error::damaged(
            "switches",
            "state",
            "select secret from /var/lib at 10.0.0.1",
        );
        for error in [
            Error::Unavailable(cause()),
            Error::Busy(cause()),
            Error::CommitUnknown(cause()),
            Error::Full(cause()),
            Error::Unique(cause()),
            Error::ForeignKey(cause()),
            Error::Check(cause()),
            damaged,
            Error::Migrate(cause()),
            Error::Other(cause()),
        ] {
            let text = error.to_string();
            for secret in ["secret", "/var/lib", "10.0.0.1"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}
