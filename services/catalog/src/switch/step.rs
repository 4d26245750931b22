//! What becomes of a switch when something happens: pure, so that every order of events can be tried.
//! Touches nothing, reads no clock, knows no database.
//!
//! | state | goes on when | is given up when |
//! |---|---|---|
//! | provisioning | every tenant is moved | cancelled; tenants failed and the policy says stop |
//! | giving notice | the notice that the policy says has passed | cancelled |
//! | preparing | every gateway is ready | cancelled; one is not ready; one is silent until the deadline |
//! | fencing | the leases of those that were silent have run out | cancelled; one is not ready |
//! | closing consent | the denies are fixed | cancelled; they are not until the deadline; there are such that the policy says stop |
//! | holding | every gateway holds: **commit** | cancelled; one is not ready; one is silent until the deadline |
//! | adopting | every gateway holds: **commit** | never: what was before is known to be wrong |
//! | releasing | every gateway has released, or the deadline | never: there is no way back |
//! | draining | every gateway has drained, or the deadline | never |
//! | settling | provisioning has heard the outcome | |
//!
//! A gateway that joins must answer the present turn like all others; one that leaves is waited for no
//! more. A fleet of none is a fleet: it has nothing to wait for. In fleet mode fenced, gateways that
//! are silent while all prepare are left out once their leases have run out; one that comes back
//! before that prepares like all others, and those that stay away are waited for anew.
#![deny(clippy::wildcard_enum_match_arm)]

use std::{collections::BTreeSet, time::Duration};

use contract::{GatewayName, Nonce};
use jiff::Timestamp;
use runtime::fault::{Plant, planted};

use super::{
    Adoption, Answer, Effect, Event, Facts, Failure, Grants, Limit, Outcome, Roll, State, Tenants,
    Why,
};
use crate::application::{FleetMode, TenantFailures};

/// How long provisioning may take to fix the denies while the gateways' promises stand.
const CLOSE_CONSENT_MAX: Duration = Duration::from_secs(30);
/// How long a committed switch waits for gateways to release. One that is silent for longer holds,
/// or has promised not to serve from disk: it never serves the version that left.
const RELEASE_MAX: Duration = Duration::from_secs(60);
/// How long after the drain deadline gateways may still report what they cut.
const DRAIN_REPORT: Duration = Duration::from_secs(10);
/// The most gateways that a sentence names.
const NAMED_MAX: usize = 5;

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The event counts for nothing.
    Stays,
    /// The switch goes on.
    Goes(State),
    /// The switch goes on, and the transaction that writes so makes the target the active version
    /// and begins the next generation.
    Commits(State),
}

