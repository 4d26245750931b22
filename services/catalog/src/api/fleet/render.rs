//! Routes and gateways as messages.

use contract::{ApplicationName, ApplicationRef, GatewayRef, duration, time};
use jiff::Timestamp;
use proto::catalog::v1::{self as wire, follow_response::Message};

use crate::{
    api::applications::render::{health, login, overlap},
    fleet::{Leases, Member, Position, applied::Refusal},
    routes::{Order, Route, Target},
};

pub(crate) fn gateway(member: &Member, now: Timestamp) -> wire::Gateway {
    wire::Gateway {
        name: GatewayRef::from(member.name.clone()).to_string(),
        connected: member.connected(now),
        join_time: Some(time::write(member.joined_at)),
        last_seen_time: Some(time::write(member.last_seen_at)),
        software: member.software.clone(),
        ready: member.said.ready,
        not_ready_message: member.said.not_ready_message.clone(),
        standing: standing(member).into(),
        open_connections: member.said.open_connections,
        positions: member.said.positions.iter().map(position).collect(),
        refused: member.said.refused.iter().map(refused).collect(),
        diverged: member.said.diverged,
    }
}

fn standing(member: &Member) -> wire::GatewayStanding {
    match (member.leases, member.draining) {
        (Leases::Refused { ran_out, .. }, _) if ran_out.is_zero() => wire::GatewayStanding::Fencing,
        (Leases::Refused { .. }, _) => wire::GatewayStanding::Fenced,
        (Leases::Renewed, true) => wire::GatewayStanding::Draining,
        (Leases::Renewed, false) => wire::GatewayStanding::Member,
    }
}

pub(super) fn position(position: &Position) -> wire::RoutePosition {
    wire::RoutePosition {
        application: ApplicationRef::from(position.application.clone()).to_string(),
        timeline: position.timeline.to_string(),
        revision: position.revision.get(),
        generation: position.generation,
        version: position
            .version
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn refused(refusal: &Refusal) -> wire::Refused {
    wire::Refused {
        application: refusal.application.clone(),
        timeline: refusal.timeline.clone(),
        revision: refusal.revision,
        reason: refusal.reason.clone(),
        message: refusal.message.clone(),
    }
}

pub(super) fn lease(sequence: u64) -> wire::FollowResponse {
    response(Message::Lease(wire::Lease { sequence }))
}

pub(super) fn drain_order(drain: bool) -> wire::FollowResponse {
    response(Message::DrainOrder(wire::DrainOrder { drain }))
}

pub(super) fn response(message: Message) -> wire::FollowResponse {
    wire::FollowResponse {
        message: Some(message),
    }
}

pub(super) fn removed(application: &ApplicationName) -> wire::FollowResponse {
    response(Message::Removed(wire::RouteRemoved {
        application: ApplicationRef::from(application.clone()).to_string(),
    }))
}

pub(super) fn synced<'a>(
    applications: impl Iterator<Item = &'a ApplicationName>,
    wants_traffic: bool,
) -> wire::FollowResponse {
    response(Message::Synced(wire::Synced {
        applications: applications
            .map(|application| ApplicationRef::from(application.clone()).to_string())
            .collect(),
        wants_traffic,
    }))
}

pub(super) fn traffic_taken(number: u64) -> wire::FollowResponse {
    response(Message::TrafficTaken(wire::TrafficTaken { number }))
}

pub(super) fn route(route: Route) -> wire::Route {
    wire::Route {
        application: route.application.to_string(),
        display_name: route.display_name,
        timeline: route.timeline.to_string(),
        revision: route.revision.get(),
        generation: route.generation,
        active: route.active.as_ref().map(target),
        test: route.test.map(|(version, token)| wire::TestRoute {
            version: Some(target(&version)),
            tester_token_sha256: token.as_str().to_owned(),
        }),
        turn: route
            .order
            .map(|(switch, order)| turn(switch.to_string(), order)),
        hold_request_timeout: Some(duration::write(route.hold_request_timeout)),
        lease: route.lease.map(duration::write),
        predecessor_timeline: route
            .predecessor
            .map(|predecessor| predecessor.to_string())
            .unwrap_or_default(),
        drain_rate: route.drain_rate.try_into().unwrap_or(i32::MAX),
        report_traffic: route.report_traffic,
        login: route.login.as_ref().map(login),
    }
}

fn turn(switch: String, order: Order) -> wire::route::Turn {
    match order {
        Order::Prepare { nonce, target: to } => wire::route::Turn::Preparing(wire::Preparing {
            switch,
            nonce: nonce.to_string(),
            target: Some(target(&to)),
        }),
        Order::Hold {
            nonce,
            target: to,
            grants,
            overlap: whether,
            overlap_timeout,
        } => wire::route::Turn::Holding(wire::Holding {
            switch,
            nonce: nonce.to_string(),
            target: Some(target(&to)),
            grants_revision: grants.revision.get(),
            grants_timeline: grants.timeline.to_string(),
            overlap: overlap(whether).into(),
            overlap_timeout: Some(duration::write(overlap_timeout)),
        }),
        Order::Release {
            nonce,
            drain_timeout,
        } => wire::route::Turn::Releasing(wire::Releasing {
            switch,
            nonce: nonce.to_string(),
            drain_timeout: Some(duration::write(drain_timeout)),
        }),
    }
}

fn target(target: &Target) -> wire::RouteVersion {
    wire::RouteVersion {
        version: target.version.to_string(),
        upstream: target.upstream.to_string(),
        health: Some(health(&target.health)),
    }
}
