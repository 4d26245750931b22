//! Connections to the edge: HTTP/1.1 or HTTP/2, few, bounded in time, ended in good order.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use runtime::{
    Backoff, CancellationToken,
    net::{Listener, Stream},
};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};
use tower::ServiceExt as _;

use super::Peer;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1024;
/// How long a head may take, and a connection of HTTP/1.1 may idle.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// Bytes of a request's head: a session's cookies are the most of it.
const HEAD_BYTES_MAX: u32 = 32 * 1024;
/// Calls that one connection may have open at once.
const STREAMS_OF_A_CONNECTION: u32 = 256;
/// How often a connection of HTTP/2 is asked whether its other side is there: more often than proxies
/// and firewalls forget one on which nothing is said.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// How long the other side may take to say so.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long requests may go on after the stop.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Serves until `stop`, then until requests have ended.
pub(crate) async fn serve(listener: Listener, router: Router, stop: CancellationToken) {
    let places = Semaphore::new(CONNECTIONS_MAX);
    let mut connections = JoinSet::new();
    let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(1));
    let places = Arc::new(places);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // Forgets those that have ended.
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = async {
                let place = places.clone().acquire_owned().await;
                (place, listener.accept().await)
            } => accepted,
        };
        match accepted {
            (Ok(place), Ok((stream, peer))) => {
                backoff.reset();
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    connection(stream, Peer(peer), router, stop).await;
                    drop(place);
                });
            }
            (_, Err(error)) => {
                tracing::warn!(%error, "cannot accept a connection");
                if backoff.next(&stop).await.is_err() {
                    break;
                }
            }
            (Err(_), Ok(_)) => break,
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_MAX, ended).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

async fn connection(stream: Stream, peer: Peer, router: Router, stop: CancellationToken) {
    // Only speeds small messages up; a socket that refuses still works.
    stream.set_nodelay(true).ok();
    let spoken = Arc::new(Notify::new());
    let heard = spoken.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        heard.notify_one();
        let router = router.clone();
        async move {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let Ok(response) = router.oneshot(request).await;
            Ok::<_, Infallible>(response)
        }
    });
    let server = server();
    let serving = server.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let begun = tokio::time::timeout(HEAD_MAX, spoken.notified());
    tokio::pin!(begun);
    let mut silent = true;
    let ended = loop {
        tokio::select! {
            biased;
            ended = serving.as_mut() => break ended,
            () = stop.cancelled() => {
                serving.as_mut().graceful_shutdown();
                break serving.await;
            }
            begun = begun.as_mut(), if silent => {
                if begun.is_err() {
                    tracing::debug!("a connection on which nothing was asked is closed");
                    return;
                }
                silent = false;
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}

/// The one place where the server's limits are set.
fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX as usize)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_OF_A_CONNECTION)
        .max_header_list_size(HEAD_BYTES_MAX)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    server
}
