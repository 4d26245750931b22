//! What a turn does in every order of events, and what it says to odd ones.

use super::*;
use crate::control::{
    grants::GrantsPosition,
    route::tests::{holding, nonce, parse, preparing, releasing, told, uuid},
};

mod adoption;
mod leaving;
mod orders;

const GRANTS_NEEDED: u64 = 5;

fn grants(link: GrantsLink, revision: u64) -> Grants {
    Grants {
        link,
        durable: Some(GrantsPosition {
            timeline: uuid(7).parse().unwrap(),
            revision: Revision::try_from(revision).unwrap(),
        }),
    }
}

fn before() -> Route {
    parse(told("crm", 1, 1))
}

fn prepare() -> Route {
    parse(preparing(told("crm", 2, 1), 2))
}

fn hold() -> Route {
    parse(holding(told("crm", 3, 1), 3, GRANTS_NEEDED))
}

fn after() -> Route {
    parse(told("crm", 5, 2))
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
            | Act::Check(..)
            | Act::Clear(..)
            | Act::Drain(_)
            | Act::DrainWithin(..)
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
            Report::Ready
            | Report::Held
            | Report::Released(_)
            | Report::Draining(_)
            | Report::Drained(_) => format!("{report:?}"),
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
    let turn = Turn::first(before(), following()).turn;
    let turn = arrive(&turn, prepare()).turn;
    let turn = step(&turn, Input::Written(prepare().position)).turn;
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
                | Act::Check(..)
                | Act::Clear(..)
                | Act::Drain(_)
                | Act::DrainWithin(..)
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
    let step = arrive(&ready(), prepare());
    assert_eq!(step.turn, ready());
    assert!(matches!(
        step.acts.as_slice(),
        [
            Act::Accept,
            Act::Answer(Answer {
                report: Report::Ready,
                ..
            })
        ]
    ));
}

#[test]
fn a_newer_revision_of_the_same_turn_keeps_what_was_done() {
    let newer = parse(preparing(told("crm", 7, 1), 2));
    let (turn, acts) = applied(&ready(), newer.clone(), Left::Nothing);
    assert_eq!(
        reports(&acts),
        [Report::Ready],
        "said again, for the newer revision"
    );
    assert!(!acts.iter().any(|act| matches!(act, Act::Prepare(..))));
    assert_eq!(turn.route(), &newer);
}

#[test]
fn a_joiner_in_a_hold_promises_before_it_says_held() {
    let first = Turn::first(hold(), following());
    assert!(flips(&first.acts, |gate| matches!(
        gate,
        GateOrder::Held(Some(_))
    )));
    let unflipped = step(&first.turn, Input::Written(hold().position));
    assert_eq!(reports(&unflipped.acts), [], "the flip comes first (R2)");
    let flipped = step(
        &first.turn,
        Input::Flipped {
            left: Left::Nothing,
            held: HeldFigures::default(),
        },
    );
    assert_eq!(reports(&flipped.acts), []);
    let checked = step(&flipped.turn, Input::Checked(nonce(3), Ok(())));
    assert_eq!(reports(&checked.acts), []);
    let written = step(&checked.turn, Input::Written(hold().position));
    assert_eq!(reports(&written.acts), [Report::Held]);
}

#[test]
fn a_full_disk_and_a_lost_provisioning_are_said_and_not_taken_back() {
    let turn = Turn::first(before(), following()).turn;
    let turn = arrive(&turn, prepare()).turn;
    let position = prepare().position;
    let older = step(&turn, Input::NotWritten(before().position, "x".to_owned()));
    assert_eq!(
        reports(&older.acts),
        [],
        "the write before says nothing of this promise"
    );
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
    let (turn, acts) = applied(&turn, hold(), Left::Nothing);
    let checked = step(&turn, Input::Checked(nonce(3), Ok(())));
    assert_eq!(reports(&[acts, checked.acts].concat()), []);
    let turn = checked.turn;
    let told = step(&turn, Input::Grants(following()));
    assert_eq!(reports(&told.acts), [Report::Held]);
}

#[test]
fn a_switch_that_was_missed_is_drained_though_nobody_asks() {
    let (_, acts) = applied(&ready(), after(), Left::Generation);
    assert!(
        acts.iter()
            .any(|act| matches!(act, Act::Drain(DrainOrder::Unasked)))
    );
    assert_eq!(reports(&acts), []);
}

#[test]
fn a_gateway_that_left_serves_nothing_from_disk_before_the_catalog_has_spoken() {
    let booted = Turn::booted(before(), Standing::Left, following());
    assert!(booted.turn.waits());
    let confirmed = arrive(&booted.turn, before());
    assert!(!confirmed.turn.waits());
    assert!(flips(&confirmed.acts, |gate| matches!(
        gate,
        GateOrder::Open(_)
    )));
}

#[test]
fn a_first_activation_holds_and_opens_like_any_other() {
    let turn = Turn::first(parse(told("crm", 1, 0)), following());
    assert!(flips(&turn.acts, |gate| matches!(gate, GateOrder::Never)));
    let (turn, acts) = applied(
        &turn.turn,
        parse(holding(told("crm", 3, 0), 3, 5)),
        Left::Nothing,
    );
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
