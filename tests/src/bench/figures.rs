//! What the benchmark measured.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::contender::Flip;
use crate::load::Record;

/// What was seen of one contender, over all its rounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    flips: Vec<Flip>,
    requests: u64,
    failures: Vec<String>,
    failed: u64,
    contradictions: Vec<String>,
    contradicted: u64,
}

/// The most failures and contradictions that are shown in words.
const SHOWN: usize = 5;

impl Seen {
    /// Adds a switch.
    pub(super) fn flipped(&mut self, flip: Flip) {
        self.flips.push(flip);
    }

    /// Adds what clients saw in one round.
    pub(super) fn answered(&mut self, record: &Record) {
        let verdict = record.history(&[]).check(SHOWN);
        self.requests += record.requests();
        self.failed += record.faults().count() as u64;
        self.contradicted += verdict.contradictions;
        fill(&mut self.failures, record.faults());
        let found = verdict.found.iter().map(ToString::to_string);
        fill(&mut self.contradictions, found);
    }
}

fn fill(shown: &mut Vec<String>, more: impl Iterator<Item = String>) {
    let room = SHOWN.saturating_sub(shown.len());
    shown.extend(more.take(room));
}

/// The figures of one contender. Times are milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Side {
    /// Requests sent.
    pub requests: u64,
    /// Switches made.
    pub switches: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Answers of an older version to requests sent after an answer of a newer one was complete.
    pub contradictions: u64,
    /// Requests that were held.
    pub held: u64,
    /// The longest time that an instance held a request in one switch: the middle of all.
    pub hold_p50_ms: f64,
    /// The same: 99 of 100 are no longer.
    pub hold_p99_ms: f64,
    /// The same: the longest of all.
    pub hold_longest_ms: f64,
    /// From the end of the preparation to the last instance on the new version: the middle.
    pub everywhere_p50_ms: f64,
    /// The same: 99 of 100 are no longer.
    pub everywhere_p99_ms: f64,
    /// Of that, fixing the denials: the middle.
    pub closing_p50_ms: f64,
    /// Of that, from the order to hold to the commit: the middle.
    pub holding_p50_ms: f64,
    /// Of that, from the commit to the last instance's word: the middle.
    pub releasing_p50_ms: f64,
    /// From the order to the last instance on the new version, the preparation included: the middle.
    pub confirm_p50_ms: f64,
    /// The same: 99 of 100 are no longer.
    pub confirm_p99_ms: f64,
    /// The first failures and contradictions, in words.
    #[serde(skip)]
    pub shown: Vec<String>,
}

impl From<Seen> for Side {
    fn from(seen: Seen) -> Self {
        let times = |of: fn(&Flip) -> Duration| Times::new(seen.flips.iter().map(of));
        let holds = Times::new(
            seen.flips
                .iter()
                .flat_map(|flip| flip.holds.iter().copied()),
        );
        let (everywhere, confirm) = (times(|flip| flip.everywhere), times(|flip| flip.confirm));
        Self {
            requests: seen.requests,
            switches: seen.flips.len() as u64,
            failed: seen.failed,
            contradictions: seen.contradicted,
            held: seen.flips.iter().map(|flip| flip.held).sum(),
            hold_p50_ms: holds.of_100(50),
            hold_p99_ms: holds.of_100(99),
            hold_longest_ms: holds.of_100(100),
            everywhere_p50_ms: everywhere.of_100(50),
            everywhere_p99_ms: everywhere.of_100(99),
            closing_p50_ms: times(|flip| flip.parts.closing).of_100(50),
            holding_p50_ms: times(|flip| flip.parts.holding).of_100(50),
            releasing_p50_ms: times(|flip| flip.parts.releasing).of_100(50),
            confirm_p50_ms: confirm.of_100(50),
            confirm_p99_ms: confirm.of_100(99),
            shown: [seen.failures, seen.contradictions].concat(),
        }
    }
}