/// Decides, touches nothing. Late, doubled and foreign events leave the state as it is.
pub(crate) fn step(state: &State, event: &Event, facts: &Facts<'_>, now: Timestamp) -> Step {
    use Event as E;
    use State as S;
    match (state, event) {
        (S::Provisioning, E::TenantsMoved(tenants)) => tenants_moved(tenants, facts, now),
        (
            S::Provisioning
            | S::GivingNotice { .. }
            | S::Preparing { .. }
            | S::Fencing { .. }
            | S::ClosingConsent { .. }
            | S::Holding { .. },
            E::Cancelled { message, .. },
        ) => give_up(Why::Cancelled, message.clone()),

        (S::GivingNotice { until }, E::TimePassed) if *until <= now => prepare(
            Roll::call(facts, now, facts.policy.prepare_timeout),
            facts,
            now,
        ),

        (S::Preparing { roll }, E::Answered { gateway, nonce, answer }) if roll.awaits(gateway, *nonce) => {
            match answer {
                Answer::Ready => prepare(roll.without(gateway), facts, now),
                Answer::NotReady(why) => not_ready(gateway, why),
                Answer::Held | Answer::Released { .. } | Answer::Draining { .. } | Answer::Drained { .. } => Step::Stays,
            }
        }
        (S::Preparing { roll }, E::Joined(gateway)) if roll.lacks(gateway) => prepare(roll.with(gateway), facts, now),
        (S::Preparing { roll }, E::Left(gateway)) if !roll.lacks(gateway) => prepare(roll.without(gateway), facts, now),
        (S::Preparing { roll }, E::TimePassed) if roll.until <= now => match facts.policy.fleet {
            FleetMode::Static => silent(roll, "get ready"),
            FleetMode::Fenced { .. } => fence(roll, facts),
        },

        (S::Fencing { nonce, wait, .. }, E::LeasesEnded { wait: ended, .. }) if wait == ended => {
            Step::Goes(close(*nonce, now))
        }
        (S::Fencing { nonce, leaving, .. }, E::Joined(gateway)) => {
            let roll = Roll {
                nonce: *nonce,
                silent: leaving.clone(),
                until: after(now, facts.policy.prepare_timeout),
            };
            Step::Goes(S::Preparing { roll: roll.with(gateway) })
        }
        (S::Fencing { nonce, leaving, wait }, E::Left(gateway)) if leaving.contains(gateway) => {
            let leaving = without(leaving, gateway);
            Step::Goes(if leaving.is_empty() {
                close(*nonce, now)
            } else {
                S::Fencing { nonce: *nonce, leaving, wait: *wait }
            })
        }
        (
            S::Fencing { nonce, leaving, .. },
            E::Answered { gateway, nonce: of, answer: Answer::NotReady(why) },
        ) if nonce == of && leaving.contains(gateway) => not_ready(gateway, why),

        (S::ClosingConsent { .. }, E::ConsentClosed { grants, denied }) => {
            match facts.policy.denials.stop(denied) {
                Some(why) => give_up(Why::TenantsDenied, why),
                None => {
                    let roll = Roll::call(facts, now, facts.policy.hold_time());
                    hold(roll, grants, facts, now)
                }
            }
        }
        (S::ClosingConsent { until, .. }, E::TimePassed) if *until <= now => give_up(
            Why::ConsentNotClosed,
            "Provisioning did not say in time which denials count. Look whether it runs, then confirm again.".to_owned(),
        ),

        (S::Holding { roll, grants }, E::Answered { gateway, nonce, answer }) if roll.awaits(gateway, *nonce) => {
            match answer {
                Answer::Held => hold(roll.without(gateway), grants, facts, now),
                Answer::NotReady(why) => not_ready(gateway, why),
                Answer::Ready | Answer::Released { .. } | Answer::Draining { .. } | Answer::Drained { .. } => Step::Stays,
            }
        }
        (S::Holding { roll, grants }, E::Joined(gateway)) if roll.lacks(gateway) => {
            hold(roll.with(gateway), grants, facts, now)
        }
        (S::Holding { roll, grants }, E::Left(gateway)) if !roll.lacks(gateway) => {
            hold(roll.without(gateway), grants, facts, now)
        }
        (S::Holding { roll, .. }, E::TimePassed) if roll.until <= now => silent(roll, "hold its requests"),

        (S::Adopting { nonce, predecessor, adoption }, event) => {
            let next = |nonce, adoption| {
                Step::Goes(S::Adopting { nonce, predecessor: *predecessor, adoption })
            };
            match (adoption, event) {
                (_, E::Restored) => Step::Goes(restored(state, now)),
                (Adoption::Moving, E::TenantsMoved(tenants)) => {
                    let moved = if tenants.done { Adoption::Closing } else { Adoption::Moving };
                    next(*nonce, moved)
                }
                (Adoption::Closing, E::ConsentClosed { grants, .. }) => {
                    let (silent, grants) = (facts.fleet.clone(), grants.clone());
                    adopt(silent, facts, now, |silent| next(facts.nonce, Adoption::Holding { silent, grants }))
                }
                (Adoption::Holding { silent, grants }, E::Answered { gateway, nonce: of, answer: Answer::Held })
                    if of == nonce && silent.contains(gateway) =>
                {
                    adopt(without(silent, gateway), facts, now, |silent| {
                        next(*nonce, Adoption::Holding { silent, grants: grants.clone() })
                    })
                }
                (Adoption::Holding { silent, .. }, E::Answered { gateway, nonce: of, answer: Answer::NotReady(_) })
                    if of == nonce && silent.contains(gateway) =>
                {
                    // Written down for the operator, who mends or evicts it.
                    Step::Goes(state.clone())
                }
                (Adoption::Holding { silent, grants }, E::Joined(gateway)) if !silent.contains(gateway) => {
                    let mut silent = silent.clone();
                    silent.insert(gateway.clone());
                    next(*nonce, Adoption::Holding { silent, grants: grants.clone() })
                }
                (Adoption::Holding { silent, grants }, E::Left(gateway)) if silent.contains(gateway) => {
                    adopt(without(silent, gateway), facts, now, |silent| {
                        next(*nonce, Adoption::Holding { silent, grants: grants.clone() })
                    })
                }
                (
                    Adoption::Moving | Adoption::Closing | Adoption::Holding { .. },
                    E::TenantsMoved(_)
                    | E::ConsentClosed { .. }
                    | E::ConsentSettled { .. }
                    | E::Answered { .. }
                    | E::LeasesEnded { .. }
                    | E::Joined(_)
                    | E::Left(_)
                    | E::Cancelled { .. }
                    | E::DrainExtended { .. }
                    | E::DrainCut
                    | E::TimePassed,
                ) => Step::Stays,
            }
        }

        (S::Releasing { roll, draining, limit }, E::Answered { gateway, nonce, answer }) if roll.nonce == *nonce => {
            match answer {
                Answer::Released { .. } if !roll.lacks(gateway) => {
                    Step::Goes(release(roll.without(gateway), draining.clone(), *limit, facts, now))
                }
                // Nothing can be drained that was not released.
                Answer::Drained { .. } if draining.contains(gateway) => {
                    Step::Goes(release(roll.without(gateway), without(draining, gateway), *limit, facts, now))
                }
                Answer::Draining { .. } if draining.contains(gateway) => Step::Goes(state.clone()),
                Answer::Ready
                | Answer::NotReady(_)
                | Answer::Held
                | Answer::Released { .. }
                | Answer::Draining { .. }
                | Answer::Drained { .. } => Step::Stays,
            }
        }
        (S::Releasing { roll, draining, limit }, E::Joined(gateway)) if !draining.contains(gateway) => {
            let mut draining = draining.clone();
            draining.insert(gateway.clone());
            Step::Goes(release(roll.with(gateway), draining, *limit, facts, now))
        }
        (S::Releasing { roll, draining, limit }, E::Left(gateway)) if draining.contains(gateway) => {
            Step::Goes(release(roll.without(gateway), without(draining, gateway), *limit, facts, now))
        }
        (S::Releasing { roll, draining, limit }, E::TimePassed) if roll.until <= now => {
            Step::Goes(drain(roll.nonce, draining.clone(), *limit, facts, now))
        }
        (S::Releasing { roll, draining, limit }, E::DrainExtended { time }) if limit.grows_to(*time, facts.policy) => {
            Step::Goes(release(roll.clone(), draining.clone(), Limit::Extended { time: *time }, facts, now))
        }
        (S::Releasing { roll, draining, limit }, E::DrainCut) if !limit.is_cut() => {
            Step::Goes(release(roll.clone(), draining.clone(), Limit::Cut { at: now }, facts, now))
        }

        (S::Draining { roll, limit }, E::Answered { gateway, nonce, answer }) if roll.awaits(gateway, *nonce) => {
            match answer {
                Answer::Drained { .. } => Step::Goes(drained(roll.without(gateway), *limit)),
                Answer::Draining { .. } => Step::Goes(state.clone()),
                Answer::Ready | Answer::NotReady(_) | Answer::Held | Answer::Released { .. } => Step::Stays,
            }
        }
        (S::Draining { roll, limit }, E::Left(gateway)) if !roll.lacks(gateway) => {
            Step::Goes(drained(roll.without(gateway), *limit))
        }
        (S::Draining { roll, limit }, E::DrainExtended { time }) if limit.grows_to(*time, facts.policy) => {
            let more = time.saturating_sub(limit.time(facts.policy));
            let roll = Roll { until: after(roll.until, more), ..roll.clone() };
            Step::Goes(S::Draining { roll, limit: Limit::Extended { time: *time } })
        }
        (S::Draining { roll, limit }, E::DrainCut) if !limit.is_cut() => {
            let roll = Roll { until: roll.until.min(after(now, DRAIN_REPORT)), ..roll.clone() };
            Step::Goes(S::Draining { roll, limit: Limit::Cut { at: now } })
        }
        (S::Draining { roll, .. }, E::TimePassed) if roll.until <= now => Step::Goes(settle(Outcome::Committed)),

        (S::Settling { outcome }, E::ConsentSettled { .. }) => {
            Step::Goes(S::Ended { outcome: outcome.clone(), at: now })
        }

        (
            S::Provisioning
            | S::GivingNotice { .. }
            | S::Preparing { .. }
            | S::Fencing { .. }
            | S::ClosingConsent { .. }
            | S::Holding { .. }
            | S::Releasing { .. }
            | S::Draining { .. }
            | S::Settling { .. },
            E::Restored,
        ) => Step::Goes(restored(state, now)),

        // What is late, doubled or foreign.
        (
            S::Provisioning,
            E::ConsentClosed { .. } | E::ConsentSettled { .. } | E::Answered { .. } | E::LeasesEnded { .. } | E::Joined(_) | E::Left(_) | E::DrainExtended { .. } | E::DrainCut | E::TimePassed,
        )
        | (
            S::GivingNotice { .. } | S::Preparing { .. } | S::Holding { .. },
            E::TenantsMoved(_) | E::ConsentClosed { .. } | E::ConsentSettled { .. } | E::Answered { .. } | E::LeasesEnded { .. } | E::Joined(_) | E::Left(_) | E::DrainExtended { .. } | E::DrainCut | E::TimePassed,
        )
        | (
            S::Fencing { .. },
            E::TenantsMoved(_) | E::ConsentClosed { .. } | E::ConsentSettled { .. } | E::Answered { .. } | E::LeasesEnded { .. } | E::Left(_) | E::DrainExtended { .. } | E::DrainCut | E::TimePassed,
        )
        // A gateway that joins or leaves here is on, or not on, the roll that Holding begins with.
        | (
            S::ClosingConsent { .. },
            E::TenantsMoved(_) | E::ConsentSettled { .. } | E::Answered { .. } | E::LeasesEnded { .. } | E::Joined(_) | E::Left(_) | E::DrainExtended { .. } | E::DrainCut | E::TimePassed,
        )
        | (
            S::Releasing { .. } | S::Draining { .. },
            E::TenantsMoved(_) | E::ConsentClosed { .. } | E::ConsentSettled { .. } | E::Answered { .. } | E::LeasesEnded { .. } | E::Joined(_) | E::Left(_) | E::Cancelled { .. } | E::DrainExtended { .. } | E::DrainCut | E::TimePassed,
        )
        | (
            S::Settling { .. },
            E::TenantsMoved(_) | E::ConsentClosed { .. } | E::Answered { .. } | E::LeasesEnded { .. } | E::Joined(_) | E::Left(_) | E::Cancelled { .. } | E::DrainExtended { .. } | E::DrainCut | E::TimePassed,
        )
        | (
            S::Ended { .. },
            E::Restored | E::TenantsMoved(_) | E::ConsentClosed { .. } | E::ConsentSettled { .. } | E::Answered { .. } | E::LeasesEnded { .. } | E::Joined(_) | E::Left(_) | E::Cancelled { .. } | E::DrainExtended { .. } | E::DrainCut | E::TimePassed,
        ) => Step::Stays,
    }
}

