//! Uploads, downloads and WebSockets, on their own and over a switch.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::Frame;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::{
    upstream::Upstream,
    world::{LONG, USER, World, empty, until},
};
use crate::apps::{Drained, Limits};

type Pieces = mpsc::Sender<std::io::Result<Frame<Bytes>>>;

/// A request body that is sent piece by piece.
fn upload() -> (Pieces, BoxBody<Bytes, std::io::Error>) {
    let (sender, receiver) = mpsc::channel(1);
    (
        sender,
        BodyExt::boxed(StreamBody::new(ReceiverStream::new(receiver))),
    )
}

async fn send(pieces: &Pieces, piece: &'static [u8]) {
    let frame = Frame::data(Bytes::from_static(piece));
    pieces.send(Ok(frame)).await.unwrap();
}

fn post(
    path: &str,
    body: BoxBody<Bytes, std::io::Error>,
) -> Request<BoxBody<Bytes, std::io::Error>> {
    Request::post(path).header("host", USER).body(body).unwrap()
}

pub(super) fn get(path: &str) -> Request<BoxBody<Bytes, std::io::Error>> {
    Request::get(path)
        .header("host", USER)
        .body(empty())
        .unwrap()
}

#[tokio::test]
async fn an_upload_goes_on_over_a_switch() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let (pieces, body) = upload();
    let mut connection = world.connect().await;
    let answer = connection.finish(post("/upload", body));
    let switch = async {
        send(&pieces, &[b'a'; 1000]).await;
        until("the first piece is there", || {
            old.seen.read.load(Ordering::SeqCst) == 1000
        })
        .await;
        world.hold(1, &old);
        let drain = world.open(2, &new).unwrap();
        assert_eq!(world.get(USER, "/").await.text, "2.0");
        send(&pieces, &[b'b'; 500]).await;
        drop(pieces);
        drain.finish(LONG).await
    };
    let (answer, drained) = tokio::join!(answer, switch);
    assert_eq!(answer.text, "1.0 1500");
    assert_eq!((drained.finished, drained.cut), (1, 0));
}

#[tokio::test]
async fn a_download_goes_on_over_a_switch_and_counts_until_its_end() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut connection = world.connect().await;
    let mut body = connection.send(get("/download")).await.unwrap().into_body();
    let begin = body.frame().await.unwrap().unwrap();
    assert_eq!(begin.into_data().unwrap(), "begin ");
    let drain = world.open(2, &new).unwrap();
    assert_eq!(
        drain.in_flight(),
        1,
        "its head is answered, its body is not"
    );
    let mut drained = std::pin::pin!(drain.finish(LONG));
    assert!(futures::poll!(&mut drained).is_pending());
    old.go_on();
    let rest = body.collect().await.unwrap().to_bytes();
    assert_eq!(rest, "1.0");
    assert_eq!(
        drained.await,
        Drained {
            finished: 1,
            ..Drained::default()
        }
    );
}

#[tokio::test]
async fn a_download_at_the_deadline_is_cut_and_its_user_notices() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut connection = world.connect().await;
    let mut body = connection.send(get("/download")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    let drain = world.open(2, &new).unwrap();
    let (rest, drained) = tokio::join!(body.collect(), drain.finish(Duration::ZERO));
    assert!(rest.is_err(), "half an answer must not look whole");
    assert_eq!(drained.cut, 1);
}

