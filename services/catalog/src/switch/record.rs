//! What a switch has been through, for people: its steps, its tenants, its gateways. Decides nothing.

use std::{collections::BTreeMap, time::Duration};

use contract::{GatewayName, SwitchName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answer, Event, Phase, State};

/// What a switch has been through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// When each phase began, in order.
    pub(crate) steps: Vec<(Phase, Timestamp)>,
    pub(crate) tenants: Tenants,
    pub(crate) gateways: BTreeMap<GatewayName, Progress>,
    /// Until when requests may or might be under way on the version that left; set by the commit.
    #[serde(default)]
    pub(crate) drain_deadline: Option<Timestamp>,
    /// The switch whose target the watch left by this one; such a one is not watched itself.
    #[serde(default)]
    pub(crate) back_from: Option<SwitchName>,
    /// Until when the target is watched; none when it is not, or no longer.
    #[serde(default)]
    pub(crate) bake_deadline: Option<Timestamp>,
    /// The switch back that the watch over the target began.
    #[serde(default)]
    pub(crate) switched_back_by: Option<SwitchName>,
    /// Who has approved it, where a second person had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approved_by: Option<String>,
}

/// How far the tenants have been moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tenants {
    /// Nothing is left to move.
    pub(crate) done: bool,
    pub(crate) total: i64,
    /// Denied and failed ones included.
    pub(crate) moved: i64,
    pub(crate) mailed: i64,
    pub(crate) denied: i64,
    pub(crate) failed: i64,
    /// The first that could not be moved with the reason, at most [`Tenants::FAILURES_MAX`].
    pub(crate) failures: Vec<(String, String)>,
}

impl Tenants {
    /// The most failures that are kept.
    pub(crate) const FAILURES_MAX: usize = 100;
}

/// One gateway's part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    /// What it last answered and when.
    pub(crate) answered: Option<(Answered, Timestamp)>,
    /// Why it is not ready; else empty.
    pub(crate) message: String,
    pub(crate) held_requests: i64,
    pub(crate) longest_hold: Duration,
    /// Of those held, the ones that it answered itself.
    pub(crate) failed_requests: i64,
    pub(crate) drained_requests: i64,
    pub(crate) cut_requests: i64,
    /// Long-lived connections that it ended in good order.
    pub(crate) closed_connections: i64,
    /// What it last said is still under way on the version that left.
    pub(crate) open_requests: i64,
    pub(crate) ready_at: Option<Timestamp>,
    pub(crate) held_at: Option<Timestamp>,
    pub(crate) released_at: Option<Timestamp>,
    pub(crate) drained_at: Option<Timestamp>,
}

/// What a gateway last answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answered {
    Ready,
    NotReady,
    Held,
    Released,
    Drained,
    /// Nothing: its leases have run out.
    Fenced,
}

impl Record {
    /// Notes an event that counted.
    pub(crate) fn note(&mut self, event: &Event, now: Timestamp) {
        match event {
            Event::TenantsMoved(tenants) => {
                let denied = self.tenants.denied;
                self.tenants = Tenants {
                    denied,
                    ..tenants.clone()
                };
            }
            Event::ConsentClosed { denied, .. } => self.tenants.denied = denied.count,
            Event::ConsentSettled { denied } => self.tenants.denied = *denied,
            Event::Answered {
                gateway, answer, ..
            } => {
                self.gateways
                    .entry(gateway.clone())
                    .or_default()
                    .note(answer, now);
            }
            Event::LeasesEnded { gateways, .. } => {
                for gateway in gateways {
                    let progress = self.gateways.entry(gateway.clone()).or_default();
                    progress.answered = Some((Answered::Fenced, now));
                }
            }
            Event::Joined(gateway) => drop(self.gateways.entry(gateway.clone()).or_default()),
            Event::Restored
            | Event::Left(_)
            | Event::Cancelled { .. }
            | Event::DrainExtended { .. }
            | Event::DrainCut
            | Event::TimePassed => {}
        }
    }