/// Returns what a state still owes the world. A crash asks again.
pub(crate) fn owed(state: &State) -> Option<Effect> {
    match state {
        State::Provisioning => Some(Effect::MoveTenants),
        State::Fencing { .. } => Some(Effect::AwaitLeases),
        State::ClosingConsent { .. } => Some(Effect::CloseConsent),
        State::Adopting { adoption, .. } => match adoption {
            Adoption::Moving => Some(Effect::MoveTenants),
            Adoption::Closing => Some(Effect::CloseConsent),
            Adoption::Holding { .. } => None,
        },
        State::Settling {
            outcome: Outcome::Committed,
        } => Some(Effect::SettleCommitted),
        State::Settling {
            outcome: Outcome::GivenUp { .. },
        } => Some(Effect::SettleGivenUp),
        State::Preparing { .. }
        | State::GivingNotice { .. }
        | State::Holding { .. }
        | State::Releasing { .. }
        | State::Draining { .. }
        | State::Ended { .. } => None,
    }
}

fn tenants_moved(tenants: &Tenants, facts: &Facts<'_>, now: Timestamp) -> Step {
    if !tenants.done {
        return Step::Goes(State::Provisioning);
    }
    match facts.policy.tenant_failures {
        TenantFailures::Stop if tenants.failed > 0 => give_up(
            Why::TenantsNotMoved,
            format!(
                "{} of {} tenants could not be moved. Mend what the switch names, or let it go on without them by the application's policy.",
                tenants.failed, tenants.total
            ),
        ),
        TenantFailures::Stop | TenantFailures::GoOn
            if tenants.mailed > 0 && !facts.policy.minimum_notice.is_zero() =>
        {
            Step::Goes(State::GivingNotice {
                until: after(now, facts.policy.minimum_notice),
            })
        }
        TenantFailures::Stop | TenantFailures::GoOn => prepare(
            Roll::call(facts, now, facts.policy.prepare_timeout),
            facts,
            now,
        ),
    }
}

