//! The beginning: what the disk says is served before anybody is heard.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use contract::GatewayName;
use futures::{FutureExt as _, stream::FuturesUnordered};
use runtime::{
    CancellationToken, Client, Shell,
    fault::{Plant, planted},
};
use tokio::sync::{mpsc, watch};

use super::{
    Catalog, Control, GrantsState, MESSAGES_MAX, RoutesDisk,
    cache::{
        StateDir,
        grants::GrantsLog,
        routes::{self, Loaded},
    },
    disk,
    drains::Drains,
    grants::{Extent, GrantSet},
    leave::Leave,
    link::{self, reports::Reports},
    status::Status,
    turn::{Grants, GrantsLink, Standing, Turn},
};
use crate::{Error, apps::DataPlane};

/// The services that this gateway follows.
pub(crate) struct Peers {
    /// The catalog's addresses, tried in turn.
    pub(crate) catalogs: Vec<Client>,
    /// Provisioning.
    pub(crate) provisioning: Client,
}

/// What a control loop is started with.
pub(crate) struct Start {
    /// Who this is.
    pub(crate) gateway: GatewayName,
    /// Where it listens for users and browsers: no version's upstream may be one of them.
    pub(crate) listeners: Vec<SocketAddr>,
    /// What serves users.
    pub(crate) plane: DataPlane,
    /// Whom it follows.
    pub(crate) peers: Peers,
}

/// What the disk says, and the right to write there.
pub(crate) struct Remembered {
    dir: Arc<StateDir>,
    routes: Loaded,
    grants: GrantsLog,
}

impl Remembered {
    /// Reads the state folder, and keeps others from it.
    pub(crate) async fn read(path: &Path) -> Result<Self, Error> {
        let path: PathBuf = path.to_owned();
        let read = runtime::disk::blocking(move || {
            let dir = StateDir::open(&path)?;
            let routes = routes::load(&dir);
            let (grants, fault) = GrantsLog::open(&dir);
            for fault in routes.faults.iter().chain(&fault) {
                tracing::error!(state = %path.display(), fault, "part of the state on disk is not used");
            }
            Ok(Self {
                dir: Arc::new(dir),
                routes,
                grants,
            })
        });
        read.await.map_err(|_| Error::StateUnread)?
    }
}

/// Gives the data plane what the disk says, then follows catalog and provisioning until `ended`
/// says that the data plane has stopped. Returns what is known, always the latest.
pub(crate) fn start(
    shell: &Shell,
    start: Start,
    remembered: Remembered,
    ended: CancellationToken,
) -> watch::Receiver<Arc<Status>> {
    let Start {
        gateway,
        listeners,
        plane,
        peers,
    } = start;
    let Remembered {
        dir,
        routes,
        grants,
    } = remembered;
    let (messages, received) = mpsc::channel(MESSAGES_MAX);
    let (snapshots, to_write) = watch::channel(None);
    let (sets, sets_to_write) = mpsc::unbounded_channel();

    let mut control = Control {
        shell: shell.clone(),
        boot: uuid::Builder::from_random_bytes(shell.clock().random())
            .into_uuid()
            .to_string(),
        gateway: gateway.clone(),
        listeners: listeners.iter().map(ToString::to_string).collect(),
        plane,
        turns: BTreeMap::new(),
        standing: Standing::Left,
        catalog: Catalog::default(),
        grants: GrantsState {
            link: GrantsLink::Connecting,
            says: None,
            broken: None,
            applied: None,
            durable: None,
            count: 0,
            writer: sets,
            unwritten: None,
        },
        routes_disk: RoutesDisk {
            writer: snapshots,
            sequence: 0,
            written: 0,
            unwritten: None,
        },
        errands: FuturesUnordered::new(),
        drains: Drains::default(),
        status: watch::Sender::new(Arc::new(Status::starting(
            gateway.clone(),
            shell.clock().now(),
        ))),
        latches: BTreeMap::new(),
        without_provider: Vec::new(),
        start_time: shell.clock().now(),
        leaving: false,
    };
    control.recall(routes, &grants);
    control.publish();
    let status = control.status.subscribe();
    let beats = link::beat::Source {
        plane: control.plane.clone(),
        status: control.status.subscribe(),
    };

    let links = CancellationToken::new();
    let reports = Arc::new(Reports::new(control.plane.clone(), shell.clock()));
    let leave = Leave {
        links: links.clone(),
        reports: Arc::clone(&reports),
        catalogs: peers.catalogs.clone(),
    };
    let done = |()| Ok::<(), Infallible>(());
    shell.spawn(
        "routes on disk",
        disk::write_routes(dir.clone(), to_write, messages.clone()).map(done),
    );
    shell.spawn(
        "grants on disk",
        disk::write_grants(dir, grants, sets_to_write, messages.clone()).map(done),
    );
    shell.spawn(
        "long-lived connections of a gateway out of use",
        beats
            .plane
            .clone()
            .empty_while_out_of_use(links.clone())
            .map(done),
    );
    shell.spawn(
        "link to the catalog",
        link::catalog::follow(
            peers.catalogs,
            beats,
            reports,
            messages.clone(),
            links.clone(),
        )
        .map(done),
    );
    shell.spawn(
        "link to provisioning",
        link::provisioning::follow(peers.provisioning, gateway, messages, links).map(done),
    );
    shell.spawn("control", control.run(received, ended, leave).map(done));
    status
}

impl Control {
    /// Serves what the disk says; applications that promised to wait, wait.
    fn recall(&mut self, routes: Loaded, grants: &GrantsLog) {
        if let Some(known) = grants.known() {
            let set = GrantSet {
                position: known.position,
                extent: Extent::Full,
                grants: known.grants.clone(),
            };
            self.plane.set_grants(true, set.changes());
            self.grants.applied = Some(known.position);
            self.grants.durable = Some(known.position);
            self.grants.count = known.grants.len() as u64;
        }
        let Some((standing, routes)) = routes.state else {
            return;
        };
        self.standing = standing;
        let seen = Grants {
            link: GrantsLink::Connecting,
            durable: self.grants.durable,
        };
        for route in routes {
            let application = route.application.clone();
            let step = Turn::booted(route, standing, seen);
            if step.turn.waits() {
                tracing::warn!(%application, "its requests wait until the catalog has spoken: a switch may have gone on");
            }
            self.accept(&application, step);
        }
        if planted(Plant::BootBeforeSyncFenced) {
            self.plane.renew_leases(self.plane.moment(), |_| true);
        }
        tracing::info!(
            applications = self.turns.len(),
            "serving what was known last"
        );
    }
}
