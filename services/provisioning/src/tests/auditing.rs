//! Whoever changes something leaves one entry in the audit log, and nobody else does.

use audit::{Service, testing::Auditor};
use contract::Role;

use super::*;

fn mask(path: &str) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask {
        paths: vec![path.to_owned()],
    })
}

async fn tenants(world: &World, log: &mut Auditor) {
    world.add_tenant("acme", 1).await;
    let made = log.one("CreateTenant").await;
    assert_eq!(
        (made.actor.as_str(), made.role, made.resource.as_str()),
        ("people/anna", Some(Role::OperatorAdmin), "tenants/acme")
    );
    let request = UpdateTenantRequest {
        tenant: Some(Tenant {
            name: "tenants/acme".to_owned(),
            display_name: "Acme".to_owned(),
            ..Default::default()
        }),
        update_mask: mask("display_name"),
        etag: String::new(),
    };
    world
        .tenants()
        .update_tenant(request.clone())
        .await
        .unwrap();
    let changed = log.one("UpdateTenant").await;
    assert!(changed.before.contains("Tenant acme") && changed.after.contains("\"Acme\""));
    world.tenants().update_tenant(request).await.unwrap();
    log.none("what changes nothing").await;
    world.add_tenant("beta", 1).await;
    log.one("CreateTenant").await;
    let request = DeleteTenantRequest {
        name: "tenants/beta".to_owned(),
        etag: String::new(),
    };
    world.tenants().delete_tenant(request).await.unwrap();
    let gone = log.one("DeleteTenant").await;
    assert!(gone.after.is_empty() && !gone.before.is_empty());
}

async fn decisions(world: &World, log: &mut Auditor) {
    world.give("acme", "1").await;
    let given = log.one("CreateProvisioning").await;
    assert_eq!(
        (given.resource.as_str(), given.reason.as_str()),
        (name("acme", "1").as_str(), "contract 7")
    );
    world.switch(1, "", "1", false).await;
    world.switch(2, "1", "2", true).await;
    log.none("what services do").await;
    let token = world.token("acme", "2").await;
    let form = world.look(&token).await.unwrap().form_token;
    log.none("a look at a link").await;
    world.minutes(1);
    world.submit(&token, &form, Decision::Deny).await.unwrap();
    let denied = log.one("DecideOffer").await;
    assert_eq!(
        (denied.actor.as_str(), denied.role),
        ("tenants/acme", None),
        "never the token"
    );
    assert!(denied.asked.contains("DENY") && denied.asked.contains("192.0.2.7"));
    assert!(!denied.line().contains(&token) && !denied.line().contains(&form));
    world.submit(&token, &form, Decision::Deny).await.unwrap();
    log.none("the same form again").await;

    let decide = DecideProvisioningRequest {
        name: name("acme", "2"),
        decision: Decision::Accept.into(),
        reason: "by telephone".to_owned(),
    };
    world.consent().decide_provisioning(decide).await.unwrap();
    let decided = log.one("DecideProvisioning").await;
    assert_eq!(decided.reason, "by telephone");
    assert!(decided.before.contains("DENIED"), "{}", decided.before);
    let ask = AskAgainRequest {
        name: name("acme", "2"),
    };
    world.consent().ask_again(ask).await.unwrap();
    log.one("AskAgain").await;

    let request = GetOverviewRequest {
        token: token.clone(),
    };
    let form = world.page().get_overview(request).await.unwrap();
    world.minutes(1);
    let withdraw = WithdrawConsentRequest {
        token: token.clone(),
        form_token: form.into_inner().form_token,
        provisioning: name("acme", "2"),
        typed: "crm".to_owned(),
        origin: None,
    };
    world
        .page()
        .withdraw_consent(withdraw.clone())
        .await
        .unwrap();
    let withdrawn = log.one("WithdrawConsent").await;
    assert_eq!(withdrawn.actor, "tenants/acme");
    assert!(!withdrawn.line().contains(&token));
    world.page().withdraw_consent(withdraw).await.unwrap();
    log.none("the same form again").await;

    let remove = RemoveProvisioningRequest {
        tenant: "tenants/acme".to_owned(),
        application: "applications/crm".to_owned(),
        reason: "unpaid".to_owned(),
    };
    world
        .provisionings()
        .remove_provisioning(remove)
        .await
        .unwrap();
    let removed = log.one("RemoveProvisioning").await;
    assert_eq!(removed.resource, "tenants/acme/applications/crm");
    assert!(removed.after.contains("STATE_REMOVED"), "{}", removed.after);
}

