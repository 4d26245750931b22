//! The way in, and what versions hear of those who took it.

use super::*;
use crate::apps::tests::world::{TESTER, until};

#[tokio::test]
async fn people_are_sent_to_sign_in_and_come_back_to_where_they_wanted_to_go() {
    let doors = Doors::start().await;
    let sent = doors.get("/a?b=c&d=e", &[HTML]).await;
    assert_eq!(sent.status, StatusCode::FOUND);
    let sign_in = sent.field("location").to_owned();
    assert_eq!(
        sign_in,
        "/.switchover/sign-in?return_to=%2Fa%3Fb%3Dc%26d%3De"
    );
    assert_eq!(sent.field("cache-control"), "no-store");

    let claims = doors.claims("hall", &["clerk"]);
    let (place, kept) = doors
        .go_to_issuer(USER, "%2Fa%3Fb%3Dc%26d%3De", &claims)
        .await;
    let path = place
        .strip_prefix("http://hall-shop-acme.example.com:8080")
        .unwrap();
    let back = doors.get(path, &[HTML, ("cookie", &kept)]).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.text);
    assert_eq!(back.field("location"), "/a?b=c&d=e");
    for set in back.fields.get_all("set-cookie") {
        let set = set.to_str().unwrap();
        assert!(set.contains("Secure; HttpOnly; SameSite=Lax"), "{set}");
    }
    let kept = cookies(&back.fields);
    assert!(!kept.contains("u-1"), "it is sealed: {kept}");
    let answer = doors.get("/a?b=c&d=e", &[HTML, ("cookie", &kept)]).await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "1.0"));
    assert_eq!(answer.field("cache-control"), "private");
    assert_eq!(
        doors.version.seen.arrivals(),
        1,
        "nothing else has reached it"
    );

    // The way is gone once.
    let again = doors
        .get(path, &[HTML, ("cookie", &cookies(&back.fields))])
        .await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_version_hears_who_asks_in_a_signed_field_and_gets_no_cookie_of_the_gateway() {
    let doors = Doors::start().await;
    let kept = doors.sign_in(&["clerk", "not a role"]).await;
    let both = format!("mine=1; {kept}; switchover-tester=x");
    let forged = [
        HTML,
        ("cookie", &*both),
        ("switchover-identity", "forged"),
        ("Switchover_Identity", "forged"),
        ("switchover_identity", "forged"),
        ("x-switchover-csrf", "forged"),
        ("x-http-method-override", "DELETE"),
    ];
    doors.get("/", &forged).await;
    let (_, _, heard) = doors.version.last();
    assert_eq!(heard["cookie"], "mine=1");
    assert_eq!(heard.get_all("switchover-identity").iter().count(), 1);
    for gone in [
        "switchover_identity",
        "x-switchover-csrf",
        "x-http-method-override",
    ] {
        assert!(!heard.contains_key(gone), "{gone}");
    }
    let token = heard["switchover-identity"].to_str().unwrap();
    let said = opened(token, 1);
    for (name, value) in [
        ("iss", json!("http://edge.example")),
        ("aud", json!("shop")),
        ("sub", json!("u-1")),
        ("tenant", json!("hall")),
        ("roles", json!(["clerk"])),
        ("version", json!("1.0")),
        ("generation", json!(1)),
        ("iat", json!(BEGIN)),
        ("exp", json!(BEGIN + 60)),
    ] {
        assert_eq!(said[name], value, "{name}");
    }
    let keys = doors.get("/.switchover/jwks.json", &[]).await;
    let keys: Value = serde_json::from_str(&keys.text).unwrap();
    assert_eq!(keys["keys"][0]["kid"], opened(token, 0)["kid"]);

    doors.get("/open", &[]).await;
    let (_, _, heard) = doors.version.last();
    let said = opened(heard["switchover-identity"].to_str().unwrap(), 1);
    assert_eq!((said.get("sub"), &said["tenant"]), (None, &json!("hall")));
}

