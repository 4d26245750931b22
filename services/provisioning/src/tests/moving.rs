//! Moving tenants with a switch, and going back.

use super::*;
use crate::{
    consent::{Basis, Consent, Since, Standing},
    error::Error,
    prepare::{self, Outcome},
    provisioning::Provisioning,
    store::{grants, provisionings, tenants},
    tenant::{Contact, Profile, Tenant},
};

/// Writes many tenants that use version 1.
async fn fill(db: &TestDb, count: usize) {
    let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let written: Result<(), store::Error> = store::write!(*db.db(), |tx| {
        let granted_at = grants::advance(tx).await?;
        for number in 0..count {
            let id: contract::TenantId = format!("t{number:06}").parse().unwrap();
            let contact = Contact {
                email: format!("{id}@example.org").parse().unwrap(),
                display_name: None,
            };
            let tenant = Tenant {
                id: id.clone(),
                profile: Profile {
                    display_name: "Many".parse().unwrap(),
                    contacts: vec![contact],
                    users: None,
                },
                request: None,
                revision: provisionings::first(),
                created_at: at,
                updated_at: at,
            };
            assert!(tenants::insert(tx, &tenant).await?);
            let row = Provisioning {
                name: name(id.as_str(), "1").parse().unwrap(),
                consent: Consent {
                    standing: Standing::Provisioned(Basis::Accepted),
                    since: Since {
                        at,
                        actor: "people/anna".to_owned(),
                        note: String::new(),
                    },
                    brought_by: None,
                    under: None,
                },
                created_at: at,
                revision: provisionings::first(),
                granted_at,
            };
            provisionings::put(tx, &row).await?;
        }
        Ok(())
    });
    written.unwrap();
}

