//! What requests may hold.

use super::*;

store::on_both!(
    MIGRATIONS,
    async fn every_field_of_a_request_for_tokens_has_its_limit(db: TestDb) {
        let world = World::start(&db).await;
        let right = IssueTokenRequest {
            client_id: "x".repeat(100),
            client_secret: "x".repeat(200),
            version: "1".to_owned(),
            tenants: (0..100).map(|n| format!("tenants/t{n}x")).collect(),
            scopes: vec!["x".repeat(100); 50],
        };
        let ask = async |change: &dyn Fn(&mut IssueTokenRequest)| {
            let mut request = right.clone();
            change(&mut request);
            Problem::from(
                tokens_at(&world.endpoint)
                    .issue_token(request)
                    .await
                    .unwrap_err(),
            )
        };
        // All that is wrong with this one is that there is no such client.
        assert!(ask(&|_| {}).await.is(&reason::CLIENT_INVALID));
        type Change<'a> = &'a dyn Fn(&mut IssueTokenRequest);
        let cases: [(&str, Change<'_>); 11] = [
            ("client_id", &|r| r.client_id.push('x')),
            ("client_id", &|r| r.client_id.clear()),
            ("client_id", &|r| r.client_id = "a\0b".to_owned()),
            ("client_secret", &|r| r.client_secret.push('x')),
            ("version", &|r| r.version = "-".to_owned()),
            ("tenants", &|r| r.tenants.clear()),
            ("tenants", &|r| r.tenants.push("tenants/one".to_owned())),
            ("tenants[1]", &|r| r.tenants[1] = r.tenants[0].clone()),
            ("scopes", &|r| r.scopes.push("x".to_owned())),
            ("scopes[0]", &|r| r.scopes[0].push('x')),
            ("scopes[1]", &|r| r.scopes[1] = "a\0b".to_owned()),
        ];
        for (field, change) in cases {
            let problem = ask(change).await;
            assert_eq!(problem.fields()[0].field, field, "{problem:?}");
        }
        let told = |change: &dyn Fn(&mut NewPair)| {
            let mut pair = NewPair {
                credential: "applications/crm/versions/1/credentials/x".to_owned(),
                client_id: "x".to_owned(),
                secret_hash: "x".to_owned(),
                create_time: None,
            };
            change(&mut pair);
            RegisterVersionRequest {
                version: "applications/crm/versions/1".to_owned(),
                scopes: Vec::new(),
                pair: Some(pair),
            }
        };
        let refused = versions(&world).register_version(told(&|_| {})).await;
        let problem = Problem::from(refused.unwrap_err());
        let fields: Vec<_> = problem.fields().iter().map(|field| &*field.field).collect();
        assert_eq!(
            fields,
            ["pair.credential", "pair.secret_hash", "pair.create_time"]
        );
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn what_is_asked_beside_tokens_has_its_limits_too(db: TestDb) {
        let world = World::start(&db).await;
        let list = async |page_size, client_id: &str, page_token: &str| {
            let request = ListClientTenantsRequest {
                client_id: client_id.to_owned(),
                client_secret: "x".to_owned(),
                page_size,
                page_token: page_token.to_owned(),
            };
            let mut tokens = tokens_at(&world.endpoint);
            Problem::from(tokens.list_client_tenants(request).await.unwrap_err())
        };
        assert!(list(1000, "x", "").await.is(&reason::CLIENT_INVALID));
        for (problem, field) in [
            (list(1001, "x", "").await, "page_size"),
            (list(-1, "x", "").await, "page_size"),
            (list(1, &"x".repeat(101), "").await, "client_id"),
            (list(1, "", "").await, "client_id"),
            (list(1, "x", "?").await, "page_token"),
        ] {
            assert_eq!(problem.fields()[0].field, field, "{problem:?}");
        }

        let long = "x".repeat(65);
        let create = CreateAppCredentialRequest {
            parent: "applications/crm/versions/1".to_owned(),
            request_id: long.clone(),
            expire_time: None,
        };
        let rotate = RotateAppCredentialRequest {
            name: format!(
                "applications/crm/versions/1/credentials/{}",
                world.clock.new_id::<contract::CredentialId>()
            ),
            overlap: None,
            request_id: long,
        };
        let mut client = credentials(&world);
        let created = client.create_app_credential(create).await.map(drop);
        let rotated = client.rotate_app_credential(rotate).await.map(drop);
        for refused in [created, rotated] {
            let problem = Problem::from(refused.unwrap_err());
            assert_eq!(problem.fields()[0].field, "request_id", "{problem:?}");
        }
        let gone = DeregisterVersionRequest {
            version: "crm/1".to_owned(),
            revoke: true,
            time: None,
        };
        let refused = versions(&world).deregister_version(gone).await;
        let problem = Problem::from(refused.unwrap_err());
        let fields: Vec<_> = problem.fields().iter().map(|field| &*field.field).collect();
        assert_eq!(fields, ["version", "time"]);
        world.finish().await;
    }
);
