//! Folds SQLite's write-ahead log into the file beside the commits: inside one, as SQLite does it by
//! itself, it would have everyone who waits for that commit wait for the whole log to be written.

use std::time::Duration;

use sqlx::SqlitePool;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// How often the log's length is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// Pages of the log that are worth folding: SQLite's own measure.
const WORTH: i64 = 1000;
/// Pages at which a commit folds after all: nobody else has for long.
pub(super) const OVERDUE: &str = "20000";

/// Folds until the set is dropped or the pool is closed.
pub(super) fn begin(readers: SqlitePool) -> JoinSet<()> {
    let mut folding = JoinSet::new();
    folding.spawn(async move {
        let mut often = interval(EVERY);
        often.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !readers.is_closed() {
            often.tick().await;
            if let Err(error) = fold(&readers).await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the write-ahead log was not folded; a later look does it"
                );
            }
        }
    });
    folding
}

/// Folds what no reader needs, if it is worth it. Nobody waits for it, and it waits for nobody.
async fn fold(readers: &SqlitePool) -> Result<(), sqlx::Error> {
    const LOOK: &str = "pragma wal_checkpoint(noop)";
    const FOLD: &str = "pragma wal_checkpoint(passive)";
    let (_busy, pages, folded): (i64, i64, i64) = sqlx::query_as(LOOK).fetch_one(readers).await?;
    if pages - folded >= WORTH {
        let _told: (i64, i64, i64) = sqlx::query_as(FOLD).fetch_one(readers).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

    use super::*;

    #[tokio::test]
    async fn a_connection_that_may_not_write_folds_a_long_log_and_leaves_a_short_one() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("log.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("wal_autocheckpoint", "0");
        let pool = || SqlitePoolOptions::new().max_connections(1);
        let writer = pool().connect_with(options.clone()).await.unwrap();
        let readers = pool().connect_lazy_with(options.pragma("query_only", "on"));
        let folded = async || {
            fold(&readers).await.unwrap();
            let told: (i64, i64, i64) = sqlx::query_as("pragma wal_checkpoint(noop)")
                .fetch_one(&readers)
                .await
                .unwrap();
            (told.1, told.2)
        };
        sqlx::query("create table t (x blob)")
            .execute(&writer)
            .await
            .unwrap();
        let (pages, done) = folded().await;
        assert!(pages > 0 && done == 0, "{done} of {pages}");
        sqlx::query("insert into t values (zeroblob(5000000))")
            .execute(&writer)
            .await
            .unwrap();
        let (pages, done) = folded().await;
        assert!(pages >= WORTH && done == pages, "{done} of {pages}");
    }
}
