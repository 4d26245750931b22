//! One call on its way to a service and back, piece by piece. Whoever leaves takes the call along, and
//! whoever calls hears how it ended even if the service says nothing more.

use std::{
    pin::Pin,
    sync::atomic::Ordering,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::http::{HeaderMap, Request, Response, Uri};
use bytes::Bytes;
use contract::{Code, Problem, reason};
use http_body::{Body, Frame};
use runtime::{CancellationToken, Clock};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Status, transport::Channel};
use tower::ServiceExt as _;

use super::{
    behind::{self, Behind},
    fields,
    frames::Frames,
    pace::Place,
};

const GRPC_STATUS: &str = "grpc-status";

/// A call that may go on.
pub(super) struct Passing {
    /// The way to the service.
    pub(super) channel: Channel,
    /// Which it is.
    pub(super) service: Behind,
    /// Whether it may take the caller's word.
    pub(super) believed: bool,
    /// The call's place, kept until its answer has ended.
    pub(super) place: Place,
    /// What ends it before its service does, if it lasts.
    pub(super) stop: Option<CancellationToken>,
}

impl Passing {
    /// Sends the call and returns the answer as it begins.
    pub(super) async fn pass(
        self,
        request: Request<tonic::body::Body>,
        clock: &Clock,
    ) -> Result<Response<tonic::body::Body>, Problem> {
        let (head, body) = request.into_parts();
        let (body, too_large) = Frames::new(body);
        let mut onward = Request::new(tonic::body::Body::new(body));
        *onward.method_mut() = head.method;
        *onward.uri_mut() =
            Uri::try_from(head.uri.path()).map_err(|error| Problem::internal(&error))?;
        *onward.headers_mut() = fields::passed(&head.headers, self.believed, clock);
        let answered = self.channel.oneshot(onward).await;
        let response = answered.map_err(|error| {
            if too_large.load(Ordering::Relaxed) {
                let text = "A message is larger than 4 MiB.";
                return Problem::resource_exhausted(reason::TOO_LARGE, text);
            }
            broken(Status::from_error(error.into()), self.service)
        })?;
        let state = if response.headers().contains_key(GRPC_STATUS) {
            State::Told
        } else {
            State::Open
        };
        Ok(response.map(|body| {
            tonic::body::Body::new(Returning {
                body,
                state,
                service: self.service,
                stop: self.stop.map(|stop| Box::pin(stop.cancelled_owned())),
                _place: self.place,
            })
        }))
    }
}

/// Tells whether a service answers that it does not know who calls.
pub(super) fn is_unknown(headers: &HeaderMap) -> bool {
    let code = tonic::Code::Unauthenticated as i32;
    Status::from_header_map(headers).is_some_and(|status| status.code() as i32 == code)
}

/// Says how a call ended whose service says nothing more.
fn broken(status: Status, service: Behind) -> Problem {
    let problem = Problem::from(status);
    match problem.code() {
        Code::DeadlineExceeded => Problem::deadline_exceeded(
            reason::DEADLINE_EXCEEDED,
            "The call took longer than it may.",
        ),
        _ => {
            tracing::warn!(service = service.name(), %problem, "a call that was passed on broke");
            behind::away(service)
        }
    }
}

/// An answer on its way back; with it goes the call's place.
struct Returning {
    body: tonic::body::Body,
    state: State,
    service: Behind,
    stop: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    _place: Place,
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was not yet said how the call ended.
    Open,
    /// The service said so.
    Told,
    /// Nothing follows.
    Over,
}

impl Returning {
    /// Returns how the call ends where its service does not say it.
    fn ends(&mut self, cx: &mut Context<'_>) -> Option<Problem> {
        let stop = self.stop.as_mut()?;
        stop.as_mut().poll(cx).is_ready().then(|| {
            let text = "The gateway is stopping.";
            Problem::unavailable(reason::PEER_UNAVAILABLE, text)
                .retry_after(Duration::from_millis(100))
        })
    }

    fn end(&mut self, problem: Problem) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.state = State::Over;
        let mut trailers = HeaderMap::new();
        let told = Status::from(problem).add_header(&mut trailers);
        Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))))
    }
}

impl Body for Returning {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.state {
            State::Over => return Poll::Ready(None),
            State::Told => {}
            State::Open => {
                if let Some(problem) = self.ends(cx) {
                    return self.end(problem);
                }
            }
        }
        match (ready!(Pin::new(&mut self.body).poll_frame(cx)), self.state) {
            (Some(Ok(frame)), _) => {
                if frame.is_trailers() {
                    self.state = State::Told;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            (Some(Err(status)), State::Open) => {
                let problem = broken(status, self.service);
                self.end(problem)
            }
            (None, State::Open) => {
                let problem = behind::away(self.service);
                self.end(problem)
            }
            (Some(Err(_)) | None, State::Told | State::Over) => {
                self.state = State::Over;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.state {
            State::Open => false,
            State::Told => self.body.is_end_stream(),
            State::Over => true,
        }
    }
}
