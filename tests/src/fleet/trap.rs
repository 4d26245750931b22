//! Traps: a fleet of real processes is brought, with wires and kills, to the very moment at which one
//! rule of the protocol matters, and clients write down what they saw. With the rule all is well;
//! without it they saw what no correct fleet shows.

mod scene;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use runtime::fault::Plant;
use serde::Serialize;

use self::scene::Scene;
use crate::{
    load::{How, Load, Unserved},
    shop,
    world::{Database, Plan, World},
};

/// Planted bugs that real processes show. The others have no trap: `AnnounceBeforeDurable` is only in
/// the model, and the rest need a restored backup, states that overtake each other, two transactions
/// at one moment, a hold that outlasts every request or a decision of the operator that no client can tell from a right one.
pub const CAUGHT: [Plant; 9] = [
    Plant::QuorumInsteadOfAll,
    Plant::AckBeforeFlip,
    Plant::HoldNotPersisted,
    Plant::LeaseFlagNotClock,
    Plant::FenceWithoutWait,
    Plant::BootBeforeSyncFenced,
    Plant::RouteCachedPerConnection,
    Plant::DenyAnsweredWhenRecorded,
    Plant::HeldWithoutGrants,
];

/// Tenants whose users send requests; the second may deny.
const TENANTS: [&str; 2] = ["anna", "bert"];
const DENIER: u8 = 1;
/// Requests a second, and the clients that send them.
const RATE: u32 = 200;
const CLIENTS: u32 = 24;
/// How often users who come later ask.
const LATER: Duration = Duration::from_millis(20);
/// Contradictions that are shown.
const SHOWN: usize = 3;

/// What clients saw in a trap.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Requests sent.
    pub requests: u64,
    /// Pairs of records that no correct installation can have given.
    pub contradictions: u64,
    /// The first of them.
    pub found: Vec<String>,
    /// Requests that failed though their gateway lived; being told to try later is no failure here,
    /// because every trap keeps a gateway from the others.
    pub failures: Vec<String>,
    /// Generations that answered.
    pub generations: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Seen {
    /// Tells whether a bug showed: a contradiction, nothing less. A trap that broke off shows nothing.
    #[must_use]
    pub fn caught(&self) -> bool {
        self.contradictions > 0
    }

    /// Tells whether all was as it must be without a bug, and enough happened to say so.
    #[must_use]
    pub fn sound(&self) -> bool {
        !self.caught() && self.failures.is_empty() && self.generations > 1
    }
}

/// Brings a fleet to the moment at which the absence of one rule shows: with the bug planted in all
/// processes or, to see that nothing else shows there, without. `None` if there is no such moment for
/// this bug.
///
/// # Errors
/// When the installation does not come to that moment.
pub async fn spring(bug: Plant, planted: bool) -> Result<Option<Seen>> {
    let Some(scene) = Scene::of(bug) else {
        return Ok(None);
    };
    let mut plan = Plan {
        wires: true,
        ..Plan::new(Database::Sqlite, scene.gateways())
    };
    if planted {
        let variable = "SWITCHOVER_PLANT".to_owned();
        plan.environment.push((variable, format!("{bug:?}")));
    }
    let begun = Instant::now();
    let mut world = World::start_as(plan).await?;
    match act(&mut world, scene, begun).await {
        Ok(seen) => Ok(Some(seen)),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn act(world: &mut World, scene: Scene, begun: Instant) -> Result<Seen> {
    shop::open_as(world, &TENANTS, scene.policy()?).await?;
    let users = shop::users(world, &TENANTS);
    let mut load = Load::start(&world.doors(), &users, CLIENTS, RATE);
    let decisions = scene
        .play(world, &mut load)
        .await
        .with_context(|| format!("{scene:?}"))?;
    let record = load.finish().await;
    let verdict = record.history(&decisions).check(SHOWN);
    let failures = record
        .unserved
        .iter()
        .filter(|unserved| matches!(unserved.how, How::Failed(_)))
        .filter_map(Unserved::fault);
    Ok(Seen {
        requests: record.requests(),
        contradictions: verdict.contradictions,
        found: verdict.found.iter().map(ToString::to_string).collect(),
        failures: failures.take(SHOWN).collect(),
        generations: verdict.generations,
        seconds: begun.elapsed().as_secs_f64().round(),
    })
}
