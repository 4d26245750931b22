//! The API, as programs and browsers call it, and as pages of somebody else try to.

use std::net::SocketAddr;

use bytes::Bytes;
use contract::{Code, Problem, reason};
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};

use crate::tests::{
    http::client,
    world::{World, until},
};

mod foreign;

const GET: &str = "/switchover.notification.v1.InboxService/GetInbox";
const WATCH: &str = "/switchover.notification.v1.InboxService/WatchInbox";
const REFUSED: &str = "/switchover.notification.v1.InboxService/MarkEvents";
const WEB: &str = "application/grpc-web+proto";
const NATIVE: &str = "application/grpc";
/// One message of three bytes.
const MESSAGE: &[u8] = &[0, 0, 0, 0, 3, 1, 2, 3];
/// How gRPC-web says that a call went well.
const WENT_WELL: &[u8] = b"\x80\0\0\0\x0fgrpc-status:0\r\n";

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
}

impl Answer {
    fn field(&self, name: &str) -> &str {
        let value = self.headers.get(name).or_else(|| self.trailers.get(name));
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// Reads why a call was refused, from wherever gRPC says it.
    fn problem(&self) -> Problem {
        let told = [&self.headers, &self.trailers];
        let status = told.into_iter().find_map(tonic::Status::from_header_map);
        status.unwrap_or_else(|| panic!("{self:?}")).into()
    }
}

fn asked(
    to: SocketAddr,
    method: Method,
    path: &str,
    fields: &[(&str, &str)],
) -> http::request::Builder {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{to}{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request
}

async fn send(
    world: &World,
    version: Version,
    path: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let request = asked(world.at().edge, Method::POST, path, fields).version(version);
    let request = request
        .body(Full::new(Bytes::copy_from_slice(body)))
        .unwrap();
    let (head, body) = client(version).request(request).await.unwrap().into_parts();
    let collected = body.collect().await.unwrap();
    Answer {
        status: head.status,
        headers: head.headers,
        trailers: collected.trailers().cloned().unwrap_or_default(),
        body: collected.to_bytes(),
    }
}

#[tokio::test]
async fn calls_arrive_as_they_were_sent_whichever_way_they_come() {
    let world = World::start().await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let fields = [("content-type", WEB), ("x-grpc-web", "1")];
        let answer = send(&world, version, GET, &fields, MESSAGE).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body, [MESSAGE, WENT_WELL].concat(), "{version:?}");
        assert_eq!(answer.field("content-type"), WEB);

        let text = "application/grpc-web-text";
        let fields = [
            ("content-type", text),
            ("accept", text),
            ("x-grpc-web", "1"),
        ];
        let answer = send(&world, version, GET, &fields, b"AAAAAAMBAgM=").await;
        assert_eq!(
            answer.body, "AAAAAAMBAgM=gAAAAA9ncnBjLXN0YXR1czowDQo=",
            "{version:?}"
        );
    }
    let fields = [("content-type", NATIVE), ("te", "trailers")];
    let answer = send(&world, Version::HTTP_2, GET, &fields, MESSAGE).await;
    assert_eq!((&*answer.body, answer.field("grpc-status")), (MESSAGE, "0"));
    assert_eq!(world.inbox.calls().len(), 5);
    world.end().await;
}

