//! An inbox that answers with what it was sent, byte by byte, and keeps what it hears.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use contract::{Problem, reason};
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

/// Clones are the same inbox.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Heard>);

#[derive(Default)]
struct Heard {
    calls: Mutex<Vec<HeaderMap>>,
    watching: AtomicUsize,
}

impl Inbox {
    /// Returns the fields of every call that came, the calls of streams among them.
    pub(crate) fn calls(&self) -> MutexGuard<'_, Vec<HeaderMap>> {
        self.0.calls.lock().unwrap()
    }

    /// Returns how many streams are open.
    pub(crate) fn watching(&self) -> usize {
        self.0.watching.load(Ordering::SeqCst)
    }

    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        self.calls().push(head.headers);
        let Ok(body) = body.collect().await else {
            return refusal(&Problem::broken("the call broke off"));
        };
        let body = body.to_bytes();
        match head.uri.path().rsplit('/').next() {
            Some("WatchInbox") => {
                self.0.watching.fetch_add(1, Ordering::SeqCst);
                ok(Body::new(Watch {
                    first: Some(body),
                    heard: self.0,
                }))
            }
            Some("GetInbox") => ok(Body::new(Echo(Some(body), false))),
            _ => {
                let text = "Not in this state: “é”, and 100 %.";
                refusal(&Problem::failed_precondition(reason::SWITCH_OPEN, text))
            }
        }
    }
}

fn ok(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let kind = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn refusal(problem: &Problem) -> Response<Body> {
    Status::from(problem.clone()).into_http()
}

impl NamedService for Inbox {
    const NAME: &'static str = "switchover.notification.v1.InboxService";
}

impl Service<Request<Body>> for Inbox {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inbox = self.clone();
        Box::pin(async move { Ok(inbox.answer(request).await) })
    }
}

/// What was sent, and that it went well.
struct Echo(Option<Bytes>, bool);

impl http_body::Body for Echo {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(bytes) = self.0.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if std::mem::replace(&mut self.1, true) {
            return Poll::Ready(None);
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

/// What was sent, and then nothing for ever.
struct Watch {
    first: Option<Bytes>,
    heard: Arc<Heard>,
}

impl http_body::Body for Watch {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.first.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => Poll::Pending,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.heard.watching.fetch_sub(1, Ordering::SeqCst);
    }
}
