//! A new version that is watched, and left again.

use std::time::Duration;

use ::store::testing::TestDb;
use contract::Generation;
use proto::catalog::v1::follow_request::Message;
use wire::SwitchState;

use super::{Gateway, World, gateway::hello, soon, wire};
use crate::store::{MIGRATIONS, traffic};

/// Longer than any test that does not move the clock.
const HOUR: i64 = 3600;

fn rules(error_permille_max: i32, health_failures_max: i32) -> wire::Bake {
    wire::Bake {
        duration: Some(prost_types::Duration {
            seconds: HOUR,
            nanos: 0,
        }),
        error_permille_max,
        requests_min: if error_permille_max == 0 { 0 } else { 20 },
        health_failures_max,
    }
}

/// Says what a gateway has counted in generation 2.
async fn count(gateway: &Gateway, requests: i64, failed: i64) {
    let report = wire::TrafficReport {
        application: "applications/crm".to_owned(),
        generation: 2,
        requests,
        failed,
    };
    let beat = wire::Beat {
        traffic: vec![report],
        ready: true,
        ..wire::Beat::default()
    };
    gateway.say(Message::Beat(beat)).await;
}

async fn get(world: &World, name: &str) -> wire::Switch {
    let request = wire::GetSwitchRequest {
        name: name.to_owned(),
    };
    let got = world.switches().get_switch(request).await.unwrap();
    got.into_inner().switch.unwrap()
}

/// Waits until a switch that has ended is noted in some way.
async fn noted(
    world: &World,
    name: &str,
    what: &str,
    holds: impl Fn(&wire::Switch) -> bool,
) -> wire::Switch {
    soon(what, async {
        loop {
            let switch = get(world, name).await;
            if holds(&switch) {
                return switch;
            }
        }
    })
    .await
}

async fn switches(world: &World) -> Vec<wire::Switch> {
    let request = wire::ListSwitchesRequest {
        parent: "applications/crm".to_owned(),
        ..wire::ListSwitchesRequest::default()
    };
    let listed = world.switches().list_switches(request).await.unwrap();
    listed.into_inner().switches
}

fn went_back(switch: &wire::Switch) -> bool {
    !switch.switched_back_by.is_empty()
}

