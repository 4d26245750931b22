//! A data plane on a socket, and those who talk to it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use contract::Generation;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full, combinators::BoxBody};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::upstream::Upstream;
use crate::apps::{
    AppRoute, BootClock, DataPlane, Drain, GateOrder, GrantChange, GrantDecision, Limits, Login,
    Settings, TestTarget,
};

/// How long anything may take before a test gives up.
pub(super) const LONG: Duration = Duration::from_secs(20);
pub(super) const USER: &str = "hall-shop-acme.example.com";
pub(super) const TESTER: &str = "shop-acme.test.example.com";

pub(super) struct World {
    pub(super) plane: DataPlane,
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) serving: JoinSet<()>,
}

impl World {
    /// A data plane on which tenants `hall` and `east` may use every version of `shop`.
    pub(super) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(super) async fn with(limits: Limits) -> Self {
        Self::with_clock(limits, BootClock::System).await
    }

    /// A data plane that nobody reaches by a socket, with the same grants.
    pub(super) fn plane(limits: Limits, clock: BootClock) -> DataPlane {
        let login = Login::for_process(runtime::Clock::real());
        Self::plane_with(limits, clock, login)
    }

    fn plane_with(limits: Limits, clock: BootClock, login: Login) -> DataPlane {
        let settings = Settings {
            operator: "acme".parse().unwrap(),
            apps_url: "http://example.com:8080".parse().unwrap(),
            support: "the help desk of ACME".parse().unwrap(),
            limits,
        };
        let plane = DataPlane::with_login(settings, clock, login);
        for version in ["1.0", "2.0"] {
            for tenant in ["hall", "east"] {
                grant(&plane, tenant, version, GrantDecision::Admitted);
            }
        }
        plane
    }

    pub(super) async fn with_clock(limits: Limits, clock: BootClock) -> Self {
        Self::serving(Self::plane(limits, clock)).await
    }

    /// A data plane at which users can sign in, with the same grants.
    pub(super) async fn with_login(login: Login) -> Self {
        let plane = Self::plane_with(Limits::default(), BootClock::System, login);
        Self::serving(plane).await
    }

    async fn serving(plane: DataPlane) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        let drain = Duration::from_millis(300);
        serving.spawn(plane.clone().serve(listener, stop.clone(), drain));
        Self {
            plane,
            address,
            stop,
            serving,
        }
    }

    pub(super) fn grant(&self, tenant: &str, version: &str, decision: GrantDecision) {
        grant(&self.plane, tenant, version, decision);
    }

    pub(super) fn open(&self, generation: u64, upstream: &Upstream) -> Option<Drain> {
        let gate = GateOrder::Open(upstream.target());
        self.plane.set_route(route(Some(generation), gate))
    }

    pub(super) fn hold(&self, generation: u64, upstream: &Upstream) -> Option<Drain> {
        let gate = GateOrder::Held(Some(upstream.target()));
        self.plane.set_route(route(Some(generation), gate))
    }

    pub(super) fn test(&self, upstream: &Upstream, token_sha256: [u8; 32]) -> AppRoute {
        let mut route = route(None, GateOrder::Never);
        route.test = Some(TestTarget {
            target: upstream.target(),
            tester_token_sha256: token_sha256,
        });
        route
    }

    pub(super) fn held(&self) -> u64 {
        self.plane.status(None, false)[0].held_requests
    }

    /// Users' requests in flight on the version in use.
    pub(super) fn in_flight(&self) -> usize {
        let snapshot = self.plane.inner().snapshot.load();
        let gate = &snapshot.routes.values().next().unwrap().gate;
        gate.serving().unwrap().epoch.in_flight()
    }

    pub(super) async fn connect(&self) -> Connection {
        Connection::to(self.address).await
    }

    pub(super) async fn get(&self, host: &str, path: &str) -> Answer {
        self.connect().await.get(host, path).await
    }

    /// Sends bytes as they are; returns all that comes back until the other side closes.
    pub(super) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_ref()).await.unwrap();
        let mut back = Vec::new();
        // A connection that is reset has said all before.
        timeout(LONG, stream.read_to_end(&mut back))
            .await
            .expect("the connection is closed")
            .ok();
        String::from_utf8_lossy(&back).into_owned()
    }
}

fn grant(plane: &DataPlane, tenant: &str, version: &str, decision: GrantDecision) {
    let change = GrantChange {
        tenant: tenant.parse().unwrap(),
        application: "shop".parse().unwrap(),
        version: version.parse().unwrap(),
        decision,
    };
    plane.set_grants(false, vec![change]);
}

pub(super) fn route(generation: Option<u64>, gate: GateOrder) -> AppRoute {
    AppRoute {
        application: "shop".parse().unwrap(),
        display_name: "The Shop".to_owned(),
        generation: generation.map(|it| Generation::try_from(it).unwrap()),
        gate,
        test: None,
        hold_request_timeout: LONG,
        drain_rate: 100,
        lease: None,
        report_traffic: false,
        login: None,
    }
}

/// One user's connection, kept for as many requests as they like.
pub(super) struct Connection {
    sender: http1::SendRequest<BoxBody<Bytes, std::io::Error>>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// Returns the stable reason of a refusal.
    pub(super) fn reason(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.text).expect(&self.text);
        assert_eq!(problem["status"], self.status.as_u16());
        problem["reason"].as_str().unwrap().to_owned()
    }
}

impl Connection {
    pub(super) async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            connection.await.ok();
        });
        Self {
            sender,
            _task: task,
        }
    }

    pub(super) async fn get(&mut self, host: &str, path: &str) -> Answer {
        let request = Request::get(path).header("host", host);
        self.finish(request.body(empty()).unwrap()).await
    }

    /// Sends a request; returns the answer once its head is there.
    pub(super) async fn send(
        &mut self,
        request: Request<BoxBody<Bytes, std::io::Error>>,
    ) -> hyper::Result<http::Response<Incoming>> {
        self.sender.ready().await?;
        timeout(LONG, self.sender.send_request(request))
            .await
            .expect("an answer")
    }

    pub(super) async fn finish(
        &mut self,
        request: Request<BoxBody<Bytes, std::io::Error>>,
    ) -> Answer {
        let (head, body) = self.send(request).await.unwrap().into_parts();
        let text = timeout(LONG, body.collect()).await.expect("an end");
        Answer {
            status: head.status,
            fields: head.headers,
            text: String::from_utf8(text.unwrap().to_bytes().into()).unwrap(),
        }
    }
}

pub(super) fn empty() -> BoxBody<Bytes, std::io::Error> {
    Empty::new().map_err(|never| match never {}).boxed()
}

pub(super) fn full(bytes: impl Into<Bytes>) -> BoxBody<Bytes, std::io::Error> {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

/// Waits until something holds.
pub(super) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        let mut tick = interval(Duration::from_millis(2));
        while !holds() {
            tick.tick().await;
        }
    };
    if timeout(LONG, waiting).await.is_err() {
        panic!("waited in vain until {what}");
    }
}
