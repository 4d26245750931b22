//! Whether a request may pass: a pure function of the policy and of what is known of the request.

use contract::{CanonicalPath, PathError};
use http::Method;

use super::{
    policy::{LoginPolicy, Needs},
    session::Session,
};

/// What is known of a request.
#[derive(Debug)]
pub(in crate::apps) struct Asked<'a> {
    pub(in crate::apps) method: &'a Method,
    pub(in crate::apps) path: Result<&'a CanonicalPath, PathError>,
    /// Who has signed in; a session that lasts and is of this host.
    pub(in crate::apps) session: Option<&'a Session>,
    pub(in crate::apps) client: Client,
    pub(in crate::apps) origin: Origin,
    /// It carries the session's word against forgery.
    pub(in crate::apps) has_csrf: bool,
    /// It is to become a WebSocket.
    pub(in crate::apps) websocket: bool,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::apps) enum Client {
    /// A browser that shows what comes back as a page.
    Navigation,
    /// A program: a script of a page, or no browser at all.
    Program,
}

/// From whose page a request comes, as the browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::apps) enum Origin {
    /// From the application's own, or from the person.
    Same,
    /// From another one.
    Other,
    /// Nothing is said of it.
    Unsaid,
}

/// Why a request does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::apps) enum Stop<'p> {
    /// Its sender has to sign in first.
    SignIn(Ask),
    /// Its sender lacks this role.
    RoleMissing(&'p str),
    /// Another site's page may have had the browser send it.
    Foreign,
    /// Its path can be read in several ways.
    NoPath(PathError),
}

/// As whose a request passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::apps) enum Passed {
    /// As nobody's.
    Anonymous,
    /// As that of whom the session is.
    SignedIn,
}

/// How somebody is asked to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::apps) enum Ask {
    /// The browser is sent there.
    Redirect,
    /// A page says so: sent on, the browser would lose what was to be sent here.
    Page,
    /// An answer for a program.
    Program,
}

impl Asked<'_> {
    /// Tells whether a browser could be made to send it by another site's page, to an effect.
    fn may_be_forged(&self) -> bool {
        let safe = matches!(*self.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let effect = !safe || self.websocket;
        effect && self.origin != Origin::Same && !self.has_csrf
    }

    fn way(&self) -> Ask {
        match (self.client, self.method) {
            (Client::Program, _) => Ask::Program,
            (Client::Navigation, &Method::GET | &Method::HEAD) => Ask::Redirect,
            (Client::Navigation, _) => Ask::Page,
        }
    }
}

/// Decides, touches nothing.
pub(in crate::apps) fn decide<'p>(
    policy: &'p LoginPolicy,
    asked: &Asked<'_>,
) -> Result<Passed, Stop<'p>> {
    let path = match asked.path {
        Ok(path) => path,
        Err(why) => return Err(Stop::NoPath(why)),
    };
    match (policy.needs(asked.method, path), asked.session) {
        // What anybody may send does nothing in somebody's name that they did not send.
        (Needs::Nothing, Some(_)) if !asked.may_be_forged() => Ok(Passed::SignedIn),
        (Needs::Nothing, Some(_) | None) => Ok(Passed::Anonymous),
        (Needs::SignedIn | Needs::Role(_), None) => Err(Stop::SignIn(asked.way())),
        (Needs::SignedIn | Needs::Role(_), Some(_)) if asked.may_be_forged() => Err(Stop::Foreign),
        (Needs::SignedIn, Some(_)) => Ok(Passed::SignedIn),
        (Needs::Role(role), Some(session)) => {
            let has = session.roles.iter().any(|it| **it == **role);
            match has {
                true => Ok(Passed::SignedIn),
                false => Err(Stop::RoleMissing(role)),
            }
        }
    }
}

#[cfg(test)]
pub(in crate::apps) mod tests {
    use super::{super::session::tests::session, *};
    use crate::apps::LoginRule;

