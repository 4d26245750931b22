//! Tenants as resources.

use super::*;

fn tenant(display_name: &str, emails: &[&str]) -> Tenant {
    let contacts = emails.iter().map(|email| Contact {
        email: (*email).to_owned(),
        display_name: "Anna".to_owned(),
    });
    Tenant {
        display_name: display_name.to_owned(),
        contacts: contacts.collect(),
        ..Default::default()
    }
}

async fn create(
    world: &World,
    id: &str,
    tenant: Tenant,
    request_id: &str,
) -> Result<Tenant, Problem> {
    let request = CreateTenantRequest {
        tenant_id: id.to_owned(),
        tenant: Some(tenant),
        request_id: request_id.to_owned(),
    };
    Ok(world
        .tenants()
        .create_tenant(request)
        .await?
        .into_inner()
        .tenant
        .unwrap())
}

store::on_both!(
    MIGRATIONS,
    async fn everything_that_is_wrong_with_a_tenant_is_told_at_once(db: TestDb) {
        let world = World::start(&db).await;
        let wrong = tenant(" ", &["a@b.example", "nobody", "a@b.example"]);
        let problem = create(&world, "Acme", wrong, "ä").await.unwrap_err();
        let fields: Vec<_> = problem
            .fields()
            .iter()
            .map(|field| field.field.as_str())
            .collect();
        let expected = [
            "tenant_id",
            "request_id",
            "tenant.display_name",
            "tenant.contacts[1].email",
            "tenant.contacts[2].email",
        ];
        assert_eq!(fields, expected);
        assert_eq!(problem.reason(), &reason::INVALID_FIELDS);
        let many = vec!["a@b.example"; 21];
        let problem = create(&world, "acme", tenant("A", &many), "")
            .await
            .unwrap_err();
        assert_eq!(problem.fields()[0].field, "tenant.contacts");
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_retry_answers_with_what_the_first_call_made(db: TestDb) {
        let world = World::start(&db).await;
        let given = tenant("Acme", &["a@acme.example"]);
        let made = create(&world, "acme", given.clone(), "r-1").await.unwrap();
        assert_eq!(
            (made.name.as_str(), made.etag.as_str()),
            ("tenants/acme", "r1")
        );
        world.minutes(1);
        assert_eq!(
            create(&world, "acme", given.clone(), "r-1").await.unwrap(),
            made
        );
        let other = tenant("Other", &[]);
        assert_eq!(
            reason_of(create(&world, "acme", other, "r-1").await),
            reason::REQUEST_ID_REUSED
        );
        assert_eq!(
            reason_of(create(&world, "beta", given.clone(), "r-1").await),
            reason::REQUEST_ID_REUSED
        );
        assert_eq!(
            reason_of(create(&world, "acme", given.clone(), "r-2").await),
            reason::ALREADY_EXISTS
        );
        assert_eq!(
            reason_of(create(&world, "acme", given, "").await),
            reason::ALREADY_EXISTS
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn an_update_changes_what_its_mask_names_of_what_was_seen(db: TestDb) {
        let world = World::start(&db).await;
        let made = create(&world, "acme", tenant("Acme", &["a@acme.example"]), "")
            .await
            .unwrap();
        let update = async |given: Tenant, paths: &[&str], etag: &str| -> Result<Tenant, Problem> {
            let request = UpdateTenantRequest {
                tenant: Some(Tenant {
                    name: "tenants/acme".to_owned(),
                    ..given
                }),
                update_mask: Some(prost_types::FieldMask {
                    paths: paths.iter().map(|path| (*path).to_owned()).collect(),
                }),
                etag: etag.to_owned(),
            };
            Ok(world
                .tenants()
                .update_tenant(request)
                .await?
                .into_inner()
                .tenant
                .unwrap())
        };
        world.minutes(1);
        let renamed = update(tenant("New", &[]), &["display_name"], &made.etag)
            .await
            .unwrap();
        assert_eq!(
            (renamed.display_name.as_str(), &renamed.contacts),
            ("New", &made.contacts)
        );
        assert!(renamed.update_time.unwrap().seconds > made.update_time.unwrap().seconds);
        assert_eq!(
            reason_of(update(tenant("X", &[]), &["display_name"], &made.etag).await),
            reason::STALE_ETAG
        );
        let cleared = update(tenant("", &[]), &["contacts"], "").await.unwrap();
        assert_eq!(
            (cleared.display_name.as_str(), cleared.contacts.len()),
            ("New", 0)
        );
        assert_eq!(
            update(tenant("New", &[]), &[], "").await.unwrap(),
            cleared,
            "nothing new is no change"
        );
        let problem = update(tenant("X", &[]), &["colour"], "").await.unwrap_err();
        assert_eq!(problem.fields()[0].field, "update_mask.paths");
        let problem = update(tenant("", &[]), &["display_name"], "")
            .await
            .unwrap_err();
        assert_eq!(problem.fields()[0].field, "tenant.display_name");
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn tenants_are_listed_by_name_page_by_page(db: TestDb) {
        let world = World::start(&db).await;
        for id in ["cc", "aa", "b1", "bb"] {
            world.add_tenant(id, 0).await;
        }
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListTenantsRequest {
                page_size: 3,
                page_token,
            };
            let page = world
                .tenants()
                .list_tenants(request)
                .await
                .unwrap()
                .into_inner();
            seen.extend(page.tenants.into_iter().map(|tenant| tenant.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(
            seen,
            ["tenants/aa", "tenants/b1", "tenants/bb", "tenants/cc"]
        );
        let request = ListTenantsRequest {
            page_size: 0,
            page_token: "garbage".to_owned(),
        };
        let problem = Problem::from(world.tenants().list_tenants(request).await.unwrap_err());
        assert_eq!(problem.fields()[0].field, "page_token");
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_tenant_is_deleted_once_nothing_is_left_and_gateways_still_refuse_it(db: TestDb) {
        let world = with_two(&db).await;
        let delete = async |etag: &str| {
            let request = DeleteTenantRequest {
                name: "tenants/acme".to_owned(),
                etag: etag.to_owned(),
            };
            world
                .tenants()
                .delete_tenant(request)
                .await
                .map(drop)
                .map_err(Problem::from)
        };
        assert_eq!(reason_of(delete("").await), reason::ALREADY_PROVISIONED);
        let remove = RemoveProvisioningRequest {
            tenant: "tenants/acme".to_owned(),
            application: "applications/crm".to_owned(),
            reason: "the secret reason".to_owned(),
        };
        world
            .provisionings()
            .remove_provisioning(remove)
            .await
            .unwrap();
        assert_eq!(reason_of(delete("r7").await), reason::STALE_ETAG);
        delete("r1").await.unwrap();
        assert_eq!(reason_of(delete("").await), reason::NOT_FOUND);
        let request = GetProvisioningRequest {
            name: name("acme", "1"),
        };
        assert!(
            world
                .provisionings()
                .get_provisioning(request)
                .await
                .is_err()
        );
        let mut gateway = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let key = ("acme".to_owned(), "1".to_owned());
        assert_eq!(
            gateway.next().await.unwrap().grants[&key],
            "REFUSAL_REASON_REMOVED"
        );
        // Whoever takes the id next finds nothing of it.
        world.add_tenant("acme", 1).await;
        assert!(
            !world
                .provisioning("acme", "1")
                .await
                .state_message
                .contains("secret")
        );
        drop(gateway);
        world.finish().await;
    }
);
