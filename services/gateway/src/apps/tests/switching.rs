//! What users see while versions are switched.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Request, StatusCode};
use tokio::{task::JoinSet, time::timeout};

use super::{
    upstream::Upstream,
    world::{Connection, LONG, USER, World, empty, route, until},
};
use crate::apps::{
    Address, Drained, GateOrder, GateState, GrantDecision, HoldFigures, Limits, RefusalReason,
    admit::{Admission, Head, admit},
    flight::{Flight, Line},
};

/// Eight users ask without a pause, each on one connection, while the version flips 200 times with
/// a hold each time. Before each request a user looks at the newest generation that anybody has had
/// a complete answer from; the request may not be answered by an older one (I2).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_and_none_is_answered_by_an_older_generation_while_versions_flip() {
    const FLIPS: u64 = 200;
    let world = World::start().await;
    let versions = [Upstream::start("1.0").await, Upstream::start("2.0").await];
    assert!(world.open(1, &versions[1]).is_none());
    let newest = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let mut users = JoinSet::new();
    for _ in 0..8 {
        let (newest, done) = (Arc::clone(&newest), Arc::clone(&done));
        let address = world.address;
        users.spawn(async move {
            let mut connection = Connection::to(address).await;
            let mut answers = 0_u64;
            while !done.load(Ordering::SeqCst) {
                let floor = newest.load(Ordering::SeqCst);
                let answer = connection.get(USER, "/").await;
                assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
                let generation: u64 = answer.field("switchover-generation").parse().unwrap();
                assert!(generation >= floor, "{generation} after {floor}");
                let expected = if generation.is_multiple_of(2) {
                    "1.0"
                } else {
                    "2.0"
                };
                assert_eq!(answer.text, expected, "generation {generation}");
                assert_eq!(answer.field("switchover-version"), expected);
                newest.fetch_max(generation, Ordering::SeqCst);
                answers += 1;
            }
            answers
        });
    }
    let mut total = Drained::default();
    for generation in 1..=FLIPS {
        let reached = Arc::clone(&newest);
        until("the generation is in use", || {
            reached.load(Ordering::SeqCst) >= generation
        })
        .await;
        let [even, odd] = &versions;
        let (before, after) = if generation.is_multiple_of(2) {
            (even, odd)
        } else {
            (odd, even)
        };
        assert!(world.hold(generation, before).is_none());
        let drain = world.open(generation + 1, after).unwrap();
        let drained = drain.finish(LONG).await;
        total.finished += drained.finished;
        total.cut += drained.cut;
    }
    until("the last one is in use", || {
        newest.load(Ordering::SeqCst) > FLIPS
    })
    .await;
    done.store(true, Ordering::SeqCst);
    let answers: u64 = users.join_all().await.into_iter().sum();
    assert!(answers > FLIPS, "too little was asked: {answers}");
    assert_eq!(total.cut, 0);
    let arrived = versions.iter().map(|it| it.seen.arrivals() as u64);
    assert_eq!(arrived.sum::<u64>(), answers, "each request arrived once");
}

/// The version's own count is the witness: once the hold is there and what was in flight is over,
/// it stands still until the gate opens again (R2, I10).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_admitted_once_a_held_route_is_applied() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let done = Arc::new(AtomicBool::new(false));
    let mut users = JoinSet::new();
    for _ in 0..6 {
        let (done, address) = (Arc::clone(&done), world.address);
        users.spawn(async move {
            let mut connection = Connection::to(address).await;
            while !done.load(Ordering::SeqCst) {
                let answer = connection.get(USER, "/").await;
                assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            }
        });
    }
    for round in 0..100 {
        let before = version.seen.arrivals();
        until("requests arrive", || version.seen.arrivals() > before).await;
        assert!(world.hold(1, &version).is_none());
        // From here on the count may only fall.
        let mut left = world.in_flight();
        while left > 0 {
            tokio::task::yield_now().await;
            let now = world.in_flight();
            assert!(now <= left, "round {round}: {now} after {left}");
            left = now;
        }
        let arrived = version.seen.arrivals();
        until("all users wait", || world.held() == 6).await;
        assert_eq!(version.seen.arrivals(), arrived, "round {round}");
        assert_eq!(world.in_flight(), 0);
        // Given up: the same generation goes on.
        assert!(world.open(1, &version).is_none());
    }
    done.store(true, Ordering::SeqCst);
    users.join_all().await;
}

