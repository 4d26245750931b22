//! Whether users must sign in: said by operators, told to gateways.

use ::store::testing::TestDb;
use contract::{Problem, reason};
use prost_types::FieldMask;
use wire::login_rule::{Needs, Public};

use super::{Gateway, World, wire};
use crate::store::MIGRATIONS;

fn rule(prefix: &str, needs: Needs) -> wire::LoginRule {
    wire::LoginRule {
        prefix: prefix.to_owned(),
        methods: vec!["GET".to_owned(), "POST".to_owned()],
        needs: Some(needs),
    }
}

fn policy(role: &str) -> wire::LoginPolicy {
    wire::LoginPolicy {
        rules: vec![
            rule("/admin", Needs::Role(role.to_owned())),
            rule("/open", Needs::Public(Public {})),
        ],
    }
}

async fn set(
    world: &World,
    login: Option<wire::LoginPolicy>,
    etag: &str,
) -> Result<wire::Application, Problem> {
    let request = wire::UpdateApplicationRequest {
        application: Some(wire::Application {
            name: "applications/crm".to_owned(),
            login,
            ..wire::Application::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["login".to_owned()],
        }),
        etag: etag.to_owned(),
    };
    let changed = world.applications().update_application(request).await?;
    Ok(changed.into_inner().application.unwrap())
}

::store::on_both!(
    MIGRATIONS,
    async fn a_login_is_kept_told_to_gateways_as_a_new_revision_and_taken_away_again(db: TestDb) {
        let world = World::start(&db).await;
        world.crm_on_one().await;
        let mut gateway = Gateway::join(&world, "a").await;
        let before = gateway
            .until("the route", |route| route.login.is_none())
            .await;
        let seen = world.application().await;
        assert_eq!(
            seen.login, None,
            "requests are passed through unless said otherwise"
        );

        let changed = set(&world, Some(policy("admin-1")), &seen.etag)
            .await
            .unwrap();
        assert_eq!(changed.login, Some(policy("admin-1")));
        assert_eq!(world.application().await, changed);
        assert_ne!(changed.etag, seen.etag);
        let stale = set(&world, None, &seen.etag).await.unwrap_err();
        assert!(stale.is(&reason::STALE_ETAG), "{stale:?}");
        let told = gateway
            .until("the login", |route| route.login.is_some())
            .await;
        assert_eq!(told.login, Some(policy("admin-1")));
        assert!(told.revision > before.revision);

        let ended = set(&world, None, &changed.etag).await.unwrap();
        assert_eq!(ended.login, None);
        gateway
            .until("its end", |route| route.login.is_none())
            .await;
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_rule_names_a_role_that_some_version_brings_and_outlives_the_version(db: TestDb) {
        let world = World::start(&db).await;
        let new = |login| wire::CreateApplicationRequest {
            application_id: "crm".to_owned(),
            application: Some(wire::Application {
                display_name: "Customers".to_owned(),
                login,
                ..wire::Application::default()
            }),
            request_id: "c-1".to_owned(),
        };
        let mut apps = world.applications();
        let refused = apps.create_application(new(Some(policy("admin-1")))).await;
        let refused = Problem::from(refused.unwrap_err());
        assert!(refused.is(&reason::ROLE_UNKNOWN), "{refused:?}");
        let required = Some(wire::LoginPolicy::default());
        for _ in 0..2 {
            // The same request again answers with what is there.
            let created = apps
                .create_application(new(required.clone()))
                .await
                .unwrap();
            let created = created.into_inner().application.unwrap();
            assert_eq!(created.login, required);
        }
        let reused = Problem::from(apps.create_application(new(None)).await.unwrap_err());
        assert!(reused.is(&reason::REQUEST_ID_REUSED), "{reused:?}");

        let one = world.create_version("1").await;
        set(&world, Some(policy("admin-1")), "").await.unwrap();
        let unknown = set(&world, Some(policy("admin-2")), "").await.unwrap_err();
        assert!(unknown.is(&reason::ROLE_UNKNOWN), "{unknown:?}");
        assert!(unknown.message().contains("\"admin-2\""), "{unknown:?}");
        let gone = wire::DeleteVersionRequest {
            name: one,
            etag: String::new(),
        };
        apps.delete_version(gone).await.unwrap();
        assert_eq!(world.application().await.login, Some(policy("admin-1")));
        world.finish().await;
    }
);
