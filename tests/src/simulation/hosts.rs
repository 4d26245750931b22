//! The hosts: the real services, each with its own clock, and the programs of two versions.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::pending,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::{Args, Command, FromArgMatches};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use runtime::{Clock, Shell, net::Listener};
use tokio::task::JoinSet;

use super::{relay, world::World};

/// Where the services and the versions listen, each on its own host.
pub(super) const CATALOG_PORT: u16 = 7101;
pub(super) const PROVISIONING_PORT: u16 = 7102;
pub(super) const APPS_PORT: u16 = 8080;
/// Where a gateway's relays listen, one for each catalog.
const RELAY_PORTS: [u16; 2] = [7201, 7202];
/// Two replicas on one database.
pub(super) const CATALOGS: [&str; 2] = ["catalog-a", "catalog-b"];
/// The versions, and where each listens on their host.
pub(super) const VERSIONS: [(&str, u16); 2] = [("1.0", 9001), ("2.0", 9002)];

/// Returns what a clock says that is right.
pub(super) fn time() -> Timestamp {
    let start = Timestamp::from_second(1_800_000_000).expect("a time of this century");
    start + turmoil::sim_elapsed().unwrap_or_default()
}

/// What all hosts of one seed share: addresses, disks that outlive them, and their clocks.
pub(super) struct Site {
    pub(super) seed: u64,
    pub(super) world: World,
    pub(super) folder: PathBuf,
    pub(super) addresses: BTreeMap<String, IpAddr>,
    clocks: Mutex<BTreeMap<String, HostClock>>,
    boots: AtomicU64,
    /// All is mended: nothing goes wrong any more.
    healed: Arc<AtomicBool>,
}

#[derive(Default)]
struct HostClock {
    /// How far it is off.
    off: SignedDuration,
    present: Option<Clock>,
}

impl Site {
    pub(super) fn new(seed: u64, folder: PathBuf, addresses: BTreeMap<String, IpAddr>) -> Self {
        Self {
            seed,
            world: World::of(seed),
            folder,
            addresses,
            clocks: Mutex::default(),
            boots: AtomicU64::new(0),
            healed: Arc::default(),
        }
    }

    /// From now on nothing goes wrong.
    pub(super) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    pub(super) fn at(&self, host: &str, port: u16) -> SocketAddr {
        SocketAddr::new(self.addresses[host], port)
    }

    fn url(&self, host: &str, port: u16) -> String {
        format!("http://{}", self.at(host, port))
    }

    /// Steps the wall clock of one host.
    pub(super) fn step_clock(&self, host: &str, by: SignedDuration) {
        let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = clocks.entry(host.to_owned()).or_default();
        clock.off = clock.off.saturating_add(by);
        if let Some(present) = &clock.present {
            present.step(by);
        }
    }

    /// Makes the shell of one life of a host. To be called on the host.
    fn shell(&self, host: &str) -> Shell {
        let life = self.boots.fetch_add(1, Ordering::Relaxed);
        let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = clocks.entry(host.to_owned()).or_default();
        let wall = time() + clock.off;
        let seed = self.seed.wrapping_mul(0x1_0001).wrapping_add(life << 40);
        // Within the 5 % by which the rates of clocks may differ.
        let rate = 975 + u32::try_from((self.seed ^ life).wrapping_mul(7) % 51).unwrap_or_default();
        let new = Clock::following(wall, seed, rate);
        clock.present = Some(new.clone());
        Shell::new(host, new)
    }
}

/// Reads a service's configuration as its command line does, so that what is not said here has its
/// default.
fn config<C: Args + FromArgMatches>(arguments: &[(&str, String)]) -> Result<C> {
    let command = C::augment_args(Command::new("simulated").no_binary_name(true));
    let words = arguments
        .iter()
        .flat_map(|(flag, value)| [(*flag).to_owned(), value.clone()]);
    Ok(C::from_arg_matches(&command.try_get_matches_from(words)?)?)
}

