//! Whoever changes something leaves one entry in the audit log, and nobody else does.

use std::time::Duration;

use ::audit::{Service, testing::Auditor};
use ::store::testing::TestDb;
use contract::{Problem, Role};
use proto::audit::v1::{self as audit_wire, audit_service_client::AuditServiceClient as Client};

use super::{
    Gateway, World,
    gateway::hello,
    proposing, wire,
    world::{ANNA, client},
};
use crate::store::MIGRATIONS;

async fn auditor(world: &World) -> Auditor {
    let viewer = client(world.address, Role::OperatorViewer, "people/vera");
    Auditor::begin(viewer, Service::Catalog).await
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask {
        paths: paths.iter().map(ToString::to_string).collect(),
    })
}

async fn applications_and_versions(world: &World, log: &mut Auditor) {
    let mut apps = world.applications();
    world.create_crm().await;
    let made = log.one("CreateApplication").await;
    assert_eq!(
        (made.actor.as_str(), made.role, made.resource.as_str()),
        (ANNA, Some(Role::OperatorAdmin), "applications/crm")
    );
    assert!(made.before.is_empty() && made.after.contains("\"displayName\":\"Customers\""));
    assert!(!made.request_id.is_empty());

    let update = wire::UpdateApplicationRequest {
        application: Some(wire::Application {
            name: "applications/crm".to_owned(),
            display_name: "Clients".to_owned(),
            ..wire::Application::default()
        }),
        update_mask: mask(&["display_name"]),
        ..wire::UpdateApplicationRequest::default()
    };
    apps.update_application(update.clone()).await.unwrap();
    let changed = log.one("UpdateApplication").await;
    assert!(changed.before.contains("Customers") && changed.after.contains("Clients"));
    let stale = wire::UpdateApplicationRequest {
        etag: "\"99\"".to_owned(),
        ..update
    };
    apps.update_application(stale).await.unwrap_err();
    log.none("a refused change").await;

    let create = wire::CreateApplicationRequest {
        application_id: "tmp".to_owned(),
        application: Some(wire::Application {
            display_name: "Short-lived".to_owned(),
            ..wire::Application::default()
        }),
        request_id: "again".to_owned(),
    };
    apps.create_application(create.clone()).await.unwrap();
    log.one("CreateApplication").await;
    apps.create_application(create).await.unwrap();
    log.none("a repeat").await;
    let delete = wire::DeleteApplicationRequest {
        name: "applications/tmp".to_owned(),
        ..wire::DeleteApplicationRequest::default()
    };
    apps.delete_application(delete).await.unwrap();
    let gone = log.one("DeleteApplication").await;
    assert!(gone.before.contains("Short-lived") && gone.after.is_empty());

    world.create_version("0").await;
    log.one("CreateVersion").await;
    let update = wire::UpdateVersionRequest {
        version: Some(wire::Version {
            name: "applications/crm/versions/0".to_owned(),
            roles: vec![wire::Role {
                name: "reader".to_owned(),
                description: "May look.".to_owned(),
            }],
            ..wire::Version::default()
        }),
        update_mask: mask(&["roles"]),
        ..wire::UpdateVersionRequest::default()
    };
    apps.update_version(update).await.unwrap();
    log.one("UpdateVersion").await;
    let delete = wire::DeleteVersionRequest {
        name: "applications/crm/versions/0".to_owned(),
        ..wire::DeleteVersionRequest::default()
    };
    apps.delete_version(delete).await.unwrap();
    log.one("DeleteVersion").await;
}

