use contract::{Fault, FieldViolation, Problem, reason};
use proto::{
    catalog::v1::{
        AppCredentialsNeed, Gateway, GatewayStanding, GetRecoveryResponse, HealthCheck,
        HistoryAction, HistoryEntry, IssuedCredential, LongLivedConnections, PreviewSwitchResponse,
        RecoveringApplication, Refused, RegisterToTestResponse, Role, RoleChange, RoutePosition,
        StatusRange, SwitchKind, TenantConnections, TenantImpact, Version, VersionState,
    },
    gateway::v1::{
        ApplicationStatus, Gate, GetStatusResponse, GrantsStatus, Membership, TenantTraffic,
        VersionTraffic,
    },
    notification::v1::{Delivery, DeliveryState, DeliveryTry, Event, Inbox, Tab, TabCount},
    provisioning::v1::{
        AccessToken, AppCredential, ConsentBasis, Contact, DecideProvisioningResponse,
        IssueTokenResponse, OfferStatus, Provisioning, ProvisioningChange, ProvisioningEvent,
        ProvisioningState, Tenant, TokenAnswer, TokenRefusal, token_answer,
    },
};

use super::{
    samples::{application, at, failed, plain, span, succeeded, view},
    *,
};

fn version(id: &str, state: VersionState) -> Version {
    let role = |name: &str, description: &str| Role {
        name: name.to_owned(),
        description: description.to_owned(),
    };
    Version {
        name: format!("applications/shop/versions/{id}"),
        upstream: "http://127.0.0.1:7112".to_owned(),
        health: Some(HealthCheck {
            path: "/health".to_owned(),
            expected_statuses: vec![
                StatusRange {
                    first: 200,
                    last: 299,
                },
                StatusRange {
                    first: 304,
                    last: 304,
                },
            ],
            timeout: Some(prost_types::Duration {
                seconds: 2,
                nanos: 0,
            }),
        }),
        roles: vec![
            role("buyer", "May order and pay"),
            role("clerk", "May see orders"),
        ],
        app_credentials: (id == "2.0").then(|| AppCredentialsNeed {
            scopes: vec!["orders.read".to_owned(), "orders.write".to_owned()],
        }),
        state: state.into(),
        create_time: at(0),
        test_time: at(1_000),
        first_active_time: at(2_000),
        last_active_time: at(3_000),
        etag: "r3".to_owned(),
    }
}

fn event(read: bool, title: &str, text: &str) -> Event {
    Event {
        name: "operator/inbox/events/0199a000-0000-7000-8000-000000000009".to_owned(),
        tab: Tab::Events.into(),
        kind: "version_denied".to_owned(),
        title: title.to_owned(),
        text: text.to_owned(),
        time: at(4_000),
        read,
        ..Event::default()
    }
}

fn provisioning(tenant: &str, state: ProvisioningState) -> Provisioning {
    Provisioning {
        name: format!("tenants/{tenant}/applications/shop/provisionings/2.0"),
        state: state.into(),
        state_time: at(2_000),
        state_actor: "link of bert@example.org".to_owned(),
        consent_basis: match state {
            ProvisioningState::Provisioned => ConsentBasis::MovedWithNotice,
            ProvisioningState::Unspecified
            | ProvisioningState::PendingAcceptance
            | ProvisioningState::Denied
            | ProvisioningState::Failed
            | ProvisioningState::Requested
            | ProvisioningState::Provisioning
            | ProvisioningState::Deprovisioning
            | ProvisioningState::Removed => ConsentBasis::Unspecified,
        }
        .into(),
        offer_expire_time: at(86_400_000),
        create_time: at(0),
        etag: "r2".to_owned(),
        ..Provisioning::default()
    }
}

