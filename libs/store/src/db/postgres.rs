//! Opening PostgreSQL so that an acknowledged change is on the disk.

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction};
use tokio::time::timeout;

use super::{ACQUIRE_MAX, Pools};
use crate::Error;
use crate::url::Schema;
use crate::wake::Wakes;

const CONNECTIONS_MAX: u32 = 10;
/// A connection that was used within this time is not asked whether it still lives.
const TRUSTED: Duration = Duration::from_secs(1);
const VERSION_MIN: i64 = 150_000;
/// Prefix of the channel for wake-ups; the schema follows, since channels belong to a whole database.
const CHANNEL: &str = "switchover";

/// Limits of a session, in milliseconds; below [`super::WORK_MAX`].
const LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "15000"),
    ("lock_timeout", "5000"),
    ("idle_in_transaction_session_timeout", "20000"),
];
/// A migration may take its time, and waits for those of other services in the same database.
const LIMITS_MIGRATING: [(&str, &str); 2] =
    [("statement_timeout", "0"), ("lock_timeout", "120000")];

pub(super) async fn open(
    options: &PgConnectOptions,
    schema: Option<&Schema>,
    migrations: &Migrator,
) -> Result<(Pools, Arc<Wakes>), Error> {
    let mut options = options.clone();
    if options.get_application_name().is_none() {
        options = options.application_name("switchover");
    }
    let mut channel = CHANNEL.to_owned();
    if let Some(schema) = schema {
        options = options.options([("search_path", schema.as_str())]);
        channel = format!("{CHANNEL}_{}", schema.as_str());
    }

    let migrating = options.clone().options(LIMITS_MIGRATING);
    let mut conn = match timeout(ACQUIRE_MAX, PgConnection::connect_with(&migrating)).await {
        Ok(conn) => conn?,
        Err(late) => return Err(Error::Unavailable(Box::new(late))),
    };
    refuse(&mut conn).await?;
    if let Some(schema) = schema {
        create(&mut conn, schema).await?;
    }
    // `run` makes a future that the compiler does not accept as `Send`.
    migrations.run_direct(None, &mut conn, false).await?;
    conn.close().await?;

    let options = options.options(LIMITS);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_MAX)
        // Settings may have changed since we started.
        .after_connect(|conn, _| {
            Box::pin(async move {
                refuse(conn)
                    .await
                    .map_err(|error| sqlx::Error::Configuration(Box::new(error)))
            })
        })
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move {
                if meta.idle_for >= TRUSTED {
                    conn.ping().await.map(|()| true)
                } else {
                    Ok(true)
                }
            })
        })
        // The driver asks too, but for ever: a network that swallows everything would use up the pool.
        .after_release(|conn, _| {
            Box::pin(async move {
                let answer = timeout(ACQUIRE_MAX, conn.ping()).await;
                answer
                    .unwrap_or(Err(sqlx::Error::PoolTimedOut))
                    .map(|()| true)
            })
        })
        .connect_lazy_with(options.clone());
    Ok((Pools::Postgres(pool), Wakes::postgres(channel, options)))
}

/// Begins a transaction, to the end of `BEGIN` even if nobody waits for it any more: the driver gives a
/// connection whose `BEGIN` was not waited for back as it is, and whoever gets it next works in the
/// transaction of somebody else (transact-rs/sqlx#4393).
#[expect(
    clippy::disallowed_methods,
    reason = "it ends by itself, and whoever waits hears how"
)]
pub(super) async fn begin(
    pool: &PgPool,
    statement: &'static str,
) -> Result<Transaction<'static, Postgres>, Error> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    // Only the end of the runtime cancels it.
    let begun = begun
        .await
        .map_err(|end| Error::Unavailable(Box::new(end)))?;
    Ok(begun?)
}

/// Refuses a server which may forget what it acknowledged.
async fn refuse(conn: &mut PgConnection) -> Result<(), Error> {
    const SQL: &str = "select cast(current_setting('server_version_num') as bigint), \
                       current_setting('fsync'), current_setting('synchronous_commit')";
    let (version, fsync, synchronous_commit): (i64, String, String) =
        sqlx::query_as(SQL).fetch_one(conn).await?;
    if version < VERSION_MIN {
        return Err(Error::Unsafe(format!(
            "PostgreSQL is {}; it must be 15 or later",
            version / 10_000
        )));
    }
    for (setting, value) in [("fsync", fsync), ("synchronous_commit", synchronous_commit)] {
        if value == "off" {
            return Err(Error::Unsafe(format!(
                "{setting} is off; a power cut would lose acknowledged changes"
            )));
        }
    }
    Ok(())
}

/// Creates the schema. Asks first: one who may only use it may not create it.
async fn create(conn: &mut PgConnection, schema: &Schema) -> Result<(), Error> {
    const EXISTS: &str = "select count(*) from pg_namespace where nspname = $1";
    let (found,): (i64,) = sqlx::query_as(EXISTS)
        .bind(schema.as_str())
        .fetch_one(&mut *conn)
        .await?;
    if found == 1 {
        return Ok(());
    }
    let sql = AssertSqlSafe(format!("create schema if not exists {}", schema.as_str()));
    match sqlx::query(sql)
        .execute(&mut *conn)
        .await
        .map_err(Error::from)
    {
        // Another process was faster, between the look and the insert.
        Ok(_) | Err(Error::Unique(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
