//! Applications and versions as operators keep them.

use ::store::testing::TestDb;
use contract::{Problem, reason};
use prost_types::FieldMask;
use wire::{HistoryAction, VersionState};

use super::{World, wire};
use crate::store::MIGRATIONS;

fn application(id: &str, display_name: &str, request_id: &str) -> wire::CreateApplicationRequest {
    wire::CreateApplicationRequest {
        application_id: id.to_owned(),
        application: Some(wire::Application {
            display_name: display_name.to_owned(),
            icon: Some(wire::Icon {
                media_type: "image/png".to_owned(),
                data: b"\x89PNG\r\n\x1a\n".as_slice().into(),
            }),
            ..wire::Application::default()
        }),
        request_id: request_id.to_owned(),
    }
}

::store::on_both!(
    MIGRATIONS,
    async fn an_application_shows_what_was_said_of_it_and_where_it_is(db: TestDb) {
        let world = World::start(&db).await;
        let mut apps = world.applications();
        let created = apps
            .create_application(application("crm", "Customers", "c-1"))
            .await
            .unwrap();
        let created = created.into_inner().application.unwrap();
        assert_eq!(created.name, "applications/crm");
        assert_eq!(
            created.address_template,
            "http://{tenant}-crm-op.example.com:8080"
        );
        assert_eq!(created.test_address, "http://crm-op.test.example.com:8080");
        assert_eq!(
            (
                created.generation,
                created.active_version.as_str(),
                created.etag.as_str()
            ),
            (0, "", "r1")
        );
        let policy = created.policy.clone().unwrap();
        assert_eq!(
            (
                policy.prepare_timeout.unwrap().seconds,
                policy.hold_timeout.unwrap().seconds
            ),
            (30, 2)
        );
        assert_eq!(world.application().await, created);
        let listed = apps
            .list_applications(wire::ListApplicationsRequest::default())
            .await
            .unwrap()
            .into_inner();
        assert!(listed.applications[0].icon.is_none() && created.icon.is_some());

        let repeated = apps
            .create_application(application("crm", "Customers", "c-1"))
            .await
            .unwrap();
        assert_eq!(repeated.into_inner().application.unwrap(), created);
        for (request, expected) in [
            (
                application("crm", "Clients", "c-1"),
                reason::REQUEST_ID_REUSED,
            ),
            (
                application("crm", "Customers", "c-2"),
                reason::ALREADY_EXISTS,
            ),
            (application("crm", "Customers", ""), reason::ALREADY_EXISTS),
        ] {
            let refused = Problem::from(apps.create_application(request).await.unwrap_err());
            assert!(refused.is(&expected), "{refused:?}");
        }
        let settings = wire::GetSettingsRequest {
            application: created.name,
        };
        let refused = Problem::from(apps.get_settings(settings).await.unwrap_err());
        assert!(refused.is(&reason::VERSION_NEVER_ACTIVE), "{refused:?}");
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn an_application_changes_only_as_it_was_seen(db: TestDb) {
        let world = World::start(&db).await;
        let mut apps = world.applications();
        apps.create_application(application("crm", "Customers", ""))
            .await
            .unwrap();
        let change = |paths: &[&str], etag: &str| wire::UpdateApplicationRequest {
            application: Some(wire::Application {
                name: "applications/crm".to_owned(),
                r#abstract: "Keeps them.".to_owned(),
                ..wire::Application::default()
            }),
            update_mask: Some(FieldMask {
                paths: paths.iter().map(|&path| path.to_owned()).collect(),
            }),
            etag: etag.to_owned(),
        };
        let changed = apps
            .update_application(change(&["abstract", "icon"], "r1"))
            .await
            .unwrap();
        let changed = changed.into_inner().application.unwrap();
        assert_eq!(
            (changed.r#abstract.as_str(), changed.display_name.as_str()),
            ("Keeps them.", "Customers")
        );
        assert!(changed.icon.is_none());
        assert_eq!(changed.etag, "r2");
        let stale = Problem::from(
            apps.update_application(change(&[], "r1"))
                .await
                .unwrap_err(),
        );
        assert!(stale.is(&reason::STALE_ETAG));
        let delete = |etag: &str| wire::DeleteApplicationRequest {
            name: changed.name.clone(),
            etag: etag.to_owned(),
        };
        let stale = Problem::from(apps.delete_application(delete("r1")).await.unwrap_err());
        assert!(stale.is(&reason::STALE_ETAG));
        apps.delete_application(delete("r2")).await.unwrap();
        let gone = Problem::from(apps.delete_application(delete("")).await.unwrap_err());
        assert!(gone.is(&reason::NOT_FOUND));
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn what_users_or_testers_have_reached_under_a_name_stays_under_it(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let three = world.create_version("3").await;
        let mut apps = world.applications();
        let change = |name: &str, etag: &str| wire::UpdateVersionRequest {
            version: Some(wire::Version {
                name: name.to_owned(),
                roles: vec![wire::Role {
                    name: "clerk".to_owned(),
                    description: "May read.".to_owned(),
                }],
                ..wire::Version::default()
            }),
            etag: etag.to_owned(),
            ..wire::UpdateVersionRequest::default()
        };
        let delete = |name: &str, etag: &str| wire::DeleteVersionRequest {
            name: name.to_owned(),
            etag: etag.to_owned(),
        };
        for (name, expected) in [
            (&one, reason::VERSION_ACTIVE),
            (&two, reason::VERSION_IN_TEST),
        ] {
            let refused = Problem::from(apps.update_version(change(name, "")).await.unwrap_err());
            assert!(refused.is(&expected), "{refused:?}");
            let refused = Problem::from(apps.delete_version(delete(name, "")).await.unwrap_err());
            assert!(refused.is(&expected), "{refused:?}");
        }
        let changed = apps
            .update_version(change(&three, "r1"))
            .await
            .unwrap()
            .into_inner()
            .version
            .unwrap();
        assert_eq!(
            (changed.roles[0].name.as_str(), changed.etag.as_str()),
            ("clerk", "r2")
        );
        assert_eq!(world.history().await[0].action(), HistoryAction::Changed);
        for refused in [
            apps.update_version(change(&three, "r1"))
                .await
                .map(drop)
                .unwrap_err(),
            apps.delete_version(delete(&three, "r1"))
                .await
                .map(drop)
                .unwrap_err(),
        ] {
            assert!(Problem::from(refused).is(&reason::STALE_ETAG));
        }
        apps.delete_version(delete(&three, "r2")).await.unwrap();
        let delete = wire::DeleteApplicationRequest {
            name: "applications/crm".to_owned(),
            etag: String::new(),
        };
        let refused = Problem::from(apps.delete_application(delete).await.unwrap_err());
        assert!(refused.is(&reason::VERSION_ACTIVE), "{refused:?}");
        assert_eq!(world.version(&one).await.state(), VersionState::Active);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_version_is_registered_once_however_often_it_is_asked_for(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let mut apps = world.applications();
        let request = wire::CreateVersionRequest {
            request_id: "v-1".to_owned(),
            ..world.version_request("1")
        };
        let first = apps
            .create_version(request.clone())
            .await
            .unwrap()
            .into_inner()
            .version
            .unwrap();
        let again = apps
            .create_version(request.clone())
            .await
            .unwrap()
            .into_inner()
            .version
            .unwrap();
        assert_eq!(first, again);
        let mut other = request.clone();
        other.version.as_mut().unwrap().roles[0].name = "clerk".to_owned();
        let refused = Problem::from(apps.create_version(other).await.unwrap_err());
        assert!(refused.is(&reason::REQUEST_ID_REUSED));
        let refused = Problem::from(
            apps.create_version(world.version_request("1"))
                .await
                .unwrap_err(),
        );
        assert!(refused.is(&reason::ALREADY_EXISTS));
        assert_eq!(world.history().await.len(), 1);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn lists_come_in_pages_and_a_token_fits_its_own_list_alone(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        for id in ["1", "2", "3"] {
            world.create_version(id).await;
        }
        let mut apps = world.applications();
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let request = wire::ListVersionsRequest {
                parent: "applications/crm".to_owned(),
                page_size: 2,
                page_token: token,
            };
            let page = apps.list_versions(request).await.unwrap().into_inner();
            assert!(page.versions.len() <= 2);
            seen.extend(page.versions.into_iter().map(|version| version.name));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(
            seen,
            ["3", "2", "1"].map(|id| format!("applications/crm/versions/{id}"))
        );

        let first = wire::ListVersionsRequest {
            parent: "applications/crm".to_owned(),
            page_size: 1,
            ..wire::ListVersionsRequest::default()
        };
        let token = apps
            .list_versions(first)
            .await
            .unwrap()
            .into_inner()
            .next_page_token;
        let other = wire::ListVersionsRequest {
            parent: "applications/-".to_owned(),
            page_token: token.clone(),
            ..wire::ListVersionsRequest::default()
        };
        let refused = Problem::from(apps.list_versions(other).await.unwrap_err());
        assert_eq!(refused.fields()[0].field, "page_token");
        let other = wire::ListSwitchesRequest {
            parent: "applications/crm".to_owned(),
            page_token: token,
            ..wire::ListSwitchesRequest::default()
        };
        let refused = Problem::from(world.switches().list_switches(other).await.unwrap_err());
        assert_eq!(refused.fields()[0].field, "page_token");
        let history = wire::ListHistoryRequest {
            parent: "applications/crm".to_owned(),
            page_size: 2,
            ..wire::ListHistoryRequest::default()
        };
        let page = world
            .switches()
            .list_history(history.clone())
            .await
            .unwrap()
            .into_inner();
        let next = wire::ListHistoryRequest {
            page_token: page.next_page_token,
            ..history
        };
        let rest = world
            .switches()
            .list_history(next)
            .await
            .unwrap()
            .into_inner();
        let versions: Vec<_> = page
            .entries
            .iter()
            .chain(&rest.entries)
            .map(|entry| entry.version.as_str())
            .collect();
        assert_eq!(
            versions,
            ["3", "2", "1"].map(|id| format!("applications/crm/versions/{id}"))
        );
        world.finish().await;
    }
);
