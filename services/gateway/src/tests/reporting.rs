//! What the catalog hears of users' requests, by second.

use std::collections::{BTreeMap, BTreeSet};

use proto::catalog::v1 as wire;

use super::world::{World, until};
use crate::control::route_tests::told;

/// Answers by generation.
type Sums = BTreeMap<u64, i64>;

/// Sums what was reported, each number once.
fn sums(reports: &[wire::Traffic]) -> Sums {
    let mut numbers = BTreeSet::new();
    let mut sums = Sums::new();
    for report in reports.iter().filter(|it| numbers.insert(it.number)) {
        for count in &report.counts {
            assert_eq!(
                (count.application.as_str(), count.failed),
                ("applications/crm", 0)
            );
            *sums.entry(count.generation).or_default() += count.requests;
        }
    }
    sums
}

async fn until_reported(world: &World, expected: &Sums) {
    until("all is reported", async || {
        let sums = sums(&world.catalog.traffic());
        (sums == *expected)
            .then_some(())
            .ok_or_else(|| format!("{sums:?}, not {expected:?}"))
    })
    .await;
}

/// Asks as a user; the version that answers is that of its generation.
async fn ask(world: &World, answers: &mut Sums) -> u64 {
    let answer = world.ask().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let generation = answer.body.trim_start_matches("version ").parse().unwrap();
    *answers.entry(generation).or_default() += 1;
    generation
}

#[tokio::test]
async fn every_answer_is_reported_once_over_a_switch_and_broken_streams() {
    let mut world = World::without_gateway().await;
    world.catalog.want_traffic();
    for version in ["1", "2"] {
        world.provisioning.decide("acme", version, true);
    }
    world.tell(told("crm", 1, 1));
    world.start_gateway().await;
    world.until_ready().await;
    let mut answers = Sums::new();
    for _ in 0..3 {
        ask(&world, &mut answers).await;
    }
    until_reported(&world, &answers).await;

    // Nobody says that it is kept: it comes again, as the same.
    world.catalog.break_streams();
    until("it is sent again", async || {
        let reports = world.catalog.traffic();
        let again = reports.iter().filter(|it| it.number == 1).count();
        (again > 1)
            .then_some(())
            .ok_or_else(|| format!("{reports:?}"))
    })
    .await;

    // What a generation answered is reported as such, whatever follows within its last second.
    world.catalog.take_traffic();
    for _ in 0..2 {
        ask(&world, &mut answers).await;
    }
    world.tell(told("crm", 2, 2));
    while ask(&world, &mut answers).await != 2 {}
    until_reported(&world, &answers).await;

    // Where there is no catalog, seconds are closed all the same.
    world.stop_catalog().await;
    for _ in 0..4 {
        ask(&world, &mut answers).await;
    }
    world.start_catalog().await;
    until_reported(&world, &answers).await;
    // What is not known to be kept is handed over before the gateway goes.
    ask(&world, &mut answers).await;
    world.stop_gateway().await;
    assert_eq!(sums(&world.catalog.traffic()), answers);
    world.end().await;
}

#[tokio::test]
async fn a_catalog_that_does_not_ask_for_it_hears_nothing() {
    let world = World::start().await;
    ask(&world, &mut Sums::new()).await;
    // A second that closes would be said before a beat that is due later.
    let beats = world.catalog.beats().len();
    until("beats go on", async || {
        let now = world.catalog.beats().len();
        (now > beats).then_some(()).ok_or_else(|| now.to_string())
    })
    .await;
    assert_eq!(world.catalog.traffic(), []);
    world.end().await;
}