    /// Notes the state that follows. Phases on the way that had nothing to wait for began and
    /// ended at the same moment; fencing is only on the way of those that did it.
    pub(crate) fn enter(&mut self, next: &State, now: Timestamp) {
        let phase = next.phase();
        let last = self.steps.last().map(|(phase, _)| *phase);
        if last == Some(phase) {
            return;
        }
        if next.failure().is_none() {
            let passed = Phase::ALL
                .into_iter()
                .filter(|between| *between != Phase::Fencing)
                .filter(|between| last.is_some_and(|last| last < *between) && *between < phase)
                .map(|between| (between, now));
            self.steps.extend(passed);
        }
        self.steps.push((phase, now));
        if let State::Preparing { roll } = next {
            for gateway in &roll.silent {
                self.gateways.entry(gateway.clone()).or_default();
            }
        }
    }
}

impl Progress {
    /// Tells whether an answer says of a drain what is known already.
    pub(crate) fn knows(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Draining {
                open_requests,
                closed_connections,
            } => {
                (self.open_requests, self.closed_connections)
                    == (*open_requests, *closed_connections)
            }
            Answer::Ready
            | Answer::NotReady(_)
            | Answer::Held
            | Answer::Released { .. }
            | Answer::Drained { .. } => false,
        }
    }

    fn note(&mut self, answer: &Answer, now: Timestamp) {
        let answered = match answer {
            Answer::Ready => {
                self.ready_at = Some(now);
                Answered::Ready
            }
            Answer::NotReady(why) => {
                self.message.clone_from(why);
                Answered::NotReady
            }
            Answer::Held => {
                self.held_at = Some(now);
                Answered::Held
            }
            Answer::Released {
                held_requests,
                longest_hold,
                failed_requests,
            } => {
                self.held_requests = *held_requests;
                self.longest_hold = *longest_hold;
                self.failed_requests = *failed_requests;
                self.released_at = Some(now);
                Answered::Released
            }
            Answer::Draining {
                open_requests,
                closed_connections,
            } => {
                self.open_requests = *open_requests;
                self.closed_connections = *closed_connections;
                return;
            }
            Answer::Drained {
                finished_requests,
                cut_requests,
                closed_connections,
            } => {
                self.drained_requests = *finished_requests;
                self.cut_requests = *cut_requests;
                self.closed_connections = *closed_connections;
                self.open_requests = 0;
                self.drained_at = Some(now);
                Answered::Drained
            }
        };
        self.answered = Some((answered, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::{Failure, Outcome, Why};

    #[test]
    fn phases_that_took_no_time_are_in_the_receipt_of_a_success_alone() {
        let now = Timestamp::UNIX_EPOCH;
        let mut record = Record::default();
        record.enter(&State::Provisioning, now);
        let mut other = record.clone();
        let outcome = Outcome::Committed;
        record.enter(
            &State::Settling {
                outcome: outcome.clone(),
            },
            now,
        );
        record.enter(&State::Ended { outcome, at: now }, now);
        let phases: Vec<_> = record.steps.iter().map(|(phase, _)| *phase).collect();
        let expected = Phase::ALL[..9]
            .iter()
            .copied()
            .filter(|phase| *phase != Phase::Fencing);
        assert_eq!(phases, expected.collect::<Vec<_>>());

        let failure = Failure {
            why: Why::Cancelled,
            message: String::new(),
        };
        let outcome = Outcome::GivenUp { failure };
        other.enter(
            &State::Settling {
                outcome: outcome.clone(),
            },
            now,
        );
        other.enter(&State::Ended { outcome, at: now }, now);
        let phases: Vec<_> = other.steps.iter().map(|(phase, _)| *phase).collect();
        assert_eq!(
            phases,
            [Phase::Provisioning, Phase::Settling, Phase::Cancelled]
        );
    }
}
