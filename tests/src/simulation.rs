//! The real catalog (two replicas on one database), provisioning and gateways on one thread, with a
//! simulated network, simulated time and simulated disks, from a seed. While the operator switches
//! back and forth and users send requests, things go wrong; then all is mended, and what was
//! promised is checked.
//!
//! The same seed gives the same run, if no other one runs beside it in the process. What is real: all code of the services, SQL and SQLite
//! included, gRPC and HTTP over the simulated sockets. What is not: notification, which nobody
//! reaches; the threads of the database, whose transactions happen at one instant each; `fsync`,
//! which is as good as the folder that is used.

mod check;
mod faults;
mod guest;
mod hosts;
mod network;
mod operator;
mod relay;
mod trace;
mod users;
mod world;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use runtime::fault::{Plant, plant};
use store::lockstep::Heard;
use tokio::sync::watch;
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};
use turmoil::Sim;

use faults::Faults;
use hosts::{CATALOGS, Site, forever};
use network::Turmoil;
use operator::{Deeds, Stage};
use trace::Trace;
use users::Record;
use world::World;

/// One step of the simulation.
const TICK: Duration = Duration::from_millis(5);
/// The longest that a message takes unless the network is slow.
const LATENCY_MAX: Duration = Duration::from_millis(12);
/// The longest that a gateway stays away that started again while nobody noticed that it had ended.
const BACK_MAX: Duration = Duration::from_secs(25);
/// How often the promises are compared with what has happened so far.
const LOOK: Duration = Duration::from_secs(1);
/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(12);
/// How long setting up may take, and how long the last switches may take once all is mended: the
/// longest that a lost connection goes unnoticed, a release is waited for, and a drain.
const SET_UP_MAX: Duration = Duration::from_secs(20);
const HEALING_MAX: Duration = Duration::from_secs(150);

/// The bugs that seeds find when they are planted, each with one that does. Others need what is not
/// simulated: a restored backup, two transactions at once, the links of mails.
pub const FOUND: [(Plant, u64); 12] = [
    (Plant::QuorumInsteadOfAll, 1),
    (Plant::AckBeforeFlip, 2),
    (Plant::HoldNotPersisted, 6),
    (Plant::StaleStateApplied, 9),
    (Plant::AckNotBoundToRev, 9),
    (Plant::LeaseFlagNotClock, 5),
    (Plant::FenceWithoutWait, 2),
    (Plant::BootBeforeSyncFenced, 2),
    (Plant::HoldTimeoutFallsBack, 36),
    (Plant::RouteCachedPerConnection, 1),
    (Plant::EvictLive, 4),
    (Plant::DenyAnsweredWhenRecorded, 7),
];

/// Plants a bug and runs seeds, from `from` on and `most` of them, until one goes wrong; takes the
/// bug out again. Returns the first that did. Must not run beside other seeds in this process.
///
/// # Errors
/// When there is no folder to run in.
pub fn find(bug: Plant, from: u64, most: u64) -> Result<Option<Outcome>> {
    plant(Some(bug));
    let found = (from..from + most)
        .map(run)
        .find(|outcome| outcome.as_ref().map_or(true, |it| !it.wrong.is_empty()));
    plant(None);
    found.transpose()
}

/// What came of one seed.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The same for the same run.
    pub hash: u64,
    /// What should not have been; empty when all was kept.
    pub wrong: Vec<String>,
    /// Switches that were committed, the first one left out.
    pub committed: u64,
    /// Switches that were given up.
    pub given_up: u64,
    /// Things that went wrong.
    pub faults: u64,
    /// Requests of users that a version answered.
    pub requests: u64,
    /// Other answers and broken connections.
    pub failed: u64,
    /// Things that the services said.
    pub events: u64,
    /// What was said, in order.
    pub story: Vec<String>,
}

