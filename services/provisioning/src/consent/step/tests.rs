//! Every standing against every event, and every order of events up to a depth.

use contract::TimedId as _;
use jiff::Timestamp;

use super::*;

const STANDINGS: [Standing; 10] = [
    PendingAcceptance,
    Provisioned(Basis::Accepted),
    Provisioned(Basis::OnRecord),
    Provisioned(Basis::MovedWithNotice),
    Provisioned(Basis::Moved),
    Denied,
    Failed(Failure::NoContact),
    Removed(Removal::ByOperator),
    Removed(Removal::TakenBack),
    Removed(Removal::TenantDeleted),
];

fn switch(number: u8) -> SwitchId {
    SwitchId::new(i64::from(number) * 1000, [number; 10])
}

fn ours() -> SwitchId {
    switch(1)
}

fn by(number: i64) -> Since {
    Since {
        at: Timestamp::from_second(number).unwrap(),
        actor: format!("actor {number}"),
        note: String::new(),
    }
}

fn stood(standing: Standing) -> Consent {
    Consent {
        standing,
        since: by(1),
        brought_by: None,
        under: None,
    }
}

fn moves(carried: Carried) -> Vec<Move> {
    let mut all = Vec::new();
    for notice in [Notice::Told, Notice::Untold] {
        for contacts in [Contacts::Some, Contacts::None] {
            all.push(Move {
                switch: ours(),
                carried,
                notice,
                contacts,
            });
        }
    }
    all
}

fn events() -> Vec<Event> {
    let mut all = vec![
        Event::Asked,
        Event::OnRecord,
        Event::AskedAgain,
        Event::Accepted(Basis::Accepted),
        Event::Accepted(Basis::OnRecord),
        Event::Denied { switch: None },
        Event::Denied {
            switch: Some(ours()),
        },
        Event::Voided(ours()),
        Event::Committed(ours()),
        Event::RemovedByOperator,
    ];
    for carried in [Carried::Admission, Carried::Question] {
        for a_move in moves(carried) {
            all.push(Event::MovedAlong(a_move));
            all.push(Event::SourceChanged(a_move));
        }
    }
    all
}

/// Every provisioning that can be: absent, each standing alone, and each under our switch with each past.
fn rows() -> Vec<Option<Consent>> {
    let mut all = vec![None];
    for standing in STANDINGS {
        all.push(Some(stood(standing)));
        let befores = STANDINGS.map(|before| Before::Was(past(&stood(before))));
        for before in befores.into_iter().chain([Before::Absent]) {
            let under = Some(Under {
                switch: ours(),
                before,
            });
            all.push(Some(Consent {
                under,
                brought_by: Some(ours()),
                ..stood(standing)
            }));
        }
    }
    all
}

fn admits(row: Option<&Consent>) -> bool {
    row.is_some_and(|row| matches!(row.standing, Provisioned(_)))
}

/// Plays an event; what is refused or changes nothing leaves the row.
fn play(row: Option<Consent>, event: &Event) -> (Option<Consent>, Vec<Effect>) {
    match step(row.as_ref(), event, &by(9)) {
        Step::Same | Step::Refused(_) => (row, Vec::new()),
        Step::Next(next, effects) => (Some(*next), effects),
    }
}

#[test]
fn the_table_in_the_documentation_is_what_happens() {
    use Refusal::{AlreadyProvisioned, NotProvisioned};
    let accepted = Event::Accepted(Basis::Accepted);
    let denied = Event::Denied { switch: None };
    let failed = Failed(Failure::NoContact);
    let removed = Removed(Removal::ByOperator);
    let provisioned = Provisioned(Basis::Accepted);
    let moved = Provisioned(Basis::Moved);
    let next = |standing| Some(Ok(standing));
    let refused = |refusal| Some(Err(refusal));
    let rows = [
        None,
        Some(PendingAcceptance),
        Some(moved),
        Some(Denied),
        Some(failed),
        Some(removed),
    ];
    let table = [
        (
            Event::Asked,
            [
                next(PendingAcceptance),
                refused(AlreadyProvisioned),
                refused(AlreadyProvisioned),
                refused(AlreadyProvisioned),
                next(PendingAcceptance),
                next(PendingAcceptance),
            ],
        ),
        (
            Event::OnRecord,
            [
                next(Provisioned(Basis::OnRecord)),
                refused(AlreadyProvisioned),
                refused(AlreadyProvisioned),
                refused(AlreadyProvisioned),
                next(Provisioned(Basis::OnRecord)),
                next(Provisioned(Basis::OnRecord)),
            ],
        ),
        (
            Event::AskedAgain,
            [
                refused(NotProvisioned),
                next(PendingAcceptance),
                next(moved),
                next(PendingAcceptance),
                next(PendingAcceptance),
                refused(NotProvisioned),
            ],
        ),
        (
            accepted,
            [
                refused(NotProvisioned),
                next(provisioned),
                next(provisioned),
                next(provisioned),
                next(provisioned),
                refused(NotProvisioned),
            ],
        ),
        (
            denied,
            [
                refused(NotProvisioned),
                next(Denied),
                next(Denied),
                None,
                next(Denied),
                refused(NotProvisioned),
            ],
        ),
        (
            Event::RemovedByOperator,
            [
                refused(NotProvisioned),
                next(removed),
                next(removed),
                next(removed),
                next(removed),
                None,
            ],
        ),
        (Event::Voided(ours()), [None, None, None, None, None, None]),
        (
            Event::Committed(ours()),
            [None, None, None, None, None, None],
        ),
    ];
    for (event, expected) in table {
        for (standing, expected) in rows.iter().zip(expected) {
            let found = match step(standing.map(stood).as_ref(), &event, &by(9)) {
                Step::Same => None,
                Step::Next(next, _) => Some(Ok(next.standing)),
                Step::Refused(refusal) => Some(Err(refusal)),
            };
            assert_eq!(found, expected, "{event:?} on {standing:?}");
        }
    }
}

