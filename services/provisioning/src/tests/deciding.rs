//! Decisions by link and without, in every phase of a switch.

use super::*;
use Decision::{Accept, Deny};

/// What happens to a switch from 1 to 2, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Op {
    Close,
    Commit,
    GiveUp,
    Decide(Decision),
}

/// What a decision is answered with.
type Answer = Result<OfferStatus, contract::Reason>;

/// Every order in which a tenant's decisions can meet a switch, with what each decision leads to.
/// The fleet is empty, so whatever must wait for gateways is in force at once.
#[rustfmt::skip]
fn orders() -> Vec<(Vec<Op>, Vec<Answer>)> {
    use OfferStatus::{Accepted, DeniedInForce, DeniedRecorded};
    use Op::{Close, Commit, Decide, GiveUp};
    let void = || Err(reason::TOKEN_VOID);
    vec![
        (vec![Decide(Deny)], vec![Ok(DeniedRecorded)]),
        (vec![Decide(Deny), Decide(Deny)], vec![Ok(DeniedRecorded), Ok(DeniedRecorded)]),
        (vec![Decide(Deny), Decide(Accept)], vec![Ok(DeniedRecorded), Ok(Accepted)]),
        (vec![Decide(Accept), Decide(Deny)], vec![Ok(Accepted), Ok(DeniedRecorded)]),
        (vec![Decide(Deny), Close, Decide(Deny)], vec![Ok(DeniedRecorded), Ok(DeniedInForce)]),
        (vec![Close, Decide(Deny)], vec![Ok(DeniedInForce)]),
        (vec![Close, Decide(Deny), Decide(Deny)], vec![Ok(DeniedInForce), Ok(DeniedInForce)]),
        (vec![Close, Decide(Deny), Commit, Decide(Deny)], vec![Ok(DeniedInForce), Ok(DeniedInForce)]),
        (vec![Close, Decide(Deny), GiveUp, Decide(Deny)], vec![Ok(DeniedInForce), void()]),
        (vec![Close, Commit, Decide(Deny)], vec![Ok(DeniedInForce)]),
        (vec![Close, Commit, Decide(Deny), Decide(Accept)], vec![Ok(DeniedInForce), Ok(Accepted)]),
        (vec![Close, Commit, Decide(Deny), Decide(Accept), Decide(Deny)], vec![Ok(DeniedInForce), Ok(Accepted), Ok(DeniedInForce)]),
        (vec![Decide(Deny), Close, Commit, Decide(Accept)], vec![Ok(DeniedRecorded), Ok(Accepted)]),
        (vec![Close, Decide(Accept), Commit, Decide(Deny)], vec![Ok(Accepted), Ok(DeniedInForce)]),
        (vec![GiveUp, Decide(Deny)], vec![void()]),
        (vec![GiveUp, Decide(Accept)], vec![void()]),
        (vec![Close, GiveUp, Decide(Deny)], vec![void()]),
        (vec![Decide(Deny), GiveUp, Decide(Deny)], vec![Ok(DeniedRecorded), void()]),
        (vec![Decide(Deny), Close, GiveUp, Decide(Accept)], vec![Ok(DeniedRecorded), void()]),
    ]
}

