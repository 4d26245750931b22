//! Accepts users' connections and ends them in good order.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::net::{Listener, Stream};
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{DataPlane, flight::Line, request};

/// The most bytes of a request's head.
const HEAD_MAX: usize = 16 * 1024;
/// The most fields of a request.
const FIELDS_MAX: usize = 100;
/// How long accepting rests when the process has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a connection gets to say that it was cut.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// Serves until `stop`, then for at most `drain` what is under way; what lasts is ended in good
/// order meanwhile.
pub(super) async fn run(
    plane: DataPlane,
    listener: Listener,
    stop: CancellationToken,
    drain: Duration,
) {
    let room = Arc::new(Semaphore::new(plane.settings().limits.connections));
    let end = &plane.inner().end;
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            place = Arc::clone(&room).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(plane.clone(), stream, peer, stop.clone());
                let end = end.clone();
                connections.spawn(async move {
                    let _place = place;
                    end.run_until_cancelled(connection).await;
                });
            }
            Err(error) => refused_to_accept(&error, &stop).await,
        }
    }
    drop(listener);
    let tunnels = &plane.inner().tunnels;
    tunnels.close();
    let orderly = async {
        while connections.join_next().await.is_some() {}
        tunnels.wait().await;
    };
    let orderly = async {
        tokio::select! {
            biased;
            () = orderly => {}
            never = plane.end_long_lived() => match never {},
        }
    };
    if timeout(drain, orderly).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            tunnels = tunnels.len(),
            "connections were cut because the gateway stops"
        );
        end.cancel();
        connections.shutdown().await;
        tunnels.wait().await;
    }
}

/// Goes on after an error of one connection at once, after one of the process a little later.
async fn refused_to_accept(error: &io::Error, stop: &CancellationToken) {
    let of_one_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    );
    if of_one_connection {
        return;
    }
    tracing::error!(%error, "no connection can be accepted; trying again");
    timeout(ACCEPT_PAUSE, stop.cancelled()).await.ok();
}

/// Serves one connection until either side ends it.
async fn connection(plane: DataPlane, stream: Stream, peer: SocketAddr, stop: CancellationToken) {
    stream.set_nodelay(true).ok();
    let open = Open::new(plane.clone());
    let line = Line::new();
    let service = service_fn(|request| {
        let (plane, line) = (plane.clone(), line.clone());
        async move {
            let answer = Box::pin(request::answer(&plane, peer.ip(), &line, request)).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let serving = server(plane.settings().limits.head_timeout)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = serving.as_mut() => break ended,
            () = line.cut() => {
                // Whoever still reads is told; whoever does not is hung up on.
                serving.as_mut().graceful_shutdown();
                break timeout(LAST_WORDS, serving.as_mut()).await.unwrap_or(Ok(()));
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a user's connection broke");
    }
    drop(open);
}

/// The one place where the server's limits are set.
fn server(head_timeout: Duration) -> http1::Builder {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_header_size(HEAD_MAX)
        .max_headers(FIELDS_MAX)
        .keep_alive(true);
    server
}

/// Counts a connection for as long as it is open.
struct Open(DataPlane);

impl Open {
    fn new(plane: DataPlane) -> Self {
        plane.inner().connections.up();
        Self(plane)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.inner().connections.down();
    }
}
