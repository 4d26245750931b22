//! Heads and framing as nobody should write them, and what comes of them.

use std::{sync::atomic::Ordering, time::Duration};

use http::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use super::{
    upstream::{Upstream, target},
    world::{LONG, USER, World, empty, full, route, until},
};
use crate::apps::{GateOrder, Limits};

async fn world() -> (World, Upstream) {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    (world, version)
}

#[tokio::test]
async fn a_version_hears_who_is_asking_from_the_gateway_alone() {
    let (world, version) = world().await;
    let spellings = [
        "switchover-tenant",
        "Switchover-Tenant",
        "SWITCHOVER-TENANT",
        "switchover_tenant",
        "Switchover_Generation",
        "switchover-anything",
        "x-forwarded-for",
        "X_Forwarded_For",
        "x-forwarded-user",
        "forwarded",
        "x-real-ip",
        "X_Real_IP",
        "x_request_id",
    ];
    for spelling in spellings {
        let request = Request::get("/p?q=1")
            .header("host", USER)
            .header(spelling, "evil")
            .header(spelling, "evil")
            .header("x-own", "kept")
            .body(empty())
            .unwrap();
        assert_eq!(world.connect().await.finish(request).await.text, "1.0");
        let (_, path, fields) = version.last();
        assert_eq!(path, "/p?q=1");
        assert!(
            fields.values().all(|value| value != "evil"),
            "{spelling}: {fields:?}"
        );
        for (name, expected) in [
            ("switchover-tenant", "hall"),
            ("switchover-application", "shop"),
            ("switchover-version", "1.0"),
            ("switchover-generation", "1"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", USER),
            ("via", "1.1 switchover-acme"),
            ("x-own", "kept"),
            ("host", &version.address.to_string()),
        ] {
            let values: Vec<_> = fields.get_all(name).iter().collect();
            assert_eq!(values, [expected], "{name}");
        }
    }
}

#[tokio::test]
async fn connection_names_take_nothing_away_that_the_gateway_says() {
    let (world, version) = world().await;
    let request = Request::post("/")
        .header("host", USER)
        .header(
            "connection",
            "switchover-tenant, x-forwarded-for, host, content-length, x-mine",
        )
        .header("x-mine", "1")
        .header("te", "trailers")
        .header("proxy-authorization", "secret")
        .header("keep-alive", "timeout=5")
        .body(full("body"))
        .unwrap();
    let answer = world.connect().await.finish(request).await;
    assert_eq!(answer.text, "1.0");
    let (_, _, fields) = version.last();
    assert_eq!(fields["switchover-tenant"], "hall");
    assert_eq!(fields["x-forwarded-for"], "127.0.0.1");
    assert_eq!(fields["content-length"], "4");
    assert_eq!(version.seen.read.load(Ordering::SeqCst), 4);
    for gone in [
        "x-mine",
        "te",
        "proxy-authorization",
        "keep-alive",
        "connection",
    ] {
        assert!(!fields.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn users_hear_the_version_from_the_gateway_alone() {
    let (world, _version) = world().await;
    let request = Request::get("/")
        .header("host", USER)
        .header("x-request-id", "mine-1")
        .body(empty())
        .unwrap();
    let answer = world.connect().await.finish(request).await;
    assert_eq!(answer.field("switchover-version"), "1.0");
    assert_eq!(answer.field("switchover-generation"), "1");
    assert_eq!(answer.field("x-request-id"), "mine-1");
    assert_eq!(answer.field("x-kept"), "1");
    for gone in ["switchover-tenant", "switchover_version", "x-hop"] {
        assert!(!answer.fields.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn a_request_id_that_is_none_is_made_anew() {
    let (world, version) = world().await;
    for odd in ["", "a b", &"x".repeat(65)] {
        let request = Request::get("/")
            .header("host", USER)
            .header("x-request-id", odd)
            .body(empty())
            .unwrap();
        let answer = world.connect().await.finish(request).await;
        assert_eq!(answer.field("x-request-id").len(), 36, "{odd:?}");
        let (_, _, fields) = version.last();
        assert_eq!(fields["x-request-id"], *answer.field("x-request-id"));
    }
}

#[tokio::test]
async fn heads_that_could_be_read_in_two_ways_go_no_further() {
    let (world, version) = world().await;
    let host = format!("host: {USER}\r\n");
    let table = [
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "two hosts",
            format!("GET / HTTP/1.1\r\n{host}{host}\r\n"),
            400,
        ),
        (
            "odd host",
            format!("GET / HTTP/1.1\r\nhost: {USER}, x\r\n\r\n"),
            400,
        ),
        (
            "odd coding",
            format!("POST / HTTP/1.1\r\n{host}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            400,
        ),
        (
            "two codings",
            format!(
                "POST / HTTP/1.1\r\n{host}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
        (
            "two lengths",
            format!("POST / HTTP/1.1\r\n{host}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
            400,
        ),
        (
            "signed length",
            format!("POST / HTTP/1.1\r\n{host}content-length: +1\r\n\r\na"),
            400,
        ),
        (
            "old and chunked",
            format!("POST / HTTP/1.0\r\n{host}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            400,
        ),
        (
            "old with a body",
            format!("GET / HTTP/1.0\r\n{host}content-length: 1\r\n\r\na"),
            400,
        ),
        (
            "connect",
            format!("CONNECT {USER}:80 HTTP/1.1\r\n{host}\r\n"),
            405,
        ),
        ("trace", format!("TRACE / HTTP/1.1\r\n{host}\r\n"), 405),
        ("asterisk", format!("OPTIONS * HTTP/1.1\r\n{host}\r\n"), 400),
        (
            "other scheme",
            format!("GET ftp://{USER}/ HTTP/1.1\r\n{host}\r\n"),
            400,
        ),
        (
            "expectation",
            format!("POST / HTTP/1.1\r\n{host}expect: wonders\r\ncontent-length: 1\r\n\r\na"),
            417,
        ),
        (
            "tunnel with a body",
            format!(
                "GET / HTTP/1.1\r\n{host}connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 1\r\n\r\na"
            ),
            400,
        ),
        (
            "long address",
            format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(8192)),
            414,
        ),
        (
            "long head",
            format!(
                "GET / HTTP/1.1\r\n{host}x: {}\r\n\r\n",
                "a".repeat(16 * 1024)
            ),
            431,
        ),
        (
            "many fields",
            format!("GET / HTTP/1.1\r\n{host}{}\r\n", "x: 1\r\n".repeat(100)),
            431,
        ),
        (
            "folded",
            format!("GET / HTTP/1.1\r\n{host}x: 1\r\n 2\r\n\r\n"),
            400,
        ),
        (
            "space before colon",
            format!("GET / HTTP/1.1\r\n{host}x : 1\r\n\r\n"),
            400,
        ),
    ];
    for (what, head, status) in table {
        let back = world.raw(head).await;
        assert!(
            back.starts_with(&format!("HTTP/1.1 {status} "))
                || back.starts_with(&format!("HTTP/1.0 {status} ")),
            "{what}: {back}"
        );
    }
    assert_eq!(version.seen.arrivals(), 0);
}

#[tokio::test]
async fn an_absolute_addresss_own_host_wins() {
    let (world, version) = world().await;
    let back = world
        .raw(format!(
            "GET http://{USER}/x HTTP/1.1\r\nhost: east-shop-acme.example.com\r\nconnection: close\r\n\r\n"
        ))
        .await;
    assert!(back.starts_with("HTTP/1.1 200 "), "{back}");
    let (_, path, fields) = version.last();
    assert_eq!(path, "/x");
    assert_eq!(fields["switchover-tenant"], "hall");
    assert_eq!(fields["x-forwarded-host"], USER);
}

#[tokio::test]
async fn old_clients_are_served_one_request_a_connection() {
    let (world, _version) = world().await;
    let back = world
        .raw(format!(
            "GET / HTTP/1.0\r\nhost: {USER}\r\nconnection: keep-alive\r\n\r\n"
        ))
        .await;
    assert!(back.contains(" 200 OK"), "{back}");
}

#[tokio::test]
async fn bodies_in_chunks_arrive_whatever_the_method() {
    let (world, version) = world().await;
    for (number, method) in ["POST", "GET", "DELETE"].into_iter().enumerate() {
        let back = world
            .raw(format!(
                "{method} / HTTP/1.1\r\nhost: {USER}\r\nconnection: close\r\n\
                 transfer-encoding: chunked\r\ntrailer: x\r\n\r\n3;ext=1\r\nabc\r\n0\r\nx: 1\r\n\r\n"
            ))
            .await;
        assert!(back.starts_with("HTTP/1.1 200 "), "{method}: {back}");
        let read = version.seen.read.load(Ordering::SeqCst);
        assert_eq!(read, 3 * (number as u64 + 1), "{method}");
    }
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_not_waited_for() {
    let limits = Limits {
        head_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let back = world
        .raw(format!("GET / HTTP/1.1\r\nhost: {USER}\r\n"))
        .await;
    assert!(!back.contains(" 200 "), "{back}");
    until("it is closed", || world.plane.open_connections() == 0).await;
}

#[tokio::test]
async fn a_version_that_leads_back_to_the_gateway_is_a_loop() {
    let world = World::start().await;
    // The upstream is a plain pipe back to the gateway, so that the host stays the user's.
    let pipe = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = pipe.local_addr().unwrap();
    let gateway = world.address;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut inward, _) = pipe.accept().await.unwrap();
        let mut outward = TcpStream::connect(gateway).await.unwrap();
        let mut head = vec![0; 16 * 1024];
        let read = inward.read(&mut head).await.unwrap();
        let head = String::from_utf8(head[..read].to_vec()).unwrap();
        let head = head.replace(&format!("host: {address}"), &format!("host: {USER}"));
        outward.write_all(head.as_bytes()).await.unwrap();
        tokio::io::copy(&mut outward, &mut inward).await.ok();
    });
    let gate = GateOrder::Open(target("1.0", address));
    world.plane.set_route(route(Some(1), gate));
    let answer = world.get(USER, "/").await;
    assert_eq!(answer.status, StatusCode::LOOP_DETECTED);
    assert_eq!(answer.reason(), "LOOP");
}

/// The upstream closes each connection right after its answer without saying so, as upstreams do
/// whose idle time is over. Every request of a user arrives, and arrives once.
#[tokio::test]
async fn a_post_on_a_connection_that_has_gone_stale_is_neither_lost_nor_doubled() {
    const POSTS: usize = 50;
    let world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (closed, mut closes) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"once") {
                let mut piece = [0; 4096];
                let read = stream.read(&mut piece).await.unwrap();
                assert!(read > 0, "a request without its body");
                request.extend_from_slice(&piece[..read]);
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            drop(stream);
            closed.send(()).await.unwrap();
        }
    });
    let gate = GateOrder::Open(target("1.0", address));
    world.plane.set_route(route(Some(1), gate));
    let mut user = world.connect().await;
    for number in 0..POSTS {
        let request = Request::post("/")
            .header("host", USER)
            .body(full("once"))
            .unwrap();
        let answer = user.finish(request).await;
        assert_eq!(
            (answer.status, &*answer.text),
            (StatusCode::OK, "ok"),
            "{number}"
        );
        closes.recv().await.unwrap();
    }
    assert!(closes.is_empty(), "more requests arrived than were sent");
    assert_eq!(world.plane.status(None, false)[0].traffic[0].failed, 0);
}

#[tokio::test]
async fn a_version_that_is_not_there_is_said_so() {
    let world = World::start().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let gate = GateOrder::Open(target("1.0", address));
    world.plane.set_route(route(Some(1), gate));
    let answer = world.get(USER, "/").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.reason(), "UPSTREAM_UNREACHABLE");
    let traffic = world.plane.status(None, false).remove(0).traffic;
    assert_eq!((traffic[0].requests, traffic[0].failed), (1, 1));
}

#[tokio::test]
async fn a_version_that_breaks_off_is_asked_once() {
    let world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, mut requests) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.unwrap();
            seen.send(read).unwrap();
        }
    });
    let gate = GateOrder::Open(target("1.0", address));
    world.plane.set_route(route(Some(1), gate));
    let answer = world.get(USER, "/").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.reason(), "UPSTREAM_BROKE_OFF");
    assert!(requests.recv().await.unwrap() > 0);
    assert!(requests.is_empty(), "it may have taken effect");
}

