//! Getting ready for a version, accepting connections, ending in good order.

use std::time::Duration;

use http::StatusCode;
use tokio::{net::TcpListener, time::timeout};

use super::{
    upstream::{Upstream, target},
    world::{LONG, USER, World, until},
};
use crate::apps::{HealthProbe, Limits, Target};

fn probing(target: Target, path: &str, timeout: Duration) -> Target {
    Target {
        health: HealthProbe::new(path, vec![(200, 299)], timeout).unwrap(),
        ..target
    }
}

async fn reason(world: &World, target: &Target) -> &'static str {
    let prepared = world.plane.prepare(&"shop".parse().unwrap(), target).await;
    let error = prepared.expect_err("not ready");
    assert!(!error.message.is_empty() && error.message.len() <= 500);
    error.reason
}

#[tokio::test]
async fn a_version_is_ready_once_it_answers_its_health_check_as_expected() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    let shop = "shop".parse().unwrap();
    world.plane.prepare(&shop, &version.target()).await.unwrap();
    let (_, path, fields) = version.last();
    assert_eq!(path, "/health");
    assert!(!fields.contains_key("switchover-tenant"));
    world.open(1, &version);
    assert_eq!(world.get(USER, "/").await.text, "1.0");
}

#[tokio::test]
async fn a_version_that_is_not_ready_is_said_so_with_the_reason() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    let second = Duration::from_secs(1);
    let moved = probing(version.target(), "/moved", second);
    assert_eq!(reason(&world, &moved).await, "VERSION_UNHEALTHY");
    assert_eq!(version.seen.arrivals(), 0, "no redirect is followed");
    let silent = probing(version.target(), "/hang", Duration::from_millis(100));
    assert_eq!(reason(&world, &silent).await, "HEALTH_CHECK_TIMEOUT");
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    assert_eq!(
        reason(&world, &target("1.0", address)).await,
        "UPSTREAM_UNREACHABLE"
    );
    let mut metadata = version.target();
    metadata.upstream = "http://169.254.169.254".parse().unwrap();
    assert_eq!(reason(&world, &metadata).await, "UPSTREAM_UNRESOLVED");
    // A health check whose answer never ends says enough with its status.
    let endless = probing(version.target(), "/endless", second);
    world
        .plane
        .prepare(&"shop".parse().unwrap(), &endless)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_closes_idle_connections() {
    let mut world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut idle = world.connect().await;
    idle.get(USER, "/").await;
    let mut busy = world.connect().await;
    let stop = async {
        until("the request is there", || version.seen.arrivals() == 2).await;
        world.stop.cancel();
        until("the idle one is closed", || {
            world.plane.open_connections() == 1
        })
        .await;
        version.go_on();
    };
    let (answer, ()) = tokio::join!(busy.get(USER, "/slow"), stop);
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "1.0"));
    timeout(LONG, world.serving.join_next()).await.unwrap();
    assert_eq!(world.plane.open_connections(), 0);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let mut world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut connection = world.connect().await;
    let request = http::Request::get("/hang").header("host", USER);
    let request = request.body(super::world::empty()).unwrap();
    let stop = async {
        until("the request is there", || version.seen.arrivals() == 1).await;
        world.stop.cancel();
        timeout(LONG, world.serving.join_next()).await.unwrap();
    };
    let (answer, ()) = tokio::join!(connection.send(request), stop);
    assert!(answer.is_err(), "the connection is cut");
    assert_eq!(world.in_flight(), 0);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_to_be_accepted() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut first = world.connect().await;
    assert_eq!(first.get(USER, "/").await.text, "1.0");
    let mut second = world.connect().await;
    let mut waiting = Box::pin(second.get(USER, "/"));
    let still = timeout(Duration::from_millis(100), waiting.as_mut()).await;
    assert!(still.is_err(), "there is no room yet");
    assert_eq!(world.plane.open_connections(), 1);
    drop(first);
    assert_eq!(waiting.await.text, "1.0");
}