/// The same without luck: a request has looked at the gate and is not counted yet when the hold
/// comes. It must not get in by what it saw, neither during the hold nor after a switch; after a
/// hold that was given up, what it saw is right again.
#[tokio::test]
async fn a_request_that_looked_before_the_hold_does_not_get_in_after_it() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let seen = world.plane.inner().snapshot.load_full();
    let address = Address::User {
        tenant: "hall".parse().unwrap(),
        application: "shop".parse().unwrap(),
    };
    let head = Head {
        address: &address,
        token_sha256: None,
        min_generation: None,
        asked: None,
    };
    let Admission::Forward { serving, grant, .. } = admit(&seen, &head, world.plane.moment())
    else {
        panic!("the gate is open");
    };
    let enter = || Flight::enter(serving, grant, &"r".parse().unwrap(), &Line::new());
    assert!(enter().is_some());
    world.hold(1, &old);
    assert!(enter().is_none());
    world.open(1, &old);
    assert!(enter().is_some());
    world.hold(1, &old);
    world.open(2, &new);
    assert!(enter().is_none());
    world.open(3, &old);
    assert!(enter().is_none(), "the same version, another generation");
}

#[tokio::test]
async fn a_request_in_flight_finishes_on_the_version_that_it_began_on() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut connection = world.connect().await;
    let slow = connection.get(USER, "/slow");
    let switch = async {
        until("the request is there", || old.seen.arrivals() == 1).await;
        world.hold(1, &old);
        let drain = world.open(2, &new).unwrap();
        assert_eq!(drain.in_flight(), 1);
        assert_eq!(world.get(USER, "/").await.text, "2.0");
        old.go_on();
        drain.finish(LONG).await
    };
    let (answer, drained) = tokio::join!(slow, switch);
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "1.0"));
    assert_eq!(answer.field("switchover-generation"), "1");
    assert_eq!(
        drained,
        Drained {
            finished: 1,
            ..Drained::default()
        }
    );
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_is_told_so_and_counted() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut connection = world.connect().await;
    let hanging = connection.get(USER, "/hang");
    let switch = async {
        until("the request is there", || old.seen.arrivals() == 1).await;
        world.open(2, &new).unwrap().finish(Duration::ZERO).await
    };
    let (answer, drained) = tokio::join!(hanging, switch);
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.reason(), "CUT");
    assert_eq!(
        drained,
        Drained {
            cut: 1,
            ..Drained::default()
        }
    );
    until("the version is rid of it", || {
        old.seen.gone.load(Ordering::SeqCst) == 1
    })
    .await;
}

#[tokio::test]
async fn a_held_request_waits_no_longer_than_it_may() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    let mut held = route(Some(1), GateOrder::Held(Some(version.target())));
    held.hold_request_timeout = Duration::from_millis(50);
    world.plane.set_route(held);
    let answer = world.get(USER, "/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.reason(), "HELD_TOO_LONG");
    assert_eq!(answer.field("retry-after"), "1");
    assert_eq!(world.plane.status(None, false)[0].gate, GateState::Held);
    assert_eq!(version.seen.arrivals(), 0);
}

