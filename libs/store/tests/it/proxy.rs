//! A wire to PostgreSQL that can be cut around `COMMIT`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// When the wire is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    Never = 0,
    /// `COMMIT` does not arrive.
    BeforeCommit = 1,
    /// `COMMIT` arrives, its answer does not.
    AfterCommit = 2,
}

/// Ends when dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicU8>,
    _task: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(upstream: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let cut = Arc::new(AtomicU8::new(Cut::Never as u8));
        let mut task = JoinSet::new();
        let plan = Arc::clone(&cut);
        task.spawn(async move {
            let mut wires = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("a wire");
                wires.spawn(wire(client, upstream, Arc::clone(&plan)));
            }
        });
        Proxy {
            address,
            cut,
            _task: task,
        }
    }

    /// Cuts the wire of the next commit, once.
    pub(crate) fn cut(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Whether the cut has happened.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Never as u8
    }
}

async fn wire(client: TcpStream, upstream: SocketAddr, plan: Arc<AtomicU8>) {
    let server = TcpStream::connect(upstream)
        .await
        .expect("the server accepts");
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let swallow = AtomicBool::new(false);
    // Whichever ends first ends the wire.
    tokio::select! {
        () = requests(from_client, to_server, &plan, &swallow) => {}
        () = answers(from_server, to_client, &swallow) => {}
    }
}

/// Requests are small: `COMMIT` comes in one piece.
async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    plan: &AtomicU8,
    swallow: &AtomicBool,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let request = &buffer[..length];
        if request.windows(6).any(|window| window == b"COMMIT") {
            let cut = plan.swap(Cut::Never as u8, Ordering::SeqCst);
            if cut == Cut::BeforeCommit as u8 {
                return;
            }
            swallow.store(cut == Cut::AfterCommit as u8, Ordering::SeqCst);
        }
        if to.write_all(request).await.is_err() {
            return;
        }
    }
}

/// Ends with the answer that is to be swallowed, so the server has done what was asked by then.
async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, swallow: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if swallow.load(Ordering::SeqCst) || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
