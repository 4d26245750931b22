//! Long random runs with larger fleets.

use super::*;

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
        State::Fencing { wait, leaving, .. } => Event::LeasesEnded {
            wait: *wait,
            gateways: leaving.clone(),
        },
        State::Adopting { .. } => panic!("{world:?}"),
        State::ClosingConsent { .. } => closed(),
        State::Holding { roll, .. } => answer(roll, &roll.silent, held, seed),
        State::Releasing { roll, .. } => answer(roll, &roll.silent, released, seed),
        State::Draining { roll, .. } => answer(roll, &roll.silent, drained, seed),
        State::Settling { .. } => Event::ConsentSettled { denied: 0 },
        State::GivingNotice { .. } | State::Ended { .. } => Event::TimePassed,
    }
}
