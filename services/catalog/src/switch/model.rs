//! The transitions of a switch, for the proof by exploration: [`step`](super::step::step) itself,
//! with small numbers for names. A state is kept as its row keeps it, so what is explored has gone
//! through the row like the real one.
//!
//! Time is an event here: every deadline is the same instant, and only [`Event::TimePassed`] comes
//! after it.

use std::{collections::BTreeSet, time::Duration};

use contract::{GatewayName, Nonce, Revision, Timeline};
use jiff::Timestamp;
use serde_json::Value;

use super::{Adoption, Answer, Effect, Event as Product, Facts, Grants, Tenants, step, step::owed};
use crate::application::{Denied, Policy};

/// A fleet has at most so many gateways.
pub const GATEWAYS_MAX: u8 = 8;

/// A switch's state, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State(String);

/// What happens to a switch. Gateways are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Every tenant is moved.
    TenantsMoved,
    /// Provisioning has fixed the denies, at this revision of the grants.
    ConsentClosed(u8),
    /// Provisioning has heard the outcome.
    ConsentSettled,
    /// A gateway answers the turn of this nonce.
    Answered(u8, u8, Said),
    /// A gateway has become a member.
    Joined(u8),
    /// A gateway has left, or was evicted, or its leases have run out.
    Left(u8),
    /// The deadline has passed.
    TimePassed,
}

/// What a gateway says to a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Said {
    /// To Preparing.
    Ready,
    /// To Holding.
    Held,
    /// To Releasing.
    Released,
    /// To Releasing, later.
    Drained,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The event counts for nothing.
    Stays,
    /// The switch goes on.
    Goes(State),
    /// The switch goes on, and its target is the active version with the same transaction.
    Commits(State),
}

/// What gateways are told of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// Nothing.
    None,
    /// Promise and get ready, under this nonce.
    Preparing(u8),
    /// Hold, under this nonce, with the grants of this revision.
    Holding(u8, u8),
    /// Serve the version that is active now, under this nonce.
    Releasing(u8),
}

/// What a state owes to provisioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owed {
    /// Nothing.
    Nothing,
    /// To move tenants.
    MoveTenants,
    /// To wait until the leases of those that are left out have run out.
    AwaitLeases,
    /// To fix the denies.
    CloseConsent,
    /// To tell that the switch was committed.
    SettleCommitted,
    /// To tell that the switch was given up.
    SettleGivenUp,
}

impl State {
    /// Begins a switch.
    pub fn begun() -> Self {
        Self::of(&super::State::Provisioning)
    }

    /// Returns what is adopted after a restore: every member of `fleet` (a bit each) is to hold
    /// under this nonce, whatever it serves. Tenants are moved and the denies are fixed.
    pub fn adopted(fleet: u8, nonce: u8, grants: u8) -> Self {
        Self::of(&super::State::Adopting {
            nonce: self::nonce(nonce),
            predecessor: timeline(),
            adoption: Adoption::Holding {
                silent: names(fleet),
                grants: self::grants(grants),
            },
        })
    }

    /// Returns what gateways are told.
    pub fn turn(&self) -> Turn {
        match self.read().turn() {
            None => Turn::None,
            Some(super::Turn::Preparing(nonce)) => Turn::Preparing(number(nonce)),
            Some(
                super::Turn::Holding(nonce, grants)
                | super::Turn::Adopting {
                    nonce,
                    grants: Some(grants),
                    ..
                },
            ) => {
                let revision = u8::try_from(grants.revision.get()).expect("made from a small one");
                Turn::Holding(number(nonce), revision)
            }
            Some(super::Turn::Adopting { grants: None, .. }) => {
                unreachable!("what is adopted has its grants: see `adopted`")
            }
            Some(super::Turn::Releasing(nonce, _)) => Turn::Releasing(number(nonce)),
        }
    }

    /// Returns what it owes.
    pub fn owed(&self) -> Owed {
        match owed(&self.read()) {
            None => Owed::Nothing,
            Some(Effect::MoveTenants) => Owed::MoveTenants,
            Some(Effect::AwaitLeases) => Owed::AwaitLeases,
            Some(Effect::CloseConsent) => Owed::CloseConsent,
            Some(Effect::SettleCommitted) => Owed::SettleCommitted,
            Some(Effect::SettleGivenUp) => Owed::SettleGivenUp,
        }
    }

