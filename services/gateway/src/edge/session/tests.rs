//! Sign-in, session and sign-out, as a browser goes through them, and what else comes.

mod signing_out;

use std::time::Duration;

use contract::{Code, Problem};
use futures::future::join_all;
use http::{HeaderMap, Method, Request, StatusCode, Version, header};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use oidc::testing::TestIssuer;
use runtime::Clock;
use serde_json::{Value, json};

use crate::tests::{
    http::client,
    world::{AUDIENCE, World},
};

mod lent;

const ORIGIN: &str = "https://consent.example";
const GET_INBOX: &str = "/switchover.notification.v1.InboxService/GetInbox";
/// One empty message.
const MESSAGE: &[u8] = &[0; 5];

/// An edge at which people sign in, and a browser with its cookies.
struct Scene {
    world: World,
    issuer: TestIssuer,
}

/// What a browser has kept: names and values.
#[derive(Debug, Clone, Default)]
struct Jar(Vec<(String, String)>);

struct Told {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }

    fn field(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    fn problem(&self) -> Problem {
        let status = tonic::Status::from_header_map(&self.headers);
        status
            .unwrap_or_else(|| panic!("{} {:?}", self.status, self.headers))
            .into()
    }
}

/// Asks the edge.
async fn send(
    world: &World,
    method: Method,
    path: &str,
    fields: &[(&str, &str)],
    body: &'static [u8],
) -> Told {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", world.at().edge));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(body)).unwrap();
    let answer = client(Version::HTTP_11).request(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Told {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

impl Jar {
    /// Takes what an answer has it keep or forget.
    fn take(&mut self, told: &Told) {
        for cookie in told.headers.get_all(header::SET_COOKIE) {
            let (pair, manners) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(name.starts_with("__Host-switchover-"), "{name}");
            for manner in ["Secure", "HttpOnly", "Path=/", "SameSite="] {
                assert!(manners.contains(manner), "{manners}");
            }
            self.0.retain(|(kept, _)| kept != name);
            if !manners.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn field(&self) -> String {
        let pairs: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }
}

impl Scene {
    async fn start() -> Self {
        let issuer = TestIssuer::start().await;
        let mut world = World::without_gateway().await;
        world.clock = Clock::simulated(Timestamp::from_second(1_800_000_000).unwrap(), 1);
        world.believe(&issuer).await;
        world.start_gateway().await;
        Self { world, issuer }
    }

    /// Claims of somebody with this role, good for five minutes from now.
    fn claims(&self, role: &str) -> Value {
        let now = self.world.clock.now().as_second();
        json!({
            "sub": "anna", "aud": AUDIENCE, "client_id": "console", "jti": "1",
            "iat": now, "exp": now + 300, "switchover_roles": [role],
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        jar: &Jar,
        fields: &[(&str, &str)],
        body: &'static [u8],
    ) -> Told {
        let cookie = jar.field();
        let more = [("host", "consent.example"), ("cookie", &*cookie)];
        let fields = [fields, &more].concat();
        send(&self.world, method, path, &fields, body).await
    }

    async fn get(&self, path: &str, jar: &mut Jar) -> Told {
        let told = self.send(Method::GET, path, jar, &[], b"").await;
        jar.take(&told);
        told
    }

    /// Makes a call as the console's page does.
    async fn call(&self, jar: &Jar, fields: &[(&str, &str)]) -> Told {
        let kind = [
            ("content-type", "application/grpc-web+proto"),
            ("x-grpc-web", "1"),
        ];
        let fields = [&kind, fields].concat();
        self.send(Method::POST, GET_INBOX, jar, &fields, MESSAGE)
            .await
    }

    /// Signs somebody in with an empty browser, and returns what it has kept, and its page's word.
    async fn sign_in(&self, role: &str) -> (Jar, String) {
        let mut jar = Jar::default();
        let led = self
            .get("/session/login?return_to=/applications/crm", &mut jar)
            .await;
        assert_eq!(led.status, 303, "{}", led.body);
        let place = led.field("location");
        assert!(place.contains("code_challenge_method=S256"), "{place}");
        let (code, state) = self.issuer.sign_in(place, &self.claims(role));
        let back = self.get(&self.back(&code, &state), &mut jar).await;
        assert_eq!(
            (back.status, back.field("location")),
            (StatusCode::SEE_OTHER, "/applications/crm")
        );
        let who = self.get("/session", &mut jar).await.json();
        assert_eq!(who["signed_in"], true, "{who}");
        (jar, who["csrf"].as_str().unwrap().to_owned())
    }

    fn back(&self, code: &str, state: &str) -> String {
        let issuer = self.issuer.url();
        format!("/session/callback?code={code}&state={state}&iss={issuer}")
    }
}

#[tokio::test]
async fn somebody_signs_in_acts_and_signs_out() {
    let scene = Scene::start().await;
    let nobody = scene.get("/session", &mut Jar::default()).await.json();
    assert_eq!(nobody["signed_in"], false);
    assert_eq!(nobody["development"], false);
    assert_eq!(nobody["login_url"], "/session/login");

    let (mut jar, csrf) = scene.sign_in("operator-viewer").await;
    assert!(
        jar.0.iter().all(|(name, _)| !name.contains("sign-in")),
        "{jar:?}"
    );
    let who = scene.get("/session", &mut jar).await.json();
    assert_eq!(who["role"], "operator-viewer");
    assert_eq!(who["subject"], "people/anna");

    let own = [("origin", ORIGIN), ("x-switchover-csrf", &*csrf)];
    let answer = scene.call(&jar, &own).await;
    assert!(answer.body.contains("grpc-status:0"), "{}", answer.body);
    let heard = scene.world.inbox.calls().pop().unwrap();
    let token = heard["authorization"]
        .to_str()
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    assert!(
        token.starts_with("ey"),
        "the access token is shown for the page"
    );
    assert!(!heard.contains_key("cookie") && !heard.contains_key("x-switchover-csrf"));
    assert!(!jar.field().contains(token) && !answer.body.contains(token));

    let before = jar.clone();
    let left = scene
        .send(Method::POST, "/session/logout", &jar, &own, b"")
        .await;
    assert_eq!(left.status, 200, "{}", left.body);
    let place = left.json()["location"].as_str().unwrap().to_owned();
    assert!(place.contains("/end?client_id=console&"), "{place}");
    assert!(!place.contains("ey"), "no token is in an address: {place}");
    jar.take(&left);
    assert!(jar.0.is_empty(), "{jar:?}");
    let who = scene.get("/session", &mut before.clone()).await.json();
    assert_eq!(
        who["signed_in"], false,
        "a copy of its cookies is worth nothing"
    );
    assert_eq!(
        scene.call(&before, &own).await.problem().code(),
        Code::Unauthenticated
    );
    scene.world.end().await;
}

#[tokio::test]
async fn without_its_pages_word_and_origin_a_session_does_nothing() {
    let scene = Scene::start().await;
    let (jar, csrf) = scene.sign_in("operator-admin").await;
    let (_, others) = scene.sign_in("operator-admin").await;
    let word = ("x-switchover-csrf", &*csrf);
    for (fields, status) in [
        (vec![("origin", ORIGIN)], 403),
        (vec![("origin", ORIGIN), ("x-switchover-csrf", "")], 403),
        (
            vec![("origin", ORIGIN), ("x-switchover-csrf", &*others)],
            403,
        ),
        (vec![("origin", "https://evil.example"), word], 403),
        (vec![("origin", "null"), word], 403),
        (vec![word], 401),
        (vec![word, ("sec-fetch-site", "cross-site")], 403),
    ] {
        let answer = scene.call(&jar, &fields).await;
        assert_eq!(answer.status, status, "{fields:?}: {}", answer.body);
        let left = scene
            .send(Method::POST, "/session/logout", &jar, &fields, b"")
            .await;
        assert_eq!(left.status, 403, "{fields:?}");
    }
    // An allowed origin calls with its own token, and never in somebody's session.
    let portal = [("origin", "https://portal.example"), word];
    assert_eq!(
        scene.call(&jar, &portal).await.problem().code(),
        Code::Unauthenticated
    );
    assert!(scene.world.inbox.calls().is_empty(), "none arrived");
    let rebound = [("host", "evil.example")];
    let mut request = Request::builder().uri(format!("http://{}/session", scene.world.at().edge));
    for (name, value) in rebound {
        request = request.header(name, value);
    }
    let request = request
        .header("cookie", jar.field())
        .body(Full::default())
        .unwrap();
    let answer = client(Version::HTTP_11).request(request).await.unwrap();
    assert_eq!(answer.status(), 421);
    scene.world.end().await;
}

#[tokio::test]
async fn an_answer_counts_once_and_for_the_browser_that_began_alone() {
    let scene = Scene::start().await;
    let mut jar = Jar::default();
    let led = scene
        .get("/session/login?return_to=https://evil.example", &mut jar)
        .await;
    let (code, state) = scene
        .issuer
        .sign_in(led.field("location"), &scene.claims("tester"));
    let back = scene.back(&code, &state);

    let stranger = scene.get(&back, &mut Jar::default()).await;
    assert_eq!(stranger.status, 400);
    let mut other = Jar::default();
    scene.get("/session/login", &mut other).await;
    assert_eq!(scene.get(&back, &mut other).await.status, 400);
    let refused = scene
        .get(
            "/session/callback?error=access_denied&state=x",
            &mut jar.clone(),
        )
        .await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("access_denied"), "{}", refused.body);

    let mut late = jar.clone();
    let first = scene.get(&back, &mut jar).await;
    assert_eq!(
        (first.status, first.field("location")),
        (StatusCode::SEE_OTHER, "/")
    );
    assert_eq!(
        scene.get(&back, &mut jar).await.status,
        400,
        "its cookie is gone"
    );
    assert_eq!(
        scene.get(&back, &mut late).await.status,
        400,
        "and the code is used"
    );
    for told in [&stranger, &refused, &first] {
        assert!(!told.body.contains(&code) && !told.body.contains(&state));
        assert_eq!(told.field("cache-control"), "no-store");
        assert_eq!(told.field("referrer-policy"), "no-referrer");
    }
    scene.world.end().await;
}

#[tokio::test]
async fn tokens_are_renewed_once_for_all_calls_that_need_it() {
    let scene = Scene::start().await;
    let (mut jar, csrf) = scene.sign_in("operator-admin").await;
    let own = [("origin", ORIGIN), ("x-switchover-csrf", &*csrf)];
    scene.world.clock.advance(Duration::from_secs(260));
    let calls = join_all((0..5).map(|_| scene.call(&jar, &own))).await;
    for call in &calls {
        assert!(
            call.body.contains("grpc-status:0"),
            "{} {:?}",
            call.body,
            call.headers
        );
        assert!(call.headers.contains_key(header::SET_COOKIE));
    }
    assert!(
        scene.call(&jar, &own).await.body.contains("grpc-status:0"),
        "the old cookies hold"
    );
    jar.take(&calls[3]);
    let again = scene.call(&jar, &own).await;
    assert!(again.body.contains("grpc-status:0"));
    assert!(
        !again.headers.contains_key(header::SET_COOKIE),
        "and the new ones are fresh"
    );
    scene.world.end().await;
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends_and_a_call_hears_it() {
    let scene = Scene::start().await;
    let (mut jar, csrf) = scene.sign_in("operator-admin").await;
    scene.world.clock.advance(Duration::from_secs(31 * 60));
    let own = [("origin", ORIGIN), ("x-switchover-csrf", &*csrf)];
    let answer = scene.call(&jar, &own).await;
    assert_eq!(answer.problem().code(), Code::Unauthenticated);
    jar.take(&answer);
    assert!(jar.0.is_empty(), "{jar:?}");
    scene.world.end().await;
}

#[tokio::test]
async fn cookies_that_were_changed_are_forgotten() {
    let scene = Scene::start().await;
    let (mut jar, csrf) = scene.sign_in("operator-admin").await;
    jar.0[0].1.push('A');
    let own = [("origin", ORIGIN), ("x-switchover-csrf", &*csrf)];
    let answer = scene.call(&jar, &own).await;
    assert_eq!(answer.problem().code(), Code::Unauthenticated);
    let who = scene.get("/session", &mut jar).await.json();
    assert_eq!(who["signed_in"], false);
    assert!(jar.0.is_empty(), "{jar:?}");
    scene.world.end().await;
}

#[tokio::test]
async fn where_nobody_signs_in_the_console_is_told_so() {
    let world = World::start().await;
    let ask = async |path: &str| {
        let fields = [("Host", "consent.example")];
        crate::tests::http::send(world.at().edge, "GET", path, &fields, "")
            .await
            .unwrap()
    };
    let who: Value = serde_json::from_str(&ask("/session").await.body).unwrap();
    assert_eq!(
        (&who["development"], &who["signed_in"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(ask("/session/login").await.status, 404);
    assert_eq!(ask("/session/callback?code=x&state=y").await.status, 404);
    world.end().await;
}
