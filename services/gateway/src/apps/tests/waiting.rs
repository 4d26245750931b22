//! Requests that wait: how much a hold has room for, what is left unread meanwhile, and requests
//! that name the least generation that they want.

use std::time::Duration;

use http::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    upstream::Upstream,
    world::{Answer, LONG, USER, World, empty, until},
};
use crate::apps::{HoldFigures, Limits};

const SOON: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_hold_has_room_for_so_many_bytes_of_heads() {
    let world = World::with(Limits {
        held_bytes: 5000,
        ..Limits::default()
    })
    .await;
    let version = Upstream::start("1.0").await;
    world.hold(1, &version);
    let large = || {
        let request = Request::get("/").header("host", USER);
        let request = request.header("x-large", "x".repeat(4000));
        request.body(empty()).unwrap()
    };
    let mut first = world.connect().await;
    let second = async {
        until("the first waits", || world.held() == 1).await;
        let answer = world.connect().await.finish(large()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.reason(), "TOO_MANY_HELD");
        assert_eq!(answer.field("retry-after"), "1");
        let mut small = world.connect().await;
        let third = small.get(USER, "/");
        let open = async {
            until("a small one has room", || world.held() == 2).await;
            world.open(1, &version);
        };
        tokio::join!(third, open).0
    };
    let (first, third) = tokio::join!(first.finish(large()), second);
    assert_eq!((&*first.text, &*third.text), ("1.0", "1.0"));
    let HoldFigures { held, failed, .. } = world.plane.hold_figures(&"shop".parse().unwrap());
    assert_eq!((held, failed), (3, 1));
}

/// Nothing of a body is asked for or read before the outcome is known.
#[tokio::test]
async fn a_held_request_is_not_asked_for_its_body() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.hold(1, &version);
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!(
        "POST /upload HTTP/1.1\r\nhost: {USER}\r\nexpect: 100-continue\r\n\
         content-length: 4\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    until("it waits", || world.held() == 1).await;
    let mut begin = [0; 25];
    let early = timeout(SOON, stream.read(&mut begin)).await;
    assert!(early.is_err(), "{}", String::from_utf8_lossy(&begin));
    world.open(1, &version);
    timeout(LONG, stream.read_exact(&mut begin))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&begin, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let mut back = String::new();
    timeout(LONG, stream.read_to_string(&mut back))
        .await
        .unwrap()
        .unwrap();
    assert!(back.ends_with("1.0 4"), "{back}");
}

#[tokio::test]
async fn a_held_requests_body_waits_in_the_socket() {
    const BODY: usize = 64 * 1024 * 1024;
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.hold(1, &version);
    let stream = TcpStream::connect(world.address).await.unwrap();
    let (mut answer, mut body) = stream.into_split();
    let head = format!(
        "POST /upload HTTP/1.1\r\nhost: {USER}\r\ncontent-length: {BODY}\r\nconnection: close\r\n\r\n"
    );
    body.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 64 * 1024];
    let mut written = 0;
    // It stands still once the sockets' buffers are full.
    while written < BODY {
        match timeout(2 * SOON, body.write(&piece)).await {
            Ok(count) => written += count.unwrap(),
            Err(_) => break,
        }
    }
    assert!(written < BODY / 2, "{written} bytes were taken");
    assert_eq!(world.held(), 1);
    world.open(1, &version);
    let rest = async {
        while written < BODY {
            let count = piece.len().min(BODY - written);
            body.write_all(&piece[..count]).await.unwrap();
            written += count;
        }
    };
    let mut back = String::new();
    let ((), read) = tokio::join!(rest, answer.read_to_string(&mut back));
    read.unwrap();
    assert!(back.ends_with(&format!("1.0 {BODY}")), "{back}");
}

async fn from_generation(world: &World, least: &str) -> Answer {
    let request = Request::get("/").header("host", USER);
    let request = request.header("x-min-generation", least);
    let request = request.body(empty()).unwrap();
    world.connect().await.finish(request).await
}

#[tokio::test]
async fn who_names_a_generation_waits_for_it_and_is_answered_by_it() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    assert_eq!(from_generation(&world, "1").await.text, "1.0");
    let (_, _, fields) = old.last();
    assert!(!fields.contains_key("x-min-generation"), "{fields:?}");
    // Before the hold, and while it lasts.
    let mut early = std::pin::pin!(from_generation(&world, "2"));
    assert!(timeout(SOON, early.as_mut()).await.is_err());
    world.hold(1, &old);
    let mut late = std::pin::pin!(from_generation(&world, "2"));
    assert!(timeout(SOON, late.as_mut()).await.is_err());
    assert!(timeout(SOON, early.as_mut()).await.is_err());
    world.open(2, &new);
    let (early, late) = tokio::join!(early, late);
    for answer in [early, late, from_generation(&world, "1").await] {
        assert_eq!(answer.text, "2.0");
        assert_eq!(answer.field("switchover-generation"), "2");
    }
    assert_eq!(old.seen.arrivals(), 1);
}

#[tokio::test]
async fn a_gateway_that_is_behind_for_too_long_says_so() {
    let world = World::with(Limits {
        generation_wait: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    for held in [false, true] {
        if held {
            world.hold(1, &version);
        }
        let answer = from_generation(&world, "2").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.reason(), "GENERATION_NOT_REACHED");
        assert_eq!(answer.field("retry-after"), "1");
    }
    assert_eq!(version.seen.arrivals(), 0);
    for odd in ["0", "x", "9223372036854775808"] {
        let answer = from_generation(&world, odd).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{odd}");
        assert_eq!(answer.reason(), "BAD_MIN_GENERATION", "{odd}");
    }
}
