//! Sessions that end, and what ends with them.

use http_body_util::BodyExt as _;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::*;
use crate::apps::{
    Ended,
    tests::{
        ending::closed_with,
        long_lived::echo,
        world::{LONG, until},
    },
};

#[tokio::test]
async fn whoever_signs_out_is_out_here_and_sent_to_sign_out_of_the_provider() {
    let doors = Doors::start().await;
    let kept = doors.sign_in(&[]).await;
    let cookie = ("cookie", &*kept);
    let forged = [HTML, cookie, ("origin", "http://evil.example")];
    let refused = doors
        .ask(Method::POST, "/.switchover/sign-out", &forged)
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(doors.get("/", &[cookie]).await.status, StatusCode::OK);
    let link = doors.get("/.switchover/sign-out", &[cookie]).await;
    assert_eq!(link.reason(), "NOTHING_HERE");

    let out = doors
        .ask(Method::POST, "/.switchover/sign-out", &[HTML, cookie, OWN])
        .await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    let place = out.field("location");
    assert!(
        place.starts_with(&format!("{}/end?client_id=shop", doors.issuer.url())),
        "{place}"
    );
    assert!(
        place.contains(
            "post_logout_redirect_uri=http%3A%2F%2Fedge.example%2F.switchover%2Fsigned-out"
        )
    );
    assert!(place.contains("&id_token_hint="), "{place}");
    assert_eq!(cookies(&out.fields), "", "the browser forgets all");
    let after = doors.get("/", &[cookie]).await;
    assert_eq!(
        after.reason(),
        "SIGN_IN_NEEDED",
        "what somebody kept opens nothing"
    );

    let kept = doors.sign_in(&[]).await;
    let csrf = doors.csrf(&kept).await;
    let fields = [("cookie", &*kept), ("x-switchover-csrf", &*csrf)];
    let out = doors
        .ask(Method::POST, "/.switchover/sign-out", &fields)
        .await;
    let out: Value = serde_json::from_str(&out.text).unwrap();
    assert_eq!(out["signed_out"], true);
    assert!(out["continue_at"].as_str().unwrap().contains("/end?"));
}

#[tokio::test]
async fn the_provider_ends_sign_ins_with_a_token_and_nobody_does_without() {
    let doors = Doors::start().await;
    let kept = doors.sign_in(&[]).await;
    let now = doors.login.now().as_second();
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let mut claims = json!({
        "iss": doors.issuer.url().as_str(), "aud": "shop", "iat": now, "exp": now + 120,
        "jti": "1", "sid": "p-1", "events": { event: {} },
    });
    let signer = doors.issuer.signer();
    let token = |claims: &Value| signer.token(&signer.header("logout+jwt"), claims);
    let forger = oidc::testing::Signer::p256("first");
    let forged = forger.token(&forger.header("logout+jwt"), &claims);
    assert_eq!(
        doors.login.logout(&forged).await,
        Err(oidc::Refusal::Signature)
    );
    claims["aud"] = json!("other");
    assert_eq!(
        doors.login.logout(&token(&claims)).await,
        Err(oidc::Refusal::Audience)
    );
    assert_eq!(
        doors.get("/", &[("cookie", &kept)]).await.status,
        StatusCode::OK
    );
    claims["aud"] = json!("shop");
    doors.login.logout(&token(&claims)).await.unwrap();
    let after = doors.get("/", &[("cookie", &kept)]).await;
    assert_eq!(after.reason(), "SIGN_IN_NEEDED");
}

#[tokio::test]
async fn what_lasts_ends_with_its_session_and_what_others_have_open_goes_on() {
    let doors = Doors::start().await;
    let (leaver, stayer) = (doors.sign_in(&[]).await, doors.sign_in(&[]).await);
    let mut sockets = Vec::new();
    for kept in [&leaver, &stayer] {
        let mut request = format!("ws://{USER}/ws").into_client_request().unwrap();
        let fields = request.headers_mut();
        fields.insert("cookie", kept.parse().unwrap());
        fields.insert("origin", OWN.1.parse().unwrap());
        let stream = TcpStream::connect(doors.world.address).await.unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .unwrap();
        assert_eq!(echo(&mut socket, "a").await, "1.0 a");
        sockets.push(socket);
    }
    let events = Request::get("/events")
        .header("host", USER)
        .header("cookie", &leaver);
    let mut connection = doors.world.connect().await;
    let events = connection
        .send(events.body(empty()).unwrap())
        .await
        .unwrap();
    until("all are open", || doors.world.plane.long_lived() == 3).await;

    let fields = [("cookie", &*leaver), OWN];
    doors
        .ask(Method::POST, "/.switchover/sign-out", &fields)
        .await;
    doors.version.go_on();
    let (code, _) = closed_with(&mut sockets[0]).await;
    assert_eq!(u16::from(code), 1008);
    let body = timeout(LONG, events.into_body().collect())
        .await
        .expect("an end");
    assert!(!body.unwrap().to_bytes().is_empty());
    assert_eq!(echo(&mut sockets[1], "b").await, "1.0 b");
}

#[tokio::test]
async fn a_request_whose_session_ends_while_it_is_held_does_not_get_in() {
    let doors = Doors::start().await;
    let kept = doors.sign_in(&[]).await;
    doors.gate(1, GateOrder::Held(Some(doors.version.target())));
    let fields = [("cookie", &*kept)];
    let waiting = doors.get("/", &fields);
    let release = async {
        until("it waits", || doors.world.held() == 1).await;
        let now = doors.login.now();
        doors.login.end(Ended::Subject("u-1".to_owned()), now).await;
        doors.gate(2, GateOrder::Open(doors.version.target()));
    };
    let (answer, ()) = tokio::join!(waiting, release);
    assert_eq!(answer.reason(), "SIGN_IN_NEEDED");
    assert_eq!(doors.version.seen.arrivals(), 0);
}
