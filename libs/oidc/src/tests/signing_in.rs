use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::{Attempt, Callback, Client, ClientKey, SignInError};

const REDIRECT: &str = "http://127.0.0.1:8081/session/callback";

fn client(world: &World) -> Client {
    let secret = ClientKey::Secret("a word: with % signs".into());
    Client::new(&world.issuer, "console", secret, REDIRECT)
        .scopes(["profile"])
        .resource(AUDIENCE)
}

fn callback<'a>(code: &'a str, state: &'a str, issuer: &'a str) -> Callback<'a> {
    Callback {
        code,
        state,
        issuer: Some(issuer),
    }
}

#[tokio::test]
async fn a_person_signs_in_is_renewed_and_signs_out() {
    let world = World::start().await;
    let client = client(&world);
    let (place, attempt) = client.begin(at(0)).await.unwrap();
    let kept: Attempt = serde_json::from_value(serde_json::to_value(&attempt).unwrap()).unwrap();
    let issuer = world.fake.url().to_string();
    assert!(place.starts_with(&format!("{issuer}/authorize?response_type=code&")));
    assert!(place.contains("scope=openid+profile&") && place.contains("&resource=https%3A%2F%2F"));
    let (code, state) = world.fake.sign_in(&place, &claims());
    assert_eq!(state, kept.state());

    let back = callback(&code, &state, &issuer);
    let (tokens, who) = client.finish(&kept, back, at(1)).await.unwrap();
    assert_eq!(who.subject(), "anna");
    assert_eq!(tokens.access_ends, Some(at(301).time));
    let access = tokens.access.expose_secret();
    assert!(world.check(access, at(1)).await.is_ok());
    let id = tokens.id.clone().unwrap();
    assert_eq!(
        world.check(id.expose_secret(), at(1)).await,
        Err(Refusal::Type),
        "an ID token opens nothing"
    );
    let shown = format!("{tokens:?} {attempt:?} {client:?}");
    assert!(!shown.contains(access) && !shown.contains("a word"));

    let refresh = tokens.refresh.unwrap();
    let renewed = client.refresh(&refresh, "anna", at(2)).await.unwrap();
    assert!(
        world
            .check(renewed.access.expose_secret(), at(2))
            .await
            .is_ok()
    );
    let again = client.refresh(&refresh, "anna", at(3)).await.unwrap_err();
    assert_eq!(again, SignInError::Refused("invalid_grant".to_owned()));

    let out = client
        .end_session(Some(&id), "http://127.0.0.1:8081/", at(3))
        .await;
    let out = out.unwrap().unwrap();
    assert!(out.starts_with(&format!("{issuer}/end?client_id=console&")));
    assert!(out.contains("id_token_hint=ey"));
}

#[tokio::test]
async fn an_answer_to_another_sign_in_or_from_another_issuer_is_refused() {
    let world = World::start().await;
    let client = client(&world);
    let issuer = world.fake.url().to_string();
    let (place, attempt) = client.begin(at(0)).await.unwrap();
    let (_, other) = client.begin(at(0)).await.unwrap();
    let (code, state) = world.fake.sign_in(&place, &claims());
    let finish = |attempt, back| client.finish(attempt, back, at(1));

    let mixed = finish(&other, callback(&code, &state, &issuer)).await;
    assert_eq!(mixed.unwrap_err(), SignInError::State);
    let foreign = finish(&attempt, callback(&code, &state, "https://evil.example")).await;
    assert_eq!(foreign.unwrap_err(), SignInError::Issuer);
    let silent = Callback {
        code: &code,
        state: &state,
        issuer: None,
    };
    assert_eq!(
        finish(&attempt, silent).await.unwrap_err(),
        SignInError::Issuer
    );
    let nothing = finish(&attempt, callback("", &state, &issuer)).await;
    assert_eq!(nothing.unwrap_err(), SignInError::State);
}

#[tokio::test]
async fn a_stolen_code_is_worth_nothing_without_the_attempt_that_began_it() {
    let world = World::start().await;
    let client = client(&world);
    let issuer = world.fake.url().to_string();
    let (victims, _) = client.begin(at(0)).await.unwrap();
    let (stolen, _) = world.fake.sign_in(&victims, &claims());
    let (_, attempt) = client.begin(at(0)).await.unwrap();
    let back = callback(&stolen, attempt.state(), &issuer);
    let answer = client.finish(&attempt, back, at(1)).await;
    assert_eq!(
        answer.unwrap_err(),
        SignInError::Refused("invalid_grant".to_owned())
    );
}

#[tokio::test]
async fn an_id_token_is_for_this_client_this_sign_in_and_these_few_minutes() {
    let world = World::start().await;
    let signer = world.fake.signer();
    let issuer = world.fake.url().to_string();
    let good = json!({
        "iss": issuer, "sub": "anna", "aud": "console", "nonce": "n",
        "iat": START, "exp": START + 300,
    });
    let check = async |header: Value, claims: &Value| {
        let token = signer.token(&header, claims);
        let checked = world.issuer.id_token(&token, "console", Some("n"), at(0));
        checked.await.map(|token| token.subject().to_owned())
    };
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let jwt = || signer.header("JWT");
    let bare = json!({ "alg": "ES256", "kid": "first" });
    assert_eq!(check(jwt(), &good).await, Ok("anna".to_owned()));
    assert_eq!(check(bare, &good).await, Ok("anna".to_owned()));
    let two = changed("aud", json!(["console", "other"]));
    for (claims, refusal) in [
        (changed("aud", json!("other")), Refusal::Audience),
        (changed("nonce", json!("m")), Refusal::Nonce),
        (changed("nonce", json!(null)), Refusal::Nonce),
        (changed("azp", json!("other")), Refusal::Client),
        (changed("typ", json!("Bearer")), Refusal::Type),
        (changed("exp", json!(START - 100)), Refusal::Expired),
        (changed("iss", json!("https://x.example")), Refusal::Issuer),
        (two.clone(), Refusal::Missing("azp")),
    ] {
        assert_eq!(check(jwt(), &claims).await, Err(refusal), "{claims}");
    }
    let mut two = two;
    two["azp"] = json!("console");
    assert!(check(jwt(), &two).await.is_ok());
    assert_eq!(
        check(signer.header("at+jwt"), &good).await,
        Err(Refusal::Type)
    );
}

#[tokio::test]
async fn a_renewal_for_somebody_else_is_refused() {
    let world = World::start().await;
    let client = client(&world);
    let (place, attempt) = client.begin(at(0)).await.unwrap();
    let (code, state) = world.fake.sign_in(&place, &claims());
    let issuer = world.fake.url().to_string();
    let back = callback(&code, &state, &issuer);
    let (tokens, _) = client.finish(&attempt, back, at(1)).await.unwrap();
    let refresh = tokens.refresh.unwrap();
    let answer = client.refresh(&refresh, "bert", at(2)).await;
    assert_eq!(
        answer.unwrap_err(),
        SignInError::Token(Refusal::Unreadable("sub"))
    );
    let unknown = SecretString::from("never given");
    assert!(client.refresh(&unknown, "anna", at(3)).await.is_err());
}
