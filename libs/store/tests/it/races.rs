//! Writers that meet, inside one process and across several.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::Poll;

use store::Error;
use store::testing::TestDb;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::{LIMIT, MIGRATIONS, counters};

store::on_both!(
    MIGRATIONS,
    async fn writers_that_read_first_lose_nothing(test: TestDb) {
        const EACH: i64 = 40;
        store::write!(test.db(), |tx| counters::insert(tx, "a").await).unwrap();
        let mut writers = JoinSet::new();
        for db in [test.db().clone(), test.open_again().await] {
            writers.spawn(async move {
                for _ in 0..EACH {
                    store::write!(db, |tx| counters::advance(tx, "a").await).unwrap();
                }
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        let found = store::read!(test.db(), |tx| counters::find(tx, "a").await).unwrap();
        assert_eq!(found.unwrap().revision, 2 * EACH);
    }
);

// Revisions taken under the row's lock have no gaps in any picture: a reader may page by them.
store::on_both!(
    MIGRATIONS,
    async fn events_of_eight_writers_appear_in_order_and_none_is_lost(test: TestDb) {
        const WRITERS: i64 = 8;
        const EACH: i64 = 12;
        store::write!(test.db(), |tx| counters::insert(tx, "a").await).unwrap();
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            let db = test.db().clone();
            tasks.spawn(async move {
                for _ in 0..EACH {
                    store::write!(db, |tx| {
                        let revision = counters::advance(tx, "a").await?;
                        counters::record(tx, "a", revision, writer).await?;
                        tx.wake("events");
                        Ok::<_, Error>(())
                    })
                    .unwrap();
                }
            });
        }
        let db = test.db().clone();
        tasks.spawn(async move {
            let mut listener = db.listen("events");
            loop {
                let seen = store::read!(db, |tx| counters::events(tx, "a").await).unwrap();
                assert!(
                    seen.iter()
                        .map(|(revision, _)| *revision)
                        .eq(1..=seen.len() as i64),
                    "{seen:?}"
                );
                if seen.len() as i64 == WRITERS * EACH {
                    break;
                }
                timeout(LIMIT, listener.changed()).await.unwrap();
            }
        });
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let seen = store::read!(test.db(), |tx| counters::events(tx, "a").await).unwrap();
        for writer in 0..WRITERS {
            assert_eq!(
                seen.iter().filter(|(_, by)| *by == writer).count() as i64,
                EACH
            );
        }
    }
);

store::on_both!(
    MIGRATIONS,
    async fn work_is_claimed_once(test: TestDb) {
        const ROWS: i64 = 40;
        store::write!(test.db(), |tx| {
            counters::insert(tx, "a").await?;
            for revision in 1..=ROWS {
                counters::record(tx, "a", revision, 0).await?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
        let mut takers = JoinSet::new();
        for (taker, db) in [
            ("b", test.db().clone()),
            ("c", test.open_again().await),
            ("d", test.db().clone()),
        ] {
            takers.spawn(async move {
                let mut taken = Vec::new();
                loop {
                    let some = store::write!(db, |tx| counters::claim(tx, taker).await).unwrap();
                    if some.is_empty() {
                        return taken;
                    }
                    taken.extend(some);
                }
            });
        }
        let mut all = Vec::new();
        while let Some(taken) = takers.join_next().await {
            all.extend(taken.unwrap());
        }
        assert_eq!(all.len() as i64, ROWS);
        assert_eq!(
            all.iter().copied().collect::<BTreeSet<i64>>().len() as i64,
            ROWS
        );
    }
);

// F18: the smaller number appears after the greater one; who pages by `id > last` would skip it.
#[tokio::test]
async fn a_row_that_is_committed_late_is_still_claimed() {
    let test = TestDb::postgres(&MIGRATIONS).await;
    let (db, late) = (test.db().clone(), test.open_again().await);
    store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
    let (written, mut is_written) = watch::channel(false);
    let (go, may_commit) = watch::channel(false);
    let mut slow = JoinSet::new();
    slow.spawn(async move {
        store::write!(late, |tx| {
            counters::record(tx, "a", 1, 1).await?;
            written.send_replace(true);
            may_commit.clone().wait_for(|go| *go).await.unwrap();
            Ok::<_, Error>(())
        })
    });
    timeout(LIMIT, is_written.wait_for(|is| *is))
        .await
        .unwrap()
        .unwrap();
    store::write!(db, |tx| counters::record(tx, "a", 2, 2).await).unwrap();
    assert_eq!(
        store::write!(db, |tx| counters::claim(tx, "b").await).unwrap(),
        [2]
    );
    go.send_replace(true);
    slow.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(
        store::write!(db, |tx| counters::claim(tx, "b").await).unwrap(),
        [1]
    );
}

// A row that another open transaction has taken is passed over, not waited for.
#[tokio::test]
async fn a_claim_does_not_wait_for_another() {
    let test = TestDb::postgres(&MIGRATIONS).await;
    let (db, other) = (test.db().clone(), test.open_again().await);
    store::write!(db, |tx| {
        counters::insert(tx, "a").await?;
        for revision in 1..=4 {
            counters::record(tx, "a", revision, 0).await?;
        }
        Ok::<_, Error>(())
    })
    .unwrap();
    let inner = store::write!(db, |tx| {
        assert_eq!(counters::claim(tx, "b").await?, [1, 2]);
        timeout(LIMIT / 20, async {
            store::write!(other, |tx| lock(tx).await)
        })
        .await
        .expect("it did not wait")
    })
    .unwrap();
    assert_eq!(inner, [3, 4]);
}

async fn lock(tx: &mut store::Tx) -> Result<Vec<i64>, Error> {
    let select = store::claim(
        tx,
        "select revision from events where taken_by is null order by revision limit 2",
    );
    let rows: Vec<(i64,)> = store::on!(tx, |conn| sqlx::query_as(select).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|(revision,)| revision).collect())
}

#[tokio::test]
async fn a_body_that_collides_for_ever_runs_a_bounded_number_of_times() {
    #[derive(Debug)]
    enum Told {
        Nothing,
        Store(Error),
    }
    impl From<Error> for Told {
        fn from(error: Error) -> Told {
            Told::Store(error)
        }
    }
    let test = TestDb::postgres(&MIGRATIONS).await;
    let (db, other) = (test.db().clone(), test.open_again().await);
    store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
    let mut runs = 0;
    let result: Result<i64, Told> = store::write!(db, |tx| {
        runs += 1;
        let mut counter = counters::find(tx, "a").await?.unwrap();
        store::write!(other, |tx| counters::advance(tx, "a").await)?;
        counter.revision += 100;
        // The collision is hidden in an error which does not tell; it is tried again all the same.
        counters::save(tx, &counter)
            .await
            .map_err(|_| Told::Nothing)?;
        Ok(counter.revision)
    });
    assert!(
        matches!(result, Err(Told::Store(Error::Busy(_)))),
        "{result:?}"
    );
    assert!((2..=32).contains(&runs), "{runs}");
    let found = store::read!(db, |tx| counters::find(tx, "a").await).unwrap();
    assert_eq!(found.unwrap().revision, runs);
}

#[tokio::test]
async fn a_file_locked_by_another_process_is_busy_and_works_again_afterwards() {
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let (db, other) = (test.db().clone(), test.open_again().await);
    let busy = store::write!(other, |tx| {
        counters::insert(tx, "a").await?;
        // Readers go on meanwhile.
        assert_eq!(store::read!(db, |tx| counters::find(tx, "a").await)?, None);
        let busy = timeout(LIMIT, async {
            store::write!(db, |tx| counters::insert(tx, "b").await)
        })
        .await;
        Ok::<_, Error>(busy.expect("it was given up"))
    })
    .unwrap();
    assert!(matches!(busy, Err(Error::Busy(_))), "{busy:?}");
    store::write!(db, |tx| counters::insert(tx, "b").await).unwrap();
}

store::on_both!(
    MIGRATIONS,
    async fn a_transaction_whose_future_is_dropped_leaves_nothing(test: TestDb) {
        let db = test.db().clone();
        let (written, mut is_written) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            store::write!(db, |tx| {
                counters::insert(tx, "a").await?;
                written.send_replace(true);
                std::future::pending::<Result<(), Error>>().await
            })
        });
        is_written.wait_for(|is| *is).await.unwrap();
        tasks.shutdown().await;
        store::write!(test.db(), |tx| {
            assert_eq!(counters::find(tx, "a").await?, None);
            counters::insert(tx, "a").await
        })
        .unwrap();
    }
);

// A deadline or a caller who goes away drops futures anywhere, in the middle of `BEGIN` too.
store::on_both!(
    MIGRATIONS,
    async fn a_look_that_is_dropped_at_any_point_spoils_no_later_change(test: TestDb) {
        const POINTS: usize = 40;
        let db = test.db();
        for point in 0..POINTS {
            let mut look = Box::pin(async {
                store::read!(db, |tx| counters::find(tx, "a").await).unwrap();
            });
            for _ in 0..point {
                if polled_once(&mut look).await {
                    break;
                }
            }
            drop(look);
            let name = format!("after-{point}");
            let changed = store::write!(db, |tx| counters::insert(tx, &name).await);
            assert!(changed.is_ok(), "dropped at point {point}: {changed:?}");
        }
    }
);

/// Polls once and lets everything else that can go on do so; tells whether the future is done.
async fn polled_once(future: &mut Pin<Box<impl Future<Output = ()>>>) -> bool {
    let done =
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready()));
    let done = done.await;
    tokio::task::yield_now().await;
    done
}