/// Runs one seed. Must not run inside another runtime; the run is the same as another of the same
/// seed if no other one runs beside it in this process.
///
/// # Errors
/// When there is no folder to run in.
pub fn run(seed: u64) -> Result<Outcome> {
    // Promises are about what is written, not about how long that takes: memory will do.
    let memory = Path::new("/dev/shm");
    let mut folder = tempfile::Builder::new();
    folder.prefix("switchover-simulation-");
    let folder = if memory.is_dir() {
        folder.tempdir_in(memory)
    } else {
        folder.tempdir()
    };
    let folder = folder.context("a folder for the simulation")?;
    same_beginning();
    let trace = Trace::default();
    let logged = tracing_subscriber::registry()
        .with(trace.clone())
        .set_default();
    let network = Arc::new(Turmoil::new(seed));
    let simulated = runtime::simulation::enter(network.clone(), seed);
    // In every fifth seed the replicas wake each other never, and look by themselves only: something
    // that goes wrong, as gateways may then be too late to get ready.
    let in_step = store::lockstep::enter(if seed.is_multiple_of(5) && !World::is_calm(seed) {
        Heard::Own
    } else {
        Heard::Everybodys
    });
    let outcome = Run::new(seed, folder.path(), trace, network).finish();
    drop((in_step, simulated, logged));
    Ok(outcome)
}

/// When a host crashes, the runtime drops its tasks by their numbers, which count on through the
/// whole process and are dealt out to lists: this begins with the first list again.
fn same_beginning() {
    /// A multiple of the lists of a runtime with one thread.
    const LISTS: u64 = 64;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without drivers");
    runtime.block_on(async {
        let mut set = tokio::task::JoinSet::new();
        loop {
            let number = set.spawn(async {}).id().to_string();
            if number
                .parse::<u64>()
                .unwrap_or_default()
                .is_multiple_of(LISTS)
            {
                break;
            }
        }
    });
}

struct Run<'a> {
    seed: u64,
    world: World,
    sim: Sim<'a>,
    trace: Trace,
    faults: Faults,
    gateways: Vec<String>,
    record: Record,
    stage: watch::Sender<Stage>,
    deeds: watch::Sender<Deeds>,
    wrong: Vec<String>,
}

