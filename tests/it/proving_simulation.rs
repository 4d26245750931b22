//! The simulation, in short: `cargo xtask prove simulation` runs more seeds, and each twice.

use std::{
    ops::RangeInclusive,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Result, ensure};
use tests::simulation::{FOUND, find, run};

/// A bug is planted in the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sixty seeds, in parts that run beside each other: more would be a third of the time of all tests.
macro_rules! whatever_breaks_every_switch_ends_and_no_answer_is_older_than_one_before {
    ($($part:ident $seeds:expr;)+) => {$(
        #[test]
        fn $part() -> Result<()> {
            prove($seeds)
        }
    )+};
}

whatever_breaks_every_switch_ends_and_no_answer_is_older_than_one_before! {
    whatever_breaks_with_the_seeds_1_to_15 1..=15;
    whatever_breaks_with_the_seeds_16_to_30 16..=30;
    whatever_breaks_with_the_seeds_31_to_45 31..=45;
    whatever_breaks_with_the_seeds_46_to_60 46..=60;
}

fn prove(seeds: RangeInclusive<u64>) -> Result<()> {
    let _alone = alone();
    let (mut committed, mut faults, mut requests) = (0, 0, 0);
    let count = u64::try_from(seeds.clone().count())?;
    for seed in seeds {
        let outcome = run(seed)?;
        ensure!(
            outcome.wrong.is_empty(),
            "seed {seed}: {:?}; again: cargo xtask prove simulation -- --from {seed} --seeds 1 --processes 1 --story",
            outcome.wrong,
        );
        ensure!(outcome.committed > 0, "seed {seed} switched nothing");
        committed += outcome.committed;
        faults += outcome.faults;
        requests += outcome.requests;
    }
    ensure!(
        committed >= 3 * count,
        "only {committed} switches were committed"
    );
    ensure!(faults >= 3 * count, "only {faults} things went wrong");
    ensure!(
        requests >= 300 * count,
        "only {requests} requests were answered"
    );
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
