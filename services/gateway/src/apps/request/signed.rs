//! Requests of somebody who has signed in, and requests for the gateway itself.

use http::Response;

use super::{Own, Refused, Seen, Site, Visit};
use crate::apps::{DataPlane, body::ResponseBody, login::Session};

/// As whose a request passes where a login is required.
pub(in crate::apps) struct Signed {
    pub(in crate::apps) place: Site,
    /// None: as nobody's.
    pub(in crate::apps) session: Option<Session>,
}

impl Signed {
    /// Has the browser keep the session, as seen now, from time to time.
    pub(in crate::apps) fn renew(&self, plane: &DataPlane, response: &mut Response<ResponseBody>) {
        let login = &plane.inner().login;
        let seen = self.session.as_ref().and_then(|it| it.renewed(login.now()));
        if let Some(session) = seen {
            login.show(&session, response.headers_mut(), &self.place);
        }
    }
}

/// Returns what is asked of the gateway itself. Where no login is required, all paths but the testers' are
/// the application's.
pub(super) fn own_path(seen: &Seen<'_>) -> Option<Own> {
    let snapshot = seen.plane.inner().snapshot.load();
    let route = snapshot.routes.get(seen.address.application())?;
    route.login.as_ref()?;
    Own::of(seen.asking().path()?)
}

impl Own {
    /// Answers in the application's place. No gate is looked at: nothing here reaches a version.
    pub(super) async fn answer(self, seen: &Seen<'_>) -> Result<Response<ResponseBody>, Refused> {
        let (asking, login) = (seen.asking(), &seen.plane.inner().login);
        let (method, uri) = (seen.request.method(), seen.request.uri());
        let fields = seen.request.headers();
        let now = login.now();
        let session = login.session(asking, now);
        let visit = Visit {
            method,
            asking,
            session: session.as_ref(),
            now,
        };
        let answer = match self {
            Self::Session => login.tell_session(&visit),
            Self::Keys => login.tell_keys(method),
            Self::SignOut => login.sign_out(&visit, fields).await,
            Self::SignIn => match super::own::read_only(method) {
                Ok(()) => {
                    let begun = login.begin_sign_in(asking.place(), uri, fields, visit.session);
                    Box::pin(begun).await
                }
                Err(why) => Err(why),
            },
            Self::SignedIn => match super::own::read_only(method) {
                Ok(()) => Box::pin(login.end_sign_in(asking.place(), uri, fields)).await,
                Err(why) => Err(why),
            },
            Self::Nothing => Err(crate::apps::refuse::Why::NothingHere),
        };
        answer.map_err(|why| seen.failed(why))
    }
}
