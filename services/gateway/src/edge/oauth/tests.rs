//! The endpoints, as backends and whoever checks their tokens use them.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use contract::{Problem, Reason, reason};
use jiff::Timestamp;
use runtime::Clock;
use serde_json::{Value, json};

use super::TOKEN_CALLS_MAX;
use crate::{
    edge::limit::WRONG_MAX,
    tests::{
        http::{Answer, send},
        tokens::CLIENT,
        world::World,
    },
};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const ASKED: &str = "grant_type=client_credentials&version=2.0&tenant=anna";

/// A gateway's edge at a time of its own.
async fn edge() -> World {
    let mut world = World::without_gateway().await;
    world.clock = Clock::simulated(Timestamp::from_second(1_800_000_000).unwrap(), 1);
    world.start_gateway().await;
    world
}

fn basic(secret: &str) -> String {
    let secret = secret.replace('+', "%2B");
    format!("Basic {}", BASE64.encode(format!("{}:{secret}", CLIENT.0)))
}

async fn post(world: &World, fields: &[(&str, &str)], body: &str) -> Answer {
    let edge = world.at().edge;
    send(edge, "POST", "/oauth/token", fields, body)
        .await
        .unwrap()
}

async fn get(world: &World, path: &str, fields: &[(&str, &str)]) -> Answer {
    send(world.at().edge, "GET", path, fields, "")
        .await
        .unwrap()
}

/// Asks with the right secret.
async fn ask(world: &World, body: &str) -> Answer {
    post(world, &[FORM, ("Authorization", &basic(CLIENT.1))], body).await
}

fn value(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str, reason: &Reason) {
    let told = value(answer);
    let seen = (
        answer.status,
        told["error"].as_str(),
        told["reason"].as_str(),
    );
    assert_eq!(
        seen,
        (status, Some(error), Some(reason.as_str())),
        "{answer:?}"
    );
    assert_eq!(answer.field("cache-control"), "no-store");
    let described = told["error_description"].as_str().unwrap();
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    assert!(
        !described.is_empty() && described.chars().all(allowed),
        "{described}"
    );
    let challenged = !answer.field("www-authenticate").is_empty();
    assert_eq!(challenged, status == 401, "{answer:?}");
}

#[tokio::test]
async fn a_client_gets_a_token_by_basic_and_in_the_form() {
    let world = edge().await;
    let body = format!("{ASKED}&scope=read++write&unknown=1&unknown=2&client_id=");
    let by_basic = ask(&world, &body).await;
    let in_form = format!("{body}&client_id={}&client_secret=pass%2Bword", CLIENT.0);
    let in_form = post(&world, &[FORM], &in_form.replace("&client_id=&", "&")).await;
    for answer in [by_basic, in_form] {
        assert_eq!(answer.status, 200, "{answer:?}");
        let expected = json!({
            "access_token": "token-of-tenants/anna", "token_type": "Bearer", "expires_in": 1800,
            "scope": "read write", "tenant": "anna",
        });
        assert_eq!(value(&answer), expected);
        for (field, held) in [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("pragma", "no-cache"),
        ] {
            assert_eq!(answer.field(field), held);
        }
    }
    let asked = world.tokens.asked();
    assert_eq!((asked.len(), &asked[0]), (2, &asked[1]));
    assert_eq!(asked[0].scopes, ["read", "write"]);
    assert_eq!(
        (&*asked[0].version, &*asked[0].client_secret),
        ("2.0", CLIENT.1)
    );
    world.end().await;
}

