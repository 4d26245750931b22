//! A whole installation of real processes in a folder of its own, to be acted on and to be broken.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, Result};
use contract::Role;
use runtime::{Credentials, Endpoint};
use store::testing::Cluster;
use tempfile::TempDir;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    api::{Api, Places},
    keys::{Callers, Keys},
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
    /// The catalog.
    Catalog,
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
    catalog: Service,
    provisioning: Service,
    notification: Service,
    gateways: Vec<Gateway>,
    upstreams: BTreeMap<String, (Process, u16)>,
    apps_port: u16,
    folder: TempDir,
    // Last, so that the services are gone before their database.
    _cluster: Option<Cluster>,
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
        let folder = tempfile::Builder::new()
            .prefix("switchover-world-")
            .tempdir()?;
        let (cluster, urls) = databases(database, folder.path())?;
        let mailbox = Mailbox::start(folder.path()).await?;
        let program = built("switchover")?;
        let ports = (ports::free()?, ports::free()?, ports::free()?);
        let fleet: Vec<[u16; 3]> = (0..gateways)
            .map(|_| Ok([ports::free()?, ports::free()?, ports::free()?]))
            .collect::<Result<_>>()?;
        // Gateways of one installation share an address; here they share all of it but the port.
        let [_, apps_port, edge_port] = match fleet.first() {
            Some(ports) => *ports,
            // Nobody listens there.
            None => [ports::free()?; 3],
        };
        let keys = match callers {
            Callers::Believed => None,
            Callers::Keyed => Some(Keys::new(folder.path())?),
        };
        let operator = match &keys {
            Some(keys) => keys.credentials(Role::OperatorAdmin, "people/olga", "olga")?,
            None => Credentials::claimed(Role::OperatorAdmin, "people/olga")?,
        };
        let site = Site {
            keys,
            program,
            folder: folder.path().to_owned(),
            places: [ports.0, ports.1, ports.2].map(loopback),
            apps_url: format!("http://{DOMAIN}:{apps_port}"),
            edge_url: format!("http://127.0.0.1:{edge_port}"),
        };
        let places = site.places();
        let mut world = Self {
            api: Api::new(&places, &operator)?,
            catalog: site.service(
                "catalog",
                ports.0,
                &urls[0],
                &[
                    ("--provisioning", &site.places[1]),
                    ("--notification", &site.places[2]),
                    ("--operator", OPERATOR),
                    ("--apps-url", &site.apps_url),
                    ("--edge-url", &site.edge_url),
                    ("--allow-loopback-upstreams", ""),
                    ("--receipt-key", &site.file("receipts.key")),
                ],
            )?,
            provisioning: site.service(
                "provisioning",
                ports.1,
                &urls[1],
                &[
                    ("--catalog", &site.places[0]),
                    ("--notification", &site.places[2]),
                    ("--seal-key", &site.file("provisioning.key")),
                ],
            )?,
            notification: site.service(
                "notification",
                ports.2,
                &urls[2],
                &[
                    ("--smtp", &mailbox.smtp_url()),
                    ("--mail-from", "Acme <switchover@acme.example>"),
                    ("--operator-mail", OPERATOR_MAIL),
                    ("--operator-name", "Acme"),
                    ("--edge-url", &site.edge_url),
                    ("--seal-key", &site.file("notification.key")),
                ],
            )?,
            gateways: fleet
                .iter()
                .enumerate()
                .map(|(index, ports)| site.gateway(index, *ports))
                .collect::<Result<_>>()?,
            mailbox,
            upstreams: BTreeMap::new(),
            apps_port,
            folder,
            _cluster: cluster,
        };
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

    fn parts(&self) -> Vec<Part> {
        let gateways = (0..self.gateways.len()).map(Part::Gateway);
        [Part::Catalog, Part::Provisioning, Part::Notification]
            .into_iter()
            .chain(gateways)
            .collect()
    }

    /// Starts a release of the sample application and returns its URL.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn upstream(&mut self, version: &str) -> Result<String> {
        let port = ports::free()?;
        let arguments = vec![version.to_owned(), port.to_string()];
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
            catalog: loopback(self.catalog.port).parse()?,
            provisioning: loopback(self.provisioning.port).parse()?,
            notification: loopback(self.notification.port).parse()?,
        })
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
        let services = [&self.catalog, &self.provisioning, &self.notification];
        let gateways = self.gateways.iter().map(|gateway| &gateway.control);
        let logs: String = services
            .into_iter()
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
            Part::Catalog => &mut self.catalog,
            Part::Provisioning => &mut self.provisioning,
            Part::Notification => &mut self.notification,
            Part::Gateway(index) => &mut self.gateways[index].control,
        }
    }
}

