//! One gateway: users' requests go through it to the version in use (`apps`), it follows the
//! catalog's routes and provisioning's grants and keeps its promises (`control`), and it gives
//! people the pages behind links in mails and backends their access tokens (`edge`).

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use contract::{GatewayRef, Role};
use futures::FutureExt as _;
use proto::gateway::v1::gateway_service_server::GatewayServiceServer;
use runtime::{
    Access, CancellationToken, Endpoint, Server, Shell, connect_lazy, net::Listener,
    serve::MESSAGE_BYTES_MAX,
};

mod api;
pub mod apps;
mod config;
mod control;
mod edge;
mod error;
mod reader;
mod sign_outs;
#[cfg(test)]
mod tests;

pub use config::{
    ApiArgs, Config, ConsoleArgs, EdgeUrl, EdgeUrlError, LoginArgs, OPERATOR_NAME_CHARS_MAX,
};
#[cfg(feature = "faults")]
pub use control::model;
pub use edge::{AllowedOrigin, NoOrigin, NoProxy, TrustedProxy};
pub(crate) use error::Error;

use api::Api;
use apps::{BootClock, DataPlane, Limits, Settings};
use control::{Peers, Remembered, Start};
use edge::{
    Api as EdgeApi, ApiSettings, Edge, EdgeSettings, Lent, Notification, Own, Parts, Sessions,
    Upstreams,
};

/// Where a gateway listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For users of applications.
    pub apps: SocketAddr,
    /// For the API, the console, the pages behind links in mails, and access tokens.
    pub edge: SocketAddr,
    /// For its own gRPC service.
    pub control: SocketAddr,
}

/// Where its own gRPC service listens unless told otherwise.
const CONTROL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7104);

/// Serves until `shell` stops; returns where it listens once it does. What the disk knows is served
/// at once; the shell is ready while catalog and provisioning are followed.
///
/// When the shell stops, users' requests end first, then the gateway leaves the fleet.
pub async fn start(config: Config, shell: Shell) -> Result<Addresses, runtime::Error> {
    let gateway = config.gateway_name();
    let subject = GatewayRef::from(gateway.clone()).to_string();
    let control_listen = config.service.listen_or(CONTROL);
    let access = config.service.access(control_listen, &shell.clock())?;
    for listen in [config.edge_listen, config.apps_listen] {
        access.fits_keys(listen)?;
    }
    let credentials = config.service.credentials(Role::Gateway, &subject)?;
    let provisioning = connect_lazy(&config.provisioning, &credentials)?;
    let catalogs = config
        .catalog
        .iter()
        .map(|catalog| connect_lazy(catalog, &credentials))
        .collect::<Result<Vec<_>, _>>()?;

    let remembered = Remembered::read(&config.state_dir).await?;
    let edge_origin = config.edge_url.origin();
    let sign_outs = config.sign_outs(shell.clock().now())?;
    let login = config.login.open(
        &config.state_dir,
        edge_origin,
        sign_outs.clone(),
        shell.clock(),
    )?;
    let apps_listener = bind(config.apps_listen).await?;
    let edge_listener = bind(config.edge_listen).await?;
    let local = |listener: &Listener| listener.local_addr().map_err(runtime::Error::internal);
    let (apps, edge) = (local(&apps_listener)?, local(&edge_listener)?);

    let settings = Settings {
        operator: config.operator.clone(),
        apps_url: config.apps_url.clone(),
        support: config.support.clone(),
        limits: Limits {
            connections: config.connections_max as usize,
            held_requests: config.held_requests_max as usize,
            held_bytes: usize::try_from(config.held_bytes_max).unwrap_or(usize::MAX),
            generation_wait: Duration::from_millis(config.min_generation_wait_ms),
            ..Limits::default()
        },
    };
    let plane = DataPlane::with_login(settings, BootClock::of(&shell.clock()), login.clone());
    let ended = CancellationToken::new();
    let status = control::start(
        &shell,
        Start {
            gateway,
            listeners: vec![apps, edge],
            plane: plane.clone(),
            peers: Peers {
                catalogs: catalogs.clone(),
                provisioning: provisioning.clone(),
            },
        },
        remembered,
        ended.clone(),
    );

    if config.shares_sessions() {
        // While users are served, some may sign out.
        let (ended, done) = (|| ended.clone(), |()| Ok::<(), Infallible>(()));
        let carrying = sign_outs::carry(sign_outs.clone(), catalogs.clone(), ended());
        shell.spawn("sign-outs of this gateway", carrying.map(done));
        let following = sign_outs::follow(sign_outs.clone(), catalogs, ended());
        shell.spawn("sign-outs of all gateways", following.map(done));
    }
    let serving = plane
        .clone()
        .serve(apps_listener, shell.stopping(), config.request_drain());
    shell.spawn("users' requests", async move {
        serving.await;
        ended.cancel();
        Ok::<(), Infallible>(())
    });
    let own = Own::default();
    let upstreams = Upstreams::new(
        config.catalog.clone(),
        config.provisioning.clone(),
        config.notification.clone(),
        own.clone(),
        credentials.clone(),
    );
    let lent = config.lent_key()?;
    let api = ApiSettings {
        origin: config.edge_url.origin(),
        port: edge.port(),
        allowed: &config.api.edge_allowed_origin,
        open: matches!(access, Access::Open),
        lent: lent.is_some(),
        most: config.api.most(),
    };
    let sessions = match (config.sign_in(sign_outs)?, lent) {
        (Some(sign_in), _) => Sessions::SignIn(Box::new(sign_in)),
        (None, Some(key)) => Sessions::Lent(Lent::new(key)),
        (None, None) if api.open => Sessions::Development,
        (None, None) => Sessions::None,
    };
    shell.spawn("sessions", login.clone().look_after(shell.stopping()));
    let pages = Edge::new(
        Parts {
            provisioning,
            notification: Notification::new(config.notification.clone(), credentials),
            api: EdgeApi::new(upstreams, shell.clock(), shell.stopping(), &api)?,
            sessions,
            login,
            status: status.clone(),
            clock: shell.clock(),
        },
        &EdgeSettings {
            operator: config.operator_text(),
            support: config.support.as_str(),
            origin: config.edge_url.origin(),
            proxies: &config.trusted_proxy,
        },
    );
    shell.spawn(
        "edge",
        edge::serve(edge_listener, pages.router(), shell.stopping()).map(Ok::<(), Infallible>),
    );
    let service = GatewayServiceServer::new(Api { plane, status })
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let control = Server::builder(&shell, access)
        .reflection(config.service.reflection)
        .add_service(service)
        .serve(control_listen)
        .await?;
    let encrypted = config.service.tls.tls_cert.is_some();
    own.get_or_init(|| from_here(control, encrypted));
    tracing::info!(%apps, %edge, %control, "the gateway serves");
    Ok(Addresses {
        apps,
        edge,
        control,
    })
}

/// Returns where this process reaches an address that it listens on.
fn from_here(listen: SocketAddr, encrypted: bool) -> Endpoint {
    let host = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    let address = SocketAddr::new(host, listen.port());
    if encrypted {
        let url = format!("https://{address}");
        return url.parse().expect("an address is a valid authority");
    }
    Endpoint::from(address)
}

async fn bind(address: SocketAddr) -> Result<Listener, runtime::Error> {
    Listener::bind(address)
        .await
        .map_err(|source| runtime::Error::Listen { address, source })
}