#[test]
fn applications_and_versions_read_well() {
    let view = view();
    let versions = [
        version("2.0", VersionState::InTest),
        version("1.0", VersionState::Active),
    ];
    insta::assert_snapshot!(
        "application",
        plain(&catalog::application(&application(), &view))
    );
    insta::assert_snapshot!(
        "applications",
        plain(&catalog::applications(&[application()], &view))
    );
    insta::assert_snapshot!("version", plain(&catalog::version(&versions[0], &view)));
    insta::assert_snapshot!("versions", plain(&catalog::versions(&versions, &view)));
    let registered = RegisterToTestResponse {
        version: Some(versions[0].clone()),
        test_address: "http://shop-acme.test.localhost:8080".to_owned(),
        tester_token: "c2VjcmV0".to_owned(),
        app_credential: None,
    };
    insta::assert_snapshot!(
        "registered",
        plain(&catalog::registered(&registered, &view))
    );
    assert_eq!(catalog::pair_not_shown(&registered, &view), None);
    let with_pair = RegisterToTestResponse {
        app_credential: Some(IssuedCredential {
            name: CREDENTIAL.to_owned(),
            client_id: "b3VyIGNsaWVudA".to_owned(),
            client_secret: "aGFyZCB0byBndWVzcw".to_owned(),
        }),
        ..registered
    };
    insta::assert_snapshot!(
        "registered_with_pair",
        plain(&catalog::registered(&with_pair, &view))
    );
    let said = plain(&catalog::pair_not_shown(&with_pair, &view).unwrap());
    assert!(
        said.contains("credentials rotate") && !said.contains("aGFyZ"),
        "{said}"
    );
}

const CREDENTIAL: &str =
    "applications/shop/versions/2.0/credentials/01999999-0000-7000-8000-000000000001";

#[test]
fn app_credentials_and_tokens_read_well() {
    let view = view();
    let valid = AppCredential {
        name: CREDENTIAL.to_owned(),
        client_id: "b3VyIGNsaWVudA".to_owned(),
        create_time: at(-3_600_000),
        last_used_time: at(-60_000),
        ..AppCredential::default()
    };
    let expired = AppCredential {
        expire_time: at(-10_000),
        last_used_time: None,
        ..valid.clone()
    };
    let revoked = AppCredential {
        revoke_time: at(-5_000),
        ..expired.clone()
    };
    let all = [valid.clone(), expired, revoked];
    insta::assert_snapshot!(
        "credentials",
        plain(&provisioning::credentials(&all, &view))
    );
    let shown = provisioning::secret(&valid, "aGFyZCB0byBndWVzcw", &view);
    insta::assert_snapshot!("secret", plain(&shown));
    let again = provisioning::secret(&valid, "", &view);
    insta::assert_snapshot!("secret_again", plain(&again));

    let answer = |tenant: &str, result| TokenAnswer {
        tenant: format!("tenants/{tenant}"),
        result: Some(result),
    };
    let token = AccessToken {
        access_token: "eyJ.eyJ.sig".to_owned(),
        lifetime: span(1_800_000_000),
        scopes: vec!["orders.read".to_owned()],
    };
    let refusal = TokenRefusal {
        reason: "TENANT_DENIED".to_owned(),
        message: "the tenant has denied this version".to_owned(),
    };
    let issued = IssueTokenResponse {
        answers: vec![
            answer("anna", token_answer::Result::Token(token)),
            answer("bert", token_answer::Result::Refusal(refusal)),
        ],
    };
    insta::assert_snapshot!("tokens", plain(&tokens::issued(&issued, &view)));
    assert_eq!(tokens::only(&issued), None);
    let request = "r-1".parse().unwrap();
    let error = tokens::all_issued(&issued, &request).unwrap_err();
    assert_eq!(error.exit(), crate::error::Exit::Refused);
    let alone = |index: usize| IssueTokenResponse {
        answers: vec![issued.answers[index].clone()],
    };
    assert_eq!(tokens::only(&alone(0)), Some("eyJ.eyJ.sig"));
    assert!(tokens::all_issued(&alone(0), &request).is_ok());
    let error = tokens::all_issued(&alone(1), &request).unwrap_err();
    insta::assert_snapshot!("token_refused", plain(&problem::people(&error)));
}

