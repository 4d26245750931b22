//! Flags and variables that every service has.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use contract::{Identity, Role};

use crate::{
    caller::{Access, Proofs, TokensArgs},
    client::{Credentials, HeldKey},
    clock::Clock,
    error::Error,
    telemetry::LogArgs,
    tls::TlsArgs,
};

/// How the process logs and stops.
#[derive(Debug, Clone, Args)]
pub struct ProcessArgs {
    /// How it logs.
    #[command(flatten)]
    pub log: LogArgs,
    /// Seconds that running calls have to end after SIGTERM, before they are cut.
    #[arg(
        long,
        env = "SWITCHOVER_DRAIN_SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub drain_seconds: u64,
}

impl ProcessArgs {
    /// Returns how long a drain may last.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// How a service is reached, and who it is to others.
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceArgs {
    /// Address to serve gRPC on; each service has its own default on the loopback.
    #[arg(long, env = "SWITCHOVER_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// File with the keys that callers may use. Without it, an issuer of tokens and an authority of
    /// clients, every caller on this machine is an operator admin, and only the loopback is served.
    #[arg(long, env = "SWITCHOVER_KEYS", value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// File with the key by which this service calls others; a replaced one is taken at once.
    #[arg(long, env = "SWITCHOVER_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Whose access tokens are believed.
    #[command(flatten)]
    pub tokens: Box<TokensArgs>,
    /// How calls are encrypted.
    #[command(flatten)]
    pub tls: Box<TlsArgs>,
    /// Serve gRPC reflection to the operator.
    #[arg(long, env = "SWITCHOVER_REFLECTION")]
    pub reflection: bool,
}

impl ServiceArgs {
    /// Returns the address to serve, or the service's own default.
    pub fn listen_or(&self, default: SocketAddr) -> SocketAddr {
        self.listen.unwrap_or(default)
    }

    /// Returns what is believed of who calls, and how calls are taken. Refuses an address beyond the
    /// loopback where that is everything, or unencrypted without a word.
    pub fn access(&self, listen: SocketAddr, clock: &Clock) -> Result<Access, Error> {
        let tokens = self.tokens.tokens()?;
        let alone = self.keys.is_none() && tokens.is_none();
        let proofs = Proofs::new(
            self.keys.clone(),
            tokens,
            self.tls.server(alone, clock)?,
            clock.clone(),
        )?;
        let access = Access::by(proofs.plaintext(self.tls.plaintext))?;
        access.fits(listen)?;
        Ok(access)
    }

    /// Returns how this service says who it is: by its key, by its certificate, or, on one machine,
    /// by its word.
    pub fn credentials(&self, role: Role, subject: &str) -> Result<Credentials, Error> {
        let who = match &self.key_file {
            Some(path) => Credentials::KeyFile(HeldKey::open(path)?),
            None => Identity::new(role, subject)
                .map(Credentials::Claimed)
                .map_err(|error| Error::Usage(error.to_string()))?,
        };
        Ok(match self.tls.client()? {
            Some(tls) => Credentials::Over(tls, Box::new(who)),
            None => who,
        })
    }
}
