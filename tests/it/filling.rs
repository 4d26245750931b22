//! A gateway whose disk is full makes no promise that it cannot keep: users are served on, and the
//! switch is given up and says why.

use std::time::Duration;

use anyhow::{Result, ensure};
use proto::catalog::v1::SwitchState;
use tests::{
    api::Confirm,
    load::Load,
    shop,
    until::until,
    world::{Database, Part, Plan, World},
};

const FULL: Part = Part::Gateway(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_on_a_full_disk_serves_on_and_names_itself_to_the_switch_that_is_given_up()
-> Result<()> {
    let mut world = World::start_as(Plan::new(Database::Sqlite, 2)).await?;
    match fill(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn fill(world: &mut World) -> Result<()> {
    let api = world.api.clone();
    shop::open(world, &["anna", "bert"]).await?;
    api.register_to_test("shop", "2.0").await?;
    world.prepare_to_fill(FULL).await?;
    let users = shop::users(world, &["anna", "bert"]);
    let mut load = Load::start(&world.doors(), &users, 8, 80);

    world.fill_disk(FULL, true).await?;
    let switch = api.confirm(Confirm::Update, "shop", "2.0").await?;
    let ended = api.ended(&switch.name).await?;
    let failure = ended.failure.clone().unwrap_or_default();
    ensure!(
        ended.state() == SwitchState::Failed
            && failure.reason == "GATEWAY_NOT_READY"
            && failure.message.contains("gateway-1"),
        "{ended:?}"
    );
    ensure!(!world.is_ready(FULL).await?, "it says that it is ready");
    let full = load.now();
    load.join(1, &users, Duration::from_millis(20));

    world.fill_disk(FULL, false).await?;
    world.ready(FULL).await?;
    let again = || api.switch_to(Confirm::Update, "shop", "2.0");
    let switch = until("the next switch to succeed", again, |_| true).await?;
    let record = load.finish().await;
    let faults: Vec<String> = record.faults().collect();
    ensure!(faults.is_empty(), "{faults:?}");
    ensure!(record.contradictions(&[]) == 0);
    let by = |from: u64, generation: u64| {
        record.served.iter().any(|served| {
            served.gateway == 1 && served.sent >= from && served.generation == generation
        })
    };
    ensure!(
        by(full, switch.generation - 1),
        "it served nobody while full"
    );
    ensure!(by(full, switch.generation), "it served nobody after that");
    Ok(())
}
