//! Every order of events, by walking all situations that can be reached with fleets of up to three,
//! then long random runs with larger fleets. Each step of each walk is checked against what must
//! always be true; at the end, what must happen sometimes has happened.

use std::{collections::HashSet, ops::RangeInclusive};

use contract::{Nonce, Revision, Timeline};

use super::*;
use crate::application::Policy;

/// A situation: the state, and what a bystander wrote down about it.
#[derive(Debug, Clone)]
struct World {
    state: State,
    fleet: BTreeSet<GatewayName>,
    /// Members that answered `Held` to this switch's hold, since they joined.
    held: BTreeSet<GatewayName>,
    commits: u32,
    now: Timestamp,
}

/// What was seen at least once.
#[derive(Debug, Default)]
struct Seen {
    commits: usize,
    succeeded: usize,
    given_up: HashSet<&'static str>,
    joined_while_holding: usize,
}

const FOREIGN: u8 = 9;
const TURNS: RangeInclusive<u8> = 1..=3;

fn nonce(number: u8) -> Nonce {
    Nonce::new([number; 16])
}

fn gateway(number: usize) -> GatewayName {
    format!("g{number}").parse().unwrap()
}

fn policy(tenant_failures: TenantFailures) -> Policy {
    Policy {
        tenant_failures,
        ..Policy::default()
    }
}

/// The nonce that a turn gets which begins in this state: the same wherever the state is reached,
/// so that there are finitely many situations.
fn fresh(state: &State) -> Nonce {
    nonce(match state {
        State::Provisioning => 1,
        State::Preparing { .. } | State::ClosingConsent { .. } => 2,
        State::Holding { .. } => 3,
        State::Releasing { .. }
        | State::Draining { .. }
        | State::Settling { .. }
        | State::Ended { .. } => FOREIGN,
    })
}

fn tenants(done: bool, failed: i64) -> Event {
    Event::TenantsMoved(Tenants {
        done,
        failed,
        total: 3,
        ..Tenants::default()
    })
}

fn closed() -> Event {
    let grants = Grants {
        timeline: Timeline::new([1; 16]),
        revision: Revision::try_from(7u64).unwrap(),
    };
    Event::ConsentClosed { grants, denied: 1 }
}

fn cancelled() -> Event {
    Event::Cancelled {
        by: "people/anna".to_owned(),
        message: "not today".to_owned(),
    }
}

fn extended() -> Event {
    Event::DrainExtended {
        time: Duration::from_secs(600),
    }
}

fn answers() -> [Answer; 6] {
    [
        Answer::Ready,
        Answer::NotReady("no route".to_owned()),
        Answer::Held,
        Answer::Released {
            held_requests: 1,
            longest_hold: Duration::from_millis(3),
            failed_requests: 0,
        },
        Answer::Drained {
            finished_requests: 1,
            cut_requests: 0,
            closed_connections: 0,
        },
        Answer::Draining {
            open_requests: 2,
            closed_connections: 1,
        },
    ]
}

