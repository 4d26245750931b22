//! The client's side: by whom servers' certificates must be signed, and the certificate that is shown.

use std::{fmt, io, net::SocketAddr, path::PathBuf, sync::Arc};

use http::Uri;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::files::{self, Made};
use crate::{clock::Clock, error::Error, net::Stream};

/// How other services are called over encrypted connections. Clones share it.
#[derive(Clone)]
pub struct ClientTls {
    with: Arc<Made<ClientConfig>>,
    without: Arc<Made<ClientConfig>>,
}

impl ClientTls {
    /// Trusts the authorities of a PEM file, or those of the system.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn trusting(ca: Option<&PathBuf>) -> Result<Self, Error> {
        Self::open(ca, None, &Clock::real())
    }

    pub(super) fn open(
        ca: Option<&PathBuf>,
        pair: Option<(PathBuf, PathBuf)>,
        clock: &Clock,
    ) -> Result<Self, Error> {
        let made = |pair: Option<(PathBuf, PathBuf)>| {
            let ca = ca.cloned();
            let mut paths: Vec<PathBuf> = ca.iter().cloned().collect();
            paths.extend(
                pair.iter()
                    .flat_map(|(cert, key)| [cert.clone(), key.clone()]),
            );
            let make = move || config(ca.as_ref(), pair.as_ref());
            Made::open(paths, Box::new(make), clock.clone()).map(Arc::new)
        };
        let without = made(None)?;
        let with = match pair {
            None => Arc::clone(&without),
            Some(pair) => made(Some(pair))?,
        };
        Ok(Self { with, without })
    }

    /// Shows no certificate: for calls of others, and of nobody.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            with: Arc::clone(&self.without),
            without: Arc::clone(&self.without),
        }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientTls({:?})", self.with)
    }
}

fn config(ca: Option<&PathBuf>, pair: Option<&(PathBuf, PathBuf)>) -> Result<ClientConfig, Error> {
    let roots = match ca {
        Some(path) => files::roots(path)?,
        None => system()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(roots);
    let mut config = match pair {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => builder
            .with_client_auth_cert(files::chain(cert)?, files::key(key)?)
            .map_err(|error| Error::file(cert, error))?,
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn system() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(Error::unavailable(
            "TLS",
            "the system has no certificates of authorities: give them by --tls-ca",
        ));
    }
    Ok(roots)
}

/// Connects to where an address leads, over TLS, and checks that it is the one that was asked for.
pub(crate) async fn connect(tls: ClientTls, uri: Uri) -> io::Result<TlsStream<Stream>> {
    let host = uri.host().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = uri.port_u16().unwrap_or(443);
    let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
    let stream = reach(&host, port).await?;
    // Only speeds small messages up; a socket that refuses still works.
    drop(stream.set_nodelay(true));
    TlsConnector::from(tls.with.current())
        .connect(name, stream)
        .await
}

async fn reach(host: &str, port: u16) -> io::Result<Stream> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match Stream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