#[tokio::test]
async fn an_error_arrives_with_its_details_and_nothing_empty_behind_it() {
    let world = World::start().await;
    for (version, kind) in [
        (Version::HTTP_11, WEB),
        (Version::HTTP_2, WEB),
        (Version::HTTP_2, NATIVE),
    ] {
        let fields = [("content-type", kind), ("x-grpc-web", "1")];
        let answer = send(&world, version, REFUSED, &fields, MESSAGE).await;
        let problem = answer.problem();
        assert!(problem.is(&reason::SWITCH_OPEN), "{answer:?}");
        assert_eq!(problem.message(), "Not in this state: “é”, and 100 %.");
        assert!(answer.body.is_empty(), "{answer:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn no_other_content_type_reaches_a_handler() {
    let world = World::start().await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json",
            "application/connect+proto",
        ] {
            let fields = [("content-type", kind), ("authorization", "Bearer x")];
            let answer = send(&world, version, GET, &fields, MESSAGE).await;
            assert_eq!(answer.status, 415, "{kind}: {answer:?}");
        }
        let answer = send(&world, version, GET, &[], MESSAGE).await;
        assert_eq!(answer.status, 415, "{answer:?}");
    }
    let fields = [("content-type", NATIVE)];
    let answer = send(&world, Version::HTTP_11, GET, &fields, MESSAGE).await;
    assert_eq!(answer.status, 415, "gRPC itself needs HTTP/2");
    assert!(world.inbox.calls().is_empty());
    world.end().await;
}

#[tokio::test]
async fn what_gateways_and_services_alone_may_call_is_not_offered() {
    let world = World::start().await;
    for method in [
        "/switchover.catalog.v1.FleetService/Follow",
        "/switchover.provisioning.v1.GrantService/FollowGrants",
        "/switchover.notification.v1.NoticeService/PublishNotices",
        "/switchover.notification.v1.InboxService/Nothing",
        "/switchover.nobody.v1.Service/Nothing",
        "/some.Service/Nothing",
    ] {
        for (version, kind) in [(Version::HTTP_11, WEB), (Version::HTTP_2, NATIVE)] {
            let fields = [("content-type", kind), ("x-grpc-web", "1")];
            let answer = send(&world, version, method, &fields, MESSAGE).await;
            assert_eq!(answer.problem().code(), Code::Unimplemented, "{answer:?}");
        }
    }
    world.end().await;
}

