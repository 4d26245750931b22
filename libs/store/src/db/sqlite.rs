//! Opening SQLite so that an acknowledged change is on the disk.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};

use super::{ACQUIRE_MAX, Pools, folding};
use crate::Error;

/// The first release that cannot corrupt its write-ahead log when two connections reset it.
const VERSION_MIN: [u32; 3] = [3, 51, 3];
/// How long the write lock of another process is waited for.
const LOCK_MAX: Duration = Duration::from_secs(2);
const READERS_MAX: u32 = 4;
/// The write-ahead log is cut back to this, in bytes, after a checkpoint.
const LOG_KEPT: &str = "67108864";

pub(super) async fn open(path: &Path, migrations: &Migrator) -> Result<Pools, Error> {
    create(path).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full(Box::new(error)),
        _ => Error::Unavailable(Box::new(error)),
    })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(LOCK_MAX)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", LOG_KEPT)
        .pragma("trusted_schema", "off");

    let mut conn = SqliteConnection::connect_with(&options).await?;
    let (version,): (String,) = sqlx::query_as("select sqlite_version()")
        .fetch_one(&mut conn)
        .await?;
    refuse_version(&version)?;
    let (mode,): (String,) = sqlx::query_as("pragma journal_mode")
        .fetch_one(&mut conn)
        .await?;
    let (synchronous,): (i64,) = sqlx::query_as("pragma synchronous")
        .fetch_one(&mut conn)
        .await?;
    if mode != "wal" || synchronous != 2 {
        return Err(Error::Unsafe(format!(
            "journal_mode is {mode}, synchronous is {synchronous}; they must be wal and 2"
        )));
    }
    // `run` makes a future that the compiler does not accept as `Send`.
    migrations.run_direct(None, &mut conn, false).await?;
    conn.close().await?;

    #[cfg(feature = "lockstep")]
    if crate::lockstep::entered() {
        return Ok(Pools::Lockstep(crate::lockstep::Idle::new(options)));
    }
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(ACQUIRE_MAX)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let writer = pool().max_connections(1).connect_lazy_with(
        options
            .clone()
            .pragma("wal_autocheckpoint", folding::OVERDUE),
    );
    let readers = pool()
        .max_connections(READERS_MAX)
        .connect_lazy_with(options.pragma("query_only", "on"));
    let _folding = folding::begin(readers.clone());
    Ok(Pools::Sqlite {
        writer,
        readers,
        _folding,
    })
}

/// Creates what is missing so that only its owner can read it; SQLite gives its log the mode of the file.
fn create(path: &Path) -> io::Result<()> {
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn refuse_version(version: &str) -> Result<(), Error> {
    let parts: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
    match parts {
        Ok(parts) if parts.as_slice() >= VERSION_MIN.as_slice() => Ok(()),
        _ => Err(Error::Unsafe(format!(
            "SQLite is {version}; before 3.51.3 its log can be corrupted"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_with_the_log_corruption_is_refused() {
        for version in ["3.51.2", "3.7.0", "3.51", "2.99.99", "", "3.x.9"] {
            assert!(
                matches!(refuse_version(version), Err(Error::Unsafe(_))),
                "{version}"
            );
        }
        for version in ["3.51.3", "3.51.10", "3.52.0", "4.0.0"] {
            refuse_version(version).unwrap();
        }
    }

    #[test]
    fn only_the_owner_can_read_what_is_created() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/deep/catalog.db");
        create(&path).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);

        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        create(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }
}
