//! What is refused, and in which words.

use ::store::testing::TestDb;
use contract::{Code, Problem, reason};

use super::{Gateway, World, gateway::hello, wire};
use crate::store::MIGRATIONS;

const LONG: usize = 501;

fn fields(problem: &Problem) -> Vec<&str> {
    problem
        .fields()
        .iter()
        .map(|field| field.field.as_str())
        .collect()
}

/// Calls one RPC with a request that is wrong, and returns the problem.
macro_rules! refused {
    ($client:expr, $method:ident, $request:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        let fill = |request: &mut wire::$request| {
            let _ = &request;
            $(request.$field = $value;)*
        };
        let mut request = wire::$request::default();
        fill(&mut request);
        Problem::from($client.$method(request).await.map(drop).unwrap_err())
    }};
}

::store::on_both!(
    MIGRATIONS,
    async fn every_wrong_field_of_every_request_is_named(db: TestDb) {
        let world = World::start(&db).await;
        let (mut apps, mut switches, mut fleet) =
            (world.applications(), world.switches(), world.fleet());
        let bad = || "applications/CRM/versions/".to_owned();
        let long = || "x".repeat(LONG);
        let forever = || {
            Some(prost_types::Duration {
                seconds: 301,
                nanos: 0,
            })
        };
        let least = || {
            Some(prost_types::Duration {
                seconds: i64::MIN,
                nanos: i32::MIN,
            })
        };
        let table: Vec<(Problem, &[&str])> = vec![
            (
                refused!(apps, create_application, CreateApplicationRequest {}),
                &["application_id", "application.display_name"],
            ),
            (
                refused!(apps, get_application, GetApplicationRequest { name: bad() }),
                &["name"],
            ),
            (
                refused!(
                    apps,
                    get_application,
                    GetApplicationRequest {
                        name: "applications/-".to_owned()
                    }
                ),
                &["name"],
            ),
            (
                refused!(
                    apps,
                    list_applications,
                    ListApplicationsRequest {
                        page_size: -1,
                        page_token: "x".to_owned()
                    }
                ),
                &["page_size", "page_token"],
            ),
            (
                refused!(
                    apps,
                    update_application,
                    UpdateApplicationRequest {
                        etag: "x".to_owned()
                    }
                ),
                &["etag", "application.name"],
            ),
            (
                refused!(
                    apps,
                    delete_application,
                    DeleteApplicationRequest {
                        name: bad(),
                        etag: "x".to_owned()
                    }
                ),
                &["name", "etag"],
            ),
            (
                refused!(apps, create_version, CreateVersionRequest {}),
                &["parent", "version_id", "version.upstream", "version.roles"],
            ),
            (
                refused!(apps, get_version, GetVersionRequest { name: bad() }),
                &["name"],
            ),
            (
                refused!(
                    apps,
                    list_versions,
                    ListVersionsRequest {
                        parent: bad(),
                        page_size: i32::MIN
                    }
                ),
                &["parent", "page_size"],
            ),
            (
                refused!(
                    apps,
                    update_version,
                    UpdateVersionRequest {
                        etag: "r01".to_owned()
                    }
                ),
                &["etag", "version.name"],
            ),
            (
                refused!(
                    apps,
                    delete_version,
                    DeleteVersionRequest {
                        name: bad(),
                        etag: "x".to_owned()
                    }
                ),
                &["name", "etag"],
            ),
            (
                refused!(
                    apps,
                    get_settings,
                    GetSettingsRequest { application: bad() }
                ),
                &["application"],
            ),
            (
                refused!(
                    switches,
                    register_to_test,
                    RegisterToTestRequest {
                        version: bad(),
                        reason: long()
                    }
                ),
                &["version", "reason"],
            ),
            (
                refused!(
                    switches,
                    cancel_test,
                    CancelTestRequest {
                        version: bad(),
                        reason: long()
                    }
                ),
                &["version", "reason"],
            ),
            (
                refused!(
                    switches,
                    rotate_tester_token,
                    RotateTesterTokenRequest { version: bad() }
                ),
                &["version"],
            ),
            (
                refused!(
                    switches,
                    confirm_update,
                    ConfirmUpdateRequest {
                        version: bad(),
                        request_id: "a b".to_owned(),
                        reason: long(),
                        etag: "1".to_owned(),
                    }
                ),
                &["version", "request_id", "reason", "etag"],
            ),
            (
                refused!(
                    switches,
                    confirm_reactivate,
                    ConfirmReactivateRequest {
                        version: bad(),
                        request_id: "x".repeat(65),
                        reason: "a\u{0}b".to_owned(),
                        etag: "1".to_owned(),
                    }
                ),
                &["version", "request_id", "reason", "etag"],
            ),
            (
                refused!(
                    switches,
                    cancel_switch,
                    CancelSwitchRequest {
                        name: bad(),
                        reason: long()
                    }
                ),
                &["name", "reason"],
            ),
            (
                refused!(
                    switches,
                    get_switch,
                    GetSwitchRequest {
                        name: "applications/crm/switches/1".to_owned()
                    }
                ),
                &["name"],
            ),
            (
                refused!(
                    switches,
                    list_switches,
                    ListSwitchesRequest {
                        parent: bad(),
                        page_token: "x".repeat(9999)
                    }
                ),
                &["parent", "page_token"],
            ),
            (
                refused!(switches, watch_switch, WatchSwitchRequest { name: bad() }),
                &["name"],
            ),
            (
                refused!(
                    switches,
                    wait_switch,
                    WaitSwitchRequest {
                        name: bad(),
                        timeout: forever()
                    }
                ),
                &["name", "timeout"],
            ),
            (
                refused!(
                    switches,
                    wait_switch,
                    WaitSwitchRequest {
                        name: bad(),
                        timeout: least()
                    }
                ),
                &["name", "timeout"],
            ),
            (
                refused!(
                    switches,
                    list_history,
                    ListHistoryRequest {
                        parent: "applications/-".to_owned()
                    }
                ),
                &["parent"],
            ),
            (
                refused!(fleet, list_gateways, ListGatewaysRequest { page_size: -1 }),
                &["page_size"],
            ),
            (
                refused!(
                    fleet,
                    evict_gateway,
                    EvictGatewayRequest {
                        name: "gateways/A".to_owned(),
                        reason: long()
                    }
                ),
                &["name", "reason"],
            ),
        ];
        for (number, (problem, expected)) in table.iter().enumerate() {
            assert!(problem.is(&reason::INVALID_FIELDS), "{number}: {problem:?}");
            assert_eq!(fields(problem), *expected, "{number}");
        }
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn what_does_not_exist_is_not_found_by_its_name(db: TestDb) {
        let world = World::start(&db).await;
        let (mut apps, mut switches) = (world.applications(), world.switches());
        let app = || "applications/none".to_owned();
        let version = || "applications/none/versions/1".to_owned();
        let switch =
            || "applications/none/switches/01999999-0000-7000-8000-000000000000".to_owned();
        for (problem, about) in [
            (
                refused!(apps, get_application, GetApplicationRequest { name: app() }),
                app(),
            ),
            (
                refused!(
                    apps,
                    delete_application,
                    DeleteApplicationRequest { name: app() }
                ),
                app(),
            ),
            (
                refused!(apps, list_versions, ListVersionsRequest { parent: app() }),
                app(),
            ),
            (
                refused!(
                    apps,
                    get_settings,
                    GetSettingsRequest { application: app() }
                ),
                app(),
            ),
            (
                refused!(apps, get_version, GetVersionRequest { name: version() }),
                version(),
            ),
            (
                refused!(
                    apps,
                    delete_version,
                    DeleteVersionRequest { name: version() }
                ),
                version(),
            ),
            (
                refused!(
                    switches,
                    register_to_test,
                    RegisterToTestRequest { version: version() }
                ),
                version(),
            ),
            (
                refused!(
                    switches,
                    confirm_update,
                    ConfirmUpdateRequest { version: version() }
                ),
                version(),
            ),
            (
                refused!(
                    switches,
                    list_switches,
                    ListSwitchesRequest { parent: app() }
                ),
                app(),
            ),
            (
                refused!(switches, list_history, ListHistoryRequest { parent: app() }),
                app(),
            ),
            (
                refused!(switches, get_switch, GetSwitchRequest { name: switch() }),
                switch(),
            ),
            (
                refused!(
                    switches,
                    cancel_switch,
                    CancelSwitchRequest { name: switch() }
                ),
                switch(),
            ),
            (
                refused!(
                    switches,
                    watch_switch,
                    WatchSwitchRequest { name: switch() }
                ),
                switch(),
            ),
            (
                refused!(switches, wait_switch, WaitSwitchRequest { name: switch() }),
                switch(),
            ),
        ] {
            assert_eq!(
                (problem.code(), problem.about()),
                (Code::NotFound, Some(about.as_str())),
                "{problem:?}"
            );
        }
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn nobody_confirms_what_is_not_to_be_confirmed(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let three = world.create_version("3").await;
        let mut switches = world.switches();
        let before = world.application().await;
        assert!(
            world
                .confirm(&one)
                .await
                .unwrap_err()
                .is(&reason::VERSION_ACTIVE)
        );
        assert!(
            world
                .confirm(&three)
                .await
                .unwrap_err()
                .is(&reason::VERSION_NOT_IN_TEST)
        );
        let never = refused!(
            switches,
            confirm_reactivate,
            ConfirmReactivateRequest { version: three }
        );
        assert!(never.is(&reason::VERSION_NEVER_ACTIVE), "{never:?}");
        let stale = refused!(
            switches,
            confirm_update,
            ConfirmUpdateRequest {
                version: two.clone(),
                etag: "r1".to_owned()
            }
        );
        assert!(stale.is(&reason::STALE_ETAG), "{stale:?}");
        assert_eq!(stale.metadata()["etag"], before.etag);
        assert_eq!(world.application().await, before, "nothing has changed");
        let fresh = wire::ConfirmUpdateRequest {
            version: two,
            etag: before.etag.clone(),
            ..wire::ConfirmUpdateRequest::default()
        };
        let switch = switches
            .confirm_update(fresh)
            .await
            .unwrap()
            .into_inner()
            .switch
            .unwrap();
        assert_ne!(
            world.application().await.etag,
            before.etag,
            "the switch shows in the etag"
        );
        world.ended(&switch.name).await;
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn no_version_leads_to_where_switchover_listens(db: TestDb) {
        let world = World::start(&db).await;
        world.create_crm().await;
        let port = world.upstream.url().rsplit(':').next().unwrap().to_owned();
        let one = world.create_version("1").await;
        let listens = wire::Hello {
            listeners: vec![format!("0.0.0.0:{port}")],
            ..hello("a")
        };
        let _gateway = Gateway::hello(world.address, listens).await.unwrap();
        let mut apps = world.applications();
        for upstream in [
            world.upstream.url(),
            format!("http://localhost:{port}"),
            format!("http://[::1]:{port}"),
            "http://169.254.169.254".to_owned(),
            "http://0x7f.1:80".to_owned(),
            "http://acme-crm-op.example.com:8080".to_owned(),
            "http://localhost:8081".to_owned(),
            "http://crm/path".to_owned(),
        ] {
            let mut request = world.version_request("2");
            request.version.as_mut().unwrap().upstream = upstream.clone();
            let refused = Problem::from(apps.create_version(request).await.unwrap_err());
            assert!(
                refused.is(&reason::UPSTREAM_REFUSED),
                "{upstream}: {refused:?}"
            );
            assert_eq!(fields(&refused), ["version.upstream"]);
            let change = refused!(
                apps,
                update_version,
                UpdateVersionRequest {
                    version: Some(wire::Version {
                        name: one.clone(),
                        upstream,
                        ..wire::Version::default()
                    }),
                }
            );
            assert!(change.is(&reason::UPSTREAM_REFUSED), "{change:?}");
        }
        // One that was registered before the gateway came is not even asked for its health.
        let register = refused!(
            world.switches(),
            register_to_test,
            RegisterToTestRequest { version: one }
        );
        assert!(register.is(&reason::UPSTREAM_REFUSED), "{register:?}");
        world.finish().await;
    }
);