impl World {
    fn new(fleet: usize) -> Self {
        Self {
            state: State::Provisioning,
            fleet: (0..fleet).map(gateway).collect(),
            held: BTreeSet::new(),
            commits: 0,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn decide(&self, event: &Event, policy: &Policy) -> Step {
        let facts = Facts {
            fleet: &self.fleet,
            policy,
            nonce: fresh(&self.state),
        };
        step(&self.state, event, &facts, self.now)
    }

    /// Lets an event happen, as the store would: membership changes with it.
    fn happen(&self, event: &Event, policy: &Policy, seen: &mut Seen) -> Self {
        let mut next = self.clone();
        match event {
            Event::Joined(gateway) => {
                next.fleet.insert(gateway.clone());
                next.held.remove(gateway);
                seen.joined_while_holding +=
                    usize::from(matches!(self.state, State::Holding { .. }));
            }
            Event::Left(gateway) => {
                next.fleet.remove(gateway);
                next.held.remove(gateway);
            }
            Event::Answered {
                gateway,
                nonce,
                answer: Answer::Held,
            } => {
                if let State::Holding { roll, .. } = &self.state
                    && roll.nonce == *nonce
                    && self.fleet.contains(gateway)
                {
                    next.held.insert(gateway.clone());
                }
            }
            Event::TenantsMoved(_)
            | Event::ConsentClosed { .. }
            | Event::ConsentSettled { .. }
            | Event::Answered { .. }
            | Event::Cancelled { .. }
            | Event::DrainExtended { .. }
            | Event::DrainCut
            | Event::TimePassed => {}
        }
        let decided = next.decide(event, policy);
        match decided.clone() {
            Step::Stays => {}
            Step::Goes(state) => next.state = state,
            Step::Commits(state) => {
                next.state = state;
                next.commits += 1;
            }
        }
        self.check(event, &decided, &next, policy);
        next.note(seen);
        next
    }

    fn check(&self, event: &Event, decided: &Step, next: &World, policy: &Policy) {
        let context = || format!("{event:?}\nin {self:?}\nled to {decided:?}");
        // I12, R1, R5: each member has answered this hold.
        if let Step::Commits(_) = decided {
            assert!(
                next.fleet.is_subset(&next.held),
                "committed unheard: {}",
                context()
            );
            assert!(
                matches!(
                    self.state,
                    State::Holding { .. } | State::ClosingConsent { .. }
                ),
                "{}",
                context()
            );
        }
        // I15: one commit a switch. After it, no way back; without it, no success.
        assert!(next.commits <= 1, "committed twice: {}", context());
        let committed = matches!(next.state.outcome(), Some(Outcome::Committed));
        assert_eq!(committed, next.commits == 1, "{}", context());
        if matches!(self.state, State::Ended { .. }) {
            assert_eq!(
                *decided,
                Step::Stays,
                "went on after its end: {}",
                context()
            );
        }
        // Nobody is waited for who is not a member.
        let waited = match &next.state {
            State::Preparing { roll }
            | State::Holding { roll, .. }
            | State::Draining { roll, .. } => roll.silent.clone(),
            State::Releasing { roll, draining, .. } => {
                roll.silent.union(draining).cloned().collect()
            }
            State::Provisioning
            | State::ClosingConsent { .. }
            | State::Settling { .. }
            | State::Ended { .. } => BTreeSet::new(),
        };
        assert!(waited.is_subset(&next.fleet), "{}", context());
        // A turn that waits for nobody is over.
        match &next.state {
            State::Preparing { roll }
            | State::Holding { roll, .. }
            | State::Releasing { roll, .. }
            | State::Draining { roll, .. } => assert!(!roll.silent.is_empty(), "{}", context()),
            State::Provisioning
            | State::ClosingConsent { .. }
            | State::Settling { .. }
            | State::Ended { .. } => {}
        }
        // The same event again changes nothing more.
        let again = next.decide(event, policy);
        let tells = matches!(
            event,
            Event::Answered {
                answer: Answer::Draining { .. },
                ..
            }
        );
        if tells {
            // How a drain goes changes what is known of the switch and nothing else.
            assert!(*decided == Step::Stays || *decided == Step::Goes(self.state.clone()));
        } else if event != &tenants(false, 0) {
            assert_eq!(again, Step::Stays, "counted twice: {}", context());
        }
        self.check_drain(event, decided, next);
        // A cancel works until the commit, and after it does nothing.
        if let Event::Cancelled { .. } = event {
            let open = self.state.outcome().is_none();
            let cancelled = next
                .state
                .failure()
                .is_some_and(|failure| failure.why == Why::Cancelled);
            assert_eq!(*decided != Step::Stays, open, "{}", context());
            assert!(cancelled || !open, "{}", context());
        }
        // An answer counts for the turn it names alone, and from members alone.
        if let Event::Answered {
            gateway, nonce: of, ..
        } = event
        {
            let present = match &self.state {
                State::Preparing { roll }
                | State::Holding { roll, .. }
                | State::Releasing { roll, .. }
                | State::Draining { roll, .. } => Some(roll.nonce),
                State::Provisioning
                | State::ClosingConsent { .. }
                | State::Settling { .. }
                | State::Ended { .. } => None,
            };
            if present != Some(*of) || !self.fleet.contains(gateway) {
                assert_eq!(*decided, Step::Stays, "{}", context());
            }
        }
    }

    /// The operator's word on a drain counts while there is one, and moves nothing but its end.
    fn check_drain(&self, event: &Event, decided: &Step, next: &World) {
        let limit = if let Event::DrainExtended { time } = event {
            Limit::Extended { time: *time }
        } else if let Event::DrainCut = event {
            Limit::Cut { at: self.now }
        } else {
            return;
        };
        let Some(before) = self.state.limit() else {
            assert_eq!(*decided, Step::Stays, "{event:?} in {self:?}");
            return;
        };
        if *decided == Step::Stays {
            assert!(before.is_cut() || before == limit, "{event:?} in {self:?}");
            return;
        }
        assert_eq!(next.state.limit(), Some(limit));
        assert_eq!(next.state.phase(), self.state.phase());
        assert_ne!(
            next.state.turn(),
            self.state.turn(),
            "gateways must hear of it"
        );
        let (was, is) = (self.state.until(), next.state.until());
        if matches!(self.state, State::Draining { .. }) {
            assert_eq!(is > was, !limit.is_cut(), "{event:?} in {self:?}: {is:?}");
        }
    }

    fn note(&self, seen: &mut Seen) {
        seen.commits += usize::from(self.commits == 1);
        match &self.state {
            State::Ended { outcome, .. } => match outcome {
                Outcome::Committed => seen.succeeded += 1,
                Outcome::GivenUp { failure } => drop(seen.given_up.insert(failure.why.as_str())),
            },
            State::Provisioning
            | State::Preparing { .. }
            | State::ClosingConsent { .. }
            | State::Holding { .. }
            | State::Releasing { .. }
            | State::Draining { .. }
            | State::Settling { .. } => {}
        }
    }

    /// All that can happen here, sensible or not.
    fn events(&self, universe: usize) -> Vec<Event> {
        let mut events = vec![
            tenants(false, 0),
            tenants(true, 0),
            tenants(true, 1),
            closed(),
            Event::ConsentSettled { denied: 1 },
            cancelled(),
            extended(),
            Event::DrainCut,
            Event::TimePassed,
        ];
        for gateway in (0..universe).map(gateway) {
            events.push(if self.fleet.contains(&gateway) {
                Event::Left(gateway.clone())
            } else {
                Event::Joined(gateway.clone())
            });
            for number in TURNS.chain([FOREIGN]) {
                for answer in answers() {
                    events.push(Event::Answered {
                        gateway: gateway.clone(),
                        nonce: nonce(number),
                        answer,
                    });
                }
            }
        }
        events
    }

    /// The same, once the deadline has come.
    fn late(&self) -> Self {
        let now = self.state.until().unwrap_or(self.now).max(self.now);
        Self {
            now,
            ..self.clone()
        }
    }

    /// I8: nothing but time, and what is owed being done, ends every switch.
    fn ends_by_time(&self, policy: &Policy, seen: &mut Seen) {
        let mut world = self.clone();
        for _ in 0..8 {
            if world.state.ended_at().is_some() {
                return;
            }
            let event = match owed(&world.state) {
                Some(Effect::MoveTenants) => tenants(true, 0),
                Some(Effect::CloseConsent) => closed(),
                Some(Effect::SettleCommitted | Effect::SettleGivenUp) => {
                    Event::ConsentSettled { denied: 0 }
                }
                None => {
                    world = world.late();
                    Event::TimePassed
                }
            };
            world = world.happen(&event, policy, seen);
        }
        panic!("does not end: {self:?}\nis now {world:?}");
    }
}

/// Walks every situation that can be reached; returns how many there are.
fn walk(fleet: usize, universe: usize, policy: &Policy, seen: &mut Seen) -> usize {
    let mut visited = HashSet::new();
    let mut open = vec![World::new(fleet)];
    while let Some(world) = open.pop() {
        // Time itself is no situation, what is left of it decides.
        let key = (
            format!("{:?}", world.state),
            world.fleet.clone(),
            world.held.clone(),
        );
        if !visited.insert(key) {
            continue;
        }
        world.ends_by_time(policy, seen);
        for event in world.events(universe) {
            open.push(world.happen(&event, policy, seen));
        }
        // Deadlines are counted from one moment, so that situations stay finitely many.
        let mut passed = world.late().happen(&Event::TimePassed, policy, seen);
        passed.now = world.now;
        open.push(passed);
    }
    visited.len()
}

#[test]
fn no_order_of_events_breaks_a_promise_with_a_fleet_that_comes_and_goes() {
    for failures in [TenantFailures::Stop, TenantFailures::GoOn] {
        let policy = policy(failures);
        for fleet in 0..=3 {
            let mut seen = Seen::default();
            let universe = fleet.max(2);
            let situations = walk(fleet, universe, &policy, &mut seen);
            assert!(situations > 50, "{fleet}: {situations}");
            assert!(seen.commits > 0 && seen.succeeded > 0, "{fleet}: {seen:?}");
            assert!(seen.joined_while_holding > 0, "{fleet}: {seen:?}");
            let expected = 4 + usize::from(failures == TenantFailures::Stop);
            assert_eq!(seen.given_up.len(), expected, "{fleet}: {seen:?}");
        }
    }
}

#[test]
fn a_fleet_of_none_commits_with_the_fixing_of_the_denies() {
    let policy = Policy::default();
    let mut seen = Seen::default();
    let world = World::new(0).happen(&tenants(true, 0), &policy, &mut seen);
    assert!(matches!(world.state, State::ClosingConsent { .. }));
    let world = world.happen(&closed(), &policy, &mut seen);
    assert_eq!(world.commits, 1);
    assert_eq!(world.state, settle(Outcome::Committed));
}

#[test]
fn every_member_is_called_to_the_hold_and_one_that_joins_is_too() {
    let policy = Policy::default();
    let mut seen = Seen::default();
    let answer = |number: usize, turn: u8, answer: Answer| Event::Answered {
        gateway: gateway(number),
        nonce: nonce(turn),
        answer,
    };
    let mut world = World::new(2);
    for event in [
        tenants(true, 0),
        answer(0, 1, Answer::Ready),
        answer(1, 1, Answer::Ready),
        closed(),
        answer(0, 2, Answer::Held),
        Event::Joined(gateway(2)),
        answer(1, 2, Answer::Held),
    ] {
        world = world.happen(&event, &policy, &mut seen);
    }
    let State::Holding { roll, .. } = &world.state else {
        panic!("{world:?}");
    };
    assert_eq!(roll.silent, BTreeSet::from([gateway(2)]));
    let world = world.happen(&answer(2, 2, Answer::Held), &policy, &mut seen);
    assert_eq!(world.commits, 1);
    assert!(matches!(world.state, State::Releasing { .. }));
}

#[test]
fn silent_gateways_are_named_in_the_reason() {
    let policy = Policy::default();
    let mut seen = Seen::default();
    let world = World::new(7)
        .happen(&tenants(true, 0), &policy, &mut seen)
        .late();
    let world = world.happen(&Event::TimePassed, &policy, &mut seen);
    let failure = world.state.failure().unwrap();
    assert_eq!(failure.why, Why::GatewaySilent);
    assert!(
        failure.message.contains("g0, g1, g2, g3, g4 and 2 more"),
        "{}",
        failure.message
    );
}

/// One step of splitmix64.
fn draw(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((z ^ (z >> 31)) % u64::try_from(below).unwrap()).unwrap()
}

#[test]
#[expect(clippy::print_stdout, reason = "a failure is repeated from its seed")]
fn long_random_runs_with_large_fleets_break_no_promise() {
    let start: u64 = rand::random();
    println!("seed {start}");
    let policy = Policy::default();
    let mut seen = Seen::default();
    for run in 0..300 {
        let mut seed = start.wrapping_add(run);
        let fleet = draw(&mut seed, 9);
        let mut world = World::new(fleet);
        for _ in 0..120 {
            let event = if draw(&mut seed, 10) == 0 {
                let events = world.events(10);
                events[draw(&mut seed, events.len())].clone()
            } else {
                helpful(&world, &mut seed)
            };
            if matches!(event, Event::TimePassed) && draw(&mut seed, 20) == 0 {
                world = world.late();
            }
            world = world.happen(&event, &policy, &mut seen);
        }
        world.ends_by_time(&policy, &mut seen);
    }
    assert!(seen.commits > 0 && !seen.given_up.is_empty(), "{seen:?}");
}

/// What brings the switch on, so that runs get somewhere.
fn helpful(world: &World, seed: &mut u64) -> Event {
    let answer = |roll: &Roll, names: &BTreeSet<GatewayName>, answer: Answer, seed: &mut u64| {
        let at = draw(seed, names.len());
        Event::Answered {
            gateway: names.iter().nth(at).unwrap().clone(),
            nonce: roll.nonce,
            answer,
        }
    };
    let [ready, _, held, released, drained, _] = answers();
    match &world.state {
        State::Provisioning => tenants(true, 0),
        State::Preparing { roll } => answer(roll, &roll.silent, ready, seed),
        State::ClosingConsent { .. } => closed(),
        State::Holding { roll, .. } => answer(roll, &roll.silent, held, seed),
        State::Releasing { roll, .. } => answer(roll, &roll.silent, released, seed),
        State::Draining { roll, .. } => answer(roll, &roll.silent, drained, seed),
        State::Settling { .. } => Event::ConsentSettled { denied: 0 },
        State::Ended { .. } => Event::TimePassed,
    }
}
