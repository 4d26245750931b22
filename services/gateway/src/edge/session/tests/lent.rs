//! Where a key is lent to the console's pages: what they are, and what nobody else is.

use super::*;

/// Fields of a request.
type Fields<'a> = &'a [(&'a str, &'a str)];

async fn ask(world: &World, method: Method, path: &str, fields: Fields<'_>) -> Told {
    send(world, method, path, fields, MESSAGE).await
}

async fn call(world: &World, fields: Fields<'_>) -> Told {
    let kind = [("content-type", "application/grpc-web+proto")];
    ask(world, Method::POST, GET_INBOX, &[&kind, fields].concat()).await
}

const OWN: (&str, &str) = ("origin", ORIGIN);
const HOST: (&str, &str) = ("host", "consent.example");
const WEB: (&str, &str) = ("x-grpc-web", "1");

#[tokio::test]
async fn the_consoles_own_page_is_the_demo_operator_or_whom_it_says() {
    let mut world = World::without_gateway().await;
    let key = world.lend().await;
    world.start_gateway().await;
    let who = ask(&world, Method::GET, "/session", &[HOST]).await;
    assert!(!who.body.contains(key.expose()), "no key leaves the edge");
    let who = who.json();
    assert_eq!(
        (
            &who["signed_in"],
            &who["development"],
            &who["role"],
            &who["subject"]
        ),
        (
            &json!(true),
            &json!(true),
            &json!("operator-admin"),
            &json!("people/demo")
        )
    );

    let port = world.at().edge.port();
    let here = format!("127.0.0.1:{port}");
    let of_here = format!("http://{here}");
    for own in [[OWN, HOST], [("origin", &*of_here), ("host", &*here)]] {
        let answer = call(&world, &[&own[..], &[WEB]].concat()).await;
        assert!(answer.body.contains("grpc-status:0"), "{}", answer.body);
        let heard = world.inbox.calls().pop().unwrap();
        let shown = heard["authorization"].to_str().unwrap().to_owned();
        assert_eq!(shown, format!("Bearer {}", key.expose()));
    }
    let tenant = [
        ("x-switchover-role", "tenant-admin"),
        ("x-switchover-subject", "tenants/acme"),
    ];
    let answer = call(&world, &[&[OWN, HOST, WEB][..], &tenant].concat()).await;
    assert!(
        !answer.body.contains("grpc-status:16"),
        "it is known who that is: {}",
        answer.body
    );
    let left = ask(&world, Method::POST, "/session/logout", &[OWN, HOST]).await;
    assert_eq!(left.status, 200, "{}", left.body);
    world.end().await;
}

#[tokio::test]
async fn the_key_is_lent_to_nothing_else() {
    let mut world = World::without_gateway().await;
    world.lend().await;
    world.start_gateway().await;
    let port = world.at().edge.port();
    let rebound = format!("rebound.example:{port}");
    let of_rebound = format!("http://rebound.example:{port}");
    let refused: &[(&str, Fields<'_>, u16)] = &[
        ("a program", &[HOST], 401),
        ("a program that says it is a page's call", &[HOST, WEB], 401),
        ("a form", &[OWN, HOST], 403),
        (
            "another page",
            &[("origin", "https://evil.example"), HOST, WEB],
            403,
        ),
        (
            "a page of two origins",
            &[OWN, ("origin", "https://evil.example"), HOST, WEB],
            403,
        ),
        (
            "a page that hides",
            &[HOST, WEB, ("sec-fetch-site", "cross-site")],
            403,
        ),
        (
            "a rebound page",
            &[("origin", &of_rebound), ("host", &rebound), WEB],
            403,
        ),
        ("a rebound host", &[OWN, ("host", &rebound), WEB], 421),
    ];
    for (what, fields, status) in refused {
        let answer = call(&world, fields).await;
        assert_eq!(answer.status, *status, "{what}: {}", answer.body);
    }
    // These may call, as nobody: an allowed origin, what came through a proxy, and who shows another key.
    let allowed: &[(&str, Fields<'_>)] = &[
        (
            "another origin",
            &[("origin", "https://portal.example"), HOST, WEB],
        ),
        (
            "through a proxy",
            &[OWN, HOST, WEB, ("x-forwarded-for", "192.0.2.1")],
        ),
        (
            "with a wrong key",
            &[OWN, HOST, WEB, ("authorization", "Bearer swk_x")],
        ),
    ];
    for (what, fields) in allowed {
        let answer = call(&world, fields).await;
        assert_eq!(answer.problem().code(), Code::Unauthenticated, "{what}");
    }
    assert!(world.inbox.calls().is_empty(), "none arrived");
    world.end().await;
}
