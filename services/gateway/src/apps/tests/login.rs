//! Users sign in before their requests are let through, and versions hear who they are.

mod leaving;
mod refusing;
mod signing_in;

use http::{HeaderMap, Method, Request, StatusCode};
use oidc::{Client, ClientKey, Issuer, testing::TestIssuer};
use runtime::Clock;
use serde_json::{Value, json};

use super::{
    upstream::Upstream,
    world::{Answer, USER, World, empty, full, route},
};
use crate::apps::{GateOrder, Login, Provider, Relay, login::decide::tests::policy};

/// When tests begin, in seconds since 1970.
const BEGIN: i64 = 1_800_000_000;
const HTML: (&str, &str) = ("accept", "text/html");
const OWN: (&str, &str) = ("origin", "http://hall-shop-acme.example.com");

/// A gateway at which users of `shop` must sign in, and their identity provider.
struct Doors {
    world: World,
    login: Login,
    clock: Clock,
    issuer: TestIssuer,
    version: Upstream,
}

impl Doors {
    async fn start() -> Self {
        let issuer = TestIssuer::start().await;
        let key = ClientKey::Secret("a secret".into());
        let redirect = "http://edge.example/.switchover/callback";
        let client = Client::new(&Issuer::new(issuer.url()).unwrap(), "shop", key, redirect);
        let provider = Provider {
            client,
            tenant_claim: "tenant".to_owned(),
            roles_claim: "roles".to_owned(),
            signed_out: "http://edge.example/.switchover/signed-out".to_owned(),
        };
        let clock = Clock::simulated(jiff::Timestamp::from_second(BEGIN).unwrap(), 7);
        let login = Login::for_tests(Some(provider), clock.clone());
        let doors = Self {
            world: World::with_login(login.clone()).await,
            login,
            clock,
            issuer,
            version: Upstream::start("1.0").await,
        };
        doors.gate(1, GateOrder::Open(doors.version.target()));
        doors
    }

    fn gate(&self, generation: u64, gate: GateOrder) {
        let mut route = route(Some(generation), gate);
        route.login = Some(policy());
        drop(self.world.plane.set_route(route));
    }

    async fn ask(&self, method: Method, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask_at(USER, method, path, fields).await
    }

    async fn ask_at(
        &self,
        host: &str,
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder()
            .method(&method)
            .uri(path)
            .header("host", host);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let body = match method {
            Method::POST => full("x=1"),
            _ => empty(),
        };
        let connection = self.world.connect();
        connection.await.finish(request.body(body).unwrap()).await
    }

    async fn get(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, fields).await
    }

    /// What the issuer says of somebody.
    fn claims(&self, tenant: &str, roles: &[&str]) -> Value {
        let now = self.login.now().as_second();
        json!({
            "sub": "u-1", "tenant": tenant, "roles": roles, "sid": "p-1",
            "iat": now, "exp": now + 300,
        })
    }

    /// Goes to sign in at a host, to come back to a path; returns where the browser is sent after the
    /// issuer, and the cookies that it has by then.
    async fn go_to_issuer(&self, host: &str, back: &str, claims: &Value) -> (String, String) {
        let path = format!("/.switchover/sign-in?return_to={back}");
        let sent = self.ask_at(host, Method::GET, &path, &[HTML]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
        let (code, state) = self.issuer.sign_in(sent.field("location"), claims);
        let relay = |issuer: &str| Relay::of(&code, &state, issuer);
        let place = self.login.relay(relay(self.issuer.url().as_str())).unwrap();
        (place, cookies(&sent.fields))
    }

    /// Signs in at a host as whom the claims name; returns the last answer of the way.
    async fn sign_in_at(&self, host: &str, claims: &Value) -> Answer {
        let (place, kept) = self.go_to_issuer(host, "/", claims).await;
        let path = place.strip_prefix(&format!("http://{host}:8080")).unwrap();
        self.ask_at(host, Method::GET, path, &[HTML, ("cookie", &kept)])
            .await
    }

    /// Signs in as somebody of `hall`; returns the cookies of the browser.
    async fn sign_in(&self, roles: &[&str]) -> String {
        let answer = self.sign_in_at(USER, &self.claims("hall", roles)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        cookies(&answer.fields)
    }

    async fn csrf(&self, kept: &str) -> String {
        let session = self.get("/.switchover/session", &[("cookie", kept)]).await;
        let session: Value = serde_json::from_str(&session.text).unwrap();
        session["csrf"].as_str().unwrap().to_owned()
    }
}

/// Returns what an answer has a browser keep, as it sends it back.
fn cookies(fields: &HeaderMap) -> String {
    let set = fields.get_all("set-cookie").iter();
    let set = set.map(|it| it.to_str().unwrap());
    let kept = set.filter(|it| !it.contains("Max-Age=0;"));
    let kept: Vec<_> = kept.map(|it| it.split(';').next().unwrap()).collect();
    kept.join("; ")
}

/// Opens a part of a token, unchecked.
fn opened(token: &str, part: usize) -> Value {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    let part = token.split('.').nth(part).unwrap();
    serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap()
}
