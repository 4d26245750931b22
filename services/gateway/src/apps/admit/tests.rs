use contract::Generation;

use super::*;
use crate::apps::{
    AppRoute, AppsUrl, DataPlane, GateOrder, GrantChange, HealthProbe, Limits, Settings, Target,
    TestTarget,
};

fn target(version: &str) -> Target {
    Target {
        version: version.parse().unwrap(),
        upstream: "http://10.0.0.1:9000".parse().unwrap(),
        health: HealthProbe::new("/", vec![(200, 299)], Duration::from_secs(1)).unwrap(),
    }
}

/// The application `shop` with a gate, and three tenants: `in` is let into both versions, `out` has
/// denied both, `new` has denied version 2 only.
fn snapshot(gate: GateOrder, test: bool) -> Arc<Snapshot> {
    leased(gate, test, None).0
}

/// The same, served only under a lease that is renewed at 0 s of a clock.
fn leased(gate: GateOrder, test: bool, lease: Option<Duration>) -> (Arc<Snapshot>, DataPlane) {
    let plane = DataPlane::new(Settings {
        operator: "acme".parse().unwrap(),
        apps_url: "http://example.com".parse::<AppsUrl>().unwrap(),
        support: "the help desk".parse().unwrap(),
        limits: Limits::default(),
    });
    let grant = |tenant: &str, version: &str, decision| GrantChange {
        tenant: tenant.parse().unwrap(),
        application: "shop".parse().unwrap(),
        version: version.parse().unwrap(),
        decision,
    };
    let denied = GrantDecision::Refused(RefusalReason::Denied);
    plane.set_grants(
        true,
        vec![
            grant("in", "1", GrantDecision::Admitted),
            grant("in", "2", GrantDecision::Admitted),
            grant("out", "1", denied),
            grant("out", "2", denied),
            grant("new", "1", GrantDecision::Admitted),
            grant("new", "2", denied),
        ],
    );
    let drain = plane.set_route(AppRoute {
        application: "shop".parse().unwrap(),
        display_name: "Shop".to_owned(),
        generation: Some(Generation::FIRST),
        gate,
        test: test.then(|| TestTarget {
            target: target("2"),
            tester_token_sha256: [7; 32],
        }),
        hold_request_timeout: Duration::from_secs(15),
        drain_rate: 100,
        lease,
        report_traffic: false,
        login: None,
    });
    assert!(drain.is_none());
    plane.renew_leases(Moment::at(Duration::ZERO), |_| true);
    (plane.inner().snapshot.load_full(), plane)
}

fn outcome(snapshot: &Snapshot, address: &Address, token_sha256: Option<[u8; 32]>) -> String {
    outcome_of(snapshot, address, token_sha256, None, Duration::ZERO)
}

fn outcome_from(
    snapshot: &Snapshot,
    address: &Address,
    token_sha256: Option<[u8; 32]>,
    min_generation: Option<u64>,
) -> String {
    outcome_of(
        snapshot,
        address,
        token_sha256,
        min_generation,
        Duration::ZERO,
    )
}

fn outcome_at(
    snapshot: &Snapshot,
    address: &Address,
    token_sha256: Option<[u8; 32]>,
    now: Duration,
) -> String {
    outcome_of(snapshot, address, token_sha256, None, now)
}

fn outcome_of(
    snapshot: &Snapshot,
    address: &Address,
    token_sha256: Option<[u8; 32]>,
    min_generation: Option<u64>,
    now: Duration,
) -> String {
    match admit(
        snapshot,
        &Head {
            address,
            token_sha256,
            min_generation: min_generation.map(|it| Generation::try_from(it).unwrap()),
            asked: None,
        },
        Moment::at(now),
    ) {
        Admission::Forward { serving, .. } => format!("forward to {}", serving.target.version),
        Admission::Hold { timeout, .. } => format!("hold for {} s", timeout.as_secs()),
        Admission::Wait => "wait".to_owned(),
        Admission::Stop(stop) => format!("{stop:?}"),
        Admission::Refuse { why, .. } => why.reason().to_owned(),
    }
}

