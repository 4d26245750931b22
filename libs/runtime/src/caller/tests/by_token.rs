use oidc::testing::{Signer, TestIssuer};
use serde_json::{Value, json};

use super::*;

const AUDIENCE: &str = "switchover";

struct World {
    issuer: TestIssuer,
    clock: Clock,
    access: Access,
    keys: tempfile::TempDir,
    key: Key,
}

impl World {
    /// A server that takes keys and tokens.
    async fn start(change: impl FnOnce(&mut TokensArgs)) -> Self {
        let issuer = TestIssuer::start().await;
        let clock = Clock::simulated("2026-01-01T00:00:00Z".parse().unwrap(), 1);
        let mut args = TokensArgs {
            oidc_issuer: Some(issuer.url()),
            oidc_audience: Some(AUDIENCE.to_owned()),
            ..TokensArgs::default()
        };
        change(&mut args);
        let keys = tempfile::tempdir().unwrap();
        let path = keys.path().join("keys.toml");
        let key = Key::generate();
        fs::write(&path, line(&key, "gateway", "gateways/g-1", "")).unwrap();
        let access = Access::by(Some(path), args.tokens().unwrap(), clock.clone()).unwrap();
        Self {
            issuer,
            clock,
            access,
            keys,
            key,
        }
    }

    fn claims(&self, roles: &[&str]) -> Value {
        let now = self.clock.now().as_second();
        json!({
            "sub": "anna", "aud": AUDIENCE, "iat": now, "exp": now + 300,
            "switchover_roles": roles,
        })
    }