::store::on_both!(
    MIGRATIONS,
    async fn too_many_errors_switch_back_once_however_many_watch_and_crash(db: TestDb) {
        let mut world = World::start(&db).await;
        let (one, two) = world.watched_crm_on_one(rules(50, 0)).await;
        let (other, address) = world.replica().await;
        let mut a = Gateway::join(&world, "a").await;
        let mut b = Gateway::hello(address, hello("b")).await.unwrap();
        let name = world.confirm(&two).await.unwrap().name;
        // What one of them still finishes keeps the switch open.
        for gateway in [&mut a, &mut b] {
            let route = gateway.until_preparing().await;
            assert!(!route.report_traffic);
            gateway.ready(&route).await;
        }
        for gateway in [&mut a, &mut b] {
            let route = gateway.until_holding().await;
            gateway.held(&route).await;
        }
        let last = b.until_releasing().await;
        assert!(last.report_traffic, "{last:?}");
        b.released_and_drained(&last).await;
        let last = a.until_releasing().await;
        let released = wire::answer::Answer::Released(wire::Released::default());
        a.answer(&last, released).await;
        let open = world.in_state(&name, SwitchState::Draining).await;
        let watched = open.bake_deadline.unwrap().seconds - open.commit_time.unwrap().seconds;
        assert_eq!(watched, HOUR);

        // Neither alone is enough: together they are.
        count(&a, 15, 0).await;
        count(&b, 15, 2).await;
        let database = ::store::Db::open(&world.url, &MIGRATIONS).await.unwrap();
        soon("a rule that fires", async {
            loop {
                let watch = ::store::read!(database, |tx| {
                    crate::store::bakes::find(tx, &"crm".parse().unwrap()).await
                });
                if watch.unwrap().unwrap().fired.is_some() {
                    return;
                }
            }
        })
        .await;
        database.close().await;
        assert_eq!(switches(&world).await.len(), 2, "it waits for the drain");
        world.crash().await;
        a = a.again(&world).await;
        let last = a.until_releasing().await;
        a.released_and_drained(&last).await;
        world.ended(&name).await;
        let baked = noted(&world, &name, "the switch back", went_back).await;
        assert_eq!(baked.bake_deadline, None);
        tokio::join!(a.obey(), b.obey());
        let back = world.ended(&baked.switched_back_by).await;
        assert_eq!(
            (back.state(), back.generation, &back.target_version),
            (SwitchState::Succeeded, 3, &one)
        );
        assert_eq!(back.kind(), wire::SwitchKind::Reactivate);
        assert_eq!(back.requested_by, "bake");
        let id = name.rsplit('/').next().unwrap();
        assert_eq!(back.request_id, format!("bake-{id}"));
        assert_eq!(
            back.reason,
            "Version 2: 2 of 30 requests went wrong: more than 50 in 1000."
        );
        assert_eq!(back.bake_deadline, None, "it is not watched itself");
        let route = a.until_no_turn().await;
        assert_eq!((route.generation, route.report_traffic), (3, false));
        assert_eq!(switches(&world).await.len(), 3);
        let entries = world.history().await;
        let theirs = entries.iter().filter(|entry| entry.actor == "bake");
        assert!(theirs.clone().count() > 0);
        assert!(theirs.clone().all(|entry| entry.reason == back.reason));
        other.finish_test().await;
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn few_requests_prove_nothing_and_time_ends_the_watch(db: TestDb) {
        let world = World::simulated(&db).await;
        let (_, two) = world.watched_crm_on_one(rules(50, 0)).await;
        let mut gateway = Gateway::join(&world, "a").await;
        let name = world.confirm(&two).await.unwrap().name;
        gateway.obey().await;
        let baked = world.ended(&name).await;
        assert!(baked.bake_deadline.is_some());
        count(&gateway, 19, 19).await;
        let database = ::store::Db::open(&world.url, &MIGRATIONS).await.unwrap();
        soon("what was counted", async {
            loop {
                let crm = "crm".parse().unwrap();
                let counted = ::store::read!(database, |tx| {
                    traffic::of(tx, &crm, Generation::FIRST.next()).await
                });
                if counted.unwrap() == [("a".to_owned(), 19, 19)] {
                    return;
                }
            }
        })
        .await;
        database.close().await;
        gateway
            .until("the watch", |route| route.report_traffic)
            .await;
        // The last look judges once more what was counted.
        world
            .clock
            .advance(Duration::from_secs(HOUR.unsigned_abs()));
        gateway
            .until("the end of the watch", |route| !route.report_traffic)
            .await;
        let baked = get(&world, &name).await;
        assert_eq!((baked.bake_deadline, went_back(&baked)), (None, false));
        assert_eq!(switches(&world).await.len(), 2);
        assert_eq!(world.application().await.active_version, two);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_version_that_is_not_healthy_any_more_is_left_once_its_source_is(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.watched_crm_on_one(rules(0, 3)).await;
        let mut gateway = Gateway::join(&world, "a").await;
        let name = world.confirm(&two).await.unwrap().name;
        gateway.obey().await;
        world.ended(&name).await;
        // Both versions are the same server here: the one that it goes back to is refused, too.
        world.upstream.answer(503);
        let database = ::store::Db::open(&world.url, &MIGRATIONS).await.unwrap();
        let fired = soon("a rule that fires", async {
            loop {
                let watch = ::store::read!(database, |tx| {
                    crate::store::bakes::find(tx, &"crm".parse().unwrap()).await
                });
                if let Some(why) = watch.unwrap().unwrap().fired {
                    return why;
                }
            }
        })
        .await;
        database.close().await;
        assert_eq!(
            fired.as_str(),
            "Version 2: 3 health checks in a row failed."
        );
        assert!(!went_back(&get(&world, &name).await));
        world.upstream.answer(200);
        let baked = noted(&world, &name, "the switch back", went_back).await;
        gateway.obey().await;
        let back = world.ended(&baked.switched_back_by).await;
        assert_eq!(
            (back.state(), &back.target_version, back.reason.as_str()),
            (SwitchState::Succeeded, &one, fired.as_str())
        );
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_switch_that_a_person_confirms_ends_the_watch(db: TestDb) {
        let world = World::start(&db).await;
        let (_, two) = world.watched_crm_on_one(rules(50, 0)).await;
        let mut gateway = Gateway::join(&world, "a").await;
        let name = world.confirm(&two).await.unwrap().name;
        gateway.obey().await;
        assert!(world.ended(&name).await.bake_deadline.is_some());
        let three = world.create_version("3").await;
        world.register(&three).await;
        let next = world.confirm(&three).await.unwrap().name;
        let baked = get(&world, &name).await;
        assert_eq!((baked.bake_deadline, went_back(&baked)), (None, false));
        let route = gateway.until_preparing().await;
        assert!(!route.report_traffic, "{route:?}");
        world.cancel(&next).await.unwrap();
        world.ended(&next).await;
        count(&gateway, 100, 100).await;
        // What comes next is watched for itself.
        let again = world.confirm(&three).await.unwrap().name;
        gateway.until_no_turn().await;
        gateway.obey().await;
        let ended = world.ended(&again).await;
        assert_eq!(
            (ended.state(), ended.generation),
            (SwitchState::Succeeded, 3)
        );
        assert!(ended.bake_deadline.is_some());
        assert!(!went_back(&get(&world, &name).await));
        world.finish().await;
    }
);
