//! The gateway's own paths at the host of an application that requires a login.

use contract::CanonicalPath;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Login,
    asking::Asking,
    cookie,
    decide::{Client, Origin},
    flow,
    known::Ended,
    session::{self, Session},
};
use crate::apps::{body::ResponseBody, refuse::Why};

pub(in crate::apps) use super::flow::sign_in_path;

/// Where users begin to sign in; `return_to` names the path that they come back to.
pub(in crate::apps) const SIGN_IN: &str = "/.switchover/sign-in";
/// Where they are sent back to by the edge.
pub(in crate::apps) const SIGNED_IN: &str = "/.switchover/signed-in";
/// Where they sign out.
pub(in crate::apps) const SIGN_OUT: &str = "/.switchover/sign-out";
/// Below this nothing is passed on where a login is required.
const ALL: &str = "/.switchover";

/// What is asked of the gateway itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::apps) enum Own {
    SignIn,
    SignedIn,
    SignOut,
    /// Who is signed in, for programs.
    Session,
    /// The keys that tell versions who asks.
    Keys,
    /// What there is not.
    Nothing,
}

impl Own {
    /// Reads a path; none if it is the application's.
    pub(in crate::apps) fn of(path: &CanonicalPath) -> Option<Self> {
        let below = path.as_str().strip_prefix(ALL)?;
        Some(match path.as_str() {
            SIGN_IN => Self::SignIn,
            SIGNED_IN => Self::SignedIn,
            SIGN_OUT => Self::SignOut,
            "/.switchover/session" => Self::Session,
            "/.switchover/jwks.json" => Self::Keys,
            _ if below.is_empty() || below.starts_with('/') => Self::Nothing,
            _ => return None,
        })
    }
}

/// A request for the gateway itself.
pub(in crate::apps) struct Visit<'a> {
    pub(in crate::apps) method: &'a Method,
    pub(in crate::apps) asking: &'a Asking,
    /// The session that lasts, if there is one.
    pub(in crate::apps) session: Option<&'a Session>,
    pub(in crate::apps) now: Timestamp,
}

impl Login {
    /// Tells a program who is signed in.
    pub(in crate::apps) fn tell_session(
        &self,
        visit: &Visit<'_>,
    ) -> Result<Response<ResponseBody>, Why> {
        read_only(visit.method)?;
        let answer = match visit.session {
            None => json!({ "signed_in": false, "sign_in": SIGN_IN }),
            Some(session) => json!({
                "signed_in": true,
                "user": session.subject,
                "tenant": session.tenant,
                "roles": session.roles,
                "csrf": session.csrf,
                "expires": session.expires(visit.now).to_string(),
                "ends": session.ends().to_string(),
                "sign_out": SIGN_OUT,
            }),
        };
        let mut response = json_answer(StatusCode::OK, &answer);
        let seen = visit.session.and_then(|session| session.renewed(visit.now));
        if let Some(session) = seen {
            self.show(&session, response.headers_mut(), visit.asking.place());
        }
        Ok(response)
    }

    /// Returns the keys by which versions check who asks.
    pub(in crate::apps) fn tell_keys(
        &self,
        method: &Method,
    ) -> Result<Response<ResponseBody>, Why> {
        read_only(method)?;
        let mut response = json_answer(StatusCode::OK, &self.key_set());
        response.headers_mut().insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        );
        Ok(response)
    }

    /// Ends the session at all gateways, and at the identity provider if it has a place for that. A page of another
    /// site cannot have a browser do it.
    ///
    /// # Errors
    /// Another site's page may have asked for it.
    pub(in crate::apps) async fn sign_out(
        &self,
        visit: &Visit<'_>,
        cookies: &HeaderMap,
    ) -> Result<Response<ResponseBody>, Why> {
        if *visit.method != Method::POST {
            return Err(Why::NothingHere);
        }
        let own = visit.asking.origin() == Origin::Same;
        let shown = visit.session.is_some_and(|it| visit.asking.has_csrf(it));
        if visit.session.is_some() && !own && !shown {
            return Err(Why::ForeignRequest);
        }
        if let Some(session) = visit.session {
            self.end(Ended::Session(session.id.clone()), visit.now)
                .await;
        }
        let onward = self.sign_out_onward(cookies, visit.asking.place()).await;
        let mut response = match visit.asking.client() {
            Client::Navigation => see_other(onward.as_deref().unwrap_or("/")),
            Client::Program => json_answer(
                StatusCode::OK,
                &json!({ "signed_out": true, "continue_at": onward }),
            ),
        };
        let fields = response.headers_mut();
        fields.append(header::SET_COOKIE, cookie::forget(session::COOKIE, "/"));
        fields.append(header::SET_COOKIE, cookie::forget(flow::HINT, SIGN_OUT));
        Ok(response)
    }
}

pub(in crate::apps) fn read_only(method: &Method) -> Result<(), Why> {
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Why::NothingHere),
    }
}

/// Writes JSON that nobody keeps.
pub(in crate::apps) fn json_answer(status: StatusCode, value: &Value) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::own(value.to_string()));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Sends a browser to where it can get what it wanted.
pub(in crate::apps) fn found(place: &str) -> Response<ResponseBody> {
    let mut response = see_other(place);
    *response.status_mut() = StatusCode::FOUND;
    response
}

/// Sends a browser on; what it has sent here stays here.
pub(in crate::apps) fn see_other(place: &str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::own(""));
    *response.status_mut() = StatusCode::SEE_OTHER;
    let fields = response.headers_mut();
    let place = HeaderValue::try_from(place).unwrap_or(HeaderValue::from_static("/"));
    fields.insert(header::LOCATION, place);
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateways_own_paths_are_its_own_in_every_spelling() {
        let own = |path: &str| Own::of(&path.parse().unwrap());
        assert_eq!(own("/.switchover/sign-in"), Some(Own::SignIn));
        assert_eq!(own("/.Switchover/Sign-In/"), Some(Own::SignIn));
        assert_eq!(own("/%2eswitchover/session;x"), Some(Own::Session));
        assert_eq!(own("/.switchover/jwks.json"), Some(Own::Keys));
        assert_eq!(own("/.switchover"), Some(Own::Nothing));
        assert_eq!(own("/.switchover/x"), Some(Own::Nothing));
        assert_eq!(own("/.switchovers"), None);
        assert_eq!(own("/x/.switchover/session"), None);
    }
}
