//! One application's switch as this gateway sees it: `step(turn, input) -> (turn, acts)`, pure. The
//! control loop performs the acts in their order and tells what came of them as inputs.
//!
//! | the route says | the gate | answered when |
//! |---|---|---|
//! | nothing | open to the active version | – |
//! | preparing | open to the active version | ready: the promise is on disk, the target prepared, grants followed |
//! | holding | held | held: the data plane has flipped, the promise is on disk, the grants are here |
//! | releasing | open to the active version | released: flipped; drained: nothing is left on the generation before |
//!
//! Only an applied route moves the gate (I11): no input but `Arrived` leads to a `Flip`, and a route
//! is applied only on the same timeline, with a greater revision and a generation that is not
//! smaller (R4, I3). A state from disk that promised to wait, waits until the catalog has spoken
//! (R3).

#![deny(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use contract::{Nonce, Revision};

use super::{
    grants::GrantsPosition,
    route::{Order, Position, Route},
};
use crate::apps::{AppRoute, GateOrder, Target};

/// One application as the control loop knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn {
    route: Route,
    source: Source,
    promise: Promise,
    grants: Grants,
    stage: Stage,
}

/// Who said last what the route is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The disk; nothing speaks against serving it.
    DiskServing,
    /// The disk, and it says not to serve before the catalog has spoken.
    DiskWaiting,
    /// The catalog, in the life of this process.
    Catalog,
}

/// The promise not to serve from disk, and what is known of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Promise {
    /// The first route of the unbroken run of routes that ask for the promise.
    since: Option<Revision>,
    /// The newest route known to be durable.
    on_disk: Option<Revision>,
}

impl Promise {
    fn kept(self) -> bool {
        self.since
            .is_some_and(|since| self.on_disk.is_some_and(|on_disk| on_disk >= since))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Nothing is asked.
    Idle,
    /// A target is being made ready.
    Preparing { check: Check, said: Option<Report> },
    /// Nothing may reach the active version.
    Holding { flip: FlipState, said: Option<Report> },
    /// The generation before is leaving.
    Releasing(Release),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Running,
    Passed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlipState {
    Ordered,
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Release {
    Flipping,
    Draining(HeldFigures),
    Done(HeldFigures, DrainFigures),
}

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
    /// The grants moved, or the link to provisioning did.
    Grants(Grants),
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
    /// Let what left with the last flip finish; then tell `DrainEnded` if a turn asked for it.
    Drain(DrainOrder),
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
    /// The longest that one waited.
    pub(crate) longest: Duration,
}

/// How a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DrainFigures {
    /// Requests that finished.
    pub(crate) finished: u64,
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
        known: contract::Timeline,
        /// What the catalog told.
        told: contract::Timeline,
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

/// What comes of an input.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The turn from now on.
    pub(crate) turn: Turn,
    /// What to do.
    pub(crate) acts: Vec<Act>,
}

impl Turn {
    /// Begins with the first route that was ever told of an application.
    pub(crate) fn first(route: Route, grants: Grants) -> Step {
        let blank = Self {
            route: route.clone(),
            source: Source::Catalog,
            promise: Promise {
                since: None,
                on_disk: None,
            },
            grants,
            stage: Stage::Idle,
        };
        apply(&blank, route)
    }

    /// Begins with what the disk says. It waits for the catalog if it promised so, or if `standing`
    /// says that switches went on without this gateway.
    pub(crate) fn booted(route: Route, standing: Standing, grants: Grants) -> Step {
        let waits = match standing {
            Standing::Member => route.order.promises(),
            Standing::Left => true,
        };
        let turn = Self {
            promise: Promise {
                since: route.order.promises().then_some(route.position.revision),
                on_disk: None,
            },
            route,
            source: if waits {
                Source::DiskWaiting
            } else {
                Source::DiskServing
            },
            grants,
            stage: Stage::Idle,
        };
        let acts = vec![Act::Flip(Box::new(turn.app_route()))];
        Step { turn, acts }
    }

    /// Returns the last applied route.
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// Tells whether it waits for the catalog's first word after a start.
    pub(crate) fn waits(&self) -> bool {
        self.source == Source::DiskWaiting
    }

    fn app_route(&self) -> AppRoute {
        let active = self.route.active.clone();
        let held = self.waits() || matches!(self.route.order, Order::Holding { .. });
        let gate = match (held, active) {
            (true, active) => GateOrder::Held(active),
            (false, Some(active)) => GateOrder::Open(active),
            (false, None) => GateOrder::Never,
        };
        self.route.app_route(gate)
    }

