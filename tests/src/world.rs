//! A whole installation of real processes in a folder of its own, to be acted on and to be broken.

mod plan;
mod site;
mod wires;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, Result};
use runtime::{Credentials, Endpoint};
use store::testing::Cluster;
use tempfile::TempDir;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use self::site::{Site, Stores};
pub use self::{plan::Plan, wires::Wires};
use crate::{
    api::{Api, Places},
    keys::Callers,
    load::Door,
    mailbox::Mailbox,
    ports,
    process::{Process, built},
    until::until,
};

/// The operator of every world.
pub const OPERATOR: &str = "acme";
/// Where the operator's mails go.
pub const OPERATOR_MAIL: &str = "ops@acme.example";
const DOMAIN: &str = "apps.example";

/// Which database the services use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A file for each service.
    Sqlite,
    /// A schema for each service.
    Postgres,
}

/// A process of the installation that can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The catalog; where it has several replicas, the first.
    Catalog,
    /// A further replica of the catalog, counted from 1.
    Replica(usize),
    /// Provisioning.
    Provisioning,
    /// Notification.
    Notification,
    /// One gateway, counted from 0.
    Gateway(usize),
}

/// An installation that runs.
pub struct World {
    /// The services, as an operator's program calls them.
    pub api: Api,
    /// The mails that were sent.
    pub mailbox: Mailbox,
    wires: Option<Arc<Wires>>,
    credentials: Credentials,
    catalogs: Vec<Service>,
    provisioning: Service,
    notification: Service,
    gateways: Vec<Gateway>,
    upstreams: BTreeMap<String, (Process, u16)>,
    apps_port: u16,
    /// Where provisioning has its database.
    provisioning_database: String,
    folder: TempDir,
    // Last, so that the services are gone before their database.
    cluster: Option<Arc<Cluster>>,
}

#[derive(Debug)]
struct Service {
    process: Process,
    port: u16,
}

#[derive(Debug)]
struct Gateway {
    control: Service,
    apps: u16,
    edge: u16,
    down: Arc<AtomicBool>,
}

impl World {
    /// Starts the services, `gateways` gateways and an SMTP server, and waits until all are ready.
    /// The services believe callers on this machine.
    ///
    /// # Errors
    /// When something does not come up; the error shows what the processes printed.
    pub async fn start(database: Database, gateways: usize) -> Result<Self> {
        Self::start_with(database, gateways, Callers::Believed).await
    }

    /// Starts an installation as [`World::start`] does, and says how callers are known.
    ///
    /// # Errors
    /// When something does not come up; the error shows what the processes printed.
    pub async fn start_with(database: Database, gateways: usize, callers: Callers) -> Result<Self> {
        Self::start_as(Plan {
            callers,
            ..Plan::new(database, gateways)
        })
        .await
    }

    /// Starts an installation as [`World::start`] does, by a plan.
    ///
    /// # Errors
    /// When something does not come up; the error shows what the processes printed.
    pub async fn start_as(plan: Plan) -> Result<Self> {
        anyhow::ensure!(
            plan.catalogs == 1 || plan.catalogs > 1 && plan.database == Database::Postgres,
            "several catalogs need a database that they can share"
        );
        let folder = tempfile::Builder::new()
            .prefix("switchover-world-")
            .tempdir()?;
        let stores = Stores::open(&plan, folder.path())?;
        let mut mailbox = Mailbox::start(folder.path()).await?;
        if plan.watched_mail {
            mailbox.watch().await?;
        }
        let site = Site::new(&plan, folder.path(), stores.server_port).await?;
        let credentials = site.operator()?;
        let places = site.places();
        let mut world = Self {
            api: Api::new(&places, &credentials)?,
            catalogs: site.catalogs(&stores)?,
            provisioning: site.provisioning(&stores)?,
            notification: site.notification(&stores, &mailbox)?,
            gateways: site.gateways()?,
            apps_port: site.apps_port(),
            wires: site.wires,
            credentials,
            mailbox,
            upstreams: BTreeMap::new(),
            provisioning_database: stores.urls[1].clone(),
            folder,
            cluster: stores.cluster.map(Arc::new),
        };
        for (name, value) in &plan.environment {
            for part in world.parts() {
                world.set_variable(part, name, Some(value));
            }
        }
        match world.come_up().await {
            Ok(()) => Ok(world),
            Err(fault) => Err(world.explain(fault)),
        }
    }

    async fn come_up(&mut self) -> Result<()> {
        for part in self.parts() {
            self.service(part).process.start()?;
        }
        for part in self.parts() {
            self.ready(part).await?;
        }
        Ok(())
    }

