//! People's sessions with the console: signed in at the operator's issuer, kept in sealed cookies of this
//! host. The browser never sees a token; the edge shows it to services in its place. No token, code or
//! cookie is logged.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts},
};
use contract::{Problem, Role, reason};
use oidc::{Callback, SignInError};
use proto::access::v1::{GetCallerRequest, access_service_client::AccessServiceClient};
use runtime::Clock;
use serde_json::json;
use tonic::{Request, metadata::MetadataValue, transport::Channel};

use super::{
    page::{self, Pages, Reading},
    texts::Message,
};

mod cookies;
mod kept;
mod lent;
mod return_to;
mod sign_in;
#[cfg(test)]
mod tests;

pub(crate) use lent::Lent;
pub(crate) use sign_in::SignIn;

use cookies::Cookie;
use kept::{IDLE_MAX, Kept};
use return_to::ReturnTo;
use sign_in::{Begun, Looked, SIGN_IN_MAX, at};

/// The session. Nobody else's page sends it along, not even by a link.
const SESSION: Cookie = Cookie {
    name: "__Host-switchover-session",
    with_links: false,
};
/// A sign-in that was begun: the issuer's page leads back here, so it must come along then.
const BEGUN: Cookie = Cookie {
    name: "__Host-switchover-sign-in",
    with_links: true,
};
/// What a page says to act in its session.
const CSRF: &str = "x-switchover-csrf";
/// Where people sign in.
const LOGIN: &str = "/session/login";
/// How long a service may take to tell who somebody is.
const CALL_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// How people are known to the console.
pub(crate) enum Sessions {
    /// Services take the word of whoever is on this machine: nobody signs in.
    Development,
    /// The console's own pages call with a development key, on this machine alone: nobody signs in.
    Lent(Lent),
    /// People cannot sign in here; programs have keys.
    None,
    /// People sign in.
    SignIn(Box<SignIn>),
}

/// What a session adds to a call.
pub(super) enum Joined {
    /// Nothing: there is none, or the call has credentials of its own.
    Alone,
    /// Credentials, and cookies for the answer.
    With(HeaderMap),
    /// The page did not say what it must say to act in it.
    Forged,
}

impl Sessions {
    fn sign_in(&self) -> Option<&SignIn> {
        match self {
            Self::SignIn(sign_in) => Some(sign_in),
            Self::Development | Self::Lent(_) | Self::None => None,
        }
    }

    /// Lets a call of the console's own page be made with the key that is lent to it, if one is and
    /// the call shows none.
    pub(super) fn lend(&self, headers: &mut HeaderMap) {
        if let Self::Lent(lent) = self {
            lent.lend(headers);
        }
    }

    /// Lets a call of the console's own page, `origin`, be made in its session.
    pub(super) async fn join(&self, head: &mut Parts, origin: &str, clock: &Clock) -> Joined {
        let own = head
            .headers
            .get(header::ORIGIN)
            .is_some_and(|from| from == origin);
        let sealed = SESSION.read(&head.headers);
        let (Some(sign_in), Some(sealed), true) = (self.sign_in(), sealed, own) else {
            return Joined::Alone;
        };
        if head.headers.contains_key(header::AUTHORIZATION) {
            return Joined::Alone;
        }
        let mut cookies = HeaderMap::new();
        let Some(kept) = sign_in.open(&sealed) else {
            SESSION.forget(&mut cookies);
            return Joined::With(cookies);
        };
        if !kept.is_said(said(&head.headers)) {
            return Joined::Forged;
        }
        match sign_in.look(kept, clock).await {
            Looked::Over => SESSION.forget(&mut cookies),
            Looked::Good { kept, changed } => {
                if changed {
                    keep(sign_in, &kept, &mut cookies);
                }
                if let Ok(bearer) = bearer(kept.access()) {
                    head.headers.insert(header::AUTHORIZATION, bearer);
                }
            }
        }
        Joined::With(cookies)
    }

