//! What users see of a gateway that the operator takes out of use.

use super::{
    ending::{closed_with, restart},
    long_lived::{echo, web_socket},
    upstream::Upstream,
    world::{USER, World, route},
};
use crate::apps::GateOrder;

#[tokio::test]
async fn what_lasts_is_ended_only_while_the_gateway_is_out_of_use() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    let mut quick = route(Some(1), GateOrder::Open(version.target()));
    quick.drain_rate = 1000;
    world.plane.set_route(quick);
    let plane = world.plane.clone();
    let emptying = plane.empty_while_out_of_use(world.stop.clone());
    let users = async {
        let mut socket = web_socket(&world).await;
        assert_eq!(echo(&mut socket, "a").await, "1.0 a");
        let mut kept = world.connect().await;
        assert_eq!(kept.get(USER, "/").await.field("connection"), "");

        world.plane.take_out_of_use(true);
        assert_eq!(closed_with(&mut socket).await, restart());
        let answer = kept.get(USER, "/").await;
        assert_eq!(
            (answer.field("connection"), &*answer.text),
            ("close", "1.0")
        );
        // A tunnel still opens, and is ended like the others.
        let mut late = web_socket(&world).await;
        assert_eq!(closed_with(&mut late).await, restart());

        world.plane.take_out_of_use(false);
        let mut after = web_socket(&world).await;
        for word in ["b", "c", "d"] {
            assert_eq!(echo(&mut after, word).await, format!("1.0 {word}"));
        }
        world.plane.take_out_of_use(true);
        assert_eq!(closed_with(&mut after).await, restart());
    };
    tokio::select! {
        () = users => {}
        () = emptying => panic!("nobody has said stop"),
    }
}
