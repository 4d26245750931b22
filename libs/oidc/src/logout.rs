//! Logout tokens: how an issuer tells a client that somebody's sign-in has ended (OpenID Connect
//! Back-Channel Logout 1.0, section 2.6).

use jiff::Timestamp;
use serde_json::Value;

use crate::{claims::Claims, object::Object, refusal::Refusal};

/// What stands among the events of a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token that was checked. It names a sign-in, a subject, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutToken {
    session: Option<String>,
    subject: Option<String>,
}

impl LogoutToken {
    pub(crate) fn check(
        kind: Option<&str>,
        mut all: Object,
        issuer: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if !matches!(kind, None | Some("jwt" | "logout+jwt")) {
            return Err(Refusal::Type);
        }
        // What has a nonce is an ID token that somebody would like to be a logout token.
        if all.0.contains_key("nonce") {
            return Err(Refusal::Type);
        }
        let event = all.0.get("events").ok_or(Refusal::Missing("events"))?;
        if !event.get(EVENT).is_some_and(Value::is_object) {
            return Err(Refusal::Unreadable("events"));
        }
        let session = all.text("sid").map(str::to_owned);
        let subject = all.text("sub").map(str::to_owned);
        match (&session, &subject) {
            (None, None) => return Err(Refusal::Missing("sub")),
            // All other kinds of tokens have one, so the checks that all share want it.
            (Some(_), None) => {
                all.0.insert("sub".to_owned(), "of a session".into());
            }
            (_, Some(_)) => {}
        }
        Claims::check(all, issuer, client, now)?;
        Ok(Self { session, subject })
    }

    /// Returns the sign-in that has ended, as ID tokens name it in `sid`.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Returns whose sign-ins have ended; all of them if no session is named.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(change: impl FnOnce(&mut Value)) -> Result<LogoutToken, Refusal> {
        check_as(Some("logout+jwt"), change)
    }

    fn check_as(
        kind: Option<&str>,
        change: impl FnOnce(&mut Value),
    ) -> Result<LogoutToken, Refusal> {
        let mut claims = json!({
            "iss": "https://id.example", "aud": "shop", "iat": 1000, "exp": 1120, "jti": "1",
            "sub": "anna", "sid": "s-1", "events": { EVENT: {} },
        });
        change(&mut claims);
        let all = Object::read(claims.to_string().as_bytes()).unwrap();
        let now = Timestamp::from_second(1001).unwrap();
        LogoutToken::check(kind, all, "https://id.example", "shop", now)
    }

    fn without(name: &str) -> impl FnOnce(&mut Value) {
        move |claims| drop(claims.as_object_mut().unwrap().remove(name))
    }

    #[test]
    fn a_logout_token_names_a_sign_in_or_somebody_or_both() {
        let both = check(|_| {}).unwrap();
        assert_eq!(
            (both.session(), both.subject()),
            (Some("s-1"), Some("anna"))
        );
        let somebody = check(without("sid")).unwrap();
        assert_eq!(
            (somebody.session(), somebody.subject()),
            (None, Some("anna"))
        );
        let sign_in = check(without("sub")).unwrap();
        assert_eq!((sign_in.session(), sign_in.subject()), (Some("s-1"), None));
        assert!(check_as(None, |_| {}).is_ok());
    }

    #[test]
    fn what_is_no_logout_token_of_this_issuer_for_this_client_ends_nothing() {
        type Change = fn(&mut Value);
        let cases: [(Change, Refusal); 8] = [
            (|it| it["nonce"] = "n".into(), Refusal::Type),
            (|it| it["events"] = json!({}), Refusal::Unreadable("events")),
            (
                |it| it["events"] = json!([EVENT]),
                Refusal::Unreadable("events"),
            ),
            (|it| it["iss"] = "https://other".into(), Refusal::Issuer),
            (|it| it["aud"] = "other".into(), Refusal::Audience),
            (|it| it["exp"] = 900.into(), Refusal::Expired),
            (|it| it["iat"] = 5000.into(), Refusal::Future),
            (
                |it| {
                    it.as_object_mut().unwrap().remove("sub");
                    it.as_object_mut().unwrap().remove("sid");
                },
                Refusal::Missing("sub"),
            ),
        ];
        for (change, refusal) in cases {
            assert_eq!(check(change), Err(refusal));
        }
        assert_eq!(check(without("events")), Err(Refusal::Missing("events")));
        for kind in ["at+jwt", "JWE", ""] {
            assert_eq!(check_as(Some(kind), |_| {}), Err(Refusal::Type));
        }
    }
}
