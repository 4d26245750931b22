//! Who is a member, and what that means for switches.

use std::time::Duration;

use ::store::testing::TestDb;
use contract::{Problem, Role, reason};
use proto::catalog::v1::{
    fleet_service_client::FleetServiceClient, follow_request::Message, route::Turn,
};
use wire::SwitchState;

use super::{
    Gateway, World,
    gateway::{boot, hello},
    soon, wire,
    world::client,
};
use crate::store::MIGRATIONS;

async fn members(world: &World) -> Vec<(String, bool)> {
    let listed = world
        .fleet()
        .list_gateways(wire::ListGatewaysRequest::default())
        .await
        .unwrap();
    let gateways = listed.into_inner().gateways;
    gateways
        .into_iter()
        .map(|gateway| (gateway.name, gateway.connected))
        .collect()
}

async fn evict(world: &World, name: &str) -> Result<(), Problem> {
    let request = wire::EvictGatewayRequest {
        name: name.to_owned(),
        reason: "burnt".to_owned(),
    };
    world.fleet().evict_gateway(request).await?;
    Ok(())
}

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_joins_during_a_hold_must_hold_too(db: TestDb) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        let confirmed = world.confirm(&two).await.unwrap();
        let route = a.until_preparing().await;
        a.ready(&route).await;
        let at_a = a.until_holding().await;
        let mut b = Gateway::join(&world, "b").await;
        assert!(
            matches!(b.route().turn, Some(Turn::Holding(_))),
            "what it is told first is the hold"
        );
        a.held(&at_a).await;
        let open = world.until(&confirmed.name, "one held", |switch| {
            switch
                .gateways
                .iter()
                .any(|gateway| gateway.answer() == wire::GatewayAnswer::Held)
        });
        assert_eq!(open.await.state(), SwitchState::Holding);
        assert_eq!(world.application().await.generation, 1);
        let at_b = b.until_holding().await;
        b.held(&at_b).await;
        for gateway in [&mut a, &mut b] {
            let route = gateway.until_releasing().await;
            gateway.released_and_drained(&route).await;
        }
        assert_eq!(
            world.ended(&confirmed.name).await.state(),
            SwitchState::Succeeded
        );
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_clock_that_is_set_forward_makes_no_gateway_silent_that_speaks(db: TestDb) {
        let world = World::simulated(&db).await;
        world.fenced_crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        // Only so is it known when it was heard.
        a.beat_for_lease(1).await;
        let later = world.clock.now() + jiff::SignedDuration::from_hours(1);
        world.clock.set(later);
        let refused = evict(&world, "gateways/a").await.unwrap_err();
        assert!(refused.is(&reason::GATEWAY_ALIVE), "{refused:?}");
        drop(a);
        world.clock.advance(Duration::from_secs(16));
        evict(&world, "gateways/a").await.unwrap();
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_is_gone_is_evicted_and_waited_for_no_more(db: TestDb) {
        let world = World::simulated(&db).await;
        let (_, two) = world.crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        let b = Gateway::join(&world, "b").await;
        drop(b);
        let confirmed = world.confirm(&two).await.unwrap();
        let route = a.until_preparing().await;
        a.ready(&route).await;
        let refused = evict(&world, "gateways/b").await.unwrap_err();
        assert!(refused.is(&reason::GATEWAY_ALIVE), "{refused:?}");
        world.clock.advance(Duration::from_secs(16));
        evict(&world, "gateways/b").await.unwrap();
        a.hold_and_release().await;
        assert_eq!(
            world.ended(&confirmed.name).await.state(),
            SwitchState::Succeeded
        );
        assert!(
            evict(&world, "gateways/b")
                .await
                .unwrap_err()
                .is(&reason::NOT_FOUND)
        );
        assert_eq!(members(&world).await.len(), 1);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_leaves_is_waited_for_no_more_and_its_stream_ends(db: TestDb) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        let b = Gateway::join(&world, "b").await;
        assert_eq!(
            members(&world).await,
            [
                ("gateways/a".to_owned(), true),
                ("gateways/b".to_owned(), true)
            ]
        );
        let confirmed = world.confirm(&two).await.unwrap();
        a.until_preparing().await;
        b.leave().await;
        a.obey().await;
        assert_eq!(
            world.ended(&confirmed.name).await.state(),
            SwitchState::Succeeded
        );
        assert_eq!(members(&world).await, [("gateways/a".to_owned(), true)]);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn an_evicted_gateway_that_still_lives_is_told_to_say_hello_again(db: TestDb) {
        let world = World::simulated(&db).await;
        world.crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        world.clock.advance(Duration::from_secs(16));
        evict(&world, "gateways/a").await.unwrap();
        let ended = soon("the end of the stream", async {
            loop {
                if let Err(problem) = a.next().await {
                    return problem;
                }
            }
        });
        let problem = ended.await;
        assert!(
            problem.transient() && problem.hint().unwrap().contains("hello"),
            "{problem:?}"
        );
        let again = a.again(&world).await;
        assert_eq!(members(&world).await.len(), 1);
        drop(again);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_name_belongs_to_one_process_at_a_time(db: TestDb) {
        let world = World::start(&db).await;
        world.crm_on_one().await;
        let mut first = Gateway::join(&world, "a").await;
        let another = wire::Hello {
            boot: boot(2),
            ..hello("a")
        };
        let refused = Gateway::hello(world.address, another.clone())
            .await
            .map(drop)
            .unwrap_err();
        assert!(
            refused.is(&reason::ALREADY_EXISTS) && refused.transient(),
            "{refused:?}"
        );

        // The same process again takes the place of its stream before.
        let second = Gateway::hello(world.address, hello("a")).await.unwrap();
        soon("the end of the first stream", async {
            while first.next().await.is_ok() {}
        })
        .await;
        drop(second);
        // Once its stream has ended, a new start of it is welcome.
        soon("the end of the second stream", async {
            while Gateway::hello(world.address, another.clone())
                .await
                .is_err()
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_speaks_for_itself_alone(db: TestDb) {
        let world = World::start(&db).await;
        let as_a = || FleetServiceClient::new(client(world.address, Role::Gateway, "gateways/a"));
        let refused = Gateway::follow(as_a(), hello("b"))
            .await
            .map(drop)
            .unwrap_err();
        assert!(refused.is(&reason::NOT_FOUND), "{refused:?}");
        let leave = wire::LeaveFleetRequest {
            gateway: "gateways/b".to_owned(),
        };
        assert!(Problem::from(as_a().leave_fleet(leave).await.unwrap_err()).is(&reason::NOT_FOUND));
        let person =
            FleetServiceClient::new(client(world.address, Role::OperatorAdmin, "people/anna"));
        let refused = Gateway::follow(person, hello("b"))
            .await
            .map(drop)
            .unwrap_err();
        assert!(refused.is(&reason::PERMISSION_DENIED), "{refused:?}");
        assert!(members(&world).await.is_empty());
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_knows_more_than_the_catalog_is_told_nothing_and_stays_a_member(
        db: TestDb,
    ) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        let known = Gateway::join(&world, "known").await;
        let route = known.route().clone();
        let position = |change: fn(&mut wire::RoutePosition)| {
            let mut position = wire::RoutePosition {
                application: route.application.clone(),
                timeline: route.timeline.clone(),
                revision: route.revision,
                generation: route.generation,
                ..Default::default()
            };
            change(&mut position);
            position
        };
        let foreign = "01999999-0000-4000-8000-0000000000ff";
        // What it knows of an application that never was in use, it is told to forget.
        let forgets = wire::Hello {
            positions: vec![
                position(|p| {
                    p.generation = 0;
                    p.timeline = "01999999-0000-4000-8000-0000000000ff".to_owned();
                }),
                wire::RoutePosition {
                    application: "applications/never".to_owned(),
                    timeline: foreign.to_owned(),
                    revision: 3,
                    ..Default::default()
                },
            ],
            ..hello("f")
        };
        let f = Gateway::hello(world.address, forgets).await.unwrap();
        assert_eq!(
            f.synced.as_deref(),
            Some(["applications/crm".to_owned()].as_slice())
        );
        assert_eq!(f.route().revision, route.revision);

        for (name, position, expected) in [
            ("a", position(|p| p.revision += 1), reason::MOVED_BACKWARDS),
            (
                "b",
                position(|p| p.generation += 1),
                reason::MOVED_BACKWARDS,
            ),
            (
                "c",
                position(|p| p.generation -= 1),
                reason::MOVED_BACKWARDS,
            ),
            (
                "d",
                position(|p| p.application = "applications/gone".to_owned()),
                reason::MOVED_BACKWARDS,
            ),
            (
                "e",
                position(|p| p.timeline = "01999999-0000-4000-8000-0000000000ff".to_owned()),
                reason::TIMELINE_FOREIGN,
            ),
        ] {
            let hello = wire::Hello {
                positions: vec![position],
                ..hello(name)
            };
            let refused = Gateway::hello(world.address, hello)
                .await
                .map(drop)
                .unwrap_err();
            assert!(refused.is(&expected), "{name}: {refused:?}");
            assert!(
                members(&world)
                    .await
                    .contains(&(format!("gateways/{name}"), false)),
                "{name}"
            );
        }
        // Nothing is decided behind the back of those who were told nothing.
        let refused = world.confirm(&two).await.unwrap_err();
        assert!(refused.is(&reason::IN_RECOVERY), "{refused:?}");
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn beats_show_and_a_second_hello_ends_the_stream(db: TestDb) {
        let world = World::simulated(&db).await;
        world.crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        world.clock.advance(Duration::from_secs(14));
        a.beat().await;
        soon("the beat to show", async {
            loop {
                let listed = world
                    .fleet()
                    .list_gateways(wire::ListGatewaysRequest::default())
                    .await
                    .unwrap();
                let gateway = listed.into_inner().gateways.remove(0);
                if gateway.last_seen_time.unwrap().seconds > gateway.join_time.unwrap().seconds {
                    break;
                }
            }
        })
        .await;
        world.clock.advance(Duration::from_secs(14));
        assert_eq!(members(&world).await, [("gateways/a".to_owned(), true)]);
        world.clock.advance(Duration::from_secs(2));
        assert_eq!(members(&world).await, [("gateways/a".to_owned(), false)]);
        a.say(Message::Hello(hello("a"))).await;
        let refused = soon("the end of the stream", async {
            loop {
                if let Err(problem) = a.next().await {
                    return problem;
                }
            }
        })
        .await;
        assert!(refused.is(&reason::INVALID_FIELDS), "{refused:?}");
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn gateways_hear_of_applications_that_come_and_go(db: TestDb) {
        let world = World::start(&db).await;
        let mut a = Gateway::join(&world, "a").await;
        assert_eq!(a.synced.as_deref(), Some([].as_slice()));
        world.create_crm().await;
        let first = a
            .until("the application", |route| {
                route.generation == 0 && route.active.is_none()
            })
            .await;
        let delete = wire::DeleteApplicationRequest {
            name: "applications/crm".to_owned(),
            etag: String::new(),
        };
        world
            .applications()
            .delete_application(delete)
            .await
            .unwrap();
        soon("its removal", async {
            while a.routes.contains_key("applications/crm") {
                a.next().await.unwrap();
            }
        })
        .await;
        world.create_crm().await;
        let second = a.until("the application", |_| true).await;
        assert_ne!(first.timeline, second.timeline);
        world.finish().await;
    }
);

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "unwrap_err")]
    fn an_eviction_of_a_gateway_that_serves_is_found() {
        plant(Some(Plant::EvictLive));
        super::a_gateway_that_is_gone_is_evicted_and_waited_for_no_more::sqlite();
    }

    #[test]
    #[should_panic(expected = "unwrap_err")]
    fn a_restored_catalog_that_goes_on_is_found() {
        plant(Some(Plant::RestoreSilently));
        super::a_gateway_that_knows_more_than_the_catalog_is_told_nothing_and_stays_a_member::sqlite();
    }
}