    pub(in crate::apps) fn policy() -> LoginPolicy {
        let rule = |prefix: &str, needs| LoginRule {
            prefix: prefix.parse().unwrap(),
            methods: Vec::new(),
            needs,
        };
        LoginPolicy {
            rules: vec![
                rule("/open", Needs::Nothing),
                rule("/admin", Needs::Role("admin".into())),
            ],
        }
    }

    struct Case<'a> {
        method: Method,
        path: &'a str,
        session: Option<&'a Session>,
        client: Client,
        origin: Origin,
        has_csrf: bool,
        websocket: bool,
    }

    fn get<'a>(path: &'a str, session: Option<&'a Session>) -> Case<'a> {
        Case {
            method: Method::GET,
            path,
            session,
            client: Client::Navigation,
            origin: Origin::Unsaid,
            has_csrf: false,
            websocket: false,
        }
    }

    fn said(case: &Case<'_>) -> String {
        let path = case.path.parse::<CanonicalPath>();
        let asked = Asked {
            method: &case.method,
            path: path.as_ref().map_err(|error| *error),
            session: case.session,
            client: case.client,
            origin: case.origin,
            has_csrf: case.has_csrf,
            websocket: case.websocket,
        };
        format!("{:?}", decide(&policy(), &asked))
    }

    #[test]
    fn whoever_is_not_signed_in_is_asked_to_in_a_way_that_they_understand() {
        assert_eq!(said(&get("/", None)), "Err(SignIn(Redirect))");
        let program = Client::Program;
        let case = Case {
            client: program,
            ..get("/", None)
        };
        assert_eq!(said(&case), "Err(SignIn(Program))");
        let case = Case {
            method: Method::POST,
            ..get("/", None)
        };
        assert_eq!(said(&case), "Err(SignIn(Page))");
        assert_eq!(said(&get("/admin", None)), "Err(SignIn(Redirect))");
        assert_eq!(said(&get("/open", None)), "Ok(Anonymous)");
        assert_eq!(said(&get("/open/..;/admin", None)), "Err(NoPath(Segment))");
    }

    #[test]
    fn a_role_is_asked_for_where_a_rule_says_so_in_any_spelling() {
        let (clerk, admin) = (session(&["clerk"]), session(&["clerk", "admin"]));
        assert_eq!(said(&get("/", Some(&clerk))), "Ok(SignedIn)");
        for path in ["/admin", "/Admin/x", "/%61dmin;x=1/"] {
            assert_eq!(
                said(&get(path, Some(&clerk))),
                "Err(RoleMissing(\"admin\"))",
                "{path}"
            );
            assert_eq!(said(&get(path, Some(&admin))), "Ok(SignedIn)", "{path}");
        }
    }

    #[test]
    fn what_another_sites_page_may_have_sent_does_nothing_in_ones_name() {
        let admin = session(&["admin"]);
        let post = |path, origin, has_csrf| {
            said(&Case {
                method: Method::POST,
                origin,
                has_csrf,
                ..get(path, Some(&admin))
            })
        };
        for origin in [Origin::Other, Origin::Unsaid] {
            assert_eq!(post("/", origin, false), "Err(Foreign)");
            assert_eq!(post("/admin", origin, false), "Err(Foreign)");
            assert_eq!(post("/open", origin, false), "Ok(Anonymous)");
            assert_eq!(post("/", origin, true), "Ok(SignedIn)");
            assert_eq!(post("/open", origin, true), "Ok(SignedIn)");
        }
        assert_eq!(post("/", Origin::Same, false), "Ok(SignedIn)");
        let socket = |origin| Case {
            websocket: true,
            origin,
            ..get("/", Some(&admin))
        };
        assert_eq!(said(&socket(Origin::Other)), "Err(Foreign)");
        assert_eq!(said(&socket(Origin::Unsaid)), "Err(Foreign)");
        assert_eq!(said(&socket(Origin::Same)), "Ok(SignedIn)");
        let link = Case {
            origin: Origin::Other,
            ..get("/", Some(&admin))
        };
        assert_eq!(
            said(&link),
            "Ok(SignedIn)",
            "a link from elsewhere is followed"
        );
    }
}
