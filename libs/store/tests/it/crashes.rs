//! A PostgreSQL server that crashes while it is written to.

use store::testing::Cluster;
use store::{Db, Error};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::{LIMIT, MIGRATIONS, counters, memory};

/// What a writer was told.
#[derive(Clone, Copy, Default)]
struct Told {
    kept: i64,
    unknown: i64,
}

// Acknowledged is kept; not acknowledged is refused or unknown, never wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_crashes() {
    const CRASHES: i64 = 3;
    let cluster = Cluster::start(&memory());
    let db = Db::open(cluster.url(), &MIGRATIONS).await.unwrap();
    store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
    let (stop, stopped) = watch::channel(false);
    let (told, mut tells) = watch::channel(Told::default());
    let writer = db.clone();
    let mut task = JoinSet::new();
    task.spawn(async move {
        while !*stopped.borrow() {
            let result = store::write!(writer, |tx| counters::advance(tx, "a").await);
            told.send_modify(|told| match &result {
                Ok(_) => told.kept += 1,
                Err(Error::CommitUnknown(_)) => told.unknown += 1,
                Err(Error::Unavailable(_)) => {}
                Err(error) => panic!("{error:?}"),
            });
        }
    });
    for _ in 0..CRASHES {
        let before = tells.borrow().kept;
        timeout(LIMIT, tells.wait_for(|told| told.kept >= before + 20))
            .await
            .expect("it writes again")
            .unwrap();
        tokio::task::block_in_place(|| cluster.crash_and_restart());
    }
    let before = tells.borrow().kept;
    timeout(LIMIT, tells.wait_for(|told| told.kept > before))
        .await
        .expect("it writes again")
        .unwrap();
    stop.send_replace(true);
    task.join_next().await.unwrap().unwrap();
    let Told { kept, unknown } = *tells.borrow();
    let revision = store::read!(db, |tx| counters::find(tx, "a").await)
        .unwrap()
        .unwrap()
        .revision;
    assert!(
        (kept..=kept + unknown).contains(&revision),
        "{kept} acknowledged, {unknown} unknown, {revision} found"
    );
}
