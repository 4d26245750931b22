//! How a switch grows with the fleet: simulated gateways in this process, each on a stream and a
//! connection of its own to a real catalog.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use proto::catalog::v1::{Switch, SwitchState};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    Options,
    figures::{Growth, Times},
    ours::{Shop, began, between},
    simulated::{self, Sight},
};
use crate::world::World;

/// How long a fleet may take to assemble, or to see a switch through.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures the fleets, each made of the one before and further gateways.
pub(super) async fn measure(
    options: &Options,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Growth>> {
    let world = World::start(options.database, 0).await?;
    match grow(&world, options, tell).await {
        Ok(growth) => Ok(growth),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn grow(
    world: &World,
    options: &Options,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Growth>> {
    let mut shop = Shop::open(world.api.clone()).await?;
    let catalog = world.places()?.catalog;
    let (sender, mut sights) = mpsc::unbounded_channel();
    let mut fleet = JoinSet::new();
    let mut growth = Vec::new();
    let mut present = 0;
    for &size in &options.fleet_sizes {
        tell(&format!("{size} simulated gateways"));
        for number in present..size {
            fleet.spawn(simulated::follow(catalog.clone(), number, sender.clone()));
        }
        assembled(&mut sights, size - present).await?;
        present = size;
        let mut switches = Vec::new();
        for _ in 0..options.fleet_switches {
            let switch = shop.flip().await?;
            switches.push(Course::of(&switch, size, &mut sights).await?);
        }
        growth.push(of(size, &switches));
    }
    Ok(growth)
}

async fn assembled(sights: &mut mpsc::UnboundedReceiver<Sight>, count: u32) -> Result<()> {
    let mut synced = 0;
    let end = Instant::now() + PATIENCE;
    while synced < count {
        let sight = timeout_at(end, sights.recv()).await;
        let sight = sight.with_context(|| format!("only {synced} of {count} gateways follow"))?;
        match sight.context("a sender of ours is left")? {
            Sight::Synced => synced += 1,
            Sight::Ended(why) => simulated::broken(&why)?,
            Sight::Held(..) | Sight::Told(..) => {}
        }
    }
    Ok(())
}

/// One switch as its gateways saw it.
struct Course {
    hold: Duration,
    everywhere: Duration,
    confirm: Duration,
}

impl Course {
    /// Collects what every gateway saw of a switch that has ended.
    async fn of(
        switch: &Switch,
        size: u32,
        sights: &mut mpsc::UnboundedReceiver<Sight>,
    ) -> Result<Self> {
        let (mut held, mut told) = (Vec::new(), Vec::new());
        let end = Instant::now() + PATIENCE;
        while told.len() < size as usize {
            let sight = timeout_at(end, sights.recv()).await;
            let sight = sight.with_context(|| {
                format!("only {} of {size} heard of {}", told.len(), switch.name)
            })?;
            match sight.context("a sender of ours is left")? {
                Sight::Held(name, at) if name == switch.name => held.push(at),
                Sight::Told(name, at) if name == switch.name => told.push(at),
                Sight::Ended(why) => simulated::broken(&why)?,
                Sight::Held(..) | Sight::Told(..) | Sight::Synced => {}
            }
        }
        ensure!(
            held.len() == size as usize,
            "{} of {size} gateways held for {}",
            held.len(),
            switch.name
        );
        let first: Timestamp = *held.iter().min().context("a gateway")?;
        let last: Timestamp = *told.iter().max().context("a gateway")?;
        let confirmed = switch.create_time.and_then(contract::time::read);
        Ok(Self {
            hold: between(first, last),
            everywhere: between(began(switch, SwitchState::ClosingConsent)?, last),
            confirm: between(
                confirmed.context("a switch that was never confirmed")?,
                last,
            ),
        })
    }
}

fn of(size: u32, switches: &[Course]) -> Growth {
    let times = |of: fn(&Course) -> Duration| Times::new(switches.iter().map(of));
    let (hold, everywhere, confirm) = (
        times(|course| course.hold),
        times(|course| course.everywhere),
        times(|course| course.confirm),
    );
    Growth {
        gateways: size,
        switches: switches.len() as u64,
        hold_p50_ms: hold.of_100(50),
        hold_p99_ms: hold.of_100(99),
        everywhere_p50_ms: everywhere.of_100(50),
        everywhere_p99_ms: everywhere.of_100(99),
        confirm_p50_ms: confirm.of_100(50),
        confirm_p99_ms: confirm.of_100(99),
    }
}
