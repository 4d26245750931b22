//! Users sign in at an application that requires it, at an identity provider that is not ours, and its
//! versions answer nobody who comes around the gateways.

use std::{
    collections::BTreeMap,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use oidc::testing::TestIssuer;
use proto::catalog::v1::{
    Application, LoginPolicy, LoginRule, UpdateApplicationRequest,
    login_rule::{Needs, Public},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    api::Confirm,
    http_client::{Answer, send},
    world::{Database, Part, Plan, World},
};

const SECRET: &str = "a-client-secret-that-no-log-may-hold";

/// A browser at one gateway: it keeps cookies by host and follows nothing by itself.
struct Browser {
    gateway: String,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    /// Every value of a cookie that it ever had.
    seen: Vec<String>,
}

impl Browser {
    fn new(world: &World, gateway: usize) -> Self {
        Self {
            gateway: format!("http://{}", world.doors()[gateway].address),
            cookies: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    async fn ask(
        &mut self,
        method: Method,
        host: &str,
        path: &str,
        more: &[(&str, &str)],
    ) -> Result<Answer> {
        let kept = self.cookies.get(host).cloned().unwrap_or_default();
        let kept: Vec<String> = kept
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let kept = kept.join("; ");
        let mut fields = vec![("host", host), ("cookie", &*kept)];
        fields.extend(more);
        let url = format!("{}{path}", self.gateway);
        let answer = send(method, &url, &fields, Bytes::new()).await?;
        let jar = self.cookies.entry(host.to_owned()).or_default();
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str()?;
            ensure!(set.contains("; Secure; HttpOnly; SameSite=Lax"), "{set}");
            let (name, rest) = set.split_once('=').context("a cookie")?;
            let value = rest.split(';').next().unwrap_or_default();
            match set.contains("Max-Age=0;") {
                true => drop(jar.remove(name)),
                false => {
                    self.seen.push(value.to_owned());
                    jar.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        Ok(answer)
    }

    async fn open(&mut self, host: &str, path: &str) -> Result<Answer> {
        let html = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
        self.ask(Method::GET, host, path, &html).await
    }

    async fn fetch(&mut self, host: &str, path: &str) -> Result<Answer> {
        let json = [("accept", "application/json"), ("sec-fetch-mode", "cors")];
        self.ask(Method::GET, host, path, &json).await
    }
}

/// What is needed to sign in, in a folder of its own.
struct Setting {
    issuer: TestIssuer,
    folder: TempDir,
}

impl Setting {
    async fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        write_private(&folder.path().join("secret"), SECRET)?;
        Ok(Self {
            issuer: TestIssuer::start().await,
            folder,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn variables(&self) -> Vec<(String, String)> {
        let file = |name: &str| self.file(name).display().to_string();
        [
            ("SWITCHOVER_LOGIN_ISSUER", self.issuer.url().to_string()),
            ("SWITCHOVER_LOGIN_CLIENT_ID", "shop".to_owned()),
            ("SWITCHOVER_LOGIN_CLIENT_SECRET_FILE", file("secret")),
            ("SWITCHOVER_LOGIN_SEAL_KEY", file("seal.keys")),
            ("SWITCHOVER_LOGIN_SIGNING_KEY", file("signing.pem")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Takes a browser the whole way in; returns the last answer, and what no log may hold.
    async fn sign_in(
        &self,
        world: &World,
        browser: &mut Browser,
        host: &str,
        who: (&str, &str, &[&str]),
    ) -> Result<(Answer, Vec<String>)> {
        let (subject, tenant, roles) = who;
        let sent = browser.open(host, "/api/whoami?x=1").await?;
        ensure!(sent.status == StatusCode::FOUND, "{sent:?}");
        let sent = browser.open(host, sent.header("location")).await?;
        ensure!(sent.status == StatusCode::SEE_OTHER, "{sent:?}");
        let place = sent.header("location");
        ensure!(place.starts_with(self.issuer.url().as_str()), "{place}");
        let now = jiff_now();
        let claims = json!({
            "sub": subject, "tenant": tenant, "roles": roles, "iat": now, "exp": now + 300,
        });
        let (code, state) = self.issuer.sign_in(place, &claims);
        let edge = format!(
            "{}/.switchover/callback?code={code}&state={state}&iss={}",
            world.edge(0),
            self.issuer
                .url()
                .as_str()
                .replace(':', "%3A")
                .replace('/', "%2F"),
        );
        let handed = send(Method::GET, &edge, &[], Bytes::new()).await?;
        ensure!(handed.status == StatusCode::SEE_OTHER, "{handed:?}");
        let place = handed.header("location").to_owned();
        let path = place
            .strip_prefix(&format!("http://{host}"))
            .with_context(|| format!("{place} is elsewhere"))?;
        let answer = browser.open(host, path).await?;
        let hidden = path
            .split_once("answer=")
            .map(|(_, answer)| answer.to_owned());
        Ok((answer, hidden.into_iter().chain([state]).collect()))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an issuer of its own has a clock of its own"
)]
fn jiff_now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Brings up `shop` for two tenants, with a login; its versions answer only what came through gateways.
async fn open_shop(world: &mut World) -> Result<[String; 2]> {
    let keys = format!("{}/.well-known/gateway-jwks.json", world.edge(0));
    let one = world.upstream_behind("1.0", &keys).await?;
    let two = world.upstream_behind("2.0", &keys).await?;
    let api = world.api.clone();
    api.create_application("shop", "Shop").await?;
    api.create_version("shop", "1.0", &one, &[]).await?;
    api.create_version("shop", "2.0", &two, &[]).await?;
    let rule = |prefix: &str, needs| LoginRule {
        prefix: prefix.to_owned(),
        needs: Some(needs),
        ..LoginRule::default()
    };
    let request = UpdateApplicationRequest {
        application: Some(Application {
            name: "applications/shop".to_owned(),
            login: Some(LoginPolicy {
                rules: vec![
                    rule("/roles", Needs::Role("editor".to_owned())),
                    rule("/api/slow", Needs::Public(Public {})),
                ],
            }),
            ..Application::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["login".to_owned()],
        }),
        ..UpdateApplicationRequest::default()
    };
    api.applications.clone().update_application(request).await?;
    for tenant in ["hall", "east"] {
        api.create_tenant(tenant, &format!("admin@{tenant}.example"))
            .await?;
        api.provision(tenant, "shop", "1.0").await?;
    }
    api.register_to_test("shop", "1.0").await?;
    api.switch_to(Confirm::Update, "shop", "1.0").await?;
    Ok([one, two])
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_and_versions_answer_nobody_who_comes_around_the_gateways() -> Result<()> {
    let setting = Setting::new().await?;
    let plan = Plan {
        environment: setting.variables(),
        ..Plan::new(Database::Sqlite, 2)
    };
    let mut world = World::start_as(plan).await?;
    match Box::pin(story(&setting, &mut world)).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn story(setting: &Setting, world: &mut World) -> Result<()> {
    let upstreams = open_shop(world).await?;
    let (hall, east) = (
        world.user_host("hall", "shop"),
        world.user_host("east", "shop"),
    );
    let mut anna = Browser::new(world, 0);

    let program = anna.fetch(&hall, "/api/whoami").await?;
    ensure!(program.status == StatusCode::UNAUTHORIZED, "{program:?}");
    let said: Value = serde_json::from_slice(&program.body)?;
    ensure!(said["reason"] == "SIGN_IN_NEEDED", "{said}");
    let open = anna.fetch(&hall, "/api/slow?ms=0").await?;
    ensure!(open.status == StatusCode::OK, "{open:?}");

    let clerk = ("anna@hall", "hall", &["clerk"][..]);
    let (back, mut hidden) = setting.sign_in(world, &mut anna, &hall, clerk).await?;
    ensure!(back.status == StatusCode::SEE_OTHER, "{back:?}");
    ensure!(back.header("location") == "/api/whoami?x=1", "{back:?}");
    let who: Value = serde_json::from_slice(&anna.fetch(&hall, "/api/whoami").await?.body)?;
    ensure!(
        who["user"] == "anna@hall" && who["roles"] == json!(["clerk"]),
        "{who}"
    );
    let page = anna.open(&hall, "/").await?.text();
    ensure!(page.contains("anna@hall of hall"), "{page}");
    let role = anna.open(&hall, "/roles").await?;
    ensure!(
        role.status == StatusCode::FORBIDDEN && role.text().contains("editor"),
        "{role:?}"
    );
    let spelt = anna.fetch(&hall, "/%52oles;x=1").await?;
    ensure!(spelt.status == StatusCode::FORBIDDEN, "{spelt:?}");

    // Around the gateways, with nothing, with a word of one's own, and with another version's.
    let identity = who["headers"]["switchover-identity"]
        .as_str()
        .context("an identity")?;
    for upstream in &upstreams {
        let own = [("switchover-identity", "eyJhbGciOiJub25lIn0.e30.")];
        for fields in [&[][..], &own] {
            let url = format!("{upstream}/api/whoami");
            let around = send(Method::GET, &url, fields, Bytes::new()).await?;
            ensure!(around.status == StatusCode::FORBIDDEN, "{around:?}");
        }
    }
    let stolen = [("switchover-identity", identity)];
    let url = format!("{}/api/whoami", upstreams[1]);
    let around = send(Method::GET, &url, &stolen, Bytes::new()).await?;
    ensure!(
        around.status == StatusCode::FORBIDDEN,
        "it was for version 1.0: {around:?}"
    );
    let outside = [
        ("switchover-identity", identity),
        ("accept", "application/json"),
    ];
    let outside = Browser::new(world, 0)
        .ask(Method::GET, &hall, "/api/whoami", &outside)
        .await?;
    ensure!(outside.status == StatusCode::UNAUTHORIZED, "{outside:?}");

    // Another tenant's user, and this one's session elsewhere.
    let mut eve = Browser::new(world, 0);
    let other = ("eve@east", "east", &["admin"][..]);
    let (refused, _) = setting.sign_in(world, &mut eve, &hall, other).await?;
    ensure!(refused.status == StatusCode::FORBIDDEN, "{refused:?}");
    ensure!(refused.text().contains("OTHER_TENANT"), "{refused:?}");
    let mine = anna.cookies[&hall].clone();
    anna.cookies.insert(east.clone(), mine);
    let elsewhere = anna.fetch(&east, "/api/whoami").await?;
    ensure!(
        elsewhere.status == StatusCode::UNAUTHORIZED,
        "{elsewhere:?}"
    );

    // A switch, with somebody who goes on asking at both gateways.
    let mut there = Browser::new(world, 1);
    there.cookies = anna.cookies.clone();
    let api = world.api.clone();
    api.register_to_test("shop", "2.0").await?;
    let switching = api.switch_to(Confirm::Update, "shop", "2.0");
    let mut switching = std::pin::pin!(switching);
    loop {
        for browser in [&mut anna, &mut there] {
            let answer = browser.fetch(&hall, "/api/whoami").await?;
            ensure!(answer.status == StatusCode::OK, "{answer:?}");
        }
        if let Some(switched) = futures::FutureExt::now_or_never(&mut switching) {
            switched?;
            break;
        }
    }
    for browser in [&mut anna, &mut there] {
        let who: Value = serde_json::from_slice(&browser.fetch(&hall, "/api/whoami").await?.body)?;
        ensure!(
            who["version"] == "2.0" && who["user"] == "anna@hall",
            "{who}"
        );
    }

    // Out, and out for good.
    let kept = anna.cookies.clone();
    let session = anna.fetch(&hall, "/.switchover/session").await?;
    let session: Value = serde_json::from_slice(&session.body)?;
    let csrf = session["csrf"]
        .as_str()
        .context("a word against forgery")?
        .to_owned();
    let fields = [("x-switchover-csrf", &*csrf)];
    let out = anna
        .ask(Method::POST, &hall, "/.switchover/sign-out", &fields)
        .await?;
    ensure!(
        out.status == StatusCode::OK && out.text().contains("/end?"),
        "{out:?}"
    );
    anna.cookies = kept;
    let after = anna.fetch(&hall, "/api/whoami").await?;
    ensure!(after.status == StatusCode::UNAUTHORIZED, "{after:?}");
    world.kill(Part::Gateway(0)).await?;
    world.restart(Part::Gateway(0)).await?;
    let after = anna.fetch(&hall, "/api/whoami").await?;
    ensure!(after.status == StatusCode::UNAUTHORIZED, "{after:?}");
    let elsewhere = there.fetch(&hall, "/.switchover/session").await?;
    ensure!(elsewhere.status == StatusCode::OK, "{elsewhere:?}");

    hidden.extend(anna.seen);
    hidden.extend([SECRET.to_owned(), csrf, identity.to_owned()]);
    for (name, log) in world.logs()? {
        for secret in hidden.iter().filter(|secret| secret.len() > 8) {
            ensure!(!log.contains(&**secret), "{name} holds {secret}");
        }
    }
    Ok(())
}
