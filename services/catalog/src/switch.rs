//! The words of a switch: the durable operation that makes another version the active one.

pub(crate) mod advance;
pub(crate) mod confirm;
pub(crate) mod drain;
pub(crate) mod driver;
pub(crate) mod heard;
#[cfg(feature = "faults")]
pub mod model;
pub(crate) mod preview;
pub(crate) mod receipt;
pub(crate) mod record;
pub(crate) mod step;

use std::{collections::BTreeSet, time::Duration};

use contract::{
    GatewayName, Generation, Nonce, Prose, RequestId, Revision, SwitchName, Timeline, VersionName,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::application::{Denied, Policy};
pub(crate) use drain::Limit;
pub(crate) use record::{Progress, Record, Tenants};

/// One switch, from the request to its end and after.
#[derive(Debug, Clone)]
pub(crate) struct Switch {
    pub(crate) name: SwitchName,
    pub(crate) kind: Kind,
    /// The version that was active when it began; none at a first activation.
    pub(crate) source: Option<VersionName>,
    /// The version that it makes the active one.
    pub(crate) target: VersionName,
    pub(crate) state: State,
    pub(crate) record: Record,
    pub(crate) reason: Prose<500>,
    /// Who confirmed.
    pub(crate) requested_by: String,
    pub(crate) request_id: RequestId,
    /// Set with the commit and never again.
    pub(crate) commit: Option<Commit>,
    /// Grows by one with every change of the row: every transition compares it.
    pub(crate) revision: Revision,
    pub(crate) created_at: Timestamp,
}

/// The one moment at which the target became the active version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) generation: Generation,
    pub(crate) at: Timestamp,
}

/// Which way a switch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To a version in test.
    Update,
    /// Back to a version that has been active before.
    Reactivate,
}

/// Where a switch stands, with what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum State {
    /// Provisioning moves every tenant. As long as it takes; it can be cancelled.
    Provisioning,
    /// Every tenant is moved, and those that got mails have until then to deny before gateways get
    /// ready. People see it as a part of Provisioning. It can be cancelled.
    GivingNotice { until: Timestamp },
    /// Every gateway promises, resolves, connects to and checks the target.
    Preparing { roll: Roll },
    /// The leases of gateways that were silent run out; they are marked and get no others. The
    /// promises of the rest stand under the nonce of Preparing. `wait` names this wait: one that was
    /// for others does not count.
    Fencing {
        nonce: Nonce,
        leaving: BTreeSet<GatewayName>,
        wait: Nonce,
    },
    /// Provisioning fixes which denies count. The promises stand under the nonce of Preparing.
    ClosingConsent { nonce: Nonce, until: Timestamp },
    /// Gateways hold new requests until they hear more.
    Holding { roll: Roll, grants: Grants },
    /// A restored catalog is adopted: gateways hold from the first state of the new timeline on. No
    /// time ends it, and nobody can cancel it: what was before is known to be wrong.
    Adopting {
        nonce: Nonce,
        /// The timeline that gateways know.
        predecessor: Timeline,
        adoption: Adoption,
    },
    /// Committed: gateways let requests on to the target. `draining` have not finished the
    /// requests of the generation before.
    Releasing {
        roll: Roll,
        draining: BTreeSet<GatewayName>,
        #[serde(default)]
        limit: Limit,
    },
    /// Requests in flight finish on the version that left, under the nonce of Releasing.
    Draining {
        roll: Roll,
        #[serde(default)]
        limit: Limit,
    },
    /// The outcome is certain; the tenants' consents follow it.
    Settling { outcome: Outcome },
    /// Nothing changes any more.
    Ended { outcome: Outcome, at: Timestamp },
}

/// What an adoption waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "adoption", rename_all = "snake_case")]
pub(crate) enum Adoption {
    /// Provisioning moves the tenants.
    Moving,
    /// Provisioning fixes which denies count.
    Closing,
    /// These gateways do not hold yet.
    Holding {
        silent: BTreeSet<GatewayName>,
        grants: Grants,
    },
}

/// Who has not answered a turn yet, and until when we wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roll {
    /// Names the turn: an answer to another one does not count.
    pub(crate) nonce: Nonce,
    pub(crate) silent: BTreeSet<GatewayName>,
    pub(crate) until: Timestamp,
}

/// The grants that a gateway must have before it answers `Held`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grants {
    pub(crate) timeline: Timeline,
    pub(crate) revision: Revision,
}

/// How a switch goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The target is the active version.
    Committed,
    /// Everything is as before.
    GivenUp { failure: Failure },
}

