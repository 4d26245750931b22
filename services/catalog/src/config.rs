//! What the catalog is told when it starts.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::Args;
use contract::OperatorName;
use runtime::{Endpoint, ServiceArgs};
use store::DatabaseUrl;

use crate::place::Place;

/// Where the catalog listens unless told otherwise.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7101);

/// For how long it is kept what users were answered unless told otherwise, in hours.
pub const KEEP_TRAFFIC_HOURS: u16 = 48;

/// Flags and variables of the catalog.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// How it is reached, and who it is to others. Listens on 127.0.0.1:7101 by default.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Where it keeps applications, switches and gateways: sqlite:PATH or
    /// postgres://user@host/database.
    #[arg(
        long,
        env = "SWITCHOVER_DATABASE",
        default_value = "sqlite:catalog.db",
        value_name = "URL"
    )]
    pub database: DatabaseUrl,
    /// Where provisioning is.
    #[arg(
        long,
        env = "SWITCHOVER_PROVISIONING",
        default_value = "http://127.0.0.1:7102",
        value_name = "URL"
    )]
    pub provisioning: Endpoint,
    /// Where notification is.
    #[arg(
        long,
        env = "SWITCHOVER_NOTIFICATION",
        default_value = "http://127.0.0.1:7103",
        value_name = "URL"
    )]
    pub notification: Endpoint,
    /// File with the key that signs receipts; made if missing. Beside the database unless given:
    /// catalog.receipt-key for catalog.db. All replicas share one: with PostgreSQL it must be given.
    #[arg(long, env = "SWITCHOVER_RECEIPT_KEY", value_name = "FILE")]
    pub receipt_key: Option<PathBuf>,
    /// The operator's name in the addresses of applications.
    #[arg(
        long,
        env = "SWITCHOVER_OPERATOR",
        default_value = "operator",
        value_name = "NAME"
    )]
    pub operator: OperatorName,
    /// Scheme, domain and port under which users reach applications.
    #[arg(
        long,
        env = "SWITCHOVER_APPS_URL",
        default_value = "http://localhost:8080",
        value_name = "URL"
    )]
    pub apps_url: Place,
    /// Where browsers reach the operator's pages and tenants their decisions.
    #[arg(
        long,
        env = "SWITCHOVER_EDGE_URL",
        default_value = "http://localhost:8081",
        value_name = "URL"
    )]
    pub edge_url: Place,
    /// Let versions run on the gateways' own machines: for one machine alone.
    #[arg(long, env = "SWITCHOVER_ALLOW_LOOPBACK_UPSTREAMS")]
    pub allow_loopback_upstreams: bool,
    /// Hours that it is kept what users were answered, by second; 0 keeps none.
    #[arg(long, env = "SWITCHOVER_KEEP_TRAFFIC_HOURS", default_value_t = KEEP_TRAFFIC_HOURS, value_parser = clap::value_parser!(u16).range(0..=8760), value_name = "HOURS")]
    pub keep_traffic_hours: u16,
}

impl Config {
    /// Returns where the key is that signs receipts.
    pub(crate) fn receipt_key_path(&self) -> Result<PathBuf, runtime::Error> {
        if let Some(path) = &self.receipt_key {
            return Ok(path.clone());
        }
        let database = self.database.to_string();
        let file = database.strip_prefix("sqlite:").ok_or_else(|| {
            runtime::Error::Usage(
                "--receipt-key is needed: all processes on this database share one key".to_owned(),
            )
        })?;
        Ok(PathBuf::from(file).with_extension("receipt-key"))
    }
}
