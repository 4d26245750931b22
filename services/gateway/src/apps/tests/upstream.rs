//! A version that writes down what reaches it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State, WebSocketUpgrade, ws::Message},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{HeaderMap, Method};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::apps::{HealthProbe, Target};

pub(super) struct Upstream {
    pub(super) seen: Arc<Seen>,
    pub(super) address: SocketAddr,
    version: String,
    _tasks: JoinSet<()>,
}

/// What reached the version, and what it is to do.
pub(super) struct Seen {
    version: String,
    pub(super) requests: Mutex<Vec<(Method, String, HeaderMap)>>,
    pub(super) arrivals: AtomicUsize,
    /// Bytes of bodies that were read.
    pub(super) read: AtomicU64,
    /// Bytes of an endless answer that were written.
    pub(super) written: AtomicU64,
    /// Requests that were taken back.
    pub(super) gone: AtomicUsize,
    /// Whether slow answers go on.
    pub(super) go: watch::Sender<bool>,
}

impl Seen {
    pub(super) fn arrivals(&self) -> usize {
        self.arrivals.load(Ordering::SeqCst)
    }

    fn note(&self, request: &Request) {
        self.arrivals.fetch_add(1, Ordering::SeqCst);
        self.requests.lock().unwrap().push((
            request.method().clone(),
            request.uri().to_string(),
            request.headers().clone(),
        ));
    }

    async fn gone_on(&self) {
        self.go.subscribe().wait_for(|go| *go).await.unwrap();
    }
}

impl Upstream {
    pub(super) async fn start(version: &str) -> Self {
        let seen = Arc::new(Seen {
            version: version.to_owned(),
            requests: Mutex::default(),
            arrivals: AtomicUsize::new(0),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            gone: AtomicUsize::new(0),
            go: watch::Sender::new(false),
        });
        let router = Router::new()
            .route("/slow", any(slow))
            .route("/upload", any(upload))
            .route("/download", get(download))
            .route("/endless", get(endless))
            .route("/events", get(events))
            .route("/hang", any(hang))
            .route("/ws", get(web_socket))
            .route(
                "/moved",
                get((http::StatusCode::FOUND, [("location", "/")])),
            )
            .fallback(any(plain))
            .with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            seen,
            address,
            version: version.to_owned(),
            _tasks: tasks,
        }
    }

    pub(super) fn target(&self) -> Target {
        target(&self.version, self.address)
    }

    pub(super) fn go_on(&self) {
        self.seen.go.send_replace(true);
    }

    pub(super) fn last(&self) -> (Method, String, HeaderMap) {
        self.seen.requests.lock().unwrap().last().unwrap().clone()
    }
}

pub(super) fn target(version: &str, address: SocketAddr) -> Target {
    Target {
        version: version.parse().unwrap(),
        upstream: format!("http://{address}").parse().unwrap(),
        health: HealthProbe::new("/health", vec![(200, 299)], Duration::from_secs(2)).unwrap(),
    }
}

async fn plain(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    seen.note(&request);
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    seen.read
        .fetch_add(body.unwrap().len() as u64, Ordering::SeqCst);
    let fields = [
        ("switchover-tenant", "evil"),
        ("switchover_version", "evil"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("x-kept", "1"),
    ];
    (fields, seen.version.clone()).into_response()
}

async fn slow(State(seen): State<Arc<Seen>>, request: Request) -> String {
    seen.note(&request);
    seen.gone_on().await;
    seen.version.clone()
}

async fn upload(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    seen.note(&request);
    let mut body = request.into_body().into_data_stream();
    let mut read = 0;
    while let Some(piece) = body.next().await {
        let Ok(piece) = piece else {
            seen.gone.fetch_add(1, Ordering::SeqCst);
            return http::StatusCode::BAD_REQUEST.into_response();
        };
        read += piece.len();
        seen.read.fetch_add(piece.len() as u64, Ordering::SeqCst);
    }
    format!("{} {read}", seen.version).into_response()
}

async fn download(State(seen): State<Arc<Seen>>, request: Request) -> Body {
    seen.note(&request);
    let begin = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"begin ")) });
    let end = stream::once(async move {
        seen.gone_on().await;
        Ok(Bytes::from(seen.version.clone()))
    });
    Body::from_stream(begin.chain(end))
}

/// One event and a half; the rest of it, and another one, once it is told to go on; then nothing.
async fn events(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    seen.note(&request);
    let begin = stream::iter(["data: 1\n\n", "data: 2\n"]);
    let rest = stream::once(async move {
        seen.gone_on().await;
        "\ndata: 3\n\n"
    });
    let pieces = begin.chain(rest).chain(stream::pending());
    let body = Body::from_stream(pieces.map(|it| Ok::<_, Infallible>(Bytes::from(it))));
    ([("content-type", "text/event-stream")], body).into_response()
}

async fn endless(State(seen): State<Arc<Seen>>, request: Request) -> Body {
    seen.note(&request);
    let pieces = stream::repeat_with(move || {
        seen.written.fetch_add(8192, Ordering::SeqCst);
        Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 8192]))
    });
    Body::from_stream(pieces)
}

async fn hang(State(seen): State<Arc<Seen>>, request: Request) {
    struct Gone(Arc<Seen>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.gone.fetch_add(1, Ordering::SeqCst);
        }
    }
    seen.note(&request);
    let _gone = Gone(seen);
    std::future::pending::<()>().await;
}

async fn web_socket(
    State(seen): State<Arc<Seen>>,
    upgrade: WebSocketUpgrade,
    request: Request,
) -> Response {
    seen.note(&request);
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if let Message::Text(text) = message {
                let echo = format!("{} {text}", seen.version);
                if socket.send(Message::Text(echo.into())).await.is_err() {
                    break;
                }
            }
        }
        seen.gone.fetch_add(1, Ordering::SeqCst);
    })
}
