//! The server's side: its certificate, and whose client certificates are believed.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{ServerConfig, server::WebPkiClientVerifier};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    files::{self, Made},
    peer::{Certified, TrustDomain},
};
use crate::{clock::Clock, error::Error, net::Stream};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How calls are taken encrypted.
#[derive(Debug)]
pub struct ServerTls {
    config: Made<ServerConfig>,
    /// Set if client certificates prove who calls.
    domain: Option<TrustDomain>,
}

/// Whose client certificates are believed.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    pub(super) ca: PathBuf,
    pub(super) domain: TrustDomain,
    /// Whether there is no connection without one.
    pub(super) needed: bool,
}

impl ServerTls {
    pub(super) fn open(
        cert: PathBuf,
        key: PathBuf,
        clients: Option<Clients>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let mut paths = vec![cert.clone(), key.clone()];
        paths.extend(clients.as_ref().map(|clients| clients.ca.clone()));
        let domain = clients.as_ref().map(|clients| clients.domain.clone());
        let make = move || {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .map_err(Error::internal)?;
            let builder = match &clients {
                None => builder.with_no_client_auth(),
                Some(clients) => {
                    let roots = Arc::new(files::roots(&clients.ca)?);
                    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                    let verifier = if clients.needed {
                        verifier
                    } else {
                        verifier.allow_unauthenticated()
                    };
                    let verifier = verifier.build();
                    builder.with_client_cert_verifier(
                        verifier.map_err(|error| Error::file(&clients.ca, error))?,
                    )
                }
            };
            let mut config = builder
                .with_single_cert(files::chain(&cert)?, files::key(&key)?)
                .map_err(|error| Error::file(&cert, error))?;
            config.alpn_protocols = vec![b"h2".to_vec()];
            Ok(config)
        };
        Ok(Self {
            config: Made::open(paths, Box::new(make), clock)?,
            domain,
        })
    }

    /// Tells whether client certificates prove who calls.
    pub(crate) fn knows_clients(&self) -> bool {
        self.domain.is_some()
    }

    /// Encrypts a connection that was accepted just now; tells what the client's certificate proves,
    /// if it has one.
    pub(crate) async fn greet(
        &self,
        stream: Stream,
    ) -> std::io::Result<(TlsStream<Stream>, Option<Arc<Certified>>)> {
        let acceptor = TlsAcceptor::from(self.config.current());
        let stream = timeout(HANDSHAKE, acceptor.accept(stream))
            .await
            .map_err(|_| std::io::ErrorKind::TimedOut)??;
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let certified = match (certificate, &self.domain) {
            (Some(certificate), Some(domain)) => {
                let read = Certified::read(certificate, domain);
                Some(Arc::new(read.ok_or(std::io::ErrorKind::InvalidData)?))
            }
            (None, _) | (_, None) => None,
        };
        Ok((stream, certified))
    }
}
