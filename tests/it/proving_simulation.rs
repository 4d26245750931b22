//! The simulation, in short: `cargo xtask prove simulation` runs more seeds.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use tests::simulation::{FOUND, find, run};

/// A bug is planted in the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn whatever_breaks_every_switch_ends_and_no_answer_is_older_than_one_before() -> Result<()> {
    let _alone = alone();
    let outcomes = std::thread::scope(|scope| {
        let halves = [[7, 8], [9, 10]].map(|seeds| {
            scope.spawn(move || seeds.into_iter().map(run).collect::<Result<Vec<_>>>())
        });
        halves.map(|half| half.join().expect("no seed panics"))
    });
    let mut figures = [0; 3];
    for outcome in outcomes.into_iter().flatten().flatten() {
        ensure!(
            outcome.wrong.is_empty(),
            "seed {}: {:?}; again: cargo xtask prove simulation -- --from {} --seeds 1 --processes 1 --story",
            outcome.seed,
            outcome.wrong,
            outcome.seed
        );
        ensure!(
            outcome.committed > 0,
            "seed {} switched nothing",
            outcome.seed
        );
        figures[0] += outcome.committed;
        figures[1] += outcome.faults;
        figures[2] += outcome.requests;
    }
    let [committed, faults, requests] = figures;
    ensure!(committed >= 8, "only {committed} switches were committed");
    ensure!(faults >= 12, "only {faults} things went wrong");
    ensure!(requests >= 600, "only {requests} requests were answered");
    Ok(())
}

#[test]
fn the_same_seed_is_the_same_run() -> Result<()> {
    let _alone = alone();
    let (one, other) = (run(7)?, run(7)?);
    ensure!(
        one.faults > 0 && one.events > 100,
        "hardly anything happened"
    );
    ensure!(one.story == other.story, "the runs differ");
    ensure!(one.hash == other.hash, "users saw the runs differ");
    Ok(())
}

#[test]
fn each_bug_that_seeds_are_known_to_find_is_found() -> Result<()> {
    let _alone = alone();
    for (bug, seed) in FOUND {
        let found = find(bug, seed, 1)?;
        ensure!(found.is_some(), "seed {seed} did not find {bug:?}");
    }
    Ok(())
}