/// One life of a catalog replica.
pub(super) async fn catalog(site: Arc<Site>, name: &'static str) -> Result<Infallible> {
    let shell = site.shell(name);
    let database = site.folder.join("catalog.db");
    let config: catalog::Config = config(&[
        ("--listen", format!("127.0.0.1:{CATALOG_PORT}")),
        ("--database", format!("sqlite:{}", database.display())),
        (
            "--provisioning",
            site.url("provisioning", PROVISIONING_PORT),
        ),
        // Nobody is there: notices wait.
        ("--notification", site.url("provisioning", 7103)),
        ("--operator", "acme".to_owned()),
        ("--apps-url", format!("http://apps.example:{APPS_PORT}")),
        // Gateways report nothing by the second: seeds stay what they are.
        ("--keep-traffic-hours", "0".to_owned()),
    ])?;
    catalog::start(config, shell.clone()).await?;
    Err(failed(&shell).await)
}

/// One life of provisioning.
pub(super) async fn provisioning(site: Arc<Site>) -> Result<Infallible> {
    let shell = site.shell("provisioning");
    let database = site.folder.join("provisioning.db");
    let seal = site.folder.join("seal");
    let config: provisioning::Config = config(&[
        ("--listen", format!("127.0.0.1:{PROVISIONING_PORT}")),
        ("--database", format!("sqlite:{}", database.display())),
        ("--catalog", site.url(CATALOGS[0], CATALOG_PORT)),
        ("--notification", site.url(CATALOGS[0], 7103)),
        ("--seal-key", seal.display().to_string()),
    ])?;
    provisioning::start(config, shell.clone()).await?;
    Err(failed(&shell).await)
}

/// One life of a gateway.
pub(super) async fn gateway(site: Arc<Site>, name: String) -> Result<Infallible> {
    let shell = site.shell(&name);
    let mut catalogs = CATALOGS.map(|catalog| site.url(catalog, CATALOG_PORT));
    if site.world.relayed {
        let life = site.boots.load(Ordering::Relaxed);
        for (number, port) in RELAY_PORTS.into_iter().enumerate() {
            let listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
            let catalog = site.at(CATALOGS[number], CATALOG_PORT);
            let seed = site.seed ^ (life << 20) ^ u64::from(port);
            let healed = Arc::clone(&site.healed);
            relay::start(&shell, seed, healed, &name, catalog, listen).await?;
            catalogs[number] = format!("http://{listen}");
        }
    }
    let config: gateway::Config = config(&[
        ("--listen", "127.0.0.1:7104".to_owned()),
        ("--gateway", name.clone()),
        ("--apps-listen", format!("127.0.0.1:{APPS_PORT}")),
        ("--edge-listen", "127.0.0.1:8081".to_owned()),
        ("--catalog", catalogs.join(",")),
        (
            "--provisioning",
            site.url("provisioning", PROVISIONING_PORT),
        ),
        ("--operator", "acme".to_owned()),
        ("--apps-url", format!("http://apps.example:{APPS_PORT}")),
        ("--state-dir", site.folder.join(&name).display().to_string()),
    ])?;
    gateway::start(config, shell.clone()).await?;
    Err(failed(&shell).await)
}

async fn failed(shell: &Shell) -> anyhow::Error {
    let error = shell.failed().await;
    anyhow::anyhow!("{}: {error}", shell.name())
}

/// The versions: each answers every request with its name.
pub(super) async fn versions() -> Result<Infallible> {
    let [one, two] = VERSIONS.map(|(name, port)| version(name, port));
    futures::try_join!(one, two).map(|(never, _)| never)
}

async fn version(name: &'static str, port: u16) -> Result<Infallible> {
    let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
    let listener = Listener::bind(everywhere).await?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.context("a version cannot accept")?;
        let service = service_fn(move |_: Request<Incoming>| async move {
            let answer = Response::builder().header("version", name);
            answer.body(Full::new(Bytes::from_static(b"ok")))
        });
        let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // A gateway that went away is no fault of the version.
            serving.await.ok();
        });
    }
}

/// Runs a host's program for ever; what ends it fails the simulation.
pub(super) async fn forever(
    program: impl Future<Output = Result<Infallible>>,
) -> Result<(), Box<dyn std::error::Error>> {
    match program.await {
        Ok(never) => match never {},
        Err(error) => Err(format!("{error:#}").into()),
    }
}

/// A host that has done what it was to do.
pub(super) async fn rest() -> Infallible {
    pending().await
}
