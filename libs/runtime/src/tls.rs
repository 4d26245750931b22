//! Encrypted calls between services, and certificates by which services and gateways prove who they
//! are: read from files again when they change.

use std::path::PathBuf;

use clap::Args;

use crate::{clock::Clock, error::Error};

mod client;
mod files;
mod peer;
mod server;
#[cfg(test)]
pub(crate) mod testing;

pub use client::ClientTls;
pub(crate) use client::connect;
pub use peer::{Certified, TrustDomain, TrustDomainError};
pub use server::ServerTls;

/// How calls are encrypted on their way
#[derive(Debug, Clone, Default, Args)]
pub struct TlsArgs {
    /// PEM file with the certificate, and those above it, by which this service is called and calls
    /// others. Read again when it changes, as are the other files.
    #[arg(
        long,
        env = "SWITCHOVER_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(
        long,
        env = "SWITCHOVER_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
    /// PEM file with the authorities whose client certificates prove who calls, by their name
    /// spiffe://DOMAIN/service/NAME or spiffe://DOMAIN/gateway/NAME.
    #[arg(
        long,
        env = "SWITCHOVER_TLS_CLIENT_CA",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_client_ca: Option<PathBuf>,
    /// The domain in the names of client certificates.
    #[arg(
        long,
        env = "SWITCHOVER_TLS_TRUST_DOMAIN",
        value_name = "DOMAIN",
        default_value = TrustDomain::USUAL
    )]
    pub tls_trust_domain: TrustDomain,
    /// PEM file with the authorities by which the other services' certificates are checked; the
    /// system's unless given.
    #[arg(long, env = "SWITCHOVER_TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Serve unencrypted beyond this machine: the network is the operator's own.
    #[arg(long, env = "SWITCHOVER_PLAINTEXT", conflicts_with = "tls_cert")]
    pub plaintext: bool,
}

impl TlsArgs {
    /// Returns how calls are taken encrypted, if they are. `alone` tells whether certificates are all
    /// that proves who calls: then there is no call without one.
    pub(crate) fn server(&self, alone: bool, clock: &Clock) -> Result<Option<ServerTls>, Error> {
        let Some((cert, key)) = self.pair()? else {
            return match &self.tls_client_ca {
                None => Ok(None),
                Some(_) => Err(Error::Usage(
                    "--tls-client-ca needs --tls-cert and --tls-key: nobody shows a certificate to a server that has none".to_owned(),
                )),
            };
        };
        let clients = self.tls_client_ca.as_ref().map(|ca| server::Clients {
            ca: ca.clone(),
            domain: self.tls_trust_domain.clone(),
            needed: alone,
        });
        ServerTls::open(cert, key, clients, clock.clone()).map(Some)
    }

    /// Returns how other services are called over encrypted connections, if that is not as the system
    /// does it.
    pub(crate) fn client(&self) -> Result<Option<ClientTls>, Error> {
        let pair = self.pair()?;
        if pair.is_none() && self.tls_ca.is_none() {
            return Ok(None);
        }
        ClientTls::open(self.tls_ca.as_ref(), pair, &Clock::real()).map(Some)
    }

    fn pair(&self) -> Result<Option<(PathBuf, PathBuf)>, Error> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Ok(Some((cert.clone(), key.clone()))),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => Err(Error::Usage(
                "--tls-cert and --tls-key belong together".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests;
