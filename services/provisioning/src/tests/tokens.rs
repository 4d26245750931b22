//! Tokens for backends: who gets one, for whom, and by which keys.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::Role;
use credential_service_client::CredentialServiceClient;
use jiff::Timestamp;
use runtime::{Client, Credentials, Endpoint, connect_lazy};
use serde_json::{Value, json};
use token_answer::Result as Told;
use token_service_client::TokenServiceClient;
use version_credential_service_client::VersionCredentialServiceClient;

use super::*;

mod keys;
mod limits;

/// A version's backend with its pair.
#[derive(Clone)]
struct Backend {
    name: String,
    id: String,
    secret: String,
    version: String,
    tokens: TokenServiceClient<Client>,
}

type Answers = Vec<(String, Result<Value, String>)>;

impl Backend {
    /// One with a pair that the operator has issued by hand.
    async fn of(world: &World, version: &str) -> Self {
        let request = CreateAppCredentialRequest {
            parent: format!("applications/crm/versions/{version}"),
            ..Default::default()
        };
        let made = credentials(world).create_app_credential(request).await;
        let made = made.unwrap().into_inner();
        let credential = made.credential.unwrap();
        Self {
            name: credential.name,
            id: credential.client_id,
            secret: made.client_secret,
            version: version.to_owned(),
            tokens: tokens_at(&world.endpoint),
        }
    }

