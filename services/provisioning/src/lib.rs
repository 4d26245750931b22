//! Tenants, what they may use and on whose word: asks them, takes their decisions, moves them along
//! with a switch, tells the gateways, and issues tokens to the backends that act for them. Knows the catalog and the notification service by their
//! contracts alone.

use std::{net::SocketAddr, sync::Arc};

use ::store::Db;
use contract::{Role, Timeline};
use runtime::{Server, Shell, connect_lazy};

mod api;
mod applied;
mod backend;
mod batch;
mod catalog;
mod change;
mod config;
mod consent;
mod credentials;
mod error;
mod fleet;
mod form_token;
mod grants;
mod issuing;
mod notices;
mod offer_token;
mod outbox;
mod outstanding;
mod prepare;
mod provide;
mod provisioning;
mod service;
mod signing;
mod store;
mod switch;
mod tenant;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trail;
mod visits;
mod watch;

pub use config::Config;
#[cfg(feature = "faults")]
pub use consent::{interleavings, model};

use self::{catalog::Catalog, fleet::Fleet, service::Service, signing::Keys};

/// Who this service is to others.
const SUBJECT: &str = "services/provisioning";

/// Serves provisioning until `shell` stops; returns the address once it accepts calls.
pub async fn start(config: Config, shell: Shell) -> Result<SocketAddr, runtime::Error> {
    let listen = config.service.listen_or(Config::LISTEN);
    let access = config.service.access(listen, &shell.clock())?;
    let credentials = config.service.credentials(Role::Service, SUBJECT)?;
    let seal = Arc::new(config.seal()?);
    let catalog = Catalog::new(connect_lazy(&config.catalog, &credentials)?);
    let notification = connect_lazy(&config.notification, &credentials)?;

    let service = Service {
        db: open(&config, &shell).await?,
        clock: shell.clock(),
        seal,
        fleet: Arc::new(Fleet::new(catalog.clone())),
        catalog,
        offer_lifetime: config.offer_lifetime(),
        deny_wait: config.deny_wait(),
        verifier: Arc::default(),
        keys: Arc::new(Keys::default()),
        issuer: config.issuer().into(),
        own_tenant: config.own_tenant.clone(),
    };
    let publishing = outbox::run(service.clone(), notification, shell.stopping());
    shell.spawn("outbox", publishing);
    shell.spawn(
        "signing keys",
        signing::run(service.clone(), shell.stopping()),
    );
    let noting = applied::run(service.clone(), shell.stopping());
    shell.spawn("applied", noting);
    let server = Server::builder(&shell, access).reflection(config.service.reflection);
    let server = server.add_service(audit::log(audit::Service::Provisioning, service.db.clone()));
    api::add_services(server, &service).serve(listen).await
}

/// Opens the database and begins its timeline of grants, if it is new.
async fn open(config: &Config, shell: &Shell) -> Result<Db, runtime::Error> {
    let unavailable = |error: ::store::Error| {
        runtime::Error::unavailable(format!("the database {}", config.database), error)
    };
    let db = Db::open(&config.database, &crate::store::MIGRATIONS)
        .await
        .map_err(unavailable)?;
    let timeline = Timeline::new(shell.clock().random());
    ::store::write!(db, |tx| crate::store::grants::begin(tx, timeline).await)
        .map_err(unavailable)?;
    // Replicas agree on what is due when.
    let common = db.clone();
    runtime::clock::share_time(shell, move || {
        let common = common.clone();
        async move { common.server_time().await }
    })
    .await;
    Ok(db)
}
