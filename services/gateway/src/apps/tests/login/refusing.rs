//! Whoever does not get in, and hears why.

use super::*;

#[tokio::test]
async fn programs_get_an_answer_and_no_redirect() {
    let doors = Doors::start().await;
    let ways: [&[(&str, &str)]; 4] = [
        &[],
        &[("accept", "application/json")],
        &[HTML, ("sec-fetch-mode", "cors")],
        &[HTML, ("x-requested-with", "XMLHttpRequest")],
    ];
    for fields in ways {
        let answer = doors.get("/a", fields).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.reason(), "SIGN_IN_NEEDED");
        let place = "http://hall-shop-acme.example.com:8080/.switchover/sign-in";
        let said: Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(said["sign_in"], place);
        let expected = format!("Switchover-Sign-In uri=\"{place}\"");
        assert_eq!(answer.field("www-authenticate"), expected);
    }
    let form = doors.ask(Method::POST, "/a", &[HTML]).await;
    assert_eq!(form.status, StatusCode::UNAUTHORIZED);
    assert!(form.text.contains(">Sign in</a>"), "{}", form.text);
    assert_eq!(doors.version.seen.arrivals(), 0);
}

#[tokio::test]
async fn rules_hold_in_every_spelling_of_a_path() {
    let doors = Doors::start().await;
    let (clerk, admin) = (
        doors.sign_in(&["clerk"]).await,
        doors.sign_in(&["admin"]).await,
    );
    for path in [
        "/admin",
        "/ADMIN/x",
        "/%61dmin",
        "/admin;x=1",
        "/admin./y",
        "/admin%20",
    ] {
        let refused = doors.get(path, &[("cookie", &clerk)]).await;
        assert_eq!(refused.reason(), "ROLE_MISSING", "{path}");
        let said: Value = serde_json::from_str(&refused.text).unwrap();
        assert_eq!(said["role"], "admin");
        let answer = doors.get(path, &[("cookie", &admin)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    for path in [
        "/open/../admin",
        "//admin",
        "/open/%2e%2e/admin",
        "/open%2fadmin",
        "/%2561dmin",
    ] {
        let refused = doors.get(path, &[("cookie", &admin)]).await;
        assert_eq!(refused.reason(), "PATH_REFUSED", "{path}");
    }
    let page = doors.get("/admin", &[HTML, ("cookie", &clerk)]).await;
    assert!(
        page.text
            .contains("<strong translate=\"no\">admin</strong>"),
        "{}",
        page.text
    );
    assert_eq!(doors.get("/open", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_gets_in_with_a_session_that_is_forged_too_old_or_of_another_host() {
    let doors = Doors::start().await;
    let kept = doors.sign_in(&["admin"]).await;
    let session = kept
        .split("; ")
        .find(|it| it.starts_with("__Host-switchover-login="));
    let session = session.unwrap();
    assert_eq!(
        doors.get("/", &[("cookie", session)]).await.status,
        StatusCode::OK
    );
    let east = "east-shop-acme.example.com";
    let foreign = doors
        .ask_at(east, Method::GET, "/", &[("cookie", session)])
        .await;
    assert_eq!(foreign.reason(), "SIGN_IN_NEEDED");
    let mut forged = session.to_owned();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let others = Doors::start().await;
    let of_another_gateway = others.sign_in(&["admin"]).await;
    let renamed = session.replace("__Host-", "__host-");
    for cookie in [
        &*forged,
        &of_another_gateway,
        &renamed,
        "__Host-switchover-login=",
        "__Host-switchover-login=s1.00000000.AAAA",
    ] {
        let answer = doors.get("/", &[("cookie", cookie)]).await;
        assert_eq!(answer.reason(), "SIGN_IN_NEEDED", "{cookie}");
    }
    doors.clock.advance(std::time::Duration::from_secs(31 * 60));
    let late = doors.get("/", &[("cookie", session)]).await;
    assert_eq!(late.reason(), "SIGN_IN_NEEDED");
}

#[tokio::test]
async fn a_user_of_one_tenant_does_not_get_in_at_another_ones_address() {
    let doors = Doors::start().await;
    let mut nobody = doors.claims("hall", &[]);
    nobody.as_object_mut().unwrap().remove("tenant");
    let mut listed = doors.claims("hall", &[]);
    listed["tenant"] = json!(["hall", "east"]);
    for claims in [doors.claims("east", &["admin"]), nobody, listed] {
        let refused = doors.sign_in_at(USER, &claims).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{claims}");
        assert!(refused.text.contains("OTHER_TENANT"), "{}", refused.text);
        assert_eq!(cookies(&refused.fields), "");
    }
}

/// A link that ends somebody else's sign-in signs nobody in: only the browser that began can.
#[tokio::test]
async fn nobody_is_signed_in_by_a_link_of_somebody_else() {
    let doors = Doors::start().await;
    let claims = doors.claims("hall", &[]);
    let (place, _attackers) = doors.go_to_issuer(USER, "/", &claims).await;
    let (_, victims) = doors.go_to_issuer(USER, "/", &claims).await;
    let path = place
        .strip_prefix("http://hall-shop-acme.example.com:8080")
        .unwrap();
    for kept in ["", &*victims] {
        let refused = doors.get(path, &[HTML, ("cookie", kept)]).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.text.contains("SIGN_IN_FAILED"), "{}", refused.text);
    }
    let east = "east-shop-acme.example.com";
    let elsewhere = doors
        .ask_at(east, Method::GET, path, &[("cookie", &_attackers)])
        .await;
    assert_eq!(elsewhere.reason(), "SIGN_IN_FAILED");
    let (place, kept) = doors.go_to_issuer(USER, "/", &claims).await;
    let path = place
        .strip_prefix("http://hall-shop-acme.example.com:8080")
        .unwrap();
    doors.clock.advance(std::time::Duration::from_secs(30));
    let late = doors.get(path, &[("cookie", &kept)]).await;
    assert_eq!(
        late.reason(),
        "SIGN_IN_FAILED",
        "half a minute is enough for the way"
    );
    let relay = Relay::of("code", "state", "issuer");
    assert_eq!(
        doors.login.relay(relay),
        None,
        "a state that was not made here"
    );
}

#[tokio::test]
async fn what_another_sites_page_sends_in_somebodys_name_is_refused() {
    let doors = Doors::start().await;
    let kept = doors.sign_in(&[]).await;
    let cookie = ("cookie", &*kept);
    let post = async |fields: &[(&str, &str)]| doors.ask(Method::POST, "/", fields).await;
    let foreign: [&[(&str, &str)]; 5] = [
        &[],
        &[("origin", "http://evil.example")],
        &[("origin", "http://east-shop-acme.example.com")],
        &[("sec-fetch-site", "same-site")],
        &[("x-switchover-csrf", "guessed")],
    ];
    for fields in foreign {
        let answer = post(&[&[cookie], fields].concat()).await;
        assert_eq!(answer.reason(), "FOREIGN_REQUEST", "{fields:?}");
    }
    assert_eq!(doors.version.seen.arrivals(), 0);
    let csrf = doors.csrf(&kept).await;
    let own: [&[(&str, &str)]; 3] = [
        &[OWN],
        &[("sec-fetch-site", "same-origin")],
        &[("x-switchover-csrf", &csrf)],
    ];
    for fields in own {
        let answer = post(&[&[cookie], fields].concat()).await;
        assert_eq!(answer.status, StatusCode::OK, "{fields:?}");
    }
    let socket = [
        cookie,
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("origin", "http://evil.example"),
    ];
    let refused = doors.get("/ws", &socket).await;
    assert_eq!(refused.reason(), "FOREIGN_REQUEST");
}

#[tokio::test]
async fn where_no_identity_provider_is_set_the_page_says_so_and_the_gateway_knows() {
    let world = World::start().await;
    let version = Upstream::start("1.0").await;
    let mut route = route(Some(1), GateOrder::Open(version.target()));
    route.login = Some(policy());
    assert!(world.plane.without_provider().is_empty());
    drop(world.plane.set_route(route));
    let answer = world.get(USER, "/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.reason(), "LOGIN_NOT_SET_UP");
    assert!(answer.text.contains("--login-issuer"), "{}", answer.text);
    let names = world.plane.without_provider();
    assert_eq!(names, ["shop".parse().unwrap()]);
    assert_eq!(world.get(USER, "/open").await.status, StatusCode::OK);
    let begin = world.get(USER, "/.switchover/sign-in").await;
    assert_eq!(begin.reason(), "LOGIN_NOT_SET_UP");
}

#[tokio::test]
async fn while_the_identity_provider_is_away_sessions_go_on_and_nobody_else_gets_in() {
    let doors = Doors::start().await;
    doors.issuer.up(false);
    let refused = doors.get("/.switchover/sign-in", &[HTML]).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        refused.text.contains("IDENTITY_PROVIDER_AWAY"),
        "{}",
        refused.text
    );
    doors.issuer.up(true);
    doors.clock.advance(std::time::Duration::from_secs(60));
    let kept = doors.sign_in(&[]).await;
    doors.issuer.up(false);
    assert_eq!(
        doors.get("/", &[("cookie", &kept)]).await.status,
        StatusCode::OK
    );
}
