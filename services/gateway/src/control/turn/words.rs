//! What a turn hears, does and says.

use std::time::Duration;

use contract::{Nonce, Revision, Timeline};

use crate::{
    apps::{AppRoute, Overlap, Target},
    control::{
        grants::GrantsPosition,
        route::{Position, Route},
    },
};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// The catalog told the application's state.
    Arrived(Box<Route>),
    /// The data plane has taken the last `Flip`: no worker can still admit by the one before.
    Flipped {
        /// Whether a generation left with it.
        left: Left,
        /// The hold that it ended.
        held: HeldFigures,
    },
    /// The route at this position, or a later one, is durable.
    Written(Position),
    /// The route at this position could not be made durable, and why.
    NotWritten(Position, String),
    /// The target of the turn is checked.
    Prepared(Nonce, Result<(), Objection>),
    /// The target of the turn was asked for its health again, now that requests wait.
    Checked(Nonce, Result<(), Objection>),
    /// Nothing is under way on the version that leaves, or too much was for too long.
    Cleared(Nonce, Result<(), Objection>),
    /// The grants moved, or the link to provisioning did.
    Grants(Grants),
    /// How far the drain of the generation is that left with this turn.
    DrainMoved(Nonce, DrainingFigures),
    /// The generation that left with this turn has nothing in flight.
    DrainEnded(Nonce, DrainFigures),
}

/// Whether a generation left the data plane with a flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// None did, or it had nothing in flight.
    Nothing,
    /// One did, and is to be drained.
    Generation,
}

/// What to do, in this order.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Give the data plane this route; then tell `Flipped`.
    Flip(Box<AppRoute>),
    /// Make the route durable; then tell `Written` or `NotWritten`.
    Write,
    /// Resolve, connect to and check the target; then tell `Prepared`.
    Prepare(Nonce, Box<Target>),
    /// Ask for the target's health once more; then tell `Checked`.
    Check(Nonce, Box<Target>),
    /// Wait until nothing is under way behind the closed gate, and do as the policy says if that
    /// takes too long; then tell `Cleared`.
    Clear(Nonce, Overlap),
    /// Let what left with the last flip finish; then tell `DrainEnded` if a turn asked for it.
    Drain(DrainOrder),
    /// Let the drain of this turn take so long, from its begin on.
    DrainWithin(Nonce, Duration),
    /// Tell the catalog.
    Answer(Answer),
    /// Say loudly that the catalog's word was not taken.
    Refuse(Refusal),
    /// The catalog's word was taken: nothing speaks against this application any more.
    Accept,
}

/// For whom a generation is drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DrainOrder {
    /// A turn asked for it and waits for its end.
    Asked(Nonce, Duration),
    /// The gateway heard of the switch only when it was over.
    Unasked,
}

/// What a gateway says to one turn (R5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The route that is answered.
    pub(crate) position: Position,
    /// The turn that is answered.
    pub(crate) nonce: Nonce,
    /// What is said.
    pub(crate) report: Report,
}

/// What is said to a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// The target can be served, and the promise is kept.
    Ready,
    /// It cannot, and why.
    NotReady(Objection),
    /// Nothing reaches the active version until a greater revision is told.
    Held,
    /// New and held requests go to the new version.
    Released(HeldFigures),
    /// Something still is on the generation before.
    Draining(DrainingFigures),
    /// Nothing is left on the generation before.
    Drained(DrainFigures),
}

/// Why a target cannot be served from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Objection {
    /// Stable, for programs.
    pub(crate) reason: String,
    /// A sentence for people.
    pub(crate) message: String,
}

impl Objection {
    /// Makes one.
    pub(crate) fn new(reason: &str, message: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

/// What a hold was to users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HeldFigures {
    /// Requests that waited.
    pub(crate) requests: u64,
    /// Of them, those that were answered 503 here.
    pub(crate) failed: u64,
    /// The longest that one waited.
    pub(crate) longest: Duration,
}

/// How far the end of a generation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DrainingFigures {
    /// Requests and connections that are still under way.
    pub(crate) open: u64,
    /// Long-lived connections that were ended in good order.
    pub(crate) closed: u64,
}

/// How a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DrainFigures {
    /// Requests that finished.
    pub(crate) finished: u64,
    /// Of them, long-lived connections that were ended in good order.
    pub(crate) closed: u64,
    /// Requests and connections that were cut.
    pub(crate) cut: u64,
}

/// What is known of tenants here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grants {
    /// The link to provisioning.
    pub(crate) link: GrantsLink,
    /// What is applied in the data plane and durable on disk.
    pub(crate) durable: Option<GrantsPosition>,
}

/// The link to provisioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantsLink {
    /// Changes arrive.
    Following,
    /// It broke, or was never there, a moment ago.
    Connecting,
    /// It has been away for longer than a reconnect takes.
    CutOff,
}

/// Why the catalog's word was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Another history of the application than the one known here.
    #[error(
        "the catalog tells another history (timeline {told}) than the one this gateway has followed (timeline {known})"
    )]
    ForeignTimeline {
        /// What this gateway follows.
        known: Timeline,
        /// What the catalog told.
        told: Timeline,
    },
    /// Older than what is known here.
    #[error("the catalog tells revision {told}, older than revision {known} that this gateway has")]
    OlderRevision {
        /// What this gateway has.
        known: Revision,
        /// What the catalog told.
        told: Revision,
    },
    /// Generations never go down (I3).
    #[error("the catalog tells a smaller generation than the one this gateway has served")]
    SmallerGeneration,
    /// Two states under one revision.
    #[error("the catalog tells two different states under revision {0}")]
    Contradiction(Revision),
}

impl Refusal {
    /// Returns the stable reason.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::ForeignTimeline { .. } => "TIMELINE_FOREIGN",
            Self::OlderRevision { .. } | Self::SmallerGeneration | Self::Contradiction(_) => {
                "MOVED_BACKWARDS"
            }
        }
    }
}

/// Whether switches wait for this gateway, as the disk has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// It is a member of the fleet.
    Member,
    /// It has left, or is about to.
    Left,
}
