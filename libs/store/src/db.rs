//! A database that is open.

mod folding;
mod postgres;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{PgPool, SqlitePool};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::url::Kind;
use crate::wake::Wakes;
use crate::{DatabaseUrl, Error, Listener, Tx};

/// A connection is waited for this long.
const ACQUIRE_MAX: Duration = Duration::from_secs(5);
/// An answer to `COMMIT`.
const COMMIT_MAX: Duration = Duration::from_secs(30);

/// An open database. Cloning is cheap, all clones share its connections.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    pools: Pools,
    wakes: Arc<Wakes>,
}

enum Pools {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        _folding: JoinSet<()>,
    },
    Postgres(PgPool),
    #[cfg(feature = "lockstep")]
    Lockstep(Arc<crate::lockstep::Idle>),
}

#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Read,
    Write,
}

impl Db {
    /// Opens the database, creates it or its schema if missing, and runs those of `migrations` that it lacks.
    ///
    /// A schema that is newer is taken as it is: old code runs beside a new schema while we are upgraded.
    ///
    /// # Errors
    /// [`Error::Unsafe`] where acknowledged changes could be lost: SQLite before 3.51.3 or without a
    /// write-ahead log, PostgreSQL before 15 or with `fsync` or `synchronous_commit` off.
    /// [`Error::Migrate`] if a migration fails, or is not the one that was run before.
    pub async fn open(url: &DatabaseUrl, migrations: &'static Migrator) -> Result<Db, Error> {
        let mut migrations = Migrator::with_migrations(migrations.iter().cloned().collect());
        migrations.set_ignore_missing(true);
        #[cfg(feature = "lockstep")]
        if let Kind::Sqlite(path) = url.kind()
            && let Some(wakes) = crate::lockstep::wakes(path)
        {
            let pools = crate::lockstep::drive(sqlite::open(path, &migrations))?;
            return Ok(Db(Arc::new(Inner { pools, wakes })));
        }
        let (pools, wakes) = match url.kind() {
            Kind::Sqlite(path) => (sqlite::open(path, &migrations).await?, Wakes::local()),
            Kind::Postgres { options, schema } => {
                postgres::open(options, schema.as_ref(), &migrations).await?
            }
        };
        Ok(Db(Arc::new(Inner { pools, wakes })))
    }

    /// Returns a listener for [`Tx::wake`] of `topic`. Listen first, then read, then wait.
    ///
    /// On SQLite it hears this `Db` and its clones, on PostgreSQL every process. Needs a running runtime.
    pub fn listen(&self, topic: &'static str) -> Listener {
        self.0.wakes.listen(topic)
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is none.
    pub async fn ping(&self) -> Result<(), Error> {
        crate::read!(self, |tx| {
            let (_one,): (i64,) =
                crate::on!(tx, |conn| sqlx::query_as("select cast(1 as bigint)")
                    .fetch_one(conn)
                    .await)?;
            Ok(())
        })
    }

    /// Returns the time of the server, in microseconds since 1970, which all that use it share; none where
    /// there is no server.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is no answer.
    pub async fn server_time(&self) -> Result<Option<i64>, Error> {
        const SQL: &str = "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)";
        let pool = match &self.0.pools {
            Pools::Postgres(pool) => pool,
            Pools::Sqlite { .. } => return Ok(None),
            #[cfg(feature = "lockstep")]
            Pools::Lockstep(_) => return Ok(crate::lockstep::server_time()),
        };
        let asked = sqlx::query_as(SQL).fetch_one(pool);
        let (micros,): (i64,) = match timeout(ACQUIRE_MAX, asked).await {
            Ok(answer) => answer?,
            Err(late) => return Err(Error::Unavailable(Box::new(late))),
        };
        Ok(Some(micros))
    }

    /// Waits for open transactions and closes all connections. Later calls are answered [`Error::Unavailable`].
    pub async fn close(&self) {
        match &self.0.pools {
            Pools::Sqlite {
                writer, readers, ..
            } => {
                readers.close().await;
                // Last, so that it folds the write-ahead log into the file.
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
            #[cfg(feature = "lockstep")]
            Pools::Lockstep(idle) => idle.close(),
        }
    }

    pub(crate) async fn begin(&self, mode: Mode) -> Result<Tx, Error> {
        let tx = match (&self.0.pools, mode) {
            (Pools::Sqlite { readers, .. }, Mode::Read) => {
                Tx::sqlite(readers.begin_with("begin").await?)
            }
            // A read that becomes a write fails at once, whatever the busy time-out: take the lock first.
            (Pools::Sqlite { writer, .. }, Mode::Write) => {
                Tx::sqlite(writer.begin_with("begin immediate").await?)
            }
            (Pools::Postgres(pool), Mode::Read) => Tx::postgres(
                postgres::begin(pool, "begin isolation level repeatable read read only").await?,
            ),
            (Pools::Postgres(pool), Mode::Write) => {
                Tx::postgres(postgres::begin(pool, "begin isolation level serializable").await?)
            }
            #[cfg(feature = "lockstep")]
            (Pools::Lockstep(idle), Mode::Read) => Tx::lockstep(idle.begin("begin")?),
            #[cfg(feature = "lockstep")]
            (Pools::Lockstep(idle), Mode::Write) => Tx::lockstep(idle.begin("begin immediate")?),
        };
        Ok(tx)
    }

    pub(crate) async fn commit(&self, tx: Tx) -> Result<(), Error> {
        let answer = timeout(COMMIT_MAX, tx.commit(&self.0.wakes)).await;
        answer.unwrap_or_else(|late| Err(Error::CommitUnknown(Box::new(late))))
    }
}
