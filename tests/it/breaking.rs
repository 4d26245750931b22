//! The proof on a fleet of real processes, in short; the long one is `cargo xtask prove fleet`.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::{
    fleet::{Figures, Options, prove},
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
        plant: None,
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