    /// Returns every process that can be killed.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let replicas = (1..self.catalogs.len()).map(Part::Replica);
        let gateways = (0..self.gateways.len()).map(Part::Gateway);
        [Part::Catalog]
            .into_iter()
            .chain(replicas)
            .chain([Part::Provisioning, Part::Notification])
            .chain(gateways)
            .collect()
    }

    /// Starts a release of the sample application and returns its URL.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn upstream(&mut self, version: &str) -> Result<String> {
        self.upstream_told(version, &[]).await
    }

    /// Starts a release as [`World::upstream`] does, which answers only what came through the gateways whose
    /// keys are there.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn upstream_behind(&mut self, version: &str, keys: &str) -> Result<String> {
        self.upstream_told(version, &["--identity-jwks", keys])
            .await
    }

    async fn upstream_told(&mut self, version: &str, more: &[&str]) -> Result<String> {
        let port = ports::free()?;
        let mut arguments = vec![version.to_owned(), port.to_string()];
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        let mut process = Process::new(
            &format!("demo-{version}"),
            built("upstream")?,
            arguments,
            self.folder.path(),
        );
        process.start()?;
        let url = loopback(port);
        until(
            "the sample application",
            || crate::http_client::get(&url, &[]),
            |_| true,
        )
        .await?;
        self.upstreams.insert(version.to_owned(), (process, port));
        Ok(url)
    }

    /// Returns the gateways as clients know them.
    #[must_use]
    pub fn doors(&self) -> Vec<Door> {
        let door = |gateway: &Gateway| Door {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, gateway.apps)),
            down: Arc::clone(&gateway.down),
        };
        self.gateways.iter().map(door).collect()
    }

    /// Returns the URL of one gateway's edge, where consent pages are.
    #[must_use]
    pub fn edge(&self, gateway: usize) -> String {
        loopback(self.gateways[gateway].edge)
    }

    /// Returns where one gateway tells what it knows.
    ///
    /// # Errors
    /// Never for a gateway that exists.
    pub fn control(&self, gateway: usize) -> Result<Endpoint> {
        Ok(loopback(self.gateways[gateway].control.port).parse()?)
    }

    /// Returns where the services are.
    ///
    /// # Errors
    /// Never; the addresses are ours.
    pub fn places(&self) -> Result<Places> {
        Ok(Places {
            catalog: loopback(self.catalogs[0].port).parse()?,
            provisioning: loopback(self.provisioning.port).parse()?,
            notification: loopback(self.notification.port).parse()?,
        })
    }

    /// Returns the services as an operator's program calls them that asks one replica of the
    /// catalog, counted from 0.
    ///
    /// # Errors
    /// Never; the addresses are ours.
    pub fn api_of(&self, catalog: usize) -> Result<Api> {
        let places = Places {
            catalog: loopback(self.catalogs[catalog].port).parse()?,
            ..self.places()?
        };
        Api::new(&places, &self.credentials)
    }

    /// Returns how many replicas the catalog has.
    #[must_use]
    pub fn catalogs(&self) -> usize {
        self.catalogs.len()
    }

    /// Returns the wires between the parts.
    ///
    /// # Errors
    /// When the plan was without.
    pub fn wires(&self) -> Result<Arc<Wires>> {
        self.wires.clone().context("a plan with wires")
    }

    /// Returns where provisioning has its database, as its command line says it.
    #[must_use]
    pub fn provisioning_database(&self) -> &str {
        &self.provisioning_database
    }

    /// Returns the PostgreSQL server, if it is the world's own.
    #[must_use]
    pub fn cluster(&self) -> Option<Arc<Cluster>> {
        self.cluster.clone()
    }

    /// Tells whether a process's own wall clock counts for nothing that others see: gateways measure
    /// by monotonic clocks, and services take the time of the database server, where that is the
    /// world's own.
    #[must_use]
    pub fn has_common_time(&self, part: Part) -> bool {
        matches!(part, Part::Gateway(_)) || self.cluster.is_some()
    }

    /// Sets or removes a variable of a process, from its next start on.
    pub fn set_variable(&mut self, part: Part, name: &str, value: Option<&str>) {
        self.service(part).process.set_variable(name, value);
    }

    /// Returns the host under which a tenant's users reach an application.
    #[must_use]
    pub fn user_host(&self, tenant: &str, application: &str) -> String {
        format!(
            "{tenant}-{application}-{OPERATOR}.{DOMAIN}:{}",
            self.apps_port
        )
    }

    /// Returns the host under which testers reach the version in test.
    #[must_use]
    pub fn test_host(&self, application: &str) -> String {
        format!("{application}-{OPERATOR}.test.{DOMAIN}:{}", self.apps_port)
    }

    /// Kills a process as `kill -9` does.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self, part: Part) -> Result<()> {
        if let Part::Gateway(index) = part {
            self.gateways[index].down.store(true, Ordering::SeqCst);
        }
        self.service(part).process.kill().await
    }

    /// Asks a process to stop, as a supervisor does, and returns its exit code.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn terminate(&mut self, part: Part) -> Result<Option<i32>> {
        if let Part::Gateway(index) = part {
            self.gateways[index].down.store(true, Ordering::SeqCst);
        }
        self.service(part).process.terminate().await
    }

    /// Stops a process where it stands, as a machine does that is suspended.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn pause(&mut self, part: Part) -> Result<()> {
        self.service(part).process.signal("STOP").await
    }

    /// Lets a paused process go on.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn go_on(&mut self, part: Part) -> Result<()> {
        self.service(part).process.signal("CONT").await
    }

    /// Returns what each process has printed so far, by its name.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn logs(&self) -> Result<Vec<(String, String)>> {
        let mut logs = Vec::new();
        for entry in std::fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "log") {
                let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
                logs.push((path.display().to_string(), text));
            }
        }
        Ok(logs)
    }

    /// Starts a process anew so that its disk can be filled. It prints nothing from then on, as what
    /// it prints is a file too.
    ///
    /// # Errors
    /// When it does not run or does not come up.
    pub async fn prepare_to_fill(&mut self, part: Part) -> Result<()> {
        self.kill(part).await?;
        self.set_variable(part, "SWITCHOVER_LOG", Some("off"));
        self.service(part).process.outlive_limits();
        self.restart(part).await
    }

    /// Fills the disk of a process that was prepared for it, or makes room: nothing that it writes to
    /// a file succeeds until then.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn fill_disk(&mut self, part: Part, full: bool) -> Result<()> {
        let limit = full.then_some(0);
        self.service(part).process.limit_files(limit).await
    }

    /// Waits until a process has ended by itself, and marks a gateway as down.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn dies(&mut self, part: Part) -> Result<()> {
        let name = format!("{part:?} to die");
        let process = &mut self.service(part).process;
        until(
            &name,
            || std::future::ready(Ok(process.running())),
            |running| !running,
        )
        .await?;
        if let Part::Gateway(index) = part {
            self.gateways[index].down.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Starts a killed process again and waits until it is ready.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart(&mut self, part: Part) -> Result<()> {
        self.service(part).process.start()?;
        self.ready(part).await?;
        if let Part::Gateway(index) = part {
            self.gateways[index].down.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Starts a killed process again and does not wait.
    ///
    /// # Errors
    /// When the program is not there.
    pub fn relaunch(&mut self, part: Part) -> Result<()> {
        self.service(part).process.start()
    }

    /// Starts a killed process again with these variables in its environment, and does not wait.
    ///
    /// # Errors
    /// When the program is not there.
    pub fn relaunch_with(&mut self, part: Part, variables: &[(&str, &str)]) -> Result<()> {
        self.service(part).process.start_with(variables)
    }

    /// Tells whether a process runs.
    pub fn running(&mut self, part: Part) -> bool {
        self.service(part).process.running()
    }

    /// Waits until a process says that it is ready.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ready(&mut self, part: Part) -> Result<()> {
        let name = format!("{part:?} to be ready");
        let url = loopback(self.service(part).port);
        until(&name, || says_ready(&url), |serving| *serving)
            .await
            .map(drop)
    }

    /// Tells whether a process says that it is ready.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn is_ready(&mut self, part: Part) -> Result<bool> {
        says_ready(&loopback(self.service(part).port)).await
    }

    /// Adds what the processes printed last to a fault.
    #[must_use]
    pub fn explain(&self, fault: anyhow::Error) -> anyhow::Error {
        let services = [&self.provisioning, &self.notification];
        let gateways = self.gateways.iter().map(|gateway| &gateway.control);
        let logs: String = self
            .catalogs
            .iter()
            .chain(services)
            .chain(gateways)
            .map(|service| service.process.tail())
            .collect();
        fault.context(logs)
    }

    /// Returns the folder with databases, state and logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn service(&mut self, part: Part) -> &mut Service {
        match part {
            Part::Catalog => &mut self.catalogs[0],
            Part::Replica(index) => &mut self.catalogs[index],
            Part::Provisioning => &mut self.provisioning,
            Part::Notification => &mut self.notification,
            Part::Gateway(index) => &mut self.gateways[index].control,
        }
    }
}

async fn says_ready(url: &str) -> Result<bool> {
    let channel = tonic::transport::Endpoint::from_shared(url.to_owned())?
        .connect()
        .await?;
    let request = HealthCheckRequest {
        service: String::new(),
    };
    let answer = HealthClient::new(channel).check(request).await?;
    Ok(answer.into_inner().status() == ServingStatus::Serving)
}

fn loopback(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
