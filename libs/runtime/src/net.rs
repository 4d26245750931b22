//! Sockets: the system's, or, on a thread that simulates, those of its network.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use hyper_util::client::legacy::connect;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

#[cfg(feature = "faults")]
use crate::simulation::{self, Accept, Wire};

/// Accepts connections.
pub struct Listener(Accepting);

enum Accepting {
    System(TcpListener),
    #[cfg(feature = "faults")]
    Simulated(Box<dyn Accept>),
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or not this machine's.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        #[cfg(feature = "faults")]
        if let Some(network) = simulation::network() {
            return network
                .bind(address)
                .await
                .map(Accepting::Simulated)
                .map(Self);
        }
        TcpListener::bind(address).await.map(Into::into)
    }

    /// Waits for the next connection; the address is the other side's.
    ///
    /// # Errors
    /// That one connection broke, or the system has no room for another.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match &self.0 {
            Accepting::System(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream(Io::System(stream)), peer))
            }
            #[cfg(feature = "faults")]
            Accepting::Simulated(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream(Io::Simulated(stream)), peer))
            }
        }
    }

    /// Returns where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Accepting::System(listener) => listener.local_addr(),
            #[cfg(feature = "faults")]
            Accepting::Simulated(listener) => Ok(listener.address()),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self(Accepting::System(listener))
    }
}

/// A connection.
pub struct Stream(Io);

enum Io {
    System(TcpStream),
    #[cfg(feature = "faults")]
    Simulated(Box<dyn Wire>),
}

impl Stream {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there, or the network does not lead there.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        #[cfg(feature = "faults")]
        if let Some(network) = simulation::network() {
            return network.connect(address).await.map(Io::Simulated).map(Self);
        }
        TcpStream::connect(address).await.map(Io::System).map(Self)
    }

    /// Has small messages sent at once.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        match &self.0 {
            Io::System(stream) => stream.set_nodelay(on),
            #[cfg(feature = "faults")]
            Io::Simulated(_) => Ok(()),
        }
    }
}

/// Does the same on either kind of connection.
macro_rules! on {
    ($stream:expr, |$io:ident| $body:expr) => {
        match &mut $stream.get_mut().0 {
            Io::System($io) => $body,
            #[cfg(feature = "faults")]
            Io::Simulated($io) => $body,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on!(self, |io| Pin::new(io).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on!(self, |io| Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, |io| Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, |io| Pin::new(io).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on!(self, |io| Pin::new(io).poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Io::System(stream) => stream.is_write_vectored(),
            #[cfg(feature = "faults")]
            Io::Simulated(stream) => stream.is_write_vectored(),
        }
    }
}

impl Connected for Stream {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        match &self.0 {
            Io::System(stream) => stream.connect_info(),
            #[cfg(feature = "faults")]
            Io::Simulated(_) => TcpConnectInfo {
                local_addr: None,
                remote_addr: None,
            },
        }
    }
}

impl connect::Connection for Stream {
    fn connected(&self) -> connect::Connected {
        match &self.0 {
            Io::System(stream) => stream.connected(),
            #[cfg(feature = "faults")]
            Io::Simulated(_) => connect::Connected::new(),
        }
    }
}
