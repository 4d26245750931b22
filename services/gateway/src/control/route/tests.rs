//! Routes as the catalog tells them, for this crate's tests, and what becomes of odd ones.

use super::*;

pub(crate) fn uuid(n: u8) -> String {
    Timeline::new([n; 16]).to_string()
}

pub(crate) fn nonce(n: u8) -> Nonce {
    Nonce::new([n; 16])
}

pub(crate) fn version(name: &str) -> wire::RouteVersion {
    wire::RouteVersion {
        version: name.to_owned(),
        upstream: "http://127.0.0.1:9000".to_owned(),
        health: None,
    }
}

pub(crate) fn switch(application: &str) -> String {
    format!("applications/{application}/switches/01923456-789a-7bcd-8ef0-123456789abc")
}

/// A route without a turn, on timeline 1, whose active version is called as its generation.
pub(crate) fn told(application: &str, revision: u64, generation: u64) -> wire::Route {
    wire::Route {
        application: format!("applications/{application}"),
        display_name: "Customers".to_owned(),
        timeline: uuid(1),
        revision,
        generation,
        active: (generation > 0).then(|| version(&generation.to_string())),
        test: None,
        turn: None,
        hold_request_timeout: Some(prost_types::Duration {
            seconds: 15,
            nanos: 0,
        }),
        ..Default::default()
    }
}

pub(crate) fn preparing(mut route: wire::Route, turn: u8) -> wire::Route {
    route.turn = Some(wire::route::Turn::Preparing(wire::Preparing {
        switch: switch(route.application.trim_start_matches("applications/")),
        nonce: nonce(turn).to_string(),
        target: Some(version(&(route.generation + 1).to_string())),
    }));
    route
}

/// Holds until grants of timeline 7 are at `grants_revision`.
pub(crate) fn holding(mut route: wire::Route, turn: u8, grants_revision: u64) -> wire::Route {
    route.turn = Some(wire::route::Turn::Holding(wire::Holding {
        switch: switch(route.application.trim_start_matches("applications/")),
        nonce: nonce(turn).to_string(),
        target: Some(version(&(route.generation + 1).to_string())),
        grants_revision,
        grants_timeline: uuid(7),
        ..Default::default()
    }));
    route
}

pub(crate) fn releasing(mut route: wire::Route, turn: u8) -> wire::Route {
    route.turn = Some(wire::route::Turn::Releasing(wire::Releasing {
        switch: switch(route.application.trim_start_matches("applications/")),
        nonce: nonce(turn).to_string(),
        drain_timeout: Some(prost_types::Duration {
            seconds: 10,
            nanos: 0,
        }),
    }));
    route
}

pub(crate) fn parse(told: wire::Route) -> Route {
    Route::parse(told).unwrap()
}

#[test]
fn a_route_that_asks_and_cannot_be_read_is_answered_not_ready() {
    let mut route = preparing(told("crm", 5, 1), 3);
    let Some(wire::route::Turn::Preparing(turn)) = &mut route.turn else {
        unreachable!("made above")
    };
    turn.target.as_mut().unwrap().upstream = "ftp://x".to_owned();
    let error = Route::parse(route).unwrap_err();
    assert_eq!(error.application, Some("crm".parse().unwrap()));
    let answer = *error.answer.clone().unwrap();
    assert_eq!((answer.revision, &answer.nonce), (5, &nonce(3).to_string()));
    let Some(wire::answer::Answer::NotReady(objection)) = &answer.answer else {
        panic!("{answer:?}")
    };
    assert_eq!(objection.reason, "ROUTE_INVALID");
    assert!(
        objection.message.contains("turn.target"),
        "{}",
        objection.message
    );
}

