//! Back and forth, first in calm, then while processes are killed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use http::StatusCode;
use proto::catalog::v1::SwitchState;

use super::{APPLICATION, NEW, OLD, figures::Notes};
use crate::{
    api::{Confirm, has_ended},
    http_client::{Answer, get},
    load::Load,
    until::until,
    world::{Part, World},
};

/// How long the slow requests take that are under way at each switch.
const SLOW: Duration = Duration::from_millis(400);

/// Reactivates the one version and the other in turn, with slow requests under way each time.
pub(super) async fn back_and_forth(
    world: &World,
    load: &Load,
    notes: &mut Notes,
    switches: u32,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    for turn in 1..=switches {
        let (from, to) = if turn % 2 == 1 {
            (OLD, NEW)
        } else {
            (NEW, OLD)
        };
        let slow = try_join_all((0..2).map(|_| slow_request(world)));
        let switch = world.api.switch_to(Confirm::Reactivate, APPLICATION, to);
        let (slow, switch) = tokio::try_join!(slow, switch)?;
        notes.switched(load, switch);
        for answer in slow {
            ensure!(
                answer.status == StatusCode::OK,
                "a slow request was answered {}",
                answer.status
            );
            // One that was sent after the commit rightly got the other version.
            notes.slow += u64::from(answer.header("switchover-version") == from);
        }
        if turn % 10 == 0 {
            tell(&format!("{turn} of {switches} switches"));
        }
    }
    Ok(())
}

async fn slow_request(world: &World) -> Result<Answer> {
    let door = world.doors().into_iter().next_back().context("a gateway")?;
    let url = format!("http://{}/api/slow?ms={}", door.address, SLOW.as_millis());
    get(
        &url,
        &[
            ("host", &world.user_host("anna", APPLICATION)),
            ("accept", "application/json"),
        ],
    )
    .await
}

/// Kills each part in turn while a switch is under way, at a later step each time, and starts it
/// again. A switch that was given up because of it is confirmed once more.
pub(super) async fn switch_under_kills(
    world: &mut World,
    load: &Load,
    notes: &mut Notes,
    rounds: u32,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let moments = [
        SwitchState::Provisioning,
        SwitchState::Preparing,
        SwitchState::Holding,
        SwitchState::Releasing,
        SwitchState::Draining,
        SwitchState::Settling,
    ];
    let parts = [
        Part::Catalog,
        Part::Provisioning,
        Part::Notification,
        Part::Gateway(0),
        Part::Gateway(1),
    ];
    let mut moments = moments.into_iter().cycle();
    for _ in 0..rounds {
        for part in parts {
            let to = if active(world).await? == OLD {
                NEW
            } else {
                OLD
            };
            let switch = world
                .api
                .confirm(Confirm::Reactivate, APPLICATION, to)
                .await?;
            let moment = moments.next().context("moments without end")?;
            let look = || world.api.switch(&switch.name);
            until("the moment of the kill", look, |switch| {
                switch.state() >= moment || has_ended(switch.state())
            })
            .await?;
            let killed = Instant::now();
            world.kill(part).await?;
            notes.kills += 1;
            world.restart(part).await?;
            let ended = world
                .api
                .ended(&switch.name)
                .await
                .context(format!("{part:?} killed in {moment:?}"))?;
            let ended = if ended.state() == SwitchState::Succeeded {
                ended
            } else {
                notes.given_up += 1;
                world
                    .api
                    .switch_to(Confirm::Reactivate, APPLICATION, to)
                    .await?
            };
            notes.switched(load, ended);
            tell(&format!(
                "{part:?} killed in {moment:?}: over after {:.1} s",
                killed.elapsed().as_secs_f64()
            ));
        }
    }
    Ok(())
}

async fn active(world: &World) -> Result<String> {
    let request = proto::catalog::v1::GetApplicationRequest {
        name: format!("applications/{APPLICATION}"),
    };
    let answer = world
        .api
        .applications
        .clone()
        .get_application(request)
        .await?
        .into_inner();
    let name = answer
        .application
        .context("an answer without the application")?
        .active_version;
    name.rsplit('/')
        .next()
        .map(str::to_owned)
        .context("a version's name")
}
