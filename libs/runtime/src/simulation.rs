//! What a thread that simulates puts in the place of the system: the network, chance, the disk's
//! time. For tests: without the feature `faults` nothing of this is compiled in. A thread that has
//! not entered a simulation has the system's.

use std::{cell::RefCell, io, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection of a simulated network.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A listener of a simulated network.
pub trait Accept: Send + Sync {
    /// Waits for the next connection; the address is the other side's.
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Wire>, SocketAddr)>>;

    /// Returns the address that was asked for.
    fn address(&self) -> SocketAddr;
}

/// A simulated network, as the host that runs right now sees it.
pub trait Network: Send + Sync {
    /// Listens.
    fn bind(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>>;

    /// Connects.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Wire>>>;

    /// Returns how long the disk of this host takes for what it is asked now.
    fn disk(&self) -> Duration;
}

struct Simulation {
    network: Arc<dyn Network>,
    chance: u64,
}

thread_local! {
    static PRESENT: RefCell<Option<Simulation>> = const { RefCell::new(None) };
}

/// Has this thread simulate until what is returned is dropped; chance follows from the seed.
pub fn enter(network: Arc<dyn Network>, seed: u64) -> Entered {
    PRESENT.with_borrow_mut(|present| {
        *present = Some(Simulation {
            network,
            chance: seed,
        });
    });
    Entered(())
}

/// A simulation that this thread is in.
#[derive(Debug)]
#[must_use = "the simulation ends when this is dropped"]
pub struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        PRESENT.with_borrow_mut(|present| *present = None);
    }
}

pub(crate) fn network() -> Option<Arc<dyn Network>> {
    PRESENT.with_borrow(|present| present.as_ref().map(|it| Arc::clone(&it.network)))
}

/// Draws the next random number of this thread's simulation, if it is in one.
pub(crate) fn draw() -> Option<u64> {
    PRESENT.with_borrow_mut(|present| {
        present
            .as_mut()
            .map(|it| crate::clock::splitmix(&mut it.chance))
    })
}
