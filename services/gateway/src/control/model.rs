//! The transitions of one application's turn at a gateway, for the proof by exploration:
//! [`step`](super::turn::step) itself, with small numbers for names. Routes are parsed from the
//! contract's message, as the catalog's word is.

use std::hash::{Hash, Hasher};

use contract::{Nonce, Revision, Timeline};
use proto::catalog::v1 as wire;

use super::{
    grants::GrantsPosition,
    route::{self, Position, Route},
    turn,
};
use crate::apps::{GateOrder, Target};

/// One application's state as the catalog tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Told {
    /// Which history.
    pub timeline: u8,
    /// How many changes.
    pub revision: u8,
    /// How many committed switches, at least 1.
    pub generation: u8,
    /// The active version.
    pub version: u8,
    /// What to do about a switch.
    pub order: Order,
}

/// What to do about a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Order {
    /// Nothing.
    None,
    /// Promise and get ready, under this nonce.
    Preparing(u8),
    /// Hold, under this nonce, with the grants of this revision.
    Holding(u8, u8),
    /// Serve the active version, under this nonce.
    Releasing(u8),
}

/// One application's turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn(turn::Turn);

impl Eq for Turn {}

impl Hash for Turn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.route().position.hash(state);
        self.0.waits().hash(state);
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// The catalog told this.
    Told(Told),
    /// The data plane has taken the last flip; nothing was in flight.
    Flipped,
    /// This is durable.
    Written(Told),
    /// The target of this turn is checked.
    Prepared(u8),
    /// The target of this turn is healthy, now that requests wait.
    Checked(u8),
    /// The grants of this revision are applied and durable.
    Grants(u8),
}

/// What to do, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Give the data plane this gate.
    Flip(Gate),
    /// Make the route durable.
    Write,
    /// Check the target of this turn.
    Prepare(u8),
    /// Ask for the health of this turn's target once more.
    Check(u8),
    /// Tell the catalog, to the turn of this nonce.
    Answer(u8, Said),
}

/// Whom the data plane admits; the newest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gate {
    /// Nobody, for now.
    Held,
    /// Everybody, to this generation and version.
    Open {
        /// Which generation.
        generation: u8,
        /// Which version.
        version: u8,
    },
}

/// What is said to a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Said {
    /// To Preparing.
    Ready,
    /// To a turn that it cannot follow.
    NotReady,
    /// To Holding.
    Held,
    /// To Releasing.
    Released,
    /// To Releasing, later.
    Drained,
}

impl Turn {
    /// Begins with the first route that was ever told, and with the grants of this revision.
    pub fn first(told: Told, grants: u8) -> (Self, Vec<Act>) {
        out(turn::Turn::first(route(told), self::grants(grants)))
    }

    /// Begins with what the disk says.
    pub fn booted(told: Told, grants: u8) -> (Self, Vec<Act>) {
        out(turn::Turn::booted(
            route(told),
            turn::Standing::Member,
            self::grants(grants),
        ))
    }

    /// Returns the last applied route.
    pub fn told(&self) -> Told {
        let route = self.0.route();
        Told {
            timeline: (0..=u8::MAX)
                .find(|number| timeline(*number) == route.position.timeline)
                .expect("made by `timeline`"),
            revision: small(route.position.revision.get()),
            generation: small(route.position.generation.map_or(0, |it| it.get())),
            version: route.active.as_ref().map_or(0, named),
            order: match &route.order {
                route::Order::None => Order::None,
                route::Order::Preparing { nonce, .. } => Order::Preparing(number(*nonce)),
                route::Order::Holding { nonce, grants, .. } => {
                    Order::Holding(number(*nonce), small(grants.revision.get()))
                }
                route::Order::Releasing { nonce, .. } => Order::Releasing(number(*nonce)),
            },
        }
    }

    /// Decides.
    pub fn step(&self, input: Input) -> (Self, Vec<Act>) {
        let input = match input {
            Input::Told(told) => turn::Input::Arrived(Box::new(route(told))),
            Input::Flipped => turn::Input::Flipped {
                left: turn::Left::Nothing,
                held: turn::HeldFigures::default(),
            },
            Input::Written(told) => turn::Input::Written(position(told)),
            Input::Prepared(nonce) => turn::Input::Prepared(self::nonce(nonce), Ok(())),
            Input::Checked(nonce) => turn::Input::Checked(self::nonce(nonce), Ok(())),
            Input::Grants(revision) => turn::Input::Grants(grants(revision)),
        };
        out(turn::step(&self.0, input))
    }
}

