//! What pages of somebody else, and programs elsewhere, can do: nothing.

use contract::Code;
use http::{Method, Version};
use http_body_util::{BodyExt as _, Full};

use super::{Answer, GET, MESSAGE, NATIVE, WEB, asked, client, send};
use crate::tests::world::World;

const OWN: &str = "https://consent.example";
const ALLOWED: &str = "https://portal.example";
const WEB_CALL: (&str, &str) = ("content-type", WEB);
const SAYS_WEB: (&str, &str) = ("x-grpc-web", "1");

/// Header fields of a request.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// Sends to the edge under a name of this test's choice.
async fn under(world: &World, host: &str, fields: &[(&str, &str)]) -> Answer {
    let fields = [fields, &[("host", host)]].concat();
    send(world, Version::HTTP_11, GET, &fields, MESSAGE).await
}

async fn preflight(world: &World, origin: &str) -> Answer {
    let fields = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-grpc-web"),
    ];
    let request = asked(world.at().edge, Method::OPTIONS, GET, &fields);
    let request = request.body(Full::default()).unwrap();
    let answer = client(Version::HTTP_11).request(request).await.unwrap();
    let (head, body) = answer.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
        trailers: http::HeaderMap::new(),
    }
}

#[tokio::test]
async fn a_page_of_somebody_else_reaches_no_service_of_this_machine() {
    let world = World::start().await;
    let port = world.at().edge.port();
    let here = format!("localhost:{port}");
    let rebound = format!("rebound.example:{port}");
    let of_rebound = format!("http://rebound.example:{port}");
    let tenant = "http://anna-shop-acme.localhost:8080";
    let other_port = "http://localhost:3000";
    let other_scheme = format!("https://localhost:{port}");
    let refused: &[(&str, Fields<'_>, u16)] = &[
        // fetch and XMLHttpRequest, had the browser not asked first.
        (
            &here,
            &[WEB_CALL, SAYS_WEB, ("origin", "https://evil.example")],
            403,
        ),
        (&here, &[WEB_CALL, SAYS_WEB, ("origin", tenant)], 403),
        (&here, &[WEB_CALL, SAYS_WEB, ("origin", other_port)], 403),
        (&here, &[WEB_CALL, SAYS_WEB, ("origin", &other_scheme)], 403),
        (&here, &[WEB_CALL, SAYS_WEB, ("origin", "null")], 403),
        (
            &here,
            &[
                WEB_CALL,
                SAYS_WEB,
                ("origin", "https://consent.example.evil.example"),
            ],
            403,
        ),
        (
            &here,
            &[
                WEB_CALL,
                SAYS_WEB,
                ("origin", OWN),
                ("origin", "https://evil.example"),
            ],
            403,
        ),
        (
            &here,
            &[
                WEB_CALL,
                ("authorization", "Bearer x"),
                ("origin", "https://evil.example"),
            ],
            403,
        ),
        // Forms, beacons and fetch without asking: none can have such a content type.
        (
            &here,
            &[
                ("content-type", "text/plain"),
                ("origin", "https://evil.example"),
            ],
            415,
        ),
        (
            &here,
            &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("origin", "null"),
            ],
            415,
        ),
        (
            &here,
            &[("content-type", "multipart/form-data; boundary=x")],
            415,
        ),
        // A browser that does not say for whom.
        (
            &here,
            &[WEB_CALL, SAYS_WEB, ("sec-fetch-site", "cross-site")],
            403,
        ),
        (
            &here,
            &[WEB_CALL, SAYS_WEB, ("sec-fetch-site", "none")],
            403,
        ),
        // A name that was made to lead to this machine.
        (
            &rebound,
            &[WEB_CALL, SAYS_WEB, ("origin", &of_rebound)],
            403,
        ),
        (&rebound, &[WEB_CALL, SAYS_WEB], 421),
        (&rebound, &[WEB_CALL, SAYS_WEB, ("origin", OWN)], 421),
        ("localhost", &[WEB_CALL, SAYS_WEB], 421),
        (
            "evil.example",
            &[
                ("content-type", WEB),
                SAYS_WEB,
                ("sec-fetch-site", "same-origin"),
            ],
            403,
        ),
        // Our own page always says what makes a browser ask first.
        (&here, &[WEB_CALL, ("origin", OWN)], 403),
        // A program elsewhere, and one behind a proxy that nobody named.
        (
            &here,
            &[WEB_CALL, SAYS_WEB, ("x-forwarded-for", "192.0.2.1")],
            401,
        ),
        (
            &here,
            &[WEB_CALL, SAYS_WEB, ("forwarded", "for=127.0.0.1")],
            401,
        ),
    ];
    for (host, fields, status) in refused {
        let answer = under(&world, host, fields).await;
        assert_eq!(answer.status, *status, "{host} {fields:?}: {answer:?}");
        assert_ne!(
            answer.field("access-control-allow-origin"),
            "https://evil.example"
        );
    }
    assert!(world.inbox.calls().is_empty(), "none arrived");
    world.end().await;
}