/// The user has stopped reading, so nothing polls the body: the connection itself is cut.
#[tokio::test]
async fn a_download_that_nobody_reads_is_cut_too_and_buffers_little() {
    const FAR_TOO_MUCH: u64 = 64 * 1024 * 1024;
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!("GET /endless HTTP/1.1\r\nhost: {USER}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let written = || old.seen.written.load(Ordering::SeqCst);
    let mut last = 0;
    // It stands still once the sockets' buffers are full.
    let still = async {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        tick.tick().await;
        loop {
            tick.tick().await;
            if written() == last && last > 0 {
                break;
            }
            last = written();
        }
    };
    timeout(LONG, still).await.expect("back-pressure");
    assert!(written() < FAR_TOO_MUCH, "{} bytes", written());
    let drain = world.open(2, &new).unwrap();
    let drained = timeout(LONG, drain.finish(Duration::ZERO)).await.unwrap();
    assert_eq!(drained.cut, 1);
}

#[tokio::test]
async fn a_user_who_goes_away_takes_the_request_back() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut connection = world.connect().await;
    tokio::select! {
        _ = connection.send(get("/hang")) => panic!("it hangs"),
        () = until("it is there", || version.seen.arrivals() == 1) => {}
    }
    drop(connection);
    until("the version is rid of it", || {
        version.seen.gone.load(Ordering::SeqCst) == 1 && world.in_flight() == 0
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_does_not_look_whole_to_the_version() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!("POST /upload HTTP/1.1\r\nhost: {USER}\r\ncontent-length: 10\r\n\r\nhalf");
    stream.write_all(head.as_bytes()).await.unwrap();
    until("the half is there", || {
        version.seen.read.load(Ordering::SeqCst) == 4
    })
    .await;
    drop(stream);
    until("the version knows", || {
        version.seen.gone.load(Ordering::SeqCst) == 1 && world.in_flight() == 0
    })
    .await;
}

fn impatient() -> Limits {
    Limits {
        answer_timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

#[tokio::test]
async fn an_upload_may_take_longer_than_an_answer_may() {
    let limits = impatient();
    let world = World::with(limits).await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let (pieces, body) = upload();
    let mut connection = world.connect().await;
    let start = Instant::now();
    let sending = async {
        let mut tick = tokio::time::interval(limits.answer_timeout / 6);
        while start.elapsed() < 2 * limits.answer_timeout {
            tick.tick().await;
            send(&pieces, b"piece").await;
        }
        drop(pieces);
    };
    let (answer, ()) = tokio::join!(connection.finish(post("/upload", body)), sending);
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_version_that_does_not_answer_is_said_so() {
    let world = World::with(impatient()).await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let answer = world.get(USER, "/hang").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(answer.reason(), "UPSTREAM_TIMEOUT");
    let status = world.plane.status(None, false).remove(0);
    assert_eq!(
        (status.traffic[0].requests, status.traffic[0].failed),
        (1, 1)
    );
}

#[tokio::test]
async fn a_user_who_sends_no_more_of_an_upload_is_not_waited_for() {
    let world = World::with(impatient()).await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let (pieces, body) = upload();
    let mut connection = world.connect().await;
    let (answer, ()) = tokio::join!(connection.finish(post("/upload", body)), async {
        send(&pieces, b"piece").await;
    });
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.reason(), "REQUEST_STALLED");
    let status = world.plane.status(None, false).remove(0);
    assert_eq!(status.traffic[0].failed, 0, "it is not the version's fault");
}

pub(super) async fn web_socket(world: &World) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(world.address).await.unwrap();
    let request = Request::get(format!("ws://{USER}/ws"))
        .header("host", USER)
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(())
        .unwrap();
    client_async(request, stream).await.unwrap().0
}

pub(super) async fn echo(socket: &mut WebSocketStream<TcpStream>, text: &str) -> String {
    socket.send(Message::text(text)).await.unwrap();
    let answer = timeout(LONG, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    answer.into_text().unwrap().to_string()
}

#[tokio::test]
async fn a_web_socket_goes_on_over_a_switch_and_is_cut_at_the_deadline() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut first = web_socket(&world).await;
    assert_eq!(echo(&mut first, "a").await, "1.0 a");
    let traffic = world.plane.status(None, false).remove(0).traffic;
    assert_eq!((traffic[0].in_flight, traffic[0].upgraded), (1, 1));
    let drain = world.open(2, &new).unwrap();
    let mut second = web_socket(&world).await;
    assert_eq!(echo(&mut first, "b").await, "1.0 b");
    assert_eq!(echo(&mut second, "c").await, "2.0 c");
    let drained = drain.finish(Duration::ZERO).await;
    assert_eq!(
        drained,
        Drained {
            cut: 1,
            ..Drained::default()
        }
    );
    let end = timeout(LONG, first.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(Message::Text(_)))), "{end:?}");
    assert_eq!(echo(&mut second, "d").await, "2.0 d");
    let traffic = world.plane.status(None, false).remove(0).traffic;
    let old = traffic.iter().find(|it| it.version.as_str() == "1.0");
    assert_eq!(old.map(|it| (it.in_flight, it.upgraded)), Some((0, 0)));
}

#[tokio::test]
async fn a_web_socket_that_its_user_closes_is_no_longer_in_flight() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let mut socket = web_socket(&world).await;
    assert_eq!(echo(&mut socket, "a").await, "1.0 a");
    assert_eq!(world.in_flight(), 1);
    socket.close(None).await.unwrap();
    drop(socket);
    until("it has ended", || world.in_flight() == 0).await;
    assert_eq!(version.seen.gone.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_web_socket_that_the_version_refuses_is_an_answer_like_others() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let back = world
        .raw(format!(
            "GET / HTTP/1.1\r\nhost: {USER}\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))
        .await;
    assert!(back.starts_with("HTTP/1.1 200 "), "{back}");
    assert!(back.ends_with("1.0"), "{back}");
    until("it has ended", || world.in_flight() == 0).await;
}

#[tokio::test]
async fn other_upgrades_are_not_passed_on() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    world.open(1, &version);
    let back = world
        .raw(format!(
            "GET / HTTP/1.1\r\nhost: {USER}\r\nconnection: upgrade, http2-settings, close\r\n\
             upgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
        ))
        .await;
    assert!(back.starts_with("HTTP/1.1 200 "), "{back}");
    let (_, _, fields) = version.last();
    for gone in ["upgrade", "connection", "http2-settings"] {
        assert!(!fields.contains_key(gone), "{gone}: {fields:?}");
    }
}
