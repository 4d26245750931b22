//! Clients of other services: they say who they are, carry the request's id and trace, and notice
//! within seconds that the other side is gone.

use std::{fmt, str::FromStr, time::Duration};

use contract::{Identity, NameError};
use http::Uri;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataKey, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

use crate::{
    caller::{self, Key},
    error::Error,
    request, telemetry,
    tls::{self, ClientTls},
};

mod key;
mod token;

pub use key::HeldKey;
pub use token::TokenFile;

const CONNECT: Duration = Duration::from_secs(3);
/// A peer that does not answer a ping within the time-out is gone: 15 s at most until it is noticed.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A channel to another service; clones share the connection.
pub type Client = InterceptedService<Channel, Identify>;

/// Where a service is: `http://host:port` or `https://host:port`, nothing behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Uri);

impl Endpoint {
    /// The most bytes.
    pub const MAX: usize = 300;

    /// Tells whether calls are encrypted on their way.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Returns it as browsers write an origin: in lower case, without a usual port.
    pub fn origin(&self) -> String {
        let origin = self.to_string().to_ascii_lowercase();
        let usual = if self.is_encrypted() { ":443" } else { ":80" };
        origin.strip_suffix(usual).unwrap_or(&origin).to_owned()
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let refused = || EndpointError(contract::text::quoted(text));
        if text.len() > Self::MAX {
            return Err(refused());
        }
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        let bare = uri.path_and_query().is_none_or(|rest| rest.as_str() == "/");
        let place = uri
            .authority()
            .is_some_and(|a| !a.as_str().contains('@') && !a.host().is_empty());
        if scheme && bare && place {
            Ok(Self(uri))
        } else {
            Err(refused())
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_string().trim_end_matches('/'))
    }
}

impl From<std::net::SocketAddr> for Endpoint {
    fn from(address: std::net::SocketAddr) -> Self {
        let uri = format!("http://{address}");
        Self(uri.parse().expect("a socket address is a valid authority"))
    }
}

/// A text that is not where a service could be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not a service's address: `http://host:port` or `https://host:port` of at most 300 bytes"
)]
pub struct EndpointError(String);

/// How a client says who it is.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// By a key that the service knows.
    Key(Key),
    /// By a key in a file.
    KeyFile(HeldKey),
    /// By a development key, as somebody of the demonstration.
    Acting(Key, Identity),
    /// By an access token in a file.
    Token(TokenFile),
    /// By its word; services believe it only where all callers are on their own machine.
    Claimed(Identity),
    /// Not at all.
    Anonymous,
    /// So, over encrypted connections of this kind.
    Over(ClientTls, Box<Credentials>),
}

impl Credentials {
    /// By its word, from text.
    pub fn claimed(role: contract::Role, subject: &str) -> Result<Self, NameError> {
        Identity::new(role, subject).map(Self::Claimed)
    }

    /// Returns how encrypted connections are made for these: with a certificate of their own only
    /// where it is theirs to say who calls.
    fn tls(&self) -> Option<ClientTls> {
        match self {
            Self::Over(tls, who) if matches!(**who, Self::Anonymous) => Some(tls.anonymous()),
            Self::Over(tls, _) => Some(tls.clone()),
            Self::Key(_)
            | Self::KeyFile(_)
            | Self::Acting(_, _)
            | Self::Token(_)
            | Self::Claimed(_)
            | Self::Anonymous => None,
        }
    }
}

/// Returns a client that connects when it is first used, and again whenever it must. Needs a
/// running runtime.
pub fn connect_lazy(endpoint: &Endpoint, credentials: &Credentials) -> Result<Client, Error> {
    let channel = channel(endpoint, credentials.tls())?;
    Ok(InterceptedService::new(
        channel,
        Identify::new(credentials)?,
    ))
}

/// Returns a channel that connects as [`connect_lazy`] does with these credentials and says nothing of
/// who calls, not by a certificate either: for calls of others that are passed on as they came.
pub fn channel_lazy(endpoint: &Endpoint, credentials: &Credentials) -> Result<Channel, Error> {
    channel(endpoint, credentials.tls().map(|tls| tls.anonymous()))
}

fn channel(endpoint: &Endpoint, tls: Option<ClientTls>) -> Result<Channel, Error> {
    let settings = |uri: Uri| {
        Channel::builder(uri)
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
    };
    if !endpoint.is_encrypted() {
        return Ok(lazy(&settings(endpoint.0.clone())));
    }
    let tls = match tls {
        Some(tls) => tls,
        None => ClientTls::trusting(None)?,
    };
    // The connector encrypts by itself, with certificates that are read again when they change: to
    // the channel the connection is a plain one.
    let place = endpoint.0.clone();
    let plain = endpoint.to_string().replacen("https:", "http:", 1);
    let plain: Uri = plain.parse().map_err(Error::internal)?;
    let connector = tower::service_fn(move |_: Uri| {
        let connecting = tls::connect(tls.clone(), place.clone());
        async move { connecting.await.map(hyper_util::rt::TokioIo::new) }
    });
    Ok(settings(plain)
        .origin(endpoint.0.clone())
        .connect_with_connector_lazy(connector))
}