store::on_both!(
    MIGRATIONS,
    async fn every_order_of_decisions_and_a_switch_leads_where_it_must(db: TestDb) {
        let world = World::start(&db).await;
        for (number, (ops, expected)) in (10..).zip(orders()) {
            let tenant = format!("t{number}");
            world.add_tenant(&tenant, 1).await;
            world.give(&tenant, "1").await;
            let switch = switch(number);
            world.move_all(&switch, "1", "2", true).await;
            let token = world.token(&tenant, "2").await;
            let mut found = Vec::new();
            for op in &ops {
                match op {
                    Op::Close => {
                        world.close(&switch).await.unwrap();
                    }
                    Op::Commit => {
                        let outcome = SwitchOutcome::Committed;
                        world.settle(&switch, outcome).await.unwrap();
                    }
                    Op::GiveUp => {
                        let outcome = SwitchOutcome::GivenUp;
                        world.settle(&switch, outcome).await.unwrap();
                    }
                    Op::Decide(decision) => {
                        let decided = world.decide(&token, *decision).await;
                        found.push(match decided {
                            Ok(offer) => Ok(offer.status()),
                            Err(problem) => Err(problem.reason().clone()),
                        });
                    }
                }
            }
            assert_eq!(found, expected, "{ops:?}");
            let last = found.last().unwrap().clone();
            let shown = world.look(&token).await.unwrap().offer.unwrap();
            assert_eq!(shown.status(), last.unwrap_or(OfferStatus::Void), "{ops:?}");
            let given_up = ops.contains(&Op::GiveUp);
            let states = (
                world.state(&tenant, "1").await,
                world.state(&tenant, "2").await,
            );
            let target = match (given_up, shown.status()) {
                (true, _) => ProvisioningState::Removed,
                (false, OfferStatus::Accepted) => ProvisioningState::Provisioned,
                (false, _) => ProvisioningState::Denied,
            };
            assert_eq!(states, (ProvisioningState::Provisioned, target), "{ops:?}");
            // Clear the way for the next one: its switch starts from 1 again.
            if ops.contains(&Op::Commit) {
                let back = super::switch(number + 100);
                world.move_all(&back, "2", "1", false).await;
                world.close(&back).await.unwrap();
                world.settle(&back, SwitchOutcome::Committed).await.unwrap();
            } else if !given_up {
                world.settle(&switch, SwitchOutcome::GivenUp).await.unwrap();
            }
            let remove = RemoveProvisioningRequest {
                tenant: format!("tenants/{tenant}"),
                application: "applications/crm".to_owned(),
                reason: String::new(),
            };
            world
                .provisionings()
                .remove_provisioning(remove)
                .await
                .unwrap();
        }
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_denial_of_what_is_in_use_is_answered_when_every_gateway_refuses(db: TestDb) {
        let world = with_two(&db).await;
        world.catalog.join("g-1");
        world.catalog.join("g-2");
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        // The gateways are at different replicas.
        let other = world.replica().await;
        let mut one = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let mut two = Gateway::connect(&other, "g-2", "", 0).await.unwrap();
        let denied = "REFUSAL_REASON_DENIED";
        let (offer, ..) = tokio::join!(
            world.decide(&token, Deny),
            one.apply_until("acme", "2", denied),
            two.apply_until("acme", "2", denied)
        );
        let offer = offer.unwrap();
        assert_eq!(offer.status(), OfferStatus::DeniedInForce);
        assert_eq!((offer.fleet_size, offer.outstanding_gateways.len()), (2, 0));
        drop((one, two));
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_denial_names_the_gateways_that_do_not_refuse_yet(db: TestDb) {
        let world = with_two_waiting(&db, 0).await;
        world.catalog.join("g-1");
        world.catalog.join("g-2");
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let mut one = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        one.apply_until("acme", "2", "admitted").await;
        let offer = world.decide(&token, Deny).await.unwrap();
        assert_eq!(offer.status(), OfferStatus::DeniedTakingEffect);
        assert_eq!(offer.outstanding_gateways, ["gateways/g-1", "gateways/g-2"]);
        assert_eq!(offer.fleet_size, 2);
        one.apply_until("acme", "2", "REFUSAL_REASON_DENIED").await;
        let mut two = Gateway::connect(&world.endpoint, "g-2", "", 0)
            .await
            .unwrap();
        two.apply_until("acme", "2", "REFUSAL_REASON_DENIED").await;
        let look = async {
            while world.look(&token).await.unwrap().offer.unwrap().status()
                != OfferStatus::DeniedInForce
            {}
        };
        tokio::time::timeout(Duration::from_secs(20), look)
            .await
            .unwrap();
        // A gateway that has lost what it had no longer counts as one that refuses.
        let lost = Gateway::connect(&world.endpoint, "g-2", "", 0)
            .await
            .unwrap();
        let offer = world.look(&token).await.unwrap().offer.unwrap();
        assert_eq!(offer.outstanding_gateways, ["gateways/g-2"]);
        drop((one, two, lost));
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_denial_is_kept_and_says_no_more_than_is_known_while_the_catalog_is_away(db: TestDb) {
        let world = with_two(&db).await;
        world.catalog.join("g-1");
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        world.catalog.go_down(true);
        let offer = world.decide(&token, Deny).await.unwrap();
        assert_eq!(offer.status(), OfferStatus::DeniedTakingEffect);
        assert_eq!((offer.outstanding_gateways.len(), offer.fleet_size), (0, 0));
        assert_eq!(world.state("acme", "2").await, ProvisioningState::Denied);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn looking_changes_nothing_and_a_decision_needs_the_page(db: TestDb) {
        let world = with_two(&db).await;
        world.move_all(&switch(2), "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let before = world.provisioning("acme", "2").await;
        let shown = world.look(&token).await.unwrap();
        let offer = shown.offer.unwrap();
        assert_eq!(
            (offer.kind(), offer.status()),
            (OfferKind::Deny, OfferStatus::Open)
        );
        assert_eq!(
            (
                offer.source_version.as_str(),
                offer.target_version.as_str(),
                offer.decision_time
            ),
            ("1", "2", None)
        );
        assert_eq!(
            (
                offer.tenant_display_name.as_str(),
                offer.application_display_name.as_str()
            ),
            ("Tenant acme", "Customers")
        );
        let beta = world.token("beta", "2").await;
        let foreign = world.look(&beta).await.unwrap().form_token;
        for form in ["", "AAAA", &foreign] {
            assert_eq!(
                reason_of(world.submit(&token, form, Deny).await),
                reason::FORM_STALE
            );
        }
        world.minutes(61);
        assert_eq!(
            reason_of(world.submit(&token, &shown.form_token, Deny).await),
            reason::FORM_STALE
        );
        assert_eq!(world.provisioning("acme", "2").await, before);
        assert_eq!(before.state(), ProvisioningState::Provisioned);
        assert_eq!(before.consent_basis(), ConsentBasis::MovedWithNotice);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_form_decides_only_with_the_word_that_a_person_types_and_not_at_once(db: TestDb) {
        let world = with_two(&db).await;
        world.move_all(&switch(2), "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let page = world.look(&token).await.unwrap();
        assert_eq!(page.offer.unwrap().typed_word, "crm");
        let form = page.form_token;
        let send = async |decision, typed: &str| {
            let sent = world.send_form(&token, &form, decision, typed).await;
            sent.map(|offer| offer.status())
                .map_err(|problem| problem.reason().clone())
        };
        assert_eq!(send(Deny, "crm").await, Err(reason::FORM_TOO_FAST));
        world.clock.advance(Duration::from_secs(2));
        for decision in [Deny, Accept] {
            for typed in ["", "yes", "deny", "on"] {
                assert_eq!(send(decision, typed).await, Err(reason::GESTURE_MISSING));
            }
        }
        let long = "c".repeat(101);
        assert_eq!(send(Deny, &long).await, Err(reason::INVALID_FIELDS));
        let row = world.provisioning("acme", "2").await;
        assert_eq!(row.consent_basis(), ConsentBasis::MovedWithNotice);
        assert_eq!(send(Deny, " CRM ").await, Ok(OfferStatus::DeniedRecorded));
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_form_decides_once_and_never_takes_back_what_was_decided_since(db: TestDb) {
        let world = with_two(&db).await;
        world.move_all(&switch(2), "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let first = world.look(&token).await.unwrap().form_token;
        world.minutes(1);
        let deny = async || world.submit(&token, &first, Deny).await.unwrap().status();
        assert_eq!(deny().await, OfferStatus::DeniedRecorded);
        assert_eq!(deny().await, OfferStatus::DeniedRecorded);
        let other = world.submit(&token, &first, Accept).await;
        assert_eq!(reason_of(other), reason::FORM_STALE);
        assert_eq!(world.state("acme", "2").await, ProvisioningState::Denied);
        // Somebody else takes it back on a page of their own; then the first browser sends again.
        let taken_back = world.decide(&token, Accept).await.unwrap();
        assert_eq!(taken_back.status(), OfferStatus::Accepted);
        assert_eq!(deny().await, OfferStatus::Accepted);
        let state = world.state("acme", "2").await;
        assert_eq!(state, ProvisioningState::Provisioned);
        // Forms are forgotten only when they count no longer.
        world.minutes(121);
        world.decide(&token, Deny).await.unwrap();
        assert_eq!(
            reason_of(world.submit(&token, &first, Deny).await),
            reason::FORM_STALE
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn the_page_of_the_release_before_still_decides_while_gateways_are_replaced(db: TestDb) {
        let world = with_two(&db).await;
        world.move_all(&switch(2), "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let request = GetOfferRequest {
            token: token.clone(),
            ..Default::default()
        };
        let page = world.page().get_offer(request).await.unwrap().into_inner();
        let denied = world.send_form(&token, &page.form_token, Deny, "").await;
        assert_eq!(denied.unwrap().status(), OfferStatus::DeniedRecorded);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn unknown_malformed_and_foreign_tokens_get_the_same_answer(db: TestDb) {
        let world = with_two(&db).await;
        let (long, other) = ("x".repeat(100_000), "A".repeat(43));
        let mut problems = Vec::new();
        for token in ["", "x", "ä\0", &other, &long] {
            problems.push(world.look(token).await.unwrap_err());
            problems.push(world.submit(token, "", Deny).await.unwrap_err());
        }
        assert!(
            problems.iter().all(|problem| *problem == problems[0]),
            "{problems:#?}"
        );
        assert_eq!(problems[0].reason(), &reason::TOKEN_INVALID);
        assert_eq!(problems[0].code(), contract::Code::NotFound);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_link_that_has_expired_changes_nothing_and_says_so(db: TestDb) {
        let world = with_two(&db).await;
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let form = world.look(&token).await.unwrap().form_token;
        world.minutes(14 * 24 * 60);
        assert_eq!(
            reason_of(world.submit(&token, &form, Deny).await),
            reason::TOKEN_EXPIRED
        );
        let shown = world.look(&token).await.unwrap().offer.unwrap();
        assert_eq!(shown.status(), OfferStatus::Expired);
        assert_eq!(
            world.state("acme", "2").await,
            ProvisioningState::Provisioned
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn everybody_is_told_of_each_decision_once_and_under_its_request(db: TestDb) {
        let world = with_two(&db).await;
        world.move_all(&switch(2), "1", "2", true).await;
        let token = world.token("acme", "2").await;
        for decision in [Deny, Deny, Accept, Deny] {
            world.decide(&token, decision).await.unwrap();
        }
        let told = |notices: &[Notice]| (denials(notices) >= 4).then(|| notices.to_vec());
        let notices = world.notification.until(told).await;
        let denied: Vec<_> = notices
            .iter()
            .filter_map(|notice| match &notice.body {
                Some(notice::Body::VersionDenied(denied)) => Some((notice, denied)),
                _ => None,
            })
            .collect();
        assert_eq!(
            denied.len(),
            4,
            "operator and tenant, for each of two denials"
        );
        let causes: std::collections::BTreeSet<_> =
            denied.iter().map(|(notice, _)| &notice.cause).collect();
        assert_eq!(causes.len(), 2);
        for (notice, denied) in &denied {
            assert!(
                !denied.in_force && denied.actor.contains("192.0.2.7"),
                "{denied:?}"
            );
            assert_eq!(notice.request_id.len(), 36);
            if let Some(notice::Recipient::Tenant(tenant)) = &notice.recipient {
                assert_eq!(tenant.tenant, "tenants/acme");
                assert_eq!(tenant.addresses[0].email, "admin0@acme.example");
            }
        }
        let operator = denied
            .iter()
            .filter(|(notice, _)| matches!(notice.recipient, Some(notice::Recipient::Operator(_))));
        assert_eq!(operator.count(), 2);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn without_a_link_the_tenants_admin_and_the_operator_decide(db: TestDb) {
        let world = with_two(&db).await;
        world.move_all(&switch(2), "1", "2", true).await;
        let decide = async |subject: Option<&str>, version: &str, decision: Decision| {
            let client = match subject {
                Some(tenant) => world.client(contract::Role::TenantAdmin, tenant),
                None => world.operator(),
            };
            let request = DecideProvisioningRequest {
                name: name("acme", version),
                decision: decision.into(),
                reason: "by phone".to_owned(),
            };
            let answer = consent_service_client::ConsentServiceClient::new(client)
                .decide_provisioning(request)
                .await;
            answer
                .map(tonic::Response::into_inner)
                .map_err(Problem::from)
        };
        let acme = Some("tenants/acme");
        let denied = decide(acme, "2", Deny).await.unwrap();
        assert_eq!(denied.status(), OfferStatus::DeniedRecorded);
        assert_eq!(denied.provisioning.unwrap().state_actor, "tenants/acme");
        let accepted = decide(acme, "2", Accept).await.unwrap();
        assert_eq!(accepted.status(), OfferStatus::Accepted);
        assert_eq!(
            accepted.provisioning.unwrap().consent_basis(),
            ConsentBasis::Accepted
        );
        // The source is in use: with no gateway to wait for, its denial is in force.
        let denied = decide(None, "1", Deny).await.unwrap();
        assert_eq!(denied.status(), OfferStatus::DeniedInForce);
        let accepted = decide(None, "1", Accept)
            .await
            .unwrap()
            .provisioning
            .unwrap();
        assert_eq!(accepted.consent_basis(), ConsentBasis::OnRecord);
        assert!(
            accepted.state_message.ends_with("by phone"),
            "{}",
            accepted.state_message
        );
        assert_eq!(
            reason_of(decide(Some("tenants/beta"), "2", Deny).await),
            reason::NOT_FOUND
        );
        assert_eq!(
            reason_of(decide(acme, "3", Deny).await),
            reason::NOT_PROVISIONED
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_tenant_that_is_asked_again_gets_a_new_link_and_the_old_one_is_void(db: TestDb) {
        let world = with_two(&db).await;
        world.add_tenant("gama", 1).await;
        world.add_tenant("none", 0).await;
        world.ask("gama", "1").await;
        assert_eq!(
            reason_of(world.create("none", "1", false).await),
            reason::NO_CONTACT
        );
        let old = world.token("gama", "1").await;
        let ask = async |tenant: &str, version: &str| {
            world.minutes(1);
            let request = AskAgainRequest {
                name: name(tenant, version),
            };
            world
                .consent()
                .ask_again(request)
                .await
                .map(tonic::Response::into_inner)
                .map_err(Problem::from)
        };
        ask("gama", "1").await.unwrap();
        assert_eq!(
            world.state("gama", "1").await,
            ProvisioningState::PendingAcceptance
        );
        let new = |notices: &[Notice]| {
            notices
                .iter()
                .any(|notice| match &notice.body {
                    Some(notice::Body::AcceptOffered(offered)) => offered.token != old,
                    _ => false,
                })
                .then_some(())
        };
        world.notification.until(new).await;
        let new = world.token("gama", "1").await;
        assert_ne!(new, old);
        assert_eq!(
            reason_of(world.decide(&old, Accept).await),
            reason::TOKEN_VOID
        );
        let offer = world.decide(&new, Accept).await.unwrap();
        assert_eq!(
            (offer.status(), offer.kind()),
            (OfferStatus::Accepted, OfferKind::Accept)
        );
        assert_eq!(
            world.state("gama", "1").await,
            ProvisioningState::Provisioned
        );
        // Being asked takes nothing away.
        assert_eq!(
            ask("gama", "1")
                .await
                .unwrap()
                .provisioning
                .unwrap()
                .state(),
            ProvisioningState::Provisioned
        );
        assert_eq!(reason_of(ask("gama", "2").await), reason::NOT_PROVISIONED);
        world.finish().await;
    }
);

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "right: DeniedTakingEffect")]
    fn a_denial_that_is_said_to_be_in_force_too_early_is_found() {
        plant(Some(Plant::DenyAnsweredWhenRecorded));
        super::a_denial_names_the_gateways_that_do_not_refuse_yet::sqlite();
    }
}
