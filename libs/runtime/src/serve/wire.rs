//! Connections: accepted with patience, and closed when the time for a drain is up.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, StreamExt as _, future, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tokio_util::{
    either::Either,
    sync::{CancellationToken, WaitForCancellationFutureOwned},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::{
    caller::Access,
    net::{self, Listener},
    retry::Backoff,
    tls::Certified,
};

/// Handshakes at once; further connections wait.
const HANDSHAKES: usize = 4096;

/// Accepts connections, encrypted ones if that is how calls are taken. When the system has no room
/// for more, it waits instead of spinning.
pub(super) fn accept(
    listener: Listener,
    access: Access,
    stop: CancellationToken,
    cut: CancellationToken,
) -> impl Stream<Item = io::Result<Wire>> {
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
    let until = stop.clone();
    let accepted = stream::unfold((listener, backoff), move |(listener, mut backoff)| {
        let stop = until.clone();
        async move {
            loop {
                match listener.accept().await {
                    Ok((io, peer)) => {
                        // Only speeds small messages up; a socket that refuses still works.
                        drop(io.set_nodelay(true));
                        backoff.reset();
                        return Some(((io, peer), (listener, backoff)));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        backoff.next(&stop).await.ok()?;
                    }
                }
            }
        }
    });
    let greeted = accepted.map(move |(io, peer)| {
        let (access, stop, cut) = (access.clone(), stop.clone(), cut.clone());
        async move {
            let tcp = io.connect_info();
            let (io, certificate) = match access.tls() {
                None => (Either::Left(io), None),
                Some(tls) => match tls.greet(io).await {
                    Ok((io, certificate)) => (Either::Right(Box::new(io)), certificate),
                    Err(error) => {
                        tracing::warn!(%peer, %error, "an encrypted connection was refused");
                        return None;
                    }
                },
            };
            let peer = Peer { tcp, certificate };
            Some(Ok(Wire::new(io, peer, stop, cut)))
        }
    });
    greeted
        .buffer_unordered(HANDSHAKES)
        .filter_map(future::ready)
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) tcp: TcpConnectInfo,
    /// What its certificate proves, if it has shown one.
    pub(super) certificate: Option<Arc<Certified>>,
}

/// Plain or encrypted.
type Io = Either<net::Stream, Box<TlsStream<net::Stream>>>;

/// One connection. It ends when it is cut; and at the stop, if the other side has said nothing yet:
/// such a connection has nothing to drain, and would hold the drain until it speaks.
pub(super) struct Wire {
    io: Io,
    peer: Peer,
    silent: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Wire {
    fn new(io: Io, peer: Peer, stop: CancellationToken, cut: CancellationToken) -> Self {
        Self {
            io,
            peer,
            silent: Some(Box::pin(stop.cancelled_owned())),
            cut: Box::pin(cut.cancelled_owned()),
        }
    }

    fn closed(&mut self, cx: &mut Context<'_>) -> bool {
        self.cut.as_mut().poll(cx).is_ready()
            || self
                .silent
                .as_mut()
                .is_some_and(|stop| stop.as_mut().poll(cx).is_ready())
    }
}

fn cut<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                if buffer.filled().len() > before {
                    self.silent = None;
                }
                // A flood must not outlive the cut.
                if self.cut.as_mut().poll(cx).is_ready() {
                    cut()
                } else {
                    Poll::Ready(result)
                }
            }
            Poll::Pending if self.closed(cx) => cut(),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return cut();
        }
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return cut();
        }
        ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return cut();
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl Connected for Wire {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}
