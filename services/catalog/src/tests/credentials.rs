//! A version whose backend acts for tenants comes into test with one pair, and its pairs go with it.

use ::store::testing::TestDb;
use contract::{Problem, reason};
use proto::provisioning::v1::{DeregisterVersionRequest, RegisterVersionRequest};

use super::{World, peers::Told, wire};
use crate::store::MIGRATIONS;

/// Creates a version of `crm` that needs app credentials; returns its name.
async fn create_with_need(world: &World, id: &str) -> String {
    let mut request = world.version_request(id);
    let version = request.version.as_mut().unwrap();
    version.app_credentials = Some(wire::AppCredentialsNeed {
        scopes: vec!["orders.read".to_owned()],
    });
    let created = world.applications().create_version(request).await.unwrap();
    created.into_inner().version.unwrap().name
}

async fn register(world: &World, version: &str) -> Result<wire::RegisterToTestResponse, Problem> {
    let request = wire::RegisterToTestRequest {
        version: version.to_owned(),
        reason: String::new(),
    };
    Ok(world
        .switches()
        .register_to_test(request)
        .await?
        .into_inner())
}

async fn cancel(world: &World, version: &str) {
    let request = wire::CancelTestRequest {
        version: version.to_owned(),
        reason: String::new(),
    };
    world.switches().cancel_test(request).await.unwrap();
}

fn registered(told: &Told) -> &RegisterVersionRequest {
    match told {
        Told::Registered(request) => request,
        Told::Deregistered(request) => panic!("{request:?}"),
    }
}

fn deregistered(told: &Told) -> &DeregisterVersionRequest {
    match told {
        Told::Registered(request) => panic!("{request:?}"),
        Told::Deregistered(request) => request,
    }
}

async fn told(world: &World, count: usize) -> Vec<Told> {
    let script = world
        .peers
        .until("an order", |script| script.told.len() == count);
    script.await.told
}

::store::on_both!(
    MIGRATIONS,
    async fn one_pair_is_issued_with_a_test_told_as_a_hash_and_gone_with_it(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let one = create_with_need(&world, "1").await;
        let answer = register(&world, &one).await.unwrap();
        let pair = answer.app_credential.unwrap();
        // The answer waited until provisioning had taken the pair.
        let script = world.peers.seen();
        let [first] = script.told.as_slice() else {
            panic!("{script:?}")
        };
        let first = registered(first);
        assert_eq!(
            (&first.version, first.scopes.as_slice()),
            (&one, &["orders.read".to_owned()][..])
        );
        let hashed = first.pair.clone().unwrap();
        assert_eq!(
            (&hashed.credential, &hashed.client_id),
            (&pair.name, &pair.client_id)
        );
        assert!(pair.name.starts_with(&format!("{one}/credentials/")));
        assert_eq!(pair.client_secret.len(), 43);
        assert!(hashed.secret_hash.starts_with("$argon2id$"));
        assert!(!format!("{script:?}").contains(&pair.client_secret));

        let again = register(&world, &one).await.unwrap_err();
        assert!(again.is(&reason::VERSION_IN_TEST), "{again:?}");
        assert_eq!(
            world.peers.seen().told.len(),
            1,
            "a retry makes no second pair"
        );

        cancel(&world, &one).await;
        let orders = told(&world, 2).await;
        let gone = deregistered(&orders[1]);
        assert_eq!((&gone.version, gone.revoke), (&one, true));
        let [gone, issued] = [gone.time, hashed.create_time].map(|time| time.unwrap());
        assert!((gone.seconds, gone.nanos) >= (issued.seconds, issued.nanos));
        let next = register(&world, &one)
            .await
            .unwrap()
            .app_credential
            .unwrap();
        assert_ne!(next.client_id, pair.client_id);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_version_that_needs_none_gets_none_and_provisioning_hears_nothing(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let one = world.create_version("1").await;
        assert_eq!(register(&world, &one).await.unwrap().app_credential, None);
        cancel(&world, &one).await;
        let request = wire::DeleteVersionRequest {
            name: one,
            etag: String::new(),
        };
        world.applications().delete_version(request).await.unwrap();
        assert_eq!(world.peers.seen().told, []);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_version_that_was_active_keeps_its_pairs_when_it_is_tested_again(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let one = create_with_need(&world, "1").await;
        let two = world.create_version("2").await;
        for version in [&one, &two] {
            register(&world, version).await.unwrap();
            let switch = world.confirm(version).await.unwrap();
            world.ended(&switch.name).await;
        }
        assert_eq!(register(&world, &one).await.unwrap().app_credential, None);
        let orders = told(&world, 2).await;
        let second = registered(&orders[1]);
        assert_eq!((&second.version, &second.pair), (&one, &None));
        cancel(&world, &one).await;
        let orders = told(&world, 3).await;
        assert!(!deregistered(&orders[2]).revoke, "it can be reactivated");
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn pairs_go_with_a_version_that_is_deleted_or_needs_none_any_more(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let mut names = Vec::new();
        for id in ["1", "2", "3"] {
            names.push(create_with_need(&world, id).await);
        }
        let request = wire::UpdateVersionRequest {
            version: Some(wire::Version {
                name: names[0].clone(),
                ..wire::Version::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["app_credentials".to_owned()],
            }),
            etag: String::new(),
        };
        world.applications().update_version(request).await.unwrap();
        let request = wire::DeleteVersionRequest {
            name: names[1].clone(),
            etag: String::new(),
        };
        world.applications().delete_version(request).await.unwrap();
        let request = wire::DeleteApplicationRequest {
            name: "applications/crm".to_owned(),
            etag: String::new(),
        };
        world
            .applications()
            .delete_application(request)
            .await
            .unwrap();
        let orders = told(&world, 3).await;
        for (order, name) in orders.iter().zip(&names) {
            let gone = deregistered(order);
            assert_eq!((&gone.version, gone.revoke), (name, true));
        }
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn orders_outlive_a_crash_and_are_told_in_their_order(db: TestDb) {
        let mut world = World::start(&db).await;
        world.create_crm().await;
        let one = create_with_need(&world, "1").await;
        world.peers.direct(|script| script.provisioning_down = true);
        // Provisioning does not keep the version out of the test: the pair becomes valid later.
        let pair = register(&world, &one)
            .await
            .unwrap()
            .app_credential
            .unwrap();
        cancel(&world, &one).await;
        assert_eq!(world.peers.seen().told, []);
        world.crash().await;
        world
            .peers
            .direct(|script| script.provisioning_down = false);
        let orders = told(&world, 2).await;
        let hashed = registered(&orders[0]).pair.clone().unwrap();
        assert_eq!(hashed.client_id, pair.client_id);
        assert!(deregistered(&orders[1]).revoke);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn the_grace_of_the_policy_is_told_when_a_switch_is_settled(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let mut application = world.application().await;
        let mut policy = application.policy.unwrap();
        assert_eq!(
            policy.credential_grace,
            seconds(0),
            "by default there is none"
        );
        policy.credential_grace = seconds(3600);
        application.policy = Some(policy);
        let request = wire::UpdateApplicationRequest {
            application: Some(application),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["policy".to_owned()],
            }),
            etag: String::new(),
        };
        world
            .applications()
            .update_application(request)
            .await
            .unwrap();
        let one = world.create_version("1").await;
        world.register(&one).await;
        let switch = world.confirm(&one).await.unwrap();
        world.ended(&switch.name).await;
        let settled = world.peers.seen().settled;
        assert_eq!(settled[0].credential_grace, seconds(3600));
        world.finish().await;
    }
);
