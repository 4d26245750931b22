//! A switch as one gateway lives it.

use std::fs;

use proto::catalog::v1::answer::Answer;

use super::{
    http::send,
    world::{ACME, World, until},
};
use crate::control::route_tests::{holding, nonce, preparing, releasing, told};

#[tokio::test]
async fn a_switch_holds_requests_and_gives_them_to_the_new_version() {
    let world = World::start().await;
    world.until_serves("1").await;

    world.tell(preparing(told("crm", 2, 1), 2));
    assert!(matches!(world.answered(2).await, Answer::Ready(_)));
    world.until_serves("1").await;

    let revision = world.provisioning.decide("acme", "2", true);
    world.tell(holding(told("crm", 3, 1), 3, revision));
    assert!(matches!(world.answered(3).await, Answer::Held(_)));

    let at = world.at().apps;
    let user = send(at, "GET", "/", &[("Host", ACME)], "");
    let release = async {
        until("a request waits", async || {
            let status = world.status().await;
            match status.applications[0].held_requests {
                1 => Ok(()),
                waiting => Err(waiting.to_string()),
            }
        })
        .await;
        world.tell(releasing(told("crm", 4, 2), 4));
    };
    let (held, ()) = tokio::join!(user, release);
    let held = held.unwrap();
    assert_eq!((held.status, held.body.as_str()), (200, "version 2"));

    until("the generation before is drained", async || {
        match world.answered(4).await {
            Answer::Drained(drained) => Ok(drained),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let answers = world.catalog.answers(&nonce(4).to_string());
    let Some(Answer::Released(released)) = &answers[0].answer else {
        panic!("released comes first: {answers:?}")
    };
    assert_eq!(released.held_requests, 1);
    assert!(answers.iter().all(|answer| answer.revision == 4));

    let status = world.status().await;
    assert_eq!(status.gateway, "gateways/g-1");
    assert!(status.ready, "{}", status.not_ready_message);
    assert_eq!(status.applications[0].revision, 4);
    assert_eq!(status.applications[0].active_version, "2");
    assert_eq!(status.grants.unwrap().count, 2);
    world.end().await;
}

#[tokio::test]
async fn a_switch_that_is_given_up_gives_held_requests_to_the_old_version() {
    let world = World::start().await;
    world.tell(preparing(told("crm", 2, 1), 2));
    world.answered(2).await;
    world.tell(holding(told("crm", 3, 1), 3, 1));
    world.answered(3).await;
    let (held, ()) = tokio::join!(world.ask(), async {
        until("a request waits", async || {
            match world.status().await.applications[0].held_requests {
                1 => Ok(()),
                waiting => Err(waiting.to_string()),
            }
        })
        .await;
        world.tell(told("crm", 4, 1));
    });
    assert_eq!((held.status, held.body.as_str()), (200, "version 1"));
    world.end().await;
}

#[tokio::test]
async fn held_is_said_only_once_the_named_grants_are_here() {
    let world = World::start().await;
    world.tell(preparing(told("crm", 2, 1), 2));
    world.answered(2).await;
    world.tell(holding(told("crm", 3, 1), 3, 2));
    until("the gate is held", async || {
        let status = world.status().await;
        match status.applications[0].revision {
            3 => Ok(()),
            revision => Err(revision.to_string()),
        }
    })
    .await;
    assert_eq!(world.catalog.answers(&nonce(3).to_string()), []);
    world.provisioning.decide("acme", "2", false);
    assert!(matches!(world.answered(3).await, Answer::Held(_)));
    world.end().await;
}

#[tokio::test]
async fn a_target_that_is_not_there_is_answered_with_the_reason() {
    let world = World::start().await;
    let mut route = preparing(told("crm", 2, 1), 2);
    if let Some(proto::catalog::v1::route::Turn::Preparing(turn)) = &mut route.turn {
        // Version 9 is not one that this world places.
        let target = turn.target.as_mut().unwrap();
        target.version = "9".to_owned();
        target.upstream = "http://127.0.0.1:1".to_owned();
    }
    world.tell(route);
    let Answer::NotReady(objection) = world.answered(2).await else {
        panic!("nothing listens there")
    };
    assert_eq!(objection.reason, "UPSTREAM_UNREACHABLE");
    world.until_serves("1").await;
    world.end().await;
}

#[tokio::test]
async fn a_full_disk_is_answered_not_ready_and_users_notice_nothing() {
    let mut world = World::without_gateway().await;
    world.provisioning.decide("acme", "1", true);
    world.tell(told("crm", 1, 1));
    let blocker = world.state_dir().join("routes.json.new");
    fs::create_dir(&blocker).unwrap();
    world.start_gateway().await;
    world.until_serves("1").await;
    world.tell(preparing(told("crm", 2, 1), 2));
    let Answer::NotReady(objection) = world.answered(2).await else {
        panic!("the promise cannot be written")
    };
    assert_eq!(objection.reason, "STATE_NOT_WRITTEN");
    world.until_not_ready("cannot be written to disk").await;
    world.until_serves("1").await;
    fs::remove_dir(&blocker).unwrap();
    world.until_ready().await;
    world.end().await;
}

#[tokio::test]
async fn a_route_that_cannot_be_read_voids_no_other() {
    let world = World::start().await;
    let mut odd = preparing(told("erp", 1, 0), 9);
    odd.display_name = "a\u{202e}b".to_owned();
    world.tell(odd);
    let Answer::NotReady(objection) = world.answered(9).await else {
        panic!("it cannot be read")
    };
    assert_eq!(objection.reason, "ROUTE_INVALID");
    world.until_not_ready("erp: its route cannot be used").await;
    world.tell(preparing(told("crm", 2, 1), 2));
    assert!(matches!(world.answered(2).await, Answer::Ready(_)));
    world.tell(told("erp", 2, 0));
    world.until_ready().await;
    world.end().await;
}

#[tokio::test]
async fn another_history_is_neither_followed_nor_lets_go_of_what_is_known() {
    let world = World::start().await;
    world.catalog.forget();
    let mut foreign = told("crm", 9, 2);
    foreign.timeline = crate::control::route_tests::uuid(9);
    world.tell(foreign);
    world.until_not_ready("another history").await;
    world.catalog.break_streams();
    world.until_not_ready("another history").await;
    world.until_serves("1").await;
    world.end().await;
}

#[tokio::test]
async fn an_application_that_is_removed_or_no_longer_named_is_gone() {
    let world = World::start().await;
    world.tell(told("erp", 1, 0));
    let applications = async || world.status().await.applications.len();
    let until_knows = async |number: usize| {
        until("applications are known", async || {
            match applications().await {
                known if known == number => Ok(()),
                known => Err(known.to_string()),
            }
        })
        .await;
    };
    until_knows(2).await;
    world.catalog.remove("erp");
    until_knows(1).await;
    world.catalog.forget();
    world.catalog.break_streams();
    until_knows(0).await;
    world.end().await;
}
