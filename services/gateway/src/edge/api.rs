//! The API at the edge: gRPC and gRPC-web calls are let in, counted, and passed on as they are to the
//! service whose they are. Who calls is for that service to say; the gateway adds nothing of its own.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, Response, StatusCode, header},
};
use contract::{Code, Problem, Rules, Shape, reason};
use runtime::{CancellationToken, Clock};
use serde_json::json;
use tonic::{Status, transport::Channel};
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::page;

mod behind;
mod cors;
mod fields;
mod frames;
mod guard;
mod kind;
mod pace;
mod parent;
mod pass;
#[cfg(test)]
mod tests;

pub(crate) use behind::{Own, Upstreams};
pub use guard::{AllowedOrigin, NoOrigin};
pub(crate) use pace::Most;

use behind::{Behind, Found};
use guard::{Asked, Guard, Refused};
use kind::Kind;
use pace::{Key, Pace};
use pass::Passing;

/// Health is told to whoever asks.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// What lets calls in and passes them on.
pub(crate) struct Api {
    rules: Rules,
    guard: Guard,
    pace: Arc<Pace>,
    upstreams: Upstreams,
    clock: Clock,
    stop: CancellationToken,
}

/// What an API is made with.
pub(crate) struct ApiSettings<'a> {
    /// Where browsers reach this edge: scheme and authority.
    pub(crate) origin: &'a str,
    /// The port that it listens on.
    pub(crate) port: u16,
    /// Other origins whose pages may call.
    pub(crate) allowed: &'a [AllowedOrigin],
    /// Whether services take the word of callers on this machine.
    pub(crate) open: bool,
    /// Whether the console's own pages call with a key that this edge lends them.
    pub(crate) lent: bool,
    /// How much one caller, and all, may ask for.
    pub(crate) most: Most,
}

/// From where a call came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whence {
    /// The address from which it came, proxies of the operator looked through.
    pub(super) source: IpAddr,
    /// Whether it was made on this machine, with no proxy between.
    pub(super) here: bool,
}

impl Api {
    /// Makes one that knows the contracts.
    ///
    /// # Errors
    /// The compiled contracts do not say who may call what.
    pub(crate) fn new(
        upstreams: Upstreams,
        clock: Clock,
        stop: CancellationToken,
        settings: &ApiSettings<'_>,
    ) -> Result<Self, runtime::Error> {
        Ok(Self {
            rules: Rules::from_descriptors(proto::DESCRIPTOR_SET)?.with_reflection(),
            guard: Guard::new(settings),
            pace: Arc::new(Pace::new(clock.clone(), settings.most)),
            upstreams,
            clock,
            stop,
        })
    }

    /// Tells whether a path is one of a service's method, whether there is such a method or not.
    pub(super) fn is_method(path: &str) -> bool {
        let mut parts = path.split('/').skip(1);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(service), Some(method), None) => service.contains('.') && !method.is_empty(),
            _ => false,
        }
    }

    /// Tells whether a request was sent to a host of this edge.
    pub(super) fn is_own_host(&self, request: &Request) -> bool {
        guard::authority(request).is_some_and(|host| self.guard.is_own_host(host))
    }

    /// Tells whether a page of this edge itself makes a call, in a browser on this machine.
    pub(super) fn is_own_page(&self, whence: Whence, request: &Request) -> bool {
        let asked = Asked {
            health: false,
            authority: guard::authority(request),
            headers: request.headers(),
            here: whence.here,
        };
        self.guard.is_own_page(&asked)
    }

    /// Returns the way to the catalog, which tells who somebody is.
    pub(super) fn catalog(&self) -> Option<Channel> {
        self.upstreams.to(Behind::Catalog).ok()
    }

    /// Answers a call, or a browser that asks whether it may make one.
    pub(super) async fn answer(&self, whence: Whence, request: Request) -> Response<Body> {
        let origin = request.headers().get(header::ORIGIN).cloned();
        let known = origin.filter(|origin| self.guard.knows(origin));
        let mut response = match *request.method() {
            Method::OPTIONS if known.is_some() => cors::preflight(),
            Method::OPTIONS => refuse(&Refused::Foreign),
            Method::POST => self.post(whence, request).await,
            _ => {
                let text = "Methods of services are called by POST.";
                let mut response = told(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", text);
                let allow = HeaderValue::from_static("POST");
                response.headers_mut().insert(header::ALLOW, allow);
                response
            }
        };
        cors::seal(known, response.headers_mut());
        response
    }

    async fn post(&self, whence: Whence, request: Request) -> Response<Body> {
        let Some(kind) = Kind::of(request.version(), request.headers()) else {
            let text = "Methods are called by gRPC-web, or by gRPC over HTTP/2.";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return told(status, "UNSUPPORTED_MEDIA_TYPE", text);
        };
        let method = request.uri().path().to_owned();
        let asked = Asked {
            health: method.starts_with(HEALTH),
            authority: guard::authority(&request),
            headers: request.headers(),
            here: whence.here,
        };
        let believed = match self.guard.admit(&asked) {
            Ok(believed) => believed,
            Err(refused) => {
                let reason = refused.reason();
                tracing::warn!(source = %whence.source, method, reason, "the edge refused a call");
                return refuse(&refused);
            }
        };
        let call = service_fn(|request: axum::http::Request<tonic::body::Body>| async {
            let answered = self.call(whence.source, &method, believed, request).await;
            let refused = |problem| Status::from(problem).into_http();
            Ok::<_, Infallible>(answered.unwrap_or_else(refused))
        });
        let Ok(response) = match kind {
            Kind::Web => GrpcWebLayer::new().layer(call).oneshot(request).await,
            Kind::Native => call.oneshot(request.map(tonic::body::Body::new)).await,
        };
        response.map(Body::new)
    }

    /// Passes one call on, whichever way it came.
    async fn call(
        &self,
        source: IpAddr,
        method: &str,
        believed: bool,
        request: axum::http::Request<tonic::body::Body>,
    ) -> Result<Response<tonic::body::Body>, Problem> {
        let caller = Key::of(source, request.headers());
        let place = self.pace.admit(&caller)?;
        let found = Behind::of(method)
            .filter(|_| self.rules.is_for_people(method))
            .ok_or_else(|| {
                let text = "There is no such method here.";
                Problem::new(Code::Unimplemented, reason::UNIMPLEMENTED, text)
            })?;
        let (request, behind) = match found {
            Found::One(behind) => (request, behind),
            Found::Named => parent::read(request).await?,
        };
        let passing = Passing {
            channel: self.upstreams.to(behind)?,
            service: behind,
            believed,
            place,
            stop: (self.rules.shape(method) == Some(Shape::Streaming)).then(|| self.stop.clone()),
        };
        let answered = passing.pass(request, &self.clock).await;
        match &answered {
            Ok(response) if pass::is_unknown(response.headers()) => {}
            Ok(_) => self.pace.remember(&caller),
            Err(_) => self.upstreams.failed(behind),
        }
        answered
    }
}

/// Refuses in a way that pages cannot read and programs can.
fn refuse(refused: &Refused) -> Response<Body> {
    told(refused.status(), refused.reason(), refused.text())
}

fn told(status: StatusCode, error: &str, message: &str) -> Response<Body> {
    page::json(status, &json!({ "error": error, "message": message }))
}