    /// Returns what has been said to the present turn, and counts again on a new stream.
    fn said(&self) -> Vec<Act> {
        let reports: Vec<Report> = match &self.stage {
            Stage::Idle | Stage::Releasing(Release::Flipping) => Vec::new(),
            Stage::Preparing { said, .. } | Stage::Holding { said, .. } => {
                said.iter().cloned().collect()
            }
            Stage::Releasing(Release::Draining(held)) => vec![Report::Released(*held)],
            Stage::Releasing(Release::Done(held, drained)) => {
                vec![Report::Released(*held), Report::Drained(*drained)]
            }
        };
        reports
            .into_iter()
            .filter_map(|report| answer(&self.route, report))
            .collect()
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

/// Decides, touches nothing. Late, doubled and foreign inputs leave the turn as it is.
pub(crate) fn step(turn: &Turn, input: Input) -> Step {
    let mut next = turn.clone();
    let acts = match input {
        Input::Arrived(route) => return arrived(turn, *route),
        Input::Flipped { left, held } => flipped(&mut next, left, held),
        Input::Written(position) => {
            if position.timeline == next.route.position.timeline {
                next.promise.on_disk = next.promise.on_disk.max(Some(position.revision));
            }
            settle(&mut next)
        }
        Input::NotWritten(position, why) => not_written(&mut next, position, &why),
        Input::Prepared(nonce, result) => prepared(&mut next, nonce, result),
        Input::Grants(grants) => {
            next.grants = grants;
            settle(&mut next)
        }
        Input::DrainEnded(nonce, figures) => drain_ended(&mut next, nonce, figures),
    };
    Step { turn: next, acts }
}

fn arrived(turn: &Turn, route: Route) -> Step {
    let (known, told) = (turn.route.position, route.position);
    let refusal = if told.timeline != known.timeline {
        Some(Refusal::ForeignTimeline {
            known: known.timeline,
            told: told.timeline,
        })
    } else if told.revision < known.revision {
        Some(Refusal::OlderRevision {
            known: known.revision,
            told: told.revision,
        })
    } else if told.generation < known.generation {
        Some(Refusal::SmallerGeneration)
    } else if told.revision == known.revision && route != turn.route {
        Some(Refusal::Contradiction(told.revision))
    } else {
        None
    };
    if let Some(refusal) = refusal {
        return refuse(turn, &route, refusal);
    }
    if told.revision == known.revision && turn.source == Source::Catalog {
        let mut acts = vec![Act::Accept];
        acts.extend(turn.said());
        return Step {
            turn: turn.clone(),
            acts,
        };
    }
    apply(turn, route)
}

/// Leaves everything as it is. A turn that is not the present one hears why; the present one has
/// its own answer.
fn refuse(turn: &Turn, route: &Route, refusal: Refusal) -> Step {
    let mut acts = vec![Act::Refuse(refusal)];
    if route.order.promises() && route.order.nonce() != turn.route.order.nonce() {
        let objection = Objection::new(refusal.reason(), format!("Not taken: {refusal}."));
        acts.extend(answer(route, Report::NotReady(objection)));
    }
    Step {
        turn: turn.clone(),
        acts,
    }
}

fn apply(turn: &Turn, route: Route) -> Step {
    let same_turn = turn.source == Source::Catalog
        && route.order.nonce().is_some()
        && route.order.nonce() == turn.route.order.nonce();
    let (stage, prepare) = match (&route.order, &turn.stage) {
        (Order::Preparing { .. }, Stage::Preparing { .. })
        | (Order::Holding { .. }, Stage::Holding { .. })
        | (Order::Releasing { .. }, Stage::Releasing(_))
            if same_turn =>
        {
            (turn.stage.clone(), None)
        }
        (Order::None, _) => (Stage::Idle, None),
        (Order::Preparing { nonce, target, .. }, _) => (
            Stage::Preparing {
                check: Check::Running,
                said: None,
            },
            Some(Act::Prepare(*nonce, Box::new(target.clone()))),
        ),
        (Order::Holding { .. }, _) => (
            Stage::Holding {
                flip: FlipState::Ordered,
                said: None,
            },
            None,
        ),
        (Order::Releasing { .. }, _) => (Stage::Releasing(Release::Flipping), None),
    };
    let since = route
        .order
        .promises()
        .then(|| turn.promise.since.unwrap_or(route.position.revision));
    let next = Turn {
        route,
        source: Source::Catalog,
        promise: Promise {
            since,
            on_disk: turn.promise.on_disk,
        },
        grants: turn.grants,
        stage,
    };
    let mut acts = vec![Act::Accept, Act::Flip(Box::new(next.app_route())), Act::Write];
    acts.extend(prepare);
    acts.extend(next.said());
    Step { turn: next, acts }
}

fn flipped(turn: &mut Turn, left: Left, held: HeldFigures) -> Vec<Act> {
    let unasked = || match left {
        Left::Nothing => Vec::new(),
        Left::Generation => vec![Act::Drain(DrainOrder::Unasked)],
    };
    match (&mut turn.stage, &turn.route.order) {
        (
            stage @ Stage::Releasing(Release::Flipping),
            Order::Releasing {
                nonce,
                drain_timeout,
                ..
            },
        ) => {
            let drain = match left {
                Left::Nothing => {
                    *stage = Stage::Releasing(Release::Done(held, DrainFigures::default()));
                    None
                }
                Left::Generation => {
                    *stage = Stage::Releasing(Release::Draining(held));
                    Some(Act::Drain(DrainOrder::Asked(*nonce, *drain_timeout)))
                }
            };
            let mut acts = turn.said();
            acts.extend(drain);
            acts
        }
        (Stage::Holding { flip, .. }, _) => {
            *flip = FlipState::Done;
            let mut acts = unasked();
            acts.extend(settle(turn));
            acts
        }
        (Stage::Idle | Stage::Preparing { .. } | Stage::Releasing(_), _) => unasked(),
    }
}

fn not_written(turn: &mut Turn, position: Position, why: &str) -> Vec<Act> {
    let for_promise = position.timeline == turn.route.position.timeline
        && turn
            .promise
            .since
            .is_some_and(|since| position.revision >= since);
    if !for_promise || turn.promise.kept() {
        return Vec::new();
    }
    let objection = Objection::new(
        "STATE_NOT_WRITTEN",
        format!("This gateway cannot write its promise to disk: {why}."),
    );
    say(turn, Report::NotReady(objection))
}

fn prepared(turn: &mut Turn, nonce: Nonce, result: Result<(), Objection>) -> Vec<Act> {
    if turn.route.order.nonce() != Some(nonce) {
        return Vec::new();
    }
    match (&mut turn.stage, result) {
        (Stage::Preparing { check, said: None }, Ok(())) => {
            *check = Check::Passed;
            settle(turn)
        }
        (Stage::Preparing { said: None, .. }, Err(objection)) => {
            say(turn, Report::NotReady(objection))
        }
        (
            Stage::Preparing { said: Some(_), .. }
            | Stage::Idle
            | Stage::Holding { .. }
            | Stage::Releasing(_),
            _,
        ) => Vec::new(),
    }
}

fn drain_ended(turn: &mut Turn, nonce: Nonce, figures: DrainFigures) -> Vec<Act> {
    match &turn.stage {
        Stage::Releasing(Release::Draining(held)) if turn.route.order.nonce() == Some(nonce) => {
            turn.stage = Stage::Releasing(Release::Done(*held, figures));
            answer(&turn.route, Report::Drained(figures))
                .into_iter()
                .collect()
        }
        Stage::Releasing(_) | Stage::Idle | Stage::Preparing { .. } | Stage::Holding { .. } => {
            Vec::new()
        }
    }
}

/// Says what the turn waits for, once everything that it needs is there.
fn settle(turn: &mut Turn) -> Vec<Act> {
    if !turn.promise.kept() {
        return Vec::new();
    }
    let report = match (&turn.stage, &turn.route.order) {
        (
            Stage::Preparing {
                check: Check::Passed,
                said: None,
            },
            _,
        ) => match turn.grants.link {
            GrantsLink::Following => Some(Report::Ready),
            GrantsLink::Connecting => None,
            GrantsLink::CutOff => Some(Report::NotReady(Objection::new(
                "GRANTS_CUT_OFF",
                "This gateway does not reach provisioning, so it cannot know who is let in.",
            ))),
        },
        (
            Stage::Holding {
                flip: FlipState::Done,
                said: None,
            },
            Order::Holding { grants, .. },
        ) => turn
            .grants
            .durable
            .filter(|durable| durable.covers(grants))
            .map(|_| Report::Held),
        (
            Stage::Idle
            | Stage::Preparing { .. }
            | Stage::Holding { .. }
            | Stage::Releasing(_),
            _,
        ) => None,
    };
    report.map_or_else(Vec::new, |report| say(turn, report))
}

/// Says it once; what was said to a turn is never taken back.
fn say(turn: &mut Turn, report: Report) -> Vec<Act> {
    match &mut turn.stage {
        Stage::Preparing { said, .. } | Stage::Holding { said, .. } if said.is_none() => {
            *said = Some(report.clone());
            answer(&turn.route, report).into_iter().collect()
        }
        Stage::Preparing { .. } | Stage::Holding { .. } | Stage::Idle | Stage::Releasing(_) => {
            Vec::new()
        }
    }
}

fn answer(route: &Route, report: Report) -> Option<Act> {
    route.order.nonce().map(|nonce| {
        Act::Answer(Answer {
            position: route.position,
            nonce,
            report,
        })
    })
}

#[cfg(test)]
mod tests;
