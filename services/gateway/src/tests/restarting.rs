//! Kills at every step of a switch, and starts with nobody to ask.

use proto::catalog::v1::answer::Answer;

use super::world::{World, until};
use crate::control::route_tests::{holding, nonce, preparing, releasing, told, version};

#[tokio::test]
async fn with_nobody_to_ask_what_was_known_last_is_served_at_once() {
    let mut world = World::start().await;
    // Acknowledged means durable; the route's own file is waited for.
    until("the route is on disk", async || {
        let there = world.state_dir().join("routes.json").exists();
        there.then_some(()).ok_or_else(|| "no file".to_owned())
    })
    .await;
    world.kill_gateway().await;
    world.stop_catalog().await;
    world.stop_provisioning().await;
    world.start_gateway().await;
    let answer = world.ask().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "version 1"));
    world
        .until_not_ready("it does not follow the catalog")
        .await;
    world
        .until_not_ready("it does not follow provisioning")
        .await;
    assert_eq!(
        world.status().await.membership(),
        proto::gateway::v1::Membership::CutOff
    );

    world.start_catalog().await;
    world.start_provisioning().await;
    world.until_ready().await;
    let hello = world.catalog.hellos().pop().unwrap();
    assert_eq!(hello.positions[0].revision, 1);
    assert_eq!(hello.listeners.len(), 2);
    assert_eq!(world.provisioning.hellos().pop().unwrap().revision, 1);
    world.end().await;
}

#[tokio::test]
async fn a_gateway_killed_after_its_promise_waits_for_the_catalog_and_then_goes_on() {
    for held in [false, true] {
        let mut world = World::start().await;
        world.tell(preparing(told("crm", 2, 1), 2));
        assert!(matches!(world.answered(2).await, Answer::Ready(_)));
        if held {
            world.tell(holding(told("crm", 3, 1), 3, 1));
            assert!(matches!(world.answered(3).await, Answer::Held(_)));
        }
        world.kill_gateway().await;
        world.stop_catalog().await;
        world.start_gateway().await;
        assert!(world.makes_wait().await, "held before the kill: {held}");

        world.provisioning.decide("acme", "2", true);
        world.tell(releasing(told("crm", 4, 2), 4));
        world.start_catalog().await;
        world.until_serves("2").await;
        until("released and drained are said", async || {
            let answers = world.catalog.answers(&nonce(4).to_string());
            (answers.len() == 2)
                .then_some(())
                .ok_or_else(|| format!("{answers:?}"))
        })
        .await;
        world.end().await;
    }
}

#[tokio::test]
async fn a_turn_is_answered_anew_by_the_process_that_comes_back() {
    let mut world = World::start().await;
    world.tell(preparing(told("crm", 2, 1), 2));
    world.answered(2).await;
    world.tell(holding(told("crm", 3, 1), 3, 1));
    world.answered(3).await;
    world.kill_gateway().await;
    world.start_gateway().await;
    until("held is said again", async || {
        let answers = world.catalog.answers(&nonce(3).to_string());
        (answers.len() >= 2)
            .then_some(())
            .ok_or_else(|| format!("{answers:?}"))
    })
    .await;
    assert!(world.makes_wait().await);
    world.end().await;
}

#[tokio::test]
async fn a_turn_is_answered_again_on_a_new_stream() {
    let world = World::start().await;
    world.tell(preparing(told("crm", 2, 1), 2));
    world.answered(2).await;
    world.catalog.break_streams();
    until("ready is said again", async || {
        let answers = world.catalog.answers(&nonce(2).to_string());
        (answers.len() >= 2)
            .then_some(())
            .ok_or_else(|| format!("{answers:?}"))
    })
    .await;
    world.end().await;
}

#[tokio::test]
async fn a_gateway_killed_after_the_release_serves_the_new_version_from_disk() {
    let mut world = World::start().await;
    let revision = world.provisioning.decide("acme", "2", true);
    world.tell(preparing(told("crm", 2, 1), 2));
    world.answered(2).await;
    world.tell(holding(told("crm", 3, 1), 3, revision));
    world.answered(3).await;
    world.tell(releasing(told("crm", 4, 2), 4));
    world.answered(4).await;
    world.tell(told("crm", 5, 2));
    // A newer turn is answered ready only once it, and so all before it, is on disk.
    let mut newer = preparing(told("crm", 6, 2), 6);
    if let Some(proto::catalog::v1::route::Turn::Preparing(turn)) = &mut newer.turn {
        // Back to a version that is there: what cannot be reached is refused before any write.
        turn.target = Some(version("1"));
    }
    world.tell(newer);
    assert!(matches!(world.answered(6).await, Answer::Ready(_)));
    world.tell(told("crm", 7, 2));
    let file = world.state_dir().join("routes.json");
    let promised = std::fs::read(&file).unwrap();
    until("the end of the turn is on disk", async || {
        let now = std::fs::read(&file).unwrap_or_default();
        (!now.is_empty() && now != promised)
            .then_some(())
            .ok_or_else(|| "unchanged".to_owned())
    })
    .await;
    world.kill_gateway().await;
    world.stop_catalog().await;
    world.start_gateway().await;
    assert_eq!(world.ask().await.body, "version 2");
    world.end().await;
}

#[tokio::test]
async fn a_denial_that_was_acknowledged_holds_after_a_kill_with_nobody_to_ask() {
    let mut world = World::start().await;
    world.until_serves("1").await;
    let revision = world.provisioning.decide("acme", "1", false);
    until("the denial is acknowledged", async || {
        world
            .provisioning
            .acknowledged(revision)
            .then_some(())
            .ok_or_else(|| "not yet".to_owned())
    })
    .await;
    assert_eq!(world.ask().await.status, 403);
    world.kill_gateway().await;
    world.stop_catalog().await;
    world.stop_provisioning().await;
    world.start_gateway().await;
    assert_eq!(world.ask().await.status, 403);
    world.end().await;
}

#[tokio::test]
async fn a_denial_is_not_acknowledged_while_it_cannot_be_written() {
    let mut world = World::without_gateway().await;
    world.tell(told("crm", 1, 1));
    world.provisioning.decide("acme", "1", true);
    let blocker = world.state_dir().join("grants.log.new");
    std::fs::create_dir(&blocker).unwrap();
    world.start_gateway().await;
    world.until_serves("1").await;
    let denied = world.provisioning.decide("acme", "1", false);
    until("the denial is in force", async || {
        let status = world.ask().await.status;
        (status == 403)
            .then_some(())
            .ok_or_else(|| status.to_string())
    })
    .await;
    world.until_not_ready("cannot be written to disk").await;
    assert!(!world.provisioning.acknowledged(denied));
    std::fs::remove_dir(&blocker).unwrap();
    until("the denial is acknowledged", async || {
        let acknowledged = world.provisioning.acknowledged(denied);
        acknowledged
            .then_some(())
            .ok_or_else(|| "not yet".to_owned())
    })
    .await;
    world.until_ready().await;
    world.end().await;
}