#[tokio::test]
async fn our_own_page_an_allowed_one_and_programs_of_this_machine_do() {
    let world = World::start().await;
    let port = world.at().edge.port();
    let local = format!("http://localhost:{port}");
    let here = format!("localhost:{port}");
    let accepted: &[(&str, Fields<'_>, &str)] = &[
        (
            &here,
            &[WEB_CALL, SAYS_WEB, ("origin", &local)],
            "operator-admin",
        ),
        (
            &here,
            &[WEB_CALL, SAYS_WEB, ("origin", OWN)],
            "operator-admin",
        ),
        (
            "consent.example",
            &[WEB_CALL, SAYS_WEB, ("origin", ALLOWED)],
            "operator-admin",
        ),
        (&here, &[WEB_CALL], "operator-admin"),
        // Whose word is not taken.
        (
            "consent.example",
            &[WEB_CALL, SAYS_WEB, ("origin", OWN), ("via", "1.1 x")],
            "anonymous",
        ),
        (
            "gateway-1.gateways",
            &[WEB_CALL, ("authorization", "Bearer x")],
            "anonymous",
        ),
    ];
    for (host, fields, role) in accepted {
        let fields = [*fields, &[("x-switchover-role", "operator-admin")]].concat();
        let answer = under(&world, host, &fields).await;
        assert_eq!(answer.status, 200, "{host} {fields:?}: {answer:?}");
        let call = world.inbox.calls().pop();
        let heard = call.map(|call| call["x-switchover-role"].to_str().unwrap().to_owned());
        match *role {
            // The service itself refuses who is nobody.
            "anonymous" => {
                assert_eq!(heard, None);
                assert_eq!(answer.problem().code(), Code::Unauthenticated);
            }
            role => assert_eq!(heard.as_deref(), Some(role), "{host} {fields:?}"),
        }
    }
    world.end().await;
}

#[tokio::test]
async fn browsers_hear_of_allowed_origins_by_name_and_of_no_other() {
    let world = World::start().await;
    for origin in [OWN, ALLOWED] {
        let told = preflight(&world, origin).await;
        assert_eq!(told.status, 204);
        assert_eq!(told.field("access-control-allow-origin"), origin);
        assert_eq!(told.field("access-control-allow-methods"), "POST");
        assert!(
            told.field("access-control-allow-headers")
                .contains("x-grpc-web")
        );
        let fields = [WEB_CALL, SAYS_WEB, ("origin", origin)];
        let answer = under(&world, "consent.example", &fields).await;
        assert_eq!(answer.field("access-control-allow-origin"), origin);
        let readable = answer.field("access-control-expose-headers");
        for field in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
            assert!(readable.contains(field), "{readable}");
        }
    }
    for origin in [
        "https://evil.example",
        "null",
        "*",
        "https://PORTAL.example",
    ] {
        let told = preflight(&world, origin).await;
        assert_eq!(told.status, 403, "{origin}");
        let granted = told
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control-"));
        assert!(!granted, "{origin}: {told:?}");
    }
    for answer in [
        preflight(&world, OWN).await,
        preflight(&world, "https://evil.example").await,
        under(&world, "consent.example", &[WEB_CALL]).await,
    ] {
        assert!(answer.field("vary").contains("origin"), "{answer:?}");
        assert_eq!(answer.field("access-control-allow-credentials"), "");
        assert_eq!(answer.field("access-control-allow-private-network"), "");
    }
    world.end().await;
}

#[tokio::test]
async fn where_services_ask_for_keys_this_machine_is_no_different() {
    let mut world = World::without_gateway().await;
    world.ask_for_keys();
    world.start_gateway().await;
    let port = world.at().edge.port();
    let here = format!("localhost:{port}");
    let own = ("origin", OWN);
    for (host, fields, status) in [
        (&*here, vec![WEB_CALL, SAYS_WEB], 421),
        ("consent.example", vec![WEB_CALL, SAYS_WEB], 401),
        (&here, vec![WEB_CALL, SAYS_WEB, own], 421),
        (&here, vec![WEB_CALL, ("authorization", "Bearer x")], 200),
        ("consent.example", vec![WEB_CALL, SAYS_WEB, own], 200),
    ] {
        let fields = [&fields[..], &[("x-switchover-role", "operator-admin")]].concat();
        let answer = under(&world, host, &fields).await;
        assert_eq!(answer.status, status, "{host} {fields:?}: {answer:?}");
        if status == 200 {
            let problem = answer.problem();
            assert_eq!(problem.code(), Code::Unauthenticated, "{answer:?}");
        }
    }
    assert!(world.inbox.calls().is_empty());
    let native = [("content-type", NATIVE)];
    let health = "/grpc.health.v1.Health/Check";
    let answer = send(&world, Version::HTTP_2, health, &native, &[0; 5]).await;
    assert_eq!(answer.field("grpc-status"), "0", "health is told to all");
    world.end().await;
}
