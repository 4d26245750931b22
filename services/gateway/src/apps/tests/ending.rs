//! Long-lived connections that are ended in good order, and drains whose time is changed.

use std::{convert::Infallible, sync::atomic::Ordering, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

use super::{
    long_lived::{echo, get, web_socket},
    upstream::Upstream,
    world::{LONG, USER, World, route, until},
};
use crate::apps::{DrainProgress, Drained, GateOrder};

/// Reads up to the Close, which is answered meanwhile, and to the end of the connection.
pub(super) async fn closed_with(socket: &mut WebSocketStream<TcpStream>) -> (CloseCode, String) {
    let reading = async {
        let mut seen = None;
        while let Some(message) = socket.next().await {
            if let Ok(Message::Close(Some(close))) = message {
                seen = Some((close.code, close.reason.to_string()));
            }
        }
        seen
    };
    timeout(LONG, reading).await.unwrap().expect("a Close")
}

pub(super) fn restart() -> (CloseCode, String) {
    (CloseCode::Restart, "service restart".to_owned())
}

#[tokio::test]
async fn web_sockets_of_a_generation_that_leaves_are_told_of_a_restart() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = web_socket(&world).await;
        assert_eq!(echo(&mut socket, "a").await, "1.0 a");
        sockets.push(socket);
    }
    assert_eq!(world.plane.long_lived(), 3);
    let drain = world.open(2, &new).unwrap();
    let users = async {
        for socket in &mut sockets {
            assert_eq!(closed_with(socket).await, restart());
        }
    };
    let (drained, ()) = tokio::join!(drain.finish(LONG), users);
    let expected = Drained {
        finished: 3,
        closed: 3,
        cut: 0,
    };
    assert_eq!(drained, expected);
    assert_eq!(old.seen.gone.load(Ordering::SeqCst), 3, "it has heard too");
    let mut again = web_socket(&world).await;
    assert_eq!(echo(&mut again, "b").await, "2.0 b");
}

/// Version 1.0 comes back while its former connections are being ended: the new ones stay.
#[tokio::test]
async fn connections_of_a_version_that_comes_back_are_not_ended_by_its_former_drain() {
    let world = World::start().await;
    let (one, two) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &one);
    let mut first = web_socket(&world).await;
    assert_eq!(echo(&mut first, "a").await, "1.0 a");
    let drain = world.open(2, &two).unwrap();
    let second = world.open(3, &one).unwrap();
    let mut third = web_socket(&world).await;
    assert_eq!(echo(&mut third, "b").await, "1.0 b");
    let (drained, close) = tokio::join!(drain.finish(LONG), closed_with(&mut first));
    assert_eq!((drained.closed, drained.cut), (1, 0));
    assert_eq!(close, restart());
    assert_eq!(second.finish(LONG).await, Drained::default());
    assert_eq!(echo(&mut third, "c").await, "1.0 c");
}

#[tokio::test]
async fn an_event_stream_ends_after_an_event_and_looks_whole() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut connection = world.connect().await;
    let mut body = connection.send(get("/events")).await.unwrap().into_body();
    let mut text = Vec::new();
    while !text.ends_with(b"data: 2\n") {
        let frame = timeout(LONG, body.frame()).await.unwrap();
        text.extend(frame.unwrap().unwrap().into_data().unwrap());
    }
    let (running, drained) = world.open(2, &new).unwrap().start(LONG);
    let mut drained = std::pin::pin!(drained);
    // It is asked at once; half an event is on its way.
    let asked = timeout(Duration::from_millis(100), drained.as_mut()).await;
    assert!(asked.is_err(), "half an event is not cut");
    let progress = DrainProgress { open: 1, closed: 0 };
    assert_eq!(running.progress(), progress);
    old.go_on();
    let (rest, drained) = tokio::join!(body.collect(), drained);
    let rest = rest.expect("an orderly end").to_bytes();
    assert_eq!(
        rest, "\n",
        "the event is whole, and the next one has not begun"
    );
    let expected = Drained {
        finished: 1,
        closed: 1,
        cut: 0,
    };
    assert_eq!(drained, expected);
    assert_eq!(connection.get(USER, "/").await.text, "2.0");
}

