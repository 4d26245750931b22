//! What users were answered, as the catalog keeps it, against what they saw.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use contract::time;
use jiff::Timestamp;
use proto::catalog::v1::{ListTrafficRequest, ListTrafficResponse};
use tests::{
    api::Confirm,
    load::{Load, Record},
    shop,
    until::until,
    world::{Database, Part, Plan, World},
};

const TENANTS: [&str; 2] = ["anna", "bert"];
/// Answers by generation and version: what was counted.
type Sums = BTreeMap<(u64, String), i64>;

#[tokio::test(flavor = "multi_thread")]
async fn what_two_gateways_count_across_a_switch_is_what_users_saw_on_sqlite() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 2).await?;
    match count(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_gateways_count_across_a_switch_is_what_users_saw_on_postgres() -> Result<()> {
    let plan = Plan {
        catalogs: 2,
        ..Plan::new(Database::Postgres, 2)
    };
    let mut world = World::start_as(plan).await?;
    match count(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

/// Switches under load, kills the catalog in the middle of it, and takes one gateway away at the end.
async fn count(world: &mut World) -> Result<()> {
    let start = runtime::Clock::real().now();
    shop::open(world, &TENANTS).await?;
    let users = shop::users(world, &TENANTS);
    let load = Load::start(&world.doors(), &users, 8, 200);
    counted_in(world, start, 1).await?;
    world.api.register_to_test("shop", "2.0").await?;
    world.api.switch_to(Confirm::Update, "shop", "2.0").await?;
    counted_in(world, start, 2).await?;
    world.kill(Part::Catalog).await?;
    world.restart(Part::Catalog).await?;
    world.ready(Part::Gateway(0)).await?;
    world.ready(Part::Gateway(1)).await?;
    let record = load.finish().await;
    // It hands over what it counted last before it goes.
    world.terminate(Part::Gateway(1)).await?;
    let end = runtime::Clock::real().now();

    let faults: Vec<_> = record.faults().collect();
    ensure!(faults.is_empty(), "{faults:?}");
    let seen = seen(&record);
    ensure!(seen.len() == 2, "both versions answered: {seen:?}");
    let look = || list(world, start);
    let listed = until("all that was counted", look, |listed| {
        let complete = listed.complete_time.and_then(time::read);
        complete.is_some_and(|complete| complete > end) && sums(listed) == seen
    });
    let listed = listed
        .await
        .map_err(|fault| fault.context(format!("users saw {seen:?}")))?;
    ensure!(listed.points.iter().all(|point| point.failed == 0));
    the_old_ends_where_the_new_begins(&listed)
}

/// Within the second that a gateway's clock may put it off, and the one in which the switch was.
fn the_old_ends_where_the_new_begins(listed: &ListTrafficResponse) -> Result<()> {
    let seconds = |generation| {
        let points = listed.points.iter();
        let of = points.filter(move |point| point.generation == generation);
        of.filter_map(|point| point.time.map(|time| time.seconds))
    };
    let (last, first) = (seconds(1).max(), seconds(2).min());
    let (Some(last), Some(first)) = (last, first) else {
        anyhow::bail!("{listed:?}")
    };
    ensure!(
        (first - 1..=first + 1).contains(&last),
        "{last} is not about {first}: {listed:?}"
    );
    Ok(())
}

fn seen(record: &Record) -> Sums {
    let mut seen = Sums::new();
    for served in &record.served {
        let version = format!("{}.0", served.version);
        *seen.entry((served.generation, version)).or_default() += 1;
    }
    seen
}

fn sums(listed: &ListTrafficResponse) -> Sums {
    let mut sums = Sums::new();
    for point in &listed.points {
        let of = (point.generation, point.version.clone());
        *sums.entry(of).or_default() += point.requests;
    }
    sums
}

async fn list(world: &World, start: Timestamp) -> Result<ListTrafficResponse> {
    let request = ListTrafficRequest {
        parent: "applications/shop".to_owned(),
        start_time: Some(time::write(start - Duration::from_secs(2))),
        ..ListTrafficRequest::default()
    };
    let listed = world.api.traffic.clone().list_traffic(request).await?;
    Ok(listed.into_inner())
}

/// Waits until answers of a generation are listed.
async fn counted_in(world: &World, start: Timestamp, generation: u64) -> Result<()> {
    let look = || list(world, start);
    until("a generation to be counted", look, |listed| {
        listed.points.iter().any(|it| it.generation == generation)
    })
    .await
    .map(drop)
}
