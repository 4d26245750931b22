//! What a gateway must know of one application: its whole state, never a difference.

use std::time::Duration;

use ::store::Tx;
use contract::{ApplicationName, ApplicationRef, Revision, SwitchName, Timeline, VersionName};

use crate::{
    application::{Application, HealthCheck, Login, Overlap, Serving, Version},
    error::Error,
    place::Place,
    store::{applications, bakes, switches, versions},
    switch::{Grants, Switch, Turn},
    tester_token::TokenHash,
};

/// Held requests wait this much longer than a switch may hold: they are let go before they would be
/// answered 503.
const LONGER_THAN_ANY_HOLD: Duration = Duration::from_secs(13);

/// One application's route.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) application: ApplicationRef,
    pub(crate) display_name: String,
    pub(crate) timeline: Timeline,
    pub(crate) revision: Revision,
    pub(crate) generation: u64,
    pub(crate) active: Option<Target>,
    pub(crate) test: Option<(Target, TokenHash)>,
    pub(crate) order: Option<(SwitchName, Order)>,
    pub(crate) hold_request_timeout: Duration,
    /// In fleet mode fenced: how long a gateway may serve after it last reached the catalog.
    pub(crate) lease: Option<Duration>,
    /// The timeline that this one follows on, while that is being brought about.
    pub(crate) predecessor: Option<Timeline>,
    /// Long-lived connections that are ended a second when a generation drains.
    pub(crate) drain_rate: u32,
    /// Whether the active version is watched, so that beats report its traffic.
    pub(crate) report_traffic: bool,
    /// Whether users must sign in; none: requests are passed through.
    pub(crate) login: Option<Login>,
}

/// A version as a gateway needs it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) version: VersionName,
    pub(crate) upstream: Place,
    pub(crate) health: HealthCheck,
}

/// What gateways are to do about a switch.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    Prepare {
        nonce: contract::Nonce,
        target: Target,
    },
    Hold {
        nonce: contract::Nonce,
        target: Target,
        grants: Grants,
        overlap: Overlap,
        overlap_timeout: Duration,
    },
    Release {
        nonce: contract::Nonce,
        drain_timeout: Duration,
    },
}

impl From<Version> for Target {
    fn from(version: Version) -> Self {
        Self {
            version: version.name.version,
            upstream: version.facts.upstream,
            health: version.facts.health,
        }
    }
}

/// Reads the route of an application as it is in this transaction; none if there is no such one.
pub(crate) async fn read(tx: &mut Tx, name: &ApplicationName) -> Result<Option<Route>, Error> {
    let Some(application) = applications::find(tx, name).await? else {
        return Ok(None);
    };
    let active = match &application.serving {
        Serving::Never => None,
        Serving::Active { version, .. } => Some(target(tx, &application, version).await?),
    };
    let test = match &application.test {
        None => None,
        Some(test) => Some((
            target(tx, &application, &test.version).await?,
            test.token.clone(),
        )),
    };
    let mut predecessor = None;
    let order = match switches::find_open(tx, name).await? {
        None => None,
        Some(switch) => {
            if let Some(Turn::Adopting {
                predecessor: of, ..
            }) = switch.state.turn()
            {
                predecessor = Some(of);
            }
            order(tx, &application, &switch)
                .await?
                .map(|order| (switch.name, order))
        }
    };
    Ok(Some(Route {
        application: application.resource(),
        display_name: application.display_name.to_string(),
        timeline: application.timeline,
        revision: application.route_revision,
        generation: application.serving.number(),
        active,
        test,
        order,
        hold_request_timeout: application.policy.hold_time() + LONGER_THAN_ANY_HOLD,
        lease: application.policy.fleet.lease(),
        predecessor,
        drain_rate: application.policy.drain_rate,
        report_traffic: bakes::find(tx, name).await?.is_some(),
        login: application.login,
    }))
}

async fn order(
    tx: &mut Tx,
    application: &Application,
    switch: &Switch,
) -> Result<Option<Order>, Error> {
    Ok(match switch.state.turn() {
        None => None,
        Some(Turn::Preparing(nonce)) => Some(Order::Prepare {
            nonce,
            target: target(tx, application, &switch.target).await?,
        }),
        Some(Turn::Holding(nonce, grants)) => Some(Order::Hold {
            nonce,
            target: target(tx, application, &switch.target).await?,
            grants: grants.clone(),
            overlap: application.policy.overlap,
            overlap_timeout: application.policy.overlap_timeout,
        }),
        Some(Turn::Adopting { nonce, grants, .. }) => Some(Order::Hold {
            nonce,
            target: target(tx, application, &switch.target).await?,
            // No gateway has grants of this timeline: it holds, and cannot say so yet.
            grants: grants.cloned().unwrap_or(Grants {
                timeline: Timeline::new([0; 16]),
                revision: Revision::ZERO,
            }),
            // An adoption has no deadline, and nothing that it could give up.
            overlap: Overlap::Allowed,
            overlap_timeout: application.policy.overlap_timeout,
        }),
        Some(Turn::Releasing(nonce, limit)) => Some(Order::Release {
            nonce,
            drain_timeout: limit.time(&application.policy),
        }),
    })
}

async fn target(
    tx: &mut Tx,
    application: &Application,
    version: &VersionName,
) -> Result<Target, Error> {
    let name = application.version_ref(version);
    let version = versions::find(tx, &name).await?;
    version.map(Target::from).ok_or(Error::Broken(
        "a version is active, in test or a target, and does not exist",
    ))
}
