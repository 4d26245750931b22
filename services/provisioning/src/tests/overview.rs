//! Everything that a tenant has agreed to, behind any of its links, and withdrawing there.

use super::*;

async fn overview(world: &World, token: &str) -> Result<GetOverviewResponse, Problem> {
    let request = GetOverviewRequest {
        token: token.to_owned(),
    };
    Ok(world.page().get_overview(request).await?.into_inner())
}

async fn withdraw(
    world: &World,
    token: &str,
    form: &str,
    (tenant, version): (&str, &str),
    typed: &str,
) -> Result<ConsentEntry, Problem> {
    let request = WithdrawConsentRequest {
        token: token.to_owned(),
        form_token: form.to_owned(),
        provisioning: name(tenant, version),
        typed: typed.to_owned(),
        origin: Some(Origin {
            address: "192.0.2.7".to_owned(),
            user_agent: "Browser".to_owned(),
        }),
    };
    let answer = world.page().withdraw_consent(request).await?;
    Ok(answer.into_inner().entry.unwrap())
}

store::on_both!(
    MIGRATIONS,
    async fn any_link_shows_what_its_tenant_has_agreed_to_when_and_by_whom(db: TestDb) {
        let world = with_two(&db).await;
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        world.decide(&token, Decision::Accept).await.unwrap();
        let seen = overview(&world, &token).await.unwrap();
        assert_eq!(seen.tenant_display_name, "Tenant acme");
        let told: Vec<_> = seen
            .entries
            .iter()
            .map(|entry| {
                (
                    entry.version.as_str(),
                    entry.state(),
                    entry.in_use,
                    entry.actor.as_str(),
                )
            })
            .collect();
        let provisioned = ProvisioningState::Provisioned;
        assert_eq!(
            told,
            [
                ("2", provisioned, true, "consent link, from 192.0.2.7"),
                ("1", provisioned, false, "people/anna"),
            ]
        );
        assert_eq!(seen.entries[0].consent_basis(), ConsentBasis::Accepted);
        let seconds = |number: usize| seen.entries[number].time.unwrap().seconds;
        assert!(seconds(0) > seconds(1));
        assert!(
            seen.entries
                .iter()
                .all(|entry| entry.provisioning.starts_with("tenants/acme/"))
        );
        // A link that is void, because the tenant was asked anew, shows it too.
        let ask = AskAgainRequest {
            name: name("acme", "2"),
        };
        world.consent().ask_again(ask).await.unwrap();
        let void = world.look(&token).await.unwrap().offer.unwrap().status();
        assert_eq!(void, OfferStatus::Void);
        assert_eq!(
            overview(&world, &token).await.unwrap().entries,
            seen.entries
        );

        assert_eq!(
            reason_of(overview(&world, "nonsense").await),
            reason::TOKEN_INVALID
        );
        world.minutes(15 * 24 * 60);
        assert_eq!(
            reason_of(overview(&world, &token).await),
            reason::TOKEN_EXPIRED
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn withdrawing_takes_the_word_two_seconds_and_happens_once(db: TestDb) {
        let world = with_two(&db).await;
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let ours = ("acme", "2");
        let form = overview(&world, &token).await.unwrap().form_token;
        assert_eq!(
            reason_of(withdraw(&world, &token, &form, ours, "crm").await),
            reason::FORM_TOO_FAST
        );
        world.minutes(1);
        assert_eq!(
            reason_of(withdraw(&world, &token, &form, ours, "shop").await),
            reason::GESTURE_MISSING
        );
        // Nobody withdraws for another tenant, nor from what the tenant does not have.
        assert_eq!(
            reason_of(withdraw(&world, &token, &form, ("beta", "2"), "crm").await),
            reason::TOKEN_INVALID
        );
        assert_eq!(
            reason_of(withdraw(&world, &token, &form, ("acme", "3"), "crm").await),
            reason::NOT_PROVISIONED
        );
        // A form of the link's own page is none of this one, and the other way round.
        let other = world.look(&token).await.unwrap().form_token;
        world.minutes(1);
        assert_eq!(
            reason_of(withdraw(&world, &token, &other, ours, "crm").await),
            reason::FORM_STALE
        );
        assert_eq!(
            reason_of(world.submit(&token, &form, Decision::Deny).await),
            reason::FORM_STALE
        );
        assert_eq!(
            world.state("acme", "2").await,
            ProvisioningState::Provisioned,
            "nothing was decided so far"
        );

        let entry = withdraw(&world, &token, &form, ours, " CRM ")
            .await
            .unwrap();
        assert_eq!(
            (entry.state(), entry.denial()),
            (ProvisioningState::Denied, OfferStatus::DeniedInForce)
        );
        // Sent again, it answers how things stand, and withdraws from nothing else.
        let again = withdraw(&world, &token, &form, ours, "crm").await.unwrap();
        assert_eq!(again, entry);
        assert_eq!(
            reason_of(withdraw(&world, &token, &form, ("acme", "1"), "crm").await),
            reason::FORM_STALE
        );
        let told = |notices: &[Notice]| (denials(notices) >= 2).then(|| denials(notices));
        assert_eq!(world.notification.until(told).await, 2, "told to two, once");
        let shown = overview(&world, &token).await.unwrap().entries;
        assert_eq!(shown[0].denial(), OfferStatus::DeniedInForce);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_withdrawal_is_in_force_once_every_gateway_refuses(db: TestDb) {
        let world = with_two_waiting(&db, 20).await;
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let form = overview(&world, &token).await.unwrap().form_token;
        world.minutes(1);
        world.catalog.join("g-1");
        let mut gateway = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let withdrawn = withdraw(&world, &token, &form, ("acme", "2"), "crm");
        let applied = gateway.apply_until("acme", "2", "REFUSAL_REASON_DENIED");
        let (entry, _) = tokio::join!(withdrawn, applied);
        assert_eq!(entry.unwrap().denial(), OfferStatus::DeniedInForce);
        drop(gateway);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn how_many_people_a_tenant_has_is_said_by_its_links_once_the_operator_says_so(
        db: TestDb,
    ) {
        let world = with_two(&db).await;
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let shown = async || {
            world
                .look(&token)
                .await
                .unwrap()
                .offer
                .unwrap()
                .tenant_users
        };
        assert_eq!(shown().await, 0);
        let set = async |users: i64| {
            let request = UpdateTenantRequest {
                tenant: Some(Tenant {
                    name: "tenants/acme".to_owned(),
                    users,
                    ..Default::default()
                }),
                update_mask: Some(prost_types::FieldMask {
                    paths: vec!["users".to_owned()],
                }),
                etag: String::new(),
            };
            let answer = world.tenants().update_tenant(request).await;
            answer.map_err(Problem::from).map(|_| ())
        };
        set(250).await.unwrap();
        assert_eq!(shown().await, 250);
        for wrong in [-1, 1_000_000_001] {
            assert_eq!(reason_of(set(wrong).await), reason::INVALID_FIELDS);
        }
        set(0).await.unwrap();
        assert_eq!(shown().await, 0);
        world.finish().await;
    }
);
