//! Answers of services as tests show them.

use jiff::{Timestamp, tz::TimeZone};
use proto::catalog::v1::{
    Application, GatewayAnswer, GatewayProgress, LoginPolicy, LoginRule, Switch, SwitchFailure,
    SwitchKind, SwitchPolicy, SwitchState, SwitchStep, TenantFailure, TenantProgress,
    login_rule::{Needs, Public},
};

use super::View;

/// When the samples happened, seconds since 1970: 2026-05-09 07:30:00 UTC.
const BEGIN: i64 = 1_778_311_800;

/// How tests read: in UTC, a minute after the samples began, on lines of any length.
pub(crate) fn view() -> View {
    View {
        now: Timestamp::from_second(BEGIN + 60).unwrap(),
        zone: TimeZone::UTC,
        width: None,
    }
}

/// Takes the colours out.
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// A time this many milliseconds after the samples began.
pub(crate) fn at(millis: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: BEGIN + millis.div_euclid(1000),
        nanos: i32::try_from(millis.rem_euclid(1000) * 1_000_000).unwrap(),
    })
}

pub(crate) fn span(micros: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration {
        seconds: i64::from(micros / 1_000_000),
        nanos: micros % 1_000_000 * 1000,
    })
}

pub(crate) fn application() -> Application {
    Application {
        name: "applications/shop".to_owned(),
        display_name: "Demo Shop".to_owned(),
        r#abstract: "Sells what is needed.".to_owned(),
        policy: Some(SwitchPolicy {
            prepare_timeout: Some(prost_types::Duration {
                seconds: 30,
                nanos: 0,
            }),
            hold_timeout: Some(prost_types::Duration {
                seconds: 2,
                nanos: 0,
            }),
            drain_timeout: Some(prost_types::Duration {
                seconds: 30,
                nanos: 0,
            }),
            ..SwitchPolicy::default()
        }),
        active_version: "applications/shop/versions/1.0".to_owned(),
        test_version: "applications/shop/versions/2.0".to_owned(),
        generation: 1,
        address_template: "http://{tenant}-shop-acme.localhost:8080".to_owned(),
        test_address: "http://shop-acme.test.localhost:8080".to_owned(),
        create_time: at(0),
        update_time: at(5_000),
        etag: "r7".to_owned(),
        login: Some(LoginPolicy {
            rules: vec![
                LoginRule {
                    prefix: "/admin".to_owned(),
                    methods: Vec::new(),
                    needs: Some(Needs::Role("clerk".to_owned())),
                },
                LoginRule {
                    prefix: "/prices".to_owned(),
                    methods: vec!["GET".to_owned()],
                    needs: Some(Needs::Public(Public {})),
                },
            ],
        }),
        ..Application::default()
    }
}

/// A switch with these steps, each a state and when it began, in milliseconds.
pub(crate) fn switch(steps: &[(SwitchState, i64)]) -> Switch {
    let (state, last) = *steps.last().unwrap();
    let committed = steps
        .iter()
        .find(|(state, _)| *state == SwitchState::Releasing);
    let ended = state as i32 >= SwitchState::Succeeded as i32;
    Switch {
        name: "applications/shop/switches/0199a000-0000-7000-8000-000000000001".to_owned(),
        kind: SwitchKind::Update.into(),
        source_version: "applications/shop/versions/1.0".to_owned(),
        target_version: "applications/shop/versions/2.0".to_owned(),
        state: state.into(),
        generation: committed.map_or(0, |_| 2),
        requested_by: "people/local".to_owned(),
        create_time: at(0),
        commit_time: committed.and_then(|(_, start)| at(*start)),
        end_time: if ended { at(last) } else { None },
        steps: steps
            .iter()
            .map(|(state, start)| SwitchStep {
                state: (*state).into(),
                start_time: at(*start),
            })
            .collect(),
        ..Switch::default()
    }
}

pub(crate) fn tenants(moved: i64) -> Option<TenantProgress> {
    Some(TenantProgress {
        total: 3,
        moved,
        mailed: moved,
        ..TenantProgress::default()
    })
}

pub(crate) fn gateway(name: &str, answer: GatewayAnswer) -> GatewayProgress {
    GatewayProgress {
        gateway: format!("gateways/{name}"),
        answer: answer.into(),
        ..GatewayProgress::default()
    }
}

pub(crate) fn succeeded() -> Switch {
    use SwitchState::{
        ClosingConsent, Draining, Holding, Preparing, Provisioning, Releasing, Settling, Succeeded,
    };
    let steps = [
        (Provisioning, 0),
        (Preparing, 120),
        (ClosingConsent, 170),
        (Holding, 176),
        (Releasing, 178),
        (Draining, 181),
        (Settling, 840),
        (Succeeded, 846),
    ];
    let done = |name: &str, held: i64, longest| GatewayProgress {
        held_requests: held,
        longest_hold: span(longest),
        drained_requests: 4,
        ..gateway(name, GatewayAnswer::Drained)
    };
    Switch {
        tenants: Some(TenantProgress {
            denied: 1,
            ..tenants(3).unwrap()
        }),
        gateways: vec![done("gateway-1", 12, 1_400), done("gateway-2", 0, 0)],
        ..switch(&steps)
    }
}

pub(crate) fn failed() -> Switch {
    let steps = [
        (SwitchState::Provisioning, 0),
        (SwitchState::Preparing, 120),
        (SwitchState::Settling, 30_120),
        (SwitchState::Failed, 30_130),
    ];
    let refused = GatewayProgress {
        message: "The health check answered 503.".to_owned(),
        ..gateway("gateway-2", GatewayAnswer::NotReady)
    };
    Switch {
        failure: Some(SwitchFailure {
            reason: "GATEWAY_NOT_READY".to_owned(),
            message: "gateway-2 is not ready: the health check answered 503.".to_owned(),
        }),
        tenants: Some(TenantProgress {
            failed: 1,
            failures: vec![TenantFailure {
                tenant: "tenants/cleo".to_owned(),
                message: "It has no contact.".to_owned(),
            }],
            ..tenants(3).unwrap()
        }),
        gateways: vec![gateway("gateway-1", GatewayAnswer::Ready), refused],
        ..switch(&steps)
    }
}
