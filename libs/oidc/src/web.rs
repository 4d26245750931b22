//! Calls to an issuer: encrypted or on the loopback, short, small, and never led elsewhere.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

/// How long an issuer has to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
const BODY_MAX: usize = 512 * 1024;
const CONNECT: Duration = Duration::from_secs(3);
/// A connection that lay around for longer may have died.
const IDLE: Duration = Duration::from_secs(20);

/// Why a call to an issuer came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// There is no connection.
    #[error("it cannot be reached ({0})")]
    Connection(String),
    /// It did not answer in time.
    #[error("it did not answer in time")]
    Late,
    /// It answered with another status than 200; it is never followed elsewhere.
    #[error("it answered with status {0}")]
    Status(u16),
    /// Its answer is not what it should be.
    #[error("{0}")]
    Answer(&'static str),
}

/// Something of an issuer that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} of the issuer could not be had: {why}")]
pub struct Unreachable {
    what: &'static str,
    why: WebError,
}

impl Unreachable {
    pub(crate) fn new(what: &'static str, why: WebError) -> Self {
        Self { what, why }
    }
}

/// The system has no certificates of authorities by which servers could be trusted.
#[derive(Debug, thiserror::Error)]
#[error("the system's certificates of authorities cannot be read: {0}")]
pub struct NoRoots(#[from] std::io::Error);

/// Calls issuers.
#[derive(Debug, Clone)]
pub(crate) struct Web(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// A status, headers and a body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Web {
    /// Trusts the authorities that the system trusts.
    pub(crate) fn new() -> Result<Self, NoRoots> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots((*provider).clone())?
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self(client))
    }

    /// Gets a document.
    pub(crate) async fn get(&self, place: &Uri) -> Result<Answer, WebError> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(place.clone())
            .header(header::ACCEPT, "application/json")
            .body(Full::default());
        let request = request.map_err(|_| WebError::Answer("it has no address"))?;
        let answer = self.ask(request).await?;
        match answer.status {
            StatusCode::OK => Ok(answer),
            status => Err(WebError::Status(status.as_u16())),
        }
    }

    /// Sends a form; answers of every status are handed back.
    pub(crate) async fn post(
        &self,
        place: &Uri,
        form: String,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, WebError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(place.clone())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request
            .body(Full::from(form))
            .map_err(|_| WebError::Answer("it has no address"))?;
        self.ask(request).await
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Answer, WebError> {
        let asked = async {
            let answer = self.0.request(request).await;
            let (head, body) = answer
                .map_err(|error| WebError::Connection(error.to_string()))?
                .into_parts();
            let body = Limited::new(body, BODY_MAX).collect().await;
            let body = body.map_err(|_| WebError::Answer("its answer is too long or broke off"))?;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        timeout(ANSWER, asked).await.map_err(|_| WebError::Late)?
    }
}

impl Answer {
    /// Returns for how long the answer may be kept, if it says so.
    pub(crate) fn max_age(&self) -> Option<Duration> {
        let control = self.headers.get_all(header::CACHE_CONTROL);
        let words = control
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .map(|word| word.trim().to_ascii_lowercase());
        words.fold(None, |kept, word| {
            let seconds = word.strip_prefix("max-age=").and_then(|n| n.parse().ok());
            match (word.as_str(), seconds) {
                ("no-store" | "no-cache", _) => Some(Duration::ZERO),
                (_, Some(seconds)) if kept != Some(Duration::ZERO) => {
                    Some(Duration::from_secs(seconds))
                }
                _ => kept,
            }
        })
    }
}