#[test]
fn a_duration_that_cannot_be_is_refused_like_any_other_field() {
    type Place = fn(&mut wire::Route) -> &mut Option<prost_types::Duration>;
    let places: [(&str, Place); 3] = [
        ("hold_request_timeout", |route| {
            &mut route.hold_request_timeout
        }),
        ("turn.drain_timeout", |route| match &mut route.turn {
            Some(wire::route::Turn::Releasing(turn)) => &mut turn.drain_timeout,
            other => unreachable!("{other:?}"),
        }),
        ("active", |route| {
            let health = &mut route.active.as_mut().unwrap().health;
            &mut health.get_or_insert_default().timeout
        }),
    ];
    for (field, place) in places {
        for (seconds, nanos) in [
            (i64::MIN, 0),
            (i64::MIN, i32::MIN),
            (i64::MAX, i32::MAX),
            (1, -1),
            (1, 1_000_000_000),
            (24 * 60 * 60, 1),
        ] {
            let mut route = releasing(told("crm", 5, 1), 3);
            *place(&mut route) = Some(prost_types::Duration { seconds, nanos });
            let error = Route::parse(route).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
            assert!(error.contains("must be 0 s to "), "{error}");
        }
    }
}

#[test]
fn odd_routes_are_refused_whole_and_quietly_where_nothing_is_asked() {
    type Spoil = fn(&mut wire::Route);
    let spoils: [Spoil; 11] = [
        |route| route.application = "crm".to_owned(),
        |route| route.timeline = "x".to_owned(),
        |route| route.revision = u64::MAX,
        |route| route.generation = u64::MAX,
        |route| route.active = None,
        |route| route.display_name = "a\nb".to_owned(),
        |route| route.hold_request_timeout = None,
        |route| route.drain_rate = -1,
        |route| route.drain_rate = 100_001,
        |route| {
            route.hold_request_timeout = Some(prost_types::Duration {
                seconds: -1,
                nanos: 0,
            });
        },
        |route| {
            route.test = Some(wire::TestRoute {
                version: Some(version("3")),
                tester_token_sha256: "AB".repeat(32),
            });
        },
    ];
    for (number, spoil) in spoils.into_iter().enumerate() {
        let mut route = told("crm", 5, 1);
        spoil(&mut route);
        let error = Route::parse(route).unwrap_err();
        assert!(error.answer.is_none(), "spoil {number}: {error}");
    }
    let mut foreign = preparing(told("crm", 5, 1), 3);
    if let Some(wire::route::Turn::Preparing(turn)) = &mut foreign.turn {
        turn.switch = switch("erp");
    }
    assert!(
        Route::parse(foreign).is_err(),
        "another application's switch"
    );
}

#[test]
fn what_is_to_become_of_requests_under_way_is_one_of_three() {
    let hold = |overlap: i32, seconds: Option<i64>| {
        let mut route = holding(told("crm", 5, 1), 3, 1);
        if let Some(wire::route::Turn::Holding(turn)) = &mut route.turn {
            turn.overlap = overlap;
            turn.overlap_timeout =
                seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        }
        Route::parse(route)
    };
    let secs = Duration::from_secs;
    for (overlap, seconds, expected) in [
        (wire::Overlap::Unspecified, None, Overlap::Allowed),
        (wire::Overlap::Allowed, Some(3), Overlap::Allowed),
        (wire::Overlap::Abort, None, Overlap::Abort(secs(10))),
        (wire::Overlap::Cut, Some(60), Overlap::Cut(secs(60))),
    ] {
        match hold(overlap.into(), seconds).unwrap().order {
            Order::Holding { overlap, .. } => assert_eq!(overlap, expected),
            other => panic!("{other:?}"),
        }
    }
    for (overlap, seconds) in [(99, None), (wire::Overlap::Cut.into(), Some(61))] {
        let error = hold(overlap, seconds).unwrap_err();
        assert!(error.answer.is_some(), "it hears why: {error}");
    }
}

#[test]
fn a_drain_rate_that_is_not_told_is_the_usual_one() {
    for (rate, expected) in [(0, 100), (1, 1), (100_000, 100_000)] {
        let mut route = told("crm", 5, 1);
        route.drain_rate = rate;
        assert_eq!(
            parse(route).app_route(GateOrder::Never).drain_rate,
            expected
        );
    }
}

#[test]
fn a_test_version_is_let_in_by_the_digest_that_was_told() {
    let mut route = told("crm", 5, 1);
    route.test = Some(wire::TestRoute {
        version: Some(version("3")),
        tester_token_sha256: "0f".repeat(32),
    });
    let route = parse(route).app_route(GateOrder::Never);
    assert_eq!(route.test.unwrap().tester_token_sha256, [0x0f; 32]);
}
