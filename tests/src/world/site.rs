//! Where everything of one installation is, and the command lines that follow.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use contract::Role;
use runtime::Credentials;
use store::testing::Cluster;

use super::{DOMAIN, Database, Gateway, OPERATOR, OPERATOR_MAIL, Plan, Service, Wires, loopback};
use crate::{
    api::Places,
    keys::{Callers, Keys},
    mailbox::Mailbox,
    ports,
    process::{Process, built},
};

/// What all command lines of one installation have in common.
pub(super) struct Site {
    keys: Option<Keys>,
    program: PathBuf,
    folder: PathBuf,
    catalogs: Vec<u16>,
    provisioning: u16,
    notification: u16,
    gateways: Vec<[u16; 3]>,
    /// Where nobody listens: the address of an installation without gateways.
    nowhere: u16,
    pub(super) wires: Option<Arc<Wires>>,
}

impl Site {
    pub(super) async fn new(plan: &Plan, folder: &Path, server_port: Option<u16>) -> Result<Self> {
        let ports = |count: usize| {
            (0..count)
                .map(|_| ports::free())
                .collect::<Result<Vec<_>>>()
        };
        let catalogs = ports(plan.catalogs)?;
        let (provisioning, notification) = (ports::free()?, ports::free()?);
        let gateways = (0..plan.gateways)
            .map(|_| Ok([ports::free()?, ports::free()?, ports::free()?]))
            .collect::<Result<_>>()?;
        let nowhere = ports::free()?;
        let wires = if plan.wires {
            let laid = Wires::lay(plan.gateways, &catalogs, provisioning, server_port).await?;
            Some(Arc::new(laid))
        } else {
            None
        };
        let keys = match plan.callers {
            Callers::Believed => None,
            Callers::Keyed => Some(Keys::new(folder)?),
        };
        Ok(Self {
            keys,
            program: built("switchover")?,
            folder: folder.to_owned(),
            catalogs,
            provisioning,
            notification,
            gateways,
            nowhere,
            wires,
        })
    }

    pub(super) fn operator(&self) -> Result<Credentials> {
        Ok(match &self.keys {
            Some(keys) => keys.credentials(Role::OperatorAdmin, "people/olga", "olga")?,
            None => Credentials::claimed(Role::OperatorAdmin, "people/olga")?,
        })
    }

    pub(super) fn places(&self) -> Places {
        let place = |port| loopback(port).parse().expect("an address of ours");
        Places {
            catalog: place(self.catalogs[0]),
            provisioning: place(self.provisioning),
            notification: place(self.notification),
        }
    }

    /// Gateways of one installation share an address; here they share all of it but the port.
    pub(super) fn apps_port(&self) -> u16 {
        self.gateways
            .first()
            .map_or(self.nowhere, |[_, apps, _]| *apps)
    }

    fn apps_url(&self) -> String {
        format!("http://{DOMAIN}:{}", self.apps_port())
    }

