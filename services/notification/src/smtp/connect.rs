//! Connections to the mail server. lettre opens its own without `TCP_NODELAY`, and writes the end of a
//! mail apart from its text: the server then waits 40 ms with its receipt for the rest that the system
//! holds back until there is one. So the socket is opened here, and handed to lettre.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

#[expect(
    deprecated,
    reason = "lettre has no other way to begin with TLS on a socket that it did not open"
)]
use lettre::transport::smtp::client::AsyncNetworkStream;
use lettre::transport::smtp::{
    client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters},
    extension::ClientId,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt as _};

use super::{Settings, Why};

/// Connects, with TLS from the first byte if `wrapped` says how, and greets.
pub(super) async fn open(
    settings: &Settings,
    wrapped: Option<TlsParameters>,
    hello: &ClientId,
) -> Result<AsyncSmtpConnection, Why> {
    let socket = socket(settings).await.map_err(Why::Socket)?;
    let stream: Box<dyn AsyncTokioStream> = match wrapped {
        None => Box::new(socket),
        Some(tls) => Box::new(Wrapped::start(socket, tls).await?),
    };
    AsyncSmtpConnection::connect_with_transport(stream, hello)
        .await
        .map_err(Why::Smtp)
}

/// Tries the server's addresses one after the other, each for as long as a command may take.
async fn socket(settings: &Settings) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for address in lookup_host((settings.url.host(), settings.url.port())).await? {
        match timeout(settings.command, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Ok(Err(error)) => last = error,
            Err(_late) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// A socket inside lettre's TLS: the same checks of the same certificates as after `STARTTLS`.
struct Wrapped {
    #[expect(deprecated, reason = "see above")]
    inner: Compat<AsyncNetworkStream>,
    peer: SocketAddr,
}

impl Wrapped {
    async fn start(socket: TcpStream, tls: TlsParameters) -> Result<Self, Why> {
        let peer = socket.peer_addr().map_err(Why::Socket)?;
        #[expect(deprecated, reason = "see above")]
        let mut inner = AsyncNetworkStream::use_existing_tokio1(Box::new(socket));
        inner.upgrade_tls(tls).await.map_err(Why::Smtp)?;
        Ok(Self {
            inner: inner.compat(),
            peer,
        })
    }
}

impl AsyncTokioStream for Wrapped {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrapped({})", self.peer)
    }
}

impl AsyncRead for Wrapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::stub::Stub, *};

    #[tokio::test]
    async fn small_messages_are_not_held_back() {
        let stub = Stub::start([]).await;
        let socket = socket(&stub.settings()).await.unwrap();
        assert!(socket.nodelay().unwrap());
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_tried() {
        let stub = Stub::start([]).await;
        // The stub listens on 127.0.0.1 alone, and `localhost` may be `::1` first.
        let url = format!("smtp://localhost:{}", stub.address.port());
        socket(&super::super::stub::settings(&url)).await.unwrap();
    }
}