#[tokio::test]
async fn this_gateway_tells_its_own_state_and_health() {
    let world = World::start().await;
    let status = "/switchover.gateway.v1.GatewayService/GetStatus";
    for (method, message) in [
        (status, &[0; 5][..]),
        ("/grpc.health.v1.Health/Check", &[0; 5]),
    ] {
        let fields = [("content-type", NATIVE)];
        let answer = send(&world, Version::HTTP_2, method, &fields, message).await;
        assert_eq!(answer.field("grpc-status"), "0", "{answer:?}");
        assert!(answer.body.len() > 5, "{answer:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn the_gateway_says_nothing_of_itself_for_callers() {
    let world = World::start().await;
    let fields = [
        ("content-type", NATIVE),
        ("authorization", "Bearer swk_mine"),
        ("x-switchover-role", "operator-viewer"),
        ("x-switchover-subject", "people/anna"),
        ("cookie", "session=1"),
        ("x-request-id", "r-1"),
        ("grpc-timeout", "5S"),
    ];
    send(&world, Version::HTTP_2, GET, &fields, MESSAGE).await;
    let calls = world.inbox.calls().clone();
    let told = |call: &HeaderMap, name: &str| {
        let all: Vec<_> = call.get_all(name).iter().collect();
        assert!(all.len() <= 1, "{name}: {all:?}");
        all.first()
            .map_or("", |value| value.to_str().unwrap())
            .to_owned()
    };
    assert_eq!(calls.len(), 1);
    for call in &calls {
        assert_eq!(told(call, "authorization"), "Bearer swk_mine");
        assert_eq!(told(call, "x-request-id"), "r-1");
        assert!(!told(call, "grpc-timeout").is_empty());
        assert!(!call.contains_key("cookie") && !call.contains_key("x-forwarded-for"));
    }
    assert_eq!(told(&calls[0], "x-switchover-role"), "operator-viewer");
    assert_eq!(told(&calls[0], "x-switchover-subject"), "people/anna");
    world.end().await;
}

#[tokio::test]
async fn whoever_leaves_takes_the_call_along() {
    let world = World::start().await;
    for (version, kind) in [
        (Version::HTTP_11, WEB),
        (Version::HTTP_2, WEB),
        (Version::HTTP_2, NATIVE),
    ] {
        let fields = [("content-type", kind), ("x-grpc-web", "1")];
        let request = asked(world.at().edge, Method::POST, WATCH, &fields).version(version);
        let request = request
            .body(Full::new(Bytes::from_static(MESSAGE)))
            .unwrap();
        let client = client(version);
        let mut answer = client.request(request).await.unwrap();
        let first = answer.frame().await.unwrap().unwrap();
        assert_eq!(first.data_ref().unwrap(), MESSAGE, "it comes at once");
        assert_eq!(world.inbox.watching(), 1);
        drop(answer);
        drop(client);
        until("the call has ended", async || {
            match world.inbox.watching() {
                0 => Ok(()),
                open => Err(format!("{open} are open")),
            }
        })
        .await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_stop_ends_what_lasts_and_says_so() {
    let mut world = World::start().await;
    for (version, kind) in [(Version::HTTP_11, WEB), (Version::HTTP_2, NATIVE)] {
        let fields = [("content-type", kind), ("x-grpc-web", "1")];
        let request = asked(world.at().edge, Method::POST, WATCH, &fields).version(version);
        let request = request
            .body(Full::new(Bytes::from_static(MESSAGE)))
            .unwrap();
        let mut answer = client(version).request(request).await.unwrap();
        answer.frame().await.unwrap().unwrap();
        world.stop_gateway().await;
        let rest = answer.collect().await.unwrap();
        let told = rest.trailers().cloned();
        let body = rest.to_bytes();
        let text = String::from_utf8_lossy(&body);
        let unavailable = told.is_some_and(|trailers| trailers["grpc-status"] == "14")
            || text.contains("grpc-status:14\r\n");
        assert!(unavailable, "{text}");
        world.start_gateway().await;
        world.until_ready().await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_message_that_no_service_takes_is_refused_on_its_way() {
    let world = World::start().await;
    let mut large = vec![0];
    let length = runtime::serve::MESSAGE_BYTES_MAX + 1;
    large.extend(u32::try_from(length).unwrap().to_be_bytes());
    large.resize(5 + length, 0);
    for (version, kind) in [(Version::HTTP_11, WEB), (Version::HTTP_2, NATIVE)] {
        let fields = [("content-type", kind), ("x-grpc-web", "1")];
        let answer = send(&world, version, GET, &fields, &large).await;
        assert!(answer.problem().is(&reason::TOO_LARGE), "{answer:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_service_that_is_away_is_said_to_be() {
    let mut world = World::start().await;
    world.stop_provisioning().await;
    for (version, kind) in [(Version::HTTP_11, WEB), (Version::HTTP_2, NATIVE)] {
        let fields = [("content-type", kind), ("x-grpc-web", "1")];
        let answer = send(&world, version, GET, &fields, MESSAGE).await;
        let problem = answer.problem();
        assert_eq!(problem.code(), Code::Unavailable, "{answer:?}");
        assert_eq!(problem.message(), "Notification does not answer.");
    }
    world.end().await;
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_back() {
    let mut world = World::without_gateway().await;
    world.api.edge_calls_per_minute = 3;
    world.start_gateway().await;
    for (version, kind) in [(Version::HTTP_11, WEB), (Version::HTTP_2, NATIVE)] {
        let secret = format!("Bearer {kind}");
        let fields = [("content-type", kind), ("authorization", &*secret)];
        // The first is counted before it is known whose it is.
        for _ in 0..4 {
            let answer = send(&world, version, REFUSED, &fields, MESSAGE).await;
            assert!(answer.problem().is(&reason::SWITCH_OPEN), "{answer:?}");
        }
        let answer = send(&world, version, REFUSED, &fields, MESSAGE).await;
        let problem = answer.problem();
        assert!(problem.is(&reason::RATE_LIMITED), "{answer:?}");
        assert_eq!(problem.code(), Code::ResourceExhausted);
        let status = tonic::Status::from(problem);
        let told = tonic_types::StatusExt::get_details_retry_info(&status);
        assert!(told.is_some_and(|info| info.retry_delay.is_some()));
    }
    world.end().await;
}