#[test]
fn nobody_is_let_in_but_by_consent_or_from_where_they_were_let_in() {
    let mut let_in = 0;
    for row in rows() {
        for event in events() {
            let (next, _) = play(row.clone(), &event);
            if admits(row.as_ref()) || !admits(next.as_ref()) {
                continue;
            }
            let_in += 1;
            let consented = match event {
                Event::OnRecord | Event::Accepted(_) => true,
                Event::MovedAlong(a_move) | Event::SourceChanged(a_move) => {
                    a_move.carried == Carried::Admission
                        && (a_move.notice == Notice::Untold || a_move.contacts == Contacts::Some)
                }
                Event::Voided(_) => row.as_ref().is_some_and(|row| {
                    matches!(&row.under, Some(Under { before: Before::Was(past), .. })
                        if matches!(past.standing, Provisioned(_)))
                }),
                Event::Asked
                | Event::AskedAgain
                | Event::Denied { .. }
                | Event::Committed(_)
                | Event::RemovedByOperator => false,
            };
            assert!(consented, "{event:?} on {row:?}");
        }
    }
    assert!(let_in > 0);
}

#[test]
fn a_denial_ends_only_by_the_tenant_the_operator_or_a_switch_that_was_given_up() {
    for row in rows()
        .into_iter()
        .flatten()
        .filter(|row| row.standing == Denied)
    {
        for event in events() {
            let (next, _) = play(Some(row.clone()), &event);
            let ends = next.is_some_and(|next| next.standing != Denied);
            let may = match event {
                Event::Accepted(_)
                | Event::AskedAgain
                | Event::Voided(_)
                | Event::RemovedByOperator => true,
                Event::Asked
                | Event::OnRecord
                | Event::Denied { .. }
                | Event::MovedAlong(_)
                | Event::SourceChanged(_)
                | Event::Committed(_) => false,
            };
            assert!(!ends || may, "{event:?} on {row:?}");
        }
    }
}

#[test]
fn an_event_that_comes_twice_changes_nothing_the_second_time() {
    for row in rows() {
        for event in events() {
            if event == Event::AskedAgain {
                continue;
            }
            let (once, _) = play(row.clone(), &event);
            match step(once.as_ref(), &event, &by(10)) {
                Step::Same | Step::Refused(_) => {}
                Step::Next(twice, effects) => {
                    panic!("{event:?} on {row:?}: {once:?}, then {twice:?} {effects:?}")
                }
            }
        }
    }
}

#[test]
fn another_switch_leaves_everything_as_it_is() {
    for row in rows() {
        for event in [Event::Voided(switch(2)), Event::Committed(switch(2))] {
            assert_eq!(step(row.as_ref(), &event, &by(9)), Step::Same);
        }
        for carried in [Carried::Admission, Carried::Question] {
            for a_move in moves(carried) {
                let foreign = Event::SourceChanged(Move {
                    switch: switch(2),
                    ..a_move
                });
                if row.is_some() {
                    assert_eq!(step(row.as_ref(), &foreign, &by(9)), Step::Same);
                }
            }
        }
    }
}

#[test]
fn a_move_mails_those_it_must_tell_and_fails_where_nobody_is_there_to_tell() {
    for row in rows() {
        for carried in [Carried::Admission, Carried::Question] {
            for a_move in moves(carried) {
                let (next, effects) = play(row.clone(), &Event::MovedAlong(a_move));
                let mails = effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::Ask(_) | Effect::OfferDeny(_)));
                assert!(!mails || a_move.contacts == Contacts::Some);
                let before = row.as_ref().filter(|row| row.standing.is_live());
                if before.is_some() || row.as_ref().is_some_and(|row| is_under(row, ours())) {
                    continue;
                }
                let next = next.expect("whoever has no standing of its own gets one");
                let must_tell = carried == Carried::Question || a_move.notice == Notice::Told;
                let expected = match (carried, a_move.notice, a_move.contacts) {
                    (Carried::Admission, Notice::Untold, _) => Provisioned(Basis::Moved),
                    (_, _, Contacts::None) => Failed(Failure::NoContact),
                    (Carried::Admission, Notice::Told, Contacts::Some) => {
                        Provisioned(Basis::MovedWithNotice)
                    }
                    (Carried::Question, _, Contacts::Some) => PendingAcceptance,
                };
                assert_eq!(next.standing, expected);
                assert_eq!(mails, must_tell && a_move.contacts == Contacts::Some);
                assert_eq!(next.brought_by, Some(ours()));
            }
        }
    }
}

