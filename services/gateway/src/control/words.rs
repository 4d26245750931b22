//! The control loop's words as the wire has them.

use contract::{ApplicationName, ApplicationRef, TenantRef, duration};
use proto::{
    catalog::v1 as wire,
    provisioning::v1::{FollowGrantsRequest, GrantsApplied, follow_grants_request},
};

use super::{
    grants::GrantsPosition,
    route::Route,
    turn::{Answer, DrainFigures, DrainingFigures, HeldFigures, Objection, Report},
};
use crate::apps::{DrainProgress, Drained, GenerationTraffic, HoldFigures, LongLived, NotReady};

/// The most characters of an objection's message.
const MESSAGE_CHARS_MAX: usize = 500;

pub(super) fn position(application: &ApplicationName, route: &Route) -> wire::RoutePosition {
    let position = route.position;
    wire::RoutePosition {
        application: ApplicationRef::from(application.clone()).to_string(),
        timeline: position.timeline.to_string(),
        revision: position.revision.get(),
        generation: position.generation.map_or(0, contract::Generation::get),
        version: route
            .active
            .as_ref()
            .map(|active| active.version.to_string())
            .unwrap_or_default(),
    }
}

pub(super) fn route_applied(
    application: &ApplicationName,
    route: &Route,
) -> wire::follow_request::Message {
    wire::follow_request::Message::Applied(wire::Applied {
        application: ApplicationRef::from(application.clone()).to_string(),
        timeline: route.position.timeline.to_string(),
        revision: route.position.revision.get(),
        hash: route.hash().to_owned(),
    })
}

pub(super) fn traffic(traffic: &GenerationTraffic) -> wire::TrafficReport {
    wire::TrafficReport {
        application: ApplicationRef::from(traffic.application.clone()).to_string(),
        generation: traffic.generation.get(),
        requests: count(traffic.requests),
        failed: count(traffic.failed),
    }
}

pub(super) fn long_lived(open: &LongLived) -> wire::LongLivedConnections {
    let tenants = open.tenants.iter();
    wire::LongLivedConnections {
        application: ApplicationRef::from(open.application.clone()).to_string(),
        connections: count(open.connections),
        tenants: tenants
            .map(|(tenant, open)| wire::TenantConnections {
                tenant: TenantRef::from(tenant.clone()).to_string(),
                connections: count(*open),
            })
            .collect(),
    }
}

/// Cuts a sentence for people to what the wire takes.
pub(super) fn message(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

pub(super) fn applied(position: GrantsPosition) -> FollowGrantsRequest {
    FollowGrantsRequest {
        message: Some(follow_grants_request::Message::Applied(GrantsApplied {
            timeline: position.timeline.to_string(),
            revision: position.revision.get(),
        })),
    }
}

pub(super) fn answer(application: &ApplicationName, answer: &Answer) -> wire::Answer {
    let report = match &answer.report {
        Report::Ready => wire::answer::Answer::Ready(wire::Ready {}),
        Report::NotReady(objection) => wire::answer::Answer::NotReady(objection.clone().into()),
        Report::Held => wire::answer::Answer::Held(wire::Held {}),
        Report::Released(held) => wire::answer::Answer::Released(wire::Released {
            held_requests: count(held.requests),
            longest_hold: Some(duration::write(held.longest)),
            failed_requests: count(held.failed),
        }),
        Report::Draining(draining) => wire::answer::Answer::Draining(wire::Draining {
            open_requests: count(draining.open),
            closed_connections: count(draining.closed),
        }),
        Report::Drained(drained) => wire::answer::Answer::Drained(wire::Drained {
            finished_requests: count(drained.finished),
            cut_requests: count(drained.cut),
            closed_connections: count(drained.closed),
        }),
    };
    wire::Answer {
        application: ApplicationRef::from(application.clone()).to_string(),
        timeline: answer.position.timeline.to_string(),
        revision: answer.position.revision.get(),
        nonce: answer.nonce.to_string(),
        answer: Some(report),
    }
}

impl From<Objection> for wire::NotReady {
    fn from(objection: Objection) -> Self {
        Self {
            reason: objection.reason,
            message: message(&objection.message),
        }
    }
}

impl From<&NotReady> for Objection {
    fn from(why: &NotReady) -> Self {
        Self::new(why.reason, why.message.clone())
    }
}

impl From<HoldFigures> for HeldFigures {
    fn from(figures: HoldFigures) -> Self {
        Self {
            requests: figures.held,
            failed: figures.failed,
            longest: figures.longest,
        }
    }
}

impl From<Drained> for DrainFigures {
    fn from(drained: Drained) -> Self {
        Self {
            finished: drained.finished,
            closed: drained.closed,
            cut: drained.cut,
        }
    }
}

impl From<DrainProgress> for DrainingFigures {
    fn from(progress: DrainProgress) -> Self {
        Self {
            open: progress.open,
            closed: progress.closed,
        }
    }
}

/// What is said when requests on the version that leaves do not end in time.
pub(super) fn overlap(left: u64) -> Objection {
    Objection::new(
        "OVERLAP",
        format!(
            "The version that leaves still answers requests: {left} are under way after the time \
             that the switch waits for them."
        ),
    )
}

pub(super) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
