//! What users were answered, over time: what gateways count is added up by second and kept for a
//! while. Nothing waits for it: it is written by a task of its own, at most once a second, in short
//! transactions, and what goes wrong with it leaves a line in the log and a gap.
//!
//! A gateway numbers its reports and sends each until it hears that it is kept, to whichever replica
//! it follows; the number is written with the counts, so none counts twice and a replica that dies
//! loses none. What a gateway had not handed over when its own process died is lost.

mod keep;
mod list;

use std::time::Duration;

use contract::{ApplicationName, GatewayName, Generation, VersionName};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::fleet::Boot;

pub(crate) use keep::{channel, forget, keep};
pub(crate) use list::{Asked, STEPS_MAX, list};

/// The longest that a count may be old when it is heard.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(15 * 60);

/// Where counts are added up: one second of one generation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) application: ApplicationName,
    /// When the second begins.
    pub(crate) second: Timestamp,
    pub(crate) generation: Generation,
}

/// What was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: i64,
    /// What went wrong meanwhile.
    pub(crate) failed: i64,
}

/// What one gateway counted since its last report.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) gateway: GatewayName,
    pub(crate) boot: Boot,
    /// Counts the reports of this start of its process.
    pub(crate) number: u64,
    pub(crate) counts: Vec<(Slot, Tally)>,
    /// Is told the number once it is kept.
    pub(crate) taken: watch::Sender<u64>,
}

/// What was answered in one step in one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    /// When the step begins.
    pub(crate) at: Timestamp,
    pub(crate) generation: Generation,
    pub(crate) version: VersionName,
    pub(crate) tally: Tally,
}

/// Returns since when traffic is kept that is kept for so many hours.
pub(crate) fn kept_since(now: Timestamp, hours: u16) -> Timestamp {
    let kept = SignedDuration::from_hours(hours.into());
    floor(now.saturating_sub(kept).unwrap_or(Timestamp::MIN), 1)
}

/// Counts a time down to a multiple of so many seconds since 1970.
pub(crate) fn floor(time: Timestamp, seconds: i64) -> Timestamp {
    let step = seconds * 1_000_000;
    let micros = time.as_microsecond();
    Timestamp::from_microsecond(micros - micros.rem_euclid(step)).unwrap_or(Timestamp::MIN)
}

impl Tally {
    /// Adds what was counted elsewhere.
    fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failed = self.failed.saturating_add(other.failed);
    }
}
