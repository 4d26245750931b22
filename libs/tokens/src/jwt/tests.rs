use std::process::{Command, Output};

use serde_json::{Value, json};

use super::*;
use crate::keys::{Ring, Term};

const SECOND: i64 = 1_800_000_000;

fn token(key: &SigningKey) -> String {
    let scopes = ["read", "write"].map(str::to_owned).into();
    let claims = Claims {
        issuer: "https://edge.example",
        client_id: "client",
        application: "shop",
        version: "v2",
        tenant: "acme",
        scopes: &scopes,
        id: "one",
        issued_at: Timestamp::from_second(SECOND).unwrap(),
    };
    claims.sign(key)
}

fn published(key: &SigningKey) -> Value {
    let now = Timestamp::from_second(SECOND).unwrap();
    let key = SigningKey::from_pkcs8(key.pkcs8()).unwrap();
    Ring::new(vec![(key, Term::first(now))]).jwks(now)
}

/// An implementation that is not ours.
fn node(token: &str, jwks: &Value) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let (script, input) = (folder.path().join("v.mjs"), folder.path().join("in.json"));
    std::fs::write(&script, include_str!("verify.mjs")).unwrap();
    std::fs::write(&input, json!({ "token": token, "jwks": jwks }).to_string()).unwrap();
    Command::new("node")
        .arg(script)
        .arg(input)
        .output()
        .unwrap()
}

#[test]
fn node_verifies_a_token_by_the_published_keys_and_reads_its_claims() {
    let key = SigningKey::draw();
    let output = node(&token(&key), &published(&key));
    assert!(output.status.success(), "{output:?}");
    let claims: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "iss": "https://edge.example", "sub": "client", "client_id": "client",
        "aud": "shop", "application": "shop", "version": "v2", "tenant": "acme",
        "scope": "read write", "jti": "one",
        "iat": SECOND, "nbf": SECOND, "exp": SECOND + 1800,
    });
    assert_eq!(claims, expected);
}

#[test]
fn node_refuses_a_token_whose_claims_were_changed_or_whose_key_is_not_published() {
    let (key, other) = (SigningKey::draw(), SigningKey::draw());
    let good = token(&key);
    let [header, payload, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(payload).unwrap();
    let forged = String::from_utf8(claims).unwrap().replace("acme", "evil");
    let forged = URL_SAFE_NO_PAD.encode(forged);
    let forged = node(&format!("{header}.{forged}.{signature}"), &published(&key));
    assert_eq!(forged.status.code(), Some(3), "{forged:?}");
    let foreign = node(&good, &published(&other));
    assert_eq!(foreign.status.code(), Some(2), "{foreign:?}");
}
