//! One request's way through the gateway: checked, admitted or held or refused, answered.

use std::{net::IpAddr, time::Duration};

use contract::{ApplicationName, RequestId};
use http::{HeaderValue, Method, Request, Response, Version, header};
use hyper::body::Incoming;
use runtime::fault::{Plant, planted};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    DataPlane,
    admit::{Admission, Head, admit},
    body::ResponseBody,
    fields,
    flight::{Flight, Line},
    forward::{self, Outbound},
    gate::{Enrolled, Place},
    host::Address,
    min_generation,
    refuse::{Form, Refusal, Why},
    tester,
};

/// Answers a request, whatever it is.
pub(super) async fn answer(
    plane: &DataPlane,
    peer: IpAddr,
    line: &Line,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let since = Instant::now();
    let request_id = fields::request_id(request.headers());
    let form = Form::wanted(request.headers());
    let old = request.version() < Version::HTTP_11;
    let mut response = match route(plane, peer, line, request, &request_id).await {
        Ok(response) => response,
        Err(Refused { why, application }) => {
            let name = application.as_ref().and_then(|it| display_name(plane, it));
            log(why, application.as_ref(), &request_id, since);
            let refusal = Refusal {
                why,
                application: name.as_deref(),
                request_id: &request_id,
            };
            plane.inner().pages.render(&refusal, form)
        }
    };
    let fields = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
        fields.insert(fields::REQUEST_ID, id);
    }
    if old {
        fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    plane.move_on(&mut response);
    response
}

/// A request that gets no answer from a version.
struct Refused {
    why: Why,
    application: Option<ApplicationName>,
}

impl From<Why> for Refused {
    fn from(why: Why) -> Self {
        Self {
            why,
            application: None,
        }
    }
}

async fn route(
    plane: &DataPlane,
    peer: IpAddr,
    line: &Line,
    request: Request<Incoming>,
    request_id: &RequestId,
) -> Result<Response<ResponseBody>, Refused> {
    let passable = fields::check(&request)?;
    let settings = plane.settings();
    let address = fields::address(&passable.host, &settings.operator, &settings.apps_url)?;
    let application = address.application().clone();
    let named = |why| Refused {
        why,
        application: Some(application.clone()),
    };
    let asks_in = matches!(address, Address::Test { .. })
        && request.method() == Method::POST
        && passable.path.path() == tester::FORM_PATH;
    if asks_in {
        return log_in(plane, peer, &address, request).await.map_err(named);
    }
    let flight = enter(plane, peer, line, &address, &request, request_id)
        .await
        .map_err(named)?;
    let outbound = Outbound {
        request,
        passable,
        address,
        peer,
        request_id: request_id.clone(),
    };
    Box::pin(forward::forward(plane, outbound, flight))
        .await
        .map_err(named)
}

/// What a request waits for.
enum Wait<'w> {
    /// The outcome of a switch, so long at most.
    Outcome(Place, Duration),
    /// The next route.
    Route(&'w mut watch::Receiver<()>),
}

/// Takes the request in, after waiting for the outcome of a switch if need be. The gate is looked
/// at now, after the head has arrived, and again after each wait; never on behalf of another
/// request of the same connection.
async fn enter(
    plane: &DataPlane,
    peer: IpAddr,
    line: &Line,
    address: &Address,
    request: &Request<Incoming>,
    request_id: &RequestId,
) -> Result<Flight, Why> {
    let arrived = Instant::now();
    let head = Head {
        address,
        token_sha256: token_of(plane, peer, address, request, arrived)?,
        min_generation: match address {
            Address::User { .. } => min_generation::wanted(request.headers())?,
            Address::Test { .. } => None,
        },
    };
    if planted(Plant::RouteCachedPerConnection)
        && let Some(flight) = line
            .first()
            .and_then(|it| Flight::force(it, request_id, line))
    {
        return Ok(flight);
    }
    let mut moved = None;
    loop {
        let wait = {
            let (snapshot, now) = plane.look();
            match admit(&snapshot, &head, now) {
                Admission::Forward { serving, grant } => {
                    if planted(Plant::RouteCachedPerConnection) {
                        line.keep(serving);
                    }
                    match Flight::enter(serving, grant, request_id, line) {
                        Some(flight) => return Ok(flight),
                        // Closed since: another snapshot is there already.
                        None => continue,
                    }
                }
                Admission::Refuse { why, tally } => {
                    if let Some(tally) = tally {
                        tally.refused.up();
                    }
                    if why == Why::TokenWrong {
                        plane.inner().tries.wrong(peer, arrived);
                    }
                    return Err(why);
                }
                Admission::Hold { hold, timeout } => {
                    match hold.enroll(Instant::now(), fields::head_bytes(request)) {
                        Enrolled::Place(place) => Wait::Outcome(place, timeout),
                        Enrolled::Over => continue,
                        Enrolled::Full => return Err(Why::TooManyHeld),
                    }
                }
                Admission::Wait => match &mut moved {
                    Some(moved) => Wait::Route(moved),
                    None => {
                        // Looks again first: a route may have come since the last look.
                        moved = Some(plane.inner().moved.subscribe());
                        continue;
                    }
                },
            }
        };
        match wait {
            Wait::Outcome(place, timeout) => {
                let deadline = arrived + timeout;
                if timeout_at(deadline, place.released()).await.is_err() {
                    place.fail();
                    if planted(Plant::HoldTimeoutFallsBack) {
                        return fall_back(plane, address, request_id, line);
                    }
                    return Err(Why::HeldTooLong);
                }
            }
            Wait::Route(moved) => {
                let deadline = arrived + plane.settings().limits.generation_wait;
                min_generation::next_route(moved, deadline).await?;
            }
        }
    }
}

