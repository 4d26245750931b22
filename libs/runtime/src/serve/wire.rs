//! Connections: accepted with patience, and closed when the time for a drain is up.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::{
    net::{self, Listener},
    retry::Backoff,
};

/// Accepts connections. When the system has no room for more, it waits instead of spinning.
pub(super) fn accept(
    listener: Listener,
    stop: CancellationToken,
    cut: CancellationToken,
) -> impl Stream<Item = io::Result<Wire>> {
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
    stream::unfold((listener, backoff), move |(listener, mut backoff)| {
        let (stop, cut) = (stop.clone(), cut.clone());
        async move {
            loop {
                match listener.accept().await {
                    Ok((io, _)) => {
                        // Only speeds small messages up; a socket that refuses still works.
                        drop(io.set_nodelay(true));
                        backoff.reset();
                        return Some((Ok(Wire::new(io, stop, cut)), (listener, backoff)));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        backoff.next(&stop).await.ok()?;
                    }
                }
            }
        }
    })
}

/// One connection. It ends when it is cut; and at the stop, if the other side has said nothing yet:
/// such a connection has nothing to drain, and would hold the drain until it speaks.
pub(super) struct Wire {
    io: net::Stream,
    silent: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Wire {
    fn new(io: net::Stream, stop: CancellationToken, cut: CancellationToken) -> Self {
        Self {
            io,
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
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.io.connect_info()
    }
}
