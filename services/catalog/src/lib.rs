//! The catalog: applications and their versions, the switches that move users from one version to
//! another, the fleet of gateways and what each must know. Decides which version is active; sends no
//! request of a user anywhere.

mod addresses;
mod api;
mod application;
mod bake;
pub mod config;
mod credentials;
mod due;
mod error;
mod fleet;
mod health;
mod notice;
mod peers;
mod place;
mod proposal;
mod recovery;
mod registration;
mod routes;
mod sign_outs;
mod store;
mod switch;
mod test_slot;
mod tester_token;
#[cfg(test)]
mod tests;
mod traffic;
mod trail;
mod upstream;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ::store::Db;
use contract::Role;
use runtime::{Clock, Endpoint, Shell, SigningKey};

pub use ::store::DatabaseUrl;
pub use config::Config;
pub use place::{Host, Place, PlaceError};
#[cfg(feature = "faults")]
pub use switch::model;

use crate::{
    addresses::Addresses,
    application::Version,
    error::Error,
    fleet::Hearing,
    health::{Health, Unhealthy},
    peers::Peers,
    switch::driver::Driver,
    upstream::{Loopback, Rules},
};

/// What all of the catalog works with.
struct Catalog {
    db: Db,
    clock: Clock,
    health: Health,
    addresses: Addresses,
    peers: Peers,
    /// Signs receipts.
    key: Arc<SigningKey>,
    hearing: Hearing,
    /// For how long it is kept what users were answered; 0 if it is not.
    keep_traffic_hours: u16,
}

impl Catalog {
    /// Refuses a version that its own health check does not find healthy.
    async fn healthy(&self, version: &Version, listeners: &[SocketAddr]) -> Result<(), Error> {
        let facts = &version.facts;
        match self
            .health
            .check(&facts.upstream, &facts.health, listeners)
            .await
        {
            Ok(()) => Ok(()),
            Err(Unhealthy::Refused(refusal)) => Err(Error::UpstreamRefused(refusal)),
            Err(answer) => Err(Error::VersionUnhealthy {
                version: version.name.clone(),
                answer,
            }),
        }
    }
}

/// Serves the catalog until `shell` stops; returns the address once it accepts calls.
///
/// # Errors
/// Configuration that cannot work, before anything is opened; a database or an address that is not
/// there.
pub async fn start(config: Config, shell: Shell) -> Result<SocketAddr, runtime::Error> {
    let listen = config.service.listen_or(config::LISTEN);
    let access = config.service.access(listen, &shell.clock())?;
    let credentials = config.service.credentials(Role::Service, "catalog")?;
    let addresses =
        Addresses::new(config.apps_url.clone(), config.operator.clone()).ok_or_else(|| {
            runtime::Error::Usage(format!(
                "--apps-url {} must name a domain: addresses of applications lie below it",
                config.apps_url
            ))
        })?;
    let rules = Rules {
        loopback: if config.allow_loopback_upstreams {
            Loopback::Allowed
        } else {
            Loopback::Refused
        },
        apps: config.apps_url.clone(),
        edge: config.edge_url.clone(),
        own: [
            Some(listen),
            address(&config.provisioning),
            address(&config.notification),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    let peers = Peers::new(
        runtime::connect_lazy(&config.provisioning, &credentials)?,
        runtime::connect_lazy(&config.notification, &credentials)?,
    );
    let db = Db::open(&config.database, &crate::store::MIGRATIONS)
        .await
        .map_err(|error| runtime::Error::unavailable(config.database.to_string(), error))?;
    // Replicas agree on what is due when.
    let common = db.clone();
    runtime::clock::share_time(&shell, move || {
        let common = common.clone();
        async move { common.server_time().await }
    })
    .await;
    let key = SigningKey::load_or_create(&config.receipt_key_path()?)?;
    tracing::info!(key.id = key.public().id(), public = %key.public(), "receipts are signed");
    let key = Arc::new(key);
    let clock = shell.clock();
    let catalog = Arc::new(Catalog {
        db: db.clone(),
        clock: clock.clone(),
        health: Health::new(Arc::new(rules)),
        addresses,
        peers: peers.clone(),
        key: key.clone(),
        hearing: Hearing::default(),
        keep_traffic_hours: config.keep_traffic_hours,
    });
    let driver = Driver {
        db: db.clone(),
        clock: clock.clone(),
        peers: peers.clone(),
        key: key.clone(),
    };
    shell.spawn("switches", driver.run(shell.stopping()));
    shell.spawn(
        "watch over new versions",
        bake::watch(catalog.clone(), shell.stopping()),
    );
    shell.spawn(
        "evictions",
        fleet::leases::evictions(db.clone(), clock.clone(), key, shell.stopping()),
    );
    shell.spawn(
        "app credentials",
        credentials::tell(db.clone(), clock.clone(), peers.clone(), shell.stopping()),
    );
    shell.spawn(
        "notices",
        notice::publish(db, clock, peers, shell.stopping()),
    );
    api::serve(catalog, &shell, access, config.service.reflection, listen).await
}

/// Sets a catalog in recovery whose database was put back from a backup: until what is to be true is
/// adopted, it decides nothing. The catalog need not run.
///
/// # Errors
/// A database that is not there, or does not do it.
pub async fn restore(database: &DatabaseUrl) -> Result<(), runtime::Error> {
    let what = || database.to_string();
    let db = Db::open(database, &crate::store::MIGRATIONS)
        .await
        .map_err(|error| runtime::Error::unavailable(what(), error))?;
    recovery::restore(&db, &Clock::real())
        .await
        .map_err(|error| runtime::Error::unavailable(what(), error))?;
    db.close().await;
    Ok(())
}

/// A service that is named by its address cannot be an upstream.
fn address(endpoint: &Endpoint) -> Option<SocketAddr> {
    let place: Place = endpoint.to_string().parse().ok()?;
    match place.host() {
        Host::Address(ip) => Some(SocketAddr::new(*ip, place.port())),
        Host::Name(name) if &**name == "localhost" => Some(SocketAddr::new(
            IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            place.port(),
        )),
        Host::Name(_) => None,
    }
}
