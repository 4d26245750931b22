//! The mission: users go on while their application moves to another version and back.

use anyhow::{Result, ensure};
use tests::{
    story::{Figures, Options, play},
    world::Database,
};

/// A short story: enough to meet every step, every kill and both databases in each test run. The
/// long one is `cargo xtask story`.
async fn short(database: Database) -> Result<Figures> {
    let options = Options {
        database,
        switches: 6,
        kills: 1,
        rate: 400,
        clients: 16,
    };
    play(&options, &|_| ()).await
}

fn check(figures: &Figures) -> Result<()> {
    ensure!(figures.sound(), "{figures:#?}");
    ensure!(figures.kills == 5 && figures.switches >= 13, "{figures:#?}");
    ensure!(
        figures.slow_finished_on_old > 0,
        "no slow request was under way at a switch: {figures:#?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_versions_are_switched_on_sqlite() -> Result<()> {
    check(&short(Database::Sqlite).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_versions_are_switched_on_postgres() -> Result<()> {
    check(&short(Database::Postgres).await?)
}
