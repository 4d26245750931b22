//! What becomes of requests on the version that leaves, as the catalog hears it.

use proto::catalog::v1 as wire;
use proto::catalog::v1::answer::Answer;

use super::{
    http::{self, send},
    world::{ACME, World, until},
};
use crate::control::route_tests::{holding, nonce, preparing, releasing, told};

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn release(revision: u64, drain_seconds: i64) -> wire::Route {
    let mut route = releasing(told("crm", revision, 2), 4);
    if let Some(wire::route::Turn::Releasing(turn)) = &mut route.turn {
        turn.drain_timeout = seconds(drain_seconds);
    }
    route
}

fn hold(overlap: wire::Overlap, revision: u64) -> wire::Route {
    let mut route = holding(told("crm", 3, 1), 3, revision);
    if let Some(wire::route::Turn::Holding(turn)) = &mut route.turn {
        turn.overlap = overlap.into();
        turn.overlap_timeout = Some(prost_types::Duration {
            seconds: 0,
            nanos: 100_000_000,
        });
    }
    route
}

/// A request that version 1 never answers, and what is done once it is under way there.
async fn hanging<T>(world: &World, meanwhile: impl Future<Output = T>) -> (http::Answer, T) {
    let hanging = async {
        send(world.at().apps, "GET", "/hang", &[("Host", ACME)], "")
            .await
            .unwrap()
    };
    let meanwhile = async {
        until("the request is under way", async || {
            let status = world.status().await;
            let traffic = &status.applications[0].traffic;
            match traffic.iter().map(|it| it.in_flight).sum() {
                1 => Ok(()),
                seen => Err(i64::to_string(&seen)),
            }
        })
        .await;
        meanwhile.await
    };
    tokio::join!(hanging, meanwhile)
}

async fn prepared(world: &World) -> u64 {
    world.tell(preparing(told("crm", 2, 1), 2));
    assert!(matches!(world.answered(2).await, Answer::Ready(_)));
    world.provisioning.decide("acme", "2", true)
}

#[tokio::test]
async fn a_drain_tells_how_far_it_is_and_is_cut_when_the_operator_says_so() {
    let world = World::start().await;
    let revision = prepared(&world).await;
    let (answer, drained) = hanging(&world, async {
        world.tell(hold(wire::Overlap::Allowed, revision));
        assert!(matches!(world.answered(3).await, Answer::Held(_)));
        world.tell(release(4, 3600));
        let progress = until("it tells how far it is", async || {
            match world.answered(4).await {
                Answer::Draining(draining) => Ok(draining),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert_eq!(
            (progress.open_requests, progress.closed_connections),
            (1, 0)
        );
        world.tell(release(5, 0));
        until("it is drained", async || match world.answered(4).await {
            Answer::Drained(drained) => Ok(drained),
            other => Err(format!("{other:?}")),
        })
        .await
    })
    .await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("CUT"), "{}", answer.body);
    assert_eq!((drained.finished_requests, drained.cut_requests), (0, 1));
    let answers = world.catalog.answers(&nonce(4).to_string());
    let last = answers.last().map(|answer| answer.revision);
    assert_eq!(last, Some(5), "the newest route is what is answered");
    world.until_serves("2").await;
    world.end().await;
}

#[tokio::test]
async fn a_switch_without_overlap_names_how_many_it_waited_for() {
    let world = World::start().await;
    let revision = prepared(&world).await;
    let (_, ()) = hanging(&world, async {
        world.tell(hold(wire::Overlap::Abort, revision));
        let Answer::NotReady(objection) = world.answered(3).await else {
            panic!("a request is under way")
        };
        assert_eq!(objection.reason, "OVERLAP");
        assert!(objection.message.contains("1 are"), "{}", objection.message);
        world.tell(told("crm", 4, 1));
        world.until_serves("1").await;
        // Given up, and the request with it: the next switch drains it at once.
        world.tell(holding(told("crm", 5, 1), 5, revision));
        assert!(matches!(world.answered(5).await, Answer::Held(_)));
        world.tell(release(6, 0));
    })
    .await;
    world.until_serves("2").await;
    world.end().await;
}

#[tokio::test]
async fn a_switch_without_overlap_cuts_what_is_left_if_that_is_the_policy() {
    let world = World::start().await;
    let revision = prepared(&world).await;
    let (answer, ()) = hanging(&world, async {
        world.tell(hold(wire::Overlap::Cut, revision));
        assert!(matches!(world.answered(3).await, Answer::Held(_)));
        let status = world.status().await;
        let in_flight = status.applications[0].traffic.iter();
        assert_eq!(in_flight.map(|it| it.in_flight).sum::<i64>(), 0);
        world.tell(release(4, 60));
    })
    .await;
    assert_eq!(answer.status, 503);
    let drained = until("it is drained", async || match world.answered(4).await {
        Answer::Drained(drained) => Ok(drained),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert_eq!((drained.finished_requests, drained.cut_requests), (0, 1));
    world.until_serves("2").await;
    world.end().await;
}

#[tokio::test]
async fn a_version_that_has_fallen_ill_is_not_switched_to() {
    let world = World::start().await;
    let revision = prepared(&world).await;
    let mut route = hold(wire::Overlap::Allowed, revision);
    if let Some(wire::route::Turn::Holding(turn)) = &mut route.turn {
        let target = turn.target.as_mut().unwrap();
        target.health.get_or_insert_default().path = "/nothing".to_owned();
    }
    world.tell(route);
    let Answer::NotReady(objection) = world.answered(3).await else {
        panic!("its health check is answered 404")
    };
    assert_eq!(objection.reason, "VERSION_UNHEALTHY");
    assert!(objection.message.contains("404"), "{}", objection.message);
    world.tell(told("crm", 4, 1));
    world.until_serves("1").await;
    world.end().await;
}