#[tokio::test]
async fn no_more_requests_wait_than_may() {
    let limits = Limits {
        held_requests: 1,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let version = Upstream::start("1.0").await;
    world.hold(1, &version);
    let mut first = world.connect().await;
    let second = async {
        until("the first waits", || world.held() == 1).await;
        let answer = world.get(USER, "/").await;
        assert_eq!(answer.reason(), "TOO_MANY_HELD");
        assert_eq!(answer.field("retry-after"), "1");
        world.open(1, &version);
    };
    let (first, ()) = tokio::join!(first.get(USER, "/"), second);
    assert_eq!(first.text, "1.0");
}

#[tokio::test]
async fn an_aborted_hold_goes_on_with_the_same_generation() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut connection = world.connect().await;
    let slow = connection.get(USER, "/slow");
    let abort = async {
        until("the request is there", || version.seen.arrivals() == 1).await;
        assert!(world.hold(1, &version).is_none());
        let mut held = world.connect().await;
        let release = async {
            until("a request waits", || world.held() == 1).await;
            assert!(world.open(1, &version).is_none(), "nothing has left");
            assert_eq!(world.plane.hold_figures(&"shop".parse().unwrap()).held, 1);
        };
        let (held, ()) = tokio::join!(held.get(USER, "/"), release);
        assert_eq!(held.field("switchover-generation"), "1");
        assert_eq!(world.in_flight(), 1, "the slow one is counted on");
        version.go_on();
    };
    let (answer, ()) = tokio::join!(slow, abort);
    assert_eq!(answer.text, "1.0");
}

#[tokio::test]
async fn a_kept_connection_sees_the_new_version_at_its_next_request() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut connection = world.connect().await;
    assert_eq!(connection.get(USER, "/").await.text, "1.0");
    world.open(2, &new);
    assert_eq!(connection.get(USER, "/").await.text, "2.0");
}

/// Version 1.0 becomes 2.0 and 1.0 again while a request of the first generation is under way. The
/// end of that generation's drain is no concern of the third.
#[tokio::test]
async fn a_version_that_comes_back_is_not_cut_by_its_former_drain() {
    let world = World::start().await;
    let (one, two) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &one);
    let (mut first, mut third) = (world.connect().await, world.connect().await);
    let switches = async {
        until("the request is there", || one.seen.arrivals() == 1).await;
        let drain = world.open(2, &two).unwrap();
        assert!(world.open(3, &one).is_some());
        drain
    };
    let hanging = first.get(USER, "/hang");
    let rest = async {
        let drain = switches.await;
        let slow = third.get(USER, "/slow");
        let cut = async {
            until("both are there", || one.seen.arrivals() == 2).await;
            let drained = drain.finish(Duration::ZERO).await;
            assert_eq!(drained.cut, 1);
            one.go_on();
        };
        tokio::join!(slow, cut).0
    };
    let (first, third) = tokio::join!(hanging, rest);
    assert_eq!(first.reason(), "CUT");
    assert_eq!((third.status, &*third.text), (StatusCode::OK, "1.0"));
    assert_eq!(third.field("switchover-generation"), "3");
}

#[tokio::test]
async fn a_tenant_that_denies_is_refused_at_once_and_others_are_not() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut hall = world.connect().await;
    let mut east = world.connect().await;
    assert_eq!(hall.get(USER, "/").await.text, "1.0");
    world.grant("hall", "1.0", GrantDecision::Refused(RefusalReason::Denied));
    let refused = hall.get(USER, "/").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.reason(), "DENIED");
    let other = "east-shop-acme.example.com";
    assert_eq!(east.get(other, "/").await.text, "1.0");
    world.grant("hall", "1.0", GrantDecision::Admitted);
    assert_eq!(hall.get(USER, "/").await.text, "1.0");
    let status = world.plane.status(None, true).remove(0);
    let tenants: Vec<_> = status.traffic[0]
        .tenants
        .iter()
        .map(|it| (it.tenant.as_str(), it.requests, it.refused))
        .collect();
    assert_eq!(tenants, [("east", 1, 0), ("hall", 2, 1)]);
}

