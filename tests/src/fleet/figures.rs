//! What the proof measured.

use std::{collections::BTreeMap, time::Duration};

use history::Verdict;
use proto::catalog::v1::Switch;
use serde::Serialize;

use super::{Options, faults::Counted};
use crate::load::{How, Record};

/// Failures and contradictions that are shown.
const SHOWN: usize = 10;

/// What was learned of the switches.
#[derive(Debug, Default)]
pub(super) struct Notes {
    switches: u64,
    given_up: BTreeMap<String, u64>,
    /// Confirms that were refused because another switch was open, say.
    pub(super) refused: u64,
    held: u64,
    longest_hold: Duration,
}

impl Notes {
    pub(super) fn switched(&mut self, switch: Switch) {
        self.switches += 1;
        for gateway in switch.gateways {
            self.held += u64::try_from(gateway.held_requests).unwrap_or_default();
            let hold = gateway
                .longest_hold
                .and_then(|hold| Duration::try_from(hold).ok());
            self.longest_hold = self.longest_hold.max(hold.unwrap_or_default());
        }
    }

    pub(super) fn given_up(&mut self, switch: &Switch) {
        let why = switch
            .failure
            .as_ref()
            .map(|failure| failure.reason.clone())
            .unwrap_or_default();
        *self.given_up.entry(why).or_default() += 1;
    }
}

/// The figures of one proof.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Requests sent.
    pub requests: u64,
    /// Requests that failed though their gateway lived and nothing excuses it.
    pub failed: u64,
    /// Pairs of records that no correct installation can have given.
    pub contradictions: u64,
    /// Processes killed.
    pub kills: u64,
    /// Wires cut or reset.
    pub partitions: u64,
    /// Wires slowed down.
    pub slow_links: u64,
    /// Processes paused.
    pub pauses: u64,
    /// Immediate restarts of the database.
    pub database_restarts: u64,
    /// Commits whose answer was lost.
    pub lost_commits: u64,
    /// Processes that ran on a slow disk for a while.
    pub slow_disks: u64,
    /// Processes that ran with a wrong wall clock for a while.
    pub wrong_clocks: u64,
    /// Switches that succeeded.
    pub switches: u64,
    /// Switches that were given up.
    pub given_up: u64,
    /// Confirms that were refused.
    pub refused: u64,
    /// Requests that broke off because their gateway was killed.
    pub cut_by_kill: u64,
    /// Requests answered 503, with when to try again, by a gateway that was cut off or had just
    /// been.
    pub refused_while_cut: u64,
    /// Requests of the tenant that denied, refused.
    pub denied_refused: u64,
    /// Generations that answered.
    pub generations: u64,
    /// Requests held across a switch that succeeded.
    pub held: u64,
    /// The longest time that a gateway held a request of such a switch.
    pub longest_hold_ms: f64,
    /// The longest time from a request to its answer by a version.
    pub longest_answer_ms: f64,
    /// How long all took.
    pub seconds: f64,
    /// What decided what was broken when.
    pub seed: u64,
    /// Why switches were given up.
    pub given_up_because: BTreeMap<String, u64>,
    /// The first failures.
    pub failures: Vec<String>,
    /// The first contradictions.
    pub found: Vec<String>,
    /// Whether anything was to be broken.
    pub faults: bool,
    /// Where the history is.
    pub history: String,
}

impl Figures {
    pub(super) fn of(
        record: &Record,
        verdict: &Verdict,
        notes: &Notes,
        faults: &Counted,
        calm_from: u64,
        (options, time): (&Options, Duration),
    ) -> Self {
        let (mut failures, mut failed, mut refused_while_cut) = (Vec::new(), 0, 0);
        for unserved in &record.unserved {
            let (sent, answered) = (unserved.sent, unserved.answered);
            let excused = sent < calm_from && faults.excuse(unserved.gateway, sent, answered);
            match unserved.fault() {
                Some(_) if matches!(unserved.how, How::TryLater(_)) && excused => {
                    refused_while_cut += 1;
                }
                Some(fault) => {
                    failed += 1;
                    if failures.len() < SHOWN {
                        failures.push(fault);
                    }
                }
                None => {}
            }
        }
        let longest = record
            .served
            .iter()
            .map(|served| served.answered - served.sent)
            .max();
        Self {
            requests: record.requests(),
            failed,
            contradictions: verdict.contradictions,
            kills: faults.kills,
            partitions: faults.partitions,
            slow_links: faults.slow,
            pauses: faults.pauses,
            database_restarts: faults.database_restarts,
            lost_commits: faults.lost_commits,
            slow_disks: faults.slow_disks,
            wrong_clocks: faults.wrong_clocks,
            switches: notes.switches,
            given_up: notes.given_up.values().sum(),
            refused: notes.refused,
            cut_by_kill: record.cut_by_kill(),
            refused_while_cut,
            denied_refused: record.denied(),
            generations: verdict.generations,
            held: notes.held,
            longest_hold_ms: millis(notes.longest_hold),
            longest_answer_ms: millis(Duration::from_micros(longest.unwrap_or_default())),
            seconds: time.as_secs_f64().round(),
            seed: options.seed,
            given_up_because: notes.given_up.clone(),
            failures,
            found: verdict.found.iter().map(ToString::to_string).collect(),
            faults: options.faults,
            history: options.history.display().to_string(),
        }
    }

    /// Tells whether anything was seen that must not be.
    #[must_use]
    pub fn violated(&self) -> bool {
        self.failed > 0 || self.contradictions > 0
    }

    /// Tells whether everything was as it must be, and enough happened to say so.
    #[must_use]
    pub fn sound(&self) -> bool {
        let broken = self.kills > 0 && self.partitions > 0;
        let happened = self.requests > 0
            && self.switches > 2
            && self.generations > 2
            && self.denied_refused > 0
            && self.held > 0;
        !self.violated() && happened && (broken || !self.faults)
    }
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
