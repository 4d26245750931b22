//! The keys that sign tokens.

use std::collections::BTreeSet;

use super::*;

async fn keys(endpoint: &Endpoint) -> BTreeSet<String> {
    let told = tokens_at(endpoint)
        .get_keys(GetKeysRequest {})
        .await
        .unwrap();
    let set: Value = serde_json::from_str(&told.into_inner().jwks).unwrap();
    let ids = set["keys"].as_array().unwrap().iter();
    ids.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

store::on_both!(
    MIGRATIONS,
    async fn keys_take_turns_replicas_agree_and_no_private_key_is_stored_in_clear(db: TestDb) {
        let world = with_two(&db).await;
        let other = world.replica().await;
        let both = futures::join!(keys(&world.endpoint), keys(&other));
        assert_eq!(both.0, both.1);
        assert_eq!(both.0.len(), 1);
        let first = both.0;
        world.minutes(23 * 60);
        let both = futures::join!(keys(&world.endpoint), keys(&other));
        assert_eq!(both.0, both.1);
        assert!(
            both.0.len() == 2 && both.0.is_superset(&first),
            "the next one is published ahead"
        );
        // The first key's last token ends half an hour after it has signed it, and clocks may differ.
        world.minutes(60 + 32);
        let both = futures::join!(keys(&world.endpoint), keys(&other));
        assert_eq!(both.0, both.1);
        assert!(both.0.is_disjoint(&first), "{both:?}");

        let rows: Result<Vec<(String,)>, store::Error> =
            store::read!(*db.db(), |tx| store::on!(tx, |conn| {
                sqlx::query_as("select sealed from signing_keys")
                    .fetch_all(conn)
                    .await
            }));
        let rows = rows.unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|(sealed,)| sealed.starts_with("s1.")));
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn keys_go_on_over_a_restart_and_a_gap_in_which_nobody_drew_one(db: TestDb) {
        let mut world = with_two(&db).await;
        let backend = Backend::of(&world, "1").await;
        assert!(backend.one("acme").await.is_ok());
        let before = keys(&world.endpoint).await;
        world.restart().await;
        assert_eq!(keys(&world.endpoint).await, before);
        world.clock.advance(Duration::from_secs(3 * 24 * 3600));
        let backend = Backend {
            tokens: tokens_at(&world.endpoint),
            ..backend
        };
        let request = IssueTokenRequest {
            client_id: backend.id.clone(),
            client_secret: backend.secret.clone(),
            version: "1".to_owned(),
            tenants: vec!["tenants/acme".to_owned()],
            scopes: Vec::new(),
        };
        let issued = backend.tokens.clone().issue_token(request).await.unwrap();
        let Some(Told::Token(token)) = issued.into_inner().answers.remove(0).result else {
            panic!("there is no token");
        };
        let key = part(&token.access_token, 0)["kid"]
            .as_str()
            .unwrap()
            .to_owned();
        let after = keys(&world.endpoint).await;
        assert!(after.contains(&key) && after.is_disjoint(&before));
        world.finish().await;
    }
);