/// A denial of the target bites from the first request of the new generation on, also for a
/// request that was held.
#[tokio::test]
async fn a_denial_of_the_target_counts_from_the_switch_on() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    world.grant("hall", "2.0", GrantDecision::Refused(RefusalReason::Denied));
    assert_eq!(world.get(USER, "/").await.text, "1.0");
    world.hold(1, &old);
    let mut held = world.connect().await;
    let release = async {
        until("the request waits", || world.held() == 1).await;
        world.open(2, &new);
    };
    let (held, ()) = tokio::join!(held.get(USER, "/"), release);
    assert_eq!(held.reason(), "DENIED");
    assert_eq!(new.seen.arrivals(), 0);
}

#[tokio::test]
async fn the_first_activation_holds_and_lets_in() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.plane.set_route(route(None, GateOrder::Never));
    let answer = world.get(USER, "/").await;
    assert_eq!(answer.reason(), "NOT_YET_AVAILABLE");
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    world.plane.set_route(route(None, GateOrder::Held(None)));
    let mut held = world.connect().await;
    let release = async {
        until("the request waits", || world.held() == 1).await;
        assert!(world.open(1, &version).is_none());
    };
    let (held, ()) = tokio::join!(held.get(USER, "/"), release);
    assert_eq!(held.text, "1.0");
    let figures = world.plane.hold_figures(&"shop".parse().unwrap());
    assert_eq!(figures.held, 1);
    assert!(figures.longest > Duration::ZERO);
}

#[tokio::test]
async fn who_is_let_into_no_version_does_not_wait() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.hold(1, &version);
    let stranger = world.get("west-shop-acme.example.com", "/").await;
    assert_eq!(stranger.reason(), "NOT_PROVISIONED");
    let figures = world.plane.hold_figures(&"shop".parse().unwrap());
    assert_eq!(figures, HoldFigures::default());
}

#[tokio::test]
async fn a_user_who_goes_away_while_held_reaches_no_version() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.hold(1, &version);
    let mut connection = world.connect().await;
    let request = Request::get("/").header("host", USER);
    let request = request.body(empty()).unwrap();
    tokio::select! {
        _ = connection.send(request) => panic!("it is held"),
        () = until("it waits", || world.held() == 1) => {}
    }
    drop(connection);
    until("its place is free", || world.held() == 0).await;
    world.open(1, &version);
    assert_eq!(world.get(USER, "/").await.text, "1.0");
    assert_eq!(version.seen.arrivals(), 1);
}

#[tokio::test]
async fn an_application_that_is_removed_is_unknown_and_drains() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut connection = world.connect().await;
    let slow = connection.get(USER, "/slow");
    let remove = async {
        until("the request is there", || version.seen.arrivals() == 1).await;
        let drain = world.plane.remove_route(&"shop".parse().unwrap()).unwrap();
        assert_eq!(world.get(USER, "/").await.reason(), "UNKNOWN_ADDRESS");
        version.go_on();
        drain.finish(LONG).await
    };
    let (answer, drained) = tokio::join!(slow, remove);
    assert_eq!(answer.text, "1.0");
    assert_eq!(drained.finished, 1);
    assert!(world.plane.status(None, false).is_empty());
}

#[tokio::test]
async fn a_drain_of_nothing_ends_at_once() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let drain = world.open(2, &new).unwrap();
    let drained = timeout(LONG, drain.finish(Duration::from_secs(3600)));
    assert_eq!(drained.await.unwrap().cut, 0);
}

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "left: \"1.0\"\n right: \"2.0\"")]
    fn a_connection_that_keeps_its_route_is_found() {
        plant(Some(Plant::RouteCachedPerConnection));
        super::a_kept_connection_sees_the_new_version_at_its_next_request();
    }

    #[test]
    #[should_panic(expected = "left: 200\n right: 503")]
    fn a_hold_that_falls_back_is_found() {
        plant(Some(Plant::HoldTimeoutFallsBack));
        super::a_held_request_waits_no_longer_than_it_may();
    }
}
