//! A restored catalog goes on under a new timeline, by a hold: every order of that hold, of what
//! was there before, of the disk and of crashes.

use std::collections::{BTreeSet, VecDeque};

use super::*;

/// What a gateway may have when the catalog is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Serving,
    Preparing,
    Holding,
}

impl Known {
    fn route(self) -> Option<Route> {
        match self {
            Known::Nothing => None,
            Known::Serving => Some(before()),
            Known::Preparing => Some(prepare()),
            Known::Holding => Some(hold()),
        }
    }
}

/// Timeline 2, revision and generation above all that timeline 1 had, and the hold that begins it.
fn adopted(revision: u64, generation: u64, predecessor: u8) -> proto::catalog::v1::Route {
    let mut route = holding(told("crm", revision, generation), 9, GRANTS_NEEDED);
    route.timeline = uuid(2);
    route.predecessor_timeline = uuid(predecessor);
    route
}

fn refusal(step: &Step) -> Option<Refusal> {
    step.acts.iter().find_map(|act| match act {
        Act::Refuse(refusal) => Some(*refusal),
        Act::Flip(_)
        | Act::Write
        | Act::Prepare(..)
        | Act::Check(..)
        | Act::Clear(..)
        | Act::Drain(_)
        | Act::DrainWithin(..)
        | Act::Answer(_)
        | Act::Accept => None,
    })
}

#[test]
fn only_the_hold_that_follows_on_the_known_timeline_crosses_over() {
    let turn = ready();
    let mut open = adopted(9, 1, 1);
    open.turn = None;
    let mut releases = releasing(told("crm", 9, 2), 9);
    releases.timeline = uuid(2);
    releases.predecessor_timeline = uuid(1);
    let mut no_word = adopted(9, 1, 1);
    no_word.predecessor_timeline = String::new();
    for (route, reason) in [
        (adopted(9, 1, 3), "TIMELINE_FOREIGN"),
        (no_word, "TIMELINE_FOREIGN"),
        (open, "TIMELINE_FOREIGN"),
        (releases, "TIMELINE_FOREIGN"),
        (adopted(2, 1, 1), "MOVED_BACKWARDS"),
        (adopted(1, 1, 1), "MOVED_BACKWARDS"),
        (adopted(9, 0, 1), "MOVED_BACKWARDS"),
    ] {
        let step = arrive(&turn, parse(route.clone()));
        assert_eq!(
            refusal(&step).map(Refusal::reason),
            Some(reason),
            "{route:?}"
        );
        assert_eq!(step.turn, turn);
    }
    let (turn, acts) = applied(&turn, parse(adopted(9, 1, 1)), Left::Nothing);
    assert!(flips(&acts, |gate| matches!(
        gate,
        GateOrder::Held(Some(_))
    )));
    // There is no way back.
    let back = arrive(&turn, parse(told("crm", 20, 3)));
    assert_eq!(
        refusal(&back).map(Refusal::reason),
        Some("TIMELINE_FOREIGN")
    );
}

#[test]
fn what_was_on_disk_before_is_no_promise_of_the_new_timeline() {
    // The promise of the old timeline is kept, and its revision is no smaller in number.
    let (turn, acts) = applied(&ready(), parse(adopted(3, 1, 1)), Left::Nothing);
    assert_eq!(reports(&acts), []);
    let turn = step(&turn, Input::Checked(nonce(9), Ok(()))).turn;
    let late = step(&turn, Input::Written(prepare().position));
    assert_eq!(reports(&late.acts), [], "the disk has the old timeline");
    let written = step(&late.turn, Input::Written(turn.route().position));
    assert_eq!(reports(&written.acts), [Report::Held]);
}

/// One gateway and its disk while a restored catalog is adopted. The catalog commits once it has
/// heard `Held`.
#[derive(Debug, Clone)]
struct World {
    known: Known,
    turn: Option<Turn>,
    open: Option<u64>,
    disk: Option<Route>,
    to_write: Option<Route>,
    grants: Grants,
    held: bool,
    committed: bool,
    crashes: u8,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Old,
    Adopt,
    Commit,
    Outcome,
    Written,
    Grants,
    Crash { after_write: bool },
}

const EVENTS: [Event; 8] = [
    Event::Old,
    Event::Adopt,
    Event::Commit,
    Event::Outcome,
    Event::Written,
    Event::Grants,
    Event::Crash { after_write: false },
    Event::Crash { after_write: true },
];

impl World {
    fn new(known: Known) -> Self {
        let mut world = Self {
            known,
            turn: None,
            open: None,
            disk: None,
            to_write: None,
            grants: grants(GrantsLink::Following, GRANTS_NEEDED - 1),
            held: false,
            committed: false,
            crashes: 0,
        };
        for route in [before(), prepare(), hold()] {
            if known
                .route()
                .is_some_and(|last| route.position.revision <= last.position.revision)
            {
                world.tell(route);
            }
        }
        world.write();
        world
    }

