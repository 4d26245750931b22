//! What goes wrong, and when: drawn from the seed, at a time or right after something was said.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use turmoil::Sim;

use super::{
    hosts::{CATALOGS, Site},
    network::Turmoil,
    trace::Trace,
};

/// One thing that goes wrong, and is mended after a while.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    /// A host loses power, and starts again.
    Crash(String),
    /// A gateway loses power, starts again at once, and reaches no catalog for a while.
    CrashCutOff(String),
    /// A gateway stays away while switches go on, starts again, and reaches no catalog for a while.
    Away(String),
    /// A gateway that was away runs again, still cut off.
    BackCutOff(String),
    /// All catalogs lose power at once.
    Blackout,
    /// All catalogs stay away for longer than a request is held.
    Outage,
    /// Nothing passes between a gateway and any catalog.
    CutOff(String),
    /// Nothing passes between two hosts; what is under way is lost.
    Partition(String, String),
    /// Nothing passes in one direction.
    OneWay(String, String),
    /// What passes between two hosts waits, and arrives all at once.
    Stall(String, String),
    /// A host's wall clock jumps by seconds.
    Clock(String, i64),
    /// Every disk is slow.
    SlowDisks,
    /// Messages take up to so many milliseconds.
    SlowNetwork(u64),
}

/// When.
#[derive(Debug, Clone, Copy)]
enum When {
    /// So many milliseconds after the one before.
    After(u64),
    /// When one of the services has next said this, and so many milliseconds later.
    Said(&'static str, u64),
}

/// Sentences of the services right after which a fault hurts most.
const MOMENTS: [&str; 6] = [
    "report=Ready",
    "to=preparing",
    "a tenant has denied",
    "report=Held",
    "another version is active",
    "a switch goes on",
];

/// How long the long outage is, in milliseconds.
const OUTAGE: u64 = 19_000;

/// What goes wrong in one seed.
pub(super) struct Faults {
    site: Arc<Site>,
    network: Arc<Turmoil>,
    chance: StdRng,
    gateways: Vec<String>,
    next: Option<(When, Fault)>,
    /// Since when the next one is waited for, and how much had been said then.
    since: (u64, usize),
    /// What is to be mended, and when.
    mends: Vec<(u64, Fault)>,
    /// Whether the long outage is still to come.
    outage: bool,
    pub(super) done: u64,
}

impl Faults {
    pub(super) fn new(site: Arc<Site>, network: Arc<Turmoil>, gateways: Vec<String>) -> Self {
        let chance = StdRng::seed_from_u64(site.seed ^ 0xfa17);
        let outage = site.world.long_outage;
        Self {
            site,
            network,
            chance,
            gateways,
            next: None,
            since: (0, 0),
            mends: Vec::new(),
            outage,
            done: 0,
        }
    }

    /// Lets go wrong what is due, and mends what is.
    pub(super) fn step(&mut self, sim: &mut Sim<'_>, trace: &Trace) {
        let now = trace.now();
        let (due, left): (Vec<_>, Vec<_>) = self.mends.drain(..).partition(|(at, _)| *at <= now);
        self.mends = left;
        for (_, fault) in due {
            self.mend(sim, trace, &fault, true);
        }
        let Some((when, fault)) = self.next.take() else {
            self.since = (now, trace.entries().len());
            let next = if std::mem::take(&mut self.outage) {
                (When::Said("report=Held", 0), Fault::Outage)
            } else if self.site.world.crashes && self.chance.random_bool(0.5) {
                let gateway =
                    self.gateways[self.chance.random_range(0..self.gateways.len())].clone();
                (When::Said("report=Held", 0), Fault::CrashCutOff(gateway))
            } else {
                (self.draw_when(), self.draw_fault())
            };
            self.next = Some(next);
            return;
        };
        let due = match when {
            When::After(millis) => now >= self.since.0 + millis,
            When::Said(what, millis) => {
                let entries = trace.entries();
                let said = entries[self.since.1..]
                    .iter()
                    .find(|entry| entry.to_string().contains(what));
                // Should nobody say it, the fault comes all the same.
                said.is_some_and(|entry| now >= entry.at + millis) || now >= self.since.0 + 4_000
            }
        };
        if due {
            self.inject(sim, trace, fault);
        } else {
            self.next = Some((when, fault));
        }
    }