async fn tests_and_switches(world: &World, log: &mut Auditor) -> (String, String) {
    let one = world.create_version("1").await;
    log.one("CreateVersion").await;
    let token = world.register(&one).await;
    let registered = log.one("RegisterToTest").await;
    assert_eq!(registered.reason, "a look");
    assert!(registered.after.contains("IN_TEST") && !registered.after.contains(&token));
    let rotate = wire::RotateTesterTokenRequest {
        version: one.clone(),
    };
    world.switches().rotate_tester_token(rotate).await.unwrap();
    log.one("RotateTesterToken").await;
    let cancel = wire::CancelTestRequest {
        version: one.clone(),
        reason: String::new(),
    };
    world.switches().cancel_test(cancel).await.unwrap();
    log.one("CancelTest").await;
    world.register(&one).await;
    log.one("RegisterToTest").await;
    let first = world.confirm_as(&one, "first").await.unwrap();
    let confirmed = log.one("ConfirmUpdate").await;
    assert_eq!(confirmed.resource, first.name);
    assert!(confirmed.asked.contains("\"requestId\":\"first\""));
    world.confirm_as(&one, "first").await.unwrap();
    log.none("a repeat").await;
    world.ended(&first.name).await;
    log.none("what the service does by itself").await;

    let two = world.create_version("2").await;
    log.one("CreateVersion").await;
    world.register(&two).await;
    log.one("RegisterToTest").await;
    let mut gateway = Gateway::join(world, "a").await;
    log.none("a gateway that joins").await;
    let given_up = world.confirm(&two).await.unwrap();
    log.one("ConfirmUpdate").await;
    gateway.until_preparing().await;
    log.none("what a switch does").await;
    world.cancel(&given_up.name).await.unwrap();
    let cancelled = log.one("CancelSwitch").await;
    assert_eq!(cancelled.reason, "not today");
    world.ended(&given_up.name).await;
    gateway.until_no_turn().await;

    let switch = world.confirm(&two).await.unwrap();
    log.one("ConfirmUpdate").await;
    drained(world, log, &mut gateway, &switch.name).await;
    world.until_free().await;
    let back = wire::ConfirmReactivateRequest {
        version: one.clone(),
        ..wire::ConfirmReactivateRequest::default()
    };
    let back = world.switches().confirm_reactivate(back).await.unwrap();
    log.one("ConfirmReactivate").await;
    gateway.obey().await;
    world.ended(&back.into_inner().switch.unwrap().name).await;
    log.none("what gateways answer").await;
    proposals(world, log, &two).await;
    gateway.leave().await;
    log.none("a gateway that leaves").await;
    (one, two)
}

async fn proposals(world: &World, log: &mut Auditor, two: &str) {
    use wire::ApprovalPolicy::{NotRequired, SecondPerson};
    proposing::set_approval(world, SecondPerson).await.unwrap();
    let set = log.one("UpdateApplication").await;
    assert!(set.after.contains("SECOND_PERSON"));
    let reactivate = wire::ConfirmReactivateRequest {
        version: two.to_owned(),
        ..wire::ConfirmReactivateRequest::default()
    };
    let proposed = world.switches().confirm_reactivate(reactivate).await;
    let name = proposed.unwrap().into_inner().proposal.unwrap().name;
    let entry = log.one("ConfirmReactivate").await;
    assert_eq!(entry.resource, name);
    proposing::approve(world, ANNA, &name).await.unwrap_err();
    log.none("a refused approval").await;
    proposing::reject(world, "people/bob", &name).await.unwrap();
    let entry = log.one("RejectProposal").await;
    assert_eq!(
        (entry.actor.as_str(), entry.reason.as_str()),
        ("people/bob", "not today")
    );
    proposing::reject(world, "people/bob", &name).await.unwrap();
    log.none("a repeat").await;
    let off = proposing::set_approval(world, NotRequired).await.unwrap();
    log.one("UpdateApplication").await;
    let name = off.proposal.unwrap().name;
    proposing::approve(world, "people/bob", &name)
        .await
        .unwrap();
    let entry = log.one("ApproveProposal").await;
    assert!(entry.before.contains("OPEN") && entry.after.contains("APPROVED"));
    proposing::approve(world, "people/bob", &name)
        .await
        .unwrap();
    log.none("a repeat").await;
}

