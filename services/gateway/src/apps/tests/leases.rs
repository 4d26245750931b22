//! What users see of a gateway that the catalog no longer reaches.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use arc_swap::Guard;
use contract::Generation;
use http::StatusCode;
use runtime::Clock;

use super::{
    upstream::{Upstream, target},
    world::{LONG, USER, World, route, until},
};
use crate::apps::{
    Address, AppRoute, BootClock, DataPlane, GateOrder, GateState, GenerationTraffic, Limits,
    Moment,
    admit::{Admission, Head, admit},
    flight::{Flight, Line},
    refuse::Why,
    snapshot::Snapshot,
};

const LEASE: Duration = Duration::from_secs(1);

/// Less than the part of a lease that is used, and just enough to end it.
const MOST: Duration = Duration::from_millis(949);
const REST: Duration = Duration::from_millis(1);

fn fenced(generation: u64, gate: GateOrder) -> AppRoute {
    AppRoute {
        lease: Some(LEASE),
        ..route(Some(generation), gate)
    }
}

async fn world() -> (World, Clock) {
    let clock = Clock::simulated(jiff::Timestamp::UNIX_EPOCH, 1);
    let world = World::with_clock(Limits::default(), BootClock::of(&clock)).await;
    (world, clock)
}

fn renew(world: &World) {
    world.plane.renew_leases(world.plane.moment(), |_| true);
}

#[tokio::test]
async fn users_are_served_under_a_lease_and_refused_without_one() {
    let (world, clock) = world().await;
    let version = Upstream::start("1.0").await;
    world
        .plane
        .set_route(fenced(1, GateOrder::Open(version.target())));
    let mut kept = world.connect().await;
    let gate = || world.plane.status(None, false)[0].gate;
    let left = || world.plane.status(None, false)[0].lease_left;
    let refused = |answer: super::world::Answer| {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.reason(), "FENCED");
        assert_eq!(answer.field("retry-after"), "5");
    };
    refused(kept.get(USER, "/").await);
    assert_eq!((gate(), left()), (GateState::Fenced, Some(Duration::ZERO)));
    assert_eq!(world.plane.fenced().len(), 1);

    renew(&world);
    assert_eq!(kept.get(USER, "/").await.text, "1.0");
    clock.advance(MOST);
    assert_eq!((gate(), left()), (GateState::Open, Some(REST)));
    assert_eq!(kept.get(USER, "/").await.text, "1.0");
    clock.advance(REST);
    refused(kept.get(USER, "/").await);
    assert_eq!(gate(), GateState::Fenced);

    // A switch of the route gives no lease, another mode needs none.
    world
        .plane
        .set_route(fenced(1, GateOrder::Open(version.target())));
    refused(kept.get(USER, "/").await);
    world.open(1, &version);
    assert_eq!((gate(), left()), (GateState::Open, None));
    assert_eq!(kept.get(USER, "/").await.text, "1.0");
    assert_eq!(version.seen.arrivals(), 3);
}

#[tokio::test]
async fn a_request_that_was_admitted_outlives_the_lease() {
    let (world, clock) = world().await;
    let version = Upstream::start("1.0").await;
    world
        .plane
        .set_route(fenced(1, GateOrder::Open(version.target())));
    renew(&world);
    let mut connection = world.connect().await;
    let (answer, ()) = tokio::join!(connection.get(USER, "/slow"), async {
        until("the request is there", || version.seen.arrivals() == 1).await;
        clock.advance(2 * LEASE);
        assert_eq!(world.get(USER, "/").await.reason(), "FENCED");
        version.go_on();
    });
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "1.0"));
}

