//! One switch with one gateway, in every order of events that a network, a disk and crashes can
//! make of it, and the answers to odd ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;
use crate::control::route::tests::{
    holding, nonce, parse, preparing, releasing, told, uuid,
};

/// The rows that the catalog may write, in the order of a switch. The last two are aborts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Row {
    Before,
    Preparing,
    Holding,
    Releasing,
    After,
    GivenUpEarly,
    GivenUpLate,
}

const GRANTS_NEEDED: u64 = 5;

impl Row {
    fn route(self) -> Route {
        parse(match self {
            Row::Before => told("crm", 1, 1),
            Row::Preparing => preparing(told("crm", 2, 1), 2),
            Row::Holding => holding(told("crm", 3, 1), 3, GRANTS_NEEDED),
            Row::Releasing => releasing(told("crm", 4, 2), 4),
            Row::After => told("crm", 5, 2),
            Row::GivenUpEarly => told("crm", 3, 1),
            Row::GivenUpLate => told("crm", 4, 1),
        })
    }

    fn committed(self) -> bool {
        matches!(self, Row::Releasing | Row::After)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Gate {
    Open(u64),
    Held,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Said {
    Ready,
    NotReady,
    Held,
    Released,
    Drained,
}

/// One gateway, its disk, and a catalog whose fleet it is.
#[derive(Debug, Clone)]
struct World {
    row: Row,
    in_flight: BTreeSet<Row>,
    turn: Option<Turn>,
    gate: Option<Gate>,
    disk: Option<Row>,
    to_write: Option<Row>,
    preparing: Option<Nonce>,
    prepared: bool,
    draining: Option<Nonce>,
    grants: Grants,
    said: BTreeSet<Said>,
    generation_seen: u64,
    crashes: u8,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Commit(Row),
    Deliver(Row),
    Written,
    NotWritten,
    Prepared(bool),
    GrantsArrive,
    Link(GrantsLink),
    DrainEnds,
    Crash { after_write: bool },
}

fn grants(link: GrantsLink, revision: u64) -> Grants {
    Grants {
        link,
        durable: Some(GrantsPosition {
            timeline: uuid(7).parse().unwrap(),
            revision: Revision::try_from(revision).unwrap(),
        }),
    }
}

impl World {
    fn new() -> Self {
        Self {
            row: Row::Before,
            in_flight: BTreeSet::from([Row::Before]),
            turn: None,
            gate: None,
            disk: None,
            to_write: None,
            preparing: None,
            prepared: false,
            draining: None,
            grants: grants(GrantsLink::Following, GRANTS_NEEDED - 1),
            said: BTreeSet::new(),
            generation_seen: 0,
            crashes: 0,
        }
    }

    fn events(&self) -> Vec<Event> {
        let said = |what| self.said.contains(&what);
        let mut events: Vec<Event> = self.in_flight.iter().map(|row| Event::Deliver(*row)).collect();
        events.extend(match self.row {
            Row::Before => vec![Event::Commit(Row::Preparing)],
            Row::Preparing if said(Said::Ready) => {
                vec![Event::Commit(Row::Holding), Event::Commit(Row::GivenUpEarly)]
            }
            Row::Preparing => vec![Event::Commit(Row::GivenUpEarly)],
            Row::Holding if said(Said::Held) => {
                vec![Event::Commit(Row::Releasing), Event::Commit(Row::GivenUpLate)]
            }
            Row::Holding => vec![Event::Commit(Row::GivenUpLate)],
            Row::Releasing if said(Said::Drained) => vec![Event::Commit(Row::After)],
            Row::Releasing | Row::After | Row::GivenUpEarly | Row::GivenUpLate => vec![],
        });
        if self.to_write.is_some() {
            events.extend([Event::Written, Event::NotWritten]);
        }
        if self.preparing.is_some() {
            events.extend([Event::Prepared(true), Event::Prepared(false)]);
        }
        if self.draining.is_some() {
            events.push(Event::DrainEnds);
        }
        if self.grants.durable == grants(GrantsLink::Following, GRANTS_NEEDED - 1).durable {
            events.push(Event::GrantsArrive);
        }
        for link in [GrantsLink::Following, GrantsLink::CutOff] {
            if self.grants.link != link {
                events.push(Event::Link(link));
            }
        }
        if self.crashes < 2 {
            events.push(Event::Crash { after_write: false });
            if self.to_write.is_some() {
                events.push(Event::Crash { after_write: true });
            }
        }
        events
    }

    fn after(&self, event: Event) -> Self {
        let mut world = self.clone();
        match event {
            Event::Commit(row) => {
                world.row = row;
                world.in_flight.insert(row);
            }
            Event::Deliver(row) => match &world.turn {
                Some(_) => world.input(Input::Arrived(Box::new(row.route()))),
                None => world.perform(Turn::first(row.route(), world.grants)),
            },
            Event::Written => {
                let row = world.to_write.take().unwrap();
                world.disk = Some(row);
                world.input(Input::Written(row.route().position));
            }
            Event::NotWritten => {
                let row = world.to_write.unwrap();
                world.input(Input::NotWritten(row.route().position, "no space".to_owned()));
            }
            Event::Prepared(fine) => {
                let nonce = world.preparing.take().unwrap();
                world.prepared = fine;
                let result = if fine {
                    Ok(())
                } else {
                    Err(Objection::new("VERSION_UNHEALTHY", "500"))
                };
                world.input(Input::Prepared(nonce, result));
            }
            Event::GrantsArrive => {
                world.grants = grants(world.grants.link, GRANTS_NEEDED);
                world.input(Input::Grants(world.grants));
            }
            Event::Link(link) => {
                world.grants.link = link;
                world.input(Input::Grants(world.grants));
            }
            Event::DrainEnds => {
                let nonce = world.draining.take().unwrap();
                world.input(Input::DrainEnded(nonce, DrainFigures::default()));
            }
            Event::Crash { after_write } => world.crash(after_write),
        }
        world.check(event);
        world
    }

    /// A new process, a new stream: what it hears was read after its hello.
    fn crash(&mut self, after_write: bool) {
        if after_write {
            self.disk = self.to_write;
        }
        self.to_write = None;
        self.preparing = None;
        self.prepared = false;
        self.draining = None;
        self.turn = None;
        self.gate = None;
        self.crashes += 1;
        self.in_flight = BTreeSet::from([self.row]);
        self.grants.link = GrantsLink::Connecting;
        if let Some(row) = self.disk {
            self.perform(Turn::booted(row.route(), Standing::Member, self.grants));
        }
    }

    fn input(&mut self, input: Input) {
        if let Some(turn) = &self.turn {
            let step = step(turn, input);
            self.perform(step);
        }
    }

    /// Does what a step says as the control loop does it.
    fn perform(&mut self, step: Step) {
        let mut acts = VecDeque::from(step.acts);
        self.turn = Some(step.turn);
        while let Some(act) = acts.pop_front() {
            match act {
                Act::Flip(route) => {
                    let left = self.flip(&route);
                    let input = Input::Flipped {
                        left,
                        held: HeldFigures::default(),
                    };
                    let step = super::step(self.turn.as_ref().unwrap(), input);
                    self.turn = Some(step.turn);
                    acts.extend(step.acts);
                }
                Act::Write => self.to_write = Some(self.at()),
                Act::Prepare(nonce, _) => {
                    self.preparing = Some(nonce);
                    self.prepared = false;
                }
                Act::Drain(DrainOrder::Asked(nonce, _)) => self.draining = Some(nonce),
                Act::Drain(DrainOrder::Unasked) | Act::Refuse(_) | Act::Accept => {}
                Act::Answer(answer) => self.hear(&answer),
            }
        }
    }

    fn flip(&mut self, route: &AppRoute) -> Left {
        let generation = route.generation.map_or(0, contract::Generation::get);
        let gate = match route.gate {
            GateOrder::Open(_) => Gate::Open(generation),
            GateOrder::Held(_) => Gate::Held,
            GateOrder::Never => panic!("it has an active version from the start"),
        };
        let left = match (self.gate, gate) {
            (Some(_), Gate::Open(2)) if self.generation_seen < 2 => Left::Generation,
            _ => Left::Nothing,
        };
        self.gate = Some(gate);
        if let Gate::Open(generation) = gate {
            assert!(generation >= self.generation_seen, "generations never go down (I3)");
            self.generation_seen = generation;
        }
        left
    }

    /// The row that the gateway has applied.
    fn at(&self) -> Row {
        let route = self.turn.as_ref().unwrap().route();
        [
            Row::Before,
            Row::Preparing,
            Row::Holding,
            Row::Releasing,
            Row::After,
            Row::GivenUpEarly,
            Row::GivenUpLate,
        ]
        .into_iter()
        .find(|row| row.route() == *route)
        .unwrap()
    }

    fn hear(&mut self, answer: &Answer) {
        let row = self.at();
        if answer.position != row.route().position {
            // An old turn hears that it is old; the catalog has long gone on.
            assert!(matches!(answer.report, Report::NotReady(_)));
            assert_ne!(Some(answer.nonce), row.route().order.nonce());
            return;
        }
        assert_eq!(Some(answer.nonce), row.route().order.nonce());
        let said = match answer.report {
            Report::Ready => {
                assert_eq!(row, Row::Preparing);
                assert!(self.promised(), "ready without a promise on disk (R3)");
                assert!(self.prepared, "ready without a checked target");
                assert_eq!(self.grants.link, GrantsLink::Following);
                Said::Ready
            }
            Report::NotReady(_) => {
                assert!(row == Row::Preparing || row == Row::Holding);
                Said::NotReady
            }
            Report::Held => {
                assert_eq!(row, Row::Holding);
                assert!(self.promised(), "held without a promise on disk (R3)");
                assert_eq!(self.gate, Some(Gate::Held), "held before the flip (R2)");
                assert_eq!(
                    self.grants.durable,
                    grants(GrantsLink::Following, GRANTS_NEEDED).durable,
                    "held without the grants"
                );
                Said::Held
            }
            Report::Released(_) => {
                assert_eq!(self.gate, Some(Gate::Open(2)));
                Said::Released
            }
            Report::Drained(_) => {
                assert!(self.said.contains(&Said::Released));
                Said::Drained
            }
        };
        self.said.insert(said);
    }

    fn promised(&self) -> bool {
        matches!(self.disk, Some(Row::Preparing | Row::Holding))
    }

    fn check(&self, event: Event) {
        if let Some(Gate::Open(1)) = self.gate {
            assert!(!self.row.committed(), "open to the old version after the commit (I2): {event:?}");
            let after_hold = self.at().route().position.revision > Row::Holding.route().position.revision;
            assert!(
                !self.said.contains(&Said::Held) || after_hold,
                "open again without a greater revision (I10): {event:?}"
            );
        }
    }

    fn key(&self) -> String {
        let turn = self.turn.as_ref().map(|turn| {
            (self.at(), turn.source, turn.promise, turn.grants, turn.stage.clone())
        });
        format!(
            "{:?} {:?} {turn:?} {:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {} {}",
            self.row,
            self.in_flight,
            self.gate,
            self.disk,
            self.to_write,
            self.preparing,
            self.prepared,
            self.draining,
            self.grants,
            self.said,
            self.generation_seen,
            self.crashes,
        )
    }
}

#[test]
fn no_order_of_events_and_crashes_breaks_a_promise() {
    let mut seen = BTreeSet::from([World::new().key()]);
    let mut open = VecDeque::from([World::new()]);
    let mut reached: BTreeMap<&str, u32> = BTreeMap::new();
    while let Some(world) = open.pop_front() {
        let mut note = |name, holds: bool| {
            *reached.entry(name).or_default() += u32::from(holds);
        };
        let waits = world.turn.as_ref().is_some_and(Turn::waits);
        note("drained", world.said.contains(&Said::Drained));
        note("drained after a crash", world.said.contains(&Said::Drained) && world.crashes > 0);
        note("not ready", world.said.contains(&Said::NotReady));
        note("waits for the catalog after a crash", waits);
        note("serves from disk after a crash", world.crashes > 0 && world.gate == Some(Gate::Open(1)));
        note("given up after a hold", world.row == Row::GivenUpLate && world.gate == Some(Gate::Open(1)));
        note("on the new version at the end", world.row == Row::After && world.gate == Some(Gate::Open(2)));
        for event in world.events() {
            let next = world.after(event);
            if seen.insert(next.key()) {
                open.push_back(next);
            }
        }
    }
    assert!(seen.len() > 1000, "{} states", seen.len());
    for (what, times) in reached {
        assert!(times > 0, "never: {what}");
    }
}

fn following() -> Grants {
    grants(GrantsLink::Following, GRANTS_NEEDED)
}

fn reports(acts: &[Act]) -> Vec<Report> {
    acts.iter()
        .filter_map(|act| match act {
            Act::Answer(answer) => Some(answer.report.clone()),
            Act::Flip(_)
            | Act::Write
            | Act::Prepare(..)
            | Act::Drain(_)
            | Act::Refuse(_)
            | Act::Accept => None,
        })
        .collect()
}

fn objections(acts: &[Act]) -> Vec<String> {
    reports(acts)
        .into_iter()
        .map(|report| match report {
            Report::NotReady(objection) => objection.reason,
            Report::Ready | Report::Held | Report::Released(_) | Report::Drained(_) => {
                format!("{report:?}")
            }
        })
        .collect()
}

fn flips(acts: &[Act], expected: fn(&GateOrder) -> bool) -> bool {
    acts.iter()
        .any(|act| matches!(act, Act::Flip(route) if expected(&route.gate)))
}

fn arrive(turn: &Turn, route: Route) -> Step {
    step(turn, Input::Arrived(Box::new(route)))
}

/// Applies a route and tells that the data plane has it.
fn applied(turn: &Turn, route: Route, left: Left) -> (Turn, Vec<Act>) {
    let Step { turn, mut acts } = arrive(turn, route);
    let flipped = step(
        &turn,
        Input::Flipped {
            left,
            held: HeldFigures::default(),
        },
    );
    acts.extend(flipped.acts);
    (flipped.turn, acts)
}

fn ready() -> Turn {
    let turn = Turn::first(Row::Before.route(), following()).turn;
    let turn = arrive(&turn, Row::Preparing.route()).turn;
    let turn = step(&turn, Input::Written(Row::Preparing.route().position)).turn;
    let step = step(&turn, Input::Prepared(nonce(2), Ok(())));
    assert_eq!(reports(&step.acts), [Report::Ready]);
    step.turn
}

#[test]
fn another_history_or_an_older_state_is_refused_and_asked_turns_hear_why() {
    let turn = ready();
    let mut foreign = preparing(told("crm", 9, 1), 9);
    foreign.timeline = uuid(8);
    let mut other = told("crm", 2, 1);
    other.display_name = "Other".to_owned();
    let cases = [
        (foreign, "TIMELINE_FOREIGN", 1),
        (preparing(told("crm", 1, 1), 9), "MOVED_BACKWARDS", 1),
        (told("crm", 3, 0), "MOVED_BACKWARDS", 0),
        (other, "MOVED_BACKWARDS", 0),
    ];
    for (route, reason, answers) in cases {
        let step = arrive(&turn, parse(route));
        assert_eq!(step.turn, turn);
        let refusals: Vec<_> = step
            .acts
            .iter()
            .filter_map(|act| match act {
                Act::Refuse(refusal) => Some(refusal.reason()),
                Act::Flip(_)
                | Act::Write
                | Act::Prepare(..)
                | Act::Drain(_)
                | Act::Answer(_)
                | Act::Accept => None,
            })
            .collect();
        assert_eq!(refusals, [reason]);
        assert_eq!(reports(&step.acts).len(), answers);
    }
}

#[test]
fn the_same_route_on_a_new_stream_is_answered_again_and_nothing_is_done_twice() {
    let step = arrive(&ready(), Row::Preparing.route());
    assert_eq!(step.turn, ready());
    assert!(matches!(
        step.acts.as_slice(),
        [Act::Accept, Act::Answer(Answer { report: Report::Ready, .. })]
    ));
}

#[test]
fn a_newer_revision_of_the_same_turn_keeps_what_was_done() {
    let newer = parse(preparing(told("crm", 7, 1), 2));
    let (turn, acts) = applied(&ready(), newer.clone(), Left::Nothing);
    assert_eq!(reports(&acts), [Report::Ready], "said again, for the newer revision");
    assert!(!acts.iter().any(|act| matches!(act, Act::Prepare(..))));
    assert_eq!(turn.route(), &newer);
}

#[test]
fn a_joiner_in_a_hold_promises_before_it_says_held() {
    let first = Turn::first(Row::Holding.route(), following());
    assert!(flips(&first.acts, |gate| matches!(gate, GateOrder::Held(Some(_)))));
    let flipped = step(
        &first.turn,
        Input::Flipped {
            left: Left::Nothing,
            held: HeldFigures::default(),
        },
    );
    assert_eq!(reports(&flipped.acts), []);
    let written = step(&flipped.turn, Input::Written(Row::Holding.route().position));
    assert_eq!(reports(&written.acts), [Report::Held]);
}

#[test]
fn a_full_disk_and_a_lost_provisioning_are_said_and_not_taken_back() {
    let turn = Turn::first(Row::Before.route(), following()).turn;
    let turn = arrive(&turn, Row::Preparing.route()).turn;
    let position = Row::Preparing.route().position;
    let older = step(&turn, Input::NotWritten(Row::Before.route().position, "x".to_owned()));
    assert_eq!(reports(&older.acts), [], "the write before says nothing of this promise");
    let failed = step(&turn, Input::NotWritten(position, "no space".to_owned()));
    assert_eq!(objections(&failed.acts), ["STATE_NOT_WRITTEN"]);
    let later = step(&failed.turn, Input::Written(position));
    let later = step(&later.turn, Input::Prepared(nonce(2), Ok(())));
    assert_eq!(reports(&later.acts), []);

    let turn = step(&turn, Input::Written(position)).turn;
    let turn = step(&turn, Input::Grants(grants(GrantsLink::Connecting, 5))).turn;
    let waiting = step(&turn, Input::Prepared(nonce(2), Ok(())));
    assert_eq!(reports(&waiting.acts), [], "a reconnect is waited for");
    let cut_off = step(&waiting.turn, Input::Grants(grants(GrantsLink::CutOff, 5)));
    assert_eq!(objections(&cut_off.acts), ["GRANTS_CUT_OFF"]);
}

#[test]
fn grants_of_another_timeline_never_count_for_a_hold() {
    let mut foreign = following();
    foreign.durable = foreign.durable.map(|position| GrantsPosition {
        timeline: uuid(8).parse().unwrap(),
        ..position
    });
    let turn = step(&ready(), Input::Grants(foreign)).turn;
    let (turn, acts) = applied(&turn, Row::Holding.route(), Left::Nothing);
    assert_eq!(reports(&acts), []);
    let told = step(&turn, Input::Grants(following()));
    assert_eq!(reports(&told.acts), [Report::Held]);
}

#[test]
fn a_switch_that_was_missed_is_drained_though_nobody_asks() {
    let (_, acts) = applied(&ready(), Row::After.route(), Left::Generation);
    assert!(acts.iter().any(|act| matches!(act, Act::Drain(DrainOrder::Unasked))));
    assert_eq!(reports(&acts), []);
}

#[test]
fn a_gateway_that_left_serves_nothing_from_disk_before_the_catalog_has_spoken() {
    let booted = Turn::booted(Row::Before.route(), Standing::Left, following());
    assert!(booted.turn.waits());
    let confirmed = arrive(&booted.turn, Row::Before.route());
    assert!(!confirmed.turn.waits());
    assert!(flips(&confirmed.acts, |gate| matches!(gate, GateOrder::Open(_))));
}

#[test]
fn a_first_activation_holds_and_opens_like_any_other() {
    let turn = Turn::first(parse(told("crm", 1, 0)), following());
    assert!(flips(&turn.acts, |gate| matches!(gate, GateOrder::Never)));
    let (turn, acts) = applied(&turn.turn, parse(holding(told("crm", 3, 0), 3, 5)), Left::Nothing);
    assert!(flips(&acts, |gate| matches!(gate, GateOrder::Held(None))));
    let (_, acts) = applied(&turn, parse(releasing(told("crm", 4, 1), 4)), Left::Nothing);
    assert_eq!(
        reports(&acts),
        [
            Report::Released(HeldFigures::default()),
            Report::Drained(DrainFigures::default())
        ]
    );
}
