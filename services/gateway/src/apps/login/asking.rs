//! What a request's head says of who asks, and from where.

use contract::{CanonicalPath, PathError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

use super::{
    cookie,
    decide::{Asked, Client, Origin},
    session::{self, Session},
};
use crate::apps::{
    Settings,
    fields::{Passable, Upgrade},
    host::{Address, Scheme},
    refuse::Form,
};

/// The field in which a program shows the session's word against forgery.
pub(in crate::apps) const CSRF: HeaderName = HeaderName::from_static("x-switchover-csrf");

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// What a request says, whenever it is decided about.
#[derive(Debug)]
pub(in crate::apps) struct Asking {
    method: Method,
    path: Result<CanonicalPath, PathError>,
    client: Client,
    origin: Origin,
    csrf: Option<HeaderValue>,
    websocket: bool,
    /// What browsers sent as sessions: sealed, not looked at yet.
    sealed: Vec<String>,
    place: Site,
}

/// Where was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::apps) struct Site {
    /// The host, in its one spelling.
    pub(in crate::apps) host: String,
    /// Scheme, host and port, as users reach it.
    pub(in crate::apps) url: String,
    /// Whose users may sign in here; at a test address the operator's.
    pub(in crate::apps) tenant: String,
}

impl Site {
    pub(in crate::apps) fn of(address: &Address, settings: &Settings) -> Self {
        let (operator, apps) = (&settings.operator, &settings.apps_url);
        Self {
            host: address.host(operator, apps),
            url: apps.of(operator, address),
            tenant: match address {
                Address::User { tenant, .. } => tenant.to_string(),
                Address::Test { .. } => operator.to_string(),
            },
        }
    }
}

/// More cookies of the name are not looked at: a browser has one.
const SESSIONS_MAX: usize = 3;

impl Asking {
    /// Reads a head.
    pub(in crate::apps) fn read<B>(
        request: &Request<B>,
        passable: &Passable,
        address: &Address,
        settings: &Settings,
    ) -> Self {
        let fields = request.headers();
        let websocket = passable.upgrade == Upgrade::WebSocket;
        let sealed = cookie::named(fields, session::COOKIE).take(SESSIONS_MAX);
        Self {
            method: request.method().clone(),
            path: passable.path.path().parse(),
            client: client(fields, websocket),
            origin: origin(fields, settings.apps_url.scheme(), &passable.host),
            csrf: only(fields, &CSRF).and_then(|it| it.ok().cloned()),
            websocket,
            sealed: sealed.map(str::to_owned).collect(),
            place: Site::of(address, settings),
        }
    }

    /// Returns the path, if it can be read in one way only.
    pub(in crate::apps) fn path(&self) -> Option<&CanonicalPath> {
        self.path.as_ref().ok()
    }

    /// Returns where was asked.
    pub(in crate::apps) fn place(&self) -> &Site {
        &self.place
    }

    /// Returns who asks.
    pub(in crate::apps) fn client(&self) -> Client {
        self.client
    }

    /// Returns from where it comes.
    pub(in crate::apps) fn origin(&self) -> Origin {
        self.origin
    }

    /// Returns the first session that opens.
    pub(in crate::apps) fn session(
        &self,
        open: impl Fn(&str) -> Option<Session>,
    ) -> Option<Session> {
        self.sealed.iter().find_map(|sealed| open(sealed))
    }

    /// Tells whether it carries the session's word against forgery.
    pub(in crate::apps) fn has_csrf(&self, session: &Session) -> bool {
        let shown = self.csrf.as_ref();
        shown.is_some_and(|shown| session.has_csrf(shown.as_bytes()))
    }

    /// Returns what is decided by, with the session that lasts now.
    pub(in crate::apps) fn asked<'a>(&'a self, session: Option<&'a Session>) -> Asked<'a> {
        Asked {
            method: &self.method,
            path: self.path.as_ref().map_err(|error| *error),
            session,
            client: self.client,
            origin: self.origin,
            has_csrf: session.is_some_and(|session| self.has_csrf(session)),
            websocket: self.websocket,
        }
    }
}

