//! Many tenants at once: each as if alone, and nothing twice.

use super::*;

fn entry(tenant: &str, contacts: usize, reference: &str) -> BatchTenant {
    let contacts = (0..contacts).map(|number| Contact {
        email: format!("admin{number}@{tenant}.example"),
        display_name: String::new(),
    });
    BatchTenant {
        tenant: format!("tenants/{tenant}"),
        display_name: String::new(),
        contacts: contacts.collect(),
        consent_reference: reference.to_owned(),
    }
}

async fn provide(
    world: &World,
    tenants: Vec<BatchTenant>,
    request_id: &str,
) -> Result<Vec<BatchResult>, Problem> {
    let request = BatchProvideRequest {
        version: "applications/crm/versions/1".to_owned(),
        tenants,
        request_id: request_id.to_owned(),
    };
    let answer = world.batches().batch_provide(request).await?;
    Ok(answer.into_inner().results)
}

async fn remove(
    world: &World,
    tenants: &[&str],
    request_id: &str,
) -> Result<Vec<BatchResult>, Problem> {
    let request = BatchRemoveRequest {
        application: "applications/crm".to_owned(),
        tenants: tenants.iter().map(|id| format!("tenants/{id}")).collect(),
        reason: "unpaid".to_owned(),
        request_id: request_id.to_owned(),
    };
    let answer = world.batches().batch_remove(request).await?;
    Ok(answer.into_inner().results)
}

fn outcomes(results: &[BatchResult]) -> Vec<BatchOutcome> {
    results.iter().map(BatchResult::outcome).collect()
}

store::on_both!(
    MIGRATIONS,
    async fn many_are_given_taken_away_and_given_again_each_with_its_answer(db: TestDb) {
        use BatchOutcome::*;
        let world = with_two(&db).await;
        world.add_tenant("gama", 1).await;
        let some = || {
            vec![
                entry("acme", 0, ""),
                entry("gama", 0, ""),
                entry("new", 2, "contract 9"),
                entry("mute", 0, ""),
                entry("late", 1, ""),
            ]
        };
        let given = provide(&world, some(), "").await.unwrap();
        assert_eq!(
            outcomes(&given),
            [Unchanged, Provided, Created, Failed, Created]
        );
        assert_eq!(given[3].reason, reason::NO_CONTACT.as_str());
        assert!(given[3].message.contains("tenants/mute"), "{:?}", given[3]);
        let missing = GetTenantRequest {
            name: "tenants/mute".to_owned(),
        };
        let missing = world.tenants().get_tenant(missing).await;
        assert!(missing.is_err(), "nothing is left of what failed");
        let pending = ProvisioningState::PendingAcceptance;
        assert_eq!(world.state("gama", "1").await, pending);
        let provisioned = ProvisioningState::Provisioned;
        assert_eq!(world.state("new", "1").await, provisioned);
        let new = world.provisioning("new", "1").await;
        assert!(new.state_message.ends_with("contract 9"), "{new:?}");

        let gone = remove(&world, &["acme", "late", "none"], "").await.unwrap();
        assert_eq!(outcomes(&gone), [Removed, Removed, Failed]);
        assert_eq!(gone[2].reason, reason::NOT_FOUND.as_str());
        let again = remove(&world, &["acme", "beta"], "").await.unwrap();
        assert_eq!(outcomes(&again), [Unchanged, Removed]);
        assert_eq!(world.state("acme", "1").await, ProvisioningState::Removed);
        let restored = provide(&world, vec![entry("acme", 0, "contract 10")], "").await;
        assert_eq!(outcomes(&restored.unwrap()), [Restored]);
        assert_eq!(world.state("acme", "1").await, provisioned);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_batch_that_is_sent_again_does_nothing_again_and_says_what_it_did(db: TestDb) {
        use BatchOutcome::*;
        let world = with_two(&db).await;
        let some = || vec![entry("new", 1, "contract 9"), entry("mute", 0, "")];
        let first = provide(&world, some(), "monday").await.unwrap();
        assert_eq!(outcomes(&first), [Created, Failed]);
        remove(&world, &["new"], "tuesday").await.unwrap();
        // A copy of Monday's request that was under way for long gives nothing back.
        let late = provide(&world, some(), "monday").await.unwrap();
        assert_eq!(late, first);
        assert_eq!(world.state("new", "1").await, ProvisioningState::Removed);
        let other = remove(&world, &["new"], "monday").await.unwrap();
        assert_eq!(other[0].reason, reason::REQUEST_ID_REUSED.as_str());
        // After a week it is another request.
        world.minutes(7 * 24 * 60 + 1);
        let anew = provide(&world, some(), "monday").await.unwrap();
        assert_eq!(outcomes(&anew), [Restored, Failed]);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn whoever_is_given_it_while_a_switch_is_open_is_moved_along(db: TestDb) {
        let world = with_two(&db).await;
        world.move_all(&switch(2), "1", "2", false).await;
        let some = (0..150).map(|number| entry(&format!("t{number:03}"), 0, "contract 9"));
        let given = provide(&world, some.collect(), "").await.unwrap();
        let created = |outcome| outcome == BatchOutcome::Created;
        assert!(outcomes(&given).into_iter().all(created));
        let moved = world.step(&switch(2), "1", "2", false).await.unwrap();
        assert_eq!((moved.total, moved.moved, moved.done), (152, 152, true));
        assert_eq!(
            world.state("t149", "2").await,
            ProvisioningState::Provisioned
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_batch_that_is_wrong_is_refused_whole_and_says_where(db: TestDb) {
        let world = with_two(&db).await;
        let long = || (0..501).map(|number| entry(&format!("t{number}"), 0, "x"));
        let twice = vec![entry("one", 0, "x"), entry("one", 0, "x")];
        let wrong = vec![entry("one", 0, "x"), entry("Not-one", 0, "x")];
        let cases = [
            (Vec::new(), "tenants"),
            (long().collect(), "tenants"),
            (twice, "tenants[1].tenant"),
            (wrong, "tenants[1].tenant"),
        ];
        for (tenants, field) in cases {
            let refused = provide(&world, tenants, "").await.unwrap_err();
            assert_eq!(refused.reason(), &reason::INVALID_FIELDS);
            let named = refused.fields().iter().any(|found| found.field == field);
            assert!(named, "{field}: {refused:?}");
        }
        let many: Vec<_> = vec!["acme"; 501];
        assert_eq!(
            reason_of(remove(&world, &many, "").await),
            reason::INVALID_FIELDS
        );
        let list = ListTenantsRequest::default();
        let tenants = world.tenants().list_tenants(list).await.unwrap();
        assert_eq!(tenants.into_inner().tenants.len(), 2, "nothing was done");
        world.finish().await;
    }
);
