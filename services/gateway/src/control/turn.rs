//! One application's switch as this gateway sees it: `step(turn, input) -> (turn, acts)`, pure. The
//! control loop performs the acts in their order and tells what came of them as inputs.
//!
//! | the route says | the gate | answered when |
//! |---|---|---|
//! | nothing | open to the active version | – |
//! | preparing | open to the active version | ready: the promise is on disk, the target prepared, grants followed |
//! | holding | held | held: the data plane has flipped, the promise is on disk, the grants are here, the target is healthy, and nothing is under way if nothing may overlap |
//! | releasing | open to the active version | released: flipped; drained: nothing is left on the generation before |
//!
//! Only an applied route moves the gate (I11): no input but `Arrived` leads to a `Flip`, and a route
//! is applied only on the same timeline, with a greater revision and a generation that is not
//! smaller (R4, I3). One state crosses from a timeline to the next: the hold by which a restored
//! catalog goes on. A state from disk that promised to wait, waits until the catalog has spoken
//! (R3).

#![deny(clippy::wildcard_enum_match_arm)]

use contract::{Nonce, Revision};
use runtime::fault::{Plant, planted};

use super::route::{Order, Position, Route};
use crate::apps::{AppRoute, GateOrder, Overlap};

mod words;

pub(crate) use words::{
    Act, Answer, DrainFigures, DrainOrder, DrainingFigures, Grants, GrantsLink, HeldFigures, Input,
    Left, Objection, Refusal, Report, Standing,
};

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
    Holding {
        flip: FlipState,
        /// The target's health.
        check: Check,
        /// What is under way on the active version, unless that may overlap with the next.
        clear: Check,
        said: Option<Report>,
    },
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
        Input::Checked(nonce, result) => holding_for(&mut next, nonce, result, |check, _| check),
        Input::Cleared(nonce, result) => holding_for(&mut next, nonce, result, |_, clear| clear),
        Input::DrainMoved(nonce, figures) => drain_moved(&next, nonce, figures),
        Input::DrainEnded(nonce, figures) => drain_ended(&mut next, nonce, figures),
    };
    Step { turn: next, acts }
}

fn arrived(turn: &Turn, route: Route) -> Step {
    let (known, told) = (turn.route.position, route.position);
    let adopts = told.timeline != known.timeline && route.adopts(known.timeline);
    let older = |a: bool| a && !planted(Plant::StaleStateApplied);
    let refusal = if told.timeline != known.timeline && !adopts {
        Some(Refusal::ForeignTimeline {
            known: known.timeline,
            told: told.timeline,
        })
    } else if older(told.revision < known.revision) || adopts && told.revision == known.revision {
        Some(Refusal::OlderRevision {
            known: known.revision,
            told: told.revision,
        })
    } else if older(told.generation < known.generation) {
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
    let same_history = route.position.timeline == turn.route.position.timeline;
    let same_turn = same_history
        && turn.source == Source::Catalog
        && route.order.nonce().is_some()
        && route.order.nonce() == turn.route.order.nonce();
    let (stage, work) = match (&route.order, &turn.stage) {
        (Order::Preparing { .. }, Stage::Preparing { .. })
        | (Order::Holding { .. }, Stage::Holding { .. })
        | (Order::Releasing { .. }, Stage::Releasing(_))
            if same_turn =>
        {
            (turn.stage.clone(), more_time(turn, &route.order))
        }
        (Order::None, _) => (Stage::Idle, None),
        (Order::Preparing { nonce, target, .. }, _) => (
            Stage::Preparing {
                check: Check::Running,
                said: None,
            },
            Some(Act::Prepare(*nonce, Box::new(target.clone()))),
        ),
        (
            Order::Holding {
                nonce,
                target,
                overlap,
                ..
            },
            _,
        ) => (
            Stage::Holding {
                flip: FlipState::Ordered,
                check: Check::Running,
                clear: match overlap {
                    Overlap::Allowed => Check::Passed,
                    Overlap::Abort(_) | Overlap::Cut(_) => Check::Running,
                },
                said: None,
            },
            Some(Act::Check(*nonce, Box::new(target.clone()))),
        ),
        (Order::Releasing { .. }, _) => (Stage::Releasing(Release::Flipping), None),
    };
    // What is on disk of another history is no promise of this one.
    let promise = same_history.then_some(turn.promise);
    let since = promise.and_then(|promise| promise.since);
    let since = route
        .order
        .promises()
        .then(|| since.unwrap_or(route.position.revision));
    let mut next = Turn {
        route,
        source: Source::Catalog,
        promise: Promise {
            since,
            on_disk: promise.and_then(|promise| promise.on_disk),
        },
        grants: turn.grants,
        stage,
    };
    let mut acts = vec![Act::Accept];
    if planted(Plant::AckBeforeFlip) {
        acts.extend(settle(&mut next));
    }
    acts.push(Act::Flip(Box::new(next.app_route())));
    // The promise on disk says all that a hold needs (R3), and whatever else uses the disk would make
    // it longer: what is on disk changes with the outcome.
    let held_by_promise = matches!(next.stage, Stage::Holding { .. }) && next.promise.kept();
    let unwritten = planted(Plant::HoldNotPersisted) && next.route.order.promises();
    if !held_by_promise && !unwritten {
        acts.push(Act::Write);
    }
    acts.extend(work);
    acts.extend(next.said());
    Step { turn: next, acts }
}

/// The same turn may give its drain more time, or none.
fn more_time(turn: &Turn, told: &Order) -> Option<Act> {
    match (&turn.stage, &turn.route.order, told) {
        (
            Stage::Releasing(Release::Draining(_)),
            Order::Releasing {
                drain_timeout: before,
                ..
            },
            Order::Releasing {
                nonce,
                drain_timeout,
                ..
            },
        ) if drain_timeout != before => Some(Act::DrainWithin(*nonce, *drain_timeout)),
        (
            Stage::Releasing(_) | Stage::Idle | Stage::Preparing { .. } | Stage::Holding { .. },
            _,
            _,
        ) => None,
    }
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
        (Stage::Holding { flip, .. }, order) => {
            let first = *flip == FlipState::Ordered;
            *flip = FlipState::Done;
            let mut acts = unasked();
            acts.extend(clear(order).filter(|_| first));
            acts.extend(settle(turn));
            acts
        }
        (Stage::Idle | Stage::Preparing { .. } | Stage::Releasing(_), _) => unasked(),
    }
}

