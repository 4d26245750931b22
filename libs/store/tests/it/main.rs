//! What the store promises, on both databases.

mod commits;
mod counters;
mod crashes;
mod errors;
mod handlers;
mod opening;
mod proxy;
mod races;
mod wakes;

use std::path::{Path, PathBuf};
use std::time::Duration;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("tests/it/migrations");

/// Far more than anything in here takes; only a promise that is broken waits this long.
const LIMIT: Duration = Duration::from_secs(60);

/// A folder in memory where there is one: servers sync every commit.
fn memory() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    }
}