/// Returns a field's value if it stands once; an error if it stands more than once.
fn only<'f>(fields: &'f HeaderMap, name: &HeaderName) -> Option<Result<&'f HeaderValue, ()>> {
    let mut all = fields.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => None,
        (Some(one), None) => Some(Ok(one)),
        (Some(_), Some(_)) => Some(Err(())),
    }
}

/// Whoever does not name HTML, or fetches in another mode than that of navigations, is a program.
fn client(fields: &HeaderMap, websocket: bool) -> Client {
    let navigates = match only(fields, &FETCH_MODE) {
        None => true,
        Some(Ok(mode)) => mode == "navigate",
        Some(Err(())) => false,
    };
    let by_script = fields
        .get(REQUESTED_WITH)
        .is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"xmlhttprequest"));
    let page = Form::wanted(fields) == Form::Page;
    match page && navigates && !by_script && !websocket {
        true => Client::Navigation,
        false => Client::Program,
    }
}

/// Reads what only browsers can say: a page cannot set either field. The host that the request names is
/// one of ours, so a browser that sent it from the same origin says the same in `Origin`.
fn origin(fields: &HeaderMap, scheme: Scheme, host: &HeaderValue) -> Origin {
    let own = || {
        let host = host.as_bytes().to_ascii_lowercase();
        [scheme.as_str().as_bytes(), b"://", &host].concat()
    };
    let site = only(fields, &FETCH_SITE).map(|site| {
        // `none` is the person: an address typed, or a form sent once more.
        matches!(site, Ok(site) if site == "same-origin" || site == "none")
    });
    let origin = only(fields, &header::ORIGIN).map(
        |origin| matches!(origin, Ok(origin) if origin.as_bytes().to_ascii_lowercase() == own()),
    );
    match (site, origin) {
        (None, None) => Origin::Unsaid,
        (Some(true), Some(true) | None) | (None, Some(true)) => Origin::Same,
        (Some(false), _) | (_, Some(false)) => Origin::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in given {
            fields.append(*name, HeaderValue::from_static(value));
        }
        fields
    }

    #[test]
    fn browsers_that_show_pages_are_told_from_programs() {
        let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        let is = |given: &[_], websocket| client(&fields(given), websocket);
        assert_eq!(is(&[html], false), Client::Navigation);
        assert_eq!(
            is(&[html, ("sec-fetch-mode", "navigate")], false),
            Client::Navigation
        );
        for program in [
            vec![],
            vec![("accept", "*/*")],
            vec![("accept", "application/json")],
            vec![html, ("sec-fetch-mode", "cors")],
            vec![html, ("sec-fetch-mode", "no-cors")],
            vec![
                html,
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-mode", "navigate"),
            ],
            vec![html, ("x-requested-with", "XMLHttpRequest")],
        ] {
            assert_eq!(is(&program, false), Client::Program, "{program:?}");
        }
        assert_eq!(is(&[html], true), Client::Program);
    }

    #[test]
    fn a_request_is_of_the_same_origin_only_if_nothing_speaks_against_it() {
        let host = HeaderValue::from_static("Hall-shop-acme.example.com:8080");
        let own = ("origin", "http://hall-shop-acme.example.com:8080");
        for (given, expected) in [
            (vec![], Origin::Unsaid),
            (vec![own], Origin::Same),
            (vec![("sec-fetch-site", "same-origin")], Origin::Same),
            (vec![("sec-fetch-site", "none")], Origin::Same),
            (vec![own, ("sec-fetch-site", "same-origin")], Origin::Same),
            (vec![own, ("sec-fetch-site", "same-site")], Origin::Other),
            (vec![("sec-fetch-site", "cross-site")], Origin::Other),
            (
                vec![("sec-fetch-site", "none"), ("origin", "null")],
                Origin::Other,
            ),
            (vec![("origin", "null")], Origin::Other),
            (
                vec![("origin", "https://hall-shop-acme.example.com:8080")],
                Origin::Other,
            ),
            (
                vec![("origin", "http://hall-shop-acme.example.com")],
                Origin::Other,
            ),
            (
                vec![("origin", "http://east-shop-acme.example.com:8080")],
                Origin::Other,
            ),
            (vec![own, own], Origin::Other),
        ] {
            let read = origin(&fields(&given), Scheme::Http, &host);
            assert_eq!(read, expected, "{given:?}");
        }
    }
}
