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
        let cases: [(&str, Change<'_>); 9] = [
            ("client_id", &|r| r.client_id.push('x')),
            ("client_id", &|r| r.client_id.clear()),
            ("client_secret", &|r| r.client_secret.push('x')),
            ("version", &|r| r.version = "-".to_owned()),
            ("tenants", &|r| r.tenants.clear()),
            ("tenants", &|r| r.tenants.push("tenants/one".to_owned())),
            ("tenants[1]", &|r| r.tenants[1] = r.tenants[0].clone()),
            ("scopes", &|r| r.scopes.push("x".to_owned())),
            ("scopes[0]", &|r| r.scopes[0].push('x')),
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
