//! A transaction on either database, and the macro that runs statements in it.

use std::collections::BTreeSet;

use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection};

use crate::Error;
use crate::wake::Wakes;

/// An open transaction, in the body of [`write!`](crate::write) or [`read!`](crate::read).
pub struct Tx {
    inner: Inner,
    health: Health,
    topics: BTreeSet<&'static str>,
}

enum Inner {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
    #[cfg(feature = "lockstep")]
    Lockstep(crate::lockstep::Held),
}

/// What statements have done to the transaction so far; only gets worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    Good,
    /// A statement failed: PostgreSQL would turn `COMMIT` into a silent rollback, SQLite would keep the rest.
    Failed,
    /// It collided with another transaction: worth another try.
    Collided,
}

/// The connection below a transaction, for [`on!`](crate::on) only.
#[doc(hidden)]
pub enum Conn<'tx> {
    /// SQLite.
    Sqlite(&'tx mut SqliteConnection),
    /// PostgreSQL.
    Postgres(&'tx mut PgConnection),
}

/// Runs one statement on whichever database is open.
///
/// `on!(tx, |conn| query.fetch_optional(conn).await)` expands the body for each driver. The body yields
/// `Result<T, sqlx::Error>` with the same `T` for both, so say
/// `.execute(conn).await.map(|done| done.rows_affected())`. The macro yields `Result<T, store::Error>`.
#[macro_export]
macro_rules! on {
    ($tx:expr, |$conn:ident| $body:expr) => {{
        let tx: &mut $crate::Tx = $tx;
        let result = match $crate::Tx::conn(tx) {
            $crate::Conn::Sqlite($conn) => $body,
            $crate::Conn::Postgres($conn) => $body,
        };
        $crate::Tx::note(tx, result)
    }};
}

impl Tx {
    pub(crate) fn sqlite(tx: sqlx::Transaction<'static, Sqlite>) -> Tx {
        Tx::of(Inner::Sqlite(tx))
    }

    pub(crate) fn postgres(tx: sqlx::Transaction<'static, Postgres>) -> Tx {
        Tx::of(Inner::Postgres(tx))
    }

    #[cfg(feature = "lockstep")]
    pub(crate) fn lockstep(held: crate::lockstep::Held) -> Tx {
        Tx::of(Inner::Lockstep(held))
    }

    fn of(inner: Inner) -> Tx {
        Tx {
            inner,
            health: Health::Good,
            topics: BTreeSet::new(),
        }
    }

    /// Wakes all listeners of `topic` (up to 63 of `a-z_`) once the transaction is committed; nobody if it is not.
    pub fn wake(&mut self, topic: &'static str) {
        debug_assert!(
            topic.len() <= 63 && topic.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        );
        self.topics.insert(topic);
    }

    /// For [`on!`](crate::on) only.
    #[doc(hidden)]
    pub fn conn(&mut self) -> Conn<'_> {
        match &mut self.inner {
            Inner::Sqlite(tx) => Conn::Sqlite(tx),
            Inner::Postgres(tx) => Conn::Postgres(tx),
            #[cfg(feature = "lockstep")]
            Inner::Lockstep(held) => Conn::Sqlite(&mut held.connection),
        }
    }

    /// For [`on!`](crate::on) only.
    #[doc(hidden)]
    pub fn note<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, Error> {
        result.map_err(|error| {
            let of_database = matches!(error, sqlx::Error::Database(_));
            let error = Error::from(error);
            let health = match &error {
                Error::Busy(_) => Health::Collided,
                Error::Unavailable(_) => Health::Failed,
                _ if of_database => Health::Failed,
                // The statement was fine, only its rows could not be read.
                _ => Health::Good,
            };
            self.health = self.health.max(health);
            error
        })
    }

    pub(crate) fn health(&self) -> Health {
        self.health
    }

    /// Tells whether the transaction is to happen at one instant.
    #[doc(hidden)]
    pub fn in_step(&self) -> bool {
        #[cfg(feature = "lockstep")]
        return matches!(self.inner, Inner::Lockstep(_));
        #[cfg(not(feature = "lockstep"))]
        false
    }

    pub(crate) fn skips_locked(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_))
    }

    /// Commits and wakes. On an error other than [`Error::CommitUnknown`] nothing was kept.
    pub(crate) async fn commit(mut self, wakes: &Wakes) -> Result<(), Error> {
        if self.health != Health::Good {
            self.rollback().await;
            return Err(Error::Other(
                "a statement had failed, and the transaction was to be committed".into(),
            ));
        }
        for topic in &self.topics {
            if let Inner::Postgres(tx) = &mut self.inner {
                sqlx::query("select pg_notify($1, $2)")
                    .bind(wakes.channel())
                    .bind(*topic)
                    .execute(&mut **tx)
                    .await?;
            }
        }
        match self.inner {
            Inner::Sqlite(tx) => {
                tx.commit().await.map_err(Error::of_commit)?;
                self.topics.into_iter().for_each(|topic| wakes.send(topic));
            }
            Inner::Postgres(tx) => tx.commit().await.map_err(Error::of_commit)?,
            #[cfg(feature = "lockstep")]
            Inner::Lockstep(held) => {
                held.end("commit").map_err(Error::of_commit)?;
                self.topics.into_iter().for_each(|topic| wakes.send(topic));
            }
        }
        Ok(())
    }

    /// Rolls back. Should that fail, the connection is lost and the database does it by itself.
    pub(crate) async fn rollback(self) {
        let done = match self.inner {
            Inner::Sqlite(tx) => tx.rollback().await,
            Inner::Postgres(tx) => tx.rollback().await,
            #[cfg(feature = "lockstep")]
            Inner::Lockstep(held) => held.end("rollback"),
        };
        if let Err(error) = done {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a rollback was not answered"
            );
        }
    }
}