async fn batches(world: &World, log: &mut Auditor) {
    let tenants = (0..120).map(|number| BatchTenant {
        tenant: format!("tenants/t{number}"),
        contacts: vec![Contact {
            email: format!("a@t{number}.example"),
            display_name: String::new(),
        }],
        consent_reference: "contract 8".to_owned(),
        ..Default::default()
    });
    let provide = |count: usize| BatchProvideRequest {
        version: "applications/crm/versions/2".to_owned(),
        tenants: tenants.clone().take(count).collect(),
        request_id: format!("many-{count}"),
    };
    world.batches().batch_provide(provide(20)).await.unwrap();
    let given = log.one("BatchProvide").await;
    assert_eq!(given.resource, "applications/crm/versions/2");
    assert!(given.asked.contains("tenants/t19") && given.after.contains("CREATED"));
    world.batches().batch_provide(provide(20)).await.unwrap();
    log.none("a repeat").await;
    let remove = BatchRemoveRequest {
        application: "applications/crm".to_owned(),
        tenants: vec!["tenants/t1".to_owned(), "tenants/t2".to_owned()],
        reason: "unpaid".to_owned(),
        request_id: String::new(),
    };
    world.batches().batch_remove(remove.clone()).await.unwrap();
    let taken = log.one("BatchRemove").await;
    assert_eq!(taken.reason, "unpaid");
    world.batches().batch_remove(remove).await.unwrap();
    log.none("what changes nothing").await;
}

async fn credentials(world: &World, log: &mut Auditor) {
    let mut client = credential_service_client::CredentialServiceClient::new(world.operator());
    let request = CreateAppCredentialRequest {
        parent: "applications/crm/versions/1".to_owned(),
        request_id: "once".to_owned(),
        expire_time: None,
    };
    let made = client
        .create_app_credential(request.clone())
        .await
        .unwrap()
        .into_inner();
    let entry = log.one("CreateAppCredential").await;
    let name = made.credential.unwrap().name;
    assert_eq!(entry.resource, name);
    assert!(!entry.line().contains(&made.client_secret));
    client.create_app_credential(request).await.unwrap();
    log.none("a repeat").await;
    let rotate = RotateAppCredentialRequest {
        name: name.clone(),
        overlap: None,
        request_id: "turn".to_owned(),
    };
    client.rotate_app_credential(rotate.clone()).await.unwrap();
    log.one("RotateAppCredential").await;
    client.rotate_app_credential(rotate).await.unwrap();
    log.none("a repeat").await;
    let revoke = RevokeAppCredentialRequest { name };
    client.revoke_app_credential(revoke.clone()).await.unwrap();
    log.one("RevokeAppCredential").await;
    client.revoke_app_credential(revoke).await.unwrap();
    log.none("what changes nothing").await;
}

store::on_both!(
    MIGRATIONS,
    async fn every_change_leaves_one_entry_and_nothing_else_leaves_any(db: TestDb) {
        let world = World::start(&db).await;
        let viewer = world.client(Role::OperatorViewer, "people/vera");
        let mut log = Auditor::begin(viewer, Service::Provisioning).await;
        tenants(&world, &mut log).await;
        decisions(&world, &mut log).await;
        batches(&world, &mut log).await;
        credentials(&world, &mut log).await;
        log.has_seen_every_method();
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_batch_leaves_an_entry_for_each_of_its_transactions(db: TestDb) {
        let world = World::start(&db).await;
        let viewer = world.client(Role::OperatorViewer, "people/vera");
        let mut log = Auditor::begin(viewer, Service::Provisioning).await;
        let tenants = (0..120).map(|number| BatchTenant {
            tenant: format!("tenants/t{number}"),
            consent_reference: "contract 8".to_owned(),
            ..Default::default()
        });
        let request = BatchProvideRequest {
            version: "applications/crm/versions/2".to_owned(),
            tenants: tenants.collect(),
            request_id: String::new(),
        };
        world.batches().batch_provide(request).await.unwrap();
        let entries = log.read().await;
        assert_eq!(entries.len(), 2);
        assert!(entries[0].asked.contains("tenants/t99\""));
        assert!(entries[1].asked.contains("tenants/t100\""));
        world.finish().await;
    }
);
