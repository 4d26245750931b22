//! What becomes of the version that leaves: whether it may overlap with the next one, how long it
//! drains, and what is said of that.

use std::time::Duration;

use proto::catalog::v1 as wire;

use super::*;
use crate::apps::Overlap;

fn secs(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn hold_without_overlap(overlap: wire::Overlap) -> Route {
    let mut route = holding(told("crm", 3, 1), 3, GRANTS_NEEDED);
    if let Some(wire::route::Turn::Holding(turn)) = &mut route.turn {
        turn.overlap = overlap.into();
        turn.overlap_timeout = secs(7);
    }
    parse(route)
}

fn release(revision: u64, drain_seconds: i64) -> Route {
    let mut route = releasing(told("crm", revision, 2), 4);
    if let Some(wire::route::Turn::Releasing(turn)) = &mut route.turn {
        turn.drain_timeout = secs(drain_seconds);
    }
    parse(route)
}

fn clears(acts: &[Act]) -> Vec<(Nonce, Overlap)> {
    acts.iter()
        .filter_map(|act| match act {
            Act::Clear(nonce, overlap) => Some((*nonce, *overlap)),
            Act::Flip(_)
            | Act::Write
            | Act::Prepare(..)
            | Act::Check(..)
            | Act::Drain(_)
            | Act::DrainWithin(..)
            | Act::Answer(_)
            | Act::Refuse(_)
            | Act::Accept => None,
        })
        .collect()
}

fn times(acts: &[Act]) -> Vec<Duration> {
    acts.iter()
        .filter_map(|act| match act {
            Act::DrainWithin(of, limit) => {
                assert_eq!(*of, nonce(4));
                Some(*limit)
            }
            Act::Flip(_)
            | Act::Write
            | Act::Prepare(..)
            | Act::Check(..)
            | Act::Clear(..)
            | Act::Drain(_)
            | Act::Answer(_)
            | Act::Refuse(_)
            | Act::Accept => None,
        })
        .collect()
}

#[test]
fn held_waits_for_an_empty_version_only_if_nothing_may_overlap() {
    let seven = Duration::from_secs(7);
    for (told, expected) in [
        (wire::Overlap::Unspecified, None),
        (wire::Overlap::Allowed, None),
        (wire::Overlap::Abort, Some(Overlap::Abort(seven))),
        (wire::Overlap::Cut, Some(Overlap::Cut(seven))),
    ] {
        let (turn, acts) = applied(&ready(), hold_without_overlap(told), Left::Nothing);
        let expected: Vec<_> = expected.map(|it| (nonce(3), it)).into_iter().collect();
        assert_eq!(clears(&acts), expected);
        let checked = step(&turn, Input::Checked(nonce(3), Ok(())));
        if expected.is_empty() {
            assert_eq!(reports(&checked.acts), [Report::Held]);
            continue;
        }
        assert_eq!(reports(&checked.acts), []);
        let foreign = step(&checked.turn, Input::Cleared(nonce(9), Ok(())));
        assert_eq!(reports(&foreign.acts), [], "another turn's wait");
        let cleared = step(&checked.turn, Input::Cleared(nonce(3), Ok(())));
        assert_eq!(reports(&cleared.acts), [Report::Held]);
        let objection = Objection::new("OVERLAP", "2 are left");
        let left = step(&checked.turn, Input::Cleared(nonce(3), Err(objection)));
        assert_eq!(objections(&left.acts), ["OVERLAP"]);
        let late = step(&left.turn, Input::Cleared(nonce(3), Ok(())));
        assert_eq!(reports(&late.acts), [], "what was said is not taken back");
    }
}

#[test]
fn a_newer_revision_of_a_hold_waits_on_and_does_not_begin_anew() {
    let hold = hold_without_overlap(wire::Overlap::Abort);
    let (turn, acts) = applied(&ready(), hold, Left::Nothing);
    assert_eq!(clears(&acts).len(), 1);
    let mut newer = hold_without_overlap(wire::Overlap::Abort).told().clone();
    newer.revision = 9;
    let (turn, acts) = applied(&turn, parse(newer), Left::Nothing);
    assert_eq!(clears(&acts), []);
    let turn = step(&turn, Input::Cleared(nonce(3), Ok(()))).turn;
    let checked = step(&turn, Input::Checked(nonce(3), Ok(())));
    assert_eq!(reports(&checked.acts), [Report::Held]);
}

#[test]
fn a_target_that_is_no_longer_healthy_is_not_held_for() {
    let (turn, acts) = applied(&ready(), hold(), Left::Nothing);
    let checks = acts
        .iter()
        .filter(|act| matches!(act, Act::Check(of, target) if *of == nonce(3) && target.version.as_str() == "2"));
    assert_eq!(checks.count(), 1);
    assert_eq!(reports(&acts), []);
    let objection = Objection::new("VERSION_UNHEALTHY", "500");
    let sick = step(&turn, Input::Checked(nonce(3), Err(objection)));
    assert_eq!(objections(&sick.acts), ["VERSION_UNHEALTHY"]);
    assert!(!sick.turn.waits());
    let (_, given_up) = applied(&sick.turn, parse(told("crm", 4, 1)), Left::Nothing);
    assert!(flips(&given_up, |gate| matches!(gate, GateOrder::Open(_))));
}

#[test]
fn a_drain_gets_more_time_or_none_and_tells_how_far_it_is() {
    let (turn, acts) = applied(&ready(), release(4, 10), Left::Generation);
    let ten = Duration::from_secs(10);
    assert!(
        acts.iter()
            .any(|act| matches!(act, Act::Drain(DrainOrder::Asked(of, limit)) if *of == nonce(4) && *limit == ten))
    );
    let figures = DrainingFigures { open: 2, closed: 1 };
    let moved = step(&turn, Input::DrainMoved(nonce(4), figures));
    assert_eq!(reports(&moved.acts), [Report::Draining(figures)]);
    let other = step(&turn, Input::DrainMoved(nonce(9), figures));
    assert_eq!(reports(&other.acts), []);

    let (turn, acts) = applied(&moved.turn, release(5, 3600), Left::Nothing);
    assert_eq!(times(&acts), [Duration::from_secs(3600)]);
    assert_eq!(reports(&acts), [Report::Released(HeldFigures::default())]);
    let (turn, acts) = applied(&turn, release(6, 3600), Left::Nothing);
    assert_eq!(times(&acts), [], "it has as much already");
    let (turn, acts) = applied(&turn, release(7, 0), Left::Nothing);
    assert_eq!(times(&acts), [Duration::ZERO]);

    let ended = DrainFigures {
        finished: 3,
        closed: 1,
        cut: 1,
    };
    let drained = step(&turn, Input::DrainEnded(nonce(4), ended));
    assert_eq!(reports(&drained.acts), [Report::Drained(ended)]);
    let late = step(&drained.turn, Input::DrainMoved(nonce(4), figures));
    assert_eq!(reports(&late.acts), []);
    let (_, acts) = applied(&drained.turn, release(8, 60), Left::Nothing);
    assert_eq!(times(&acts), [], "nothing is left that could take longer");
    assert_eq!(
        reports(&acts),
        [
            Report::Released(HeldFigures::default()),
            Report::Drained(ended)
        ]
    );
}
