//! Giving and taking away, and who may see it.

use super::*;

store::on_both!(
    MIGRATIONS,
    async fn a_tenant_that_is_asked_is_let_in_when_it_accepts(db: TestDb) {
        let world = World::start(&db).await;
        world.add_tenant("acme", 2).await;
        world.notification.feel(Mood::Down);
        let asked = world.create("acme", "1", false).await.unwrap();
        assert_eq!(asked.state(), ProvisioningState::Requested);
        world.notification.feel(Mood::Good);
        assert_eq!(
            world.state("acme", "1").await,
            ProvisioningState::PendingAcceptance
        );
        assert_eq!(asked.state_actor, "people/anna");
        let expires = asked.offer_expire_time.unwrap().seconds - asked.create_time.unwrap().seconds;
        assert_eq!(expires, 14 * 24 * 60 * 60);
        assert_eq!(
            reason_of(world.create("acme", "1", false).await),
            reason::ALREADY_PROVISIONED
        );
        assert_eq!(
            reason_of(world.create("acme", "9", false).await),
            reason::NOT_FOUND
        );
        assert_eq!(
            reason_of(world.create("none", "1", false).await),
            reason::NOT_FOUND
        );
        let token = world.token("acme", "1").await;
        let offer = world.decide(&token, Decision::Accept).await.unwrap();
        assert_eq!(
            (offer.status(), offer.source_version.as_str()),
            (OfferStatus::Accepted, "")
        );
        let row = world.provisioning("acme", "1").await;
        assert_eq!(
            (row.state(), row.consent_basis()),
            (ProvisioningState::Provisioned, ConsentBasis::Accepted)
        );
        world.catalog.go_down(true);
        assert_eq!(
            reason_of(world.create("acme", "2", false).await),
            reason::PEER_UNAVAILABLE
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn what_is_taken_away_is_refused_told_and_can_be_given_back(db: TestDb) {
        let world = with_two(&db).await;
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let remove = async || {
            let request = RemoveProvisioningRequest {
                tenant: "tenants/acme".to_owned(),
                application: "applications/crm".to_owned(),
                reason: "unpaid".to_owned(),
            };
            let removed = world.provisionings().remove_provisioning(request).await;
            removed
                .map(|removed| removed.into_inner().provisionings)
                .map_err(Problem::from)
        };
        let removed = remove().await.unwrap();
        assert_eq!(removed.len(), 2);
        assert!(
            removed
                .iter()
                .all(|row| row.state() == ProvisioningState::Removed)
        );
        assert!(removed[0].state_message.ends_with("unpaid"));
        assert_eq!(reason_of(remove().await), reason::NOT_PROVISIONED);
        assert_eq!(
            world.look(&token).await.unwrap().offer.unwrap().status(),
            OfferStatus::Void
        );
        let told = world
            .notification
            .until(|notices| {
                notices.iter().find_map(|notice| match &notice.body {
                    Some(notice::Body::AccessRemoved(removed)) => Some(removed.clone()),
                    _ => None,
                })
            })
            .await;
        assert_eq!(told.message, "unpaid");
        world.give("acme", "2").await;
        assert_eq!(
            world.state("acme", "2").await,
            ProvisioningState::Provisioned
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_tenants_admin_sees_and_touches_its_own_alone(db: TestDb) {
        let world = with_two(&db).await;
        let client = world.client(contract::Role::TenantAdmin, "tenants/acme");
        let mut provisionings =
            provisioning_service_client::ProvisioningServiceClient::new(client.clone());
        let mut tenants = tenant_service_client::TenantServiceClient::new(client);
        let list = |parent: &str| ListProvisioningsRequest {
            parent: parent.to_owned(),
            ..Default::default()
        };
        for parent in ["tenants/-", "tenants/acme"] {
            let page = provisionings
                .list_provisionings(list(parent))
                .await
                .unwrap()
                .into_inner();
            let names: Vec<_> = page.provisionings.into_iter().map(|row| row.name).collect();
            assert_eq!(names, [name("acme", "1")], "{parent}");
        }
        let foreign = provisionings
            .list_provisionings(list("tenants/beta"))
            .await
            .unwrap_err();
        assert_eq!(Problem::from(foreign), Problem::not_found("tenants/beta"));
        let request = GetProvisioningRequest {
            name: name("beta", "1"),
        };
        assert_eq!(
            Problem::from(provisionings.get_provisioning(request).await.unwrap_err()).code(),
            contract::Code::NotFound
        );
        let get = |tenant: &str| GetTenantRequest {
            name: format!("tenants/{tenant}"),
        };
        assert!(tenants.get_tenant(get("acme")).await.is_ok());
        let foreign = Problem::from(tenants.get_tenant(get("beta")).await.unwrap_err());
        let missing = Problem::from(tenants.get_tenant(get("none")).await.unwrap_err());
        assert_eq!(
            (foreign.code(), foreign.reason()),
            (missing.code(), missing.reason())
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn provisionings_are_listed_in_order_and_a_token_fits_its_own_list(db: TestDb) {
        let world = with_two(&db).await;
        world.catalog.add_version("erp", "1", false);
        world.switch(2, "1", "2", false).await;
        let list = async |parent: &str, application: &str, page_token: &str| {
            let request = ListProvisioningsRequest {
                parent: parent.to_owned(),
                application: application.to_owned(),
                page_size: 3,
                page_token: page_token.to_owned(),
                ..Default::default()
            };
            let page = world.provisionings().list_provisionings(request).await;
            page.map(tonic::Response::into_inner).map_err(Problem::from)
        };
        let first = list("tenants/-", "", "").await.unwrap();
        let rest = list("tenants/-", "", &first.next_page_token).await.unwrap();
        let names: Vec<_> = first
            .provisionings
            .iter()
            .chain(&rest.provisionings)
            .map(|row| row.name.clone())
            .collect();
        assert_eq!(
            names,
            [
                name("acme", "1"),
                name("acme", "2"),
                name("beta", "1"),
                name("beta", "2")
            ]
        );
        assert!(
            list("tenants/acme", "", &first.next_page_token)
                .await
                .is_err()
        );
        assert!(
            list("tenants/-", "applications/crm", &first.next_page_token)
                .await
                .is_err()
        );
        assert_eq!(
            list("tenants/-", "applications/erp", "")
                .await
                .unwrap()
                .provisionings
                .len(),
            0
        );
        world.finish().await;
    }
);
