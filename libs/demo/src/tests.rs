use axum::{
    body::{Body, Bytes},
    http::{Method, Request},
};
use futures::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tower::ServiceExt as _;

use super::*;

fn release() -> Release {
    Release {
        version: "2.0".to_owned(),
        hue: 150,
        summary: "Orders by <one> click".to_owned(),
        roles: vec![Role {
            name: "buyer".to_owned(),
            description: "May order & pay".to_owned(),
        }],
        scopes: vec!["orders.write".to_owned()],
    }
}

fn app() -> Router {
    let (end, ending) = watch::channel(false);
    // Leaked on purpose: a dropped sender would be the end of the server.
    std::mem::forget(end);
    router(release(), None, ending).unwrap()
}

async fn ask(app: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, Bytes) {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, body)
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn json(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[tokio::test]
async fn every_answer_names_the_version() {
    for path in [
        "/",
        "/roles",
        "/api/whoami",
        "/health",
        "/nowhere",
        "/api/slow?ms=0",
        "/api/slow?ms=x",
    ] {
        let (_, headers, _) = ask(&app(), get(path)).await;
        assert_eq!(headers[VERSION_HEADER], "2.0", "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
    }
}

#[tokio::test]
async fn who_am_i_repeats_what_the_router_in_front_said() {
    let request = Request::get("/api/whoami")
        .header("Switchover-Tenant", "anna")
        .header("Switchover-Generation", "7")
        .header("Cookie", "secret")
        .body(Body::empty())
        .unwrap();
    let (status, _, body) = ask(&app(), request).await;
    assert_eq!(status, StatusCode::OK);
    let who = json(&body);
    assert_eq!(who["version"], "2.0");
    assert_eq!(who["tenant"], "anna");
    assert_eq!(who["generation"], 7);
    assert_eq!(who["tester"], false);
    let headers = serde_json::json!({ "switchover-tenant": "anna", "switchover-generation": "7" });
    assert_eq!(who["headers"], headers);
}

#[tokio::test]
async fn pages_show_foreign_text_as_text() {
    let request = Request::get("/")
        .header("Switchover-Tenant", "<script>{{version}}")
        .body(Body::empty())
        .unwrap();
    let (_, _, body) = ask(&app(), request).await;
    let page = String::from_utf8(body.to_vec()).unwrap();
    assert!(page.contains("&lt;script&gt;&#123;&#123;version}}"));
    assert!(page.contains("Orders by &lt;one&gt; click"));
    assert!(!page.contains("{{"), "every placeholder is filled");

    let (_, _, body) = ask(&app(), get("/roles")).await;
    let page = String::from_utf8(body.to_vec()).unwrap();
    assert!(page.contains("<dt>buyer</dt><dd>May order &amp; pay</dd>"));
    assert!(page.contains("orders.write"));
}

#[tokio::test]
async fn an_upload_is_counted_and_digested() {
    let request = Request::post("/api/upload")
        .body(Body::from("abc"))
        .unwrap();
    let (status, _, body) = ask(&app(), request).await;
    assert_eq!(status, StatusCode::OK);
    let answer = json(&body);
    assert_eq!(answer["bytes"], 3);
    // FIPS 180-2, appendix B.1.
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(answer["sha256"], expected);
}

#[tokio::test]
async fn a_download_has_the_length_asked_for_and_no_seams() {
    let (status, headers, body) = ask(&app(), get("/api/download?bytes=200000")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_LENGTH], "200000");
    assert_eq!(body.len(), 200_000);
    let mut expected = (b'a'..=b'z').cycle();
    assert!(body.iter().all(|byte| Some(*byte) == expected.next()));
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let bytes = transfer::BODY_BYTES_MAX + 1;
    let ms = SLOW_MAX.as_millis() + 1;
    for path in [
        format!("/api/download?bytes={bytes}"),
        format!("/api/slow?ms={ms}"),
    ] {
        let (status, _, body) = ask(&app(), get(&path)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(json(&body)["error"].as_str().unwrap().contains("at most"));
    }
}

#[tokio::test]
async fn a_slow_answer_comes_after_the_time_asked_for() {
    let begin = tokio::time::Instant::now();
    let (status, _, body) = ask(&app(), get("/api/slow?ms=40")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(json(&body)["waited_ms"], 40);
    assert!(begin.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn health_can_be_switched_red_and_green() {
    let app = app();
    let set = |state: &str| {
        let path = format!("/health/{state}");
        Request::builder()
            .method(Method::POST)
            .uri(path)
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(ask(&app, get("/health")).await.0, StatusCode::OK);
    ask(&app, set("red")).await;
    let red = ask(&app, get("/health")).await.0;
    assert_eq!(red, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&app, set("blue")).await.0, StatusCode::NOT_FOUND);
    ask(&app, set("green")).await;
    assert_eq!(ask(&app, get("/health")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn long_lived_connections_say_the_version_and_end_with_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(listener, release(), async move {
        stopped.await.unwrap();
    });
    let client = async move {
        let url = format!("ws://{address}/ws");
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let hello = socket.next().await.unwrap().unwrap();
        assert_eq!(hello.into_text().unwrap().as_str(), "version 2.0");
        socket.send(Message::text("ping me")).await.unwrap();
        let echo = socket.next().await.unwrap().unwrap();
        assert_eq!(echo.into_text().unwrap().as_str(), "ping me");
        stop.send(()).unwrap();
        let end = socket.next().await.unwrap().unwrap();
        assert!(matches!(end, Message::Close(Some(frame)) if u16::from(frame.code) == 1001));
    };
    let (served, ()) = tokio::join!(server, client);
    served.unwrap();
}

#[tokio::test]
async fn the_event_stream_ticks_with_the_version_until_the_end() {
    let (end, ending) = watch::channel(false);
    let app = router(release(), None, ending).unwrap();
    let response = app.oneshot(get("/events")).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    let first = body.next().await.unwrap().unwrap();
    assert_eq!(&first[..], b"event: tick\nid: 0\ndata: 2.0\n\n");
    end.send_replace(true);
    while let Some(part) = body.next().await {
        part.unwrap();
    }
}