/// Why a switch was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) why: Why,
    /// A sentence that a person can act on.
    pub(crate) message: String,
}

/// Why a switch was given up, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// Somebody asked.
    Cancelled,
    /// Tenants could not be moved, and the policy says that this stops the switch.
    TenantsNotMoved,
    /// Tenants denied, and the policy says that this stops the switch.
    TenantsDenied,
    /// A gateway said that it cannot serve the target.
    GatewayNotReady,
    /// A gateway did not answer in time.
    GatewaySilent,
    /// Provisioning did not fix the denies in time.
    ConsentNotClosed,
    /// It came with a backup, and is none of what was adopted.
    Restored,
}

impl Why {
    /// Returns the stable name that programs match.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "CANCELLED",
            Self::TenantsNotMoved => "TENANTS_NOT_MOVED",
            Self::TenantsDenied => "TENANTS_DENIED",
            Self::GatewayNotReady => "GATEWAY_NOT_READY",
            Self::GatewaySilent => "GATEWAY_SILENT",
            Self::ConsentNotClosed => "CONSENT_NOT_CLOSED",
            Self::Restored => "RESTORED",
        }
    }
}

/// What happens to a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Provisioning says how far the tenants are.
    TenantsMoved(Tenants),
    /// Provisioning has fixed the denies.
    ConsentClosed { grants: Grants, denied: Denied },
    /// Provisioning has heard the outcome; so many tenants have denied the target.
    ConsentSettled { denied: i64 },
    /// A gateway answers a turn.
    Answered {
        gateway: GatewayName,
        nonce: Nonce,
        answer: Answer,
    },
    /// Every lease that the gateways which are left out may have had has run out, since a moment
    /// after they were marked.
    LeasesEnded {
        wait: Nonce,
        gateways: BTreeSet<GatewayName>,
    },
    /// A restored catalog is adopted, and this switch came with the backup.
    Restored,
    /// A gateway has become a member of the fleet.
    Joined(GatewayName),
    /// A gateway has left, or was evicted.
    Left(GatewayName),
    /// Somebody gives it up; the sentence says who and why.
    Cancelled { by: String, message: String },
    /// Requests under way may go on for so long, all in all.
    DrainExtended { time: Duration },
    /// Requests under way are cut.
    DrainCut,
    /// Time has passed.
    TimePassed,
}

/// What a gateway says to one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The target can be served.
    Ready,
    /// It cannot; the sentence says why.
    NotReady(String),
    /// No request can reach the old version until the outcome is told.
    Held,
    /// New and held requests go to the target.
    Released {
        held_requests: i64,
        longest_hold: Duration,
        /// Of those held, the ones that it answered itself.
        failed_requests: i64,
    },
    /// So much is still under way on the generation before; decides nothing.
    Draining {
        open_requests: i64,
        closed_connections: i64,
    },
    /// Nothing is left on the generation before.
    Drained {
        finished_requests: i64,
        cut_requests: i64,
        /// Of those finished, long-lived connections that it ended in good order.
        closed_connections: i64,
    },
}

/// What a state owes the world. Each may be done any number of times: twice equals once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Ask provisioning to move a further part of the tenants.
    MoveTenants,
    /// Wait until the leases of those that are left out have run out.
    AwaitLeases,
    /// Ask provisioning to fix which denies count.
    CloseConsent,
    /// Tell provisioning that the target is the active version.
    SettleCommitted,
    /// Tell provisioning that the switch was given up.
    SettleGivenUp,
}

/// What a step needs to know beside state and event.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    /// Every member of the fleet, as of this transaction, but those whose leases have run out.
    pub(crate) fleet: &'a BTreeSet<GatewayName>,
    /// Of them, those that do not follow now, and those that get no leases.
    pub(crate) away: &'a BTreeSet<GatewayName>,
    pub(crate) policy: &'a Policy,
    /// Names the turn that begins, if one does.
    pub(crate) nonce: Nonce,
}

/// The name of a state: what people and the database call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    Provisioning,
    Preparing,
    Fencing,
    ClosingConsent,
    Holding,
    Releasing,
    Draining,
    Settling,
    Succeeded,
    Failed,
    Cancelled,
}