/// What is under way is waited for from the moment on in which nothing more can come.
fn clear(order: &Order) -> Option<Act> {
    match order {
        Order::Holding { nonce, overlap, .. } => match overlap {
            Overlap::Allowed => None,
            Overlap::Abort(_) | Overlap::Cut(_) => Some(Act::Clear(*nonce, *overlap)),
        },
        Order::None | Order::Preparing { .. } | Order::Releasing { .. } => None,
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

/// Takes what came of one of the things that a held turn waits for.
fn holding_for(
    turn: &mut Turn,
    nonce: Nonce,
    result: Result<(), Objection>,
    which: impl for<'c> FnOnce(&'c mut Check, &'c mut Check) -> &'c mut Check,
) -> Vec<Act> {
    if turn.route.order.nonce() != Some(nonce) {
        return Vec::new();
    }
    match (&mut turn.stage, result) {
        (Stage::Holding { check, clear, .. }, Ok(())) => {
            *which(check, clear) = Check::Passed;
            settle(turn)
        }
        (Stage::Holding { .. }, Err(objection)) => say(turn, Report::NotReady(objection)),
        (Stage::Preparing { .. } | Stage::Idle | Stage::Releasing(_), _) => Vec::new(),
    }
}

fn drain_moved(turn: &Turn, nonce: Nonce, figures: DrainingFigures) -> Vec<Act> {
    match &turn.stage {
        Stage::Releasing(Release::Draining(_)) if turn.route.order.nonce() == Some(nonce) => {
            answer(&turn.route, Report::Draining(figures))
                .into_iter()
                .collect()
        }
        Stage::Releasing(_) | Stage::Idle | Stage::Preparing { .. } | Stage::Holding { .. } => {
            Vec::new()
        }
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
    if !turn.promise.kept() && !planted(Plant::HoldNotPersisted) {
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
                flip,
                check,
                clear,
                said: None,
            },
            Order::Holding { grants, .. },
        ) if (*flip, *check, *clear) == (FlipState::Done, Check::Passed, Check::Passed)
            || planted(Plant::AckBeforeFlip) =>
        {
            turn.grants
                .durable
                .filter(|durable| durable.covers(grants) || planted(Plant::HeldWithoutGrants))
                .map(|_| Report::Held)
        }
        (
            Stage::Idle | Stage::Preparing { .. } | Stage::Holding { .. } | Stage::Releasing(_),
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