/// Goes back to the version before: a bug that is planted, see `HoldTimeoutFallsBack`.
fn fall_back(
    plane: &DataPlane,
    address: &Address,
    request_id: &RequestId,
    line: &Line,
) -> Result<Flight, Why> {
    let (snapshot, _) = plane.look();
    let route = snapshot.routes.get(address.application());
    let before = route.and_then(|route| route.gate.serving());
    before
        .and_then(|it| Flight::force(it, request_id, line))
        .ok_or(Why::HeldTooLong)
}

/// Returns the hash of the token that a tester shows. At users' addresses there is none to show.
fn token_of(
    plane: &DataPlane,
    peer: IpAddr,
    address: &Address,
    request: &Request<Incoming>,
    now: Instant,
) -> Result<Option<[u8; 32]>, Why> {
    let Address::Test { .. } = address else {
        return Ok(None);
    };
    match tester::shown(request.headers()) {
        None => Ok(None),
        Some(_) if plane.inner().tries.exhausted(peer, now) => Err(Why::TooManyTries),
        Some(token) => Ok(Some(token.sha256())),
    }
}

/// Answers the tester's form.
async fn log_in(
    plane: &DataPlane,
    peer: IpAddr,
    address: &Address,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Why> {
    let now = Instant::now();
    if plane.inner().tries.exhausted(peer, now) {
        return Err(Why::TooManyTries);
    }
    let limit = plane.settings().limits.head_timeout;
    let read = timeout_at(now + limit, tester::read_form(request.into_body())).await;
    let token = read.map_err(|_| Why::RequestStalled)?;
    let head = Head {
        address,
        // A form without a token shows a wrong one.
        token_sha256: Some(token.as_ref().map_or([0; 32], tester::Token::sha256)),
        min_generation: None,
    };
    let (snapshot, moment) = plane.look();
    match (admit(&snapshot, &head, moment), token) {
        (Admission::Forward { .. }, Some(token)) => {
            Ok(tester::let_in(&token, plane.settings().apps_url.scheme()))
        }
        (Admission::Refuse { why, .. }, _) => {
            if why == Why::TokenWrong {
                plane.inner().tries.wrong(peer, now);
            }
            Err(why)
        }
        (Admission::Forward { .. } | Admission::Hold { .. } | Admission::Wait, _) => {
            Err(Why::TokenWrong)
        }
    }
}

fn display_name(plane: &DataPlane, application: &ApplicationName) -> Option<String> {
    let snapshot = plane.inner().snapshot.load();
    let route = snapshot.routes.get(application)?;
    Some(route.display_name.clone())
}

/// Says what was not passed on. What a version did is said by its flight.
fn log(why: Why, application: Option<&ApplicationName>, request_id: &RequestId, since: Instant) {
    if why.is_upstreams() {
        return;
    }
    tracing::debug!(
        request.id = %request_id,
        application.name = application.map(ApplicationName::as_str),
        status = why.status().as_u16(),
        reason = why.reason(),
        duration_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
        "a request was refused"
    );
}