#[test]
fn switches_and_history_read_well() {
    let view = view();
    let switches = [succeeded(), failed()];
    insta::assert_snapshot!("switches", plain(&catalog::switches(&switches, &view)));
    let history = [HistoryEntry {
        time: at(0),
        actor: "people/local".to_owned(),
        action: HistoryAction::Activated.into(),
        version: "applications/shop/versions/2.0".to_owned(),
        reason: "the new checkout".to_owned(),
        request_id: "req-1".to_owned(),
        ..HistoryEntry::default()
    }];
    insta::assert_snapshot!("history", plain(&catalog::history(&history, &view)));
}

#[test]
fn a_preview_says_what_becomes_of_tenants_roles_scopes_and_connections() {
    let role = |name: &str, before: Option<&str>, after: Option<&str>| RoleChange {
        name: name.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    };
    let full = PreviewSwitchResponse {
        kind: SwitchKind::Update.into(),
        source_version: "applications/shop/versions/1.0".to_owned(),
        target_version: "applications/shop/versions/2.0".to_owned(),
        tenants: Some(TenantImpact {
            total: 6,
            admitted: 3,
            asked: 1,
            denied: 1,
            failing: 1,
            mailed: 4,
        }),
        roles: vec![
            role("auditor", None, Some("Reads.")),
            role("buyer", Some("Buys."), None),
            role("clerk", Some("Files."), Some("Files and reads.")),
        ],
        scopes_added: vec!["orders.write".to_owned()],
        unhealthy: "The health check of 2.0 answered 503.".to_owned(),
        long_lived: Some(LongLivedConnections {
            application: "applications/shop".to_owned(),
            connections: 13,
            tenants: vec![
                TenantConnections {
                    tenant: "tenants/acme".to_owned(),
                    connections: 12,
                },
                TenantConnections {
                    tenant: "tenants/globex".to_owned(),
                    connections: 1,
                },
            ],
        }),
        notice: Some(prost_types::Duration {
            seconds: 86_400,
            nanos: 0,
        }),
        told: true,
        refused: "Another switch is open.".to_owned(),
        refused_reason: "SWITCH_OPEN".to_owned(),
        ..PreviewSwitchResponse::default()
    };
    insta::assert_snapshot!("preview", plain(&preview::people(&full, &view())));
    let first = PreviewSwitchResponse {
        kind: SwitchKind::Update.into(),
        target_version: "applications/shop/versions/1.0".to_owned(),
        roles: vec![role("buyer", None, Some("Buys."))],
        ..PreviewSwitchResponse::default()
    };
    insta::assert_snapshot!("preview_first", plain(&preview::people(&first, &view())));
}