#[test]
fn every_gate_and_every_grant_has_its_outcome() {
    let gates: [(&str, GateOrder, [&str; 4]); 5] = [
        ("never", GateOrder::Never, ["NOT_YET_AVAILABLE"; 4]),
        (
            "open 1",
            GateOrder::Open(target("1")),
            ["forward to 1", "DENIED", "forward to 1", "NOT_PROVISIONED"],
        ),
        (
            "open 2",
            GateOrder::Open(target("2")),
            ["forward to 2", "DENIED", "DENIED", "NOT_PROVISIONED"],
        ),
        (
            "held 1",
            GateOrder::Held(Some(target("1"))),
            [
                "hold for 15 s",
                "DENIED",
                "hold for 15 s",
                "NOT_PROVISIONED",
            ],
        ),
        (
            "held, never active",
            GateOrder::Held(None),
            [
                "hold for 15 s",
                "NOT_YET_AVAILABLE",
                "hold for 15 s",
                "NOT_YET_AVAILABLE",
            ],
        ),
    ];
    for (gate, order, expected) in gates {
        let snapshot = snapshot(order, false);
        for (tenant, expected) in ["in", "out", "new", "who"].into_iter().zip(expected) {
            let address = Address::User {
                tenant: tenant.parse().unwrap(),
                application: "shop".parse().unwrap(),
            };
            // A token makes no difference at a user's address.
            for token in [None, Some([7; 32])] {
                assert_eq!(
                    outcome(&snapshot, &address, token),
                    expected,
                    "{gate}, {tenant}"
                );
            }
        }
    }
}

#[test]
fn who_wants_a_later_generation_waits_for_it_whatever_the_gate_is() {
    let user = |tenant: &str| Address::User {
        tenant: tenant.parse().unwrap(),
        application: "shop".parse().unwrap(),
    };
    for order in [
        GateOrder::Never,
        GateOrder::Open(target("1")),
        GateOrder::Held(Some(target("1"))),
        GateOrder::Held(None),
    ] {
        let snapshot = snapshot(order.clone(), true);
        for tenant in ["in", "out", "new", "who"] {
            let address = user(tenant);
            assert_eq!(outcome_from(&snapshot, &address, None, Some(2)), "wait");
            assert_eq!(
                outcome_from(&snapshot, &address, None, Some(1)),
                outcome(&snapshot, &address, None),
                "{order:?}: this one is here"
            );
        }
        let testers = Address::Test {
            application: "shop".parse().unwrap(),
        };
        let outcome = outcome_from(&snapshot, &testers, Some([7; 32]), Some(2));
        assert_eq!(outcome, "forward to 2", "testers name a version");
    }
}

#[test]
fn testers_get_in_by_their_token_whatever_users_are_told() {
    let address = Address::Test {
        application: "shop".parse().unwrap(),
    };
    for gate in [
        GateOrder::Never,
        GateOrder::Open(target("1")),
        GateOrder::Held(Some(target("1"))),
    ] {
        let snapshot = snapshot(gate, true);
        assert_eq!(outcome(&snapshot, &address, Some([7; 32])), "forward to 2");
        assert_eq!(
            outcome(&snapshot, &address, Some([8; 32])),
            "TESTER_TOKEN_WRONG"
        );
        assert_eq!(outcome(&snapshot, &address, None), "TESTER_TOKEN_NEEDED");
    }
    let nothing = snapshot(GateOrder::Open(target("1")), false);
    assert_eq!(
        outcome(&nothing, &address, Some([7; 32])),
        "NOTHING_IN_TEST"
    );
}

