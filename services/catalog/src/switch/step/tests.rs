//! Every order of events, by walking all situations that can be reached with fleets of up to three,
//! then, beside this file, long random runs with larger fleets. Each step of each walk is checked
//! against what must always be true; at the end, what must happen sometimes has happened.

mod fencing;
#[cfg(feature = "faults")]
mod planted;
mod random;
mod world;

use std::collections::HashSet;

use super::*;
use crate::application::Policy;
use world::*;

/// Walks every situation that can be reached; returns how many there are.
fn walk(start: World, universe: usize, policy: &Policy, seen: &mut Seen) -> usize {
    let adopts = matches!(start.state, State::Adopting { .. });
    let mut visited = HashSet::new();
    let mut open = vec![start];
    while let Some(mut world) = open.pop() {
        if !matches!(
            world.state,
            State::Provisioning | State::Preparing { .. } | State::Fencing { .. }
        ) {
            // Who is away matters while all prepare, and to nobody after.
            world.away.clear();
            world.waits = 0;
        }
        // Time itself is no situation, what is left of it decides.
        let key = (
            format!("{:?}", world.state),
            world.fleet.clone(),
            world.held.clone(),
            (world.away.clone(), world.marked.clone()),
            (world.fenced.clone(), world.waits),
        );
        if !visited.insert(key) {
            continue;
        }
        if !adopts {
            world.ends_by_time(policy, seen);
        }
        for event in world.events(universe) {
            open.push(world.happen(&event, policy, seen));
        }
        // Who loses its stream while all prepare matters in fleet mode fenced.
        if matches!(world.state, State::Provisioning | State::Preparing { .. })
            && policy.fleet != FleetMode::Static
        {
            for gateway in world.fleet.difference(&world.away) {
                let mut lost = world.clone();
                lost.away.insert(gateway.clone());
                open.push(lost);
            }
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
            let situations = walk(World::new(fleet), universe, &policy, &mut seen);
            assert!(situations > 50, "{fleet}: {situations}");
            assert!(seen.commits > 0 && seen.succeeded > 0, "{fleet}: {seen:?}");
            assert!(seen.joined_while_holding > 0, "{fleet}: {seen:?}");
            let expected = 5 + usize::from(failures == TenantFailures::Stop);
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
