//! Following a switch to its end, over interruptions.

use std::time::Duration;

use proto::catalog::v1::{Switch, SwitchState, WatchSwitchRequest};
use tokio::time::{MissedTickBehavior, interval};
use tonic::{Status, Streaming};

use super::again::{Again, Patience};
use crate::{
    connect::{Service::Catalog, Session},
    error::Error,
    show::{Screen, live::Live, progress},
};

/// How often the time of a step is drawn anew.
const REDRAW: Duration = Duration::from_millis(100);
/// How often a stream may break without bringing anything, before that is said.
const TRIES: u32 = 20;

/// Shows the switch until it has ended. Fails if it did not succeed.
pub async fn to_the_end(name: &str, session: &Session, screen: &Screen) -> Result<(), Error> {
    let mut live = screen.live();
    let mut again = Again::new(Patience::Tries(TRIES), Again::PAUSE_FIRST);
    loop {
        let request = WatchSwitchRequest {
            name: name.to_owned(),
        };
        let opened = session
            .wait(Catalog, session.switches().watch_switch(request))
            .await;
        let broken = match opened {
            Ok(mut stream) => match shown(&mut stream, &mut live).await? {
                Shown::Ended(switch) => return outcome(&switch),
                Shown::Broken { status, brought } => {
                    if brought {
                        again.brought();
                    }
                    session.fail(Catalog, &status)
                }
            },
            Err(error) => error,
        };
        again.wait(broken).await?;
    }
}

/// Succeeds if the switch did.
pub fn outcome(switch: &Switch) -> Result<(), Error> {
    match switch.state() {
        SwitchState::Failed | SwitchState::Cancelled => Err(Error::SwitchGivenUp),
        SwitchState::Unspecified
        | SwitchState::Provisioning
        | SwitchState::Preparing
        | SwitchState::Fencing
        | SwitchState::ClosingConsent
        | SwitchState::Holding
        | SwitchState::Releasing
        | SwitchState::Draining
        | SwitchState::Settling
        | SwitchState::Succeeded => Ok(()),
    }
}

enum Shown {
    Ended(Box<Switch>),
    Broken { status: Status, brought: bool },
}

async fn shown(
    stream: &mut Streaming<proto::catalog::v1::WatchSwitchResponse>,
    live: &mut Live,
) -> Result<Shown, Error> {
    let mut brought = false;
    let mut redraw = interval(REDRAW);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let message = tokio::select! {
            message = stream.message() => message,
            _ = redraw.tick() => {
                live.tick();
                continue;
            }
        };
        match message {
            Err(status) => return Ok(Shown::Broken { status, brought }),
            Ok(None) => {
                let status = Status::unavailable("the stream ended early");
                return Ok(Shown::Broken { status, brought });
            }
            Ok(Some(answer)) => {
                brought = true;
                let switch = answer.switch.clone().unwrap_or_default();
                live.show(&answer, &switch)?;
                if progress::ended(&switch) {
                    return Ok(Shown::Ended(Box::new(switch)));
                }
            }
        }
    }
}
