//! Databases for tests: one of its own for each, and both kinds for every promise.
//!
//! Only meant for tests. PostgreSQL comes from `SWITCHOVER_TEST_POSTGRES`, the URL of a superuser on a server
//! whose contents do not matter; without it, a private server is started once a process.

mod cluster;

use std::sync::{Arc, OnceLock};

use sqlx::migrate::Migrator;

pub use cluster::Cluster;

use crate::{DatabaseUrl, Db};

/// URL of a superuser's database on a PostgreSQL server for tests.
pub const POSTGRES_VARIABLE: &str = "SWITCHOVER_TEST_POSTGRES";

/// Runs one body as two tests, `name::sqlite` and `name::postgres`, each on an empty database with the
/// migrations run. The parameter is a [`Db`] or a [`TestDb`].
///
/// ```
/// # static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate::Migrator::DEFAULT;
/// # use store::Db;
/// store::on_both!(MIGRATIONS, async fn the_database_answers(db: Db) {
///     db.ping().await.unwrap();
/// });
/// ```
#[macro_export]
macro_rules! on_both {
    ($migrations:expr, $(#[$meta:meta])* async fn $name:ident($($db:tt)+) $body:block) => {
        #[cfg(test)]
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn promise($($db)+) $body

            #[test]
            pub(super) fn sqlite() {
                $crate::testing::keep($crate::testing::TestDb::sqlite(&$migrations), promise);
            }

            #[test]
            fn postgres() {
                $crate::testing::keep($crate::testing::TestDb::postgres(&$migrations), promise);
            }
        }
    };
}

/// An open database that belongs to one test. Clones share it.
#[derive(Clone)]
pub struct TestDb {
    db: Db,
    url: DatabaseUrl,
    migrations: &'static Migrator,
    /// Holds the SQLite file; a PostgreSQL schema goes with its server.
    _folder: Option<Arc<tempfile::TempDir>>,
}

impl TestDb {
    /// Opens a SQLite file in a folder that goes with the last clone.
    pub async fn sqlite(migrations: &'static Migrator) -> TestDb {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        TestDb::open(url, migrations, Some(Arc::new(folder))).await
    }

    /// Opens a fresh schema on the PostgreSQL server for tests.
    pub async fn postgres(migrations: &'static Migrator) -> TestDb {
        let server = tokio::task::spawn_blocking(server)
            .await
            .expect("a PostgreSQL server for tests");
        let schema = format!("t_{}", uuid::Uuid::now_v7().simple());
        let url = server
            .with_schema(&schema)
            .expect("a postgres:// URL and a short name");
        TestDb::open(url, migrations, None).await
    }

    async fn open(
        url: DatabaseUrl,
        migrations: &'static Migrator,
        folder: Option<Arc<tempfile::TempDir>>,
    ) -> TestDb {
        let db = Db::open(&url, migrations)
            .await
            .unwrap_or_else(|error| panic!("{url}: {error:?}"));
        TestDb {
            db,
            url,
            migrations,
            _folder: folder,
        }
    }

    /// Returns the open database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Returns where it is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Opens the same database once more, as another process would.
    pub async fn open_again(&self) -> Db {
        Db::open(&self.url, self.migrations)
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", self.url))
    }
}

/// What a promise of [`on_both!`](crate::on_both) can take.
pub trait Subject {
    /// Returns it for one test.
    fn of(test: &TestDb) -> Self;
}

impl Subject for TestDb {
    fn of(test: &TestDb) -> TestDb {
        test.clone()
    }
}

impl Subject for Db {
    fn of(test: &TestDb) -> Db {
        test.db.clone()
    }
}

/// Runs a promise to its end on a runtime of its own; for [`on_both!`](crate::on_both).
pub fn keep<S: Subject>(open: impl Future<Output = TestDb>, promise: impl AsyncFnOnce(S)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let test = open.await;
        promise(S::of(&test)).await;
        test.db.close().await;
    });
}

fn server() -> DatabaseUrl {
    static OWN: OnceLock<Cluster> = OnceLock::new();
    match std::env::var(POSTGRES_VARIABLE) {
        Ok(url) => url
            .parse()
            .unwrap_or_else(|why| panic!("{POSTGRES_VARIABLE} {why}")),
        Err(_) => OWN.get_or_init(Cluster::start_anywhere).url().clone(),
    }
}
