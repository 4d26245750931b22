//! Decisions and the close of consent at the same moment, on different replicas.

use super::*;

store::on_both!(
    MIGRATIONS,
    async fn a_denial_is_in_the_closed_grants_or_knows_that_it_must_wait(db: TestDb) {
        let world = with_two(&db).await;
        let other = world.replica().await;
        let credentials =
            runtime::Credentials::claimed(contract::Role::Service, "services/catalog").unwrap();
        let client = runtime::connect_lazy(&other, &credentials).unwrap();
        let mut driver = switch_consent_service_client::SwitchConsentServiceClient::new(client);
        for number in 2..22 {
            let switch = switch(number);
            world.move_all(&switch, "1", "2", true).await;
            let request = GetProvisioningRequest {
                name: name("acme", "2"),
            };
            let brought = world
                .provisionings()
                .get_provisioning(request)
                .await
                .unwrap()
                .into_inner();
            assert_eq!(brought.provisioning.unwrap().switch, switch);
            let mut seen = std::collections::BTreeSet::new();
            let token = world
                .notification
                .until(|notices| {
                    let offered = notices.iter().filter_map(|notice| match &notice.body {
                        Some(notice::Body::DenyOffered(offered)) => Some(offered),
                        _ => None,
                    });
                    let acme = offered.filter(|offered| {
                        offered.subject.as_ref().unwrap().tenant == "tenants/acme"
                    });
                    let tokens: Vec<_> = acme.map(|offered| offered.token.clone()).collect();
                    seen = tokens.iter().cloned().collect();
                    (tokens.len() == usize::from(number) - 1)
                        .then(|| tokens.last().unwrap().clone())
                })
                .await;
            let form = world.look(&token).await.unwrap().form_token;
            world.minutes(1);
            let close = CloseConsentRequest {
                switch: switch.clone(),
                ..CloseConsentRequest::default()
            };
            let (denied, closed) = tokio::join!(
                world.submit(&token, &form, Decision::Deny),
                driver.close_consent(close)
            );
            let (denied, closed) = (denied.unwrap(), closed.unwrap().into_inner());
            let granted = store::read!(*db.db(), |tx| crate::store::provisionings::find(
                tx,
                &name("acme", "2").parse().unwrap()
            )
            .await)
            .unwrap()
            .unwrap()
            .granted_at
            .get();
            match denied.status() {
                OfferStatus::DeniedRecorded => {
                    assert!(closed.grants_revision >= granted, "the denial was lost");
                    assert_eq!(closed.denied, 1);
                }
                OfferStatus::DeniedInForce => {
                    assert!(closed.grants_revision < granted);
                    assert_eq!(closed.denied, 0);
                }
                other => panic!("{other:?}"),
            }
            world.settle(&switch, SwitchOutcome::GivenUp).await.unwrap();
        }
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn clicks_at_the_same_moment_are_one_decision_after_the_other(db: TestDb) {
        let world = with_two(&db).await;
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let open_page = async || world.look(&token).await.unwrap().form_token;
        let (one, other) = (open_page().await, open_page().await);
        world.minutes(1);
        let (a, b, c) = tokio::join!(
            world.submit(&token, &one, Decision::Deny),
            world.submit(&token, &one, Decision::Deny),
            world.submit(&token, &other, Decision::Deny)
        );
        for offer in [a, b, c] {
            assert_eq!(offer.unwrap().status(), OfferStatus::DeniedInForce);
        }
        let told = |notices: &[Notice]| (denials(notices) >= 2).then(|| denials(notices));
        assert_eq!(
            world.notification.until(told).await,
            2,
            "one denial, told to two"
        );
        let (one, other) = (open_page().await, open_page().await);
        world.minutes(1);
        let (yes, no) = tokio::join!(
            world.submit(&token, &one, Decision::Accept),
            world.submit(&token, &other, Decision::Deny)
        );
        assert!(yes.is_ok() && no.is_ok());
        let last = world.look(&token).await.unwrap().offer.unwrap().status();
        let state = world.state("acme", "2").await;
        match last {
            OfferStatus::Accepted => assert_eq!(state, ProvisioningState::Provisioned),
            OfferStatus::DeniedInForce => assert_eq!(state, ProvisioningState::Denied),
            other => panic!("{other:?}"),
        }
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_denial_that_ends_with_its_switch_while_it_is_waited_for_is_not_in_force(db: TestDb) {
        let world = with_two_waiting(&db, 20).await;
        world.catalog.join("g-1");
        let switch = switch(2);
        world.move_all(&switch, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let form = world.look(&token).await.unwrap().form_token;
        world.minutes(1);
        world.close(&switch).await.unwrap();
        let mut gateway = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let denies = world.submit(&token, &form, Decision::Deny);
        let admitted_again = async {
            let key = ("acme".to_owned(), "2".to_owned());
            let denied = "REFUSAL_REASON_DENIED".to_owned();
            while gateway.next().await.unwrap().grants.get(&key) != Some(&denied) {}
            world.settle(&switch, SwitchOutcome::GivenUp).await.unwrap();
            let now = gateway.next().await.unwrap();
            assert_ne!(now.grants.get(&key), Some(&denied));
            gateway.apply(&now).await;
        };
        let (answer, ()) = tokio::join!(denies, admitted_again);
        assert_eq!(answer.unwrap().status(), OfferStatus::Void);
        world.finish().await;
    }
);

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "the denial was lost")]
    fn a_denial_that_does_not_know_of_the_close_is_found() {
        plant(Some(Plant::PhaseFromCatalog));
        super::a_denial_is_in_the_closed_grants_or_knows_that_it_must_wait::sqlite();
    }
}