/// How a switch of one fleet of simulated gateways went. Times are milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Growth {
    /// Gateways.
    pub gateways: u32,
    /// Switches made.
    pub switches: u64,
    /// From the first gateway's *held* to the last one's hearing of the commit: the middle.
    pub hold_p50_ms: f64,
    /// The same: 99 of 100 are no longer.
    pub hold_p99_ms: f64,
    /// From the end of the preparation to the last gateway's hearing of the commit: the middle.
    pub everywhere_p50_ms: f64,
    /// The same: 99 of 100 are no longer.
    pub everywhere_p99_ms: f64,
    /// From the confirm to the last gateway's hearing of the commit: the middle.
    pub confirm_p50_ms: f64,
    /// The same: 99 of 100 are no longer.
    pub confirm_p99_ms: f64,
}

/// The figures of one run.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Switchover.
    pub ours: Side,
    /// The peers by name.
    pub peers: BTreeMap<&'static str, Side>,
    /// Switchover with growing fleets, smallest first.
    pub growth: Vec<Growth>,
}

impl Figures {
    pub(super) fn add(&mut self, name: &'static str, seen: Seen) {
        if name == "switchover" {
            self.ours = seen.into();
        } else {
            self.peers.insert(name, seen.into());
        }
    }

    /// Tells whether Switchover kept what it promises, and was asked to.
    #[must_use]
    pub fn sound(&self) -> bool {
        let ours = &self.ours;
        ours.failed == 0 && ours.contradictions == 0 && ours.requests > 0 && ours.held > 0
    }

    /// Returns them as one JSON object: Switchover's by their names, a peer's with its name before
    /// them, and how many times Switchover's each of a peer's times is.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let mut all = fields(&self.ours);
        for (name, side) in &self.peers {
            for (field, value) in fields(side) {
                // No peer has such steps, or holds requests.
                if OURS.iter().any(|ours| field.starts_with(ours)) {
                    continue;
                }
                all.insert(format!("{name}_{field}"), value);
            }
            let ratio = side.everywhere_p99_ms / self.ours.everywhere_p99_ms;
            let ratio = (ratio * 1e3).round() / 1e3;
            all.insert(format!("{name}_everywhere_ratio"), ratio.into());
        }
        let growth = serde_json::to_value(&self.growth).expect("plain numbers");
        all.insert("fleet".to_owned(), growth);
        all.into()
    }
}

/// How the figures begin that no peer has.
const OURS: [&str; 5] = ["hold", "held", "confirm", "closing", "releasing"];

fn fields(side: &Side) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(side).expect("plain numbers") {
        serde_json::Value::Object(fields) => fields,
        _ => unreachable!("a struct is an object"),
    }
}

/// Measured times in order.
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn new(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        Self(times)
    }

    /// Returns the shortest time that so many of a hundred do not exceed, in milliseconds; 0 if
    /// there is none.
    pub(super) fn of_100(&self, part: usize) -> f64 {
        let place = (self.0.len() * part).div_ceil(100).max(1) - 1;
        let time = self.0.get(place).copied().unwrap_or_default();
        (time.as_secs_f64() * 1e6).round() / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_of_a_hundred_times_are_no_longer() {
        let times = Times::new((1..=200).rev().map(Duration::from_millis));
        assert_eq!(
            [50, 99, 100].map(|part| times.of_100(part)),
            [100.0, 198.0, 200.0]
        );
        assert_eq!(Times::new(std::iter::empty()).of_100(99), 0.0);
        let one = Times::new([Duration::from_micros(1500)].into_iter());
        assert_eq!([1, 50, 100].map(|part| one.of_100(part)), [1.5; 3]);
    }

    #[test]
    fn a_run_that_failed_contradicted_or_held_nothing_is_not_sound() {
        let ours = Side {
            requests: 10,
            held: 1,
            ..Side::default()
        };
        let sound = |ours| {
            Figures {
                ours,
                ..Figures::default()
            }
            .sound()
        };
        assert!(sound(ours.clone()));
        assert!(!sound(Side {
            failed: 1,
            ..ours.clone()
        }));
        assert!(!sound(Side {
            contradictions: 1,
            ..ours.clone()
        }));
        assert!(!sound(Side { held: 0, ..ours }));
    }
}
