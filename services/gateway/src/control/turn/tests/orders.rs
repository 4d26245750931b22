//! One switch with one gateway, in every order of events that a network, a disk and crashes can
//! make of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proto::catalog::v1 as wire;

use super::*;
use crate::control::route::tests::{holding, parse, preparing, releasing, told};

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

const ROWS: [Row; 7] = [
    Row::Before,
    Row::Preparing,
    Row::Holding,
    Row::Releasing,
    Row::After,
    Row::GivenUpEarly,
    Row::GivenUpLate,
];

thread_local! {
    /// Parsed once: they are told a hundred thousand times.
    static ROUTES: BTreeMap<Row, Route> = ROWS.map(|row| (row, parse(row.told()))).into();
}

impl Row {
    fn route(self) -> Route {
        ROUTES.with(|routes| routes[&self].clone())
    }

    fn told(self) -> wire::Route {
        match self {
            Row::Before => told("crm", 1, 1),
            Row::Preparing => preparing(told("crm", 2, 1), 2),
            Row::Holding => holding(told("crm", 3, 1), 3, GRANTS_NEEDED),
            Row::Releasing => releasing(told("crm", 4, 2), 4),
            Row::After => told("crm", 5, 2),
            Row::GivenUpEarly => told("crm", 3, 1),
            Row::GivenUpLate => told("crm", 4, 1),
        }
    }

    /// Returns the row that a route was told of.
    fn of(route: &Route) -> Row {
        let generation = route.position.generation.map(contract::Generation::get);
        match (route.position.revision.get(), generation, &route.order) {
            (1, _, _) => Row::Before,
            (2, _, _) => Row::Preparing,
            (3, _, Order::Holding { .. }) => Row::Holding,
            (3, _, _) => Row::GivenUpEarly,
            (4, Some(2), _) => Row::Releasing,
            (4, _, _) => Row::GivenUpLate,
            _ => Row::After,
        }
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
    checking: Option<Nonce>,
    checked: bool,
    /// Whether this process has said that it is ready: it may say so again.
    ready_here: bool,
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
    Checked(bool),
    GrantsArrive,
    Link(GrantsLink),
    DrainEnds,
    Crash { after_write: bool },
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
            checking: None,
            checked: false,
            ready_here: false,
            draining: None,
            grants: grants(GrantsLink::Following, GRANTS_NEEDED - 1),
            said: BTreeSet::new(),
            generation_seen: 0,
            crashes: 0,
        }
    }

    fn events(&self) -> Vec<Event> {
        let said = |what| self.said.contains(&what);
        let mut events: Vec<Event> = self
            .in_flight
            .iter()
            .map(|row| Event::Deliver(*row))
            .collect();
        events.extend(match self.row {
            Row::Before => vec![Event::Commit(Row::Preparing)],
            Row::Preparing if said(Said::Ready) => {
                vec![
                    Event::Commit(Row::Holding),
                    Event::Commit(Row::GivenUpEarly),
                ]
            }
            Row::Preparing => vec![Event::Commit(Row::GivenUpEarly)],
            Row::Holding if said(Said::Held) => {
                vec![
                    Event::Commit(Row::Releasing),
                    Event::Commit(Row::GivenUpLate),
                ]
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
        if self.checking.is_some() {
            events.extend([Event::Checked(true), Event::Checked(false)]);
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
                world.input(Input::NotWritten(
                    row.route().position,
                    "no space".to_owned(),
                ));
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
            Event::Checked(fine) => {
                let nonce = world.checking.take().unwrap();
                world.checked = fine;
                let result = match fine {
                    true => Ok(()),
                    false => Err(Objection::new("VERSION_UNHEALTHY", "500")),
                };
                world.input(Input::Checked(nonce, result));
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
        self.checking = None;
        self.checked = false;
        self.ready_here = false;
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
                Act::Check(nonce, _) => {
                    self.checking = Some(nonce);
                    self.checked = false;
                }
                Act::Clear(..) => panic!("requests may overlap"),
                Act::DrainWithin(..) => panic!("its time is always the same"),
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
            assert!(
                generation >= self.generation_seen,
                "generations never go down (I3)"
            );
            self.generation_seen = generation;
        }
        left
    }

    /// The row that the gateway has applied.
    fn at(&self) -> Row {
        Row::of(self.turn.as_ref().unwrap().route())
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
                assert!(
                    self.ready_here || self.grants.link == GrantsLink::Following,
                    "ready without the grants being followed"
                );
                self.ready_here = true;
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
                assert!(
                    self.checked,
                    "held for a version that was not checked again"
                );
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
            Report::Draining(_) => panic!("nobody said how far it is"),
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
            assert!(
                !self.row.committed(),
                "open to the old version after the commit (I2): {event:?}"
            );
            let after_hold =
                self.at().route().position.revision > Row::Holding.route().position.revision;
            assert!(
                !self.said.contains(&Said::Held) || after_hold,
                "open again without a greater revision (I10): {event:?}"
            );
        }
    }

    fn key(&self) -> String {
        let turn = self.turn.as_ref().map(|turn| {
            (
                self.at(),
                turn.source,
                turn.promise,
                turn.grants,
                turn.stage.clone(),
            )
        });
        format!(
            "{:?} {:?} {turn:?} {:?} {:?} {:?} {:?} {} {:?} {} {} {:?} {:?} {:?} {} {}",
            self.row,
            self.in_flight,
            self.gate,
            self.disk,
            self.to_write,
            self.preparing,
            self.prepared,
            self.checking,
            self.checked,
            self.ready_here,
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
        note(
            "drained after a crash",
            world.said.contains(&Said::Drained) && world.crashes > 0,
        );
        note("not ready", world.said.contains(&Said::NotReady));
        note("waits for the catalog after a crash", waits);
        note(
            "serves from disk after a crash",
            world.crashes > 0 && world.gate == Some(Gate::Open(1)),
        );
        note(
            "given up after a hold",
            world.row == Row::GivenUpLate && world.gate == Some(Gate::Open(1)),
        );
        note(
            "on the new version at the end",
            world.row == Row::After && world.gate == Some(Gate::Open(2)),
        );
        for event in world.events() {
            let next = world.after(event);
            if seen.insert(next.key()) {
                open.push_back(next);
            }
        }
    }
    assert!(seen.len() > 5000, "{} states", seen.len());
    for (what, times) in reached {
        assert!(times > 0, "never: {what}");
    }
}

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "without a promise on disk (R3)")]
    fn an_answer_without_a_promise_on_disk_is_found() {
        plant(Some(Plant::HoldNotPersisted));
        super::no_order_of_events_and_crashes_breaks_a_promise();
    }

    #[test]
    #[should_panic(expected = "held for a version that was not checked again")]
    fn a_held_answer_before_all_is_done_is_found() {
        plant(Some(Plant::AckBeforeFlip));
        super::no_order_of_events_and_crashes_breaks_a_promise();
    }

    #[test]
    #[should_panic(expected = "held without the grants")]
    fn a_held_answer_without_the_grants_is_found() {
        plant(Some(Plant::HeldWithoutGrants));
        super::no_order_of_events_and_crashes_breaks_a_promise();
    }

    #[test]
    #[should_panic(expected = "ready without a promise on disk (R3)")]
    fn an_older_state_that_is_applied_is_found() {
        plant(Some(Plant::StaleStateApplied));
        super::no_order_of_events_and_crashes_breaks_a_promise();
    }
}