/// What tenants and operator may do while a switch is open.
fn during() -> Vec<Event> {
    let with = |carried| Move {
        switch: ours(),
        carried,
        notice: Notice::Told,
        contacts: Contacts::Some,
    };
    vec![
        Event::MovedAlong(with(Carried::Admission)),
        Event::MovedAlong(with(Carried::Question)),
        Event::SourceChanged(with(Carried::Admission)),
        Event::SourceChanged(with(Carried::Question)),
        Event::Accepted(Basis::Accepted),
        Event::Denied {
            switch: Some(ours()),
        },
        Event::AskedAgain,
        Event::RemovedByOperator,
        Event::OnRecord,
    ]
}

/// Calls `check` with every row that up to `depth` events lead to from `row`, and with the events.
fn explore(
    row: Option<&Consent>,
    past: &mut Vec<Event>,
    depth: usize,
    check: &mut impl FnMut(Option<&Consent>, &[Event]),
) {
    check(row, past);
    if depth == 0 {
        return;
    }
    for event in during() {
        let (next, _) = play(row.cloned(), &event);
        past.push(event);
        explore(next.as_ref(), past, depth - 1, check);
        past.pop();
    }
}

#[test]
fn a_switch_that_is_given_up_leaves_nothing_of_itself_in_any_order_of_events() {
    let (mut restored, mut taken_back, mut kept_accepted) = (0, 0, 0);
    for start in [None].into_iter().chain(STANDINGS.map(Some)) {
        let row = start.map(stood);
        let check = &mut |last: Option<&Consent>, events: &[Event]| {
            let (end, effects) = play(last.cloned(), &Event::Voided(ours()));
            assert!(effects.is_empty());
            assert!(
                end.as_ref().is_none_or(|end| end.under.is_none()),
                "{events:?}"
            );
            let by_hand = events.iter().any(|event| {
                matches!(
                    event,
                    Event::RemovedByOperator | Event::OnRecord | Event::AskedAgain
                )
            });
            if by_hand {
                return;
            }
            let accepted = events
                .iter()
                .any(|event| matches!(event, Event::Accepted(_)));
            match (start, end.map(|end| end.standing)) {
                // Made for the switch.
                (None, None) => {}
                (None, Some(end)) => {
                    taken_back += 1;
                    assert_eq!(end, Removed(Removal::TakenBack), "{events:?}");
                }
                // A denial of what it had is void.
                (Some(Provisioned(_)), Some(end)) => {
                    restored += 1;
                    assert!(matches!(end, Provisioned(_)), "{events:?}");
                }
                // A question that was open before has been answered, or is open.
                (Some(PendingAcceptance | Failed(_)), Some(_)) => {}
                // Only its own word lets a tenant in that had denied.
                (Some(Denied), Some(end)) => {
                    kept_accepted += i32::from(end != Denied);
                    assert!(end == Denied || accepted, "{events:?}");
                }
                (Some(before @ Removed(_)), Some(end)) => assert_eq!(end, before, "{events:?}"),
                (Some(_), None) => panic!("nothing is ever deleted: {events:?}"),
            }
        };
        explore(row.as_ref(), &mut Vec::new(), 4, check);
    }
    assert!(restored > 0 && taken_back > 0 && kept_accepted > 0);
}

#[test]
fn a_committed_switch_changes_no_standing_in_any_order_of_events() {
    let mut settled = 0;
    for start in [None].into_iter().chain(STANDINGS.map(Some)) {
        let row = start.map(stood);
        let check = &mut |last: Option<&Consent>, events: &[Event]| {
            let (end, effects) = play(last.cloned(), &Event::Committed(ours()));
            assert!(effects.is_empty());
            assert_eq!(
                end.as_ref().map(|end| end.standing),
                last.map(|last| last.standing),
                "{events:?}"
            );
            assert!(end.as_ref().is_none_or(|end| end.under.is_none()));
            settled += i32::from(last.is_some_and(|last| last.under.is_some()));
            // What happens to a switch that was committed can no longer be undone by it.
            assert_eq!(play(end.clone(), &Event::Voided(ours())).0, end);
        };
        explore(row.as_ref(), &mut Vec::new(), 3, check);
    }
    assert!(settled > 0);
}

#[test]
fn the_order_of_the_move_and_of_a_decision_about_the_source_does_not_matter() {
    let with = |carried| Move {
        switch: ours(),
        carried,
        notice: Notice::Untold,
        contacts: Contacts::Some,
    };
    for (first, then) in [
        (Carried::Admission, Carried::Question),
        (Carried::Question, Carried::Admission),
    ] {
        let (decided_first, _) = play(None, &Event::MovedAlong(with(then)));
        let (moved_first, _) = play(None, &Event::MovedAlong(with(first)));
        let (moved_first, _) = play(moved_first, &Event::SourceChanged(with(then)));
        assert_eq!(moved_first, decided_first);
    }
}