    /// Answers `GET /session`: who is here.
    pub(super) async fn show(
        &self,
        headers: &HeaderMap,
        catalog: Option<Channel>,
        clock: &Clock,
    ) -> Response<Body> {
        if let Self::Lent(lent) = self {
            return lent.show(catalog).await;
        }
        let stranger = json!({
            "signed_in": false,
            "subject": "",
            "role": "",
            "csrf": "",
            "login_url": self.sign_in().map_or("", |_| LOGIN),
            "development": matches!(self, Self::Development),
        });
        let found = self.sign_in().zip(SESSION.read(headers));
        let Some((sign_in, sealed)) = found else {
            return page::json(StatusCode::OK, &stranger);
        };
        let gone = || {
            let mut response = page::json(StatusCode::OK, &stranger);
            SESSION.forget(response.headers_mut());
            response
        };
        let Some(kept) = sign_in.open(&sealed) else {
            return gone();
        };
        let Looked::Good { kept, changed } = sign_in.look(kept, clock).await else {
            return gone();
        };
        let mut response = match known(kept.access(), catalog).await {
            Ok((role, subject)) => page::json(
                StatusCode::OK,
                &json!({
                    "signed_in": true,
                    "subject": subject,
                    "role": role,
                    "csrf": kept.csrf(),
                    "login_url": LOGIN,
                    "development": false,
                    "ends": kept.ends().to_string(),
                }),
            ),
            Err(problem) if problem.is(&reason::UNAUTHENTICATED) => return gone(),
            Err(problem) if problem.code() == contract::Code::PermissionDenied => {
                let mut told = stranger.clone();
                told["csrf"] = kept.csrf().into();
                told["message"] = problem.message().into();
                page::json(StatusCode::OK, &told)
            }
            Err(_) => untold(),
        };
        if changed {
            keep(sign_in, &kept, response.headers_mut());
        }
        response
    }

    /// Answers `GET /session/login`: leads to the issuer.
    pub(super) async fn login(
        &self,
        headers: &HeaderMap,
        query: &str,
        pages: &Pages,
        clock: &Clock,
    ) -> Response<Body> {
        let Some(sign_in) = self.sign_in() else {
            return no_sign_in(pages, headers);
        };
        match sign_in.client.begin(at(clock)).await {
            Ok((place, attempt)) => {
                let begun = Begun {
                    attempt,
                    return_to: ReturnTo::read(query),
                    began: clock.now(),
                };
                let mut response = lead(&place);
                let sealed = sign_in.seal_begun(&begun);
                let kept = BEGUN.keep(&sealed, SIGN_IN_MAX.as_secs(), response.headers_mut());
                match kept {
                    Ok(()) => response,
                    Err(error) => failed(pages, headers, &error),
                }
            }
            Err(error) => failed(pages, headers, &error),
        }
    }

    /// Answers `GET /session/callback`: the issuer sent somebody back.
    pub(super) async fn callback(
        &self,
        headers: &HeaderMap,
        query: &str,
        pages: &Pages,
        clock: &Clock,
    ) -> Response<Body> {
        let Some(sign_in) = self.sign_in() else {
            return no_sign_in(pages, headers);
        };
        let mut response = match self.finish(sign_in, headers, query, clock).await {
            Ok((kept, return_to)) => {
                let mut response = lead(return_to.as_str());
                keep(sign_in, &kept, response.headers_mut());
                tracing::info!(
                    session = digest(&kept.id),
                    "somebody signed in to the console"
                );
                response
            }
            Err(error) => failed(pages, headers, &error),
        };
        // It is good for one answer.
        BEGUN.forget(response.headers_mut());
        response
    }

    async fn finish(
        &self,
        sign_in: &SignIn,
        headers: &HeaderMap,
        query: &str,
        clock: &Clock,
    ) -> Result<(Kept, ReturnTo), SignInError> {
        let begun = BEGUN
            .read(headers)
            .and_then(|text| sign_in.open_begun(&text));
        let begun = begun.filter(|begun| {
            let end = begun.began.checked_add(SIGN_IN_MAX);
            end.is_ok_and(|end| clock.now() < end)
        });
        let begun = begun.ok_or(SignInError::State)?;
        if let Some(error) = parameter(query, "error") {
            let word = |c: char| c.is_ascii_lowercase() || c == '_';
            let told: String = error.chars().filter(|c| word(*c)).take(60).collect();
            return Err(SignInError::Refused(told));
        }
        let text = |name| parameter(query, name);
        let (code, state) = text("code").zip(text("state")).ok_or(SignInError::State)?;
        let issuer = text("iss");
        let callback = Callback {
            code: &code,
            state: &state,
            issuer: issuer.as_deref(),
        };
        let finished = sign_in
            .client
            .finish(&begun.attempt, callback, at(clock))
            .await;
        let (tokens, person) = finished?;
        let kept = Kept::begin(person.subject(), &tokens, clock.now());
        Ok((kept, begun.return_to))
    }

