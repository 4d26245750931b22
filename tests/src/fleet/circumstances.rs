//! Under what a process runs from one start to the next: a slow disk, a wall clock that is wrong.

use std::collections::BTreeMap;

use rand::{RngExt as _, rngs::StdRng};

use super::faults::{Begun, Faults, Kind, Whom};
use crate::{
    load::Load,
    world::{Part, World},
};

const POINTS: &str = "FAILPOINTS";
const CLOCK: &str = "SWITCHOVER_CLOCK_OFF";

/// Where a disk is slow, and how: in services before a commit, in gateways before what was written is
/// known to be so.
const SLOW_COMMITS: &str = "store.commit.before=20%sleep(120)";
const SLOW_FILES: &str = "gateway.routes.beside=50%sleep(200);gateway.routes.written=50%sleep(200);\
    gateway.grants.appended=50%sleep(200)";
/// By how much a clock is wrong, in seconds: a little, an hour, a day, both ways.
const OFF: [i64; 6] = [-86_400, -3_600, -20, 20, 3_600, 86_400];

/// What is unusual about the processes that run.
#[derive(Debug, Default)]
pub(super) struct Circumstances(BTreeMap<String, (Part, Begun)>);

impl Circumstances {
    /// Decides under what a process that does not run starts next.
    pub(super) fn draw(
        &mut self,
        world: &mut World,
        part: Part,
        dice: &mut StdRng,
        (faults, load): (&Faults, &Load),
    ) {
        self.usual(world, part, (faults, load));
        let (kind, variable, value) = match dice.random_range(0..4) {
            0 => (Kind::SlowDisk, POINTS, slow(part).to_owned()),
            1 if world.has_common_time(part) => {
                let seconds = OFF[dice.random_range(0..OFF.len())];
                (Kind::Clock, CLOCK, seconds.to_string())
            }
            _ => return,
        };
        world.set_variable(part, variable, Some(&value));
        // Neither is a reason to refuse anybody.
        let begun = faults.begin(kind, Whom::Nobody, load);
        self.0.insert(format!("{part:?}"), (part, begun));
    }

    /// Has a process that does not run start as usual.
    pub(super) fn usual(&mut self, world: &mut World, part: Part, now: (&Faults, &Load)) {
        if let Some((_, begun)) = self.0.remove(&format!("{part:?}")) {
            now.0.end(begun, now.1);
        }
        world.set_variable(part, POINTS, None);
        world.set_variable(part, CLOCK, None);
    }

    /// Returns those that run under unusual ones.
    pub(super) fn unusual(&self) -> Vec<Part> {
        self.0.values().map(|(part, _)| *part).collect()
    }
}

fn slow(part: Part) -> &'static str {
    match part {
        Part::Gateway(_) => SLOW_FILES,
        Part::Catalog | Part::Replica(_) | Part::Provisioning | Part::Notification => SLOW_COMMITS,
    }
}
