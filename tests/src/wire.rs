//! A wire between two parts that can be made slow, cut and broken: a TCP proxy on a port of ours.

mod commits;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};

use self::commits::Commits;
use crate::ports;

/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;
/// Chunks under way in one direction; more wait in the sender's socket.
const CHUNKS: usize = 64;

/// How one direction of a wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// Bytes pass.
    #[default]
    Open,
    /// Bytes pass later, and so many a second.
    Slow {
        /// How much later.
        delay: Duration,
        /// At most so many; at least 1.
        bytes_per_second: u32,
    },
    /// Bytes wait, as where packets get lost: nobody is told, and they arrive once it is healed.
    Cut,
}

/// How a wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Condition {
    /// From whoever connected.
    pub there: Way,
    /// Back to it.
    pub back: Way,
}

impl Condition {
    /// Nothing passes.
    pub const CUT: Self = Self {
        there: Way::Cut,
        back: Way::Cut,
    };
    /// Calls arrive, and their answers do not.
    pub const NO_ANSWERS: Self = Self {
        there: Way::Open,
        back: Way::Cut,
    };
    /// Calls do not arrive; what was asked before goes on being answered.
    pub const NO_CALLS: Self = Self {
        there: Way::Cut,
        back: Way::Open,
    };

    /// Everything arrives late, and slowly.
    #[must_use]
    pub fn slow(delay: Duration, bytes_per_second: u32) -> Self {
        let way = Way::Slow {
            delay,
            bytes_per_second,
        };
        Self {
            there: way,
            back: way,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    condition: Condition,
    // Grows with every reset: connections that are older break.
    resets: u64,
}

/// A wire. It is taken away when dropped.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    state: watch::Sender<State>,
    /// Whether the answer to the next commit is to be lost.
    losing: Arc<watch::Sender<bool>>,
    _task: JoinSet<()>,
}

impl Wire {
    /// Lays a wire to a port on this machine.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn lay(to: u16) -> Result<Self> {
        let port = ports::free()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .context("a wire's port")?;
        let (state, seen) = watch::channel(State::default());
        let losing = Arc::new(watch::Sender::new(false));
        let mut task = JoinSet::new();
        task.spawn(accept(
            listener,
            SocketAddr::from((Ipv4Addr::LOCALHOST, to)),
            seen,
            losing.clone(),
        ));
        Ok(Self {
            port,
            state,
            losing,
            _task: task,
        })
    }

    /// Returns where to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes it so.
    pub fn set(&self, condition: Condition) {
        self.state.send_modify(|state| state.condition = condition);
    }

    /// Makes it as good as new; what waited arrives.
    pub fn heal(&self) {
        self.set(Condition::default());
    }

    /// Breaks every connection, so that both sides are told at once. New ones are taken.
    pub fn reset(&self) {
        self.state.send_modify(|state| state.resets += 1);
    }

    /// Has PostgreSQL take the next commit of a change that comes by here, and breaks the connection in
    /// place of its answer. Waits until that has happened; if this is dropped before, it does not.
    pub async fn lose_a_commits_answer(&self) {
        struct Order<'a>(&'a watch::Sender<bool>);
        impl Drop for Order<'_> {
            fn drop(&mut self) {
                self.0.send_replace(false);
            }
        }
        self.losing.send_replace(true);
        let _order = Order(&self.losing);
        let mut lost = self.losing.subscribe();
        // Errs only when the wire is gone, and it is ours.
        drop(lost.wait_for(|losing| !losing).await);
    }
}