#[tokio::test]
async fn requests_without_a_body_stay_so() {
    let (world, version) = world().await;
    world.get(USER, "/").await;
    let (_, _, fields) = version.last();
    assert!(!fields.contains_key("content-length"));
    assert!(!fields.contains_key("transfer-encoding"));
    let request = Request::post("/").header("host", USER);
    let request = request.header("content-length", "0").body(empty()).unwrap();
    world.connect().await.finish(request).await;
    let (_, _, fields) = version.last();
    assert_eq!(fields["content-length"], "0");
    let head = Request::head("/")
        .header("host", USER)
        .body(empty())
        .unwrap();
    let answer = world.connect().await.finish(head).await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, ""));
    assert_eq!(answer.field("content-length"), "3");
    until("nothing is in flight", || world.in_flight() == 0).await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (world, version) = world().await;
    let one = format!("GET /1 HTTP/1.1\r\nhost: {USER}\r\n\r\n");
    let two = format!("GET /2 HTTP/1.1\r\nhost: {USER}\r\nconnection: close\r\n\r\n");
    let back = tokio::time::timeout(LONG, world.raw(one + &two))
        .await
        .unwrap();
    assert_eq!(back.matches("HTTP/1.1 200 ").count(), 2, "{back}");
    let paths: Vec<_> = version
        .seen
        .requests
        .lock()
        .unwrap()
        .iter()
        .map(|it| it.1.clone())
        .collect();
    assert_eq!(paths, ["/1", "/2"]);
}
