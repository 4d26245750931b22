//! One call's way in: its id, who makes it, whether they may, for how long, and how many at once.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use contract::{Problem, RequestId, Rules, Shape, reason};
use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body, service::Routes, transport::server::TcpConnectInfo};
use tower::Service;
use tracing::{Instrument as _, Span, field::Empty};

use super::{
    Limits,
    answer::{Answer, Call},
};
use crate::{caller::Access, clock::Clock, request, retry, shell::panic_text, telemetry};

/// What all calls of one server share.
pub(super) struct House {
    pub(super) rules: Rules,
    pub(super) access: Access,
    pub(super) limits: Limits,
    pub(super) calls: Arc<Semaphore>,
    pub(super) streams: Arc<Semaphore>,
    pub(super) clock: Clock,
    pub(super) stop: CancellationToken,
}

/// What every call passes.
#[derive(Clone)]
pub(super) struct Door {
    routes: Routes,
    house: Arc<House>,
}

impl Door {
    pub(super) fn new(routes: Routes, house: House) -> Self {
        Self {
            routes,
            house: Arc::new(house),
        }
    }
}

impl Service<Request<Body>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (routes, house) = (self.routes.clone(), self.house.clone());
        async move { Ok(house.answer(routes, request).await) }.boxed()
    }
}

impl House {
    async fn answer(&self, routes: Routes, mut request: Request<Body>) -> Response<Body> {
        let id = request_id(request.headers(), &self.clock);
        let method = request.uri().path().to_owned();
        let span = tracing::info_span!(
            "call",
            otel.name = %method,
            otel.kind = "server",
            rpc.method = %method,
            request.id = %id,
            caller = Empty,
            rpc.grpc.status_code = Empty,
        );
        telemetry::continue_trace(&span, request.headers());
        let started = self.clock.instant();
        let shape = self.rules.shape(&method).unwrap_or(Shape::Unary);
        request.extensions_mut().insert(id.clone());

        let (mut response, permit) = match self.admit(&mut request, &method, shape, &span) {
            Err(problem) => (refuse(problem), None),
            Ok(permit) => {
                let inside = self.inside(routes, request, shape).instrument(span.clone());
                (
                    request::with_request_id(id.clone(), inside).await,
                    Some(permit),
                )
            }
        };
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(request::HEADER, value);
        }
        let stop = match shape {
            Shape::Unary => None,
            Shape::Streaming => Some(Box::pin(self.stop.clone().cancelled_owned())),
        };
        let call = Call {
            span,
            id,
            clock: self.clock.clone(),
            started,
            permit,
        };
        let (head, body) = response.into_parts();
        let answer = Answer::new(body, &head.headers, call, stop);
        Response::from_parts(head, Body::new(answer))
    }

    /// Decides whether the call may go on, and notes who makes it.
    fn admit(
        &self,
        request: &mut Request<Body>,
        method: &str,
        shape: Shape,
        span: &Span,
    ) -> Result<OwnedSemaphorePermit, Problem> {
        let decided = self.access.identify(request.headers()).and_then(|caller| {
            span.record("caller", caller.subject());
            self.rules.decide(&caller, method).check().map(|()| caller)
        });
        let caller = decided.inspect_err(|problem| {
            let peer = request
                .extensions()
                .get::<TcpConnectInfo>()
                .and_then(TcpConnectInfo::remote_addr);
            span.in_scope(
                || tracing::warn!(peer = ?peer, reason = %problem.reason(), "a caller was refused"),
            );
        })?;
        request.extensions_mut().insert(caller);
        let room = match shape {
            Shape::Unary => &self.calls,
            Shape::Streaming => &self.streams,
        };
        room.clone().try_acquire_owned().map_err(|_| {
            Problem::resource_exhausted(reason::RATE_LIMITED, "Too many calls at once.")
                .retry_after(Duration::from_secs(1))
        })
    }

    /// Lets the service answer, within its time, whatever it does.
    async fn inside(
        &self,
        mut routes: Routes,
        request: Request<Body>,
        shape: Shape,
    ) -> Response<Body> {
        let asked = timeout(request.headers());
        let limit = match shape {
            Shape::Unary => Some(asked.unwrap_or(Duration::MAX).min(self.limits.call_time)),
            Shape::Streaming => asked,
        };
        let late = async {
            match limit {
                Some(limit) => retry::pause(limit, &CancellationToken::new()).await,
                None => std::future::pending().await,
            }
        };
        let stopped = async {
            match shape {
                Shape::Unary => std::future::pending().await,
                Shape::Streaming => self.stop.cancelled().await,
            }
        };
        let served = AssertUnwindSafe(routes.call(request)).catch_unwind();
        tokio::select! {
            biased;
            served = served => match served {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(panic) => refuse(Problem::broken(format_args!("a handler panicked: {}", panic_text(&*panic)))),
            },
            () = stopped => refuse(stopping()),
            _ = late => refuse(Problem::deadline_exceeded(
                reason::DEADLINE_EXCEEDED,
                "The call took longer than it may.",
            )),
        }
    }
}

/// What a stream is told when the server stops: to come back, to whoever serves then.
pub(super) fn stopping() -> Problem {
    Problem::unavailable(reason::PEER_UNAVAILABLE, "The service is stopping.")
        .retry_after(Duration::from_millis(100))
}

fn refuse(problem: Problem) -> Response<Body> {
    Status::from(problem).into_http()
}

fn request_id(headers: &HeaderMap, clock: &Clock) -> RequestId {
    headers
        .get(request::HEADER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| request::new_id(clock))
}

/// Reads `grpc-timeout`: at most eight digits and a unit. What cannot be read sets no limit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_time_is_read_in_every_unit_and_nonsense_sets_none() {
        let read = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            timeout(&HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-timeout"),
                value,
            )]))
        };
        for (text, expected) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("4m", Some(Duration::from_millis(4))),
            ("5u", Some(Duration::from_micros(5))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("", None),
            ("S", None),
            ("1", None),
            ("-1S", None),
            ("1s", None),
            ("123456789S", None),
            ("1 S", None),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_callers_request_id_is_kept_if_it_is_one() {
        let read = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            request_id(
                &HeaderMap::from_iter([(http::HeaderName::from_static(request::HEADER), value)]),
                &Clock::real(),
            )
        };
        assert_eq!(read("abc-1").as_str(), "abc-1");
        assert_eq!(read(&"x".repeat(65)).as_str().len(), 36);
        assert_ne!(read("a b"), read("a b"));
    }
}