#[tokio::test]
async fn a_session_is_written_anew_while_it_is_used_and_ends_when_it_is_not() {
    let doors = Doors::start().await;
    let mut kept = doors.sign_in(&[]).await;
    let minutes = |n: u64| std::time::Duration::from_secs(n * 60);
    for _ in 0..36 {
        doors.clock.advance(minutes(20));
        let answer = doors.get("/", &[("cookie", &kept)]).await;
        if doors.login.now().as_second() >= BEGIN + 12 * 60 * 60 {
            assert_eq!(answer.reason(), "SIGN_IN_NEEDED");
            break;
        }
        assert_eq!(answer.status, StatusCode::OK);
        kept = cookies(&answer.fields);
        assert_eq!(answer.field("cache-control"), "no-store");
    }
    let kept = doors.sign_in(&[]).await;
    let soon = doors.get("/", &[("cookie", &kept)]).await;
    assert!(
        !soon.fields.contains_key("set-cookie"),
        "once a minute is enough"
    );
    doors.clock.advance(minutes(30));
    let late = doors.get("/", &[("cookie", &kept)]).await;
    assert_eq!(late.reason(), "SIGN_IN_NEEDED");
}

#[tokio::test]
async fn requests_that_are_held_keep_their_session() {
    let doors = Doors::start().await;
    let kept = doors.sign_in(&[]).await;
    let next = Upstream::start("2.0").await;
    doors.gate(1, GateOrder::Held(Some(doors.version.target())));
    let stranger = doors.get("/", &[]).await;
    assert_eq!(
        stranger.reason(),
        "SIGN_IN_NEEDED",
        "who must sign in waits for nothing"
    );
    let fields = [("cookie", &*kept)];
    let waiting = doors.get("/", &fields);
    let release = async {
        until("it waits", || doors.world.held() == 1).await;
        doors.gate(2, GateOrder::Open(next.target()));
    };
    let (answer, ()) = tokio::join!(waiting, release);
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "2.0"));
    let (_, _, heard) = next.last();
    let said = opened(heard["switchover-identity"].to_str().unwrap(), 1);
    assert_eq!(
        (&said["version"], &said["generation"]),
        (&json!("2.0"), &json!(2))
    );
    assert_eq!(said["sub"], "u-1");
}

#[tokio::test]
async fn programs_are_told_who_is_signed_in_and_where_to_sign_in() {
    let doors = Doors::start().await;
    let nobody = doors.get("/.switchover/session", &[]).await;
    let nobody: Value = serde_json::from_str(&nobody.text).unwrap();
    assert_eq!(
        nobody,
        json!({ "signed_in": false, "sign_in": "/.switchover/sign-in" })
    );
    let kept = doors.sign_in(&["clerk"]).await;
    let somebody = doors
        .get("/.switchover/session", &[("cookie", &kept)])
        .await;
    assert_eq!(somebody.field("cache-control"), "no-store");
    let somebody: Value = serde_json::from_str(&somebody.text).unwrap();
    assert_eq!(somebody["user"], "u-1");
    assert_eq!(
        (&somebody["tenant"], &somebody["roles"]),
        (&json!("hall"), &json!(["clerk"]))
    );
    assert!(somebody["csrf"].as_str().unwrap().len() > 20);
    for nothing in ["/.switchover/x", "/.switchover"] {
        let answer = doors.get(nothing, &[("cookie", &kept)]).await;
        assert_eq!(answer.reason(), "NOTHING_HERE");
    }
    assert_eq!(doors.version.seen.arrivals(), 0);
}

#[tokio::test]
async fn testers_show_their_token_and_sign_in_as_people_of_the_operator() {
    use sha2::{Digest as _, Sha256};
    let doors = Doors::start().await;
    let test = Upstream::start("2.0").await;
    let mut route = doors.world.test(&test, Sha256::digest("t0ken").into());
    route.login = Some(policy());
    drop(doors.world.plane.set_route(route));
    let token = ("switchover-tester-token", "t0ken");
    let ask = async |fields: &[(&str, &str)]| doors.ask_at(TESTER, Method::GET, "/", fields).await;
    assert_eq!(ask(&[]).await.reason(), "TESTER_TOKEN_NEEDED");
    assert_eq!(ask(&[token]).await.reason(), "SIGN_IN_NEEDED");
    let tenants = doors.sign_in_at(TESTER, &doors.claims("hall", &[])).await;
    assert_eq!(tenants.status, StatusCode::FORBIDDEN);
    let own = doors.sign_in_at(TESTER, &doors.claims("acme", &[])).await;
    let kept = cookies(&own.fields);
    assert_eq!(
        ask(&[("cookie", &kept)]).await.reason(),
        "TESTER_TOKEN_NEEDED"
    );
    let answer = ask(&[token, ("cookie", &kept)]).await;
    assert_eq!(answer.text, "2.0");
    let (_, _, heard) = test.last();
    let said = opened(heard["switchover-identity"].to_str().unwrap(), 1);
    assert_eq!(
        (&said["tenant"], said.get("generation")),
        (&json!("acme"), None)
    );
}
