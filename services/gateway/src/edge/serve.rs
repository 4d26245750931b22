//! Connections of browsers to the edge: HTTP/1.1, few, bounded in time, ended in good order.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::{
    Backoff, CancellationToken,
    net::{Listener, Stream},
};
use tokio::{sync::Semaphore, task::JoinSet};
use tower::ServiceExt as _;

use super::Peer;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// How long a head may take, and a connection may idle.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// Bytes of a request's head: a page's address and a browser's usual fields are far less.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long requests may go on after the stop.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Serves until `stop`, then until requests have ended.
pub(crate) async fn serve(listener: Listener, router: Router, stop: CancellationToken) {
    let places = Semaphore::new(CONNECTIONS_MAX);
    let mut connections = JoinSet::new();
    let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(1));
    let places = std::sync::Arc::new(places);
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
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let Ok(response) = router.oneshot(request).await;
            Ok::<_, Infallible>(response)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        biased;
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