/// What all command lines of one installation have in common.
struct Site {
    keys: Option<Keys>,
    program: PathBuf,
    folder: PathBuf,
    places: [String; 3],
    apps_url: String,
    edge_url: String,
}

impl Site {
    fn places(&self) -> Places {
        let [catalog, provisioning, notification] = self
            .places
            .each_ref()
            .map(|place| place.parse().expect("an address of ours"));
        Places {
            catalog,
            provisioning,
            notification,
        }
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn service(
        &self,
        name: &str,
        port: u16,
        database: &str,
        flags: &[(&str, &str)],
    ) -> Result<Service> {
        let listen = format!("127.0.0.1:{port}");
        let own = [("--listen", &*listen), ("--database", database)];
        Ok(Service {
            process: self.process(name, name, &[&own[..], flags].concat())?,
            port,
        })
    }

    fn gateway(&self, index: usize, [control, apps, edge]: [u16; 3]) -> Result<Gateway> {
        let name = format!("gateway-{index}");
        let address = |port: u16| format!("127.0.0.1:{port}");
        let flags = [
            ("--listen", &*address(control)),
            ("--apps-listen", &*address(apps)),
            ("--edge-listen", &*address(edge)),
            ("--catalog", &self.places[0]),
            ("--provisioning", &self.places[1]),
            ("--gateway", &*name),
            ("--operator", OPERATOR),
            ("--operator-name", "Acme"),
            ("--apps-url", &self.apps_url),
            ("--edge-url", &self.edge_url),
            ("--state-dir", &*self.file(&name)),
        ];
        let process = self.process(&name, "gateway", &flags)?;
        Ok(Gateway {
            control: Service {
                process,
                port: control,
            },
            apps,
            edge,
            down: Arc::default(),
        })
    }

    fn process(&self, name: &str, service: &str, flags: &[(&str, &str)]) -> Result<Process> {
        let mut words = vec!["serve".to_owned(), service.to_owned()];
        for word in flags
            .iter()
            .flat_map(|(flag, value)| [*flag, *value])
            .filter(|word| !word.is_empty())
        {
            words.push(word.to_owned());
        }
        if let Some(keys) = &self.keys {
            let own = match service {
                "gateway" => keys.issue(Role::Gateway, &format!("gateways/{name}"), name)?,
                _ => keys.issue(Role::Service, name, name)?,
            };
            for (flag, path) in [("--keys", keys.accepted()), ("--key-file", own)] {
                words.extend([flag.to_owned(), path.display().to_string()]);
            }
        }
        Ok(Process::new(name, &self.program, words, &self.folder))
    }
}

/// Returns the URLs of three databases, one for each service.
fn databases(database: Database, folder: &Path) -> Result<(Option<Cluster>, [String; 3])> {
    let names = ["catalog", "provisioning", "notification"];
    match database {
        Database::Sqlite => Ok((
            None,
            names.map(|name| format!("sqlite:{}", folder.join(format!("{name}.db")).display())),
        )),
        Database::Postgres => {
            let shared = std::env::var(store::testing::POSTGRES_VARIABLE).ok();
            let cluster = shared.is_none().then(|| Cluster::start(folder));
            let url = shared.or_else(|| {
                cluster
                    .as_ref()
                    .map(|cluster| cluster.url_text().to_owned())
            });
            let url = url.context("a cluster of our own when none is shared")?;
            let own = uuid::Uuid::new_v4().simple().to_string();
            Ok((
                cluster,
                names.map(|name| format!("{url}?schema={name}_{}", &own[..12])),
            ))
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