#[test]
fn tenants_and_provisionings_read_well() {
    let view = view();
    let contact = |email: &str| Contact {
        email: email.to_owned(),
        display_name: "Anna".to_owned(),
    };
    let tenants = [
        Tenant {
            name: "tenants/anna".to_owned(),
            display_name: "Anna's Garden".to_owned(),
            contacts: vec![contact("anna@example.org"), contact("office@example.org")],
            create_time: at(0),
            ..Tenant::default()
        },
        Tenant {
            name: "tenants/bert".to_owned(),
            ..Tenant::default()
        },
    ];
    insta::assert_snapshot!("tenant", plain(&provisioning::tenant(&tenants[0], &view)));
    insta::assert_snapshot!("tenants", plain(&provisioning::tenants(&tenants, &view)));
    let provisionings = [
        provisioning("anna", ProvisioningState::Provisioned),
        provisioning("bert", ProvisioningState::Denied),
        provisioning("cleo", ProvisioningState::PendingAcceptance),
    ];
    insta::assert_snapshot!(
        "provisioning",
        plain(&provisioning::provisioning(&provisionings[1], &view))
    );
    insta::assert_snapshot!(
        "provisionings",
        plain(&provisioning::provisionings(&provisionings, &view))
    );
    let decided = DecideProvisioningResponse {
        provisioning: Some(provisionings[1].clone()),
        status: OfferStatus::DeniedTakingEffect.into(),
        outstanding_gateways: vec!["gateways/gateway-2".to_owned()],
    };
    let name = &provisionings[1].name;
    let changes = [
        ProvisioningChange {
            provisioning: name.clone(),
            time: at(4_000),
            event: ProvisioningEvent::Denied.into(),
            actor: "consent link, from 192.0.2.7".to_owned(),
            previous_state: ProvisioningState::Provisioned.into(),
            state: ProvisioningState::Denied.into(),
            switch: "applications/shop/switches/0199a000-0000-7000-8000-000000000001".to_owned(),
            ..ProvisioningChange::default()
        },
        ProvisioningChange {
            provisioning: name.clone(),
            time: at(3_000),
            event: ProvisioningEvent::OnRecord.into(),
            actor: "people/anna".to_owned(),
            reason: "contract 7".to_owned(),
            state: ProvisioningState::Provisioned.into(),
            apply_time: at(3_001),
            ..ProvisioningChange::default()
        },
    ];
    insta::assert_snapshot!(
        "provisioning_history",
        plain(&provisioning::history(&changes, &view))
    );
    let lines: String = changes
        .iter()
        .map(|change| provisioning::change_line(change, &view))
        .collect();
    insta::assert_snapshot!("provisioning_changes", plain(&lines));
    insta::assert_snapshot!("decided", plain(&provisioning::decided(&decided, &view)));
}

#[test]
fn inboxes_and_mails_read_well() {
    let view = view();
    let inbox = Inbox {
        name: "operator/inbox".to_owned(),
        unread: vec![TabCount {
            tab: Tab::Events.into(),
            unread: 2,
        }],
    };
    insta::assert_snapshot!("inbox", plain(&notification::inbox(&inbox, &view)));
    let events = [
        event(
            false,
            "Bert's Books denied Demo Shop 2.0",
            "Its users are refused.\nIt was a contact's link.",
        ),
        event(true, "Demo Shop is on 2.0", ""),
    ];
    insta::assert_snapshot!("events", plain(&notification::events(&events, &view)));
    let delivery = Delivery {
        name: "deliveries/0199a000-0000-7000-8000-000000000003".to_owned(),
        recipient: "bert@example.org".to_owned(),
        kind: "deny_offered".to_owned(),
        subject: "Demo Shop moves to 2.0".to_owned(),
        message_id: "<1@example.org>".to_owned(),
        state: DeliveryState::Queued.into(),
        try_count: 1,
        tries: vec![DeliveryTry {
            time: at(500),
            outcome: "connection refused".to_owned(),
        }],
        next_try_time: at(61_000),
        create_time: at(0),
        ..Delivery::default()
    };
    insta::assert_snapshot!("delivery", plain(&notification::delivery(&delivery, &view)));
    insta::assert_snapshot!(
        "deliveries",
        plain(&notification::deliveries(&[delivery], &view))
    );
}

#[test]
fn gateways_read_well() {
    let view = view();
    let fleet = [Gateway {
        name: "gateways/gateway-1".to_owned(),
        connected: true,
        join_time: at(0),
        last_seen_time: at(58_000),
        software: "0.1.0".to_owned(),
        ready: true,
        standing: GatewayStanding::Member.into(),
        open_connections: 12,
        positions: vec![RoutePosition {
            application: "applications/shop".to_owned(),
            generation: 2,
            version: "2.0".to_owned(),
            ..RoutePosition::default()
        }],
        refused: vec![Refused {
            application: "applications/crm".to_owned(),
            reason: "UPSTREAM_REFUSED".to_owned(),
            message: "It leads here.".to_owned(),
            ..Refused::default()
        }],
        ..Default::default()
    }];
    insta::assert_snapshot!("fleet", plain(&gateway::fleet(&fleet, &view)));
    let status = GetStatusResponse {
        gateway: "gateways/gateway-1".to_owned(),
        ready: true,
        membership: Membership::Following.into(),
        grants: Some(GrantsStatus {
            following: true,
            revision: 9,
            count: 6,
            ..GrantsStatus::default()
        }),
        applications: vec![ApplicationStatus {
            application: "applications/shop".to_owned(),
            generation: 2,
            active_version: "2.0".to_owned(),
            gate: Gate::Open.into(),
            lease_left: span(4_200_000),
            held_total: 12,
            longest_hold: span(1_400),
            traffic: vec![VersionTraffic {
                version: "2.0".to_owned(),
                in_flight: 3,
                requests: 1_200,
                tenants: vec![TenantTraffic {
                    tenant: "bert".to_owned(),
                    requests: 40,
                    refused: 7,
                }],
                ..VersionTraffic::default()
            }],
            ..ApplicationStatus::default()
        }],
        start_time: at(0),
        open_connections: 5,
        ..GetStatusResponse::default()
    };
    insta::assert_snapshot!("status", plain(&gateway::status(&status, &view)));
}

