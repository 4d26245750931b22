//! Tenants have time to deny, and denials may stop a switch.

use std::time::Duration;

use ::store::testing::TestDb;
use prost_types::FieldMask;
use wire::SwitchState;

use super::{Gateway, World, wire};
use crate::store::MIGRATIONS;

const HOUR: i64 = 3600;

/// `applications/crm` on version 1 with version 2 in test, from then on with this policy.
async fn with_policy(world: &World, policy: wire::SwitchPolicy) -> String {
    let (_, two) = world.crm_on_one().await;
    let application = wire::Application {
        name: "applications/crm".to_owned(),
        policy: Some(policy),
        ..Default::default()
    };
    let request = wire::UpdateApplicationRequest {
        application: Some(application),
        update_mask: Some(FieldMask {
            paths: vec!["policy".to_owned()],
        }),
        ..Default::default()
    };
    let changed = world.applications().update_application(request).await;
    changed.unwrap();
    two
}

fn an_hours_notice() -> wire::SwitchPolicy {
    wire::SwitchPolicy {
        minimum_notice: Some(prost_types::Duration {
            seconds: HOUR,
            nanos: 0,
        }),
        ..Default::default()
    }
}

/// Waits until the switch gives notice, and returns it.
async fn gives_notice(world: &World, switch: &str) -> wire::Switch {
    let until = |switch: &wire::Switch| switch.state_deadline.is_some();
    world.until(switch, "notice", until).await
}

::store::on_both!(
    MIGRATIONS,
    async fn tenants_have_the_notice_that_the_policy_says_whatever_crashes(db: TestDb) {
        let mut world = World::simulated(&db).await;
        let two = with_policy(&world, an_hours_notice()).await;
        let begun = world.clock.now().as_second();
        let confirmed = world.confirm(&two).await.unwrap();
        let notice = gives_notice(&world, &confirmed.name).await;
        assert_eq!(notice.state(), SwitchState::Provisioning);
        assert_eq!(notice.state_deadline.unwrap().seconds, begun + HOUR);
        assert_eq!(notice.tenants.unwrap().mailed, 1);

        world.clock.advance(Duration::from_secs(3500));
        world.crash().await;
        let mut a = Gateway::join(&world, "a").await;
        assert!(a.route().turn.is_none(), "nobody gets ready yet");
        let still = gives_notice(&world, &confirmed.name).await;
        assert_eq!(still.state_deadline, notice.state_deadline);

        world.clock.advance(Duration::from_secs(101));
        a.obey().await;
        let ended = world.ended(&confirmed.name).await;
        assert_eq!(ended.state(), SwitchState::Succeeded);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_switch_is_cancelled_while_tenants_have_notice(db: TestDb) {
        let world = World::simulated(&db).await;
        let two = with_policy(&world, an_hours_notice()).await;
        let confirmed = world.confirm(&two).await.unwrap();
        gives_notice(&world, &confirmed.name).await;
        world.cancel(&confirmed.name).await.unwrap();
        let ended = world.ended(&confirmed.name).await;
        assert_eq!(ended.state(), SwitchState::Cancelled);
        world.finish().await;
    }
);

/// Switches to version 2 while two of ten tenants deny, `tenants/anna` and another.
async fn denied(world: &World, policy: wire::DenialPolicy) -> wire::Switch {
    let two = with_policy(
        world,
        wire::SwitchPolicy {
            denials: Some(policy),
            ..Default::default()
        },
    )
    .await;
    let anna = "tenants/anna".to_owned();
    world.peers.direct(|script| script.denying = vec![anna]);
    let confirmed = world.confirm(&two).await.unwrap();
    world.ended(&confirmed.name).await
}

::store::on_both!(
    MIGRATIONS,
    async fn the_denial_of_a_tenant_that_the_policy_names_stops_a_switch(db: TestDb) {
        let world = World::start(&db).await;
        let named = wire::DenialPolicy {
            percent_max: None,
            tenants: vec!["tenants/anna".to_owned(), "tenants/bert".to_owned()],
        };
        let ended = denied(&world, named).await;
        assert_eq!(ended.state(), SwitchState::Failed);
        let failure = ended.failure.unwrap();
        assert_eq!(failure.reason, "TENANTS_DENIED");
        assert!(failure.message.contains("tenants/anna"), "{failure:?}");
        assert_eq!(ended.tenants.unwrap().denied, 2);
        assert_eq!(world.application().await.generation, 1);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn too_many_denials_stop_a_switch(db: TestDb) {
        let world = World::start(&db).await;
        let a_tenth = wire::DenialPolicy {
            percent_max: Some(10),
            tenants: Vec::new(),
        };
        let failure = denied(&world, a_tenth).await.failure.unwrap();
        assert_eq!(failure.reason, "TENANTS_DENIED");
        assert!(failure.message.contains("2 of 10"), "{failure:?}");
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn as_many_denials_as_the_policy_allows_stop_nothing(db: TestDb) {
        let world = World::start(&db).await;
        let a_fifth = wire::DenialPolicy {
            percent_max: Some(20),
            tenants: vec!["tenants/bert".to_owned()],
        };
        let ended = denied(&world, a_fifth).await;
        assert_eq!(ended.state(), SwitchState::Succeeded);
        world.finish().await;
    }
);

/// Switches from a version with the scope `read` to one with this scope, and returns whether tenants
/// were to be asked anew.
async fn asks(world: &World, growth: wire::ScopeGrowthPolicy, scope: &str) -> bool {
    let with_scope = |id: &str, scope: &str| {
        let mut request = world.version_request(id);
        let version = request.version.as_mut().unwrap();
        version.app_credentials = Some(wire::AppCredentialsNeed {
            scopes: vec![scope.to_owned()],
        });
        request
    };
    let policy = wire::SwitchPolicy {
        scope_growth: growth.into(),
        ..Default::default()
    };
    let two = with_policy(world, policy).await;
    let cancel = wire::CancelTestRequest {
        version: two,
        ..Default::default()
    };
    world.switches().cancel_test(cancel).await.unwrap();
    for request in [with_scope("3", "read"), with_scope("4", scope)] {
        let created = world.applications().create_version(request).await.unwrap();
        let version = created.into_inner().version.unwrap().name;
        world.register(&version).await;
        let confirmed = world.confirm(&version).await.unwrap();
        world.ended(&confirmed.name).await;
    }
    world.peers.seen().moves.last().unwrap().asks
}

::store::on_both!(
    MIGRATIONS,
    async fn tenants_are_asked_anew_where_scopes_grow_and_the_policy_says_so(db: TestDb) {
        let world = World::start(&db).await;
        assert!(asks(&world, wire::ScopeGrowthPolicy::Ask, "write").await);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn nobody_is_asked_anew_where_scopes_stay(db: TestDb) {
        let world = World::start(&db).await;
        assert!(!asks(&world, wire::ScopeGrowthPolicy::Ask, "read").await);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn nobody_is_asked_anew_unless_the_policy_says_so(db: TestDb) {
        let world = World::start(&db).await;
        assert!(!asks(&world, wire::ScopeGrowthPolicy::MoveAlong, "write").await);
        world.finish().await;
    }
);
