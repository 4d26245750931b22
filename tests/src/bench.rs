//! The benchmark of the switch: three gateways of Switchover beside three of nginx and three of
//! HAProxy, in turns within one run, with the same clients, the same versions behind them and the
//! same checker of what the clients saw; and how a switch grows with the fleet.

mod contender;
mod figures;
mod growth;
mod haproxy;
mod instance;
mod nginx;
mod ours;
mod simulated;
mod versions;

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

pub use self::figures::{Figures, Growth, Side};
pub(crate) use self::ours::{began, between};
use self::{contender::Contender, figures::Seen, haproxy::HaProxy, nginx::Nginx, ours::Switchover};
use crate::{load::Load, world::Database};

/// Gateways of Switchover, and instances of each peer.
const INSTANCES: usize = 3;
/// Tenants whose users send requests.
const TENANTS: [&str; 3] = ["anna", "bert", "cleo"];

/// Who is measured beside Switchover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peers {
    /// Nobody.
    None,
    /// nginx and HAProxy, which must be installed.
    All,
}

/// How large the benchmark is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which database the services use.
    pub database: Database,
    /// Switches of each contender.
    pub switches: u32,
    /// Requests that each contender is sent, at least.
    pub requests: u64,
    /// Requests a second.
    pub rate: u32,
    /// Clients that send them.
    pub clients: u32,
    /// Turns that each contender gets, one after the other.
    pub rounds: u32,
    /// Who is measured beside Switchover.
    pub peers: Peers,
    /// Fleets of simulated gateways whose growth is measured, smallest first.
    pub fleet_sizes: Vec<u32>,
    /// Switches of each such fleet.
    pub fleet_switches: u32,
}

impl Options {
    /// Returns what keeps them from being measured, if anything does.
    fn refusal(&self) -> Option<&'static str> {
        let counts = [self.switches, self.rate, self.clients, self.rounds];
        if counts.contains(&0) {
            Some("switches, rate, clients and rounds must be at least 1")
        } else if self.rounds > self.switches {
            Some("a round needs a switch: there are more rounds than switches")
        } else if !self.fleet_sizes.is_sorted() || self.fleet_sizes.contains(&0) {
            Some("fleets grow: give their sizes in order, each at least 1")
        } else {
            None
        }
    }
}

/// Measures; `tell` gets one line a step.
///
/// # Errors
/// When something does not come up or a switch does not succeed. Failed and contradicting requests
/// are no error here: they are in the figures.
pub async fn measure(options: &Options, tell: &(dyn Fn(&str) + Sync)) -> Result<Figures> {
    if let Some(refusal) = options.refusal() {
        anyhow::bail!("{refusal}");
    }
    let mut contenders: Vec<Box<dyn Contender>> =
        vec![Box::new(Switchover::start(options.database).await?)];
    if options.peers == Peers::All {
        contenders.push(Box::new(Nginx::start().await?));
        contenders.push(Box::new(HaProxy::start().await?));
    }
    let mut sides = vec![Seen::default(); contenders.len()];
    for round in 0..options.rounds {
        for (contender, seen) in contenders.iter_mut().zip(&mut sides) {
            tell(&format!(
                "round {} of {}: {}",
                round + 1,
                options.rounds,
                contender.name()
            ));
            play(&mut **contender, options, round, seen).await?;
        }
    }
    let mut figures = Figures::default();
    for (contender, seen) in contenders.iter().zip(sides) {
        figures.add(contender.name(), seen);
    }
    // Nobody else is to use the machine while fleets grow.
    drop(contenders);
    if !options.fleet_sizes.is_empty() {
        figures.growth = Box::pin(growth::measure(options, tell)).await?;
    }
    Ok(figures)
}

/// Lets one contender switch its part of the switches while clients send its part of the requests.
async fn play(
    contender: &mut dyn Contender,
    options: &Options,
    round: u32,
    seen: &mut Seen,
) -> Result<()> {
    let switches = part(u64::from(options.switches), options.rounds, round);
    let requests = part(options.requests, options.rounds, round);
    let time = Duration::from_secs_f64(requests as f64 / f64::from(options.rate));
    let pace = (time / u32::try_from(switches)?).max(Duration::from_millis(1));

    let (doors, users) = (contender.doors(), contender.users());
    let load = Load::start(&doors, &users, options.clients, options.rate);
    // Each client may be one request short of its share when the load ends.
    let end = Instant::now() + time + Duration::from_secs(1) * options.clients / options.rate;
    let mut due = interval_at(Instant::now() + pace / 2, pace);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..switches {
        due.tick().await;
        seen.flipped(contender.flip().await?);
    }
    let mut over = interval_at(end, pace);
    over.tick().await;
    let record = load.finish().await;
    ensure!(
        record.cut_by_kill() == 0,
        "nobody kills anything in a benchmark"
    );
    seen.answered(&record);
    Ok(())
}

/// Returns how much of `whole` belongs to one of `rounds` rounds, such that all add up.
fn part(whole: u64, rounds: u32, round: u32) -> u64 {
    let (rounds, round) = (u64::from(rounds), u64::from(round));
    whole * (round + 1) / rounds - whole * round / rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_all_rounds_are_the_whole() {
        for (whole, rounds) in [(500, 10), (7, 3), (1_000_003, 10), (1, 1)] {
            let parts: u64 = (0..rounds).map(|round| part(whole, rounds, round)).sum();
            assert_eq!(parts, whole);
        }
    }
}