#[tokio::test]
async fn of_several_tenants_each_gets_its_token_or_its_reason() {
    let world = edge().await;
    let answer = ask(&world, &format!("{ASKED}&tenant=bert&tenant=cleo")).await;
    assert_eq!(answer.status, 200);
    let told = value(&answer);
    let tokens = told["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 3);
    assert_eq!(tokens[0]["access_token"], "token-of-tenants/anna");
    let denied = json!({
        "tenant": "bert", "error": "unauthorized_client", "reason": "TENANT_DENIED",
        "error_description": "the tenant has denied this version",
    });
    assert_eq!(tokens[1], denied);
    assert_eq!(tokens[2]["tenant"], "cleo");
    let alone = ask(&world, &ASKED.replace("anna", "bert")).await;
    refused(&alone, 400, "unauthorized_client", &reason::TENANT_DENIED);
    world.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_in_the_words_of_oauth() {
    let world = edge().await;
    let long = format!("{ASKED}&unknown={}", "x".repeat(17 * 1024));
    let many = format!("{ASKED}{}", "&tenant=anna".repeat(200));
    for (body, error) in [
        ("", "invalid_request"),
        ("version=2.0&tenant=anna", "invalid_request"),
        (
            "grant_type=client_credentials&tenant=anna",
            "invalid_request",
        ),
        (
            "grant_type=client_credentials&version=2.0",
            "invalid_request",
        ),
        (
            "grant_type=client_credentials&version=2.0&tenant=",
            "invalid_request",
        ),
        (
            "grant_type=password&version=2.0&tenant=anna",
            "unsupported_grant_type",
        ),
        (&*format!("{ASKED}&version=2.0"), "invalid_request"),
        (&*format!("{ASKED}&client_secret=pass"), "invalid_request"),
        (&*format!("{ASKED}&client_id=another"), "invalid_request"),
        (&*long, "invalid_request"),
        (&*many, "invalid_request"),
    ] {
        let answer = ask(&world, body).await;
        refused(&answer, 400, error, &reason::INVALID_FIELDS);
    }
    let right = basic(CLIENT.1);
    let json = [
        ("Content-Type", "application/json"),
        ("Authorization", &*right),
    ];
    let answer = post(&world, &json, "{}").await;
    refused(&answer, 400, "invalid_request", &reason::INVALID_FIELDS);
    for fields in [&[FORM][..], &[FORM, ("Authorization", "Bearer x")]] {
        let answer = post(&world, fields, ASKED).await;
        refused(&answer, 401, "invalid_client", &reason::CLIENT_INVALID);
    }
    assert_eq!(world.tokens.asked(), [], "nobody was asked");
    let answer = get(&world, "/oauth/token", &[]).await;
    refused(&answer, 405, "invalid_request", &reason::INVALID_FIELDS);
    world.end().await;
}

#[tokio::test]
async fn what_provisioning_refuses_has_its_code_and_its_reason() {
    let world = edge().await;
    for (refusal, status, error) in [
        (reason::CREDENTIAL_REVOKED, 401, "invalid_client"),
        (reason::CREDENTIAL_EXPIRED, 401, "invalid_client"),
        (reason::VERSION_WRONG, 400, "unauthorized_client"),
        (reason::VERSION_NOT_IN_USE, 400, "unauthorized_client"),
        (reason::INVALID_FIELDS, 400, "invalid_request"),
    ] {
        let said = "it is \"so\", \\ and not otherwise: ä";
        let problem = match &refusal {
            r if *r == reason::INVALID_FIELDS => {
                let mut v = contract::Violations::new();
                v.add("tenants[0]", contract::Fault::Malformed, said);
                v.finish().unwrap_err()
            }
            _ => Problem::failed_precondition(refusal.clone(), said),
        };
        world.tokens.refuse_with(Some(problem));
        refused(&ask(&world, ASKED).await, status, error, &refusal);
    }
    let busy = Problem::resource_exhausted(reason::RATE_LIMITED, "busy");
    let busy = busy.retry_after(Duration::from_millis(1500));
    world.tokens.refuse_with(Some(busy));
    let answer = ask(&world, ASKED).await;
    refused(
        &answer,
        429,
        "temporarily_unavailable",
        &reason::RATE_LIMITED,
    );
    assert_eq!(answer.field("retry-after"), "2");
    world
        .tokens
        .refuse_with(Some(Problem::broken("a fault of its own")));
    let answer = ask(&world, ASKED).await;
    refused(
        &answer,
        503,
        "temporarily_unavailable",
        &reason::PEER_UNAVAILABLE,
    );
    assert!(!answer.body.contains("fault of its own"));
    world.end().await;
}

#[tokio::test]
async fn who_guesses_secrets_waits_and_who_asks_all_the_time_does_too() {
    let world = edge().await;
    for _ in 0..TOKEN_CALLS_MAX {
        assert_eq!(ask(&world, ASKED).await.status, 200);
    }
    let answer = ask(&world, ASKED).await;
    refused(
        &answer,
        429,
        "temporarily_unavailable",
        &reason::RATE_LIMITED,
    );
    assert_eq!(answer.field("retry-after"), "60");
    world.clock.advance(Duration::from_secs(60));

    let guess = basic("guess");
    let guess = [FORM, ("Authorization", &*guess)];
    for _ in 0..WRONG_MAX {
        let answer = post(&world, &guess, ASKED).await;
        refused(&answer, 401, "invalid_client", &reason::CLIENT_INVALID);
    }
    world.clock.advance(Duration::from_secs(20));
    for answer in [post(&world, &guess, ASKED).await, ask(&world, ASKED).await] {
        refused(
            &answer,
            429,
            "temporarily_unavailable",
            &reason::RATE_LIMITED,
        );
        assert_eq!(answer.field("retry-after"), "40");
    }
    world.clock.advance(Duration::from_secs(40));
    // Wrong secrets have not used up what the client may ask.
    assert_eq!(ask(&world, ASKED).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn a_client_reads_its_tenants_page_by_page_and_never_by_an_address_with_a_secret() {
    let world = edge().await;
    let right = basic(CLIENT.1);
    let right = [("Authorization", &*right)];
    let page = |tenant: &str, next: &str| {
        json!({
            "application": "crm", "version": "2.0", "tenants": [tenant], "next_page_token": next,
        })
    };
    let first = get(&world, "/oauth/tenants?page_size=1", &right).await;
    assert_eq!((first.status, value(&first)), (200, page("anna", "more")));
    assert_eq!(first.field("cache-control"), "no-store");
    let last = get(&world, "/oauth/tenants?page_size=1&page_token=more", &right).await;
    assert_eq!((last.status, value(&last)), (200, page("bert", "")));
    for query in [
        "?page_size=x",
        "?page_size=1&page_size=2",
        "?client_id=client-1&client_secret=pass",
    ] {
        let answer = get(&world, &format!("/oauth/tenants{query}"), &right).await;
        refused(&answer, 400, "invalid_request", &reason::INVALID_FIELDS);
    }
    let answer = get(&world, "/oauth/tenants", &[]).await;
    refused(&answer, 401, "invalid_client", &reason::CLIENT_INVALID);
    world.end().await;
}

#[tokio::test]
async fn the_keys_may_be_kept_for_a_while_and_are_there_while_provisioning_is_away() {
    let mut world = edge().await;
    let path = "/.well-known/jwks.json";
    world.tokens.publish("{\"keys\":[1]}");
    for _ in 0..2 {
        let answer = get(&world, path, &[]).await;
        assert_eq!((answer.status, &*answer.body), (200, "{\"keys\":[1]}"));
        assert_eq!(answer.field("cache-control"), "public, max-age=900");
        assert_eq!(answer.field("content-type"), "application/jwk-set+json");
    }
    assert_eq!(
        world.tokens.keys_told(),
        1,
        "the second answer came from memory"
    );
    world.tokens.publish("{\"keys\":[1,2]}");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(get(&world, path, &[]).await.body, "{\"keys\":[1,2]}");
    world.stop_provisioning().await;
    world.clock.advance(Duration::from_secs(60));
    let answer = get(&world, path, &[]).await;
    assert_eq!((answer.status, &*answer.body), (200, "{\"keys\":[1,2]}"));
    world.start_provisioning().await;
    world.end().await;
}

#[tokio::test]
async fn a_client_that_knows_the_edge_alone_finds_all_that_it_needs() {
    let world = edge().await;
    let answer = get(&world, "/.well-known/oauth-authorization-server", &[]).await;
    let told = value(&answer);
    let origin = told["issuer"].as_str().unwrap();
    assert_eq!(origin, "https://consent.example");
    for (name, path) in [
        ("token_endpoint", "/oauth/token"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(told[name], format!("{origin}{path}"));
    }
    assert_eq!(told["grant_types_supported"], json!(["client_credentials"]));
    assert_eq!(answer.field("cache-control"), "public, max-age=900");
    world.end().await;
}

#[tokio::test]
async fn without_provisioning_a_client_is_told_to_come_back() {
    let mut world = edge().await;
    world.stop_provisioning().await;
    for answer in [
        ask(&world, ASKED).await,
        get(&world, "/.well-known/jwks.json", &[]).await,
    ] {
        refused(
            &answer,
            503,
            "temporarily_unavailable",
            &reason::PEER_UNAVAILABLE,
        );
        assert_eq!(answer.field("retry-after"), "5");
    }
    world.start_provisioning().await;
    world.end().await;
}
