//! An answer on its way: counted and traced until its last frame, ended in good order by a stop.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use contract::{Code, Problem, RequestId};
use futures::future::BoxFuture;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::bytes::Bytes;
use tonic::{Status, body::Body};
use tracing::Span;

use crate::{clock::Clock, request, shell::panic_text};

/// What is known of a call from its head, until its last frame is sent.
pub(super) struct Call {
    pub(super) span: Span,
    pub(super) id: RequestId,
    pub(super) clock: Clock,
    pub(super) started: Duration,
    /// Held as long as the call counts against a limit.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// The body of an answer.
pub(super) struct Answer {
    body: Option<Body>,
    call: Call,
    /// What ends it, and why. Set for streams alone: unary answers are short and end by themselves.
    stop: Option<BoxFuture<'static, Problem>>,
    outcome: Option<tonic::Code>,
}

impl Answer {
    pub(super) fn new(
        body: Body,
        head: &HeaderMap,
        call: Call,
        stop: Option<BoxFuture<'static, Problem>>,
    ) -> Self {
        let outcome = outcome(head);
        Self {
            body: Some(body),
            call,
            stop,
            outcome,
        }
    }

    /// Ends the stream with a problem in its trailers.
    fn end(&mut self, problem: Problem) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.body = None;
        let status = Status::from(problem);
        self.outcome = Some(status.code());
        let mut trailers = HeaderMap::new();
        Poll::Ready(match status.add_header(&mut trailers) {
            Ok(()) => Some(Ok(Frame::trailers(trailers))),
            Err(status) => Some(Err(status)),
        })
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let Some(body) = this.body.as_mut() else {
            return Poll::Ready(None);
        };
        if let Some(stop) = this.stop.as_mut()
            && let Poll::Ready(problem) = stop.as_mut().poll(cx)
        {
            return this.end(problem);
        }
        let span = this.call.span.clone();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            span.in_scope(|| request::within(&this.call.id, || Pin::new(body).poll_frame(cx)))
        }));
        match polled {
            Err(panic) => this.end(Problem::broken(panic_text(&*panic))),
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                if let Some(code) = frame.trailers_ref().and_then(outcome) {
                    this.outcome = Some(code);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(Poll::Ready(Some(Err(status)))) => {
                this.outcome = Some(status.code());
                Poll::Ready(Some(Err(status)))
            }
            Ok(Poll::Ready(None)) => {
                this.body = None;
                Poll::Ready(None)
            }
            Ok(Poll::Pending) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map(http_body::Body::size_hint)
            .unwrap_or_default()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(tonic::Code::Cancelled);
        self.call.ended(outcome);
    }
}

impl Call {
    /// Writes down how the call ended.
    fn ended(&mut self, outcome: tonic::Code) {
        drop(self.permit.take());
        let took = self.clock.instant().saturating_sub(self.started);
        let duration_ms = took.as_secs_f64() * 1000.0;
        let code = i32::from(outcome);
        self.span.record("rpc.grpc.status_code", code);
        self.span.in_scope(|| match outcome {
            tonic::Code::Ok => tracing::debug!(code, duration_ms, "answered"),
            tonic::Code::Internal | tonic::Code::DataLoss | tonic::Code::Unknown => {
                tracing::error!(code, duration_ms, "failed");
            }
            _ => tracing::info!(code, duration_ms, outcome = ?Code::from(outcome), "refused"),
        });
    }
}

fn outcome(headers: &HeaderMap) -> Option<tonic::Code> {
    headers
        .get("grpc-status")
        .map(|value| tonic::Code::from_bytes(value.as_bytes()))
}