    async fn ask(&self, claims: &Value, more: &[(&'static str, &str)]) -> Result<Proven, Problem> {
        self.send(&self.issuer.access_token(claims), more).await
    }

    async fn send(&self, token: &str, more: &[(&'static str, &str)]) -> Result<Proven, Problem> {
        let mut all = headers(more);
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        all.insert(AUTHORIZATION, value);
        self.access.identify(&all).await
    }
}

fn shown(proven: &Proven) -> String {
    let role = proven
        .caller
        .role()
        .map_or_else(String::new, |role| role.to_string());
    format!("{role} {}", proven.caller.subject())
}

#[tokio::test]
async fn a_person_comes_by_a_token_and_a_gateway_by_its_key_to_the_same_server() {
    let world = World::start(|_| {}).await;
    let anna = world
        .ask(&world.claims(&["operator-viewer"]), &[])
        .await
        .unwrap();
    assert_eq!(shown(&anna), "operator-viewer people/anna");
    assert_eq!(anna.proof, Proof::Token);
    assert_eq!(
        anna.expires,
        Some(world.clock.now() + Duration::from_secs(300))
    );
    let gateway = world.access.identify(&with_key(&world.key)).await.unwrap();
    assert_eq!(shown(&gateway), "gateway gateways/g-1");
    assert_eq!(gateway.proof, Proof::Key);
    let nobody = world.access.identify(&HeaderMap::new()).await.unwrap();
    assert_eq!(nobody.caller, Caller::Anonymous);
    let claims = headers(&[(ROLE, "operator-admin"), (SUBJECT, "people/eve")]);
    let nobody = world.access.identify(&claims).await.unwrap();
    assert_eq!(nobody.caller, Caller::Anonymous, "a word is no proof");
    drop(world.keys);
}

#[tokio::test]
async fn an_admin_of_several_tenants_chooses_and_the_person_is_known() {
    let world = World::start(|_| {}).await;
    let claims = world.claims(&["tenant-admin:acme", "tenant-admin:bert"]);
    let none = world.ask(&claims, &[]).await.unwrap_err();
    assert!(
        none.is(&reason::PERMISSION_DENIED) && none.message().contains(SUBJECT),
        "{none}"
    );
    let bert = world
        .ask(&claims, &[(SUBJECT, "tenants/bert")])
        .await
        .unwrap();
    assert_eq!(shown(&bert), "tenant-admin tenants/bert");
    assert_eq!(bert.person.unwrap().as_str(), "people/anna");
    for more in [
        &[(SUBJECT, "tenants/carl")][..],
        &[(ROLE, "operator-admin")],
        &[(ROLE, "gateway"), (SUBJECT, "gateways/g-1")],
    ] {
        let refused = world.ask(&claims, more).await.unwrap_err();
        assert!(refused.is(&reason::PERMISSION_DENIED), "{more:?}");
    }
}

#[tokio::test]
async fn expired_foreign_and_forged_tokens_are_refused_and_never_repeated() {
    let world = World::start(|_| {}).await;
    let good = world.claims(&["operator-admin"]);
    let token = world.issuer.access_token(&good);
    assert!(world.send(&token, &[]).await.is_ok());
    let mut other = good.clone();
    other["aud"] = json!("somewhere-else");
    let stranger = Signer::p256("first");
    let mut own = good.clone();
    own["iss"] = json!(world.issuer.url().to_string());
    let forged = stranger.token(&stranger.header("at+jwt"), &own);
    for token in [
        world.issuer.access_token(&other),
        forged,
        token[..token.len() - 2].to_owned(),
        format!("{token}."),
        "x".to_owned(),
        String::new(),
    ] {
        let problem = world.send(&token, &[]).await.unwrap_err();
        assert!(problem.is(&reason::UNAUTHENTICATED), "{problem}");
        assert!(token.len() < 5 || !format!("{problem:?}").contains(&token));
    }
    world.clock.advance(Duration::from_secs(300) + oidc::LEEWAY);
    let problem = world.send(&token, &[]).await.unwrap_err();
    assert!(problem.message().contains("expired"), "{problem}");
    // Two answers to the question who calls are none.
    let mut both = with_key(&world.key);
    both.append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    assert!(world.access.identify(&both).await.is_err());
}

#[tokio::test]
async fn a_token_without_a_role_opens_nothing_and_no_token_makes_a_service() {
    let world = World::start(|_| {}).await;
    for roles in [
        &[][..],
        &["offline_access", "king"],
        &["service", "gateway"],
    ] {
        let problem = world.ask(&world.claims(roles), &[]).await.unwrap_err();
        assert!(problem.is(&reason::PERMISSION_DENIED), "{problem}");
    }
    let mut odd = world.claims(&[]);
    for value in [
        json!({"a": 1}),
        json!(7),
        json!(null),
        json!([["operator-admin"]]),
    ] {
        odd["switchover_roles"] = value;
        assert!(world.ask(&odd, &[]).await.is_err());
    }
}

#[tokio::test]
async fn roles_and_names_are_found_where_an_issuer_has_them() {
    let world = World::start(|args| {
        args.oidc_roles_claim = "realm_access.roles".to_owned();
        args.oidc_subject_claim = "email".to_owned();
    })
    .await;
    let mut claims = world.claims(&[]);
    claims["realm_access"] = json!({ "roles": ["tester", "offline_access"] });
    claims["email"] = json!("anna@example.com");
    let anna = world.ask(&claims, &[]).await.unwrap();
    assert_eq!(shown(&anna), "tester people/anna@example.com");
    claims["email_verified"] = json!(false);
    assert!(
        world.ask(&claims, &[]).await.is_err(),
        "anybody could have typed it"
    );
    claims["email_verified"] = json!(true);
    assert!(world.ask(&claims, &[]).await.is_ok());
    claims.as_object_mut().unwrap().remove("email");
    assert!(world.ask(&claims, &[]).await.is_err());
}

#[tokio::test]
async fn while_the_issuer_cannot_be_asked_nobody_is_let_in_and_told_to_come_back() {
    let world = World::start(|_| {}).await;
    world.issuer.up(false);
    let claims = world.claims(&["operator-admin"]);
    let problem = world.ask(&claims, &[]).await.unwrap_err();
    assert!(problem.is(&reason::PEER_UNAVAILABLE), "{problem}");
    assert!(problem.delay().is_some());
}

#[tokio::test]
async fn a_server_for_tokens_alone_takes_no_keys_and_may_be_reached_from_elsewhere() {
    let issuer = TestIssuer::start().await;
    let args = TokensArgs {
        oidc_issuer: Some(issuer.url()),
        oidc_audience: Some(AUDIENCE.to_owned()),
        ..TokensArgs::default()
    };
    let access = Access::by(None, args.tokens().unwrap(), Clock::real()).unwrap();
    assert!(access.fits("0.0.0.0:1".parse().unwrap()).is_ok());
    let problem = access
        .identify(&with_key(&Key::generate()))
        .await
        .unwrap_err();
    assert!(problem.is(&reason::UNAUTHENTICATED), "{problem}");
    let half = TokensArgs {
        oidc_issuer: Some(issuer.url()),
        ..TokensArgs::default()
    };
    assert!(half.tokens().is_err());
}