    /// Answers `POST /session/logout`: the session ends at all gateways, and `location` is where it ends at
    /// the issuer, too.
    pub(super) async fn logout(
        &self,
        headers: &HeaderMap,
        origin: &str,
        clock: &Clock,
    ) -> Response<Body> {
        let own = headers
            .get(header::ORIGIN)
            .is_some_and(|from| from == origin);
        let sealed = SESSION.read(headers);
        let kept = self
            .sign_in()
            .zip(sealed)
            .and_then(|(sign_in, sealed)| Some((sign_in, sign_in.open(&sealed)?)));
        let Some((sign_in, kept)) = kept.filter(|_| own) else {
            let mut response = match own {
                true => page::json(
                    StatusCode::OK,
                    &json!({ "signed_out": true, "location": "" }),
                ),
                false => forged(),
            };
            if own {
                SESSION.forget(response.headers_mut());
            }
            return response;
        };
        if !kept.is_said(said(headers)) {
            return forged();
        }
        sign_in.end(&kept, clock).await;
        // Without a hint: no token stands in an address. The issuer asks whom it must.
        let back = format!("{origin}/");
        let location = sign_in.client.end_session(None, &back, at(clock)).await;
        let location = location.ok().flatten().unwrap_or_default();
        let told = json!({ "signed_out": true, "location": location });
        let mut response = page::json(StatusCode::OK, &told);
        SESSION.forget(response.headers_mut());
        response
    }
}

/// Answers a request that its page did not make as the console does.
pub(super) fn forged() -> Response<Body> {
    tracing::warn!("a request in a session was refused: its page did not say its word");
    let told = json!({
        "error": "CSRF",
        "message": "Load the page again: it does not say what it must say to act in its session.",
    });
    page::json(StatusCode::FORBIDDEN, &told)
}

/// Answers while no service tells who somebody is.
fn untold() -> Response<Body> {
    let told = json!({
        "error": "UNAVAILABLE",
        "message": "It cannot be told at the moment who is signed in. Try again soon.",
    });
    page::json(StatusCode::SERVICE_UNAVAILABLE, &told)
}

/// Asks a service who somebody is that shows this.
async fn known(secret: &str, catalog: Option<Channel>) -> Result<(String, String), Problem> {
    let away = || Problem::unavailable(reason::PEER_UNAVAILABLE, "The catalog does not answer.");
    let mut service = AccessServiceClient::new(catalog.ok_or_else(away)?);
    let mut request = Request::new(GetCallerRequest {});
    let bearer: Result<MetadataValue<_>, _> = format!("Bearer {secret}").parse();
    let mut bearer = bearer.map_err(|_| away())?;
    bearer.set_sensitive(true);
    request.metadata_mut().insert("authorization", bearer);
    let answer = tokio::time::timeout(CALL_MAX, service.get_caller(request)).await;
    let answer = answer.map_err(|_| away())?.map_err(Problem::from)?;
    let caller = answer.into_inner().caller.unwrap_or_default();
    let role = Role::from_wire(caller.role()).map_or_else(String::new, |role| role.to_string());
    Ok((role, caller.subject))
}

fn keep(sign_in: &SignIn, kept: &Kept, to: &mut HeaderMap) {
    let sealed = sign_in.seal(kept);
    if let Err(error) = SESSION.keep(&sealed, IDLE_MAX.as_secs(), to) {
        let bytes = sealed.len();
        tracing::error!(%error, bytes, "a session cannot be kept: its issuer's tokens are too long");
    }
}

fn said(headers: &HeaderMap) -> &str {
    let said = headers.get(CSRF).and_then(|value| value.to_str().ok());
    said.unwrap_or_default()
}

fn bearer(token: &str) -> Result<HeaderValue, axum::http::header::InvalidHeaderValue> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// Sends a browser on.
fn lead(place: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    match HeaderValue::try_from(place) {
        Ok(place) => {
            response.headers_mut().insert(header::LOCATION, place);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_GATEWAY,
    }
    response
}

fn no_sign_in(pages: &Pages, headers: &HeaderMap) -> Response<Body> {
    let reading = Reading::by_fields(headers);
    pages.message(StatusCode::NOT_FOUND, reading, &Message::NoSignIn, None)
}

fn failed(pages: &Pages, headers: &HeaderMap, error: &dyn std::error::Error) -> Response<Body> {
    tracing::warn!(%error, "a sign-in to the console came to nothing");
    let reading = Reading::by_fields(headers);
    let message = Message::NotSignedIn(error.to_string());
    pages.message(StatusCode::BAD_REQUEST, reading, &message, None)
}

/// Returns a name for a session that says nothing of it.
fn digest(id: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(id)
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Returns a parameter of a query; none if it is there twice.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name);
    let (_, value) = found.next()?;
    found.next().is_none().then(|| value.into_owned())
}
