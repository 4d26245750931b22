//! What is refused, created and accepted when a database is opened.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection, SqlSafeStr};
use store::testing::{Cluster, TestDb};
use store::{DatabaseUrl, Db, Error};

use tokio::task::JoinSet;

use crate::{MIGRATIONS, counters, memory};

async fn refusal(settings: &[(&str, &str)]) -> Error {
    let cluster = Cluster::start_with(&memory(), settings);
    Db::open(cluster.url(), &MIGRATIONS)
        .await
        .err()
        .expect("a refusal")
}

#[tokio::test]
async fn postgres_that_forgets_is_refused() {
    for setting in ["fsync", "synchronous_commit"] {
        let error = refusal(&[(setting, "off")]).await;
        assert!(
            matches!(&error, Error::Unsafe(text) if text.starts_with(setting)),
            "{error:?}"
        );
        assert!(!error.transient());
    }
}

// Settings change while we run; a new connection looks at them again.
#[tokio::test]
async fn postgres_that_begins_to_forget_gets_no_more_writes() {
    let cluster = Cluster::start(&memory());
    let db = Db::open(cluster.url(), &MIGRATIONS).await.unwrap();
    store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
    let mut admin = PgConnection::connect(cluster.url_text()).await.unwrap();
    sqlx::query("alter system set synchronous_commit = 'off'")
        .execute(&mut admin)
        .await
        .unwrap();
    admin.close().await.unwrap();
    cluster.crash_and_restart();
    // The connections from before are gone: the first writes may find one of them.
    let mut refused = 0;
    while refused < 2 {
        match store::write!(db, |tx| counters::advance(tx, "a").await) {
            Err(Error::Unavailable(_)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn sqlite_files_belong_to_their_owner_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/catalog.db");
    let url: DatabaseUrl = format!("sqlite:{}", path.display()).parse().unwrap();
    let db = Db::open(&url, &MIGRATIONS).await.unwrap();
    store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
    assert_eq!(mode(&path.with_extension("db-shm")), 0o600);
    for (pragma, expected) in [
        ("pragma synchronous", 2),
        ("pragma foreign_keys", 1),
        ("pragma trusted_schema", 0),
    ] {
        let (value,): (i64,) =
            store::write!(db, |tx| store::on!(tx, |conn| sqlx::query_as(pragma)
                .fetch_one(conn)
                .await))
            .unwrap();
        assert_eq!(value, expected, "{pragma}");
    }
    db.close().await;
    assert!(
        !path.with_extension("db-wal").exists(),
        "the log was folded into the file"
    );
}

#[tokio::test]
async fn a_path_that_cannot_be_a_file_is_an_error_without_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let error = Db::open(&DatabaseUrl::sqlite(dir.path()), &MIGRATIONS)
        .await
        .err()
        .unwrap();
    assert!(
        !error.to_string().contains(dir.path().to_str().unwrap()),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let cluster = Cluster::start(&memory());
    let url = cluster.url().clone();
    drop(cluster);
    let error = Db::open(&url, &MIGRATIONS)
        .await
        .err()
        .expect("dropping the cluster stops it");
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
}

store::on_both!(
    MIGRATIONS,
    async fn several_open_one_empty_database_at_once(test: TestDb) {
        let mut openers = JoinSet::new();
        for _ in 0..3 {
            let test = test.clone();
            openers.spawn(async move { test.open_again().await.ping().await });
        }
        while let Some(answered) = openers.join_next().await {
            answered.unwrap().unwrap();
        }
    }
);

fn leak(migrations: Vec<Migration>) -> &'static Migrator {
    Box::leak(Box::new(Migrator::with_migrations(migrations)))
}

fn migration(version: i64, sql: &'static str) -> Migration {
    Migration::new(
        version,
        "test".into(),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    )
}

// Expand, move, contract: during our own upgrade the old program may start after the new one.
store::on_both!(
    MIGRATIONS,
    async fn a_newer_schema_is_taken_as_it_is(test: TestDb) {
        let mut newer: Vec<Migration> = MIGRATIONS.iter().cloned().collect();
        newer.push(migration(9999, "alter table counters add column note text"));
        let db = Db::open(test.url(), leak(newer)).await.unwrap();
        store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
        let old = test.open_again().await;
        assert!(
            store::read!(old, |tx| counters::find(tx, "a").await)
                .unwrap()
                .is_some()
        );
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_migration_that_fails_is_told_and_leaves_nothing(test: TestDb) {
        let mut broken: Vec<Migration> = MIGRATIONS.iter().cloned().collect();
        broken.push(migration(9999, "create table half (a bigint); selec 1"));
        let error = Db::open(test.url(), leak(broken)).await.err().unwrap();
        assert!(matches!(error, Error::Migrate(_)), "{error:?}");
        let half: Result<Option<(i64,)>, Error> = store::read!(test.db(), |tx| {
            store::on!(tx, |conn| sqlx::query_as("select a from half")
                .fetch_optional(conn)
                .await)
        });
        assert!(matches!(half, Err(Error::Other(_))), "{half:?}");
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_migration_that_was_changed_is_refused(test: TestDb) {
        let first = MIGRATIONS.iter().next().unwrap().version;
        let error = Db::open(
            test.url(),
            leak(vec![migration(first, "create table other (a bigint)")]),
        )
        .await
        .err()
        .unwrap();
        assert!(matches!(error, Error::Migrate(_)), "{error:?}");
    }
);
