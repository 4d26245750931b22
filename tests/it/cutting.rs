//! A gateway that is cut off from the catalog stops no user and no operator. In fleet mode static the
//! switch that needs it is given up by its deadline and says so, and after it was evicted switches go
//! on without it. In fleet mode fenced it answers 503 once its lease has run out, and the switch goes
//! on without it after that.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use proto::catalog::v1::{
    EvictGatewayRequest, FleetMode, GatewayAnswer, Switch, SwitchPolicy, SwitchState,
};
use tests::{
    api::Confirm,
    http_client::{Answer, get},
    load::{How, Load},
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
    // The rest is for a machine that has much else to do.
    let waited = lasted(&ended, SwitchState::Preparing)?;
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

/// As long as a gateway may serve unheard: the shortest time that can be asked for.
const LEASE: Duration = Duration::from_secs(1);
/// Which gateway is cut off.
const CUT_OFF: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_fenced_switch_goes_on_after_the_lease_and_the_one_cut_off_serves_nobody_meanwhile()
-> Result<()> {
    let plan = Plan {
        wires: true,
        ..Plan::new(Database::Sqlite, 2)
    };
    let mut world = World::start_as(plan).await?;
    match fenced(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn fenced(world: &mut World) -> Result<()> {
    let (api, wires) = (world.api.clone(), world.wires()?);
    let policy = SwitchPolicy {
        prepare_timeout: Some(PREPARE.try_into()?),
        fleet_mode: FleetMode::Fenced.into(),
        lease: Some(LEASE.try_into()?),
        ..Default::default()
    };
    shop::open_as(world, &["anna", "bert"], policy).await?;
    api.register_to_test("shop", "2.0").await?;
    let users = shop::users(world, &["anna", "bert"]);
    let load = Load::start(&world.doors(), &users, 8, 80);
    answered(world, "1.0").await?;

    wires.set_gateway(CUT_OFF, Condition::CUT);
    let switch = api.switch_to(Confirm::Update, "shop", "2.0").await?;
    let left_out = switch
        .gateways
        .iter()
        .find(|gateway| gateway.gateway == "gateways/gateway-1");
    ensure!(
        left_out.map(|gateway| gateway.answer()) == Some(GatewayAnswer::Fenced),
        "{switch:?}"
    );
    let waited = lasted(&switch, SwitchState::Fencing)?;
    ensure!(waited >= LEASE, "waited {waited:?} for a lease");
    let refused = ask(world).await?;
    ensure!(
        refused.status == StatusCode::SERVICE_UNAVAILABLE
            && !refused.header("retry-after").is_empty(),
        "{refused:?}"
    );
    let still_cut_off = load.now();

    wires.set_gateway(CUT_OFF, Condition::default());
    answered(world, "2.0").await?;
    let record = load.finish().await;
    // A machine that has much else to do may be late with a lease: then a gateway refuses, and that
    // is all that it may do.
    let failed: Vec<String> = record
        .unserved
        .iter()
        .filter(|unserved| !matches!(unserved.how, How::TryLater(_)))
        .filter_map(tests::load::Unserved::fault)
        .collect();
    ensure!(failed.is_empty(), "{failed:?}");
    ensure!(record.contradictions(&[]) == 0);
    let by = |gateway: usize, generation: u64| {
        record.served.iter().any(move |served| {
            usize::from(served.gateway) == gateway && served.generation == generation
        })
    };
    // That the one which was cut off serves the new version again was asked for above; the load may
    // have ended before one of its requests came there.
    let (before, after) = (switch.generation - 1, switch.generation);
    for (gateway, generation) in [(0, before), (CUT_OFF, before), (0, after)] {
        ensure!(
            by(gateway, generation),
            "gateway {gateway} served nobody by generation {generation}"
        );
    }
    ensure!(
        record
            .served
            .iter()
            .filter(|served| usize::from(served.gateway) == CUT_OFF)
            .all(|served| served.generation < switch.generation || served.answered > still_cut_off),
        "the new version was served by a gateway that cannot have heard of it"
    );
    Ok(())
}

/// Waits until the gateway that is to be cut off, or was, answers by a version.
async fn answered(world: &World, version: &str) -> Result<()> {
    let by = |answer: &Answer| {
        answer.status == StatusCode::OK && answer.header("switchover-version") == version
    };
    until("the gateway to serve it", || ask(world), by)
        .await
        .map(drop)
}

async fn ask(world: &World) -> Result<Answer> {
    let doors = world.doors();
    let url = format!("http://{}/api/whoami", doors[CUT_OFF].address);
    let host = world.user_host("anna", "shop");
    get(&url, &[("host", &*host), ("accept", "application/json")]).await
}

/// How long a step took.
fn lasted(switch: &Switch, step: SwitchState) -> Result<Duration> {
    let mut times = switch
        .steps
        .iter()
        .skip_while(|entered| entered.state() != step)
        .filter_map(|entered| entered.start_time)
        .map(|time| Duration::new(time.seconds.unsigned_abs(), time.nanos.unsigned_abs()));
    match (times.next(), times.next()) {
        (Some(from), Some(to)) => Ok(to.saturating_sub(from)),
        _ => None.with_context(|| format!("{step:?} is missing in {switch:?}")),
    }
}
