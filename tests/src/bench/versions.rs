//! The versions behind all contenders: small, fast, many in one process, so that what is measured
//! is who stands in front. Each answers with its name and with the generation it was told.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A version that serves until it is dropped.
#[derive(Debug)]
pub(super) struct Version {
    address: SocketAddr,
    generation: Arc<AtomicU64>,
    _serving: JoinSet<()>,
}

impl Version {
    /// Starts one; its name goes into every answer.
    pub(super) async fn start(name: &'static str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let generation = Arc::new(AtomicU64::new(0));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, name, generation.clone()));
        Ok(Self {
            address,
            generation,
            _serving: serving,
        })
    }

    /// Returns where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has it name another generation from now on. Contenders that know none of their own are
    /// known by it; they must not be on this version while it is told.
    pub(super) fn tell(&self, generation: u64) {
        self.generation.store(generation, Ordering::SeqCst);
    }
}

async fn serve(listener: TcpListener, name: &'static str, generation: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(connection(stream, name, generation.clone()));
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, name: &'static str, generation: Arc<AtomicU64>) {
    // A socket that refuses still works.
    drop(stream.set_nodelay(true));
    let answer = |request| {
        let answer = answer(&request, name, generation.load(Ordering::SeqCst));
        async { Ok::<_, Infallible>(answer) }
    };
    // Whoever called learns of every fault; nothing is left to tell here.
    drop(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .await,
    );
}

fn answer(
    _request: &Request<Incoming>,
    name: &'static str,
    generation: u64,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!(
        "{{\"version\":\"{name}\"}}\n"
    ))));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    // The gateway of Switchover puts its own in their place.
    headers.insert("switchover-version", HeaderValue::from_static(name));
    headers.insert("switchover-generation", HeaderValue::from(generation));
    response
}

/// The versions that a peer is moved over: the two names in turn, and so many of them that one is
/// told a new generation only long after the peer has left it.
#[derive(Debug)]
pub(super) struct Ring {
    versions: Vec<Version>,
    flips: u64,
}

impl Ring {
    const SIZE: usize = 16;
    const NAMES: [&str; 2] = ["1.0", "2.0"];

    /// Starts them; the first is the one to begin with.
    pub(super) async fn start() -> Result<Self> {
        let mut versions = Vec::with_capacity(Self::SIZE);
        for index in 0..Self::SIZE {
            versions.push(Version::start(Self::NAMES[index % Self::NAMES.len()]).await?);
        }
        let ring = Self { versions, flips: 0 };
        ring.versions[0].tell(1);
        Ok(ring)
    }

    /// Returns where all of them are, in their order.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.versions.iter().map(Version::address).collect()
    }

    /// Makes the next one ready for the generation after the present one: its place in the order,
    /// and that generation.
    pub(super) fn next(&mut self) -> (usize, u64) {
        self.flips += 1;
        let (generation, size) = (self.flips + 1, Self::SIZE as u64);
        let index = usize::try_from(self.flips % size).expect("less than the size");
        self.versions[index].tell(generation);
        (index, generation)
    }
}
