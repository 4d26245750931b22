//! The gRPC server: every call passes one door that knows who may call, for how long, and how many.

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use contract::Rules;
use futures::FutureExt as _;
use http::{Request, Response};
use tonic::{
    body::Body,
    server::NamedService,
    service::{Routes, RoutesBuilder},
};
use tower::Service;

use crate::{caller::Access, error::Error, net::Listener, shell::Shell};

mod answer;
mod callers;
mod door;
mod health;
mod scoped;
mod wire;

/// The largest message that a service takes, in bytes: callers set it on each service with
/// `.max_decoding_message_size(MESSAGE_BYTES_MAX)`, as generated code alone can.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// The most of one server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Unary calls at once; more are told to come back.
    pub calls: usize,
    /// Open streams at once; more are told to come back.
    pub streams: usize,
    /// Time that a unary call may take, whatever the caller allows.
    pub call_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 1024,
            streams: 4096,
            call_time: Duration::from_secs(30),
        }
    }
}

/// Streams that one connection may have open at once.
const STREAMS_OF_A_CONNECTION: u32 = 256;
/// Bytes of headers that a call may have.
const HEADER_BYTES_MAX: u32 = 16 * 1024;
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A gRPC server in the making.
pub struct Server {
    shell: Shell,
    access: Access,
    reflection: bool,
    limits: Limits,
    routes: RoutesBuilder,
    names: Vec<&'static str>,
    waits: BTreeMap<&'static str, Duration>,
}

impl Server {
    /// Starts with health checks and nothing else.
    pub fn builder(shell: &Shell, access: Access) -> Self {
        Self {
            shell: shell.clone(),
            access,
            reflection: false,
            limits: Limits::default(),
            routes: Routes::builder(),
            names: Vec::new(),
            waits: BTreeMap::new(),
        }
    }

    /// Sets whether the operator may ask what is served.
    #[must_use]
    pub fn reflection(mut self, on: bool) -> Self {
        self.reflection = on;
        self
    }

    /// Sets other limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets a unary method, given as `/package.Service/Method`, wait on purpose for as long as this.
    /// It counts among the streams, and the stop ends it like them.
    #[must_use]
    pub fn waits(mut self, method: &'static str, limit: Duration) -> Self {
        self.waits.insert(method, limit);
        self
    }

    /// Adds a generated service.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
        self
    }

    /// Listens and serves until the shell stops; returns the address once calls are accepted.
    pub async fn serve(self, address: SocketAddr) -> Result<SocketAddr, Error> {
        self.access.fits(address)?;
        let listener = Listener::bind(address)
            .await
            .map_err(|source| Error::Listen { address, source })?;
        self.serve_on(listener)
    }

    /// Serves on a listener until the shell stops; returns its address.
    pub fn serve_on(self, listener: impl Into<Listener>) -> Result<SocketAddr, Error> {
        let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET)?;
        self.serve_with(listener.into(), rules)
    }

    fn serve_with(mut self, listener: Listener, rules: Rules) -> Result<SocketAddr, Error> {
        let address = listener.local_addr().map_err(Error::internal)?;
        self.access.fits(address)?;
        let rules = if self.reflection {
            rules.with_reflection()
        } else {
            rules
        };
        if self.reflection {
            let reflection = || {
                tonic_reflection::server::Builder::configure()
                    .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
            };
            // Many clients still ask by the name that it had first.
            self.routes
                .add_service(reflection().build_v1().map_err(Error::internal)?)
                .add_service(reflection().build_v1alpha().map_err(Error::internal)?);
        }
        let callers = callers::service();
        self.names.push(callers::NAME);
        self.routes
            .add_service(callers)
            .add_service(health::start(&self.shell, self.names));

        let stop = self.shell.stopping();
        let access = self.access.clone();
        if let Some(looking) = access.look_after(stop.clone()) {
            self.shell.spawn(
                format!("keys of {address}"),
                looking.map(Ok::<(), Infallible>),
            );
        }
        let door = door::Door::new(
            self.routes.routes().prepare(),
            door::House {
                rules,
                access: self.access,
                call_time: self.limits.call_time,
                waits: self.waits,
                calls: Arc::new(tokio::sync::Semaphore::new(self.limits.calls)),
                streams: Arc::new(tokio::sync::Semaphore::new(self.limits.streams)),
                clock: self.shell.clock(),
                stop: stop.clone(),
            },
        );
        let incoming = wire::accept(listener, access, stop.clone(), self.shell.cutting());
        let serving = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_concurrent_streams(STREAMS_OF_A_CONNECTION)
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .serve_with_incoming_shutdown(door, incoming, stop.cancelled_owned());
        self.shell.spawn(format!("serve {address}"), serving);
        tracing::info!(%address, "serving");
        Ok(address)
    }
}

#[cfg(test)]
mod tests;
