//! What most answers are in a large fleet: one more gateway was heard, and others are still silent; or
//! one says how its drain goes. Says the same as `step` would, without a copy of the whole roll for each of them.

use super::{Answer, Event, State};

/// Ticks the gateway of an answer off, if that is all that the answer does: it counts for the
/// present turn, and somebody else is still silent. How a drain goes that is awaited ticks nobody off
/// and counts too. Returns false, and changes nothing, for everything else: that is for `step` to
/// decide.
pub(crate) fn tick_off(state: &mut State, event: &Event) -> bool {
    let Event::Answered {
        gateway,
        nonce,
        answer,
    } = event
    else {
        return false;
    };
    let (roll, draining) = match (state, answer) {
        (State::Releasing { roll, draining, .. }, Answer::Draining { .. }) => {
            return roll.nonce == *nonce && draining.contains(gateway);
        }
        (State::Draining { roll, .. }, Answer::Draining { .. }) => {
            return roll.nonce == *nonce && roll.silent.contains(gateway);
        }
        (State::Preparing { roll }, Answer::Ready)
        | (State::Holding { roll, .. }, Answer::Held)
        | (State::Releasing { roll, .. }, Answer::Released { .. })
        | (State::Draining { roll, .. }, Answer::Drained { .. }) => (roll, None),
        (State::Releasing { roll, draining, .. }, Answer::Drained { .. }) => (roll, Some(draining)),
        _ => return false,
    };
    if roll.nonce != *nonce || roll.silent.iter().all(|silent| silent == gateway) {
        return false;
    }
    match draining {
        None => roll.silent.remove(gateway),
        // Nothing can be drained that was not released.
        Some(draining) => {
            let counts = draining.remove(gateway);
            if counts {
                roll.silent.remove(gateway);
            }
            counts
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use contract::{GatewayName, Nonce, Revision, Timeline};
    use jiff::Timestamp;

    use super::*;
    use crate::{
        application::Policy,
        switch::{
            Facts, Grants, Limit, Roll,
            step::{Step, step},
        },
    };

    fn name(number: usize) -> GatewayName {
        format!("g{number}").parse().unwrap()
    }

    /// Every set of three gateways.
    fn sets() -> Vec<BTreeSet<GatewayName>> {
        let of = |bits: usize| {
            (0..3)
                .filter(|bit| bits >> bit & 1 == 1)
                .map(name)
                .collect()
        };
        (0..8).map(of).collect()
    }

    fn states() -> Vec<State> {
        let grants = Grants {
            timeline: Timeline::new([1; 16]),
            revision: Revision::try_from(7u64).unwrap(),
        };
        let mut states = vec![State::Provisioning];
        for silent in sets() {
            let roll = Roll {
                nonce: Nonce::new([1; 16]),
                silent,
                until: Timestamp::MAX,
            };
            states.push(State::Preparing { roll: roll.clone() });
            states.push(State::Holding {
                roll: roll.clone(),
                grants: grants.clone(),
            });
            states.push(State::Draining {
                roll: roll.clone(),
                limit: Limit::Policy,
            });
            for draining in sets() {
                states.push(State::Releasing {
                    roll: roll.clone(),
                    draining,
                    limit: Limit::Policy,
                });
            }
        }
        states
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
                open_requests: 1,
                closed_connections: 0,
            },
        ]
    }

    #[test]
    fn what_is_ticked_off_is_what_the_step_would_have_said_and_nothing_else() {
        let fleet = (0..3).map(name).collect();
        let policy = Policy::default();
        let (mut ticked, mut left) = (0, 0);
        for state in states() {
            for gateway in (0..4).map(name) {
                for (nonce, answer) in [1, 2].into_iter().flat_map(|n| answers().map(|it| (n, it)))
                {
                    let facts = Facts {
                        fleet: &fleet,
                        away: &BTreeSet::new(),
                        policy: &policy,
                        nonce: Nonce::new([9; 16]),
                    };
                    let event = Event::Answered {
                        gateway: gateway.clone(),
                        nonce: Nonce::new([nonce; 16]),
                        answer,
                    };
                    let said = step(&state, &event, &facts, Timestamp::UNIX_EPOCH);
                    let mut after = state.clone();
                    if tick_off(&mut after, &event) {
                        ticked += 1;
                        assert_eq!(said, Step::Goes(after.clone()), "{state:?} {event:?}");
                        assert_eq!((after.phase(), after.turn()), (state.phase(), state.turn()));
                    } else {
                        left += 1;
                        assert_eq!(after, state, "{event:?}");
                        let same = |next: &State| next.phase() == state.phase();
                        let more = matches!(&said, Step::Goes(next) if same(next));
                        assert!(!more, "{state:?} {event:?} was left to the step");
                    }
                }
            }
        }
        assert!(
            ticked > 100 && left > 100,
            "{ticked} ticked off, {left} left"
        );
    }
}