    /// Tells whether nothing changes any more.
    pub fn ended(&self) -> bool {
        self.read().ended_at().is_some()
    }

    fn read(&self) -> super::State {
        serde_json::from_str(&self.0).expect("written by `of`")
    }

    /// Writes a state as its row has it, with every instant the same: two states that differ by
    /// time alone are one.
    fn of(state: &super::State) -> Self {
        let mut row = serde_json::to_value(state).expect("a state is made of plain values");
        forget_instants(&mut row);
        Self(row.to_string())
    }
}

/// Lets an event happen to a switch, while `fleet` (a bit each) are the members. A turn that begins
/// is named by `nonce`.
pub fn step(state: &State, event: Event, fleet: u8, nonce: u8) -> Step {
    let event = match event {
        Event::TenantsMoved => Product::TenantsMoved(Tenants {
            done: true,
            ..Tenants::default()
        }),
        Event::ConsentClosed(revision) => Product::ConsentClosed {
            grants: grants(revision),
            denied: Denied::default(),
        },
        Event::ConsentSettled => Product::ConsentSettled { denied: 0 },
        Event::Answered(gateway, nonce, said) => Product::Answered {
            gateway: name(gateway),
            nonce: self::nonce(nonce),
            answer: match said {
                Said::Ready => Answer::Ready,
                Said::Held => Answer::Held,
                Said::Released => Answer::Released {
                    held_requests: 0,
                    longest_hold: Duration::ZERO,
                    failed_requests: 0,
                },
                Said::Drained => Answer::Drained {
                    finished_requests: 0,
                    cut_requests: 0,
                    closed_connections: 0,
                },
            },
        },
        Event::Joined(gateway) => Product::Joined(name(gateway)),
        Event::Left(gateway) => Product::Left(name(gateway)),
        Event::TimePassed => Product::TimePassed,
    };
    let now = match event {
        Product::TimePassed => deadline(),
        Product::TenantsMoved(_)
        | Product::ConsentClosed { .. }
        | Product::ConsentSettled { .. }
        | Product::Answered { .. }
        | Product::Joined(_)
        | Product::Left(_)
        | Product::LeasesEnded { .. }
        | Product::Restored
        | Product::DrainExtended { .. }
        | Product::DrainCut
        | Product::Cancelled { .. } => Timestamp::UNIX_EPOCH,
    };
    let facts = Facts {
        fleet: &names(fleet),
        away: &BTreeSet::new(),
        policy: &Policy::default(),
        nonce: self::nonce(nonce),
    };
    match step::step(&state.read(), &event, &facts, now) {
        step::Step::Stays => Step::Stays,
        step::Step::Goes(next) => Step::Goes(State::of(&next)),
        step::Step::Commits(next) => Step::Commits(State::of(&next)),
    }
}

/// Later than any event but the passing of time.
fn deadline() -> Timestamp {
    Timestamp::from_second(1_000_000_000).expect("it is a time")
}

fn forget_instants(row: &mut Value) {
    match row {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "until" || name == "at" {
                    *value = Value::String(deadline().to_string());
                } else {
                    forget_instants(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(forget_instants),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn name(gateway: u8) -> GatewayName {
    format!("g{gateway}").parse().expect("it is a name")
}

fn names(fleet: u8) -> BTreeSet<GatewayName> {
    (0..GATEWAYS_MAX)
        .filter(|gateway| fleet & (1 << gateway) != 0)
        .map(name)
        .collect()
}

fn nonce(number: u8) -> Nonce {
    Nonce::new([number; 16])
}

fn number(nonce: Nonce) -> u8 {
    (0..=u8::MAX)
        .find(|number| self::nonce(*number) == nonce)
        .expect("made by `nonce`")
}

fn timeline() -> Timeline {
    Timeline::new([7; 16])
}

fn grants(revision: u8) -> Grants {
    Grants {
        timeline: timeline(),
        revision: Revision::try_from(u64::from(revision)).expect("it is small"),
    }
}