    /// Mends everything.
    pub(super) fn heal(&mut self, sim: &mut Sim<'_>, trace: &Trace) {
        self.site.heal();
        for (_, fault) in std::mem::take(&mut self.mends) {
            self.mend(sim, trace, &fault, false);
        }
    }

    fn draw_when(&mut self) -> When {
        if self.chance.random_bool(0.5) {
            let moment = MOMENTS[self.chance.random_range(0..MOMENTS.len())];
            When::Said(moment, self.chance.random_range(0..12))
        } else {
            When::After(self.chance.random_range(50..2_500))
        }
    }

    fn draw_fault(&mut self) -> Fault {
        let gateway = self.gateways[self.chance.random_range(0..self.gateways.len())].clone();
        let catalog = CATALOGS[self.chance.random_range(0..CATALOGS.len())].to_owned();
        let other = if self.chance.random_bool(0.7) {
            catalog.clone()
        } else {
            "provisioning".to_owned()
        };
        let hosts = [gateway.clone(), catalog.clone(), "provisioning".to_owned()];
        let any = hosts[self.chance.random_range(0..hosts.len())].clone();
        if self.site.world.evicts && self.chance.random_bool(0.4) {
            return Fault::CutOff(gateway);
        }
        // What the world is about goes wrong more often than the rest.
        if self.site.world.fenced && self.chance.random_bool(0.4) {
            return if self.chance.random_bool(0.6) {
                Fault::CutOff(gateway)
            } else {
                Fault::Away(gateway)
            };
        }
        if self.site.world.late_grants && self.chance.random_bool(0.4) {
            return Fault::Stall(gateway, "provisioning".to_owned());
        }
        match self.chance.random_range(0..17) {
            0 | 1 => Fault::Crash(any),
            2 => Fault::Crash(gateway),
            3 => Fault::CrashCutOff(gateway),
            4 => Fault::Blackout,
            5 => Fault::Partition(gateway, other),
            6 => Fault::Partition(catalog, "provisioning".to_owned()),
            7 => {
                if self.chance.random_bool(0.5) {
                    Fault::OneWay(gateway, other)
                } else {
                    Fault::OneWay(other, gateway)
                }
            }
            8 => Fault::Stall(gateway, other),
            9 if self.site.world.jumps => Fault::Clock(any, self.chance.random_range(-7200..7200)),
            9 | 10 => Fault::SlowDisks,
            11 | 12 => Fault::CutOff(gateway),
            13 => Fault::Away(gateway),
            14 | 15 => Fault::Stall(gateway, "provisioning".to_owned()),
            _ => Fault::SlowNetwork(self.chance.random_range(20..150)),
        }
    }

    fn inject(&mut self, sim: &mut Sim<'_>, trace: &Trace, fault: Fault) {
        // One trouble at a time between the same two hosts: mending one would mend both.
        if self.mends.iter().any(|(_, other)| clash(other, &fault)) {
            return;
        }
        trace.note("fault", format!("{fault:?}"));
        self.done += 1;
        let longest = match &fault {
            Fault::Crash(host) => {
                sim.crash(host.as_str());
                2_500
            }
            Fault::CrashCutOff(gateway) => {
                sim.crash(gateway.as_str());
                for catalog in CATALOGS {
                    sim.partition(gateway.as_str(), catalog);
                }
                sim.bounce(gateway.as_str());
                4_000
            }
            Fault::Away(gateway) => {
                sim.crash(gateway.as_str());
                12_000
            }
            Fault::BackCutOff(gateway) | Fault::CutOff(gateway) => {
                for catalog in CATALOGS {
                    sim.partition(gateway.as_str(), catalog);
                }
                if matches!(fault, Fault::BackCutOff(_)) {
                    sim.bounce(gateway.as_str());
                }
                10_000
            }
            Fault::Blackout => {
                CATALOGS.iter().for_each(|catalog| sim.crash(*catalog));
                3_000
            }
            Fault::Outage => {
                CATALOGS.iter().for_each(|catalog| sim.crash(*catalog));
                self.mends.push((trace.now() + OUTAGE, fault));
                return;
            }
            Fault::Partition(a, b) => {
                sim.partition(a.as_str(), b.as_str());
                6_000
            }
            Fault::OneWay(from, to) => {
                sim.partition_oneway(from.as_str(), to.as_str());
                6_000
            }
            Fault::Stall(a, b) => {
                sim.hold(a.as_str(), b.as_str());
                9_000
            }
            Fault::Clock(host, seconds) => {
                self.site
                    .step_clock(host, SignedDuration::from_secs(*seconds));
                return;
            }
            Fault::SlowDisks => {
                self.network.slow_disks(true);
                3_000
            }
            Fault::SlowNetwork(millis) => {
                sim.set_max_message_latency(Duration::from_millis(*millis));
                4_000
            }
        };
        let shortest = match &fault {
            Fault::CutOff(_) | Fault::Away(_)
                if self.site.world.fenced || self.site.world.evicts =>
            {
                longest / 2
            }
            Fault::Stall(..) if self.site.world.late_grants => longest / 4,
            _ => 20,
        };
        let mended = trace.now() + self.chance.random_range(shortest..longest);
        self.mends.push((mended, fault));
    }

