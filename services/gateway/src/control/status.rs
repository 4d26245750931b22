//! What the control loop knows, as one value for those who show it.

use std::{collections::BTreeMap, time::Duration};

use contract::{ApplicationName, GatewayName};
use jiff::Timestamp;

use super::{Control, grants::GrantsPosition, route::Position, turn::GrantsLink};

/// What the control loop knows.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    /// Who this is.
    pub(crate) gateway: GatewayName,
    /// Since when it runs.
    pub(crate) start_time: Timestamp,
    /// Its place in the fleet.
    pub(crate) membership: Membership,
    /// Why it should not be sent requests, for people; empty when it should.
    pub(crate) not_ready: Vec<String>,
    /// Whether changes of grants arrive.
    pub(crate) grants_followed: bool,
    /// The grants that are durable.
    pub(crate) grants: Option<GrantsPosition>,
    /// How many there are.
    pub(crate) grants_count: u64,
    /// Where each application stands.
    pub(crate) applications: BTreeMap<ApplicationName, Position>,
    /// Whether the operator takes it out of use.
    pub(crate) draining: bool,
    /// Over everything that is applied: see `Beat.state_hash`.
    pub(crate) state_hash: String,
    /// The shortest lease of an application; none if none needs one.
    pub(crate) shortest_lease: Option<Duration>,
}

/// A gateway's place in the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    /// It has started and knows nothing yet.
    Starting,
    /// It follows a catalog, and has heard everything once.
    Following,
    /// It serves what it knew last.
    CutOff,
    /// It is about to stop.
    Leaving,
}

impl Status {
    /// Before anything is known.
    pub(super) fn starting(gateway: GatewayName, start_time: Timestamp) -> Self {
        Self {
            gateway,
            start_time,
            membership: Membership::Starting,
            not_ready: vec!["it is starting".to_owned()],
            grants_followed: false,
            grants: None,
            grants_count: 0,
            applications: BTreeMap::new(),
            draining: false,
            state_hash: String::new(),
            shortest_lease: None,
        }
    }

    /// Takes what the control loop knows.
    pub(super) fn of(control: &Control) -> Self {
        let membership = if control.leaving {
            Membership::Leaving
        } else if control.catalog.synced {
            Membership::Following
        } else if control.turns.is_empty() {
            Membership::Starting
        } else {
            Membership::CutOff
        };
        Self {
            gateway: control.gateway.clone(),
            start_time: control.start_time,
            membership,
            not_ready: not_ready(control, membership),
            grants_followed: control.grants.link == GrantsLink::Following,
            grants: control.grants.durable,
            grants_count: control.grants.count,
            applications: control
                .turns
                .iter()
                .map(|(application, turn)| (application.clone(), turn.route().position))
                .collect(),
            draining: control.plane.out_of_use(),
            state_hash: control.state_hash(),
            shortest_lease: control
                .turns
                .values()
                .filter_map(|turn| turn.route().lease())
                .min(),
        }
    }
}

fn not_ready(control: &Control, membership: Membership) -> Vec<String> {
    let because = |broken: &Option<String>| {
        broken
            .as_ref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default()
    };
    let mut reasons = Vec::new();
    match membership {
        Membership::Following => {}
        Membership::Leaving => reasons.push("it is about to stop".to_owned()),
        Membership::Starting | Membership::CutOff => reasons.push(format!(
            "it does not follow the catalog{}",
            because(&control.catalog.broken)
        )),
    }
    if control.grants.link != GrantsLink::Following {
        reasons.push(format!(
            "it does not follow provisioning{}",
            because(&control.grants.broken)
        ));
    }
    if control.plane.out_of_use() {
        reasons.push("an operator takes it out of use".to_owned());
    }
    for application in control.plane.fenced() {
        reasons.push(format!("{application}: its lease has run out"));
    }
    for (application, why) in &control.catalog.refused {
        reasons.push(format!("{application}: {why}"));
    }
    let unwritten = [&control.routes_disk.unwritten, &control.grants.unwritten];
    for why in unwritten.into_iter().flatten() {
        reasons.push(format!("its state cannot be written to disk: {why}"));
    }
    reasons
}
