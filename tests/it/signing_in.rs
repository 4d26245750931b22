//! Users sign in at an application that requires it, at an identity provider that is not ours, and its
//! versions answer nobody who comes around the gateways.

use std::{collections::BTreeMap, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use proto::catalog::v1::{
    Application, LoginPolicy, LoginRule, UpdateApplicationRequest,
    login_rule::{Needs, Public},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    api::Confirm,
    http_client::{Answer, get, send},
    ports,
    process::Process,
    program::tools,
    until::until,
    world::{Database, Part, Plan, World},
};

const SECRET: &str = "a-client-secret-that-no-log-may-hold";

/// A browser for which every host of applications is one gateway. It keeps cookies and follows nothing by
/// itself.
pub(super) struct Browser {
    gateway: String,
    /// By host.
    pub(super) jars: BTreeMap<String, Vec<Cookie>>,
    /// Every value of a gateway's cookie that it ever had.
    seen: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Cookie {
    pub(super) name: String,
    pub(super) value: String,
    path: String,
}

impl Browser {
    pub(super) fn new(world: &World, gateway: usize) -> Self {
        Self {
            gateway: format!("http://{}", world.doors()[gateway].address),
            jars: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    /// Asks an application.
    pub(super) async fn ask(
        &mut self,
        method: Method,
        host: &str,
        path: &str,
        more: &[(&str, &str)],
    ) -> Result<Answer> {
        let at = self.gateway.clone();
        let answer = self.send(method, (&at, host), path, more, "").await?;
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str()?;
            ensure!(set.contains("; Secure; HttpOnly; SameSite=Lax"), "{set}");
            let value = set.split(['=', ';']).nth(1).unwrap_or_default();
            self.seen.push(value.to_owned());
        }
        Ok(answer)
    }

    /// Asks a host at an address, with what it keeps for it.
    async fn send(
        &mut self,
        method: Method,
        (at, host): (&str, &str),
        path: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer> {
        let jar = self.jars.entry(host.to_owned()).or_default();
        let shown = jar.iter().filter(|cookie| path.starts_with(&cookie.path));
        let shown: Vec<_> = shown
            .map(|it| format!("{}={}", it.name, it.value))
            .collect();
        let shown = shown.join("; ");
        let mut fields = vec![("host", host), ("cookie", &*shown)];
        fields.extend(more);
        let url = format!("{at}{path}");
        let answer = send(method, &url, &fields, Bytes::from(body.to_owned())).await?;
        for set in answer.headers.get_all("set-cookie") {
            let mut parts = set.to_str()?.split(';').map(str::trim);
            let (name, value) = parts
                .next()
                .and_then(|it| it.split_once('='))
                .context("a cookie")?;
            let parts: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
            let path = parts.iter().find_map(|part| part.strip_prefix("path="));
            jar.retain(|cookie| cookie.name != name);
            if !value.is_empty() {
                jar.push(Cookie {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    path: set_path(set.to_str()?, path),
                });
            }
        }
        Ok(answer)
    }

    async fn open(&mut self, host: &str, path: &str) -> Result<Answer> {
        let html = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
        self.ask(Method::GET, host, path, &html).await
    }

    pub(super) async fn fetch(&mut self, host: &str, path: &str) -> Result<Answer> {
        let json = [("accept", "application/json"), ("sec-fetch-mode", "cors")];
        self.ask(Method::GET, host, path, &json).await
    }
}

/// Returns a cookie's path as it was written.
fn set_path(set: &str, lower: Option<&str>) -> String {
    let at = lower.and_then(|lower| set.to_ascii_lowercase().find(&format!("path={lower}")));
    match (at, lower) {
        (Some(at), Some(lower)) => set[at + 5..at + 5 + lower.len()].to_owned(),
        (None, _) | (_, None) => "/".to_owned(),
    }
}

/// What is needed to sign in, in a folder of its own: an identity provider that knows everybody.
pub(super) struct Setting {
    port: u16,
    folder: TempDir,
    provider: Option<Process>,
}

impl Setting {
    /// Starts two gateways, and the provider at which their users sign in.
    pub(super) async fn start(database: Database) -> Result<(Self, World)> {
        let mut setting = Self::new()?;
        let plan = Plan {
            environment: setting.variables(),
            ..Plan::new(database, 2)
        };
        let world = World::start_as(plan).await?;
        setting.start_provider(&world).await?;
        Ok((setting, world))
    }

    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        write_private(&folder.path().join("secret"), SECRET)?;
        Ok(Self {
            port: ports::free()?,
            folder,
            provider: None,
        })
    }

    pub(super) fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn variables(&self) -> Vec<(String, String)> {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        [
            ("SWITCHOVER_LOGIN_ISSUER", self.issuer()),
            ("SWITCHOVER_LOGIN_CLIENT_ID", "shop".to_owned()),
            ("SWITCHOVER_LOGIN_CLIENT_SECRET_FILE", file("secret")),
            ("SWITCHOVER_LOGIN_SEAL_KEY", file("seal.keys")),
            ("SWITCHOVER_LOGIN_SIGNING_KEY", file("signing.pem")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    async fn start_provider(&mut self, world: &World) -> Result<()> {
        let script = tools().join("sign-in-issuer.mjs");
        let arguments = vec![
            script.display().to_string(),
            self.port.to_string(),
            world.edge(0),
            SECRET.to_owned(),
        ];
        let mut process = Process::new("provider", "node", arguments, self.folder.path());
        process.start()?;
        self.provider = Some(process);
        let url = format!("{}/.well-known/openid-configuration", self.issuer());
        until(
            "the identity provider",
            || get(&url, &[]),
            |it| it.status == StatusCode::OK,
        )
        .await?;
        Ok(())
    }

    /// Asks the provider, and does what its pages want, until it sends the browser elsewhere: there.
    pub(super) async fn go_through(
        &self,
        browser: &mut Browser,
        place: &str,
        who: &str,
    ) -> Result<String> {
        let issuer = self.issuer();
        let host = issuer.trim_start_matches("http://").to_owned();
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let mut place = place.to_owned();
        let mut body: Option<String> = None;
        for _ in 0..20 {
            let Some(path) = place.strip_prefix(&issuer).map(str::to_owned) else {
                return Ok(place);
            };
            let method = if body.is_some() {
                Method::POST
            } else {
                Method::GET
            };
            let said = body.take().unwrap_or_default();
            let answer = browser
                .send(method, (&issuer, &host), &path, &form, &said)
                .await?;
            if answer.status.is_redirection() {
                let to = answer.header("location");
                place = match to.starts_with('/') {
                    true => format!("{issuer}{to}"),
                    false => to.to_owned(),
                };
                continue;
            }
            ensure!(answer.status == StatusCode::OK, "{}", answer.text());
            let page = answer.text();
            // A page with a form: what a person would do with it.
            body = Some(match page.split_once("name=\"xsrf\" value=\"") {
                Some((_, rest)) => {
                    place = format!("{issuer}/session/end/confirm");
                    let word = rest.split('"').next().unwrap_or_default();
                    format!("xsrf={word}&logout=yes")
                }
                None if page.contains("name=\"login\"") => {
                    format!("prompt=login&login={who}&password=x")
                }
                None => "prompt=consent".to_owned(),
            });
        }
        anyhow::bail!("the identity provider goes in circles")
    }

    /// Takes a browser the whole way in; returns the last answer, and what no log may hold.
    pub(super) async fn sign_in(
        &self,
        browser: &mut Browser,
        host: &str,
        who: &str,
    ) -> Result<(Answer, Vec<String>)> {
        let sent = browser.open(host, "/api/whoami?x=1").await?;
        ensure!(sent.status == StatusCode::FOUND, "{sent:?}");
        let sent = browser.open(host, sent.header("location")).await?;
        ensure!(sent.status == StatusCode::SEE_OTHER, "{sent:?}");
        let edge = self
            .go_through(browser, sent.header("location"), who)
            .await?;
        ensure!(edge.contains("/.switchover/callback?"), "{edge}");
        let handed = send(Method::GET, &edge, &[], Bytes::new()).await?;
        ensure!(handed.status == StatusCode::SEE_OTHER, "{handed:?}");
        let place = handed.header("location").to_owned();
        let path = place
            .strip_prefix(&format!("http://{host}"))
            .with_context(|| format!("{place} is elsewhere"))?;
        let answer = browser.open(host, path).await?;
        let words = |text: &str| -> Vec<String> {
            text.split(['?', '&', '=']).map(str::to_owned).collect()
        };
        let hidden = [words(&edge), words(path)].concat();
        Ok((
            answer,
            hidden
                .into_iter()
                .filter(|it| it.len() > 30 && !it.contains("://"))
                .collect(),
        ))
    }
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
pub(super) async fn open_shop(world: &mut World) -> Result<[String; 2]> {
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
    let (setting, mut world) = Setting::start(Database::Sqlite).await?;
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

    let (back, mut hidden) = setting.sign_in(&mut anna, &hall, "anna.hall.clerk").await?;
    ensure!(back.status == StatusCode::SEE_OTHER, "{back:?}");
    ensure!(back.header("location") == "/api/whoami?x=1", "{back:?}");
    let who: Value = serde_json::from_slice(&anna.fetch(&hall, "/api/whoami").await?.body)?;
    ensure!(
        who["user"] == "anna.hall.clerk" && who["roles"] == json!(["clerk"]),
        "{who}"
    );
    let page = anna.open(&hall, "/").await?.text();
    ensure!(page.contains("anna.hall.clerk of hall"), "{page}");
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
    let (refused, _) = setting.sign_in(&mut eve, &hall, "eve.east.editor").await?;
    ensure!(refused.status == StatusCode::FORBIDDEN, "{refused:?}");
    ensure!(refused.text().contains("OTHER_TENANT"), "{refused:?}");
    let mine = anna.jars[&hall].clone();
    anna.jars.insert(east.clone(), mine);
    let elsewhere = anna.fetch(&east, "/api/whoami").await?;
    ensure!(
        elsewhere.status == StatusCode::UNAUTHORIZED,
        "{elsewhere:?}"
    );

    // A switch, with somebody who goes on asking at both gateways.
    let mut there = Browser::new(world, 1);
    there.jars = anna.jars.clone();
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
            who["version"] == "2.0" && who["user"] == "anna.hall.clerk",
            "{who}"
        );
    }

    // Out, and out for good.
    let kept = anna.jars.clone();
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
    ensure!(out.status == StatusCode::OK, "{out:?}");
    let out: Value = serde_json::from_slice(&out.body)?;
    let onward = out["continue_at"].as_str().context("where to sign out")?;
    anna.jars = kept;
    let after = anna.fetch(&hall, "/api/whoami").await?;
    ensure!(after.status == StatusCode::UNAUTHORIZED, "{after:?}");
    world.kill(Part::Gateway(0)).await?;
    world.restart(Part::Gateway(0)).await?;
    let after = anna.fetch(&hall, "/api/whoami").await?;
    ensure!(after.status == StatusCode::UNAUTHORIZED, "{after:?}");

    // Of the provider too, which tells the gateway of every sign-in that ends with it.
    let mut again = Browser::new(world, 0);
    again.jars.insert(
        setting.issuer().replace("http://", ""),
        anna.jars[&setting.issuer().replace("http://", "")].clone(),
    );
    let (back, _) = setting
        .sign_in(&mut again, &hall, "anna.hall.clerk")
        .await?;
    ensure!(back.status == StatusCode::SEE_OTHER, "{back:?}");
    ensure!(again.fetch(&hall, "/api/whoami").await?.status == StatusCode::OK);
    let done = setting.go_through(&mut anna, onward, "").await?;
    ensure!(done.ends_with("/.switchover/signed-out"), "{done}");
    let after = again.fetch(&hall, "/api/whoami").await?;
    ensure!(after.status == StatusCode::UNAUTHORIZED, "{after:?}");

    hidden.extend(anna.seen.into_iter().chain(again.seen));
    hidden.extend([SECRET.to_owned(), csrf, identity.to_owned()]);
    for (name, log) in world.logs()? {
        for secret in hidden.iter().filter(|secret| secret.len() > 8) {
            ensure!(!log.contains(&**secret), "{name} holds {secret}");
        }
    }
    Ok(())
}