fn prepare(roll: Roll, facts: &Facts<'_>, now: Timestamp) -> Step {
    if roll.silent.is_empty() {
        return Step::Goes(close(roll.nonce, now));
    }
    match facts.policy.fleet {
        // Nobody is left of whom an answer is to be expected.
        FleetMode::Fenced { .. } if roll.silent.is_subset(facts.away) => fence(&roll, facts),
        FleetMode::Fenced { .. } | FleetMode::Static => Step::Goes(State::Preparing { roll }),
    }
}

fn close(nonce: Nonce, now: Timestamp) -> State {
    State::ClosingConsent {
        nonce,
        until: after(now, CLOSE_CONSENT_MAX),
    }
}

fn fence(roll: &Roll, facts: &Facts<'_>) -> Step {
    Step::Goes(State::Fencing {
        nonce: roll.nonce,
        leaving: roll.silent.clone(),
        wait: facts.nonce,
    })
}

fn adopt(
    silent: BTreeSet<GatewayName>,
    facts: &Facts<'_>,
    now: Timestamp,
    waits: impl FnOnce(BTreeSet<GatewayName>) -> Step,
) -> Step {
    if !silent.is_empty() {
        return waits(silent);
    }
    let roll = Roll::call(facts, now, RELEASE_MAX);
    let draining = roll.silent.clone();
    Step::Commits(release(roll, draining, Limit::Policy, facts, now))
}