#[test]
fn a_lease_that_has_ended_refuses_all_users_and_no_tester() {
    let lease = Duration::from_secs(10);
    let end = Duration::from_millis(9_500);
    let just_before = end - Duration::from_nanos(1);
    let application: contract::ApplicationName = "shop".parse().unwrap();
    for (gate, before, after) in [
        (GateOrder::Never, "NOT_YET_AVAILABLE", "NOT_YET_AVAILABLE"),
        (GateOrder::Open(target("1")), "forward to 1", "FENCED"),
        (
            GateOrder::Held(Some(target("1"))),
            "hold for 15 s",
            "FENCED",
        ),
        (GateOrder::Held(None), "hold for 15 s", "FENCED"),
    ] {
        let (snapshot, _plane) = leased(gate, true, Some(lease));
        let user = Address::User {
            tenant: "in".parse().unwrap(),
            application: application.clone(),
        };
        assert_eq!(outcome_at(&snapshot, &user, None, just_before), before);
        assert_eq!(outcome_at(&snapshot, &user, None, end), after);
        let denied = Address::User {
            tenant: "out".parse().unwrap(),
            application: application.clone(),
        };
        assert_eq!(
            outcome_at(&snapshot, &denied, None, end),
            after,
            "nothing is told to those"
        );
        let tester = Address::Test {
            application: application.clone(),
        };
        assert_eq!(
            outcome_at(&snapshot, &tester, Some([7; 32]), end),
            "forward to 2"
        );
    }
}

#[test]
fn applications_that_are_not_known_are_unknown_to_all() {
    let snapshot = snapshot(GateOrder::Open(target("1")), true);
    let application: contract::ApplicationName = "other".parse().unwrap();
    let user = Address::User {
        tenant: "in".parse().unwrap(),
        application: application.clone(),
    };
    for address in [user, Address::Test { application }] {
        assert_eq!(
            outcome(&snapshot, &address, Some([7; 32])),
            "UNKNOWN_ADDRESS"
        );
    }
}

/// Whatever the gate: whoever has not signed in neither waits nor learns anything else.
#[test]
fn nobody_waits_or_learns_of_the_application_who_has_to_sign_in_first() {
    for gate in [
        GateOrder::Never,
        GateOrder::Open(target("1")),
        GateOrder::Held(Some(target("1"))),
        GateOrder::Held(None),
    ] {
        let plane = leased(gate.clone(), true, Some(Duration::from_secs(1))).1;
        let mut route = AppRoute {
            application: "shop".parse().unwrap(),
            display_name: "Shop".to_owned(),
            generation: Some(Generation::FIRST),
            gate,
            test: Some(TestTarget {
                target: target("2"),
                tester_token_sha256: [7; 32],
            }),
            hold_request_timeout: Duration::from_secs(15),
            drain_rate: 100,
            lease: None,
            report_traffic: false,
            login: None,
        };
        route.login = Some(crate::apps::LoginPolicy::default());
        drop(plane.set_route(route));
        let snapshot = plane.inner().snapshot.load_full();
        for tenant in ["in", "out", "new", "strange"] {
            let address = Address::User {
                tenant: tenant.parse().unwrap(),
                application: "shop".parse().unwrap(),
            };
            let late = outcome_from(&snapshot, &address, None, Some(9));
            assert_eq!(late, "SignIn(Program)", "{tenant}");
            let fenced = outcome_at(&snapshot, &address, None, Duration::from_secs(9));
            assert_eq!(fenced, "SignIn(Program)", "{tenant}");
        }
        let testers = Address::Test {
            application: "shop".parse().unwrap(),
        };
        assert_eq!(outcome(&snapshot, &testers, None), "TESTER_TOKEN_NEEDED");
        assert_eq!(
            outcome(&snapshot, &testers, Some([8; 32])),
            "TESTER_TOKEN_WRONG"
        );
        assert_eq!(
            outcome(&snapshot, &testers, Some([7; 32])),
            "SignIn(Program)"
        );
    }
}
