//! What callers see when the database refuses, and that they see nothing of its insides.

use store::testing::TestDb;
use store::{Db, Error, on};

use crate::{MIGRATIONS, counters};

/// Fails if a text for people holds SQL, names of our tables' insides or places.
fn assert_clean(error: &Error) {
    let text = error.to_string().to_lowercase();
    for word in [
        "insert",
        "select",
        "update",
        "values",
        "syntax",
        "constraint",
        "127.0.0.1",
        "/tmp",
        "sqlite",
        "pg_",
    ] {
        assert!(!text.contains(word), "{text}");
    }
}

async fn statement(db: &Db, sql: &'static str) -> Error {
    let result = store::write!(db, |tx| on!(tx, |conn| sqlx::query(sql)
        .execute(conn)
        .await
        .map(|_| ())));
    let error = result.expect_err(sql);
    assert_clean(&error);
    assert!(
        std::error::Error::source(&error).is_some(),
        "the cause is kept for logs"
    );
    error
}

store::on_both!(
    MIGRATIONS,
    async fn each_refusal_has_its_own_name(db: Db) {
        store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
        let unique = statement(&db, "insert into counters (name, revision) values ('a', 0)").await;
        assert!(matches!(unique, Error::Unique(_)), "{unique:?}");
        let check = statement(
            &db,
            "insert into counters (name, revision) values ('b', -1)",
        )
        .await;
        assert!(matches!(check, Error::Check(_)), "{check:?}");
        let null = statement(
            &db,
            "insert into counters (name, revision) values ('b', null)",
        )
        .await;
        assert!(matches!(null, Error::Check(_)), "{null:?}");
        let foreign = statement(
            &db,
            "insert into events (counter, revision, writer) values ('x', 1, 1)",
        )
        .await;
        assert!(matches!(foreign, Error::ForeignKey(_)), "{foreign:?}");
        let other = statement(&db, "selec 1").await;
        assert!(matches!(other, Error::Other(_)), "{other:?}");
    }
);

// PostgreSQL answers COMMIT with a rollback then, and SQLite keeps half: neither may pass for success.
store::on_both!(
    MIGRATIONS,
    async fn a_failed_statement_is_never_committed(db: Db) {
        store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
        let result: Result<(), Error> = store::write!(db, |tx| {
            counters::insert(tx, "b").await?;
            tx.wake("counters");
            assert!(matches!(
                counters::insert(tx, "a").await,
                Err(Error::Unique(_))
            ));
            Ok(())
        });
        assert!(matches!(result, Err(Error::Other(_))), "{result:?}");
        assert_eq!(
            store::read!(db, |tx| counters::find(tx, "b").await).unwrap(),
            None
        );
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_read_changes_nothing(db: Db) {
        let result = store::read!(db, |tx| counters::insert(tx, "a").await);
        assert!(matches!(result, Err(Error::Other(_))), "{result:?}");
        assert_clean(&result.unwrap_err());
        assert_eq!(
            store::read!(db, |tx| counters::find(tx, "a").await).unwrap(),
            None
        );
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_row_of_another_shape_is_damaged(db: Db) {
        store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
        // Text where a number is expected.
        let result = store::read!(db, |tx| {
            const SQL: &str = "select revision as name, name as revision from counters";
            let found: Option<counters::Counter> =
                on!(tx, |conn| sqlx::query_as(SQL).fetch_optional(conn).await)?;
            Ok::<_, Error>(found)
        });
        assert!(matches!(&result, Err(Error::Damaged { .. })), "{result:?}");
        assert_clean(&result.unwrap_err());
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_closed_database_does_not_answer(test: TestDb) {
        let db = test.open_again().await;
        db.ping().await.unwrap();
        db.close().await;
        let error = db.ping().await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(_)) && error.transient(),
            "{error:?}"
        );
    }
);

#[tokio::test]
async fn a_full_disk_is_told_and_keeps_nothing() {
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let long = "x".repeat(1 << 20);
    let result = store::write!(test.db(), |tx| {
        counters::insert(tx, "a").await?;
        // As many pages as there are: the same answer as that of a full disk.
        on!(tx, |conn| sqlx::query("pragma max_page_count = 1")
            .execute(conn)
            .await
            .map(|_| ()))?;
        counters::insert(tx, &long).await
    });
    assert!(matches!(result, Err(Error::Full(_))), "{result:?}");
    assert_clean(&result.unwrap_err());
    assert_eq!(
        store::read!(test.db(), |tx| counters::find(tx, "a").await).unwrap(),
        None
    );
}
