//! The simulated network and disks, as the product's sockets see them.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use runtime::simulation::{Accept, Network, Wire};
use turmoil::net::{TcpListener, TcpStream};

/// The network of one seed.
pub(super) struct Turmoil {
    chance: Mutex<StdRng>,
    slow_disks: AtomicBool,
}

impl Turmoil {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            slow_disks: AtomicBool::new(false),
        }
    }

    pub(super) fn slow_disks(&self, slow: bool) {
        self.slow_disks.store(slow, Ordering::Relaxed);
    }
}

impl Network for Turmoil {
    fn bind(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>> {
        Box::pin(async move {
            // Services that know no keys listen on the loopback alone, and here every host is to
            // reach them.
            let all = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            let listener = TcpListener::bind(all).await?;
            let listener: Box<dyn Accept> = Box::new(Listening { listener, address });
            Ok(listener)
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Wire>>> {
        Box::pin(async move {
            let stream: Box<dyn Wire> = Box::new(TcpStream::connect(address).await?);
            Ok(stream)
        })
    }

    fn disk(&self) -> Duration {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = if self.slow_disks.load(Ordering::Relaxed) {
            chance.random_range(100..1500)
        } else {
            chance.random_range(0..3)
        };
        Duration::from_millis(millis)
    }
}

struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Accept for Listening {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Wire>, SocketAddr)>> {
        Box::pin(async {
            let (stream, peer) = self.listener.accept().await?;
            let stream: Box<dyn Wire> = Box::new(stream);
            Ok((stream, peer))
        })
    }

    fn address(&self) -> SocketAddr {
        self.address
    }
}
