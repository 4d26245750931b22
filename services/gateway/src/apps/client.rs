//! One upstream's client: pinned addresses, pooled connections, the health check.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use runtime::net::Stream;
use tokio::time::timeout;
use tower::Service;

use super::{
    body::RequestBody,
    resolve::Addresses,
    target::{HealthProbe, Target, Upstream},
};

/// How long a connection is kept for the next request: below the idle times of common upstreams,
/// so that it is rarely theirs to close.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// The most connections that are kept for one upstream.
const POOL_MAX: usize = 256;
/// The most fields of an answer.
const FIELDS_MAX: usize = 128;
/// The most bytes of an answer's head.
const HEAD_MAX: usize = 64 * 1024;
/// How long a TLS handshake may take, connecting included.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a health check's answer that are read.
const HEALTH_BODY_MAX: usize = 4096;

/// Why a target cannot be served from here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotReady {
    /// A stable name: `UPSTREAM_UNRESOLVED`, `UPSTREAM_UNREACHABLE`, `HEALTH_CHECK_TIMEOUT` or
    /// `VERSION_UNHEALTHY`.
    pub reason: &'static str,
    /// A sentence for people, at most 500 characters.
    pub message: String,
}

/// Sends requests to one upstream and to nothing else. Clones share connections.
#[derive(Clone)]
pub(super) struct Client {
    upstream: Upstream,
    addresses: Arc<Addresses>,
    http: legacy::Client<Connector, RequestBody>,
}

impl Client {
    pub(super) fn new(upstream: &Upstream) -> Self {
        let addresses = Arc::new(Addresses::new(upstream.host(), upstream.port()));
        let dial = Dial(Arc::clone(&addresses));
        let connector = if upstream.scheme().as_str() == "https" {
            match tls(dial) {
                Ok(tls) => Connector::Tls(tls),
                Err(error) => Connector::NoRoots(error.to_string().into()),
            }
        } else {
            Connector::Plain(dial)
        };
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_MAX)
            .http1_max_headers(FIELDS_MAX)
            .http1_max_buf_size(HEAD_MAX)
            .retry_canceled_requests(true)
            .set_host(false)
            .build(connector);
        Self {
            upstream: upstream.clone(),
            addresses,
            http,
        }
    }

    pub(super) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Sends a request. It is sent again only if nothing of it had been written.
    pub(super) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, legacy::Error> {
        self.http.request(request).await
    }

    /// Returns the address of a path at this upstream.
    pub(super) fn uri(&self, path: http::uri::PathAndQuery) -> Uri {
        Uri::builder()
            .scheme(self.upstream.scheme().clone())
            .authority(self.upstream.authority().clone())
            .path_and_query(path)
            .build()
            .expect("all three parts were parsed before")
    }

    /// Returns the upstream's own name, for `Host`.
    pub(super) fn host(&self) -> HeaderValue {
        HeaderValue::from_str(self.upstream.authority().as_str())
            .expect("an authority is printable ASCII")
    }

    /// Asks for the version's health within `limit`, over a connection from the pool if there is
    /// one.
    pub(super) async fn check_again(
        &self,
        target: &Target,
        limit: Duration,
    ) -> Result<(), NotReady> {
        timeout(limit, self.check(&target.health))
            .await
            .unwrap_or_else(|_| {
                Err(NotReady {
                    reason: "HEALTH_CHECK_TIMEOUT",
                    message: format!(
                        "{} did not answer its health check within {} ms",
                        self.upstream,
                        limit.as_millis()
                    ),
                })
            })
    }

    /// Resolves, connects and asks for the version's health; leaves the connection in the pool.
    pub(super) async fn warm(&self, target: &Target) -> Result<(), NotReady> {
        let upstream = &self.upstream;
        self.addresses.pin().await.map_err(|error| NotReady {
            reason: "UPSTREAM_UNRESOLVED",
            message: clipped(format!("{upstream} could not be resolved: {error}")),
        })?;
        timeout(target.health.timeout(), self.check(&target.health))
            .await
            .unwrap_or_else(|_| {
                Err(NotReady {
                    reason: "HEALTH_CHECK_TIMEOUT",
                    message: format!(
                        "{upstream} did not answer its health check within {} ms",
                        target.health.timeout().as_millis()
                    ),
                })
            })
    }

    async fn check(&self, probe: &HealthProbe) -> Result<(), NotReady> {
        let upstream = &self.upstream;
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = Method::GET;
        *request.uri_mut() = self.uri(probe.path().clone());
        let fields = request.headers_mut();
        fields.insert(header::HOST, self.host());
        fields.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        fields.insert(
            header::USER_AGENT,
            HeaderValue::from_static("switchover-gateway"),
        );
        let answer = self.send(request).await.map_err(|error| NotReady {
            reason: "UPSTREAM_UNREACHABLE",
            message: clipped(format!(
                "{upstream} could not be reached: {}",
                cause(&error)
            )),
        })?;
        let status = answer.status();
        // Read so that the connection can be used again; what it says is nobody's business.
        Limited::new(answer.into_body(), HEALTH_BODY_MAX)
            .collect()
            .await
            .ok();
        if probe.expects(status) {
            Ok(())
        } else {
            Err(NotReady {
                reason: "VERSION_UNHEALTHY",
                message: format!(
                    "{upstream} answered its health check with {}",
                    status.as_u16()
                ),
            })
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.upstream)
    }
}

/// Returns the innermost cause, which says what happened; the ones around it say where.
pub(super) fn cause(error: &legacy::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn clipped(message: String) -> String {
    const MAX: usize = 500;
    match message.char_indices().nth(MAX) {
        Some((end, _)) => message[..end].to_owned(),
        None => message,
    }
}

fn tls(dial: Dial) -> io::Result<HttpsConnector<Dial>> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    Ok(HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)?
        .https_only()
        .enable_http1()
        .wrap_connector(dial))
}

/// Opens connections to the pinned addresses, whatever the request's address says.
#[derive(Clone)]
struct Dial(Arc<Addresses>);

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connected = MaybeHttpsStream<TokioIo<Stream>>;

impl Service<Uri> for Dial {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let addresses = Arc::clone(&self.0);
        Box::pin(async move { addresses.connect().await.map(TokioIo::new) })
    }
}

#[derive(Clone)]
enum Connector {
    Plain(Dial),
    Tls(HttpsConnector<Dial>),
    /// The machine has no certificates to trust, so nothing can be reached by https.
    NoRoots(Arc<str>),
}

impl Service<Uri> for Connector {
    type Response = Connected;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Connected, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Plain(dial) => dial.poll_ready(cx).map_err(Into::into),
            Self::Tls(tls) => tls.poll_ready(cx),
            Self::NoRoots(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match self {
            Self::Plain(dial) => {
                let stream = dial.call(uri);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(stream.await?)) })
            }
            Self::Tls(tls) => {
                let stream = tls.call(uri);
                Box::pin(async move {
                    timeout(TLS_TIMEOUT, stream)
                        .await
                        .map_err(|_| io::Error::other("no TLS connection in time"))?
                })
            }
            Self::NoRoots(error) => {
                let error = Arc::clone(error);
                Box::pin(async move { Err(io::Error::other(error.to_string()).into()) })
            }
        }
    }
}
