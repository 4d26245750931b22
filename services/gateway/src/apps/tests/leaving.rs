//! Tenants that are no longer let in: what they have open ends, what others have open does not.

use std::{sync::atomic::Ordering, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::{
    ending::closed_with,
    long_lived::{echo, get, web_socket},
    upstream::Upstream,
    world::{LONG, USER, World, until},
};
use crate::apps::{GrantDecision, RefusalReason, stay::LEAVE_WAIT};

const DENIED: GrantDecision = GrantDecision::Refused(RefusalReason::Denied);

fn ended() -> (CloseCode, String) {
    (CloseCode::Policy, "access ended".to_owned())
}

#[tokio::test]
async fn web_sockets_of_a_tenant_that_is_no_longer_let_in_are_closed_and_no_others() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut sockets = [web_socket(&world).await, web_socket(&world).await];
    for socket in &mut sockets {
        assert_eq!(echo(socket, "a").await, "1.0 a");
    }
    world.grant("east", "1.0", DENIED);
    world.grant("hall", "2.0", DENIED);
    world.grant("hall", "1.0", GrantDecision::Admitted);
    for socket in &mut sockets {
        assert_eq!(
            echo(socket, "b").await,
            "1.0 b",
            "it is another's, or another version's"
        );
    }
    world.grant(
        "hall",
        "1.0",
        GrantDecision::Refused(RefusalReason::Removed),
    );
    for socket in &mut sockets {
        assert_eq!(closed_with(socket).await, ended());
    }
    until("the version has heard of both", || {
        version.seen.gone.load(Ordering::SeqCst) == 2 && world.in_flight() == 0
    })
    .await;
    let refused = world.get(USER, "/").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_set_that_does_not_name_a_tenant_ends_what_it_has_open() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut socket = web_socket(&world).await;
    assert_eq!(echo(&mut socket, "a").await, "1.0 a");
    world.plane.set_grants(true, Vec::new());
    assert_eq!(closed_with(&mut socket).await, ended());
}

#[tokio::test]
async fn who_is_let_in_again_keeps_what_is_opened_since() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut first = web_socket(&world).await;
    assert_eq!(echo(&mut first, "a").await, "1.0 a");
    world.grant("hall", "1.0", DENIED);
    world.grant("hall", "1.0", GrantDecision::Admitted);
    let mut second = web_socket(&world).await;
    assert_eq!(closed_with(&mut first).await, ended());
    assert_eq!(echo(&mut second, "b").await, "1.0 b");
}

#[tokio::test]
async fn an_event_stream_ends_whole_and_plain_requests_finish() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let (mut one, mut two, mut three) = (
        world.connect().await,
        world.connect().await,
        world.connect().await,
    );
    let mut events = one.send(get("/events")).await.unwrap().into_body();
    let mut text = Vec::new();
    while !text.ends_with(b"data: 2\n") {
        let frame = timeout(LONG, events.frame()).await.unwrap();
        text.extend(frame.unwrap().unwrap().into_data().unwrap());
    }
    let mut download = two.send(get("/download")).await.unwrap().into_body();
    download.frame().await.unwrap().unwrap();
    let slow = three.finish(get("/slow"));
    let leave = async {
        until("all are there", || version.seen.arrivals() == 3).await;
        world.grant("hall", "1.0", DENIED);
        version.go_on();
        let rest = timeout(LONG, events.collect()).await.unwrap();
        rest.expect("an orderly end").to_bytes()
    };
    let (slow, rest) = tokio::join!(slow, leave);
    assert_eq!(
        rest, "\n",
        "the event is whole, and the next one has not begun"
    );
    assert_eq!(slow.text, "1.0");
    assert_eq!(download.collect().await.unwrap().to_bytes(), "1.0");
    let refused = one.get(USER, "/").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

/// Half an event never becomes a whole one, and a version may never end a message: neither keeps
/// anybody in.
#[tokio::test]
async fn what_does_not_come_to_an_end_is_cut_when_its_time_is_over() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut connection = world.connect().await;
    let mut events = connection.send(get("/events")).await.unwrap().into_body();
    let mut text = Vec::new();
    while !text.ends_with(b"data: 2\n") {
        let frame = timeout(LONG, events.frame()).await.unwrap();
        text.extend(frame.unwrap().unwrap().into_data().unwrap());
    }
    let mut socket = web_socket(&world).await;
    assert_eq!(echo(&mut socket, "a").await, "1.0 a");
    let began = Instant::now();
    world.grant("hall", "1.0", DENIED);
    let rest = timeout(LONG, events.collect()).await.unwrap();
    assert!(rest.is_err(), "half an event must not look whole");
    assert!(began.elapsed() + Duration::from_millis(50) >= LEAVE_WAIT);
    // Its user never read, so never answered the Close.
    until("nothing is in flight", || world.in_flight() == 0).await;
    socket.send(Message::text("b")).await.ok();
    let mut left = Vec::new();
    while let Some(Ok(message)) = timeout(LONG, socket.next()).await.unwrap() {
        left.push(message);
    }
    assert!(
        !left.iter().any(|it| matches!(it, Message::Text(_))),
        "{left:?}"
    );
}