impl Run<'_> {
    fn new(seed: u64, folder: &Path, trace: Trace, network: Arc<Turmoil>) -> Self {
        let mut sim = turmoil::Builder::new()
            .rng_seed(seed)
            .tick_duration(TICK)
            .simulation_duration(Duration::from_secs(3600))
            .min_message_latency(Duration::ZERO)
            .max_message_latency(LATENCY_MAX)
            .tcp_capacity(1024)
            .build();
        let gateways: Vec<String> = (1..=2 + seed % 2)
            .map(|it| format!("gateway-{it}"))
            .collect();
        let names = CATALOGS
            .iter()
            .chain(&["provisioning", "people", "versions"])
            .map(ToString::to_string)
            .chain(gateways.clone());
        let addresses: BTreeMap<_, _> =
            names.map(|name| (name.clone(), sim.lookup(name))).collect();
        let site = Arc::new(Site::new(seed, folder.to_owned(), addresses));
        let world = site.world;
        let record = Record::default();
        let (stage, deeds) = (
            watch::Sender::new(Stage::SettingUp),
            watch::Sender::new(Deeds::default()),
        );
        sim.host("versions", || forever(hosts::versions()));
        for catalog in CATALOGS {
            let site = site.clone();
            sim.host(catalog, move || {
                forever(hosts::catalog(site.clone(), catalog))
            });
        }
        {
            let site = site.clone();
            sim.host("provisioning", move || {
                forever(hosts::provisioning(site.clone()))
            });
        }
        for gateway in &gateways {
            let (site, name) = (site.clone(), gateway.clone());
            sim.host(gateway.as_str(), move || {
                forever(hosts::gateway(site.clone(), name.clone()))
            });
        }
        {
            let (site, fleet, record) = (site.clone(), gateways.clone(), record.clone());
            let trace = trace.clone();
            let (stage, deeds) = (stage.clone(), deeds.clone());
            sim.host("people", move || {
                let told = stage.subscribe();
                let users = users::run(site.clone(), fleet.clone(), record.clone(), told);
                let operator =
                    operator::run(site.clone(), fleet.len(), stage.clone(), deeds.clone());
                let told = stage.subscribe();
                let guest = guest::run(site.clone(), record.clone(), trace.clone(), told);
                forever(async {
                    futures::try_join!(users, guest, operator).map(|(never, ..)| never)
                })
            });
        }
        let faults = Faults::new(site, network, gateways.clone());
        Self {
            seed,
            world,
            sim,
            trace,
            faults,
            gateways,
            record,
            stage,
            deeds,
            wrong: Vec::new(),
        }
    }

    fn finish(mut self) -> Outcome {
        if self.until("the shop to be set up", SET_UP_MAX, Stage::Switching) {
            let long = self.world.long_outage || self.world.fenced;
            let trouble = if long { TROUBLE * 2 } else { TROUBLE };
            let end = self.trace.now() + millis(trouble);
            while self.wrong.is_empty() && self.trace.now() < end {
                // Every eighth seed is calm: nothing goes wrong, and so no request fails.
                if !self.world.calm {
                    self.faults.step(&mut self.sim, &self.trace);
                }
                self.tick();
            }
            self.faults.heal(&mut self.sim, &self.trace);
            self.trace.note("simulation", "all is mended".to_owned());
            self.stage.send_replace(Stage::Healed);
            if self.wrong.is_empty() {
                self.until("a switch after all was mended", HEALING_MAX, Stage::Done);
                // Time for what is drained, and for users to see the last generation everywhere: one
                // that the last switch went on without comes back by itself.
                let begun = self.trace.now();
                let (least, longest) = (begun + 2_000, begun + millis(BACK_MAX));
                while self.wrong.is_empty()
                    && (self.trace.now() < least
                        || self.trace.now() < longest
                            && !self.judge(|promises| promises.unserved()).is_empty())
                {
                    (0..20).for_each(|_| self.tick());
                }
            }
        }
        let deeds = *self.deeds.borrow();
        if self.wrong.is_empty() {
            self.wrong = self.judge(|promises| promises.broken_at_last());
        }
        let entries = self.trace.entries();
        let seens = self.record.seens();
        Outcome {
            seed: self.seed,
            hash: Trace::hash(&entries, &seens.served),
            wrong: self.wrong.clone(),
            committed: deeds.committed,
            given_up: deeds.given_up,
            faults: self.faults.done,
            requests: seens.served.len() as u64,
            failed: seens.failed.values().sum(),
            events: entries.len() as u64,
            story: entries.iter().map(ToString::to_string).collect(),
        }
    }

    /// Lets time pass until the operator has got so far.
    fn until(&mut self, what: &str, longest: Duration, stage: Stage) -> bool {
        let end = self.trace.now() + millis(longest);
        while self.wrong.is_empty() {
            if *self.stage.borrow() == stage {
                return true;
            }
            if self.trace.now() >= end {
                self.wrong.push(format!("waited in vain for {what}"));
            }
            self.tick();
        }
        false
    }

    /// Compares what was said and seen with what was promised.
    fn judge(&self, broken: impl FnOnce(&check::Promises<'_>) -> Vec<String>) -> Vec<String> {
        broken(&check::Promises {
            entries: &self.trace.entries(),
            seens: &self.record.seens(),
            gateways: &self.gateways,
            world: self.world,
        })
    }

    fn tick(&mut self) {
        self.trace.set_now(millis(self.sim.elapsed()));
        if self.trace.now().is_multiple_of(millis(LOOK)) && self.wrong.is_empty() {
            self.wrong = self.judge(|promises| promises.broken());
        }
        if let Err(error) = self.sim.step() {
            self.wrong.push(format!("a host failed: {error}"));
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