async fn drained(world: &World, log: &mut Auditor, gateway: &mut Gateway, switch: &str) {
    let route = gateway.until_preparing().await;
    gateway.ready(&route).await;
    let route = gateway.until_holding().await;
    gateway.held(&route).await;
    let route = gateway.until_releasing().await;
    let extend = wire::ExtendDrainRequest {
        name: switch.to_owned(),
        by: seconds(300),
        reason: "a report is running".to_owned(),
    };
    world.switches().extend_drain(extend).await.unwrap();
    log.one("ExtendDrain").await;
    let cut = wire::CutDrainRequest {
        name: switch.to_owned(),
        reason: "enough".to_owned(),
    };
    world.switches().cut_drain(cut.clone()).await.unwrap();
    let entry = log.one("CutDrain").await;
    assert_eq!(entry.reason, "enough");
    world.switches().cut_drain(cut).await.unwrap();
    log.none("a second cut").await;
    gateway.released_and_drained(&route).await;
}

async fn gateways_and_recovery(world: &World, log: &mut Auditor) {
    let gateway = Gateway::join(world, "b").await;
    let drain = wire::DrainGatewayRequest {
        name: "gateways/b".to_owned(),
        reason: "a new disk".to_owned(),
    };
    world.fleet().drain_gateway(drain).await.unwrap();
    let drained = log.one("DrainGateway").await;
    assert_eq!(drained.reason, "a new disk");
    assert!(drained.before.contains("MEMBER") && drained.after.contains("DRAINING"));
    let resume = wire::ResumeGatewayRequest {
        name: "gateways/b".to_owned(),
        reason: String::new(),
    };
    world.fleet().resume_gateway(resume).await.unwrap();
    log.one("ResumeGateway").await;
    let route = gateway.route().clone();
    drop(gateway);
    world.evict("b").await.unwrap_err();
    log.none("a refused eviction").await;
    world.clock.advance(Duration::from_secs(16));
    world.evict("b").await.unwrap();
    let evicted = log.one("EvictGateway").await;
    assert_eq!(evicted.reason, "burnt");
    assert!(!evicted.before.is_empty() && evicted.after.is_empty());

    let ahead = wire::Hello {
        positions: vec![wire::RoutePosition {
            application: route.application,
            timeline: route.timeline,
            revision: 500,
            generation: 9,
            version: "2".to_owned(),
        }],
        ..hello("c")
    };
    Gateway::hello(world.address, ahead)
        .await
        .map(drop)
        .unwrap_err();
    let adopt = wire::AdoptRecoveryRequest {
        versions: Vec::new(),
        reason: "the disk broke".to_owned(),
    };
    let adopted = world.fleet().adopt_recovery(adopt).await.unwrap();
    let entry = log.one("AdoptRecovery").await;
    let [switch] = adopted.into_inner().switches.try_into().unwrap();
    assert!(entry.after.contains(&switch) && entry.reason == "the disk broke");
}

