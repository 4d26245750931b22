//! A version in test is for testers alone.

use ::store::testing::TestDb;
use contract::{Problem, reason};
use proto::notification::v1::notice::Body;
use sha2::{Digest as _, Sha256};
use wire::{HistoryAction, VersionState};

use super::{Gateway, World, wire};
use crate::store::MIGRATIONS;

fn hash(token: &str) -> String {
    Sha256::digest(token)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

::store::on_both!(
    MIGRATIONS,
    async fn a_tester_token_is_shown_once_and_gateways_know_its_hash(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let one = world.create_version("1").await;
        let mut gateway = Gateway::join(&world, "a").await;
        assert!(gateway.route().test.is_none());
        let request = wire::RegisterToTestRequest {
            version: one.clone(),
            reason: String::new(),
        };
        let registered = world
            .switches()
            .register_to_test(request.clone())
            .await
            .unwrap()
            .into_inner();
        assert_eq!(
            registered.test_address,
            "http://crm-op.test.example.com:8080"
        );
        assert_eq!(registered.version.unwrap().state(), VersionState::InTest);
        let token = registered.tester_token;
        let route = gateway
            .until("the test", |route| route.test.is_some())
            .await;
        let test = route.test.unwrap();
        assert_eq!(
            (
                test.tester_token_sha256,
                test.version.unwrap().version.as_str()
            ),
            (hash(&token), "1")
        );
        assert!(route.active.is_none(), "users do not reach it");
        let again = Problem::from(
            world
                .switches()
                .register_to_test(request)
                .await
                .unwrap_err(),
        );
        assert!(again.is(&reason::VERSION_IN_TEST), "{again:?}");

        let rotate = wire::RotateTesterTokenRequest {
            version: one.clone(),
        };
        let fresh = world
            .switches()
            .rotate_tester_token(rotate.clone())
            .await
            .unwrap()
            .into_inner()
            .tester_token;
        assert_ne!(fresh, token);
        gateway
            .until("the new token", |route| {
                route.test.as_ref().unwrap().tester_token_sha256 == hash(&fresh)
            })
            .await;

        let cancel = wire::CancelTestRequest {
            version: one.clone(),
            reason: "seen".to_owned(),
        };
        let cancelled = world
            .switches()
            .cancel_test(cancel.clone())
            .await
            .unwrap()
            .into_inner();
        assert_eq!(cancelled.version.unwrap().state(), VersionState::Registered);
        gateway
            .until("the end of the test", |route| route.test.is_none())
            .await;
        let refused = Problem::from(
            world
                .switches()
                .rotate_tester_token(rotate)
                .await
                .unwrap_err(),
        );
        assert!(refused.is(&reason::VERSION_NOT_IN_TEST));
        let refused = Problem::from(world.switches().cancel_test(cancel).await.unwrap_err());
        assert!(refused.is(&reason::VERSION_NOT_IN_TEST));

        let seen = world
            .peers
            .until("the notice", |script| script.notices.len() == 1)
            .await;
        let Some(Body::VersionInTest(told)) = &seen.notices[0].body else {
            panic!("{seen:?}")
        };
        assert_eq!(
            (told.version.as_str(), told.test_address.as_str()),
            ("1", "http://crm-op.test.example.com:8080")
        );
        let history = world.history().await;
        let acts: Vec<_> = history.iter().map(wire::HistoryEntry::action).collect();
        assert_eq!(
            acts,
            [
                HistoryAction::TestCancelled,
                HistoryAction::RegisteredToTest,
                HistoryAction::Created
            ]
        );
        assert!(!format!("{history:?} {seen:?}").contains(&token));
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn one_version_is_in_test_at_a_time_and_not_during_a_switch(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let three = world.create_version("3").await;
        let register = async |version: &str| {
            let request = wire::RegisterToTestRequest {
                version: version.to_owned(),
                reason: String::new(),
            };
            Problem::from(
                world
                    .switches()
                    .register_to_test(request)
                    .await
                    .unwrap_err(),
            )
        };
        let refused = register(&three).await;
        assert!(refused.is(&reason::OTHER_VERSION_IN_TEST), "{refused:?}");
        assert_eq!(refused.about(), Some(two.as_str()));
        assert!(register(&one).await.is(&reason::VERSION_ACTIVE));
        assert!(
            register("applications/crm/versions/9")
                .await
                .is(&reason::NOT_FOUND)
        );

        world.peers.direct(|script| script.provisioning_down = true);
        let confirmed = world.confirm(&two).await.unwrap();
        let cancel = wire::CancelTestRequest {
            version: two,
            reason: String::new(),
        };
        let refused = Problem::from(world.switches().cancel_test(cancel).await.unwrap_err());
        assert!(refused.is(&reason::SWITCH_OPEN), "{refused:?}");
        world.cancel(&confirmed.name).await.unwrap();
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_version_that_does_not_work_is_neither_tested_nor_switched_to(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let one = world.create_version("1").await;
        world.upstream.answer(503);
        let request = wire::RegisterToTestRequest {
            version: one.clone(),
            reason: String::new(),
        };
        let refused = Problem::from(
            world
                .switches()
                .register_to_test(request)
                .await
                .unwrap_err(),
        );
        assert!(refused.is(&reason::VERSION_UNHEALTHY), "{refused:?}");
        assert!(
            refused.message().contains("answered with status 503"),
            "{refused}"
        );
        world.upstream.answer(200);
        world.register(&one).await;
        world.upstream.answer(404);
        let refused = world.confirm(&one).await.unwrap_err();
        assert!(
            refused.is(&reason::VERSION_UNHEALTHY) && refused.message().contains("404"),
            "{refused:?}"
        );
        assert!(world.application().await.open_switch.is_empty());
        world.finish().await;
    }
);
