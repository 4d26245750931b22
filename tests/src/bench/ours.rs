//! Switchover: three gateways, one catalog, a switch confirmed and waited for.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use proto::catalog::v1::{Switch, SwitchState};

use super::{
    INSTANCES, TENANTS,
    contender::{Contender, Flip, Parts},
    versions::Version,
};
use crate::{
    api::{Api, Confirm},
    load::{Door, Users},
    world::{Database, World},
};

pub(super) const APPLICATION: &str = "shop";
const OLD: &str = "1.0";
const NEW: &str = "2.0";

/// The contender.
pub(super) struct Switchover {
    world: World,
    shop: Shop,
}

/// An application with two versions that is switched back and forth.
pub(super) struct Shop {
    api: Api,
    target: &'static str,
    _versions: [Version; 2],
}

impl Shop {
    /// Registers both versions, lets the tenants in and makes each version the active one once, so
    /// that every later switch is one to a version that has been active.
    pub(super) async fn open(api: Api) -> Result<Self> {
        let versions = [Version::start(OLD).await?, Version::start(NEW).await?];
        api.create_application(APPLICATION, "Shop").await?;
        for (name, version) in [OLD, NEW].into_iter().zip(&versions) {
            let upstream = format!("http://{}", version.address());
            api.create_version(APPLICATION, name, &upstream, &[])
                .await?;
        }
        for tenant in TENANTS {
            api.create_tenant(tenant, &format!("admin@{tenant}.example"))
                .await?;
            api.provision(tenant, APPLICATION, OLD).await?;
        }
        for version in [OLD, NEW] {
            api.register_to_test(APPLICATION, version).await?;
            api.switch_to(Confirm::Update, APPLICATION, version).await?;
        }
        Ok(Self {
            api,
            target: OLD,
            _versions: versions,
        })
    }

    /// Switches to the other version, and waits until the switch has ended.
    pub(super) async fn flip(&mut self) -> Result<Switch> {
        let switch = self
            .api
            .switch_to(Confirm::Reactivate, APPLICATION, self.target)
            .await?;
        self.target = if self.target == OLD { NEW } else { OLD };
        Ok(switch)
    }
}

impl Switchover {
    /// Starts an installation with three gateways.
    pub(super) async fn start(database: Database) -> Result<Self> {
        let world = World::start(database, INSTANCES).await?;
        match Shop::open(world.api.clone()).await {
            Ok(shop) => Ok(Self { world, shop }),
            Err(fault) => Err(world.explain(fault)),
        }
    }
}

impl Contender for Switchover {
    fn name(&self) -> &'static str {
        "switchover"
    }

    fn doors(&self) -> Vec<Door> {
        self.world.doors()
    }

    fn users(&self) -> Vec<Users> {
        (0..)
            .zip(TENANTS)
            .map(|(tenant, id)| Users {
                tenant,
                host: self.world.user_host(id, APPLICATION),
            })
            .collect()
    }

    fn flip(&mut self) -> BoxFuture<'_, Result<Flip>> {
        async move {
            let switch = self
                .shop
                .flip()
                .await
                .map_err(|fault| self.world.explain(fault))?;
            cost(&switch)
        }
        .boxed()
    }
}

/// Reads what a switch cost off the catalog's account of it.
fn cost(switch: &Switch) -> Result<Flip> {
    let confirmed = read(switch.create_time).context("a switch that was never confirmed")?;
    let prepared = began(switch, SwitchState::ClosingConsent)?;
    let holding = began(switch, SwitchState::Holding)?;
    let committed = began(switch, SwitchState::Releasing)?;
    // It begins when the last gateway has released.
    let released = began(switch, SwitchState::Draining)?;
    let holds = switch.gateways.iter().filter_map(|gateway| {
        let longest = gateway.longest_hold.and_then(contract::duration::read);
        longest.filter(|_| gateway.held_requests > 0)
    });
    let held = switch
        .gateways
        .iter()
        .map(|gateway| gateway.held_requests.max(0).unsigned_abs())
        .sum();
    Ok(Flip {
        confirm: between(confirmed, released),
        everywhere: between(prepared, released),
        holds: holds.collect(),
        held,
        parts: Parts {
            closing: between(prepared, holding),
            holding: between(holding, committed),
            releasing: between(committed, released),
        },
    })
}

/// Returns when a switch came into a state.
pub(crate) fn began(switch: &Switch, state: SwitchState) -> Result<Timestamp> {
    let step = switch.steps.iter().find(|step| step.state() == state);
    step.and_then(|step| read(step.start_time))
        .with_context(|| format!("{} was never {state:?}: {:?}", switch.name, switch.steps))
}

fn read(time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    time.and_then(contract::time::read)
}

/// Returns the time from one moment to another; none if the clock was set back meanwhile.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}