/// What came with a backup has no say in what is adopted; what was committed stays so.
fn restored(state: &State, now: Timestamp) -> State {
    let given_up = || Outcome::GivenUp {
        failure: Failure {
            why: Why::Restored,
            message: "The catalog was restored from a backup, and another state was adopted."
                .to_owned(),
        },
    };
    State::Ended {
        outcome: state.outcome().cloned().unwrap_or_else(given_up),
        at: now,
    }
}

fn hold(roll: Roll, grants: &Grants, facts: &Facts<'_>, now: Timestamp) -> Step {
    let enough = planted(Plant::QuorumInsteadOfAll) && roll.silent.len() * 2 < facts.fleet.len();
    if roll.silent.is_empty() || enough {
        let roll = Roll::call(facts, now, RELEASE_MAX);
        let draining = roll.silent.clone();
        Step::Commits(release(roll, draining, Limit::Policy, facts, now))
    } else {
        Step::Goes(State::Holding {
            roll,
            grants: grants.clone(),
        })
    }
}

fn release(
    roll: Roll,
    draining: BTreeSet<GatewayName>,
    limit: Limit,
    facts: &Facts<'_>,
    now: Timestamp,
) -> State {
    if roll.silent.is_empty() {
        drain(roll.nonce, draining, limit, facts, now)
    } else {
        State::Releasing {
            roll,
            draining,
            limit,
        }
    }
}

