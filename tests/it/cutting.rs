//! A gateway that is cut off from the catalog stops no user and no operator: the switch that needs it
//! is given up by its deadline and says so, and after it was evicted switches go on without it.

use std::time::Duration;

use anyhow::{Result, ensure};
use proto::catalog::v1::{EvictGatewayRequest, SwitchPolicy, SwitchState};
use tests::{
    api::Confirm,
    load::Load,
    shop,
    until::until,
    wire::Condition,
    world::{Database, Part, Plan, World},
};

/// As long as the gateway may be waited for.
const PREPARE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_without_one_gateway_is_given_up_names_it_and_goes_on_once_it_is_evicted()
-> Result<()> {
    let plan = Plan {
        wires: true,
        ..Plan::new(Database::Sqlite, 2)
    };
    let mut world = World::start_as(plan).await?;
    match cut_off(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn cut_off(world: &mut World) -> Result<()> {
    let (api, wires) = (world.api.clone(), world.wires()?);
    shop::open(world, &["anna", "bert"]).await?;
    let policy = SwitchPolicy {
        prepare_timeout: Some(PREPARE.try_into()?),
        ..Default::default()
    };
    api.set_policy("shop", policy).await?;
    api.register_to_test("shop", "2.0").await?;
    let users = shop::users(world, &["anna", "bert"]);
    let load = Load::start(&world.doors(), &users, 8, 80);

    wires.set_gateway(1, Condition::CUT);
    let switch = api.confirm(Confirm::Update, "shop", "2.0").await?;
    let ended = api.ended(&switch.name).await?;
    let failure = ended.failure.clone().unwrap_or_default();
    ensure!(
        ended.state() == SwitchState::Failed
            && failure.reason == "GATEWAY_SILENT"
            && failure.message.contains("gateway-1"),
        "{ended:?}"
    );
    let took = |from, to| -> Result<Duration> {
        let time = |state| {
            let step = ended.steps.iter().find(|step| step.state() == state);
            let time = step.and_then(|step| step.start_time);
            time.map(|time| Duration::new(time.seconds.unsigned_abs(), time.nanos.unsigned_abs()))
        };
        match (time(from), time(to)) {
            (Some(from), Some(to)) => Ok(to.saturating_sub(from)),
            _ => anyhow::bail!("a step is missing: {ended:?}"),
        }
    };
    // The rest is for a machine that has much else to do.
    let waited = took(SwitchState::Preparing, SwitchState::Settling)?;
    ensure!(
        (PREPARE..PREPARE + Duration::from_secs(10)).contains(&waited),
        "waited {waited:?} for a gateway"
    );

    // Who was served by it is served by the other one.
    world.kill(Part::Gateway(1)).await?;
    let evict = || async {
        let request = EvictGatewayRequest {
            name: "gateways/gateway-1".to_owned(),
            reason: "its machine is gone".to_owned(),
        };
        Ok(api.fleet.clone().evict_gateway(request).await?)
    };
    until("the gateway to count as silent", evict, |_| true).await?;
    let switch = api.switch_to(Confirm::Update, "shop", "2.0").await?;

    let record = load.finish().await;
    let faults: Vec<String> = record.faults().collect();
    ensure!(faults.is_empty(), "{faults:?}");
    ensure!(record.contradictions(&[]) == 0);
    let generations = [switch.generation - 1, switch.generation];
    for generation in generations {
        ensure!(
            record
                .served
                .iter()
                .any(|served| served.generation == generation),
            "nobody was served by generation {generation}"
        );
    }
    Ok(())
}