async fn accept(
    listener: TcpListener,
    to: SocketAddr,
    state: watch::Receiver<State>,
    losing: Arc<watch::Sender<bool>>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((near, _)) => drop(connections.spawn(join(near, to, state.clone(), losing.clone()))),
                // Out of files for a moment, say; whoever connects tries again.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, from its beginning to its end or to the next reset.
async fn join(
    mut near: TcpStream,
    to: SocketAddr,
    mut state: watch::Receiver<State>,
    losing: Arc<watch::Sender<bool>>,
) {
    let resets = state.borrow().resets;
    // A connection is a call and an answer.
    let passes = |state: &State| {
        state.resets != resets
            || (state.condition.there != Way::Cut && state.condition.back != Way::Cut)
    };
    if state.wait_for(passes).await.is_err() || state.borrow().resets != resets {
        return reset(&near);
    }
    let Ok(mut far) = TcpStream::connect(to).await else {
        return reset(&near);
    };
    if near.set_nodelay(true).is_err() || far.set_nodelay(true).is_err() {
        return;
    }
    let mut breaks = state.clone();
    let ended = {
        let ((near_read, near_write), (far_read, far_write)) = (near.split(), far.split());
        // Set once a commit has gone there whose answer must not come back.
        let lost = AtomicBool::new(false);
        let mut commits = Commits::default();
        let there = pump(
            near_read,
            far_write,
            state.clone(),
            |condition| condition.there,
            |chunk| {
                if commits.a_change_is_committed(chunk) {
                    let taken = losing.send_if_modified(std::mem::take);
                    lost.fetch_or(taken, Ordering::SeqCst);
                }
                true
            },
        );
        let back = pump(
            far_read,
            near_write,
            state,
            |condition| condition.back,
            |_| !lost.load(Ordering::SeqCst),
        );
        tokio::select! {
            ended = async { tokio::try_join!(there, back) } => ended.is_ok(),
            // Errs when the wire is taken away.
            _ = breaks.wait_for(|state| state.resets != resets) => false,
        }
    };
    if !ended {
        reset(&near);
        reset(&far);
    }
}

/// A connection is to break instead of carrying what was read.
struct Broken;

/// Carries one direction until its sender ends it, or until `passes` says no of what was read.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut state: watch::Receiver<State>,
    way: impl Fn(Condition) -> Way + Copy + Send,
    mut passes: impl FnMut(&[u8]) -> bool + Send,
) -> Result<(), Broken> {
    let (chunks, mut carried) = mpsc::channel::<(Instant, Bytes)>(CHUNKS);
    let reading = async move {
        let mut buffer = vec![0; CHUNK];
        loop {
            match from.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(count) if !passes(&buffer[..count]) => return Err(Broken),
                Ok(count) => {
                    let chunk = Bytes::copy_from_slice(&buffer[..count]);
                    if chunks.send((Instant::now(), chunk)).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    };
    let writing = async move {
        while let Some((read, chunk)) = carried.recv().await {
            let open = |state: &State| way(state.condition) != Way::Cut;
            let Ok(now) = state.wait_for(open).await.map(|state| way(state.condition)) else {
                break;
            };
            if let Way::Slow {
                delay,
                bytes_per_second,
            } = now
            {
                let bytes = u32::try_from(chunk.len()).expect("a chunk is small");
                let carrying = Duration::from_secs(1) * bytes / bytes_per_second.max(1);
                until(read + delay).await;
                until(Instant::now() + carrying).await;
            }
            if to.write_all(&chunk).await.is_err() {
                break;
            }
        }
        drop(to.shutdown().await);
        Ok(())
    };
    tokio::try_join!(reading, writing).map(drop)
}

fn reset(stream: &TcpStream) {
    // Without lingering a close is a reset; if that cannot be had, it is a close.
    stream.set_zero_linger().ok();
}

#[expect(
    clippy::disallowed_methods,
    reason = "a slow wire is one that takes time"
)]
async fn until(time: Instant) {
    tokio::time::sleep_until(time).await;
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::{
        commits::{BEGIN_READ, BEGIN_WRITE, COMMIT},
        *,
    };

    /// Long enough for bytes to pass on a busy machine, short enough to wait for in vain.
    const SHORT: Duration = Duration::from_millis(150);
    const LONG: Duration = Duration::from_secs(30);

    async fn pair() -> Result<(Wire, TcpStream, TcpStream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let wire = Wire::lay(listener.local_addr()?.port()).await?;
        let near = TcpStream::connect((Ipv4Addr::LOCALHOST, wire.port())).await?;
        let (far, _) = listener.accept().await?;
        Ok((wire, near, far))
    }

    async fn arrives(stream: &mut TcpStream, within: Duration) -> Option<u8> {
        timeout(within, stream.read_u8()).await.ok()?.ok()
    }

    #[tokio::test]
    async fn what_is_cut_arrives_once_it_is_healed_and_the_other_way_stays_open() -> Result<()> {
        let (wire, mut near, mut far) = pair().await?;
        near.write_u8(1).await?;
        assert_eq!(arrives(&mut far, LONG).await, Some(1));
        wire.set(Condition::NO_CALLS);
        near.write_u8(2).await?;
        far.write_u8(3).await?;
        assert_eq!(arrives(&mut near, LONG).await, Some(3));
        assert_eq!(arrives(&mut far, SHORT).await, None);
        wire.heal();
        assert_eq!(arrives(&mut far, LONG).await, Some(2));
        Ok(())
    }

    #[tokio::test]
    async fn a_reset_breaks_connections_and_new_ones_are_taken() -> Result<()> {
        let (wire, mut near, mut far) = pair().await?;
        wire.reset();
        assert!(timeout(LONG, near.read_u8()).await?.is_err());
        assert!(timeout(LONG, far.read_u8()).await?.is_err());
        let mut again = TcpStream::connect((Ipv4Addr::LOCALHOST, wire.port())).await?;
        again.write_u8(1).await?;
        Ok(())
    }

    #[tokio::test]
    async fn a_slow_wire_takes_its_time() -> Result<()> {
        let (wire, mut near, mut far) = pair().await?;
        wire.set(Condition::slow(SHORT, 1_000_000));
        let start = Instant::now();
        near.write_u8(1).await?;
        assert_eq!(arrives(&mut far, LONG).await, Some(1));
        assert!(start.elapsed() >= SHORT);
        Ok(())
    }

    #[tokio::test]
    async fn a_commit_arrives_whose_answer_is_to_be_lost_and_the_connection_breaks() -> Result<()> {
        let (wire, mut near, mut far) = pair().await?;
        let talk = async {
            for message in [BEGIN_READ, COMMIT, BEGIN_WRITE, COMMIT] {
                near.write_all(message).await?;
                let mut heard = vec![0; message.len()];
                far.read_exact(&mut heard).await?;
                assert_eq!(heard, message);
                far.write_u8(7).await?;
                if arrives(&mut near, LONG).await.is_none() {
                    return Ok(message);
                }
            }
            anyhow::bail!("every answer came")
        };
        let (lost, last) = tokio::join!(timeout(LONG, wire.lose_a_commits_answer()), talk);
        lost?;
        assert_eq!(last?, COMMIT);
        assert!(
            timeout(LONG, far.read_u8()).await?.is_err(),
            "it is told too"
        );
        Ok(())
    }

    #[tokio::test]
    async fn an_end_is_passed_on() -> Result<()> {
        let (_wire, near, mut far) = pair().await?;
        drop(near);
        assert!(timeout(LONG, far.read_u8()).await?.is_err());
        Ok(())
    }
}