    fn edge_url(&self) -> String {
        let port = self
            .gateways
            .first()
            .map_or(self.nowhere, |[_, _, edge]| *edge);
        format!("http://127.0.0.1:{port}")
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    pub(super) fn catalogs(&self, stores: &Stores) -> Result<Vec<Service>> {
        let catalog = |(index, port): (usize, &u16)| {
            let name = match index {
                0 => "catalog".to_owned(),
                index => format!("catalog-{index}"),
            };
            let wire = self.wires.as_ref().and_then(|wires| wires.database(index));
            let database = match (wire, stores.server_port) {
                (Some(wire), Some(port)) => {
                    let (old, new) = (format!(":{port}/"), format!(":{}/", wire.port()));
                    stores.urls[0].replacen(&old, &new, 1)
                }
                _ => stores.urls[0].clone(),
            };
            let flags = [
                ("--provisioning", &*loopback(self.provisioning)),
                ("--notification", &*loopback(self.notification)),
                ("--operator", OPERATOR),
                ("--apps-url", &*self.apps_url()),
                ("--edge-url", &*self.edge_url()),
                ("--allow-loopback-upstreams", ""),
                ("--receipt-key", &*self.file("receipts.key")),
            ];
            self.service(&name, "catalog", *port, &database, &flags)
        };
        self.catalogs.iter().enumerate().map(catalog).collect()
    }

    pub(super) fn provisioning(&self, stores: &Stores) -> Result<Service> {
        let flags = [
            ("--catalog", &*loopback(self.catalogs[0])),
            ("--notification", &*loopback(self.notification)),
            ("--seal-key", &*self.file("provisioning.key")),
            ("--own-tenant", "own"),
            ("--edge-url", &*self.edge_url()),
        ];
        let name = "provisioning";
        self.service(name, name, self.provisioning, &stores.urls[1], &flags)
    }

    pub(super) fn notification(&self, stores: &Stores, mailbox: &Mailbox) -> Result<Service> {
        let flags = [
            ("--smtp", &*mailbox.smtp_url()),
            ("--mail-from", "Acme <switchover@acme.example>"),
            ("--operator-mail", OPERATOR_MAIL),
            ("--operator-name", "Acme"),
            ("--edge-url", &*self.edge_url()),
            ("--seal-key", &*self.file("notification.key")),
        ];
        let name = "notification";
        self.service(name, name, self.notification, &stores.urls[2], &flags)
    }

    fn service(
        &self,
        name: &str,
        service: &str,
        port: u16,
        database: &str,
        flags: &[(&str, &str)],
    ) -> Result<Service> {
        let listen = format!("127.0.0.1:{port}");
        let own = [("--listen", &*listen), ("--database", database)];
        Ok(Service {
            process: self.process(name, service, &[&own[..], flags].concat())?,
            port,
        })
    }

    pub(super) fn gateways(&self) -> Result<Vec<Gateway>> {
        let gateways = self.gateways.iter().enumerate();
        gateways
            .map(|(index, ports)| self.gateway(index, *ports))
            .collect()
    }

    fn gateway(&self, index: usize, [control, apps, edge]: [u16; 3]) -> Result<Gateway> {
        let name = format!("gateway-{index}");
        let address = |port: u16| format!("127.0.0.1:{port}");
        let (catalogs, provisioning) = match &self.wires {
            Some(wires) => {
                let catalogs = 0..self.catalogs.len();
                let to_each = catalogs.map(|catalog| wires.catalog(index, catalog).port());
                (to_each.collect(), wires.provisioning(index).port())
            }
            None => (self.catalogs.clone(), self.provisioning),
        };
        // Each begins with another one.
        let mut catalogs: Vec<String> = catalogs.into_iter().map(loopback).collect();
        let first = index % catalogs.len();
        catalogs.rotate_left(first);
        let flags = [
            ("--listen", &*address(control)),
            ("--apps-listen", &*address(apps)),
            ("--edge-listen", &*address(edge)),
            ("--catalog", &*catalogs.join(",")),
            ("--provisioning", &*loopback(provisioning)),
            ("--notification", &*loopback(self.notification)),
            ("--gateway", &*name),
            ("--operator", OPERATOR),
            ("--operator-name", "Acme"),
            ("--apps-url", &*self.apps_url()),
            ("--edge-url", &*self.edge_url()),
            ("--state-dir", &*self.file(&name)),
        ];
        Ok(Gateway {
            control: Service {
                process: self.process(&name, "gateway", &flags)?,
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
                _ => keys.issue(Role::Service, service, name)?,
            };
            for (flag, path) in [("--keys", keys.accepted()), ("--key-file", own)] {
                words.extend([flag.to_owned(), path.display().to_string()]);
            }
        }
        Ok(Process::new(name, &self.program, words, &self.folder))
    }
}

/// Three databases, one for each service, and the server that they are on.
pub(super) struct Stores {
    pub(super) cluster: Option<Cluster>,
    pub(super) urls: [String; 3],
    pub(super) server_port: Option<u16>,
}

impl Stores {
    pub(super) fn open(plan: &Plan, folder: &Path) -> Result<Self> {
        let names = ["catalog", "provisioning", "notification"];
        match plan.database {
            Database::Sqlite => Ok(Self {
                cluster: None,
                urls: names
                    .map(|name| format!("sqlite:{}", folder.join(format!("{name}.db")).display())),
                server_port: None,
            }),
            Database::Postgres => {
                let shared = std::env::var(store::testing::POSTGRES_VARIABLE)
                    .ok()
                    .filter(|_| !plan.own_server);
                let cluster = shared.is_none().then(|| Cluster::start(&in_memory(folder)));
                let url = shared.or_else(|| {
                    cluster
                        .as_ref()
                        .map(|cluster| cluster.url_text().to_owned())
                });
                let url = url.context("a cluster of our own when none is shared")?;
                let server_port = url
                    .rsplit(':')
                    .next()
                    .and_then(|rest| rest.split('/').next()?.parse().ok());
                let own = uuid::Uuid::new_v4().simple().to_string();
                Ok(Self {
                    cluster,
                    urls: names.map(|name| format!("{url}?schema={name}_{}", &own[..12])),
                    server_port,
                })
            }
        }
    }
}

/// A server that syncs wants a folder in memory, where there is one.
fn in_memory(otherwise: &Path) -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() {
        shared
    } else {
        otherwise.to_owned()
    }
}