#[test]
fn a_recovery_says_who_is_missing_and_what_gateways_serve() {
    let view = view();
    let position = |generation, version: &str| RoutePosition {
        application: "applications/shop".to_owned(),
        generation,
        version: version.to_owned(),
        ..RoutePosition::default()
    };
    let standing = GetRecoveryResponse {
        recovering: true,
        start_time: at(0),
        message: "gateways/gateway-1 knows more of applications/shop than the catalog.".to_owned(),
        applications: vec![RecoveringApplication {
            application: "applications/shop".to_owned(),
            restored: Some(position(1, "1.0")),
            reported: Some(position(4, "2.0")),
            version_known: true,
        }],
        missing_gateways: vec!["gateways/gateway-2".to_owned()],
    };
    insta::assert_snapshot!("recovery", plain(&recovery::standing(&standing, &view)));
    let none = GetRecoveryResponse::default();
    assert!(plain(&recovery::standing(&none, &view)).contains("not in recovery"));
}

#[test]
fn problems_say_what_why_and_what_next_and_never_less_to_programs() {
    let field = |name: &str, description: &str| FieldViolation {
        field: name.to_owned(),
        fault: Fault::Missing,
        description: description.to_owned(),
    };
    let fields = vec![
        field("version.upstream", "must not be empty"),
        field("version.roles", "must have at least one"),
    ];
    let of = |problem| Error::Service {
        problem,
        request_id: "req-1".parse().unwrap(),
    };
    let wrong = of(Problem::invalid_fields(fields));
    let open = of(
        Problem::aborted(reason::SWITCH_OPEN, "A switch of shop is open.")
            .next("Wait for it, or cancel it: switchover switches cancel shop"),
    );
    insta::assert_snapshot!("problem_fields", plain(&problem::people(&wrong)));
    insta::assert_snapshot!("problem", plain(&problem::people(&open)));
    let json = problem::json(&wrong);
    assert_eq!(json["error"]["reason"], "INVALID_FIELDS");
    assert_eq!(json["error"]["fields"][1]["field"], "version.roles");
    assert_eq!(json["error"]["requestId"], "req-1");
    let usage = Error::usage("That is not all.", Some("Say more.".to_owned()));
    insta::assert_snapshot!("problem_usage", plain(&problem::people(&usage)));
}

#[test]
fn where_there_is_nothing_the_way_to_something_is_said() {
    let view = view();
    for text in [
        catalog::applications(&[], &view),
        catalog::versions(&[], &view),
        provisioning::tenants(&[], &view),
        gateway::fleet(&[], &view),
    ] {
        assert!(plain(&text).contains("switchover "), "{text}");
    }
}

#[test]
fn a_narrow_terminal_wraps_inside_columns() {
    let narrow = View {
        width: Some(60),
        ..view()
    };
    let text = plain(&catalog::versions(
        &[version("2.0", VersionState::InTest)],
        &narrow,
    ));
    assert!(
        text.lines().all(|line| line.chars().count() <= 60),
        "{text}"
    );
}
