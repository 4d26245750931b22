//! What a gateway can be told: flag, variable, default, help.

mod login;

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::Args;
use contract::{GatewayName, Line, OperatorName};
use jiff::Timestamp;
use runtime::{Endpoint, ServiceArgs};

use crate::{
    apps::{AppsUrl, SUPPORT_CHARS_MAX},
    edge::TrustedProxy,
    sign_outs::{Reach, SignOuts},
};
pub use login::LoginArgs;

mod api;
mod console;

pub use api::ApiArgs;
pub use console::ConsoleArgs;

/// The most characters of the operator's name for people.
pub const OPERATOR_NAME_CHARS_MAX: usize = 100;
/// Whom people are to ask where nobody says it; each language has its own word for that.
pub(crate) const SUPPORT: &str = "your administrator";

/// What a gateway can be told.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// How its own gRPC service is reached, and who it is to others.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// This gateway's name: 1 to 40 lower-case letters, digits and `-`, first a letter, and no
    /// other gateway's. Without it, the machine's name made to fit.
    #[arg(long, env = "SWITCHOVER_GATEWAY", value_name = "NAME")]
    pub gateway: Option<GatewayName>,
    /// Address to serve users of applications on.
    #[arg(
        long,
        env = "SWITCHOVER_APPS_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080"
    )]
    pub apps_listen: SocketAddr,
    /// Address to serve the console, the API for browsers and programs, the pages behind links in mails
    /// and backends' access tokens on.
    #[arg(
        long,
        env = "SWITCHOVER_EDGE_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8081"
    )]
    pub edge_listen: SocketAddr,
    /// Where the catalog is; several addresses are tried in turn.
    #[arg(
        long,
        env = "SWITCHOVER_CATALOG",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:7101"
    )]
    pub catalog: Vec<Endpoint>,
    /// Where provisioning is.
    #[arg(
        long,
        env = "SWITCHOVER_PROVISIONING",
        value_name = "URL",
        default_value = "http://127.0.0.1:7102"
    )]
    pub provisioning: Endpoint,
    /// Where notification is, for calls to it and the unsubscribe links of mails.
    #[arg(
        long,
        env = "SWITCHOVER_NOTIFICATION",
        value_name = "URL",
        default_value = "http://127.0.0.1:7103"
    )]
    pub notification: Endpoint,
    /// Whose applications these are, as host names have it.
    #[arg(long, env = "SWITCHOVER_OPERATOR", value_name = "NAME")]
    pub operator: OperatorName,
    /// Whose applications these are, for people; without it, the name in host names.
    #[arg(long, env = "SWITCHOVER_OPERATOR_NAME", value_name = "TEXT")]
    pub operator_name: Option<Line<OPERATOR_NAME_CHARS_MAX>>,
    /// Whom people are to ask, such as `help@acme.example` or `the help desk of ACME`: pages say
    /// `Questions? Ask ….`
    #[arg(
        long,
        env = "SWITCHOVER_SUPPORT",
        value_name = "TEXT",
        default_value = SUPPORT
    )]
    pub support: Line<SUPPORT_CHARS_MAX>,
    /// Under which scheme, domain and port users reach applications.
    #[arg(
        long,
        env = "SWITCHOVER_APPS_URL",
        value_name = "URL",
        default_value = "http://localhost:8080"
    )]
    pub apps_url: AppsUrl,
    /// Where links in mails lead: scheme, host and port of the edge as browsers see it.
    #[arg(
        long,
        env = "SWITCHOVER_EDGE_URL",
        value_name = "URL",
        default_value = "http://localhost:8081"
    )]
    pub edge_url: EdgeUrl,
    /// Proxies in front of the edge, by address or network: what they append to `X-Forwarded-For` says
    /// from where a request came. Without them, all that comes through one counts as one source.
    #[arg(
        long,
        env = "SWITCHOVER_TRUSTED_PROXY",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    pub trusted_proxy: Vec<TrustedProxy>,
    /// Who may call the API at the edge, and how much.
    #[command(flatten)]
    pub api: ApiArgs,
    /// How people sign in to the console.
    #[command(flatten)]
    pub console: Box<ConsoleArgs>,
    /// Folder for what this gateway knew last; for no other gateway.
    #[arg(
        long,
        env = "SWITCHOVER_STATE_DIR",
        value_name = "FOLDER",
        default_value = "gateway-state"
    )]
    pub state_dir: PathBuf,
    /// Seconds that users' requests have to end when the gateway stops; less than the process has
    /// in all, so that it can still leave the fleet.
    #[arg(
        long,
        env = "SWITCHOVER_REQUEST_DRAIN_SECONDS",
        default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(0..=3600)
    )]
    pub request_drain_seconds: u64,
    /// Connections from users at a time; more wait to be accepted.
    #[arg(
        long,
        env = "SWITCHOVER_CONNECTIONS_MAX",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub connections_max: u32,
    /// Requests of one application that wait for the outcome of a switch; more are answered 503.
    #[arg(
        long,
        env = "SWITCHOVER_HELD_REQUESTS_MAX",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub held_requests_max: u32,
    /// Bytes of the heads of those requests; more are answered 503. Bodies are not read while a
    /// request waits.
    #[arg(
        long,
        env = "SWITCHOVER_HELD_BYTES_MAX",
        default_value_t = 67_108_864,
        value_parser = clap::value_parser!(u64).range(16_384..=17_179_869_184)
    )]
    pub held_bytes_max: u64,
    /// Milliseconds that a request waits at most for the generation that its field
    /// `X-Min-Generation` names; then it is answered 503.
    #[arg(
        long,
        env = "SWITCHOVER_MIN_GENERATION_WAIT_MS",
        default_value_t = 5000,
        value_parser = clap::value_parser!(u64).range(0..=60_000)
    )]
    pub min_generation_wait_ms: u64,
    /// How users sign in.
    #[command(flatten)]
    pub login: LoginArgs,
}

