//! A gateway with everything around it, that can be killed and started again.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proto::{
    catalog::v1 as wire,
    gateway::v1::{
        GetStatusRequest, GetStatusResponse, gateway_service_client::GatewayServiceClient,
    },
};
use runtime::{
    Access, CancellationToken, Clock, Credentials, Endpoint, Key, Server, ServiceArgs, Shell,
    TokensArgs, connect_lazy, retry,
};
use tokio::net::{TcpListener, TcpStream};

use super::{
    catalog::Catalog,
    http::{Answer, send},
    inbox::Inbox,
    notification::Notification,
    provisioning::Provisioning,
    tokens::Tokens,
};
use crate::{
    Addresses, ApiArgs, Config, ConsoleArgs, LoginArgs, control::route_tests as routes, start,
};

/// What access tokens must be for.
pub(crate) const AUDIENCE: &str = "https://switchover.example.com";
/// A host of the tenant `acme`.
pub(crate) const ACME: &str = "acme-crm-ops.apps.example";

/// Everything.
pub(crate) struct World {
    pub(crate) catalog: Catalog,
    pub(crate) provisioning: Provisioning,
    pub(crate) tokens: Tokens,
    /// Served where provisioning is.
    pub(crate) notification: Notification,
    /// Served there, too.
    pub(crate) inbox: Inbox,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) clock: Clock,
    /// What the API at the edge is told.
    pub(crate) api: ApiArgs,
    /// How people sign in.
    pub(crate) console: ConsoleArgs,
    /// The keys that callers of the gateway need, if they do.
    keys: Option<PathBuf>,
    /// Whose tokens all believe.
    token_args: TokensArgs,
    /// The gateway's own key, and the file in which those who believe nobody's word find it.
    own_key: Option<(PathBuf, PathBuf)>,
    versions: Vec<SocketAddr>,
    others: Shell,
    catalog_shell: Option<Shell>,
    catalog_at: SocketAddr,
    provisioning_shell: Option<Shell>,
    provisioning_at: SocketAddr,
    folder: tempfile::TempDir,
}

/// A gateway that runs.
pub(crate) struct Gateway {
    shell: Shell,
    pub(crate) at: Addresses,
}

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);
const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Waits until something holds.
pub(crate) async fn until<T: fmt::Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let never = CancellationToken::new();
    let mut last = String::new();
    let looking = async {
        loop {
            match look().await {
                Ok(found) => return found,
                Err(seen) => last = seen,
            }
            retry::pause(LOOK, &never).await.unwrap();
        }
    };
    let found = tokio::time::timeout(PATIENCE, looking).await;
    found.unwrap_or_else(|_| panic!("waited in vain until {what}; last seen: {last}"))
}

impl World {
    /// A catalog with `crm` at version 1, in use by `acme`, and a gateway that follows both.
    pub(crate) async fn start() -> Self {
        let mut world = Self::without_gateway().await;
        world.provisioning.decide("acme", "1", true);
        world.tell(routes::told("crm", 1, 1));
        world.start_gateway().await;
        world.until_ready().await;
        world
    }

    /// Everything around a gateway.
    pub(crate) async fn without_gateway() -> Self {
        let others = Shell::for_tests();
        let mut versions = Vec::new();
        for version in ["1", "2"] {
            versions.push(version_server(&others, version).await);
        }
        let mut world = Self {
            catalog: Catalog::default(),
            provisioning: Provisioning::default(),
            tokens: Tokens::default(),
            notification: Notification::default(),
            inbox: Inbox::default(),
            gateway: None,
            clock: Clock::real(),
            api: ApiArgs {
                edge_allowed_origin: vec!["https://portal.example".parse().unwrap()],
                edge_calls_per_minute: 1000,
                edge_open_calls_each: 20,
                edge_open_calls_max: 30,
            },
            console: ConsoleArgs::default(),
            keys: None,
            token_args: TokensArgs::default(),
            own_key: None,
            versions,
            others,
            catalog_shell: None,
            catalog_at: ANYWHERE,
            provisioning_shell: None,
            provisioning_at: ANYWHERE,
            folder: tempfile::tempdir().unwrap(),
        };
        world.start_catalog().await;
        world.start_provisioning().await;
        world
    }

