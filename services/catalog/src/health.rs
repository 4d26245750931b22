//! Whether a version works: one GET, to an address that was judged and is the one connected to.
//! Follows no redirect, sends no credentials, never shows what the version answered but its status.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Uri, header};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use runtime::net::Stream;
use tokio::time::timeout;

use crate::{
    application::HealthCheck,
    place::{Host, Place},
    upstream::{Refusal, Rules},
};

/// Addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;

/// Checks versions.
#[derive(Clone)]
pub(crate) struct Health {
    rules: Arc<Rules>,
    tls: Option<Arc<rustls::ClientConfig>>,
}

/// Why a version does not count as healthy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unhealthy {
    /// Its name leads to what may not be an upstream.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// It could not be asked.
    #[error("could not be asked: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("did not answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// It answered with a status that does not mean healthy.
    #[error("answered with status {0}")]
    Status(u16),
}

impl Health {
    /// Prepares checks under the installation's rules.
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        runtime::install_crypto();
        let tls = rustls::ClientConfig::builder()
            .with_native_roots()
            .inspect_err(|error| tracing::warn!(%error, "no root certificates: https upstreams count as unhealthy"))
            .map(|roots| Arc::new(roots.with_no_client_auth()))
            .ok();
        Self { rules, tls }
    }

    /// Returns the rules for upstreams.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Asks once. `listeners` are those of the gateways, which no upstream may be.
    pub(crate) async fn check(
        &self,
        upstream: &Place,
        check: &HealthCheck,
        listeners: &[SocketAddr],
    ) -> Result<(), Unhealthy> {
        self.rules.check(upstream, listeners)?;
        match timeout(check.timeout, self.ask(upstream, check, listeners)).await {
            Ok(answered) => answered,
            Err(_late) => Err(Unhealthy::Late(check.timeout)),
        }
    }

    async fn ask(
        &self,
        upstream: &Place,
        check: &HealthCheck,
        listeners: &[SocketAddr],
    ) -> Result<(), Unhealthy> {
        let addresses = resolve(upstream).await?;
        for address in &addresses {
            self.rules.check_address(*address, listeners)?;
        }
        // The addresses that were judged are the ones connected to: no second look at the name.
        let http = tower::service_fn(move |_: Uri| {
            let addresses = addresses.clone();
            Box::pin(async move { connect(&addresses).await.map(TokioIo::new) })
        });
        let uri = format!("{upstream}{}", check.path);
        let request = Request::get(uri)
            .header(header::USER_AGENT, "switchover-health")
            .header(header::ACCEPT, "*/*")
            .body(Empty::<Bytes>::new())
            .map_err(|error| Unhealthy::Unreachable(error.to_string()))?;
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(0);
        let answered = match &self.tls {
            Some(tls) => {
                builder
                    .build(HttpsConnector::from((http, tls.clone())))
                    .request(request)
                    .await
            }
            None => builder.build(http).request(request).await,
        };
        let status = answered
            .map_err(|error| Unhealthy::Unreachable(cause(&error)))?
            .status();
        if check.expects(status.as_u16()) {
            Ok(())
        } else {
            Err(Unhealthy::Status(status.as_u16()))
        }
    }
}

async fn connect(addresses: &[SocketAddr]) -> io::Result<Stream> {
    let mut last = io::Error::other("no address is known");
    for address in addresses {
        match Stream::connect(*address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn resolve(upstream: &Place) -> Result<Vec<SocketAddr>, Unhealthy> {
    let name = match upstream.host() {
        Host::Address(ip) => return Ok(vec![SocketAddr::new(*ip, upstream.port())]),
        Host::Name(name) => name,
    };
    let found = tokio::net::lookup_host((&**name, upstream.port()))
        .await
        .map_err(|_| Unhealthy::Unreachable("its name does not resolve".to_owned()))?;
    let found: Vec<_> = found.take(ADDRESSES_MAX).collect();
    if found.is_empty() {
        return Err(Unhealthy::Unreachable("its name has no address".to_owned()));
    }
    Ok(found)
}

/// The innermost reason: the outer ones only say that a request failed.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        task::JoinSet,
    };

    use super::*;
    use crate::upstream::{Loopback, tests::rules};

    fn health() -> Health {
        Health::new(Arc::new(rules(Loopback::Allowed)))
    }

    fn impatient() -> HealthCheck {
        HealthCheck {
            timeout: Duration::from_millis(200),
            ..HealthCheck::default()
        }
    }

    /// Answers one request with `answer`, and returns what was asked.
    async fn answering(answer: &'static str) -> (Place, JoinSet<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let mut asked = JoinSet::new();
        asked.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&head[..read]).into_owned()
        });
        (place, asked)
    }

    #[tokio::test]
    async fn a_version_that_answers_as_expected_is_healthy() {
        let (place, mut asked) = answering("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(
            health().check(&place, &HealthCheck::default(), &[]).await,
            Ok(())
        );
        let asked = asked.join_next().await.unwrap().unwrap().to_lowercase();
        assert!(asked.starts_with("get /health http/1.1\r\n"), "{asked}");
        assert!(
            !asked.contains("authorization") && !asked.contains("cookie"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_a_body_not_shown() {
        let (place, _asked) = answering(
            "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 6\r\n\r\nsecret",
        )
        .await;
        let answer = health().check(&place, &HealthCheck::default(), &[]).await;
        assert_eq!(answer, Err(Unhealthy::Status(302)));
        assert_eq!(answer.unwrap_err().to_string(), "answered with status 302");
    }

    #[tokio::test]
    async fn who_does_not_answer_is_not_waited_for_longer_than_the_check_says() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent: Place = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let check = impatient();
        assert_eq!(
            health().check(&silent, &check, &[]).await,
            Err(Unhealthy::Late(check.timeout))
        );
    }

    #[tokio::test]
    async fn nobody_there_is_said_in_words() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place: Place = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        drop(listener);
        let Err(Unhealthy::Unreachable(why)) =
            health().check(&place, &HealthCheck::default(), &[]).await
        else {
            panic!("nobody listens");
        };
        assert!(why.to_lowercase().contains("refused"), "{why}");
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads() {
        let health = Health::new(Arc::new(rules(Loopback::Refused)));
        let listener: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let place: Place = "http://localhost:9".parse().unwrap();
        let refused = health.check(&place, &impatient(), &[listener]).await;
        assert!(matches!(refused, Err(Unhealthy::Refused(_))), "{refused:?}");
    }
}
