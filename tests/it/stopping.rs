//! All of the catalog stops in the middle of a switch: nobody notices, and once it is back the switch
//! ends.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use proto::catalog::v1::{GatewayAnswer, Switch, SwitchPolicy, SwitchState};
use runtime::Clock;
use tests::{
    api::Confirm,
    http_client::{Answer, get},
    load::Load,
    shop,
    until::until,
    wire::Condition,
    world::{Database, Part, Plan, World},
};
use tokio::{sync::oneshot, time::timeout};

/// How late everything arrives between gateways and catalog, so that each step lasts long enough to
/// be met.
const LATE: Duration = Duration::from_millis(600);
/// Longer than from the first step of gateways to the last one, also on a busy machine.
const SLOW: Duration = Duration::from_secs(25);
/// No request is cut while the catalog is away.
const DRAIN: Duration = Duration::from_secs(90);
/// No switch is given up because the catalog was away.
const PATIENT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_ends_though_every_catalog_stops_in_each_of_its_steps() -> Result<()> {
    let plan = Plan {
        catalogs: 2,
        wires: true,
        ..Plan::new(Database::Postgres, 2)
    };
    let mut world = World::start_as(plan).await?;
    match each_step(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn each_step(world: &mut World) -> Result<()> {
    prepare(world, &["anna", "bert"]).await?;
    let wires = world.wires()?;
    for gateway in 0..2 {
        wires.set_gateway(gateway, Condition::slow(LATE, 10_000_000));
    }
    let users = shop::users(world, &["anna", "bert"]);
    let load = Load::start(&world.doors(), &users, 8, 80);
    let mut versions = ["2.0", "1.0"].into_iter().cycle();
    for step in [
        SwitchState::Provisioning,
        SwitchState::Preparing,
        SwitchState::ClosingConsent,
        SwitchState::Holding,
        SwitchState::Releasing,
        SwitchState::Draining,
    ] {
        let to = versions.next().context("versions without end")?;
        stopped_in(world, step, to)
            .await
            .with_context(|| format!("stopped in {step:?}"))?;
    }
    let record = load.finish().await;
    let faults: Vec<String> = record.faults().collect();
    ensure!(faults.is_empty(), "{faults:?}");
    ensure!(record.contradictions(&[]) == 0);
    Ok(())
}

async fn stopped_in(world: &mut World, step: SwitchState, to: &str) -> Result<()> {
    let api = world.api.clone();
    // Steps that provisioning takes last for as long as it does not answer.
    if step == SwitchState::Provisioning {
        world.pause(Part::Provisioning).await?;
    }
    // One that is under way when the version changes: else there is nothing to drain.
    let (begin, begins) = oneshot::channel();
    let door = world.doors().into_iter().next().context("a gateway")?;
    let host = world.user_host("anna", "shop");
    let slow = async move {
        if begins.await.is_ok() {
            let url = format!("http://{}/api/slow?ms={}", door.address, SLOW.as_millis());
            let fields = [("host", &*host), ("accept", "application/json")];
            let answer = get(&url, &fields).await?;
            ensure!(answer.status == StatusCode::OK, "{answer:?}");
        }
        Ok(())
    };
    let stopping = async {
        let switch = api.confirm(Confirm::Reactivate, "shop", to).await?;
        if step == SwitchState::ClosingConsent {
            seen_in(world, &switch, SwitchState::Preparing).await?;
            world.pause(Part::Provisioning).await?;
        }
        if step == SwitchState::Draining {
            seen_in(world, &switch, SwitchState::Preparing).await?;
            begin.send(()).ok().context("somebody who sends it")?;
        } else {
            drop(begin);
        }
        seen_in(world, &switch, step).await?;
        for part in [Part::Catalog, Part::Replica(1)] {
            world.kill(part).await?;
        }
        let stopped = Clock::real().now();
        if matches!(
            step,
            SwitchState::Provisioning | SwitchState::ClosingConsent
        ) {
            world.go_on(Part::Provisioning).await?;
        }
        for part in [Part::Catalog, Part::Replica(1)] {
            world.relaunch(part)?;
        }
        let ended = api.ended(&switch.name).await?;
        ensure!(ended.state() == SwitchState::Succeeded, "{ended:?}");
        let next = ended
            .steps
            .iter()
            .skip_while(|entered| entered.state() != step)
            .nth(1)
            .and_then(|next| next.start_time)
            .context("a step after the one it was stopped in")?;
        ensure!(
            (next.seconds, next.nanos) >= (stopped.as_second(), stopped.subsec_nanosecond()),
            "the step was over before the stop at {stopped}: {ended:?}"
        );
        Ok(())
    };
    tokio::try_join!(slow, stopping)?;
    for part in [Part::Catalog, Part::Replica(1)] {
        world.ready(part).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_gateway_that_restarts_with_no_catalog_does_not_serve_the_old_version() -> Result<()>
{
    let plan = Plan {
        wires: true,
        ..Plan::new(Database::Sqlite, 2)
    };
    let mut world = World::start_as(plan).await?;
    match held(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn held(world: &mut World) -> Result<()> {
    prepare(world, &["anna"]).await?;
    let (api, wires) = (world.api.clone(), world.wires()?);
    // The hold lasts for as long as one gateway is not heard to hold.
    wires.set_gateway(1, Condition::slow(LATE * 5, 10_000_000));
    let switch = api.confirm(Confirm::Reactivate, "shop", "2.0").await?;
    let holds = |switch: &Switch| {
        let first = switch
            .gateways
            .iter()
            .find(|gateway| gateway.gateway == "gateways/gateway-0");
        switch.state() == SwitchState::Holding
            && first.is_some_and(|first| first.answer() == GatewayAnswer::Held)
    };
    until(
        "the first gateway to hold",
        || api.switch(&switch.name),
        holds,
    )
    .await?;
    world.kill(Part::Catalog).await?;
    world.kill(Part::Gateway(0)).await?;
    world.relaunch(Part::Gateway(0))?;

    // It listens, and answers nobody from the old version: 503, or not as long as we wait.
    let listens = || async {
        let door = world.doors().into_iter().next().context("a gateway")?;
        Ok(tokio::net::TcpStream::connect(door.address)
            .await
            .map(drop)?)
    };
    until("the gateway to listen", listens, |()| true).await?;
    for _ in 0..3 {
        match timeout(Duration::from_secs(1), ask(world)).await {
            Err(_) => {}
            Ok(answer) => {
                let answer = answer?;
                ensure!(
                    answer.status == StatusCode::SERVICE_UNAVAILABLE
                        && !answer.header("retry-after").is_empty(),
                    "{answer:?}"
                );
            }
        }
    }

    world.relaunch(Part::Catalog)?;
    wires.set_gateway(1, Condition::default());
    let ended = api.ended(&switch.name).await?;
    ensure!(ended.state() == SwitchState::Succeeded, "{ended:?}");
    let served = until(
        "the gateway to serve",
        || ask(world),
        |answer| answer.status == StatusCode::OK,
    )
    .await?;
    ensure!(served.header("switchover-version") == "2.0", "{served:?}");
    Ok(())
}

/// Both versions have been active, 1.0 is, and switches are patient.
async fn prepare(world: &mut World, tenants: &[&str]) -> Result<()> {
    let api = world.api.clone();
    shop::open(world, tenants).await?;
    let policy = SwitchPolicy {
        prepare_timeout: Some(PATIENT.try_into()?),
        hold_timeout: Some(PATIENT.try_into()?),
        drain_timeout: Some(DRAIN.try_into()?),
        ..Default::default()
    };
    api.set_policy("shop", policy).await?;
    api.register_to_test("shop", "2.0").await?;
    api.switch_to(Confirm::Update, "shop", "2.0").await?;
    api.switch_to(Confirm::Reactivate, "shop", "1.0").await?;
    Ok(())
}

async fn seen_in(world: &World, switch: &Switch, step: SwitchState) -> Result<()> {
    let look = || world.api.switch(&switch.name);
    let seen = until("the step", look, |switch| switch.state() >= step).await?;
    ensure!(seen.state() == step, "came too late: {seen:?}");
    Ok(())
}

async fn ask(world: &World) -> Result<Answer> {
    let door = world.doors().into_iter().next().context("a gateway")?;
    let url = format!("http://{}/api/whoami", door.address);
    let host = world.user_host("anna", "shop");
    get(&url, &[("host", &*host), ("accept", "application/json")]).await
}