/// Nothing tells where a download could end early: it has until the deadline.
#[tokio::test]
async fn other_answers_are_not_ended_early() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut connection = world.connect().await;
    let mut body = connection.send(get("/download")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(world.plane.long_lived(), 0);
    let drain = world.open(2, &new).unwrap();
    let go_on = async {
        let goes = timeout(Duration::from_millis(100), std::future::pending::<()>());
        assert!(goes.await.is_err());
        old.go_on();
    };
    let (body, drained, ()) = tokio::join!(body.collect(), drain.finish(LONG), go_on);
    assert_eq!(body.unwrap().to_bytes(), "1.0");
    assert_eq!((drained.finished, drained.closed), (1, 0));
}

#[tokio::test]
async fn a_drain_that_runs_can_be_given_no_more_time() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut connection = world.connect().await;
    let switch = async {
        until("the request is there", || old.seen.arrivals() == 1).await;
        let (running, drained) = world.open(2, &new).unwrap().start(LONG);
        running.limit(2 * LONG);
        let mut drained = std::pin::pin!(drained);
        assert!(futures::poll!(drained.as_mut()).is_pending());
        assert_eq!(running.progress().open, 1);
        running.limit(Duration::ZERO);
        let drained = timeout(LONG, drained).await.unwrap();
        assert_eq!(running.progress(), DrainProgress::default());
        drained
    };
    let (answer, drained) = tokio::join!(connection.get(USER, "/hang"), switch);
    assert_eq!(answer.reason(), "CUT");
    assert_eq!(answer.field("retry-after"), "1");
    assert_eq!((drained.finished, drained.cut), (0, 1));
}

/// The operator takes the gateway out of use: what lasts is ended, everything else is served.
#[tokio::test]
async fn long_lived_connections_can_be_ended_while_everything_is_served() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    let mut quick = route(Some(1), GateOrder::Open(version.target()));
    quick.drain_rate = 1000;
    world.plane.set_route(quick);
    version.go_on();
    let mut socket = web_socket(&world).await;
    assert_eq!(echo(&mut socket, "a").await, "1.0 a");
    let mut connection = world.connect().await;
    let events = connection.send(get("/events")).await.unwrap().into_body();
    until("both are there", || world.plane.long_lived() == 2).await;
    let open = world.plane.long_lived_of_tenants();
    let [crm] = open.as_slice() else {
        panic!("{open:?}")
    };
    assert_eq!(crm.connections, 2);
    assert_eq!(
        crm.tenants.len(),
        1,
        "both are of one tenant's users: {crm:?}"
    );
    let ended = async {
        let (close, events) = tokio::join!(closed_with(&mut socket), events.collect());
        assert_eq!(close, restart());
        assert!(events.unwrap().to_bytes().ends_with(b"\n\n"));
        until("both have ended", || world.plane.long_lived() == 0).await;
        assert_eq!(world.plane.long_lived_of_tenants(), []);
        assert_eq!(world.get(USER, "/").await.text, "1.0");
        let mut late = web_socket(&world).await;
        assert_eq!(closed_with(&mut late).await, restart());
    };
    tokio::select! {
        () = ended => {}
        never = world.plane.end_long_lived() => never_ends(never),
    }
    let mut after = web_socket(&world).await;
    assert_eq!(echo(&mut after, "b").await, "1.0 b");
    after.send(Message::text("c")).await.unwrap();
    until("one is there", || world.in_flight() == 1).await;
}

#[tokio::test]
async fn a_gateway_that_stops_tells_web_sockets_of_a_restart() {
    let mut world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut socket = web_socket(&world).await;
    assert_eq!(echo(&mut socket, "a").await, "1.0 a");
    world.stop.cancel();
    assert_eq!(closed_with(&mut socket).await, restart());
    timeout(LONG, world.serving.join_next()).await.unwrap();
}

fn never_ends(never: Infallible) {
    match never {}
}