    /// Tells whether something is between a gateway and the catalogs.
    fn cut_off(&self, gateway: &str) -> bool {
        let fault = Fault::CutOff(gateway.to_owned());
        self.mends.iter().any(|(_, other)| clash(other, &fault))
    }

    /// Mends one thing; what was away may come back to another trouble if things go on going wrong.
    fn mend(&mut self, sim: &mut Sim<'_>, trace: &Trace, fault: &Fault, again: bool) {
        trace.note("mended", format!("{fault:?}"));
        match fault {
            Fault::Crash(host) => sim.bounce(host.as_str()),
            Fault::Away(gateway) => {
                if again && !self.cut_off(gateway) {
                    return self.inject(sim, trace, Fault::BackCutOff(gateway.clone()));
                }
                sim.bounce(gateway.as_str());
            }
            Fault::CrashCutOff(gateway) | Fault::BackCutOff(gateway) | Fault::CutOff(gateway) => {
                for catalog in CATALOGS {
                    sim.repair(gateway.as_str(), catalog);
                }
            }
            Fault::Blackout | Fault::Outage => {
                CATALOGS.iter().for_each(|catalog| sim.bounce(*catalog));
            }
            Fault::Partition(a, b) => sim.repair(a.as_str(), b.as_str()),
            Fault::OneWay(from, to) => sim.repair_oneway(from.as_str(), to.as_str()),
            Fault::Stall(a, b) => sim.release(a.as_str(), b.as_str()),
            Fault::Clock(..) => {}
            Fault::SlowDisks => self.network.slow_disks(false),
            Fault::SlowNetwork(_) => sim.set_max_message_latency(super::LATENCY_MAX),
        }
    }
}

/// Tells whether two faults touch the same host's life or the same link.
fn clash(one: &Fault, other: &Fault) -> bool {
    let lives = |fault: &Fault| -> Vec<String> {
        match fault {
            Fault::Crash(host)
            | Fault::CrashCutOff(host)
            | Fault::Away(host)
            | Fault::BackCutOff(host) => vec![host.clone()],
            Fault::Blackout | Fault::Outage => CATALOGS.map(str::to_owned).into(),
            Fault::CutOff(_)
            | Fault::Partition(..)
            | Fault::OneWay(..)
            | Fault::Stall(..)
            | Fault::Clock(..)
            | Fault::SlowDisks
            | Fault::SlowNetwork(_) => Vec::new(),
        }
    };
    let links = |fault: &Fault| -> Vec<[String; 2]> {
        let sorted = |a: &str, b: &str| {
            let mut link = [a.to_owned(), b.to_owned()];
            link.sort();
            link
        };
        match fault {
            Fault::Partition(a, b) | Fault::OneWay(a, b) | Fault::Stall(a, b) => {
                vec![sorted(a, b)]
            }
            Fault::CrashCutOff(gateway) | Fault::BackCutOff(gateway) | Fault::CutOff(gateway) => {
                CATALOGS.map(|it| sorted(gateway, it)).into()
            }
            Fault::Crash(_)
            | Fault::Away(_)
            | Fault::Blackout
            | Fault::Outage
            | Fault::Clock(..)
            | Fault::SlowDisks
            | Fault::SlowNetwork(_) => Vec::new(),
        }
    };
    let common = |one: Vec<String>, other: Vec<String>| one.iter().any(|it| other.contains(it));
    let shared = links(one).iter().any(|it| links(other).contains(it));
    let alike = std::mem::discriminant(one) == std::mem::discriminant(other)
        && matches!(one, Fault::SlowDisks | Fault::SlowNetwork(_));
    common(lives(one), lives(other)) || shared || alike
}