    pub(crate) async fn start_catalog(&mut self) {
        let shell = Shell::for_tests();
        let server = Server::builder(&shell, self.believed())
            .add_service(self.catalog.service())
            .add_service(self.catalog.sign_outs.service());
        self.catalog_at = server.serve(self.catalog_at).await.unwrap();
        self.catalog_shell = Some(shell);
    }

    pub(crate) async fn stop_catalog(&mut self) {
        self.catalog.break_streams();
        kill(self.catalog_shell.take()).await;
    }

    pub(crate) async fn start_provisioning(&mut self) {
        let shell = Shell::for_tests();
        let server = Server::builder(&shell, self.believed())
            .add_service(self.provisioning.grants())
            .add_service(self.provisioning.consent())
            .add_service(self.tokens.service())
            .add_service(self.notification.service())
            .add_service(self.inbox.clone());
        self.provisioning_at = server.serve(self.provisioning_at).await.unwrap();
        self.provisioning_shell = Some(shell);
    }

    pub(crate) async fn stop_provisioning(&mut self) {
        kill(self.provisioning_shell.take()).await;
    }

    /// Starts a gateway on the folder of the one before.
    pub(crate) async fn start_gateway(&mut self) {
        assert!(self.gateway.is_none(), "one at a time");
        let shell = Shell::for_tests_with(self.clock.clone());
        // A write that a kill found under way may end only now, and keeps the folder till then.
        let at = until("the gateway starts", async || {
            let started = start(self.config(), shell.clone()).await;
            started.map_err(|error| error.to_string())
        })
        .await;
        self.gateway = Some(Gateway { shell, at });
    }

    /// Has the next gateway believe nobody without a key, and nobody has one.
    pub(crate) fn ask_for_keys(&mut self) {
        let path = self.folder.path().join("callers.toml");
        std::fs::write(&path, "").unwrap();
        self.keys = Some(path);
    }

    /// Has all that starts from now on believe the tokens of an issuer and the gateway's key, and nobody's
    /// word.
    pub(crate) async fn believe(&mut self, issuer: &oidc::testing::TestIssuer) {
        self.token_args = TokensArgs {
            oidc_issuer: Some(issuer.url()),
            oidc_audience: Some(AUDIENCE.to_owned()),
            ..TokensArgs::default()
        };
        self.console.console_client_id = Some("console".to_owned());
        let key = Key::generate();
        let files = ["gateway.key", "gateway.toml"].map(|name| self.folder.path().join(name));
        let entry = format!(
            "[[key]]\nsha256 = \"{}\"\nrole = \"gateway\"\nsubject = \"gateways/g-1\"\n",
            key.digest()
        );
        std::fs::write(&files[0], key.expose()).unwrap();
        std::fs::write(&files[1], entry).unwrap();
        self.own_key = Some(files.into());
        self.stop_catalog().await;
        self.stop_provisioning().await;
        self.start_catalog().await;
        self.start_provisioning().await;
    }

    /// Has all that starts from now on believe development keys, and nobody's word; the console's
    /// pages are lent the key that is returned.
    pub(crate) async fn lend(&mut self) -> Key {
        let [own, lent] = [(); 2].map(|()| Key::generate_for_development());
        let path = |name: &str| self.folder.path().join(name);
        let entry = |key: &Key, role: &str, subject: &str| {
            let digest = key.digest();
            format!(
                "[[key]]\nsha256 = \"{digest}\"\nrole = \"{role}\"\nsubject = \"{subject}\"\ndevelopment = true\n"
            )
        };
        let accepted =
            entry(&own, "gateway", "gateways/g-1") + &entry(&lent, "operator-admin", "people/demo");
        for (name, text) in [
            ("callers.toml", &*accepted),
            ("own.key", own.expose()),
            ("lent.key", lent.expose()),
        ] {
            std::fs::write(path(name), text).unwrap();
        }
        self.keys = Some(path("callers.toml"));
        self.own_key = Some((path("own.key"), path("callers.toml")));
        self.console.console_development_key_file = Some(path("lent.key"));
        self.stop_catalog().await;
        self.stop_provisioning().await;
        self.start_catalog().await;
        self.start_provisioning().await;
        lent
    }

