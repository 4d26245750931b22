//! One HTTP/1.1 request on a connection of its own, and a connection that is kept.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use runtime::net::Stream;
use tokio::task::JoinHandle;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// Returns a header field as text, empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that is kept open between requests.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    #[expect(
        clippy::disallowed_methods,
        reason = "the connection's own task; it ends with the connection"
    )]
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = Stream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let task = tokio::spawn(async move {
            // The sender learns of every fault; nothing is left to tell here.
            drop(connection.await);
        });
        Ok(Self { sender, task })
    }

    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// When the connection breaks; it is not to be used again then.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// Tells whether another request may be sent.
    #[must_use]
    pub fn usable(&self) -> bool {
        !self.sender.is_closed()
    }
}

/// Gets a URL with a literal address, with further header fields.
///
/// # Errors
/// When nobody answers.
pub async fn get(url: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    send(Method::GET, url, fields, Bytes::new()).await
}

/// Sends one request to a URL. The host is looked up unless it ends in `localhost`, which is
/// loopback (RFC 6761 §6.3).
///
/// # Errors
/// When nobody answers.
pub async fn send(
    method: Method,
    url: &str,
    fields: &[(&str, &str)],
    body: Bytes,
) -> Result<Answer> {
    let url: Uri = url.parse().with_context(|| format!("the URL {url}"))?;
    let authority = url
        .authority()
        .with_context(|| format!("no host in {url}"))?
        .clone();
    let port = authority.port_u16().unwrap_or(80);
    let host = if authority.host().ends_with("localhost") {
        "127.0.0.1"
    } else {
        authority.host()
    };
    let address = tokio::net::lookup_host((host, port))
        .await?
        .next()
        .context("no address")?;
    let target = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(target);
    if !fields
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        request = request.header(header::HOST, authority.as_str());
    }
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    Connection::open(address)
        .await?
        .send(request.body(Full::new(body))?)
        .await
}
