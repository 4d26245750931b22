//! What an operator can set.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use contract::TenantId;
use runtime::{Endpoint, Seal, ServiceArgs};
use store::DatabaseUrl;

/// What the provisioning service is started with.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// How it is reached, and who it is to others.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Where tenants, consent and credentials are kept.
    #[arg(
        long,
        env = "SWITCHOVER_DATABASE",
        default_value = "sqlite:provisioning.db",
        value_name = "URL"
    )]
    pub database: DatabaseUrl,
    /// Where the catalog is.
    #[arg(
        long,
        env = "SWITCHOVER_CATALOG",
        default_value = "http://127.0.0.1:7101",
        value_name = "URL"
    )]
    pub catalog: Endpoint,
    /// Where the notification service is.
    #[arg(
        long,
        env = "SWITCHOVER_NOTIFICATION",
        default_value = "http://127.0.0.1:7103",
        value_name = "URL"
    )]
    pub notification: Endpoint,
    /// File with the keys under which links wait for their mail; made if it is missing. All
    /// replicas need the same one.
    #[arg(
        long,
        env = "SWITCHOVER_SEAL_KEY",
        default_value = "provisioning.seal",
        value_name = "FILE"
    )]
    pub seal_key: PathBuf,
    /// Days that a link to accept or deny works.
    #[arg(
        long,
        env = "SWITCHOVER_OFFER_DAYS",
        default_value_t = 14,
        value_parser = clap::value_parser!(u32).range(1..=365)
    )]
    pub offer_days: u32,
    /// Seconds that a denial waits for every gateway before it is answered as still taking effect.
    #[arg(
        long,
        env = "SWITCHOVER_DENY_WAIT",
        default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(0..=20)
    )]
    pub deny_wait: u64,
    /// The operator's own tenant: the only one that a version in test gets tokens for. Without it,
    /// versions in test get none.
    #[arg(long, env = "SWITCHOVER_OWN_TENANT", value_name = "TENANT")]
    pub own_tenant: Option<TenantId>,
    /// Where backends get tokens: scheme, host and port of the gateways' edge. Tokens name it as
    /// their issuer.
    #[arg(
        long,
        env = "SWITCHOVER_EDGE_URL",
        default_value = "http://localhost:8081",
        value_name = "URL"
    )]
    pub edge_url: Endpoint,
}

impl Config {
    /// Where it listens unless told otherwise.
    pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7102);

    /// Returns how long a link works.
    pub(crate) fn offer_lifetime(&self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_hours(24 * i64::from(self.offer_days))
    }

    /// Returns how long a denial waits for the gateways.
    pub(crate) fn deny_wait(&self) -> Duration {
        Duration::from_secs(self.deny_wait)
    }

    /// Returns how tokens name who issues them: as browsers write an origin, in lower case and without
    /// a usual port.
    pub(crate) fn issuer(&self) -> String {
        self.edge_url.origin()
    }

    /// Reads the key file, or makes it.
    pub(crate) fn seal(&self) -> Result<Seal, runtime::Error> {
        Seal::load_or_create(&self.seal_key)
    }
}
