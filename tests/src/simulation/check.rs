//! What was promised, looked for in what was said and seen.

use std::collections::{BTreeMap, BTreeSet};

use super::{guest, trace::Entry, users::Seens, world::World};
use crate::load::{Decision, Record};

/// What there is to judge by.
pub(super) struct Promises<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) seens: &'a Seens,
    pub(super) gateways: &'a [String],
    /// What kind of world it was.
    pub(super) world: World,
}

/// A step of the simulation, in microseconds: hosts act one after the other within it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a step is far shorter than an age"
)]
const STEP: u64 = super::TICK.as_micros() as u64;

impl Promises<'_> {
    /// Returns what was not kept so far: at no time may any of it be.
    pub(super) fn broken(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        self.one_register(&mut wrong);
        self.one_version_a_generation(&mut wrong);
        self.commits(&mut wrong);
        self.held_is_held(&mut wrong);
        wrong
    }

    /// Returns what was not kept when all has ended.
    pub(super) fn broken_at_last(&self) -> Vec<String> {
        let mut wrong = self.broken();
        self.nothing_failed(&mut wrong);
        wrong.extend(self.unserved());
        wrong
    }

    /// I2 and I17.
    fn one_register(&self, wrong: &mut Vec<String>) {
        let record = Record {
            served: self.seens.served.clone(),
            unserved: Vec::new(),
        };
        // What is denied for a switch that is given up is as it was before.
        let ended = self.entries.iter().filter(|entry| {
            entry.field("to") == "failed"
                || entry.field("to") == "settling" && entry.field("from") != "draining"
        });
        let given_up = ended.map(|entry| Decision {
            at: entry.at * 1_000 + STEP,
            tenant: guest::NUMBER,
            version: guest::DENIED,
            denies: false,
        });
        let decisions: Vec<_> = self
            .seens
            .decisions
            .iter()
            .copied()
            .chain(given_up)
            .collect();
        let verdict = record.history(&decisions).check(1);
        wrong.extend(verdict.found.first().map(|first| {
            let count = verdict.contradictions;
            format!("I2, I17: {count} contradictions, the first: {first}")
        }));
    }

    /// I14: a generation is one version, for ever.
    fn one_version_a_generation(&self, wrong: &mut Vec<String>) {
        let mut versions: BTreeMap<u64, BTreeSet<u8>> = BTreeMap::new();
        for seen in &self.seens.served {
            versions
                .entry(seen.generation)
                .or_default()
                .insert(seen.version);
        }
        for (generation, versions) in versions {
            if versions.len() > 1 {
                wrong.push(format!("I14: generation {generation} is several versions"));
            }
        }
    }

    /// I1, I12, I15, and I2 once more by the catalog's word: each commit begins the next
    /// generation, every gateway had said *held* to one and the same hold of its switch, and
    /// whoever asks after it is answered by it.
    fn commits(&self, wrong: &mut Vec<String>) {
        let mut last = 0;
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.message != "another version is active" {
                continue;
            }
            let Ok(generation) = entry.field("generation").parse::<u64>() else {
                wrong.push(format!("a commit names no generation: {entry}"));
                continue;
            };
            if generation != last + 1 {
                wrong.push(format!("I15: generation {generation} follows {last}"));
            }
            last = generation;
            let switch = entry.field("switch.name");
            self.all_held(switch, &self.entries[..index], wrong);
            let committed = entry.at * 1_000 + STEP;
            let stale = self
                .seens
                .served
                .iter()
                .find(|seen| seen.sent > committed && seen.generation < generation);
            wrong.extend(stale.map(|seen| {
                format!(
                    "I10: generation {generation} was committed by {committed} µs; a request sent at {} µs was answered by generation {}",
                    seen.sent, seen.generation
                )
            }));
        }
    }

    fn all_held(&self, switch: &str, before: &[Entry], wrong: &mut Vec<String>) {
        let mut held: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for entry in before {
            if entry.field("report") == "Held" && entry.field("switch.name") == switch {
                held.entry(entry.field("nonce"))
                    .or_default()
                    .insert(&entry.host);
            }
        }
        let all = held
            .values()
            .any(|hosts| self.gateways.iter().all(|it| hosts.contains(it.as_str())));
        // Where gateways are fenced, switches go on without those whose leases have run out.
        let fenced = self.world.fenced && before.iter().any(|entry| entry.field("to") == "fencing");
        if !all && !fenced {
            wrong.push(format!("I12: {switch} was committed, and held: {held:?}"));
        }
    }

    /// I10: a gateway that has said *held* answers nothing from a version until it can have heard how
    /// the hold ended.
    fn held_is_held(&self, wrong: &mut Vec<String>) {
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.field("report") != "Held" {
                continue;
            }
            let switch = entry.field("switch.name");
            // What is said to a hold may be said again after it.
            let ended = self
                .entries
                .iter()
                .find(|it| it.field("from") == "holding" && it.field("switch.name") == switch);
            let held = entry.at * 1_000 + STEP;
            let ended = ended.map_or(u64::MAX, |ended| ended.at * 1_000);
            let mut seens = self.seens.served.iter().zip(&self.seens.doors);
            let early = seens.find(|(seen, door)| {
                **door == entry.host && seen.sent > held && seen.answered < ended
            });
            wrong.extend(early.map(|(seen, door)| {
                format!(
                    "I10: {door} has said by {held} µs (entry {index}) that it holds, and a request sent at {} µs was answered by generation {} before the hold ended",
                    seen.sent, seen.generation
                )
            }));
        }
    }

    /// I4, where nothing but the switches could be the reason.
    fn nothing_failed(&self, wrong: &mut Vec<String>) {
        let failed = &self.seens.failed;
        if self.world.calm && !failed.is_empty() {
            wrong.push(format!(
                "I4: requests failed though nothing went wrong: {failed:?}"
            ));
        }
    }

    /// I8, and that all this was about something: the last generation is served by every gateway.
    pub(super) fn unserved(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let last = self.seens.served.iter().map(|seen| seen.generation).max();
        for gateway in self.gateways {
            let serves = self
                .seens
                .served
                .iter()
                .zip(&self.seens.doors)
                .any(|(seen, door)| Some(seen.generation) == last && door == gateway);
            if !serves || last < Some(2) {
                wrong.push(format!(
                    "{gateway} never served the last generation, {last:?}"
                ));
            }
        }
        wrong
    }
}