fn lazy(endpoint: &tonic::transport::Endpoint) -> Channel {
    #[cfg(feature = "faults")]
    if crate::simulation::network().is_some() {
        return endpoint.connect_with_connector_lazy(tower::service_fn(|uri: Uri| async move {
            let place = uri.authority().map(http::uri::Authority::as_str);
            let address = place.unwrap_or_default().parse();
            let address = address.map_err(std::io::Error::other)?;
            let stream = crate::net::Stream::connect(address).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }));
    }
    endpoint.connect_lazy()
}

/// Adds to each call who makes it, and as part of which request and trace.
#[derive(Clone)]
pub struct Identify {
    headers: Vec<(MetadataKey<Ascii>, MetadataValue<Ascii>)>,
    file: Option<BearerFile>,
}

/// A file whose secret may be another one for each call.
#[derive(Clone)]
enum BearerFile {
    Key(HeldKey),
    Token(TokenFile),
}

impl Identify {
    fn new(credentials: &Credentials) -> Result<Self, Error> {
        let mut file = None;
        let mut headers = Vec::new();
        let mut bearer = |key: &Key| {
            let name = MetadataKey::from_static(caller::AUTHORIZATION);
            key::bearer(key).map(|bearer| headers.push((name, bearer)))
        };
        let pairs = match credentials {
            Credentials::Over(_, who) => return Self::new(who),
            Credentials::Token(token) => {
                file = Some(BearerFile::Token(token.clone()));
                token.choice()
            }
            Credentials::KeyFile(key) => {
                file = Some(BearerFile::Key(key.clone()));
                Vec::new()
            }
            Credentials::Key(key) => {
                bearer(key)?;
                Vec::new()
            }
            Credentials::Acting(key, identity) => {
                bearer(key)?;
                said(identity)
            }
            Credentials::Claimed(identity) => said(identity),
            Credentials::Anonymous => vec![(caller::ROLE, caller::ANONYMOUS.to_owned())],
        };
        for (name, value) in pairs {
            let value = value
                .parse()
                .map_err(|_| Error::internal("credentials are printable ASCII"))?;
            headers.push((MetadataKey::from_static(name), value));
        }
        Ok(Self { headers, file })
    }
}

/// Returns what says whom a caller wants to be.
fn said(identity: &Identity) -> Vec<(&'static str, String)> {
    vec![
        (caller::ROLE, identity.role().to_string()),
        (caller::SUBJECT, identity.subject()),
    ]
}

impl Interceptor for Identify {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        for (name, value) in &self.headers {
            metadata.insert(name.clone(), value.clone());
        }
        match &self.file {
            Some(BearerFile::Key(key)) => {
                metadata.insert(caller::AUTHORIZATION, key.bearer());
            }
            Some(BearerFile::Token(token)) => {
                metadata.insert(caller::AUTHORIZATION, token.bearer()?);
            }
            None => {}
        }
        if let Some(value) = request::current().and_then(|id| id.as_str().parse().ok()) {
            metadata.insert(request::HEADER, value);
        }
        for (name, value) in telemetry::trace_headers() {
            if let (Ok(name), Ok(value)) = (MetadataKey::from_bytes(name.as_bytes()), value.parse())
            {
                metadata.insert(name, value);
            }
        }
        Ok(request)
    }
}

impl fmt::Debug for Identify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identify(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_a_host_and_a_port() {
        for text in [
            "http://127.0.0.1:7000",
            "https://catalog.internal",
            "http://[::1]:7000",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        let long = format!("http://{}", "a".repeat(Endpoint::MAX));
        for text in [
            "",
            "catalog:7000",
            "ftp://a:1",
            "http://",
            "http://a/b",
            "http://a?x",
            "http://u:p@a",
            &long,
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_call_carries_who_makes_it_and_its_request() {
        let credentials = Credentials::claimed(contract::Role::Gateway, "gateways/g-1").unwrap();
        let mut identify = Identify::new(&credentials).unwrap();
        let id: contract::RequestId = "req-1".parse().unwrap();
        let request = request::with_request_id(id, async { identify.call(Request::new(())) })
            .await
            .unwrap();
        let text = |name: &str| {
            request
                .metadata()
                .get(name)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            (text(caller::ROLE), text(caller::SUBJECT)),
            ("gateway".to_owned(), "gateways/g-1".to_owned())
        );
        assert_eq!(text(request::HEADER), "req-1");
    }

    #[test]
    fn a_key_travels_as_a_sensitive_header() {
        let key = Key::generate();
        let mut identify = Identify::new(&Credentials::Key(key.clone())).unwrap();
        let request = identify.call(Request::new(())).unwrap();
        let value = request.metadata().get(caller::AUTHORIZATION).unwrap();
        assert!(value.is_sensitive());
        assert_eq!(value.to_str().unwrap(), format!("Bearer {}", key.expose()));
        assert!(!format!("{request:?} {identify:?}").contains(key.expose()));
    }
}
