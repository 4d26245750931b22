//! Gateways that are left out, and the adoption of a restored catalog.

use contract::Timeline;

use super::*;

fn fenced(tenant_failures: TenantFailures) -> Policy {
    let lease = Duration::from_secs(30);
    Policy {
        fleet: FleetMode::Fenced { lease },
        ..policy(tenant_failures)
    }
}

#[test]
fn no_order_of_events_breaks_a_promise_when_silent_gateways_are_fenced() {
    for (failures, largest) in [(TenantFailures::Stop, 2), (TenantFailures::GoOn, 1)] {
        let policy = fenced(failures);
        for fleet in 0..=largest {
            let mut seen = Seen::default();
            let situations = walk(World::new(fleet), 2, &policy, &mut seen);
            assert!(situations > 50, "{fleet}: {situations}");
            assert!(seen.commits > 0 && seen.succeeded > 0, "{fleet}: {seen:?}");
            assert!(seen.fenced_at_commit > 0, "{fleet}: {seen:?}");
            assert!(seen.back_while_fencing > 0, "{fleet}: {seen:?}");
            let expected = 5 + usize::from(failures == TenantFailures::Stop);
            assert_eq!(seen.given_up.len(), expected, "{fleet}: {seen:?}");
        }
    }
}

#[test]
fn an_adoption_ends_with_every_member_holding_and_in_no_other_way() {
    let policy = Policy::default();
    for fleet in 0..=3 {
        let mut seen = Seen::default();
        let start = World {
            state: State::Adopting {
                nonce: nonce(1),
                predecessor: Timeline::new([2; 16]),
                adoption: Adoption::Moving,
            },
            ..World::new(fleet)
        };
        let situations = walk(start, fleet.max(2), &policy, &mut seen);
        assert!(situations > 20, "{fleet}: {situations}");
        assert!(seen.commits > 0 && seen.succeeded > 0, "{fleet}: {seen:?}");
        assert_eq!(seen.given_up, HashSet::from(["RESTORED"]), "{fleet}");
    }
}

#[test]
fn silent_gateways_are_left_out_after_their_leases_and_not_before() {
    let policy = fenced(TenantFailures::Stop);
    let mut seen = Seen::default();
    let ended = |wait: u8| Event::LeasesEnded {
        wait: nonce(wait),
        gateways: BTreeSet::from([gateway(1)]),
    };
    let mut start = World::new(2);
    start.away.insert(gateway(1));
    let world = start.happen(&tenants(true, 0), &policy, &mut seen);
    assert!(matches!(world.state, State::Preparing { .. }));
    let ready = Event::Answered {
        gateway: gateway(0),
        nonce: nonce(1),
        answer: Answer::Ready,
    };
    let world = world.happen(&ready, &policy, &mut seen);
    assert_eq!(owed(&world.state), Some(Effect::AwaitLeases));
    assert_eq!(world.marked, BTreeSet::from([gateway(1)]));
    let late = world.late().happen(&Event::TimePassed, &policy, &mut seen);
    assert_eq!(late.state, world.state, "no deadline ends the wait");
    // It comes back, and goes: the first wait is over and says nothing about the second.
    let back = world.happen(&Event::Joined(gateway(1)), &policy, &mut seen);
    assert!(matches!(back.state, State::Preparing { .. }));
    let gone = back.late().happen(&Event::TimePassed, &policy, &mut seen);
    assert!(matches!(gone.state, State::Fencing { .. }));
    let stale = gone.happen(&ended(4), &policy, &mut seen);
    assert_eq!(stale.state, gone.state);
    let over = gone.happen(&ended(5), &policy, &mut seen);
    assert!(matches!(over.state, State::ClosingConsent { .. }));
    let holding = over.happen(&closed(), &policy, &mut seen);
    let State::Holding { roll, .. } = holding.state else {
        panic!("{holding:?}");
    };
    assert_eq!(roll.silent, BTreeSet::from([gateway(0)]));
}