    fn outcome() -> Route {
        let mut outcome = releasing(told("crm", 10, 2), 9);
        outcome.timeline = uuid(2);
        parse(outcome)
    }

    fn tell(&mut self, route: Route) {
        let step = match &self.turn {
            Some(turn) => arrive(turn, route),
            None => Turn::first(route, self.grants),
        };
        self.perform(step);
    }

    fn write(&mut self) {
        if let Some(route) = self.to_write.take() {
            self.disk = Some(route.clone());
            self.input(Input::Written(route.position));
        }
    }

    fn input(&mut self, input: Input) {
        if let Some(turn) = &self.turn {
            let step = step(turn, input);
            self.perform(step);
        }
    }

    fn perform(&mut self, done: Step) {
        let mut acts = VecDeque::from(done.acts);
        self.turn = Some(done.turn);
        while let Some(act) = acts.pop_front() {
            let turn = self.turn.clone().unwrap();
            match act {
                Act::Flip(route) => {
                    self.open = match route.gate {
                        GateOrder::Open(_) => route.generation.map(contract::Generation::get),
                        GateOrder::Held(_) | GateOrder::Never => None,
                    };
                    let flipped = step(
                        &turn,
                        Input::Flipped {
                            left: Left::Nothing,
                            held: HeldFigures::default(),
                        },
                    );
                    self.turn = Some(flipped.turn);
                    acts.extend(flipped.acts);
                }
                Act::Write => self.to_write = Some(turn.route().clone()),
                Act::Answer(answer) if answer.nonce == nonce(9) => self.hear(&answer),
                Act::Check(of, _) => {
                    let checked = step(&turn, Input::Checked(of, Ok(())));
                    self.turn = Some(checked.turn);
                    acts.extend(checked.acts);
                }
                Act::Answer(_)
                | Act::Prepare(..)
                | Act::Clear(..)
                | Act::Drain(_)
                | Act::DrainWithin(..)
                | Act::Refuse(_)
                | Act::Accept => {}
            }
        }
    }

    fn hear(&mut self, answer: &Answer) {
        if answer.report == Report::Held {
            assert_eq!(self.open, None, "held before the flip (R2)");
            let disk = self.disk.as_ref().map(|route| route.position.timeline);
            assert_eq!(
                disk,
                Some(answer.position.timeline),
                "the disk does not know the new timeline (R3)"
            );
            assert_eq!(self.grants, following(), "held without the grants");
            self.held = true;
        }
    }

    fn after(&self, event: Event) -> Option<Self> {
        let mut world = self.clone();
        match event {
            // A catalog of before the restore, whose word is late.
            Event::Old => world.tell(self.known.route()?),
            Event::Adopt => world.tell(parse(adopted(9, 1, 1))),
            Event::Commit if self.held => world.committed = true,
            Event::Outcome if self.committed => world.tell(World::outcome()),
            Event::Commit | Event::Outcome => return None,
            Event::Written => world.write(),
            Event::Grants => {
                world.grants = following();
                world.input(Input::Grants(following()));
            }
            Event::Crash { .. } if self.crashes == 2 => return None,
            Event::Crash { after_write } => {
                if after_write {
                    world.disk = world.to_write.take().or(world.disk);
                }
                world.to_write = None;
                world.turn = None;
                world.open = None;
                world.crashes += 1;
                if let Some(route) = world.disk.clone() {
                    world.perform(Turn::booted(route, Standing::Member, world.grants));
                }
            }
        }
        if world.committed {
            assert_ne!(
                world.open,
                Some(1),
                "open to the old version after the commit: {event:?}"
            );
        }
        Some(world)
    }

    fn key(&self) -> String {
        format!("{self:?}")
    }
}

#[test]
fn no_order_of_an_adoption_breaks_a_promise_and_each_comes_to_its_end() {
    for known in [
        Known::Nothing,
        Known::Serving,
        Known::Preparing,
        Known::Holding,
    ] {
        let first = World::new(known);
        let mut seen = BTreeSet::from([first.key()]);
        let mut open = VecDeque::from([first]);
        let (mut ended, mut from_old, mut crashed) = (0, 0, 0);
        while let Some(world) = open.pop_front() {
            let end = world.open == Some(2);
            ended += u32::from(end);
            crashed += u32::from(end && world.crashes == 2);
            let timeline = |route: &Route| route.position.timeline.to_string();
            from_old += u32::from(
                world.crashes > 0
                    && world.held
                    && world
                        .turn
                        .as_ref()
                        .is_some_and(|it| timeline(it.route()) == uuid(2)),
            );
            for event in EVENTS {
                if let Some(next) = world.after(event)
                    && seen.insert(next.key())
                {
                    open.push_back(next);
                }
            }
        }
        assert!(
            ended > 0 && from_old > 0 && crashed > 0,
            "{known:?}: {} states, {ended} {from_old} {crashed}",
            seen.len()
        );
    }
}