#[tokio::test]
async fn a_held_request_asks_for_the_lease_again_when_the_hold_ends() {
    let (world, clock) = world().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    for (ended, outcome) in [
        (false, StatusCode::OK),
        (true, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        world
            .plane
            .set_route(fenced(1, GateOrder::Open(old.target())));
        renew(&world);
        world
            .plane
            .set_route(fenced(1, GateOrder::Held(Some(old.target()))));
        let mut connection = world.connect().await;
        let (answer, ()) = tokio::join!(connection.get(USER, "/"), async {
            until("it waits", || world.held() == 1).await;
            if ended {
                clock.advance(LEASE);
            }
            let left = world
                .plane
                .set_route(fenced(2, GateOrder::Open(new.target())));
            left.unwrap().finish(LONG).await;
        });
        assert_eq!(answer.status, outcome, "lease ended: {ended}");
    }
    assert_eq!(new.seen.arrivals(), 1);
}

#[tokio::test]
async fn an_application_that_comes_anew_begins_with_what_the_gateway_was_granted() {
    let (world, clock) = world().await;
    let version = Upstream::start("1.0").await;
    renew(&world);
    clock.advance(MOST);
    world
        .plane
        .set_route(fenced(1, GateOrder::Open(version.target())));
    assert_eq!(world.get(USER, "/").await.text, "1.0");
    clock.advance(REST);
    assert_eq!(world.get(USER, "/").await.reason(), "FENCED");
    // One that is not covered gets nothing.
    world.plane.renew_leases(world.plane.moment(), |_| false);
    assert_eq!(world.get(USER, "/").await.reason(), "FENCED");
}

#[tokio::test]
async fn a_generations_traffic_is_counted_from_its_beginning() {
    let world = World::start().await;
    let old = Upstream::start("1.0").await;
    let reported = |generation, gate| {
        let mut route = route(Some(generation), gate);
        route.report_traffic = true;
        drop(world.plane.set_route(route));
    };
    reported(1, GateOrder::Open(old.target()));
    let traffic = |generation: u64, requests, failed| {
        vec![GenerationTraffic {
            application: "shop".parse().unwrap(),
            generation: Generation::try_from(generation).unwrap(),
            requests,
            failed,
        }]
    };
    assert_eq!(world.plane.traffic(), traffic(1, 0, 0));
    world.get(USER, "/").await;
    world.get(USER, "/moved").await;
    reported(1, GateOrder::Held(Some(old.target())));
    reported(1, GateOrder::Open(old.target()));
    assert_eq!(
        world.plane.traffic(),
        traffic(1, 2, 0),
        "a hold changes nothing"
    );
    // Nothing listens there: the gateway answers in its place.
    let nowhere = target("2.0", "127.0.0.1:1".parse().unwrap());
    reported(2, GateOrder::Open(nowhere));
    assert_eq!(world.plane.traffic(), traffic(2, 0, 0));
    assert_eq!(world.get(USER, "/").await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(world.plane.traffic(), traffic(2, 1, 1));
    let quiet = route(Some(2), GateOrder::Open(old.target()));
    drop(world.plane.set_route(quiet));
    assert_eq!(world.plane.traffic(), []);
}

/// What came of threads that ask without a pause.
struct Seen {
    admitted: u64,
    refused: u64,
    stale: u64,
}

/// Threads ask while leases end and the fleet goes on without this gateway: each notes the newest
/// generation that is served anywhere, then asks. `look` is how the gateway looks at gate and clock.
fn ask_while_leases_end(
    look: impl Fn(&DataPlane) -> (Guard<Arc<Snapshot>>, Moment) + Sync,
) -> Seen {
    const ROUNDS: u64 = 300;
    const THREADS: usize = 3;
    let clock = Clock::simulated(jiff::Timestamp::UNIX_EPOCH, 1);
    let plane = World::plane(Limits::default(), BootClock::of(&clock));
    let at = target("1.0", "127.0.0.1:1".parse().unwrap());
    let newest = AtomicU64::new(1);
    let done = AtomicBool::new(false);
    let (admitted, refused, stale) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let ask = || {
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
        let (request_id, line) = ("r".parse().unwrap(), Line::new());
        while !done.load(Ordering::SeqCst) {
            let floor = newest.load(Ordering::SeqCst);
            let (snapshot, now) = look(&plane);
            match admit(&snapshot, &head, now) {
                Admission::Forward { serving, grant, .. } => {
                    if Flight::enter(serving, grant, &request_id, &line).is_some() {
                        admitted.fetch_add(1, Ordering::SeqCst);
                        let generation = serving.generation.unwrap().get();
                        stale.fetch_add(u64::from(generation < floor), Ordering::SeqCst);
                    }
                }
                Admission::Refuse { why, .. } => {
                    assert_eq!(why, Why::Fenced);
                    refused.fetch_add(1, Ordering::SeqCst);
                }
                Admission::Hold { .. } | Admission::Wait | Admission::Stop(_) => {
                    panic!("there is nothing to wait for, and nobody has to sign in")
                }
            }
        }
    };
    let more = |count: &AtomicU64| {
        let before = count.load(Ordering::SeqCst);
        while count.load(Ordering::SeqCst) == before && stale.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
    };
    drop(plane.set_route(fenced(1, GateOrder::Open(at.clone()))));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(ask);
        }
        for generation in 2..=ROUNDS {
            plane.renew_leases(plane.moment(), |_| true);
            more(&admitted);
            clock.advance(MOST + REST);
            // The others have waited for the lease: they go on.
            newest.store(generation, Ordering::SeqCst);
            more(&refused);
            drop(plane.set_route(fenced(generation, GateOrder::Open(at.clone()))));
        }
        done.store(true, Ordering::SeqCst);
    });
    Seen {
        admitted: admitted.into_inner(),
        refused: refused.into_inner(),
        stale: stale.into_inner(),
    }
}

#[test]
fn nobody_gets_in_by_a_lease_that_has_ended_when_they_asked() {
    let seen = ask_while_leases_end(DataPlane::look);
    assert_eq!(seen.stale, 0);
    assert!(
        seen.admitted > 100 && seen.refused > 100,
        "too little was asked"
    );
}

/// The test above can fail: a moment that somebody has put down is no clock.
#[test]
fn a_moment_that_is_kept_lets_in_whom_the_clock_refuses() {
    let seen = ask_while_leases_end(|plane| {
        let snapshot = plane.inner().snapshot.load();
        let kept = plane.inner().granted.renewed();
        (snapshot, kept.unwrap_or_else(|| plane.moment()))
    });
    assert!(seen.stale > 0);
}

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "lease ended: true")]
    fn a_lease_that_a_flag_keeps_up_is_found() {
        plant(Some(Plant::LeaseFlagNotClock));
        super::a_held_request_asks_for_the_lease_again_when_the_hold_ends();
    }
}
