//! A switch whose versions may not overlap, and the last look at the next version.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use tokio::{net::TcpListener, time::timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::{
    long_lived::{echo, web_socket},
    upstream::{Upstream, target},
    world::{LONG, USER, World, until},
};
use crate::apps::{Clearing, Drained, HealthProbe, Overlap};

fn shop() -> contract::ApplicationName {
    "shop".parse().unwrap()
}

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_version_is_clear_once_its_last_request_has_been_answered() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut connection = world.connect().await;
    let switch = async {
        until("the request is there", || old.seen.arrivals() == 1).await;
        world.hold(1, &old);
        let shop = shop();
        let clearing = world.plane.clear(&shop, Overlap::Abort(LONG));
        let mut clearing = std::pin::pin!(clearing);
        assert!(timeout(SOON, clearing.as_mut()).await.is_err());
        old.go_on();
        assert_eq!(timeout(LONG, clearing).await.unwrap(), Clearing::Done);
        assert_eq!(world.in_flight(), 0);
        world.open(2, &new).unwrap().finish(LONG).await
    };
    let (answer, drained) = tokio::join!(connection.get(USER, "/slow"), switch);
    assert_eq!(answer.text, "1.0");
    assert_eq!(drained, Drained::default());
    assert_eq!(world.get(USER, "/").await.text, "2.0");
}

#[tokio::test]
async fn a_switch_that_waited_too_long_is_told_for_how_many_and_the_version_goes_on() {
    let world = World::start().await;
    let old = Upstream::start("1.0").await;
    world.open(1, &old);
    let mut connection = world.connect().await;
    let switch = async {
        until("the request is there", || old.seen.arrivals() == 1).await;
        world.hold(1, &old);
        let clearing = world.plane.clear(&shop(), Overlap::Abort(SOON)).await;
        assert_eq!(clearing, Clearing::Left(1));
        assert!(world.open(1, &old).is_none(), "given up");
        assert_eq!(world.get(USER, "/").await.text, "1.0");
        old.go_on();
    };
    let (answer, ()) = tokio::join!(connection.get(USER, "/slow"), switch);
    assert_eq!(answer.text, "1.0", "it was not cut");
}

/// What is cut stays cut; what comes after a switch that was given up all the same is served.
#[tokio::test]
async fn what_is_left_is_cut_and_counted_and_the_version_can_go_on() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    for (round, given_up) in [(1, true), (2, false)] {
        let mut connection = world.connect().await;
        let switch = async {
            until("the request is there", || {
                world.in_flight() == 1 && old.seen.gone.load(Ordering::SeqCst) == round - 1
            })
            .await;
            world.hold(1, &old);
            let clearing = world.plane.clear(&shop(), Overlap::Cut(SOON)).await;
            assert_eq!(clearing, Clearing::Done);
            assert_eq!(world.in_flight(), 0);
            if given_up {
                assert!(world.open(1, &old).is_none());
                assert_eq!(world.get(USER, "/").await.text, "1.0");
            } else {
                let drained = world.open(2, &new).unwrap().finish(LONG).await;
                let expected = Drained {
                    cut: 1,
                    ..Drained::default()
                };
                assert_eq!(drained, expected, "the receipt has them");
            }
        };
        let (answer, ()) = tokio::join!(connection.get(USER, "/hang"), switch);
        assert_eq!(answer.reason(), "CUT");
    }
    assert_eq!(world.get(USER, "/").await.text, "2.0");
}

#[tokio::test]
async fn long_lived_connections_do_not_keep_a_switch_waiting() {
    let world = World::start().await;
    let (old, new) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    world.open(1, &old);
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = web_socket(&world).await;
        assert_eq!(echo(&mut socket, "a").await, "1.0 a");
        sockets.push(socket);
    }
    world.hold(1, &old);
    let users = async {
        for socket in &mut sockets {
            let Some(Ok(Message::Close(Some(close)))) = socket.next().await else {
                panic!("no Close");
            };
            assert_eq!(close.code, CloseCode::Restart);
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let shop = shop();
    let clearing = timeout(LONG, world.plane.clear(&shop, Overlap::Abort(LONG)));
    let (clearing, ()) = tokio::join!(clearing, users);
    assert_eq!(clearing.unwrap(), Clearing::Done);
    let drained = world.open(2, &new).unwrap().finish(LONG).await;
    let expected = Drained {
        finished: 20,
        closed: 20,
        cut: 0,
    };
    assert_eq!(drained, expected);
}

#[tokio::test]
async fn a_wait_ends_with_the_hold_and_cuts_nothing_after_it() {
    let world = World::start().await;
    let old = Upstream::start("1.0").await;
    world.open(1, &old);
    let mut connection = world.connect().await;
    let switch = async {
        until("the request is there", || old.seen.arrivals() == 1).await;
        world.hold(1, &old);
        let shop = shop();
        let mut clearing = Box::pin(world.plane.clear(&shop, Overlap::Cut(LONG)));
        assert!(futures::poll!(clearing.as_mut()).is_pending());
        world.open(1, &old);
        assert_eq!(clearing.await, Clearing::GivenUp);
        old.go_on();
    };
    let (answer, ()) = tokio::join!(connection.get(USER, "/slow"), switch);
    assert_eq!(answer.text, "1.0");
    let clearing = world.plane.clear(&shop(), Overlap::Cut(SOON)).await;
    assert_eq!(clearing, Clearing::GivenUp, "the gate is open");
}

#[tokio::test]
async fn a_version_is_asked_for_its_health_again_and_may_not_take_long() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    let mut of = version.target();
    world.plane.prepare(&shop(), &of).await.unwrap();
    world.plane.check_again(&shop(), &of).await.unwrap();
    assert_eq!(version.seen.arrivals(), 2);
    let began = Instant::now();
    for path in ["/hang", "/moved"] {
        of.health = HealthProbe::new(path, vec![(200, 299)], LONG).unwrap();
        let error = world.plane.check_again(&shop(), &of).await.unwrap_err();
        assert_eq!(error.reason, "VERSION_UNHEALTHY");
        assert!(!error.message.is_empty());
    }
    assert!(began.elapsed() < LONG / 4, "{:?}", began.elapsed());
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = target("1.0", nobody.local_addr().unwrap());
    drop(nobody);
    let error = world.plane.check_again(&shop(), &gone).await.unwrap_err();
    assert_eq!(error.reason, "VERSION_UNHEALTHY");
}