    fn believed(&self) -> Access {
        let service = ServiceArgs {
            keys: self.own_key.as_ref().map(|(_, known)| known.clone()),
            tokens: Box::new(self.token_args.clone()),
            ..ServiceArgs::default()
        };
        service.access(ANYWHERE, &self.clock).unwrap()
    }

    fn config(&self) -> Config {
        Config {
            service: ServiceArgs {
                listen: Some(ANYWHERE),
                keys: self.keys.clone(),
                key_file: self.own_key.as_ref().map(|(own, _)| own.clone()),
                tokens: Box::new(self.token_args.clone()),
                ..ServiceArgs::default()
            },
            gateway: Some("g-1".parse().unwrap()),
            apps_listen: ANYWHERE,
            edge_listen: ANYWHERE,
            catalog: vec![Endpoint::from(self.catalog_at)],
            provisioning: Endpoint::from(self.provisioning_at),
            notification: Endpoint::from(self.provisioning_at),
            operator: "ops".parse().unwrap(),
            operator_name: Some("Example Operations".parse().unwrap()),
            support: "support@example.com".parse().unwrap(),
            apps_url: "http://apps.example:8080".parse().unwrap(),
            edge_url: "https://consent.example".parse().unwrap(),
            trusted_proxy: vec!["127.0.0.0/8".parse().unwrap()],
            api: self.api.clone(),
            console: Box::new(self.console.clone()),
            state_dir: self.state_dir().to_owned(),
            request_drain_seconds: 5,
            connections_max: 100,
            held_requests_max: 100,
            held_bytes_max: 1_000_000,
            min_generation_wait_ms: 5000,
            login: LoginArgs {
                login_issuer: None,
                login_client_id: None,
                login_client_secret_file: None,
                login_scope: Vec::new(),
                login_tenant_claim: "tenant".to_owned(),
                login_roles_claim: "roles".to_owned(),
                login_seal_key: None,
                login_signing_key: None,
            },
        }
    }

    /// Where the gateway keeps what it knows.
    pub(crate) fn state_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the gateway as `kill -9` would: nothing is said, nothing more is written.
    pub(crate) async fn kill_gateway(&mut self) {
        kill(self.gateway.take().map(|gateway| gateway.shell)).await;
    }

    /// Asks the gateway to stop, and waits until it has.
    pub(crate) async fn stop_gateway(&mut self) {
        let gateway = self.gateway.take().unwrap();
        gateway.shell.finish_test().await;
    }

    /// Ends everything, and fails if anything failed.
    pub(crate) async fn end(mut self) {
        if let Some(gateway) = &self.gateway {
            assert!(
                gateway.shell.failure().is_none(),
                "{:?}",
                gateway.shell.failure()
            );
            self.stop_gateway().await;
        }
        self.stop_catalog().await;
        self.stop_provisioning().await;
        self.others.finish_test().await;
    }

    pub(crate) fn at(&self) -> Addresses {
        self.gateway.as_ref().unwrap().at
    }

    /// Tells a route whose versions are where this world runs them.
    pub(crate) fn tell(&self, mut route: wire::Route) {
        let place = |version: &mut wire::RouteVersion| {
            let number: usize = version.version.parse().unwrap();
            if let Some(address) = self.versions.get(number - 1) {
                version.upstream = format!("http://{address}");
            }
        };
        route.active.iter_mut().for_each(place);
        match &mut route.turn {
            Some(wire::route::Turn::Preparing(turn)) => turn.target.iter_mut().for_each(place),
            Some(wire::route::Turn::Holding(turn)) => turn.target.iter_mut().for_each(place),
            Some(wire::route::Turn::Releasing(_)) | None => {}
        }
        self.catalog.tell(route);
    }

    /// Waits for an answer to a turn; it must be the only kind.
    pub(crate) async fn answered(&self, turn: u8) -> wire::answer::Answer {
        let nonce = routes::nonce(turn).to_string();
        until("a turn is answered", async || {
            let answers = self.catalog.answers(&nonce);
            let last = answers.last().and_then(|answer| answer.answer.clone());
            last.ok_or_else(|| "nothing".to_owned())
        })
        .await
    }

