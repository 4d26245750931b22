//! Wake-ups: who hears them, and who does not.

use std::time::Duration;

use store::testing::TestDb;
use store::{Db, Error, Listener, on};
use tokio::time::timeout;

use crate::{LIMIT, MIGRATIONS, counters};

/// Whether a wake-up has arrived by now.
async fn is_awake(listener: &mut Listener) -> bool {
    timeout(Duration::ZERO, listener.changed()).await.is_ok()
}

async fn awake(listener: &mut Listener) {
    timeout(LIMIT, listener.changed()).await.expect("a wake-up");
}

/// Returns once all wake-ups that were sent before have arrived: they come in the order of commits.
async fn settle(db: &Db) {
    let mut last = db.listen("last");
    // Twice: on PostgreSQL the first may be the one that says that the connection listens from now on.
    for _ in 0..2 {
        wake(db, "last").await;
        awake(&mut last).await;
    }
}

async fn wake(db: &Db, topic: &'static str) {
    store::write!(db, |tx| {
        tx.wake(topic);
        Ok::<_, Error>(())
    })
    .expect("an empty transaction commits");
}

store::on_both!(
    MIGRATIONS,
    async fn a_commit_wakes_its_topic_only(db: Db) {
        let (mut ours, mut other) = (db.listen("ours"), db.listen("other"));
        settle(&db).await;
        while is_awake(&mut ours).await || is_awake(&mut other).await {}
        wake(&db, "ours").await;
        awake(&mut ours).await;
        settle(&db).await;
        assert!(!is_awake(&mut other).await);
        assert!(!is_awake(&mut ours).await);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_transaction_that_is_rolled_back_wakes_nobody(db: Db) {
        let mut listener = db.listen("ours");
        settle(&db).await;
        while is_awake(&mut listener).await {}
        let refused: Result<(), Error> = store::write!(db, |tx| {
            counters::insert(tx, "a").await?;
            tx.wake("ours");
            Err(Error::damaged("counters", "name", "as if"))
        });
        assert!(matches!(refused, Err(Error::Damaged { .. })));
        settle(&db).await;
        assert!(!is_awake(&mut listener).await);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn many_wake_ups_become_one(db: Db) {
        let mut listener = db.listen("ours");
        settle(&db).await;
        while is_awake(&mut listener).await {}
        for _ in 0..10 {
            wake(&db, "ours").await;
        }
        settle(&db).await;
        assert!(is_awake(&mut listener).await);
        assert!(!is_awake(&mut listener).await);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn who_listens_first_and_then_reads_misses_nothing(db: Db) {
        for round in 1..=20 {
            let name = format!("c{round}");
            let (reader, writer) = (db.clone(), db.clone());
            let read = async {
                let mut listener = reader.listen("counters");
                while store::read!(reader, |tx| counters::find(tx, &name).await)
                    .unwrap()
                    .is_none()
                {
                    awake(&mut listener).await;
                }
            };
            let write = async {
                store::write!(writer, |tx| {
                    tx.wake("counters");
                    counters::insert(tx, &name).await
                })
                .unwrap();
            };
            tokio::join!(read, write);
        }
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_slow_poll_ends_by_itself(db: Db) {
        let mut listener = db.listen("never");
        settle(&db).await;
        while is_awake(&mut listener).await {}
        timeout(LIMIT, listener.changed_or(Duration::from_millis(1)))
            .await
            .unwrap();
    }
);

#[tokio::test]
async fn another_process_is_woken() {
    let test = TestDb::postgres(&MIGRATIONS).await;
    let other = test.open_again().await;
    let mut listener = other.listen("ours");
    settle(&other).await;
    while is_awake(&mut listener).await {}
    wake(test.db(), "ours").await;
    awake(&mut listener).await;
}

// Channels belong to a whole database: without care, services that share one would wake each other.
#[tokio::test]
async fn another_schema_is_not_woken() {
    let (ours, theirs) = (
        TestDb::postgres(&MIGRATIONS).await,
        TestDb::postgres(&MIGRATIONS).await,
    );
    let mut listener = ours.db().listen("topic");
    settle(ours.db()).await;
    while is_awake(&mut listener).await {}
    wake(theirs.db(), "topic").await;
    settle(ours.db()).await;
    assert!(!is_awake(&mut listener).await);
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_everyone_looks() {
    let test = TestDb::postgres(&MIGRATIONS).await;
    let mut listener = test.db().listen("ours");
    settle(test.db()).await;
    while is_awake(&mut listener).await {}
    let cut = store::write!(test.db(), |tx| {
        // The schema is in the listening statement, so only ours is cut.
        const SQL: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                           where pid <> pg_backend_pid() and query like 'LISTEN%' || current_schema() || '%'";
        let (cut,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
        Ok::<_, Error>(cut)
    });
    assert_eq!(cut.unwrap(), 1);
    awake(&mut listener).await;
    while is_awake(&mut listener).await {}
    wake(test.db(), "ours").await;
    awake(&mut listener).await;
}