    async fn ask(&self, tenants: &[&str], scopes: &[&str]) -> Result<Answers, Problem> {
        let request = IssueTokenRequest {
            client_id: self.id.clone(),
            client_secret: self.secret.clone(),
            version: self.version.clone(),
            tenants: tenants.iter().map(|id| format!("tenants/{id}")).collect(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
        };
        let issued = self.tokens.clone().issue_token(request).await?.into_inner();
        let answers = issued.answers.into_iter().map(|answer| {
            let told = match answer.result.unwrap() {
                Told::Token(token) => Ok(part(&token.access_token, 1)),
                Told::Refusal(refusal) => Err(refusal.reason),
            };
            (answer.tenant, told)
        });
        Ok(answers.collect())
    }

    /// Asks for one tenant; returns the claims, or the reason of whoever refused.
    async fn one(&self, tenant: &str) -> Result<Value, String> {
        match self.ask(&[tenant], &[]).await {
            Ok(mut answers) => answers.remove(0).1,
            Err(problem) => Err(problem.reason().to_string()),
        }
    }

    async fn refused(&self, tenant: &str) -> String {
        self.one(tenant).await.unwrap_err()
    }

    async fn tenants(
        &self,
        page_size: i32,
        page_token: &str,
    ) -> Result<ListClientTenantsResponse, Problem> {
        let request = ListClientTenantsRequest {
            client_id: self.id.clone(),
            client_secret: self.secret.clone(),
            page_size,
            page_token: page_token.to_owned(),
        };
        let listed = self.tokens.clone().list_client_tenants(request).await?;
        Ok(listed.into_inner())
    }
}

fn credentials(world: &World) -> CredentialServiceClient<Client> {
    CredentialServiceClient::new(world.operator())
}

/// Backends are nobody known: their secret is their proof.
fn tokens_at(endpoint: &Endpoint) -> TokenServiceClient<Client> {
    TokenServiceClient::new(connect_lazy(endpoint, &Credentials::Anonymous).unwrap())
}

fn versions(world: &World) -> VersionCredentialServiceClient<Client> {
    VersionCredentialServiceClient::new(world.client(Role::Service, "services/catalog"))
}

/// Returns the header or the claims of a token.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Tells as the catalog does that a version is in test, with a pair.
async fn put_in_test(world: &World, version: &str) -> Backend {
    let drawn = ::tokens::pair::draw().await.unwrap();
    let name = format!(
        "applications/crm/versions/{version}/credentials/{}",
        world.clock.new_id::<contract::CredentialId>()
    );
    let request = RegisterVersionRequest {
        version: format!("applications/crm/versions/{version}"),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        pair: Some(NewPair {
            credential: name.clone(),
            client_id: drawn.client_id.clone(),
            secret_hash: drawn.secret.hash().to_owned(),
            create_time: Some(contract::time::write(world.clock.now())),
        }),
    };
    for _ in 0..2 {
        versions(world)
            .register_version(request.clone())
            .await
            .unwrap();
    }
    Backend {
        name,
        id: drawn.client_id,
        secret: drawn.secret.reveal(),
        version: version.to_owned(),
        tokens: tokens_at(&world.endpoint),
    }
}

async fn end_test(world: &World, version: &str, revoke: bool) {
    let request = DeregisterVersionRequest {
        version: format!("applications/crm/versions/{version}"),
        revoke,
        time: Some(contract::time::write(world.clock.now())),
    };
    for _ in 0..2 {
        versions(world)
            .deregister_version(request.clone())
            .await
            .unwrap();
    }
}

async fn shown(world: &World, backend: &Backend) -> AppCredential {
    let (parent, _) = backend.name.split_once("/credentials/").unwrap();
    let request = ListAppCredentialsRequest {
        parent: parent.to_owned(),
        ..Default::default()
    };
    let listed = credentials(world)
        .list_app_credentials(request)
        .await
        .unwrap();
    let mut listed = listed.into_inner().credentials.into_iter();
    listed.find(|listed| listed.name == backend.name).unwrap()
}

store::on_both!(
    MIGRATIONS,
    async fn a_token_says_for_whom_it_is_and_what_it_allows_and_no_more(db: TestDb) {
        let world = with_two(&db).await;
        let backend = Backend::of(&world, "1").await;
        let claims = backend.one("acme").await.unwrap();
        let now = world.clock.now().as_second();
        let expected = json!({
            "iss": "https://edge.example", "sub": backend.id, "client_id": backend.id,
            "aud": "crm", "application": "crm", "version": "1", "tenant": "acme",
            "scope": "read write", "jti": claims["jti"], "iat": now, "nbf": now,
            "exp": now + 30 * 60,
        });
        assert_eq!(claims, expected);
        let answers = backend
            .ask(&["acme", "beta", "cleo"], &["read"])
            .await
            .unwrap();
        let told: Vec<_> = answers
            .iter()
            .map(|(tenant, told)| {
                (
                    tenant.as_str(),
                    told.as_ref().map(|claims| &claims["scope"]),
                )
            })
            .collect();
        let read = json!("read");
        let absent = "NOT_PROVISIONED".to_owned();
        assert_eq!(
            told,
            [
                ("tenants/acme", Ok(&read)),
                ("tenants/beta", Ok(&read)),
                ("tenants/cleo", Err(&absent)),
            ]
        );
        let wide = backend.ask(&["acme"], &["read", "admin"]).await.unwrap();
        assert_eq!(wide[0].1, Err("SCOPE_TOO_WIDE".to_owned()));
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn each_reason_for_no_token_is_told_apart(db: TestDb) {
        let world = with_two(&db).await;
        for tenant in ["cleo", "dora"] {
            world.add_tenant(tenant, 1).await;
        }
        world.ask("cleo", "1").await;
        let backend = Backend::of(&world, "1").await;
        let deny = DecideProvisioningRequest {
            name: name("beta", "1"),
            decision: Decision::Deny.into(),
            reason: String::new(),
        };
        world.consent().decide_provisioning(deny).await.unwrap();
        for (tenant, reason) in [
            ("beta", "TENANT_DENIED"),
            ("cleo", "TENANT_PENDING"),
            ("dora", "NOT_PROVISIONED"),
        ] {
            assert_eq!(backend.refused(tenant).await, reason, "{tenant}");
        }
        let remove = RemoveProvisioningRequest {
            tenant: "tenants/acme".to_owned(),
            application: "applications/crm".to_owned(),
            reason: String::new(),
        };
        assert!(backend.one("acme").await.is_ok());
        world
            .provisionings()
            .remove_provisioning(remove)
            .await
            .unwrap();
        assert_eq!(backend.refused("acme").await, "NOT_PROVISIONED");

        let other = Backend {
            version: "2".to_owned(),
            ..backend.clone()
        };
        assert_eq!(other.refused("acme").await, "VERSION_WRONG");
        let unused = Backend::of(&world, "2").await;
        assert_eq!(unused.refused("acme").await, "VERSION_NOT_IN_USE");
        let guess = Backend {
            secret: "guess".to_owned(),
            ..backend.clone()
        };
        let nobody = Backend {
            id: "nobody".to_owned(),
            ..backend.clone()
        };
        let asked = ["acme"];
        let [guess, nobody] = [&guess, &nobody].map(|client| client.ask(&asked, &[]));
        let (guess, nobody) = (guess.await.unwrap_err(), nobody.await.unwrap_err());
        assert!(guess.is(&reason::CLIENT_INVALID), "{guess:?}");
        assert_eq!(guess, nobody, "whether there is such a client is not told");

        let revoke = RevokeAppCredentialRequest {
            name: backend.name.clone(),
        };
        credentials(&world)
            .revoke_app_credential(revoke)
            .await
            .unwrap();
        assert_eq!(backend.refused("acme").await, "CREDENTIAL_REVOKED");
        let listed = backend.tenants(0, "").await.unwrap_err();
        assert!(listed.is(&reason::CREDENTIAL_REVOKED), "{listed:?}");
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_version_in_test_has_tokens_for_the_operators_own_tenant_alone(db: TestDb) {
        let world = with_two(&db).await;
        let backend = put_in_test(&world, "2").await;
        let asked = world.catalog.asked();
        let answers = backend.ask(&["own", "acme"], &[]).await.unwrap();
        assert_eq!(
            world.catalog.asked(),
            asked,
            "the catalog has told it by itself"
        );
        assert_eq!(answers[0].1.as_ref().unwrap()["tenant"], "own");
        assert_eq!(answers[1].1, Err("TEST_OWN_TENANT_ONLY".to_owned()));
        let listed = backend.tenants(0, "").await.unwrap();
        let names: Vec<_> = listed
            .tenants
            .iter()
            .map(|listed| &*listed.tenant)
            .collect();
        assert_eq!(names, ["tenants/own"]);

        end_test(&world, "2", true).await;
        assert_eq!(backend.refused("own").await, "CREDENTIAL_REVOKED");
        // What was told before is not done again by a repetition that comes late.
        world.minutes(5);
        let again = put_in_test(&world, "2").await;
        assert!(again.one("own").await.is_ok());
        end_test(&world, "2", false).await;
        assert_eq!(again.refused("own").await, "VERSION_NOT_IN_USE");
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn after_a_switch_the_version_that_was_left_has_its_grace_and_then_none(db: TestDb) {
        let world = with_two(&db).await;
        let (one, two) = (
            Backend::of(&world, "1").await,
            put_in_test(&world, "2").await,
        );
        let switch = switch(2);
        world.move_all(&switch, "1", "2", true).await;
        assert_eq!(two.refused("acme").await, "TEST_OWN_TENANT_ONLY");
        world.close(&switch).await.unwrap();
        // It may be committed any moment: both act for tenants.
        assert!(one.one("acme").await.is_ok() && two.one("acme").await.is_ok());
        let settle = |grace: Option<(i64, i32)>| SettleConsentRequest {
            switch: switch.clone(),
            outcome: SwitchOutcome::Committed.into(),
            credential_grace: grace
                .map(|(seconds, nanos)| prost_types::Duration { seconds, nanos }),
        };
        for wrong in [(-1, 0), (30 * 24 * 3600, 1)] {
            let refused = world.driver().settle_consent(settle(Some(wrong))).await;
            let problem = Problem::from(refused.unwrap_err());
            assert_eq!(problem.fields()[0].field, "credential_grace");
        }
        for _ in 0..2 {
            world
                .driver()
                .settle_consent(settle(Some((3600, 0))))
                .await
                .unwrap();
        }
        world.minutes(59);
        assert!(one.one("acme").await.is_ok() && two.one("acme").await.is_ok());
        world.minutes(1);
        assert_eq!(one.refused("acme").await, "VERSION_NOT_IN_USE");
        assert!(two.one("acme").await.is_ok());
        // Back again: what was left before is in use, and the other has no grace.
        world.switch(3, "2", "1", true).await;
        assert!(one.one("acme").await.is_ok());
        assert_eq!(two.refused("acme").await, "VERSION_NOT_IN_USE");
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn both_secrets_work_for_the_overlap_and_a_use_is_written_once_a_minute(db: TestDb) {
        let world = with_two(&db).await;
        let old = Backend::of(&world, "1").await;
        assert_eq!(shown(&world, &old).await.last_used_time, None);
        assert!(old.one("acme").await.is_ok());
        let first = shown(&world, &old).await.last_used_time;
        assert_eq!(first, Some(contract::time::write(world.clock.now())));
        world.clock.advance(Duration::from_secs(59));
        assert!(old.one("acme").await.is_ok());
        assert_eq!(shown(&world, &old).await.last_used_time, first);
        world.clock.advance(Duration::from_secs(1));
        assert!(old.tenants(0, "").await.is_ok());
        let last = Some(contract::time::write(world.clock.now()));
        assert_eq!(shown(&world, &old).await.last_used_time, last);

        let rotate = RotateAppCredentialRequest {
            name: old.name.clone(),
            overlap: Some(prost_types::Duration {
                seconds: 600,
                nanos: 0,
            }),
            request_id: "r-1".to_owned(),
        };
        let mut client = credentials(&world);
        let mut rotated = async || {
            let answer = client.rotate_app_credential(rotate.clone()).await;
            let answer = answer.unwrap().into_inner();
            let backend = Backend {
                secret: answer.client_secret,
                ..old.clone()
            };
            (backend, answer.credential.unwrap())
        };
        let (lost, told) = rotated().await;
        // The answer was lost; the retry leaves the secret that is in use alone.
        world.clock.advance(Duration::from_secs(1));
        let (new, again) = rotated().await;
        assert_eq!(told, again);
        assert_eq!(lost.refused("acme").await, "CLIENT_INVALID");
        world.clock.advance(Duration::from_secs(598));
        assert!(old.one("acme").await.is_ok() && new.one("acme").await.is_ok());
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(old.refused("acme").await, "CLIENT_INVALID");
        assert!(new.one("acme").await.is_ok());
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_pair_with_an_end_works_until_then_and_a_retry_makes_no_second_one(db: TestDb) {
        let world = with_two(&db).await;
        let end = world.clock.now() + Duration::from_secs(3600);
        let wire_time = |time: Timestamp| Some(contract::time::write(time));
        let request = |id: &str, expire_time| CreateAppCredentialRequest {
            parent: "applications/crm/versions/1".to_owned(),
            request_id: id.to_owned(),
            expire_time,
        };
        let create = async |request| {
            let made = credentials(&world).create_app_credential(request).await?;
            Ok::<_, Problem>(made.into_inner())
        };
        let made = create(request("r-1", wire_time(end))).await.unwrap();
        let again = create(request("r-1", wire_time(end))).await.unwrap();
        assert_eq!(again.credential, made.credential);
        assert_eq!((made.client_secret.len(), &*again.client_secret), (43, ""));
        let other = create(request("r-1", None)).await.unwrap_err();
        assert!(other.is(&reason::REQUEST_ID_REUSED), "{other:?}");
        let (past, far) = (
            world.clock.now(),
            world.clock.now() + Duration::from_secs(11 * 366 * 86_400),
        );
        for wrong in [past, far] {
            let problem = create(request("", wire_time(wrong))).await.unwrap_err();
            assert_eq!(problem.fields()[0].field, "expire_time");
        }
        let credential = made.credential.unwrap();
        assert_eq!(credential.expire_time, wire_time(end));
        let backend = Backend {
            name: credential.name.clone(),
            id: credential.client_id,
            secret: made.client_secret,
            version: "1".to_owned(),
            tokens: tokens_at(&world.endpoint),
        };
        world.minutes(59);
        assert!(backend.one("acme").await.is_ok());
        world.minutes(1);
        assert_eq!(backend.refused("acme").await, "CREDENTIAL_EXPIRED");
        let rotate = RotateAppCredentialRequest {
            name: credential.name,
            overlap: None,
            request_id: String::new(),
        };
        let refused = credentials(&world).rotate_app_credential(rotate).await;
        assert!(Problem::from(refused.unwrap_err()).is(&reason::CREDENTIAL_EXPIRED));
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_client_lists_the_tenants_of_its_version_page_by_page(db: TestDb) {
        let world = with_two(&db).await;
        for tenant in ["cleo", "dora"] {
            world.add_tenant(tenant, 1).await;
            world.ask(tenant, "1").await;
        }
        world.add_tenant("emil", 1).await;
        world.give("emil", "1").await;
        let backend = Backend::of(&world, "1").await;
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = backend.tenants(1, &page_token).await.unwrap();
            assert_eq!(page.version, "applications/crm/versions/1");
            assert!(page.tenants.len() <= 1);
            seen.extend(page.tenants.into_iter().map(|listed| listed.tenant));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ["tenants/acme", "tenants/beta", "tenants/emil"]);
        let first = backend.tenants(1, "").await.unwrap().next_page_token;
        let other = Backend::of(&world, "1").await;
        let foreign = other.tenants(1, &first).await.unwrap_err();
        assert_eq!(foreign.fields()[0].field, "page_token");
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_version_that_the_catalog_has_not_told_of_is_asked_for_once(db: TestDb) {
        let world = with_two(&db).await;
        let backend = Backend::of(&world, "1").await;
        let forgotten: Result<(), store::Error> = store::write!(*db.db(), |tx| {
            store::on!(tx, |conn| sqlx::query("delete from backends")
                .execute(conn)
                .await
                .map(drop))
        });
        forgotten.unwrap();
        let asked = world.catalog.asked();
        world.catalog.go_down(true);
        assert_eq!(backend.refused("acme").await, "PEER_UNAVAILABLE");
        world.catalog.go_down(false);
        assert!(backend.one("acme").await.is_ok());
        world.catalog.go_down(true);
        let claims = backend.one("beta").await.unwrap();
        assert_eq!(claims["scope"], "read write");
        assert_eq!(world.catalog.asked(), asked + 1);
        world.finish().await;
    }
);
