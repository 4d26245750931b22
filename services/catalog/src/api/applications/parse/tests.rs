use contract::reason;
use prost_types::{Duration as WireDuration, FieldMask};

use super::*;

fn seconds(seconds: i64) -> Option<WireDuration> {
    Some(WireDuration { seconds, nanos: 0 })
}

fn application() -> wire::CreateApplicationRequest {
    wire::CreateApplicationRequest {
        application_id: "crm".to_owned(),
        application: Some(wire::Application {
            display_name: "Customers".to_owned(),
            ..wire::Application::default()
        }),
        request_id: String::new(),
    }
}

fn version() -> wire::CreateVersionRequest {
    wire::CreateVersionRequest {
        parent: "applications/crm".to_owned(),
        version_id: "2.0".to_owned(),
        version: Some(wire::Version {
            upstream: "http://10.0.0.7:9000".to_owned(),
            roles: vec![role("admin", "May do all.")],
            ..wire::Version::default()
        }),
        request_id: String::new(),
    }
}

fn role(name: &str, description: &str) -> wire::Role {
    wire::Role {
        name: name.to_owned(),
        description: description.to_owned(),
    }
}

fn fields(problem: &Problem) -> Vec<&str> {
    problem
        .fields()
        .iter()
        .map(|field| field.field.as_str())
        .collect()
}

#[test]
fn what_is_not_said_takes_the_defaults() {
    let new = new_application(application()).unwrap();
    assert_eq!(
        (new.policy, new.icon, new.request_id),
        (Policy::default(), None, None)
    );
    let new = new_version(&version()).unwrap();
    assert_eq!(new.facts.health, HealthCheck::default());
    assert_eq!(new.facts.app_credentials, AppCredentials::None);
}

#[test]
fn everything_wrong_with_an_application_is_told_at_once() {
    let change = |change: fn(&mut wire::Application)| {
        let mut request = application();
        change(request.application.as_mut().unwrap());
        request
    };
    let svg = |data: &'static [u8]| {
        Some(wire::Icon {
            media_type: "image/svg+xml".to_owned(),
            data: data.into(),
        })
    };
    let mut all = application();
    all.application_id = "C-RM".to_owned();
    all.request_id = "a b".to_owned();
    all.application = Some(wire::Application {
        display_name: "x".repeat(51),
        r#abstract: "x".repeat(501),
        icon: Some(wire::Icon {
            media_type: "image/gif".to_owned(),
            data: b"GIF89a".as_slice().into(),
        }),
        policy: Some(wire::SwitchPolicy {
            prepare_timeout: seconds(0),
            hold_timeout: seconds(31),
            drain_timeout: seconds(-1),
            tenant_failures: 9,
            ..Default::default()
        }),
        ..wire::Application::default()
    });
    let problem = new_application(all).unwrap_err();
    assert!(problem.is(&reason::INVALID_FIELDS));
    assert_eq!(
        fields(&problem),
        [
            "application_id",
            "request_id",
            "application.display_name",
            "application.abstract",
            "application.icon.media_type",
            "application.policy.prepare_timeout",
            "application.policy.hold_timeout",
            "application.policy.drain_timeout",
            "application.policy.tenant_failures",
        ]
    );
    static LARGE: [u8; Icon::BYTES_MAX + 1] = [b' '; Icon::BYTES_MAX + 1];
    for (request, field) in [
        (
            change(|a| a.display_name = String::new()),
            "application.display_name",
        ),
        (
            change(|a| a.display_name = "a\u{202e}b".to_owned()),
            "application.display_name",
        ),
        (
            change(|a| a.display_name = "a\nb".to_owned()),
            "application.display_name",
        ),
    ] {
        assert_eq!(fields(&new_application(request).unwrap_err()), [field]);
    }
    for icon in [svg(&LARGE), svg(b""), svg(b"\x89PNG\r\n\x1a\n")] {
        let mut request = application();
        request.application.as_mut().unwrap().icon = icon;
        assert_eq!(
            fields(&new_application(request).unwrap_err()),
            ["application.icon.data"]
        );
    }
    let mut without = application();
    without.application = None;
    assert_eq!(
        fields(&new_application(without).unwrap_err()),
        ["application.display_name"]
    );
}

