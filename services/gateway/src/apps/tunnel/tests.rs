use tokio::{
    io::{DuplexStream, duplex},
    task::JoinSet,
};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, frame::coding::CloseCode};

use super::*;

/// Both ends of a tunnel, and the tunnel itself.
struct World {
    user: DuplexStream,
    version: DuplexStream,
    asked: CancellationToken,
    relaying: JoinSet<End>,
}

fn start() -> World {
    let (user, users_end) = duplex(1024);
    let (version, versions_end) = duplex(1024);
    let asked = CancellationToken::new();
    let token = asked.clone();
    let mut relaying = JoinSet::new();
    relaying.spawn(async move {
        let never = CancellationToken::new();
        let asked = Asked {
            to_move: &token,
            to_leave: &never,
        };
        relay(users_end, versions_end, asked).await
    });
    World {
        user,
        version,
        asked,
        relaying,
    }
}

async fn ended(relaying: &mut JoinSet<End>) -> End {
    relaying.join_next().await.unwrap().unwrap()
}

async fn read(from: &mut DuplexStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    from.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Begins, middle and end of one message, of which a ping comes between the fragments.
const FIRST: &[u8] = &[0x01, 3, b'a', b'b', b'c'];
const PING: &[u8] = &[0x89, 1, b'?'];
const LAST: &[u8] = &[0x80, 2, b'd', b'e'];

#[tokio::test(start_paused = true)]
async fn a_message_under_way_is_let_pass_before_the_close() {
    let mut world = start();
    world.version.write_all(FIRST).await.unwrap();
    assert_eq!(read(&mut world.user, FIRST.len()).await, FIRST);
    world.asked.cancel();
    world.version.write_all(PING).await.unwrap();
    world.version.write_all(&LAST[..3]).await.unwrap();
    let half = [PING, &LAST[..3]].concat();
    assert_eq!(read(&mut world.user, half.len()).await, half);
    // What comes with the end of the message is another one: nobody needs it any more.
    world
        .version
        .write_all(&[&LAST[3..], FIRST].concat())
        .await
        .unwrap();
    let expected = [&LAST[3..], &close_for_user(Farewell::Restart)].concat();
    assert_eq!(read(&mut world.user, expected.len()).await, expected);
    let answer = close_for_version(Farewell::Restart, [1, 2, 3, 4]);
    world.user.write_all(&answer).await.unwrap();
    assert_eq!(read(&mut world.version, answer.len()).await, answer);
    assert_eq!(world.version.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(world.user.read(&mut [0; 1]).await.unwrap(), 0);
    drop(world.version);
    assert_eq!(ended(&mut world.relaying).await, End::InOrder);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_does_not_answer_the_close_is_not_waited_for_long() {
    let mut world = start();
    let began = tokio::time::Instant::now();
    world.asked.cancel();
    let close = close_for_user(Farewell::Restart);
    assert_eq!(read(&mut world.user, close.len()).await, close);
    assert_eq!(ended(&mut world.relaying).await, End::InOrder);
    assert_eq!(began.elapsed(), CLOSE_WAIT);
    // The version hears it from the gateway then.
    let mut bytes = Vec::new();
    world.version.read_to_end(&mut bytes).await.unwrap();
    let mut frames = Frames::new(Speaker::User);
    frames.follow(&bytes);
    assert!(frames.closed() && frames.at_rest(), "{bytes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_followed_passes_on_and_is_left_to_the_deadline() {
    for (odd, by_user) in [([0x82, 0x80], false), ([0x82, 1], true)] {
        let mut world = start();
        if by_user {
            world.user.write_all(&odd).await.unwrap();
            assert_eq!(read(&mut world.version, 2).await, odd);
        } else {
            world.version.write_all(&odd).await.unwrap();
            assert_eq!(read(&mut world.user, 2).await, odd);
        }
        world.asked.cancel();
        for _ in 0..3 {
            world.version.write_all(b"more").await.unwrap();
            assert_eq!(read(&mut world.user, 4).await, b"more");
            world.user.write_all(b"and more").await.unwrap();
            assert_eq!(read(&mut world.version, 8).await, b"and more");
        }
        drop(world.user);
        drop(world.version);
        assert_eq!(ended(&mut world.relaying).await, End::ByItself);
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_under_way_is_not_interfered_with() {
    let mut world = start();
    let close = [0x88, 2, 0x03, 0xe8];
    world.version.write_all(&close).await.unwrap();
    assert_eq!(read(&mut world.user, close.len()).await, close);
    world.asked.cancel();
    drop(world.version);
    let mut rest = Vec::new();
    world.user.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "one Close is enough");
    drop(world.user);
    assert_eq!(ended(&mut world.relaying).await, End::ByItself);
}

#[tokio::test]
async fn the_sides_of_a_tunnel_hear_a_restart_from_each_other() {
    let mut world = start();
    let socket =
        |stream, role| tokio_tungstenite::WebSocketStream::from_raw_socket(stream, role, None);
    let mut user = socket(world.user, Role::Client).await;
    let mut version = socket(world.version, Role::Server).await;
    use futures::{SinkExt as _, StreamExt as _};
    user.send(Message::text("hello")).await.unwrap();
    assert_eq!(
        version.next().await.unwrap().unwrap(),
        Message::text("hello")
    );
    world.asked.cancel();
    let heard = async |socket: &mut tokio_tungstenite::WebSocketStream<DuplexStream>| {
        let Message::Close(Some(close)) = socket.next().await.unwrap().unwrap() else {
            panic!("no Close");
        };
        // The answer is sent while the end is awaited.
        while let Some(Ok(_)) = socket.next().await {}
        close.code
    };
    let (by_user, by_version) = tokio::join!(heard(&mut user), heard(&mut version));
    assert_eq!(
        (by_user, by_version),
        (CloseCode::Restart, CloseCode::Restart)
    );
    drop((user, version));
    assert_eq!(ended(&mut world.relaying).await, End::InOrder);
}