fn drain(
    nonce: Nonce,
    silent: BTreeSet<GatewayName>,
    limit: Limit,
    facts: &Facts<'_>,
    now: Timestamp,
) -> State {
    let until = after(after(now, limit.time(facts.policy)), DRAIN_REPORT);
    let roll = Roll {
        nonce,
        silent,
        until,
    };
    drained(roll, limit)
}

fn drained(roll: Roll, limit: Limit) -> State {
    if roll.silent.is_empty() {
        settle(Outcome::Committed)
    } else {
        State::Draining { roll, limit }
    }
}

fn settle(outcome: Outcome) -> State {
    State::Settling { outcome }
}

fn give_up(why: Why, message: String) -> Step {
    Step::Goes(settle(Outcome::GivenUp {
        failure: Failure { why, message },
    }))
}

fn not_ready(gateway: &GatewayName, why: &str) -> Step {
    give_up(
        Why::GatewayNotReady,
        format!("Gateway {gateway} cannot serve the version: {why}"),
    )
}

fn silent(roll: &Roll, what: &str) -> Step {
    let named: Vec<_> = roll
        .silent
        .iter()
        .take(NAMED_MAX)
        .map(GatewayName::as_str)
        .collect();
    let more = match roll.silent.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    give_up(
        Why::GatewaySilent,
        format!(
            "No answer in time from {}{more}: each gateway was to {what}. Look whether they run; evict one that cannot come back.",
            named.join(", ")
        ),
    )
}

impl Roll {
    /// Calls every member of the fleet to a turn that begins now.
    fn call(facts: &Facts<'_>, now: Timestamp, time: Duration) -> Self {
        Self {
            nonce: facts.nonce,
            silent: facts.fleet.clone(),
            until: after(now, time),
        }
    }

    fn awaits(&self, gateway: &GatewayName, nonce: Nonce) -> bool {
        (self.nonce == nonce || planted(Plant::AckNotBoundToRev)) && !self.lacks(gateway)
    }

    fn lacks(&self, gateway: &GatewayName) -> bool {
        !self.silent.contains(gateway)
    }

    fn with(&self, gateway: &GatewayName) -> Self {
        let mut roll = self.clone();
        roll.silent.insert(gateway.clone());
        roll
    }

    fn without(&self, gateway: &GatewayName) -> Self {
        let mut roll = self.clone();
        roll.silent.remove(gateway);
        roll
    }
}

fn without(names: &BTreeSet<GatewayName>, name: &GatewayName) -> BTreeSet<GatewayName> {
    let mut names = names.clone();
    names.remove(name);
    names
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