fn out(step: turn::Step) -> (Turn, Vec<Act>) {
    let acts = step.acts.iter().filter_map(act).collect();
    (Turn(step.turn), acts)
}

/// Returns an act as the model has it; none if nothing of it is modelled.
fn act(act: &turn::Act) -> Option<Act> {
    match act {
        turn::Act::Flip(route) => Some(Act::Flip(match &route.gate {
            GateOrder::Open(target) => Gate::Open {
                generation: small(route.generation.map_or(0, |generation| generation.get())),
                version: named(target),
            },
            GateOrder::Held(_) | GateOrder::Never => Gate::Held,
        })),
        turn::Act::Write => Some(Act::Write),
        turn::Act::Prepare(nonce, _) => Some(Act::Prepare(number(*nonce))),
        turn::Act::Check(nonce, _) => Some(Act::Check(number(*nonce))),
        turn::Act::Answer(answer) => {
            let said = match &answer.report {
                turn::Report::Ready => Said::Ready,
                turn::Report::NotReady(_) => Said::NotReady,
                turn::Report::Held => Said::Held,
                turn::Report::Released(_) => Said::Released,
                turn::Report::Drained(_) => Said::Drained,
                turn::Report::Draining(_) => return None,
            };
            Some(Act::Answer(number(answer.nonce), said))
        }
        // Requests may overlap, and nothing is in flight.
        turn::Act::Clear(..)
        | turn::Act::Drain(_)
        | turn::Act::DrainWithin(..)
        | turn::Act::Refuse(_)
        | turn::Act::Accept => None,
    }
}

fn route(told: Told) -> Route {
    let switch = "applications/app/switches/01923456-789a-7bcd-8ef0-123456789abc".to_owned();
    // Which version the turn leads to decides nothing here.
    let target = Some(version(0));
    let turn = match told.order {
        Order::None => None,
        Order::Preparing(nonce) => Some(wire::route::Turn::Preparing(wire::Preparing {
            switch,
            nonce: self::nonce(nonce).to_string(),
            target,
        })),
        Order::Holding(nonce, revision) => Some(wire::route::Turn::Holding(wire::Holding {
            switch,
            nonce: self::nonce(nonce).to_string(),
            target,
            grants_revision: revision.into(),
            grants_timeline: timeline(0).to_string(),
            ..Default::default()
        })),
        Order::Releasing(nonce) => Some(wire::route::Turn::Releasing(wire::Releasing {
            switch,
            nonce: self::nonce(nonce).to_string(),
            drain_timeout: Some(prost_types::Duration {
                seconds: 10,
                nanos: 0,
            }),
        })),
    };
    // The first state of every timeline but the first is a hold by which a catalog is adopted.
    let predecessor_timeline = match told.order {
        Order::Holding(..) if told.timeline > 1 => timeline(told.timeline - 1).to_string(),
        Order::None | Order::Preparing(_) | Order::Holding(..) | Order::Releasing(_) => {
            String::new()
        }
    };
    Route::parse(wire::Route {
        application: "applications/app".to_owned(),
        display_name: "App".to_owned(),
        timeline: timeline(told.timeline).to_string(),
        revision: told.revision.into(),
        generation: told.generation.into(),
        active: Some(version(told.version)),
        turn,
        predecessor_timeline,
        hold_request_timeout: Some(prost_types::Duration {
            seconds: 15,
            nanos: 0,
        }),
        ..Default::default()
    })
    .expect("every field is right")
}

fn version(number: u8) -> wire::RouteVersion {
    wire::RouteVersion {
        version: number.to_string(),
        upstream: "http://127.0.0.1:9000".to_owned(),
        health: None,
    }
}

fn named(target: &Target) -> u8 {
    small(target.version.as_str().parse().expect("made by `version`"))
}

fn position(told: Told) -> Position {
    route(told).position
}

fn grants(revision: u8) -> turn::Grants {
    turn::Grants {
        link: turn::GrantsLink::Following,
        durable: Some(GrantsPosition {
            timeline: timeline(0),
            revision: Revision::try_from(u64::from(revision)).expect("it is small"),
        }),
    }
}

fn timeline(number: u8) -> Timeline {
    Timeline::new([number; 16])
}

fn nonce(number: u8) -> Nonce {
    Nonce::new([number; 16])
}

fn number(nonce: Nonce) -> u8 {
    (0..=u8::MAX)
        .find(|number| self::nonce(*number) == nonce)
        .expect("made by `nonce`")
}

fn small(number: u64) -> u8 {
    u8::try_from(number).expect("it was made from a small one")
}
