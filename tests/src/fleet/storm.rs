//! What is broken, and when: two hands, one at the processes and one at the wires.

use std::time::Duration;

use anyhow::{Result, ensure};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use runtime::{CancellationToken, retry};

use super::{
    circumstances::Circumstances,
    faults::{Faults, Kind, Whom},
};
use crate::{
    load::Load,
    wire::Condition,
    world::{Part, Wires, World},
};

/// Kills and pauses processes and crashes the database until it is told to stop; all run as usual then.
pub(super) async fn processes(
    world: &mut World,
    load: &Load,
    faults: &Faults,
    seed: u64,
    stop: &CancellationToken,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let mut dice = StdRng::seed_from_u64(seed);
    let parts = world.parts();
    let mut circumstances = Circumstances::default();
    while wait(&mut dice, 200..1500, stop).await {
        let part = parts[dice.random_range(0..parts.len())];
        match dice.random_range(0..10) {
            0..5 => {
                ensure!(world.running(part), "{part:?} ended by itself");
                let begun = faults.begin(Kind::Kill, whom(part), load);
                world.kill(part).await?;
                // A supervisor is sometimes quick and sometimes not.
                wait(&mut dice, 0..800, stop).await;
                circumstances.draw(world, part, &mut dice, (faults, load));
                world.restart(part).await?;
                faults.end(begun, load);
                tell(&format!("{part:?} was killed"));
            }
            5..8 => {
                let begun = faults.begin(Kind::Pause, whom(part), load);
                world.pause(part).await?;
                wait(&mut dice, 1000..5000, stop).await;
                world.go_on(part).await?;
                faults.end(begun, load);
                tell(&format!("{part:?} was paused"));
            }
            _ => {
                let Some(cluster) = world.cluster() else {
                    continue;
                };
                let begun = faults.begin(Kind::Database, Whom::All, load);
                tokio::task::spawn_blocking(move || cluster.crash_and_restart()).await?;
                faults.end(begun, load);
                tell("the database crashed");
            }
        }
    }
    for part in circumstances.unusual() {
        let begun = faults.begin(Kind::Kill, whom(part), load);
        world.kill(part).await?;
        circumstances.usual(world, part, (faults, load));
        world.restart(part).await?;
        faults.end(begun, load);
    }
    Ok(())
}

/// Cuts, breaks and slows wires until it is told to stop; all are whole then.
pub(super) async fn wires(
    wires: &Wires,
    catalogs: usize,
    load: &Load,
    faults: &Faults,
    seed: u64,
    stop: &CancellationToken,
) {
    let mut dice = StdRng::seed_from_u64(seed ^ u64::MAX);
    while wait(&mut dice, 200..2000, stop).await {
        let gateway = dice.random_range(0..super::GATEWAYS);
        let whom = Whom::Gateway(gateway);
        match dice.random_range(0..12) {
            0..5 => {
                let conditions = [Condition::CUT, Condition::NO_ANSWERS, Condition::NO_CALLS];
                let condition = conditions[dice.random_range(0..conditions.len())];
                let begun = faults.begin(Kind::Partition, whom, load);
                wires.set_gateway(gateway, condition);
                wait(&mut dice, 100..4000, stop).await;
                wires.set_gateway(gateway, Condition::default());
                faults.end(begun, load);
            }
            5..7 => {
                let begun = faults.begin(Kind::Partition, whom, load);
                wires.reset_gateway(gateway);
                faults.end(begun, load);
            }
            7..9 => {
                let delay = Duration::from_millis(dice.random_range(5..200));
                let begun = faults.begin(Kind::Slow, whom, load);
                wires.set_gateway(gateway, Condition::slow(delay, 200_000));
                wait(&mut dice, 500..4000, stop).await;
                wires.set_gateway(gateway, Condition::default());
                faults.end(begun, load);
            }
            9..11 => {
                let Some(wire) = wires.database(dice.random_range(0..catalogs)) else {
                    continue;
                };
                let begun = tokio::select! {
                    () = wire.lose_a_commits_answer() => {
                        faults.begin(Kind::LostCommit, Whom::Nobody, load)
                    }
                    () = stop.cancelled() => return,
                };
                faults.end(begun, load);
            }
            _ => {
                let catalog = dice.random_range(0..catalogs);
                let Some(wire) = wires.database(catalog) else {
                    continue;
                };
                let begun = faults.begin(Kind::Partition, Whom::All, load);
                wire.set(Condition::CUT);
                wait(&mut dice, 100..3000, stop).await;
                wire.heal();
                faults.end(begun, load);
            }
        }
    }
}

/// Whom it keeps from the others when a part is gone.
fn whom(part: Part) -> Whom {
    match part {
        Part::Gateway(index) => Whom::Gateway(index),
        Part::Catalog | Part::Replica(_) | Part::Provisioning => Whom::All,
        Part::Notification => Whom::Nobody,
    }
}

/// Waits for a time that the dice say, in milliseconds; false if told to stop.
async fn wait(dice: &mut StdRng, millis: std::ops::Range<u64>, stop: &CancellationToken) -> bool {
    let time = Duration::from_millis(dice.random_range(millis));
    retry::pause(time, stop).await.is_ok()
}
