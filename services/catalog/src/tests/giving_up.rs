//! A switch that does not reach its commit leaves everything as it was.

use ::store::testing::TestDb;
use contract::reason;
use proto::{
    catalog::v1::route::Turn, notification::v1::notice::Body, provisioning::v1::SwitchOutcome,
};
use wire::{GatewayAnswer, HistoryAction, SwitchState};

use super::{Gateway, World, wire};
use crate::store::MIGRATIONS;

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_is_not_ready_keeps_all_on_the_version_they_use(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let (mut a, mut b) = (
            Gateway::join(&world, "a").await,
            Gateway::join(&world, "b").await,
        );
        let confirmed = world.confirm(&two).await.unwrap();
        let (at_a, at_b) = (a.until_preparing().await, b.until_preparing().await);
        a.ready(&at_a).await;
        b.not_ready(&at_b).await;
        let ended = world.ended(&confirmed.name).await;
        let failure = ended.failure.unwrap();
        assert_eq!(
            (
                SwitchState::try_from(ended.state).unwrap(),
                failure.reason.as_str()
            ),
            (SwitchState::Failed, "GATEWAY_NOT_READY")
        );
        assert!(
            failure.message.contains('b') && failure.message.contains("status 503"),
            "{}",
            failure.message
        );
        let route = a.until_no_turn().await;
        assert_eq!(
            (route.generation, route.active.unwrap().version.as_str()),
            (1, "1")
        );
        assert!(route.revision > at_a.revision);
        assert!(route.test.is_some(), "it is still in test");
        let application = world.application().await;
        assert_eq!(
            (application.active_version, application.test_version),
            (one, two.clone())
        );
        let seen = world
            .peers
            .until("the notice of the end", |script| script.notices.len() == 4)
            .await;
        assert_eq!(
            seen.settled.last().unwrap().outcome(),
            SwitchOutcome::GivenUp
        );
        assert!(matches!(
            seen.notices.last().unwrap().body,
            Some(Body::SwitchGivenUp(_))
        ));
        let history = world.history().await;
        assert_eq!(
            (history[0].action(), history[0].actor.as_str()),
            (HistoryAction::SwitchGivenUp, "catalog")
        );

        // The answers of that turn count for no other.
        let again = world.confirm(&two).await.unwrap();
        let fresh = a.until_preparing().await;
        a.ready(&at_a).await;
        b.ready(&at_b).await;
        b.until_preparing().await;
        a.ready(&fresh).await;
        let waiting = world.until(&again.name, "one ready", |switch| {
            switch
                .gateways
                .iter()
                .any(|gateway| gateway.answer() == GatewayAnswer::Ready)
        });
        let waiting = waiting.await;
        assert_eq!(waiting.state(), SwitchState::Preparing);
        assert_eq!(waiting.gateways[1].answer(), GatewayAnswer::Unspecified);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_switch_is_cancelled_until_its_commit_and_not_after(db: TestDb) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        let mut gateway = Gateway::join(&world, "a").await;
        let first = world.confirm(&two).await.unwrap();
        let route = gateway.until_preparing().await;
        gateway.ready(&route).await;
        let holding = gateway.until_holding().await;
        let cancelled = world.cancel(&first.name).await.unwrap();
        assert_eq!(cancelled.failure.as_ref().unwrap().reason, "CANCELLED");
        world
            .cancel(&first.name)
            .await
            .map(drop)
            .or_else(|problem| {
                if problem.is(&reason::SWITCH_ENDED) {
                    Ok(())
                } else {
                    Err(problem)
                }
            })
            .unwrap();
        gateway.held(&holding).await;
        let ended = world.ended(&first.name).await;
        assert_eq!(ended.state(), SwitchState::Cancelled);
        assert!(
            ended
                .failure
                .unwrap()
                .message
                .contains("people/anna: not today")
        );
        assert_eq!(gateway.until_no_turn().await.generation, 1);
        assert!(
            world
                .cancel(&first.name)
                .await
                .unwrap_err()
                .is(&reason::SWITCH_ENDED)
        );
        let history = world.history().await;
        assert_eq!(
            (history[0].action(), history[0].actor.as_str()),
            (HistoryAction::SwitchGivenUp, "people/anna")
        );

        let second = world.confirm(&two).await.unwrap();
        let route = gateway.until_preparing().await;
        gateway.ready(&route).await;
        let route = gateway.until_holding().await;
        gateway.held(&route).await;
        let route = gateway.until_releasing().await;
        assert!(
            world
                .cancel(&second.name)
                .await
                .unwrap_err()
                .is(&reason::SWITCH_COMMITTED)
        );
        gateway.released_and_drained(&route).await;
        assert_eq!(
            world.ended(&second.name).await.state(),
            SwitchState::Succeeded
        );
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn provisioning_may_be_away_for_as_long_as_it_likes(db: TestDb) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        let asked = world.peers.seen().request_ids.len();
        world.peers.direct(|script| script.provisioning_down = true);
        let first = world.confirm(&two).await.unwrap();
        world
            .peers
            .until("three tries", |script| {
                script.request_ids.len() >= asked + 3
            })
            .await;
        assert_eq!(
            world
                .in_state(&first.name, SwitchState::Provisioning)
                .await
                .state_deadline,
            None
        );
        let cancelled = world.cancel(&first.name).await.unwrap();
        assert_eq!(cancelled.state(), SwitchState::Settling);
        world
            .peers
            .direct(|script| script.provisioning_down = false);
        assert_eq!(
            world.ended(&first.name).await.state(),
            SwitchState::Cancelled
        );

        world.peers.direct(|script| script.notification_down = true);
        let second = world.confirm(&two).await.unwrap();
        assert_eq!(
            world.ended(&second.name).await.state(),
            SwitchState::Succeeded
        );
        world
            .peers
            .direct(|script| script.notification_down = false);
        world
            .peers
            .until("the notice of the end", |script| {
                script
                    .notices
                    .iter()
                    .any(|notice| notice.cause == second.name)
            })
            .await;
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn tenants_that_cannot_be_moved_stop_a_switch_unless_the_policy_lets_it_go_on(
        db: TestDb,
    ) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        world.peers.direct(|script| script.failing_tenants = 2);
        let stopped = world.confirm(&two).await.unwrap();
        let stopped = world.ended(&stopped.name).await;
        assert_eq!(stopped.failure.unwrap().reason, "TENANTS_NOT_MOVED");
        let failures = stopped.tenants.unwrap().failures;
        assert_eq!(
            (
                failures.len(),
                failures[0].tenant.as_str(),
                failures[0].message.as_str()
            ),
            (2, "tenants/t0x", "No contact.")
        );

        let request = wire::UpdateApplicationRequest {
            application: Some(wire::Application {
                name: "applications/crm".to_owned(),
                policy: Some(wire::SwitchPolicy {
                    tenant_failures: wire::TenantFailurePolicy::GoOn.into(),
                    ..wire::SwitchPolicy::default()
                }),
                ..wire::Application::default()
            }),
            ..wire::UpdateApplicationRequest::default()
        };
        world
            .applications()
            .update_application(request)
            .await
            .unwrap();
        let gone_on = world.confirm(&two).await.unwrap();
        let gone_on = world.ended(&gone_on.name).await;
        assert_eq!(gone_on.state(), SwitchState::Succeeded);
        assert_eq!(gone_on.tenants.unwrap().failed, 2);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_is_silent_is_waited_for_until_the_deadline_and_named(db: TestDb) {
        let world = World::simulated(&db).await;
        let (_, two) = world.crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        let mut b = Gateway::join(&world, "b").await;
        let first = world.confirm(&two).await.unwrap();
        let route = a.until_preparing().await;
        a.ready(&route).await;
        world.clock.advance(std::time::Duration::from_secs(59));
        let preparing = world.until(&first.name, "one ready", |switch| {
            switch
                .gateways
                .iter()
                .any(|gateway| gateway.answer() == GatewayAnswer::Ready)
        });
        assert_eq!(preparing.await.state(), SwitchState::Preparing);
        world.clock.advance(std::time::Duration::from_secs(2));
        let ended = world.ended(&first.name).await;
        let failure = ended.failure.unwrap();
        assert_eq!(failure.reason, "GATEWAY_SILENT");
        assert!(failure.message.contains("from b:"), "{}", failure.message);

        let second = world.confirm(&two).await.unwrap();
        a.until_no_turn().await;
        let (at_a, at_b) = (a.until_preparing().await, {
            b.until("the second preparing", |route| {
            matches!(&route.turn, Some(Turn::Preparing(turn)) if turn.switch == second.name)
        }).await
        });
        a.ready(&at_a).await;
        b.ready(&at_b).await;
        let (at_a, at_b) = (a.until_holding().await, b.until_holding().await);
        a.held(&at_a).await;
        let one_held = world.until(&second.name, "one held", |switch| {
            switch
                .gateways
                .iter()
                .any(|gateway| gateway.answer() == GatewayAnswer::Held)
        });
        one_held.await;
        world.clock.advance(std::time::Duration::from_secs(31));
        let ended = world.ended(&second.name).await;
        assert_eq!(ended.failure.unwrap().reason, "GATEWAY_SILENT");
        // Too late: what it held is released to the version that everybody uses.
        b.held(&at_b).await;
        for gateway in [&mut a, &mut b] {
            let route = gateway.until_no_turn().await;
            assert_eq!(
                (route.generation, route.active.unwrap().version.as_str()),
                (1, "1")
            );
        }
        assert_eq!(world.application().await.generation, 1);
        world.finish().await;
    }
);
