//! An admitted request's way to its version and back.

use std::{net::IpAddr, sync::Arc, time::Duration};

use contract::RequestId;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy;
use tokio::time::{Instant, timeout_at};

use super::{
    DataPlane,
    body::{Progress, RequestBody, ResponseBody, Stage},
    client::cause,
    events::{self, Events},
    fields::{self, Passable, Upgrade},
    flight::Flight,
    host::Address,
    login::{IDENTITY, cookie},
    refuse::Why,
    request::Signed,
    tunnel,
};

/// A request that may be passed on.
pub(super) struct Outbound {
    pub(super) request: Request<Incoming>,
    pub(super) passable: Passable,
    pub(super) address: Address,
    pub(super) peer: IpAddr,
    pub(super) request_id: RequestId,
    /// As whose it passes; none where no login is required.
    pub(super) signed: Option<Signed>,
}

/// Sends a request to its version. It is sent once: again only if nothing of it had been written
/// to a connection that turned out to be closed.
///
/// # Errors
///
/// If the version gives no answer. Dropping the future takes the request back: its connection to
/// the version is closed.
pub(super) async fn forward(
    plane: &DataPlane,
    outbound: Outbound,
    mut flight: Flight,
) -> Result<Response<ResponseBody>, Why> {
    let Outbound {
        mut request,
        passable,
        address,
        peer,
        request_id,
        signed,
    } = outbound;
    let settings = plane.settings();
    let user = match passable.upgrade {
        Upgrade::WebSocket => Some(hyper::upgrade::on(&mut request)),
        Upgrade::None => None,
    };
    let from = fields::From {
        address: &address,
        operator: &settings.operator,
        peer,
        scheme: settings.apps_url.scheme().as_str(),
        host: &passable.host,
        request_id: &request_id,
    };
    let serving = Arc::clone(flight.serving());
    let (head, body) = request.into_parts();
    let mut sent = head.headers;
    cookie::strip(&mut sent);
    let mut sent = fields::to_upstream(sent, &from, &serving, passable.upgrade)?;
    if let Some(signed) = &signed {
        fields::keep_method(&mut sent);
        let login = &plane.inner().login;
        let session = signed.session.as_ref();
        sent.insert(
            IDENTITY,
            login.identity(&serving, &signed.place.tenant, session),
        );
        if let Some(session) = session {
            flight.signed_in(login, session);
        }
    }
    let (onward, progress) = onward(head.method, serving.client.uri(passable.path), sent, body);
    let cut = flight.cut();
    let answer = tokio::select! {
        // The word to cut comes after the answer, if both are there.
        biased;
        answer = answer(serving.client.send(onward), &progress, settings.limits.answer_timeout) => answer,
        () = cut.cancelled() => Err(Why::Cut),
    };
    let mut answer = answer.inspect_err(|why| note(&mut flight, *why))?;
    let status = answer.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let version = hyper::upgrade::on(&mut answer);
        let (true, Some(user)) = (fields::is_websocket(answer.headers()), user) else {
            note(&mut flight, Why::UpstreamBrokeOff);
            return Err(Why::UpstreamBrokeOff);
        };
        flight.answered(status);
        let (mut head, _) = answer.into_parts();
        fields::to_user(&mut head.headers, &serving, status);
        let inner = plane.inner();
        let tunnel = tunnel::carry(user, version, flight, inner.end.clone());
        inner.tunnels.spawn(tunnel);
        let mut response = Response::from_parts(head, ResponseBody::own(""));
        renew(plane, signed.as_ref(), &mut response);
        return Ok(response);
    }
    flight.answered(status);
    let (mut head, body) = answer.into_parts();
    let events = Events::of(&head.headers, &body);
    if events::are_sent(&head.headers) {
        flight.lasts();
    }
    fields::to_user(&mut head.headers, &serving, status);
    head.version = http::Version::HTTP_11;
    let body = ResponseBody::download(body, events, flight);
    let mut response = Response::from_parts(head, body);
    renew(plane, signed.as_ref(), &mut response);
    Ok(response)
}

/// Keeps what is for one person from caches that others share, and the session from ending while it is
/// used.
fn renew(plane: &DataPlane, signed: Option<&Signed>, response: &mut Response<ResponseBody>) {
    let Some(signed) = signed else { return };
    if signed.session.is_some() {
        let private = HeaderValue::from_static("private");
        let fields = response.headers_mut();
        fields.entry(http::header::CACHE_CONTROL).or_insert(private);
    }
    signed.renew(plane, response);
}

/// Makes the request that goes to the version.
fn onward(
    method: Method,
    uri: http::Uri,
    mut fields: HeaderMap,
    body: Incoming,
) -> (Request<RequestBody>, Arc<Progress>) {
    let progress = Arc::new(Progress::new());
    let body = if body.is_end_stream() {
        if matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            fields.insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        fields.remove(http::header::TRANSFER_ENCODING);
        RequestBody::Empty
    } else {
        RequestBody::Upload {
            from: body,
            progress: Arc::clone(&progress),
        }
    };
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = fields;
    (request, progress)
}

/// Waits for the head of the answer. The time runs anew whenever the request's body moves, so a
/// long upload is not cut, only one that has come to a halt.
async fn answer(
    sent: impl Future<Output = Result<Response<Incoming>, legacy::Error>>,
    progress: &Progress,
    limit: Duration,
) -> Result<Response<Incoming>, Why> {
    let mut sent = std::pin::pin!(sent);
    loop {
        let (moved, _) = progress.last();
        match timeout_at(moved + limit, sent.as_mut()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => return Err(why(&error, progress)),
            Err(_) => {
                let (moved, stage) = progress.last();
                if moved + limit <= Instant::now() {
                    return Err(match stage {
                        Stage::User => Why::RequestStalled,
                        Stage::Upstream => Why::UpstreamTimeout,
                        Stage::Broken => Why::BadRequest,
                    });
                }
            }
        }
    }
}

fn why(error: &legacy::Error, progress: &Progress) -> Why {
    if matches!(progress.last(), (_, Stage::Broken)) {
        return Why::BadRequest;
    }
    tracing::debug!(error = cause(error), "a version gave no answer");
    if error.is_connect() {
        Why::UpstreamUnreachable
    } else {
        Why::UpstreamBrokeOff
    }
}

fn note(flight: &mut Flight, why: Why) {
    flight.answered(why.status());
    if why.is_upstreams() {
        flight.broke_off();
    }
}
