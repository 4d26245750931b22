//! One call's way in: its id, who makes it, whether they may, for how long, and how many at once.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use contract::{Caller, Problem, RequestId, Rules, Shape, reason};
use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body, service::Routes};
use tower::Service;
use tracing::{Instrument as _, Span, field::Empty};

use super::{
    answer::{Answer, Call},
    scoped,
    wire::Peer,
};
use crate::{
    caller::{Access, Proven},
    clock::Clock,
    request, retry,
    shell::panic_text,
    telemetry,
};

/// What all calls of one server share.
pub(super) struct House {
    pub(super) rules: Rules,
    pub(super) access: Access,
    /// Time that a unary call may take, whatever the caller allows.
    pub(super) call_time: Duration,
    /// Unary methods that wait on purpose, and for how long at most.
    pub(super) waits: BTreeMap<&'static str, Duration>,
    pub(super) calls: Arc<Semaphore>,
    pub(super) streams: Arc<Semaphore>,
    pub(super) clock: Clock,
    pub(super) stop: CancellationToken,
}

/// How long a call may last.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// It answers at once, and a drain waits for it.
    Short(Duration),
    /// It lasts; a stop ends it.
    Long(Option<Duration>),
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
        let pace = self.pace(&method, request.headers());
        request.extensions_mut().insert(id.clone());

        let admitted = self.admit(&mut request, &method, pace, &span);
        let admitted = admitted.instrument(span.clone()).await;
        let proven: Option<Proven> = request.extensions().get().cloned();
        let person = proven.as_ref().and_then(|proven| proven.person.clone());
        let (mut response, permit) = match admitted {
            Err(problem) => (refuse(problem), None),
            Ok(permit) => {
                let call = request::Call {
                    caller: request
                        .extensions()
                        .get()
                        .cloned()
                        .unwrap_or(Caller::Anonymous),
                    person,
                    method: method.clone(),
                };
                let inside = self
                    .inside(routes, request, &method, pace)
                    .instrument(span.clone());
                let inside = request::with_call(call, inside);
                (
                    request::with_request_id(id.clone(), inside).await,
                    Some(permit),
                )
            }
        };
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(request::HEADER, value);
        }
        let stop = match pace {
            Pace::Short(_) => None,
            Pace::Long(_) => Some(self.end_of_stream(proven)),
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

    /// Waits for what ends a stream: the stop of the server, or that its caller's proof has ended.
    fn end_of_stream(&self, proven: Option<Proven>) -> BoxFuture<'static, Problem> {
        let (stop, clock, access) = (self.stop.clone(), self.clock.clone(), self.access.clone());
        async move {
            let ended = match &proven {
                Some(proven) => access.ended(proven, &clock, &stop).await.ok(),
                None => {
                    stop.cancelled().await;
                    None
                }
            };
            ended.unwrap_or_else(stopping)
        }
        .boxed()
    }

    fn pace(&self, method: &str, headers: &HeaderMap) -> Pace {
        let asked = timeout(headers);
        let at_most = |limit: Duration| asked.unwrap_or(limit).min(limit);
        match (self.waits.get(method), self.rules.shape(method)) {
            (Some(limit), _) => Pace::Long(Some(at_most(*limit))),
            (None, Some(Shape::Streaming)) => Pace::Long(asked),
            (None, Some(Shape::Unary) | None) => Pace::Short(at_most(self.call_time)),
        }
    }

    /// Decides whether the call may go on, and notes who makes it.
    async fn admit(
        &self,
        request: &mut Request<Body>,
        method: &str,
        pace: Pace,
        span: &Span,
    ) -> Result<OwnedSemaphorePermit, Problem> {
        let peer: Option<&Peer> = request.extensions().get();
        let certificate = peer.and_then(|peer| peer.certificate.as_deref());
        let identified = self.access.identify(request.headers(), certificate).await;
        let decided = identified.and_then(|proven| {
            span.record("caller", proven.caller.subject());
            let decision = self.rules.decide(&proven.caller, method);
            decision.check()?;
            proven.scope.check_method(method)?;
            Ok(proven)
        });
        let proven = decided.inspect_err(|problem| {
            let peer = peer.and_then(|peer| peer.tcp.remote_addr());
            tracing::warn!(peer = ?peer, reason = %problem.reason(), "a caller was refused");
        })?;
        request.extensions_mut().insert(proven.caller.clone());
        request.extensions_mut().insert(proven);
        let room = match pace {
            Pace::Short(_) => &self.calls,
            Pace::Long(_) => &self.streams,
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
        method: &str,
        pace: Pace,
    ) -> Response<Body> {
        let never = CancellationToken::new();
        let late = async {
            match pace {
                Pace::Short(limit) | Pace::Long(Some(limit)) => retry::pause(limit, &never).await,
                Pace::Long(None) => std::future::pending().await,
            }
        };
        let stopped = async {
            match pace {
                Pace::Short(_) => std::future::pending().await,
                Pace::Long(_) => self.stop.cancelled().await,
            }
        };
        let served = async {
            match scoped::check(request, method).await {
                Ok(request) => routes.call(request).await,
                Err(problem) => {
                    tracing::warn!(reason = %problem.reason(), "a key was used for what it is not");
                    Ok(refuse(problem))
                }
            }
        };
        let served = AssertUnwindSafe(served).catch_unwind();
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