    /// Asks as a user of `acme`.
    pub(crate) async fn ask(&self) -> Answer {
        send(self.at().apps, "GET", "/", &[("Host", ACME)], "")
            .await
            .unwrap()
    }

    /// Asks as a user whose connection may be used again.
    pub(crate) async fn ask_on_a_kept_connection(&self) -> Answer {
        let stream = TcpStream::connect(self.at().apps).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let request = Request::get("/").header("host", ACME);
        let asked = async move {
            let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap());
            let (head, body) = answer.await.unwrap().into_parts();
            let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                format!("{name}: {}\r\n", value.to_str().unwrap())
            };
            Answer {
                status: head.status.as_u16(),
                head: head.headers.iter().map(field).collect(),
                body: String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap(),
            }
        };
        let (answer, ended) = tokio::join!(asked, connection);
        ended.unwrap();
        answer
    }

    /// Tells whether a user's request waits, and is not answered.
    pub(crate) async fn makes_wait(&self) -> bool {
        let seen = until("a request is answered or waits", async || {
            match self.status().await.applications.first() {
                Some(crm) if crm.held_requests > 0 => Ok(()),
                seen => Err(format!("{seen:?}")),
            }
        });
        tokio::select! {
            answer = self.ask() => {
                assert_eq!(answer.status, 200);
                false
            }
            () = seen => true,
        }
    }

    /// Waits until users get this version.
    pub(crate) async fn until_serves(&self, version: &str) {
        until("a version answers", async || {
            let answer = self.ask().await;
            if answer.status == 200 && answer.body.contains(&format!("version {version}")) {
                Ok(())
            } else {
                Err(format!("{} {}", answer.status, answer.body))
            }
        })
        .await;
    }

    /// Returns what `/.switchover/ready` says.
    pub(crate) async fn readiness(&self) -> Answer {
        send(self.at().edge, "GET", "/.switchover/ready", &[], "")
            .await
            .unwrap()
    }

    /// Returns what `/.switchover/live` says.
    pub(crate) async fn liveness(&self) -> Answer {
        send(self.at().edge, "GET", "/.switchover/live", &[], "")
            .await
            .unwrap()
    }

    pub(crate) async fn until_ready(&self) {
        until("the gateway is ready", async || {
            let readiness = self.readiness().await;
            if readiness.status == 200 {
                Ok(())
            } else {
                Err(readiness.body)
            }
        })
        .await;
    }

    /// Waits until the gateway says that it is not ready, and why.
    pub(crate) async fn until_not_ready(&self, because: &str) {
        until(because, async || {
            let readiness = self.readiness().await;
            if readiness.status == 503 && readiness.body.contains(because) {
                Ok(())
            } else {
                Err(readiness.body)
            }
        })
        .await;
    }

    /// Returns what the gateway's own service says.
    pub(crate) async fn status(&self) -> GetStatusResponse {
        let operator = Credentials::claimed(contract::Role::OperatorViewer, "people/anna").unwrap();
        let channel = connect_lazy(&Endpoint::from(self.at().control), &operator).unwrap();
        GatewayServiceClient::new(channel)
            .get_status(GetStatusRequest::default())
            .await
            .unwrap()
            .into_inner()
    }
}

async fn kill(shell: Option<Shell>) {
    if let Some(shell) = shell {
        shell.stop();
        shell.cut();
        // What was cut is named; that is what a kill is.
        drop(shell.drained(PATIENCE).await);
    }
}

/// A version that says which one it is.
async fn version_server(shell: &Shell, version: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(ANYWHERE).await.unwrap();
    let address = listener.local_addr().unwrap();
    let says = axum::routing::get(move || async move { format!("version {version}") });
    let router = axum::Router::new()
        .route("/", says.clone())
        .route("/hang", axum::routing::get(std::future::pending::<String>))
        .route("/health", says);
    let stop = shell.stopping();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    shell.spawn(format!("version {version}"), async move { serving.await });
    address
}