impl State {
    /// Returns the name of the state.
    pub(crate) fn phase(&self) -> Phase {
        match self {
            Self::Provisioning | Self::GivingNotice { .. } => Phase::Provisioning,
            Self::Preparing { .. } => Phase::Preparing,
            Self::Fencing { .. } => Phase::Fencing,
            Self::ClosingConsent { .. } => Phase::ClosingConsent,
            Self::Holding { .. } | Self::Adopting { .. } => Phase::Holding,
            Self::Releasing { .. } => Phase::Releasing,
            Self::Draining { .. } => Phase::Draining,
            Self::Settling { .. } => Phase::Settling,
            Self::Ended { outcome, .. } => match outcome {
                Outcome::Committed => Phase::Succeeded,
                Outcome::GivenUp { failure } => match failure.why {
                    Why::Cancelled => Phase::Cancelled,
                    Why::TenantsNotMoved
                    | Why::TenantsDenied
                    | Why::GatewayNotReady
                    | Why::GatewaySilent
                    | Why::ConsentNotClosed
                    | Why::Restored => Phase::Failed,
                },
            },
        }
    }

    /// Returns until when the state may last; none where nothing ends it by time.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Preparing { roll }
            | Self::Holding { roll, .. }
            | Self::Releasing { roll, .. }
            | Self::Draining { roll, .. } => Some(roll.until),
            Self::GivingNotice { until } | Self::ClosingConsent { until, .. } => Some(*until),
            Self::Provisioning
            | Self::Fencing { .. }
            | Self::Adopting { .. }
            | Self::Settling { .. }
            | Self::Ended { .. } => None,
        }
    }

    /// Returns when it ended, if it has.
    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Ended { at, .. } => Some(*at),
            Self::Provisioning
            | Self::GivingNotice { .. }
            | Self::Preparing { .. }
            | Self::Fencing { .. }
            | Self::ClosingConsent { .. }
            | Self::Holding { .. }
            | Self::Adopting { .. }
            | Self::Releasing { .. }
            | Self::Draining { .. }
            | Self::Settling { .. } => None,
        }
    }

    /// Returns how it goes or went out, once that is certain.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Settling { outcome } | Self::Ended { outcome, .. } => Some(outcome),
            Self::Releasing { .. } | Self::Draining { .. } => Some(&Outcome::Committed),
            Self::Provisioning
            | Self::GivingNotice { .. }
            | Self::Preparing { .. }
            | Self::Fencing { .. }
            | Self::ClosingConsent { .. }
            | Self::Holding { .. }
            | Self::Adopting { .. } => None,
        }
    }

    /// Returns why it was or is being given up, if so.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self.outcome() {
            Some(Outcome::GivenUp { failure }) => Some(failure),
            Some(Outcome::Committed) | None => None,
        }
    }

    /// Returns the turn that gateways are told of, if any.
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        match self {
            Self::Preparing { roll } => Some(Turn::Preparing(roll.nonce)),
            Self::Fencing { nonce, .. } | Self::ClosingConsent { nonce, .. } => {
                Some(Turn::Preparing(*nonce))
            }
            Self::Holding { roll, grants } => Some(Turn::Holding(roll.nonce, grants)),
            Self::Adopting {
                nonce,
                predecessor,
                adoption,
            } => Some(Turn::Adopting {
                nonce: *nonce,
                predecessor: *predecessor,
                grants: match adoption {
                    Adoption::Moving | Adoption::Closing => None,
                    Adoption::Holding { grants, .. } => Some(grants),
                },
            }),
            Self::Releasing { roll, limit, .. } | Self::Draining { roll, limit } => {
                Some(Turn::Releasing(roll.nonce, *limit))
            }
            Self::Provisioning
            | Self::GivingNotice { .. }
            | Self::Settling { .. }
            | Self::Ended { .. } => None,
        }
    }
}

/// What gateways are to do about a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn<'a> {
    /// Promise and get ready.
    Preparing(Nonce),
    /// Admit nothing to the active version.
    Holding(Nonce, &'a Grants),
    /// The same, on the timeline that follows `predecessor`. Nobody can answer before the grants are
    /// known.
    Adopting {
        nonce: Nonce,
        predecessor: Timeline,
        grants: Option<&'a Grants>,
    },
    /// Admit to the active version, which has just become it.
    Releasing(Nonce, Limit),
}

impl Phase {
    /// Every phase, in the order of life.
    pub(crate) const ALL: [Self; 11] = [
        Self::Provisioning,
        Self::Preparing,
        Self::Fencing,
        Self::ClosingConsent,
        Self::Holding,
        Self::Releasing,
        Self::Draining,
        Self::Settling,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Returns its name in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Preparing => "preparing",
            Self::Fencing => "fencing",
            Self::ClosingConsent => "closing_consent",
            Self::Holding => "holding",
            Self::Releasing => "releasing",
            Self::Draining => "draining",
            Self::Settling => "settling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Kind {
    /// Returns its name in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Reactivate => "reactivate",
        }
    }
}