::store::on_both!(
    MIGRATIONS,
    async fn every_change_leaves_one_entry_and_nothing_else_leaves_any(db: TestDb) {
        let world = World::simulated(&db).await;
        let mut log = auditor(&world).await;
        applications_and_versions(&world, &mut log).await;
        tests_and_switches(&world, &mut log).await;
        gateways_and_recovery(&world, &mut log).await;
        log.has_seen_every_method();
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn entries_are_listed_by_who_what_which_and_when_page_by_page(db: TestDb) {
        let world = World::simulated(&db).await;
        world.create_crm().await;
        world.clock.advance(Duration::from_secs(60));
        let later = world.clock.now();
        for id in ["1", "2", "3"] {
            world.create_version(id).await;
        }
        let mut client = Client::new(client(world.address, Role::OperatorViewer, "people/vera"));
        let request = audit_wire::ListAuditEntriesRequest {
            parent: "services/catalog".to_owned(),
            ..audit_wire::ListAuditEntriesRequest::default()
        };
        let mut list = async |fill: &dyn Fn(&mut audit_wire::ListAuditEntriesRequest)| {
            let mut request = request.clone();
            fill(&mut request);
            let listed = client.list_audit_entries(request).await;
            listed.map(|listed| {
                let listed = listed.into_inner();
                let numbers: Vec<i64> = listed.entries.iter().map(|entry| entry.number).collect();
                (numbers, listed.next_page_token)
            })
        };
        let numbers = |listed: Result<(Vec<i64>, String), tonic::Status>| listed.unwrap().0;
        assert_eq!(numbers(list(&|_| {}).await), [4, 3, 2, 1]);
        let (first, token) = list(&|request| request.page_size = 3).await.unwrap();
        assert_eq!(first, [4, 3, 2]);
        let next = |request: &mut audit_wire::ListAuditEntriesRequest| {
            request.page_size = 3;
            request.page_token.clone_from(&token);
        };
        assert_eq!(list(&next).await.unwrap(), (vec![1], String::new()));
        let of = |resource: &'static str| {
            move |request: &mut audit_wire::ListAuditEntriesRequest| {
                resource.clone_into(&mut request.resource);
            }
        };
        assert_eq!(
            numbers(list(&of("applications/crm")).await),
            [4, 3, 2, 1],
            "what lies below it too"
        );
        assert_eq!(numbers(list(&of("applications/crm/versions/2")).await), [3]);
        assert!(numbers(list(&of("applications/cr")).await).is_empty());
        let by = |actor: &'static str| {
            move |request: &mut audit_wire::ListAuditEntriesRequest| {
                actor.clone_into(&mut request.actor);
            }
        };
        assert_eq!(numbers(list(&by(ANNA)).await).len(), 4);
        assert!(numbers(list(&by("people/vera")).await).is_empty());
        let called = |method: &'static str| {
            move |request: &mut audit_wire::ListAuditEntriesRequest| {
                method.clone_into(&mut request.method);
            }
        };
        assert_eq!(numbers(list(&called("CreateApplication")).await), [1]);
        let wrong = Problem::from(list(&called("Create")).await.unwrap_err());
        assert_eq!(wrong.fields()[0].field, "method");
        let until = move |request: &mut audit_wire::ListAuditEntriesRequest| {
            request.end_time = Some(contract::time::write(later));
        };
        assert_eq!(numbers(list(&until).await), [1]);
        let from = move |request: &mut audit_wire::ListAuditEntriesRequest| {
            request.start_time = Some(contract::time::write(later));
        };
        assert_eq!(numbers(list(&from).await), [4, 3, 2]);
        let foreign = list(&|request| request.parent = "services/provisioning".to_owned()).await;
        assert_eq!(foreign.unwrap_err().code(), tonic::Code::NotFound);
        world.finish().await;
    }
);

/// What nobody may do, done anyway.
async fn tampered(db: &TestDb, sql: &'static str) {
    let done: Result<(), crate::error::Error> = ::store::write!(db.db(), |tx| {
        ::store::on!(tx, |conn| sqlx::query(sql).execute(conn).await.map(drop))?;
        Ok(())
    });
    done.unwrap();
}

::store::on_both!(
    MIGRATIONS,
    async fn what_is_done_to_the_table_behind_the_services_back_is_found(db: TestDb) {
        use ::audit::chain::{Broken, ends, follow};
        let world = World::simulated(&db).await;
        world.create_crm().await;
        for id in ["1", "2", "3", "4"] {
            world.create_version(id).await;
        }
        let mut log = auditor(&world).await;
        let mut look = async || {
            let (entries, written) = log.export().await;
            let found = follow(Service::Catalog, &entries, &mut Default::default());
            found.and_then(|found| ends(&found, &written))
        };
        assert_eq!(look().await, Ok(()));
        const CHANGED: &str = "update audit_entries set reason = 'on request' where number = 3";
        tampered(&db, CHANGED).await;
        assert_eq!(look().await, Err(Broken::Changed(3)));
        tampered(&db, "delete from audit_entries where number = 3").await;
        assert_eq!(look().await, Err(Broken::Missing(3)));
        tampered(&db, "delete from audit_entries where number > 2").await;
        assert_eq!(
            look().await,
            Err(Broken::Cut {
                found: 2,
                written: 5
            })
        );
        tampered(&db, "update audit_head set number = 2").await;
        assert_eq!(look().await, Err(Broken::OtherEnd(2)));
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn those_who_write_at_once_leave_one_chain(db: TestDb) {
        let world = World::simulated(&db).await;
        world.create_crm().await;
        let ids: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        let made = ids.iter().map(|id| world.create_version(id));
        futures::future::join_all(made).await;
        let mut log = auditor(&world).await;
        assert_eq!(log.read().await.len(), 13);
        world.finish().await;
    }
);
