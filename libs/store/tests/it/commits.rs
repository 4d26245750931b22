//! Commits whose answer never comes.

use std::net::SocketAddr;

use store::testing::Cluster;
use store::{DatabaseUrl, Db, Error};

use crate::proxy::{Cut, Proxy};
use crate::{MIGRATIONS, counters, memory};

fn address(url: &str) -> SocketAddr {
    let (_, host) = url.split_once('@').expect("a user");
    let (host, _) = host.split_once('/').expect("a database");
    host.parse().expect("an address")
}

#[tokio::test]
async fn a_commit_without_an_answer_is_unknown_and_never_run_again() {
    let cluster = Cluster::start(&memory());
    let server = address(cluster.url_text());
    let proxy = Proxy::start(server).await;
    let wire: DatabaseUrl = format!(
        "postgres://postgres@{}/postgres?sslmode=disable",
        proxy.address
    )
    .parse()
    .unwrap();
    let (db, direct) = (
        Db::open(&wire, &MIGRATIONS).await.unwrap(),
        Db::open(cluster.url(), &MIGRATIONS).await.unwrap(),
    );

    for (name, cut, kept) in [
        ("a", Cut::AfterCommit, true),
        ("b", Cut::BeforeCommit, false),
    ] {
        proxy.cut(cut);
        let mut runs = 0;
        let result = store::write!(db, |tx| {
            runs += 1;
            counters::insert(tx, name).await
        });
        assert!(proxy.is_cut());
        assert_eq!(runs, 1, "{name}");
        let error = result.unwrap_err();
        assert!(matches!(error, Error::CommitUnknown(_)), "{error:?}");
        assert!(error.transient());
        // Reading tells.
        let found = store::read!(direct, |tx| counters::find(tx, name).await).unwrap();
        assert_eq!(found.is_some(), kept, "{name}");
        store::write!(db, |tx| counters::insert(tx, &format!("{name}-next")).await).unwrap();
    }
}