impl Config {
    /// Returns the gateway's name, made of the machine's if none was given.
    pub(crate) fn gateway_name(&self) -> GatewayName {
        self.gateway.clone().unwrap_or_else(|| {
            let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            name_from(machine.trim())
        })
    }

    /// Tells whether gateways may share sessions, and with them their ends.
    pub(crate) fn shares_sessions(&self) -> bool {
        let login = &self.login;
        login.login_issuer.is_some()
            || login.login_seal_key.is_some()
            || self.console.console_client_id.is_some()
    }

    /// Reads which sessions have ended. Blocks on a disk.
    pub(crate) fn sign_outs(&self, now: Timestamp) -> Result<SignOuts, runtime::Error> {
        let path = self.state_dir.join("sign-outs.jsonl");
        let reach = match self.shares_sessions() {
            true => Reach::Fleet,
            false => Reach::Here,
        };
        SignOuts::open(&path, reach, now).map_err(|error| runtime::Error::file(&path, error))
    }

    /// Returns how long users' requests may go on after a stop.
    pub(crate) fn request_drain(&self) -> Duration {
        Duration::from_secs(self.request_drain_seconds)
    }

    /// Returns the operator's name for people.
    pub(crate) fn operator_text(&self) -> &str {
        match &self.operator_name {
            Some(name) => name.as_str(),
            None => self.operator.as_str(),
        }
    }
}

/// Makes a gateway's name of a machine's: its first label, what does not fit left out.
fn name_from(machine: &str) -> GatewayName {
    let label = machine.split('.').next().unwrap_or_default();
    let mut name: String = label
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, "gateway-");
    }
    name.truncate(GatewayName::MAX);
    name.trim_end_matches('-')
        .parse()
        .expect("made to fit, and `gateway` is left at least")
}

/// Where browsers reach an edge: scheme and authority, nothing behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeUrl(String);

impl EdgeUrl {
    /// Returns it as browsers write an origin: in lower case, without a usual port.
    pub fn origin(&self) -> &str {
        &self.0
    }
}

/// A text that is not where an edge could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the edge's address is http:// or https://, a host, a port if need be, and nothing behind")]
pub struct EdgeUrlError;

impl FromStr for EdgeUrl {
    type Err = EdgeUrlError;

    fn from_str(text: &str) -> Result<Self, EdgeUrlError> {
        let endpoint: Endpoint = text.parse().map_err(|_| EdgeUrlError)?;
        Ok(Self(endpoint.origin()))
    }
}

impl fmt::Display for EdgeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machines_name_becomes_a_gateways_name() {
        for (machine, expected) in [
            ("node-7.example.com", "node-7"),
            ("Web_01", "web01"),
            ("10-0-0-1", "gateway-10-0-0-1"),
            ("", "gateway"),
            ("---", "gateway"),
            (
                "a-very-long-machine-name-that-goes-on-and-on-and-on",
                "a-very-long-machine-name-that-goes-on-an",
            ),
        ] {
            assert_eq!(name_from(machine).as_str(), expected, "{machine}");
        }
    }

    #[test]
    fn an_edges_address_is_an_origin() {
        for (text, origin) in [
            ("http://localhost:8081", "http://localhost:8081"),
            ("https://Consent.Example:443/", "https://consent.example"),
            ("http://edge.example:80", "http://edge.example"),
        ] {
            assert_eq!(text.parse::<EdgeUrl>().unwrap().origin(), origin);
        }
        for text in ["", "edge.example", "http://edge.example/x", "ftp://x"] {
            assert!(text.parse::<EdgeUrl>().is_err(), "{text}");
        }
    }
}
