//! A switch from the request to its end.

use ::store::testing::TestDb;
use contract::reason;
use proto::{
    catalog::v1::route::Turn, notification::v1::notice::Body, provisioning::v1::SwitchOutcome,
};
use wire::{GatewayAnswer, HistoryAction, SwitchState, VersionState};

use super::{
    Gateway, World,
    peers::{GRANTS_REVISION, GRANTS_TIMELINE},
    soon, wire,
};
use crate::store::MIGRATIONS;

::store::on_both!(
    MIGRATIONS,
    async fn every_gateway_holds_before_another_version_becomes_the_active_one(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let (mut a, mut b) = (
            Gateway::join(&world, "a").await,
            Gateway::join(&world, "b").await,
        );
        assert_eq!(a.route().generation, 1);
        assert_eq!(a.route().active.as_ref().unwrap().version, "1");
        world.peers.direct(|script| script.further_moves = 2);

        let confirmed = world.confirm_as(&two, "req-two").await.unwrap();
        assert_eq!(confirmed.state(), SwitchState::Provisioning);
        assert_eq!(
            (
                confirmed.source_version.as_str(),
                confirmed.target_version.as_str()
            ),
            (one.as_str(), two.as_str())
        );
        let (at_a, at_b) = (a.until_preparing().await, b.until_preparing().await);
        let Some(Turn::Preparing(turn)) = &at_a.turn else {
            unreachable!()
        };
        assert_eq!(turn.target.as_ref().unwrap().version, "2");
        assert_eq!(turn.switch, confirmed.name);
        a.ready(&at_a).await;
        a.ready(&at_a).await;
        assert_eq!(world.application().await.generation, 1);
        b.ready(&at_b).await;

        let (at_a, at_b) = (a.until_holding().await, b.until_holding().await);
        let Some(Turn::Holding(turn)) = &at_a.turn else {
            unreachable!()
        };
        assert_eq!(
            (turn.grants_revision, turn.grants_timeline.as_str()),
            (GRANTS_REVISION, GRANTS_TIMELINE)
        );
        assert_eq!(
            at_a.active.as_ref().unwrap().version,
            "1",
            "users are still on it"
        );
        a.held(&at_a).await;
        let held = world.until(&confirmed.name, "one held", |switch| {
            switch
                .gateways
                .iter()
                .any(|gateway| gateway.answer() == GatewayAnswer::Held)
        });
        assert_eq!(
            held.await.state(),
            SwitchState::Holding,
            "b has not answered"
        );
        assert_eq!(world.application().await.generation, 1);
        b.held(&at_b).await;

        let (at_a, at_b) = (a.until_releasing().await, b.until_releasing().await);
        assert_eq!(
            (
                at_a.generation,
                at_a.active.as_ref().unwrap().version.as_str()
            ),
            (2, "2")
        );
        assert!(at_a.test.is_none(), "its test is over");
        a.released_and_drained(&at_a).await;
        b.released_and_drained(&at_b).await;
        let ended = world.ended(&confirmed.name).await;
        assert_eq!(
            (ended.state(), ended.generation),
            (SwitchState::Succeeded, 2)
        );
        assert!(ended.failure.is_none() && ended.commit_time.is_some());
        let states: Vec<_> = ended.steps.iter().map(|step| step.state()).collect();
        assert_eq!(
            states,
            [
                SwitchState::Provisioning,
                SwitchState::Preparing,
                SwitchState::ClosingConsent,
                SwitchState::Holding,
                SwitchState::Releasing,
                SwitchState::Draining,
                SwitchState::Settling,
                SwitchState::Succeeded,
            ]
        );
        for gateway in &ended.gateways {
            assert_eq!(gateway.answer(), GatewayAnswer::Drained);
            assert_eq!(
                (
                    gateway.held_requests,
                    gateway.drained_requests,
                    gateway.cut_requests
                ),
                (4, 5, 1)
            );
            assert_eq!(gateway.longest_hold.unwrap().nanos, 3_000_000);
        }
        let tenants = ended.tenants.unwrap();
        assert_eq!(
            (tenants.total, tenants.moved, tenants.mailed, tenants.denied),
            (3, 3, 1, 2)
        );

        let application = world.application().await;
        assert_eq!(
            (application.active_version.as_str(), application.generation),
            (two.as_str(), 2)
        );
        assert_eq!(
            (
                application.test_version.as_str(),
                application.open_switch.as_str()
            ),
            ("", "")
        );
        assert_eq!(world.version(&one).await.state(), VersionState::Retired);
        assert_eq!(world.version(&two).await.state(), VersionState::Active);
        let settings = wire::GetSettingsRequest {
            application: "applications/crm".to_owned(),
        };
        let settings = world
            .applications()
            .get_settings(settings)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(
            (
                settings.version,
                settings.generation,
                settings.roles[0].name.as_str()
            ),
            (two.clone(), 2, "admin-2")
        );

        let seen = world
            .peers
            .until("the notice of the end", |script| script.notices.len() == 4)
            .await;
        assert!(seen.request_ids.contains(&"req-two".to_owned()));
        let last = seen.moves.last().unwrap();
        assert_eq!(
            (
                last.source_version.as_str(),
                last.target_version.as_str(),
                last.notice
            ),
            ("1", "2", false)
        );
        assert_eq!(
            seen.settled.last().unwrap().outcome(),
            SwitchOutcome::Committed
        );
        let notice = seen.notices.last().unwrap();
        assert_eq!(
            (notice.cause.as_str(), notice.request_id.as_str()),
            (confirmed.name.as_str(), "req-two")
        );
        let Some(Body::SwitchSucceeded(told)) = &notice.body else {
            panic!("{notice:?}")
        };
        assert_eq!(
            (
                told.source_version.as_str(),
                told.target_version.as_str(),
                told.denied_tenants
            ),
            ("1", "2", 2)
        );

        let history = world.history().await;
        let acts: Vec<_> = history
            .iter()
            .map(|entry| (entry.action(), entry.version.as_str()))
            .collect();
        assert_eq!(
            acts[..2],
            [
                (HistoryAction::Activated, two.as_str()),
                (HistoryAction::SwitchConfirmed, two.as_str())
            ]
        );
        assert_eq!(
            (history[1].actor.as_str(), history[1].reason.as_str()),
            ("people/anna", "it is time")
        );
        assert_eq!(
            (history[1].switch.as_str(), history[1].request_id.as_str()),
            (confirmed.name.as_str(), "req-two")
        );
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_version_that_was_active_can_come_back(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let mut gateway = Gateway::join(&world, "a").await;
        world.confirm(&two).await.unwrap();
        gateway.obey().await;
        world.until_free().await;

        let request = wire::ConfirmReactivateRequest {
            version: one.clone(),
            ..wire::ConfirmReactivateRequest::default()
        };
        let back = world
            .switches()
            .confirm_reactivate(request.clone())
            .await
            .unwrap()
            .into_inner()
            .switch
            .unwrap();
        gateway.obey().await;
        let ended = world.ended(&back.name).await;
        assert_eq!(
            (ended.state(), ended.generation),
            (SwitchState::Succeeded, 3)
        );
        assert_eq!(world.application().await.active_version, one);
        let version = world.version(&one).await;
        assert!(
            version.first_active_time.unwrap().seconds <= version.last_active_time.unwrap().seconds
        );
        assert_ne!(version.first_active_time, version.last_active_time);
        let refused = world
            .switches()
            .confirm_reactivate(request)
            .await
            .unwrap_err();
        assert!(contract::Problem::from(refused).is(&reason::VERSION_ACTIVE));
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn of_two_operators_who_confirm_different_versions_at_once_one_wins(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let begun = world.confirm(&two).await.unwrap();
        world.ended(&begun.name).await;
        let three = world.create_version("3").await;
        world.register(&three).await;
        world.peers.direct(|script| script.provisioning_down = true);
        let back = wire::ConfirmReactivateRequest {
            version: one.clone(),
            reason: "no good".to_owned(),
            ..wire::ConfirmReactivateRequest::default()
        };
        let mut other = world.switches();
        let (a, b) = tokio::join!(world.confirm(&three), other.confirm_reactivate(back));
        let b = b
            .map(|confirmed| confirmed.into_inner().switch.unwrap())
            .map_err(contract::Problem::from);
        let (begun, refused) = match (a, b) {
            (Ok(begun), Err(refused)) | (Err(refused), Ok(begun)) => (begun, refused),
            other => panic!("{other:?}"),
        };
        assert!(refused.is(&reason::SWITCH_OPEN), "{refused:?}");
        assert_eq!(refused.about(), Some(begun.name.as_str()));
        assert!([&one, &three].contains(&&begun.target_version));
        world.cancel(&begun.name).await.unwrap();
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn of_two_confirms_at_once_one_begins_a_switch_and_the_other_is_told_of_it(db: TestDb) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        world.peers.direct(|script| script.provisioning_down = true);
        let (a, b) = tokio::join!(world.confirm(&two), world.confirm(&two));
        let (begun, refused) = match (a, b) {
            (Ok(begun), Err(refused)) | (Err(refused), Ok(begun)) => (begun, refused),
            other => panic!("{other:?}"),
        };
        assert!(refused.is(&reason::SWITCH_OPEN), "{refused:?}");
        assert_eq!(refused.about(), Some(begun.name.as_str()));
        assert!(
            refused
                .hint()
                .unwrap()
                .contains(&format!("switchover switches cancel {}", begun.name))
        );
        let open = wire::ListSwitchesRequest {
            parent: "applications/-".to_owned(),
            open_only: true,
            ..wire::ListSwitchesRequest::default()
        };
        let open = world
            .switches()
            .list_switches(open)
            .await
            .unwrap()
            .into_inner()
            .switches;
        assert_eq!(
            open.iter().map(|s| &s.name).collect::<Vec<_>>(),
            [&begun.name]
        );
        world.cancel(&begun.name).await.unwrap();
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn the_same_request_is_the_same_switch_whatever_has_become_of_it(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        world.peers.direct(|script| script.provisioning_down = true);
        let (a, b) = tokio::join!(world.confirm_as(&two, "r-1"), world.confirm_as(&two, "r-1"));
        let first = a.unwrap();
        assert_eq!(first.name, b.unwrap().name);
        assert!(
            world
                .confirm_as(&one, "r-1")
                .await
                .unwrap_err()
                .is(&reason::REQUEST_ID_REUSED)
        );
        world
            .peers
            .direct(|script| script.provisioning_down = false);
        let ended = world.ended(&first.name).await;
        assert_eq!(ended.state(), SwitchState::Succeeded);
        let after = world.confirm_as(&two, "r-1").await.unwrap();
        assert_eq!((after.name, after.generation), (first.name, 2));
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_is_silent_after_the_commit_keeps_nobody_from_the_new_version(
        db: TestDb,
    ) {
        let world = World::simulated(&db).await;
        let (_, two) = world.crm_on_one().await;
        let mut gateway = Gateway::join(&world, "a").await;
        let confirmed = world.confirm(&two).await.unwrap();
        let route = gateway.until_preparing().await;
        gateway.ready(&route).await;
        let route = gateway.until_holding().await;
        gateway.held(&route).await;
        world
            .in_state(&confirmed.name, SwitchState::Releasing)
            .await;
        world.clock.advance(std::time::Duration::from_secs(61));
        world.in_state(&confirmed.name, SwitchState::Draining).await;
        world.clock.advance(std::time::Duration::from_secs(41));
        let ended = world.ended(&confirmed.name).await;
        assert_eq!(
            (ended.state(), ended.generation),
            (SwitchState::Succeeded, 2)
        );
        assert_eq!(ended.gateways[0].answer(), GatewayAnswer::Held);
        assert_eq!(gateway.until_no_turn().await.generation, 2);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_watch_ends_with_the_switch_and_a_wait_answers_in_time(db: TestDb) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        world.peers.direct(|script| script.provisioning_down = true);
        let confirmed = world.confirm(&two).await.unwrap();
        let wait = |seconds, nanos| wire::WaitSwitchRequest {
            name: confirmed.name.clone(),
            timeout: Some(prost_types::Duration { seconds, nanos }),
        };
        for patience in [wait(0, 0), wait(0, 50_000_000)] {
            let open = world
                .switches()
                .wait_switch(patience)
                .await
                .unwrap()
                .into_inner()
                .switch
                .unwrap();
            assert_eq!(open.state(), SwitchState::Provisioning);
        }
        let request = wire::WatchSwitchRequest {
            name: confirmed.name.clone(),
        };
        let mut stream = world
            .switches()
            .watch_switch(request)
            .await
            .unwrap()
            .into_inner();
        let watching = async {
            let mut states = Vec::new();
            while let Some(response) = stream.message().await.unwrap() {
                states.push(response.switch.unwrap().state());
            }
            states
        };
        let mut switches = world.switches();
        let waiting = switches.wait_switch(wait(60, 0));
        world
            .peers
            .direct(|script| script.provisioning_down = false);
        let (states, waited) = tokio::join!(soon("the end of the stream", watching), waiting);
        assert_eq!(states.last(), Some(&SwitchState::Succeeded));
        assert_eq!(
            waited.unwrap().into_inner().switch.unwrap().state(),
            SwitchState::Succeeded
        );
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn tenants_hear_how_to_deny_if_either_version_needs_credentials(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let plain = world.create_version("1").await;
        let mut request = world.version_request("2");
        request.version.as_mut().unwrap().app_credentials = Some(wire::AppCredentialsNeed {
            scopes: vec!["read".to_owned()],
        });
        let acting = world
            .applications()
            .create_version(request)
            .await
            .unwrap()
            .into_inner()
            .version
            .unwrap()
            .name;
        let mut notices = Vec::new();
        for version in [&plain, &acting, &plain] {
            if world.version(version).await.state() == VersionState::Registered {
                world.register(version).await;
                let switch = world.confirm(version).await.unwrap();
                world.ended(&switch.name).await;
            } else {
                let request = wire::ConfirmReactivateRequest {
                    version: version.clone(),
                    ..wire::ConfirmReactivateRequest::default()
                };
                let switch = world
                    .switches()
                    .confirm_reactivate(request)
                    .await
                    .unwrap()
                    .into_inner()
                    .switch
                    .unwrap();
                world.ended(&switch.name).await;
            }
            notices.push(world.peers.seen().moves.last().unwrap().notice);
        }
        assert_eq!(notices, [false, true, true]);
        world.finish().await;
    }
);
