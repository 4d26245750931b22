//! The proof on a fleet of real processes, in short; the long one is `cargo xtask prove fleet`. Bugs
//! that are planted must show in it; all that do are `cargo xtask prove fleet -- --plants`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use runtime::fault::Plant;
use tests::{
    fleet::{CAUGHT, Figures, Options, prove, spring},
    world::Database,
};

async fn short(database: Database, faults: bool) -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let options = Options {
        database,
        switches: 4,
        time: Duration::from_secs(if faults { 15 } else { 0 }),
        rate: 150,
        clients: 24,
        faults,
        seed: rand::random(),
        history: folder.path().join("history.txt"),
    };
    let figures = prove(&options, &|_| ()).await?;
    ensure!(figures.sound(), "{figures:#?}");
    Ok(figures)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_contradicts_while_processes_wires_and_database_break_at_random() -> Result<()> {
    short(Database::Postgres, true).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_to_try_later_while_nothing_is_broken() -> Result<()> {
    let figures = short(Database::Sqlite, false).await?;
    ensure!(
        figures.refused_while_cut == 0 && figures.given_up == 0,
        "{figures:#?}"
    );
    Ok(())
}

/// Neither of the two needs luck: the trap waits for the moment at which the rule matters.
#[tokio::test(flavor = "multi_thread")]
async fn clients_see_a_switch_committed_without_a_gateway() -> Result<()> {
    seen_only_when_planted(Plant::QuorumInsteadOfAll).await
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_see_a_hold_that_a_dying_gateway_has_not_written_down() -> Result<()> {
    seen_only_when_planted(Plant::HoldNotPersisted).await
}

async fn seen_only_when_planted(bug: Plant) -> Result<()> {
    ensure!(CAUGHT.contains(&bug));
    for planted in [true, false] {
        let seen = spring(bug, planted).await?.context("a trap for it")?;
        let as_expected = if planted { seen.caught() } else { seen.sound() };
        ensure!(as_expected, "planted: {planted}: {seen:#?}");
    }
    Ok(())
}
