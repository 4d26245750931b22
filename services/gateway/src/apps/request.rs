//! One request's way through the gateway: checked, admitted or held or refused, answered.

mod signed;

use std::{net::IpAddr, sync::OnceLock, time::Duration};

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
    fields::{self, Passable},
    flight::{Flight, Line},
    forward::{self, Outbound},
    gate::{Enrolled, Place},
    host::Address,
    login::{Ask, Asking, Client, Own, Passed, Site, Stop, Visit, own},
    min_generation,
    refuse::{Form, Refusal, Why},
    tester,
};
use crate::reader::Reader;

use signed::own_path;

pub(super) use signed::Signed;

/// Answers a request, whatever it is.
pub(super) async fn answer(
    plane: &DataPlane,
    peer: IpAddr,
    line: &Line,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let since = Instant::now();
    let request_id = fields::request_id(request.headers());
    let wanted = Form::wanted(request.headers());
    let reader = Reader::by_fields(request.headers());
    let old = request.version() < Version::HTTP_11;
    let mut response = match route(plane, peer, line, request, &request_id).await {
        Ok(response) => response,
        Err(refused) => {
            let name = refused.application.as_ref();
            let name = name.and_then(|it| display_name(plane, it));
            log(&refused, &request_id, since);
            let (role, sign_in, form) = refused.said(wanted);
            let refusal = Refusal {
                why: refused.why,
                application: name.as_deref(),
                request_id: &request_id,
                role,
                sign_in,
                reader,
            };
            match &refused.about {
                About::Redirect(place) => own::found(place),
                _ => plane.inner().pages.render(&refusal, form),
            }
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
    about: About,
}

/// What is to be said of a refusal beside its reason.
#[derive(Debug)]
enum About {
    /// Nothing.
    Reason,
    /// Which role is missing; whether a program asked.
    Role(Box<str>, Client),
    /// Where to sign in; whether a program asked.
    SignIn(Box<str>, Client),
    /// The browser is sent to sign in, to this path.
    Redirect(Box<str>),
}

impl Refused {
    /// Returns the role that is missing, where to sign in, and in which form to say it: programs that
    /// would take a page for one get none.
    fn said(&self, wanted: Form) -> (Option<&str>, Option<&str>, Form) {
        let form = |client: Client, of: Form| match (client, wanted) {
            (Client::Navigation, _) => wanted,
            (Client::Program, Form::Page) => Form::Json,
            (Client::Program, Form::Json | Form::Line) => of,
        };
        match &self.about {
            About::Reason | About::Redirect(_) => (None, None, wanted),
            About::Role(role, client) => (Some(role), None, form(*client, wanted)),
            About::SignIn(place, client) => (None, Some(place), form(*client, Form::Json)),
        }
    }
}

impl From<Why> for Refused {
    fn from(why: Why) -> Self {
        Self {
            why,
            application: None,
            about: About::Reason,
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
        application: Some(application.clone()),
        ..Refused::from(why)
    };
    let asks_in = matches!(address, Address::Test { .. })
        && request.method() == Method::POST
        && passable.path.path() == tester::FORM_PATH;
    if asks_in {
        return log_in(plane, peer, &address, request).await.map_err(named);
    }
    let seen = Seen::new(plane, &passable, &address, &request);
    if let Some(own) = own_path(&seen) {
        return own.answer(&seen).await;
    }
    let (flight, signed) = enter(peer, line, &seen, request_id).await?;
    drop(seen);
    let outbound = Outbound {
        request,
        passable,
        address,
        peer,
        request_id: request_id.clone(),
        signed,
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

/// A request as its head has it. What it says of who asks is read once, and only where it matters.
struct Seen<'r> {
    plane: &'r DataPlane,
    passable: &'r Passable,
    address: &'r Address,
    request: &'r Request<Incoming>,
    asking: OnceLock<Asking>,
}

impl<'r> Seen<'r> {
    fn new(
        plane: &'r DataPlane,
        passable: &'r Passable,
        address: &'r Address,
        request: &'r Request<Incoming>,
    ) -> Self {
        Self {
            plane,
            passable,
            address,
            request,
            asking: OnceLock::new(),
        }
    }

    fn asking(&self) -> &Asking {
        self.asking.get_or_init(|| {
            Asking::read(
                self.request,
                self.passable,
                self.address,
                self.plane.settings(),
            )
        })
    }

    fn named(&self, why: Why) -> Refused {
        Refused {
            application: Some(self.address.application().clone()),
            ..Refused::from(why)
        }
    }

    /// Returns what is said of a sign-in that comes to nothing: with where to begin again, if that helps.
    fn failed(&self, why: Why) -> Refused {
        let about = match why {
            Why::SignInFailed | Why::OtherTenant | Why::ProviderAway => {
                let place = format!("{}{}", self.asking().place().url, own::SIGN_IN);
                About::SignIn(place.into(), self.asking().client())
            }
            _ => About::Reason,
        };
        Refused {
            about,
            ..self.named(why)
        }
    }

    /// Returns what is said of a request that does not pass.
    fn stopped(&self, stop: Stop<'_>) -> Refused {
        let client = self.asking().client();
        let set_up = self.plane.inner().login.has_provider();
        let (why, about) = match stop {
            Stop::NoPath(_) => (Why::PathRefused, About::Reason),
            Stop::Foreign => (Why::ForeignRequest, About::Reason),
            Stop::RoleMissing(role) => (Why::RoleMissing, About::Role(role.into(), client)),
            Stop::SignIn(_) if !set_up => (Why::LoginNotSetUp, About::Reason),
            Stop::SignIn(Ask::Redirect) => {
                let place = own::sign_in_path(&self.passable.path);
                (Why::SignInNeeded, About::Redirect(place.into()))
            }
            Stop::SignIn(Ask::Page | Ask::Program) => {
                let place = format!("{}{}", self.asking().place().url, own::SIGN_IN);
                (Why::SignInNeeded, About::SignIn(place.into(), client))
            }
        };
        Refused {
            about,
            ..self.named(why)
        }
    }
}

/// Takes the request in, after waiting for the outcome of a switch if need be. The gate is looked
/// at now, after the head has arrived, and again after each wait, as is who has signed in; never on
/// behalf of another request of the same connection.
async fn enter(
    peer: IpAddr,
    line: &Line,
    seen: &Seen<'_>,
    request_id: &RequestId,
) -> Result<(Flight, Option<Signed>), Refused> {
    let arrived = Instant::now();
    let (plane, address, request) = (seen.plane, seen.address, seen.request);
    let named = |why| seen.named(why);
    let token_sha256 = token_of(plane, peer, address, request, arrived).map_err(named)?;
    let min_generation = match address {
        Address::User { .. } => min_generation::wanted(request.headers()).map_err(named)?,
        Address::Test { .. } => None,
    };
    if planted(Plant::RouteCachedPerConnection)
        && let Some(flight) = line
            .first()
            .and_then(|it| Flight::force(it, request_id, line))
    {
        return Ok((flight, None));
    }
    let mut moved = None;
    loop {
        let wait = {
            let (snapshot, now) = plane.look();
            let (asking, session) = match snapshot.routes.get(address.application()) {
                Some(route) if route.login.is_some() => {
                    let (login, asking) = (&plane.inner().login, seen.asking());
                    (Some(asking), login.session(asking, login.now()))
                }
                Some(_) | None => (None, None),
            };
            let head = Head {
                address,
                token_sha256,
                min_generation,
                asked: asking.map(|asking| asking.asked(session.as_ref())),
            };
            match admit(&snapshot, &head, now) {
                Admission::Forward {
                    serving,
                    grant,
                    passed,
                } => {
                    if planted(Plant::RouteCachedPerConnection) {
                        line.keep(serving);
                    }
                    match Flight::enter(serving, grant, request_id, line) {
                        Some(flight) => {
                            let signed = passed.map(|passed| Signed {
                                place: seen.asking().place().clone(),
                                session: match passed {
                                    Passed::SignedIn => session,
                                    Passed::Anonymous => None,
                                },
                            });
                            return Ok((flight, signed));
                        }
                        // Closed since: another snapshot is there already.
                        None => continue,
                    }
                }
                Admission::Stop(stop) => return Err(seen.stopped(stop)),
                Admission::Refuse { why, tally } => {
                    if let Some(tally) = tally {
                        tally.refused.up();
                    }
                    if why == Why::TokenWrong {
                        plane.inner().tries.wrong(peer, arrived);
                    }
                    return Err(named(why));
                }
                Admission::Hold { hold, timeout } => {
                    match hold.enroll(Instant::now(), fields::head_bytes(request)) {
                        Enrolled::Place(place) => Wait::Outcome(place, timeout),
                        Enrolled::Over => continue,
                        Enrolled::Full => return Err(named(Why::TooManyHeld)),
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
                        let flight = fall_back(plane, address, request_id, line);
                        return flight.map(|flight| (flight, None)).map_err(named);
                    }
                    return Err(named(Why::HeldTooLong));
                }
            }
            Wait::Route(moved) => {
                let deadline = arrived + plane.settings().limits.generation_wait;
                let next = min_generation::next_route(moved, deadline).await;
                next.map_err(named)?;
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
        // The form is about the token alone: what follows it is asked for when a page is opened.
        asked: None,
    };
    let (snapshot, moment) = plane.look();
    match (admit(&snapshot, &head, moment), token) {
        (Admission::Forward { .. } | Admission::Stop(_), Some(token)) => {
            Ok(tester::let_in(&token, plane.settings().apps_url.scheme()))
        }
        (Admission::Refuse { why, .. }, _) => {
            if why == Why::TokenWrong {
                plane.inner().tries.wrong(peer, now);
            }
            Err(why)
        }
        (
            Admission::Forward { .. }
            | Admission::Stop(_)
            | Admission::Hold { .. }
            | Admission::Wait,
            _,
        ) => Err(Why::TokenWrong),
    }
}

fn display_name(plane: &DataPlane, application: &ApplicationName) -> Option<String> {
    let snapshot = plane.inner().snapshot.load();
    let route = snapshot.routes.get(application)?;
    Some(route.display_name.clone())
}

/// Says what was not passed on. What a version did is said by its flight.
fn log(refused: &Refused, request_id: &RequestId, since: Instant) {
    let (why, application) = (refused.why, refused.application.as_ref());
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
