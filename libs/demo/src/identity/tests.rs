use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{Json, Router, http::HeaderValue, routing::get};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::*;

/// A router in front with one key, which it publishes.
struct Front {
    pair: EcdsaKeyPair,
    guard: Guard,
    _serving: JoinSet<()>,
}

impl Front {
    async fn start() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|it| URL_SAFE_NO_PAD.encode(it));
        let set = json!({ "keys": [
            { "kid": "1", "kty": "EC", "crv": "P-256", "x": x, "y": y },
        ] });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys = format!("http://{}/keys", listener.local_addr().unwrap());
        let router = Router::new().route("/keys", get(async move || Json(set.clone())));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            pair,
            guard: Guard::new(&keys, "shop").unwrap(),
            _serving: serving,
        }
    }

    fn token(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let now = now();
        let mut head = json!({ "alg": "ES256", "typ": "switchover-identity+jwt", "kid": "1" });
        let mut claims = json!({
            "aud": "shop", "version": "2.0", "sub": "anna", "tenant": "hall", "roles": ["clerk"],
            "iat": now, "exp": now + 60,
        });
        change(&mut head, &mut claims);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.unwrap());
        format!("{signed}.{signature}")
    }

    async fn caller(&self, tokens: &[&str]) -> Option<Caller> {
        let mut fields = HeaderMap::new();
        for token in tokens {
            fields.append(FIELD, HeaderValue::from_str(token).unwrap());
        }
        self.guard.caller(&fields, "2.0").await
    }
}

#[tokio::test]
async fn whom_the_router_in_front_names_is_known_and_nobody_else() {
    let front = Front::start().await;
    let good = front.token(|_, _| {});
    let anna = front.caller(&[&good]).await.unwrap();
    assert_eq!(anna.sub.as_deref(), Some("anna"));
    assert_eq!(
        (&*anna.tenant, anna.roles),
        ("hall", vec!["clerk".to_owned()])
    );

    assert_eq!(front.caller(&[]).await, None);
    assert_eq!(front.caller(&[&good, &good]).await, None, "which of both?");
    type Change = fn(&mut Value, &mut Value);
    let wrong: [Change; 9] = [
        |head, _| head["alg"] = "none".into(),
        |head, _| head["alg"] = "HS256".into(),
        |head, _| head["typ"] = "JWT".into(),
        |head, _| head["kid"] = "2".into(),
        |_, claims| claims["aud"] = "other".into(),
        |_, claims| claims["version"] = "1.0".into(),
        |_, claims| claims["exp"] = (now() - 1).into(),
        |_, claims| claims["exp"] = (now() + 3600).into(),
        |_, claims| claims["iat"] = (now() + 100).into(),
    ];
    for (number, change) in wrong.into_iter().enumerate() {
        let token = front.token(change);
        assert_eq!(front.caller(&[&token]).await, None, "{number}");
    }
    let other = Front::start().await.token(|_, _| {});
    assert_eq!(front.caller(&[&other]).await, None, "another key signed it");
    let (signed, _) = good.rsplit_once('.').unwrap();
    assert_eq!(front.caller(&[&format!("{signed}.")]).await, None);
}