store::on_both!(
    MIGRATIONS,
    async fn three_thousand_tenants_are_moved_once_each_over_restarts_and_repeats(db: TestDb) {
        const COUNT: i64 = 3000;
        let mut world = World::start(&db).await;
        fill(&db, usize::try_from(COUNT).unwrap()).await;
        let switch = switch(1);
        let mut calls = 0;
        let moved = loop {
            let moved = world.step(&switch, "1", "2", true).await.unwrap();
            calls += 1;
            assert_eq!(moved.total, COUNT);
            assert_eq!(
                (moved.moved, moved.mailed, moved.failed),
                (moved.moved.min(COUNT), moved.moved, 0)
            );
            if calls == 2 {
                world.restart().await;
            }
            if moved.done {
                break moved;
            }
        };
        assert!(calls > 3, "{calls} calls are not several");
        assert_eq!((moved.moved, moved.mailed), (COUNT, COUNT));
        assert_eq!(world.step(&switch, "1", "2", true).await.unwrap(), moved);
        let count = usize::try_from(COUNT).unwrap();
        let offered = |notices: &[Notice]| (notices.len() >= count).then_some(notices.len());
        assert_eq!(world.notification.until(offered).await, count);
        let mut gateway = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let all = gateway.next().await.unwrap();
        assert_eq!((all.parts, all.grants.len()), (6, 2 * count));
        drop(gateway);
        assert_eq!(world.close(&switch).await.unwrap().denied, 0);
        // A call that has no time settles a part and says that there is more; the outcome counts.
        let (service, named) = (world.service(&db), switch.parse().unwrap());
        let mut parts = 0;
        let denied = loop {
            let no_time = Duration::ZERO;
            match prepare::settle_within(&service, &named, Outcome::GivenUp, no_time).await {
                Ok(denied) => break denied,
                Err(Error::SettlesOn(_)) => parts += 1,
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!((denied, parts), (0, 6));
        assert_eq!(world.settle(&switch, SwitchOutcome::GivenUp).await, Ok(0));
        assert_eq!(
            world.state("t000000", "2").await,
            ProvisioningState::Removed
        );
        assert_eq!(
            world.state("t002999", "2").await,
            ProvisioningState::Removed
        );
        let left = store::read!(*db.db(), |tx| provisionings::under(
            tx,
            switch.rsplit('/').next().unwrap().parse().unwrap(),
            1
        )
        .await);
        assert!(left.unwrap().is_empty());
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn every_tenant_comes_to_the_target_as_it_stands_at_the_source(db: TestDb) {
        let world = with_two(&db).await;
        for (tenant, contacts) in [("asked", 1), ("denied", 1), ("mute", 0), ("gone", 1)] {
            world.add_tenant(tenant, contacts).await;
        }
        world.ask("asked", "1").await;
        for tenant in ["denied", "mute", "gone"] {
            world.give(tenant, "1").await;
        }
        let deny = DecideProvisioningRequest {
            name: name("denied", "1"),
            decision: Decision::Deny.into(),
            reason: String::new(),
        };
        world.consent().decide_provisioning(deny).await.unwrap();
        let remove = RemoveProvisioningRequest {
            tenant: "tenants/gone".to_owned(),
            application: "applications/crm".to_owned(),
            reason: "moved out".to_owned(),
        };
        world
            .provisionings()
            .remove_provisioning(remove)
            .await
            .unwrap();
        let first = world.token("asked", "1").await;

        let moved = world.move_all(&switch(2), "1", "2", true).await;
        assert_eq!(
            (moved.total, moved.moved, moved.mailed, moved.failed),
            (5, 5, 4, 1)
        );
        assert_eq!(moved.failures[0].tenant, "tenants/mute");
        assert_eq!(
            moved.failures[0].message,
            "The tenant has no contact to tell."
        );
        let expected = [
            ("acme", ProvisioningState::Provisioned),
            ("asked", ProvisioningState::PendingAcceptance),
            ("denied", ProvisioningState::PendingAcceptance),
            ("mute", ProvisioningState::Failed),
        ];
        for (tenant, state) in expected {
            assert_eq!(world.state(tenant, "2").await, state, "{tenant}");
            let row = world.provisioning(tenant, "2").await;
            assert_eq!(row.switch, switch(2), "{tenant}");
        }
        let request = GetProvisioningRequest {
            name: name("gone", "2"),
        };
        assert!(
            world
                .provisionings()
                .get_provisioning(request)
                .await
                .is_err()
        );
        // One question at a time.
        assert_eq!(
            world.look(&first).await.unwrap().offer.unwrap().status(),
            OfferStatus::Void
        );
        let second = world.token("asked", "2").await;
        assert_eq!(
            world.look(&second).await.unwrap().offer.unwrap().kind(),
            OfferKind::Accept
        );

        // Given up: the first question is open again, and the denial of the source stands.
        world
            .settle(&switch(2), SwitchOutcome::GivenUp)
            .await
            .unwrap();
        assert_eq!(
            world.look(&first).await.unwrap().offer.unwrap().status(),
            OfferStatus::Open
        );
        assert_eq!(
            world.look(&second).await.unwrap().offer.unwrap().status(),
            OfferStatus::Void
        );
        assert_eq!(world.state("denied", "1").await, ProvisioningState::Denied);
        for (tenant, _) in expected {
            assert_eq!(world.state(tenant, "2").await, ProvisioningState::Removed);
        }
        // The next try is a new one, in every row.
        let moved = world.move_all(&switch(3), "1", "2", false).await;
        assert_eq!(
            (moved.total, moved.moved, moved.mailed, moved.failed),
            (5, 5, 2, 0)
        );
        assert_eq!(
            world.provisioning("mute", "2").await.consent_basis(),
            ConsentBasis::Moved
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn whoever_failed_at_the_source_is_asked_or_fails_again_by_name_and_never_vanishes(
        db: TestDb,
    ) {
        let world = with_two(&db).await;
        for tenant in ["found", "mute"] {
            world.add_tenant(tenant, 0).await;
            world.give(tenant, "1").await;
        }
        let moved = world.move_all(&switch(2), "1", "2", true).await;
        assert_eq!((moved.total, moved.failed), (4, 2));
        world.close(&switch(2)).await.unwrap();
        world
            .settle(&switch(2), SwitchOutcome::Committed)
            .await
            .unwrap();
        world.add_contact("found").await;

        // Without notice: nobody has agreed to the source, so nobody is let in silently.
        let moved = world.move_all(&switch(3), "2", "3", false).await;
        assert_eq!(
            (moved.total, moved.moved, moved.mailed, moved.failed),
            (4, 4, 1, 1)
        );
        assert_eq!(moved.failures[0].tenant, "tenants/mute");
        assert_eq!(
            world.state("found", "3").await,
            ProvisioningState::PendingAcceptance
        );
        let failed = world.provisioning("mute", "3").await;
        assert_eq!(
            (failed.state(), failed.switch.as_str()),
            (ProvisioningState::Failed, switch(3).as_str())
        );
        assert!(failed.state_message.contains("no contact"), "{failed:?}");

        // Given up, the target knows nothing of them, and the source is as it was.
        world
            .settle(&switch(3), SwitchOutcome::GivenUp)
            .await
            .unwrap();
        assert_eq!(world.state("mute", "3").await, ProvisioningState::Removed);
        assert_eq!(world.state("mute", "2").await, ProvisioningState::Failed);

        // Back at the version that they do have, each has its own standing again.
        let moved = world.move_all(&switch(4), "2", "1", false).await;
        assert_eq!((moved.total, moved.failed), (4, 0));
        assert_eq!(
            world.state("mute", "1").await,
            ProvisioningState::Provisioned
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn on_the_way_back_each_tenant_keeps_its_own_standing_and_is_told(db: TestDb) {
        let world = with_two(&db).await;
        world.switch(2, "1", "2", true).await;
        let old = world.token("beta", "2").await;
        let deny = DecideProvisioningRequest {
            name: name("beta", "1"),
            decision: Decision::Deny.into(),
            reason: String::new(),
        };
        world.consent().decide_provisioning(deny).await.unwrap();
        let moved = world.move_all(&switch(3), "2", "1", true).await;
        assert_eq!(
            (moved.moved, moved.mailed),
            (2, 1),
            "whoever has denied it already is not told how to"
        );
        let acme = world.provisioning("acme", "1").await;
        assert_eq!(
            (acme.state(), acme.consent_basis()),
            (ProvisioningState::Provisioned, ConsentBasis::OnRecord)
        );
        assert_eq!(world.state("beta", "1").await, ProvisioningState::Denied);
        let token = world.token("acme", "1").await;
        let offer = world.look(&token).await.unwrap().offer.unwrap();
        assert_eq!(
            (offer.status(), offer.source_version.as_str()),
            (OfferStatus::Open, "2")
        );
        // A denial under this switch is void with it, and what stood before stands.
        assert_eq!(
            world.decide(&token, Decision::Deny).await.unwrap().status(),
            OfferStatus::DeniedRecorded
        );
        world
            .settle(&switch(3), SwitchOutcome::GivenUp)
            .await
            .unwrap();
        assert_eq!(
            world.provisioning("acme", "1").await.consent_basis(),
            ConsentBasis::OnRecord
        );
        // An older switch's link takes nothing away under a later one to the same version.
        world.switch(4, "2", "1", false).await;
        world.move_all(&switch(5), "1", "2", false).await;
        assert_eq!(
            reason_of(world.decide(&old, Decision::Deny).await),
            reason::TOKEN_VOID
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn whoever_joins_or_decides_during_the_move_is_moved_like_the_others(db: TestDb) {
        let world = with_two(&db).await;
        let switch = switch(2);
        world.move_all(&switch, "1", "2", false).await;
        for tenant in ["late", "later"] {
            world.add_tenant(tenant, 1).await;
        }
        world.give("late", "1").await;
        world.ask("later", "1").await;
        assert_eq!(
            world.state("late", "2").await,
            ProvisioningState::Provisioned
        );
        assert_eq!(
            world.state("later", "2").await,
            ProvisioningState::PendingAcceptance
        );
        let moved = world.step(&switch, "1", "2", false).await.unwrap();
        assert_eq!((moved.done, moved.total, moved.moved), (true, 4, 4));
        // Nobody is let in on the word that they have taken back.
        let decide = async |tenant: &str, decision: Decision| {
            let request = DecideProvisioningRequest {
                name: name(tenant, "1"),
                decision: decision.into(),
                reason: String::new(),
            };
            world.consent().decide_provisioning(request).await.unwrap();
        };
        decide("acme", Decision::Deny).await;
        assert_eq!(
            world.state("acme", "2").await,
            ProvisioningState::PendingAcceptance
        );
        decide("later", Decision::Accept).await;
        assert_eq!(
            world.state("later", "2").await,
            ProvisioningState::Provisioned
        );
        // What is taken away stays away, however the switch ends.
        let remove = RemoveProvisioningRequest {
            tenant: "tenants/beta".to_owned(),
            application: "applications/crm".to_owned(),
            reason: String::new(),
        };
        world
            .provisionings()
            .remove_provisioning(remove)
            .await
            .unwrap();
        world.settle(&switch, SwitchOutcome::GivenUp).await.unwrap();
        for version in ["1", "2"] {
            assert_eq!(
                world.state("beta", version).await,
                ProvisioningState::Removed
            );
        }
        assert_eq!(
            world.state("late", "1").await,
            ProvisioningState::Provisioned
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn calls_that_come_twice_late_or_for_another_switch_do_no_harm(db: TestDb) {
        let world = with_two(&db).await;
        let (unknown, begun) = (switch(9), switch(2));
        assert_eq!(reason_of(world.close(&unknown).await), reason::NOT_FOUND);
        assert_eq!(
            reason_of(world.settle(&unknown, SwitchOutcome::Committed).await),
            reason::NOT_FOUND
        );
        assert_eq!(world.settle(&unknown, SwitchOutcome::GivenUp).await, Ok(0));
        assert_eq!(world.settle(&unknown, SwitchOutcome::GivenUp).await, Ok(0));
        assert_eq!(
            reason_of(world.step(&unknown, "1", "2", true).await),
            reason::SWITCH_ENDED
        );
        assert_eq!(reason_of(world.close(&unknown).await), reason::SWITCH_ENDED);

        world.move_all(&begun, "1", "2", true).await;
        assert_eq!(
            reason_of(world.step(&begun, "1", "3", true).await),
            reason::ALREADY_EXISTS
        );
        assert_eq!(
            reason_of(world.step(&switch(3), "1", "3", true).await),
            reason::SWITCH_OPEN
        );
        let closed = world.close(&begun).await.unwrap();
        assert_eq!(world.close(&begun).await.unwrap(), closed);
        assert!(world.step(&begun, "1", "2", true).await.unwrap().done);
        assert_eq!(world.settle(&begun, SwitchOutcome::Committed).await, Ok(0));
        assert_eq!(world.settle(&begun, SwitchOutcome::Committed).await, Ok(0));
        assert_eq!(
            reason_of(world.settle(&begun, SwitchOutcome::GivenUp).await),
            reason::SWITCH_ENDED
        );
        assert!(world.close(&begun).await.is_ok());

        world.move_all(&switch(3), "2", "3", true).await;
        world
            .settle(&switch(3), SwitchOutcome::GivenUp)
            .await
            .unwrap();
        assert_eq!(
            reason_of(world.step(&switch(3), "2", "3", true).await),
            reason::SWITCH_ENDED
        );
        for (source, target) in [("1", "1"), ("1", ""), ("1", "a b")] {
            assert_eq!(
                reason_of(world.step(&switch(4), source, target, true).await),
                reason::INVALID_FIELDS
            );
        }
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_first_activation_moves_nobody_and_keeps_what_there_is(db: TestDb) {
        let world = World::start(&db).await;
        for tenant in ["acme", "beta"] {
            world.add_tenant(tenant, 1).await;
        }
        world.give("acme", "1").await;
        world.ask("beta", "1").await;
        let moved = world.step(&switch(1), "", "1", true).await.unwrap();
        assert_eq!(
            (moved.done, moved.total, moved.moved, moved.mailed),
            (true, 2, 2, 0)
        );
        let token = world.token("beta", "1").await;
        assert_eq!(
            world.decide(&token, Decision::Deny).await.unwrap().status(),
            OfferStatus::DeniedRecorded
        );
        // It has said no to the application, not to the switch.
        world
            .settle(&switch(1), SwitchOutcome::GivenUp)
            .await
            .unwrap();
        assert_eq!(world.state("beta", "1").await, ProvisioningState::Denied);
        assert_eq!(
            world.state("acme", "1").await,
            ProvisioningState::Provisioned
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn whoever_fixes_the_denials_hears_how_many_deny_and_which_of_those_it_watches(
        db: TestDb,
    ) {
        let world = World::start(&db).await;
        for tenant in ["anna", "bert", "cleo"] {
            world.add_tenant(tenant, 1).await;
            world.create(tenant, "1", true).await.unwrap();
        }
        world.move_all(&switch(1), "", "1", false).await;
        world
            .settle(&switch(1), SwitchOutcome::Committed)
            .await
            .unwrap();
        world.move_all(&switch(2), "1", "2", false).await;
        for tenant in ["anna", "bert"] {
            let deny = DecideProvisioningRequest {
                name: name(tenant, "2"),
                decision: Decision::Deny.into(),
                reason: String::new(),
            };
            world.consent().decide_provisioning(deny).await.unwrap();
        }
        let watched = ["bert", "cleo", "nobody"];
        let closed = world.close_watching(&switch(2), &watched).await.unwrap();
        assert_eq!((closed.denied, closed.tenants), (2, 3));
        assert_eq!(closed.watched_denied, ["tenants/bert"]);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn tenants_are_asked_anew_where_the_target_asks_for_more(db: TestDb) {
        let world = World::start(&db).await;
        for tenant in ["anna", "bert"] {
            world.add_tenant(tenant, 1).await;
            world.create(tenant, "1", true).await.unwrap();
        }
        // Has agreed to the target before.
        world.create("anna", "2", true).await.unwrap();
        world.move_all(&switch(1), "", "1", false).await;
        world
            .settle(&switch(1), SwitchOutcome::Committed)
            .await
            .unwrap();
        let ask = MoveTenantsRequest {
            switch: switch(2),
            application_display_name: "Customers".to_owned(),
            source_version: "1".to_owned(),
            target_version: "2".to_owned(),
            notice: true,
            asks: true,
            ..MoveTenantsRequest::default()
        };
        world.minutes(1);
        let moved = world.driver().move_tenants(ask.clone()).await.unwrap();
        assert_eq!(moved.into_inner().mailed, 2);
        // What a later call says of it changes nothing.
        let late = MoveTenantsRequest { asks: false, ..ask };
        assert!(
            world
                .driver()
                .move_tenants(late)
                .await
                .unwrap()
                .into_inner()
                .done
        );
        assert_eq!(
            world.state("anna", "2").await,
            ProvisioningState::Provisioned
        );
        assert_eq!(
            world.state("bert", "2").await,
            ProvisioningState::PendingAcceptance
        );
        world.close(&switch(2)).await.unwrap();
        world
            .settle(&switch(2), SwitchOutcome::Committed)
            .await
            .unwrap();
        assert_eq!(
            world.state("bert", "2").await,
            ProvisioningState::PendingAcceptance
        );
    }
);