#[test]
fn everything_wrong_with_a_version_is_told_at_once() {
    let range = |first, last| wire::StatusRange { first, last };
    let mut all = version();
    all.parent = "applications/-".to_owned();
    all.version_id = "2/0".to_owned();
    all.version = Some(wire::Version {
        upstream: "http://u:p@crm".to_owned(),
        health: Some(wire::HealthCheck {
            path: "health".to_owned(),
            expected_statuses: vec![
                range(200, 299),
                range(99, 200),
                range(300, 200),
                range(200, 600),
                range(-1, 70_000),
            ],
            timeout: seconds(31),
        }),
        roles: vec![
            role("a", "x"),
            role("a", "x"),
            role("b c", ""),
            role("d", "x"),
        ],
        app_credentials: Some(wire::AppCredentialsNeed {
            scopes: vec!["ok".to_owned(), "not ok".to_owned()],
        }),
        ..wire::Version::default()
    });
    let problem = new_version(&all).unwrap_err();
    assert!(problem.is(&reason::INVALID_FIELDS));
    assert_eq!(
        fields(&problem),
        [
            "parent",
            "version_id",
            "version.upstream",
            "version.health.path",
            "version.health.expected_statuses[1]",
            "version.health.expected_statuses[2]",
            "version.health.expected_statuses[3]",
            "version.health.expected_statuses[4]",
            "version.health.timeout",
            "version.roles[1].name",
            "version.roles[2].name",
            "version.roles[2].description",
            "version.app_credentials.scopes[1]",
        ]
    );
    for (change, field) in [
        (
            (|v| v.roles.clear()) as fn(&mut wire::Version),
            "version.roles",
        ),
        (
            |v| v.roles = vec![role("a", "x"); ROLES_MAX + 1],
            "version.roles",
        ),
        (|v| v.upstream = String::new(), "version.upstream"),
        (
            |v| {
                v.app_credentials = Some(wire::AppCredentialsNeed {
                    scopes: vec!["a".to_owned(); SCOPES_MAX + 1],
                });
            },
            "version.app_credentials.scopes",
        ),
        (
            |v| {
                v.health = Some(wire::HealthCheck {
                    expected_statuses: vec![
                        wire::StatusRange {
                            first: 200,
                            last: 200
                        };
                        STATUS_RANGES_MAX + 1
                    ],
                    ..wire::HealthCheck::default()
                });
            },
            "version.health.expected_statuses",
        ),
    ] {
        let mut request = version();
        change(request.version.as_mut().unwrap());
        let problem = new_version(&request).unwrap_err();
        assert!(problem.is(&reason::INVALID_FIELDS), "{field}: {problem:?}");
        assert_eq!(fields(&problem), [field]);
    }
}

#[test]
fn an_upstream_that_alone_is_wrong_has_a_reason_of_its_own() {
    for upstream in [
        "ftp://crm",
        "http://crm/x",
        "http://2130706433",
        "http://bücher.example",
    ] {
        let mut request = version();
        request.version.as_mut().unwrap().upstream = upstream.to_owned();
        let problem = new_version(&request).unwrap_err();
        assert!(
            problem.is(&reason::UPSTREAM_REFUSED),
            "{upstream}: {problem:?}"
        );
        assert_eq!(fields(&problem), ["version.upstream"]);
    }
}

#[test]
fn a_change_touches_what_its_mask_covers_and_nothing_else() {
    let request = |paths: &[&str]| wire::UpdateApplicationRequest {
        application: Some(wire::Application {
            name: "applications/crm".to_owned(),
            r#abstract: "New.".to_owned(),
            ..wire::Application::default()
        }),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        }),
        etag: "r3".to_owned(),
    };
    let (_, change, etag) = application_change(request(&[])).unwrap();
    assert!(change.summary.is_some() && change.display_name.is_none() && change.icon.is_none());
    assert_eq!(etag, Some("r3".parse().unwrap()));
    let (_, change, _) = application_change(request(&["icon", "policy"])).unwrap();
    assert_eq!(
        (change.icon, change.policy),
        (Some(None), Some(Policy::default()))
    );
    assert!(change.summary.is_none());

    let problem = application_change(request(&["active_version"])).unwrap_err();
    assert_eq!(fields(&problem), ["update_mask.paths"]);
    let problem = application_change(request(&["display_name"])).unwrap_err();
    assert_eq!(fields(&problem), ["application.display_name"]);
    let mut stale = request(&[]);
    stale.etag = "3".to_owned();
    assert_eq!(fields(&application_change(stale).unwrap_err()), ["etag"]);
}

#[test]
fn a_change_of_a_version_may_take_its_credentials_away() {
    let request = |paths: &[&str], upstream: &str| wire::UpdateVersionRequest {
        version: Some(wire::Version {
            name: "applications/crm/versions/2".to_owned(),
            upstream: upstream.to_owned(),
            ..wire::Version::default()
        }),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        }),
        etag: String::new(),
    };
    let (_, change, _) = version_change(&request(&["app_credentials"], "")).unwrap();
    assert_eq!(change.app_credentials, Some(AppCredentials::None));
    assert!(change.upstream.is_none() && change.roles.is_none());
    let problem = version_change(&request(&["roles"], "")).unwrap_err();
    assert_eq!(fields(&problem), ["version.roles"]);
    let problem = version_change(&request(&[], "http://crm?x")).unwrap_err();
    assert!(problem.is(&reason::UPSTREAM_REFUSED));
}
