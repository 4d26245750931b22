//! How people sign in: from the host of an application to the identity provider, back to the one place at
//! the edge that it knows, and from there to the host where they began.
//!
//! The edge learns from the sealed `state` where that was, and hands on the provider's answer sealed for
//! that host, for half a minute. Only the browser that began can end it: what the code is exchanged with
//! is in a cookie of the host. So nobody can be signed in as somebody else by a link, and no token
//! passes the edge or stands in an address.

use std::time::Duration;

use axum::extract::Query;
use http::{HeaderMap, HeaderValue, Response, Uri, header, uri::PathAndQuery};
use jiff::Timestamp;
use oidc::{Attempt, Callback, IdToken, Now, SignInError, Tokens};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{
    Login, Site, cookie,
    own::{SIGN_IN, SIGN_OUT, SIGNED_IN, see_other},
    session::{Session, Who},
};
use crate::apps::{body::ResponseBody, refuse::Why};

/// Keeps the provider's token for the sign-out; sent nowhere else.
pub(super) const HINT: &str = "__Secure-switchover-sign-out";
/// Keeps one attempt to sign in; more of the name follows, so that tabs do not disturb each other.
const ATTEMPT: &str = "__Host-switchover-sign-in-";
/// How long an attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(10 * 60);
/// How long the way from the edge to the host may take.
const RELAY_MAX: Duration = Duration::from_secs(30);
/// The most attempts of one browser at one host; before one more, all are forgotten.
const ATTEMPTS_MAX: usize = 5;
/// The longest path to which somebody comes back.
const RETURN_MAX: usize = 1500;
/// The most roles of somebody, and the longest that is taken for one.
const ROLES_MAX: usize = 100;
const ROLE_MAX: usize = 50;
/// The largest token that a cookie keeps.
const HINT_MAX: usize = 2700;

/// Where users sign in.
#[derive(Debug, Clone)]
pub struct Provider {
    /// As what the gateways are known there.
    pub client: oidc::Client,
    /// The claim that names a user's tenant.
    pub tenant_claim: String,
    /// The claim that lists a user's roles.
    pub roles_claim: String,
    /// Where browsers go once they have signed out.
    pub signed_out: String,
}

/// What `state` stands for: where the sign-in began.
#[derive(Serialize, Deserialize)]
struct State {
    host: String,
    url: String,
    at: i64,
}

/// What the browser keeps until it comes back.
#[derive(Serialize, Deserialize)]
struct Begun {
    attempt: Attempt,
    return_to: String,
    at: i64,
}

/// What the edge hands on.
#[derive(Serialize, Deserialize)]
struct Answer {
    code: String,
    state: String,
    iss: Option<String>,
    error: Option<String>,
    at: i64,
}

/// What a browser brings back to the edge from the provider.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Relay {
    code: String,
    state: String,
    iss: Option<String>,
    error: Option<String>,
}

#[cfg(test)]
impl Relay {
    pub(in crate::apps) fn of(code: &str, state: &str, issuer: &str) -> Self {
        Self {
            code: code.to_owned(),
            state: state.to_owned(),
            iss: Some(issuer.to_owned()),
            error: None,
        }
    }
}

/// What comes with the paths of the host.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    return_to: String,
    answer: String,
}

impl Login {
    /// Begins a sign-in: sends the browser to the provider.
    ///
    /// # Errors
    /// There is no provider, or it does not answer.
    pub(in crate::apps) async fn begin_sign_in(
        &self,
        place: &Site,
        uri: &Uri,
        cookies: &HeaderMap,
        session: Option<&Session>,
    ) -> Result<Response<ResponseBody>, Why> {
        let return_to = return_path(&asked(uri).return_to);
        if session.is_some() {
            return Ok(see_other(&return_to));
        }
        let provider = self.0.provider.as_ref().ok_or(Why::LoginNotSetUp)?;
        let at = self.now().as_second();
        let state = State {
            host: place.host.clone(),
            url: place.url.clone(),
            at,
        };
        let state = self.sealed("login state", &state);
        let begun = provider.client.begin_as(state, self.oidc_now()).await;
        let (url, attempt) = begun.map_err(|error| failed(&error, place))?;
        let name = attempt_cookie(attempt.state());
        let begun = self.sealed(
            &format!("login attempt at {}", place.host),
            &Begun {
                attempt,
                return_to,
                at,
            },
        );
        let mut response = see_other(&url);
        let fields = response.headers_mut();
        let others = || cookie::all(cookies).filter_map(|it| Some(it.split_once('=')?.0));
        let others = || others().filter(|name| name.starts_with(ATTEMPT));
        if others().count() >= ATTEMPTS_MAX {
            for other in others() {
                fields.append(header::SET_COOKIE, cookie::forget(other, "/"));
            }
        }
        let seconds = i64::try_from(ATTEMPT_MAX.as_secs()).unwrap_or_default();
        fields.append(header::SET_COOKIE, cookie::set(&name, &begun, "/", seconds));
        Ok(response)
    }

    /// Returns where the edge sends a browser that comes from the provider; none if it has not begun here,
    /// or too long ago.
    pub(crate) fn relay(&self, relay: Relay) -> Option<String> {
        let state: State = self.opened("login state", &relay.state)?;
        let now = self.now();
        if !young(state.at, now, ATTEMPT_MAX) {
            return None;
        }
        let answer = Answer {
            code: relay.code,
            state: relay.state,
            iss: relay.iss,
            error: relay.error,
            at: now.as_second(),
        };
        let sealed = self.sealed(&format!("login answer at {}", state.host), &answer);
        Some(format!("{}{SIGNED_IN}?answer={sealed}", state.url))
    }

    /// Ends a sign-in: gives the browser its session, and sends it where it wanted to go.
    ///
    /// # Errors
    /// The browser has not begun it here, the provider refuses or does not answer, or who has signed in is
    /// no user of this tenant.
    pub(in crate::apps) async fn end_sign_in(
        &self,
        place: &Site,
        uri: &Uri,
        cookies: &HeaderMap,
    ) -> Result<Response<ResponseBody>, Why> {
        let provider = self.0.provider.as_ref().ok_or(Why::LoginNotSetUp)?;
        let now = self.now();
        let answer: Option<Answer> = self.opened(
            &format!("login answer at {}", place.host),
            &asked(uri).answer,
        );
        let answer = answer.filter(|answer| young(answer.at, now, RELAY_MAX));
        let answer = answer.ok_or(Why::SignInFailed)?;
        let name = attempt_cookie(&answer.state);
        let purpose = format!("login attempt at {}", place.host);
        let begun = cookie::named(cookies, &name).find_map(|it| self.opened::<Begun>(&purpose, it));
        let begun = begun.filter(|begun| young(begun.at, now, ATTEMPT_MAX));
        let begun = begun.ok_or(Why::SignInFailed)?;
        if let Some(error) = answer.error {
            tracing::warn!(
                host = place.host,
                error = code(&error),
                "the identity provider let nobody sign in"
            );
            return Err(Why::SignInFailed);
        }
        let callback = Callback {
            code: &answer.code,
            state: &answer.state,
            issuer: answer.iss.as_deref(),
        };
        let finished = provider
            .client
            .finish(&begun.attempt, callback, self.oidc_now());
        let (tokens, id) = finished.await.map_err(|error| failed(&error, place))?;
        let session = Session::begin(provider.who(&id, place)?, now);
        let mut response = see_other(&begun.return_to);
        let fields = response.headers_mut();
        fields.append(header::SET_COOKIE, cookie::forget(&name, "/"));
        if let Some(hint) = self.hint(&tokens, place) {
            fields.append(header::SET_COOKIE, hint);
        }
        if !self.show(&session, fields, place) {
            tracing::error!(host = place.host, "a user has too many roles for a session");
            return Err(Why::SignInFailed);
        }
        tracing::info!(host = place.host, "a user signed in");
        Ok(response)
    }

    /// Returns where to sign out of the provider; without such a place, the edge's page about it.
    pub(super) async fn sign_out_onward(
        &self,
        cookies: &HeaderMap,
        place: &Site,
    ) -> Option<String> {
        let provider = self.0.provider.as_ref()?;
        let purpose = format!("login token at {}", place.host);
        let hint = cookie::named(cookies, HINT).find_map(|it| self.opened::<String>(&purpose, it));
        let hint = hint.map(SecretString::from);
        let back = &provider.signed_out;
        let ended = provider
            .client
            .end_session(hint.as_ref(), back, self.oidc_now());
        match ended.await {
            Ok(Some(place)) => Some(place),
            Ok(None) => Some(back.clone()),
            Err(error) => {
                tracing::warn!(%error, "nobody can be signed out of the identity provider now");
                Some(back.clone())
            }
        }
    }

    /// Ends what a logout token of the provider is about.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(crate) async fn logout(&self, token: &str) -> Result<(), oidc::Refusal> {
        let provider = self.0.provider.as_ref().ok_or(oidc::Refusal::NoKeys)?;
        let token = provider.client.logout_token(token, self.oidc_now()).await?;
        let ended = match (token.session(), token.subject()) {
            (Some(session), _) => super::Ended::ProviderSession(session.to_owned()),
            (None, Some(subject)) => super::Ended::Subject(subject.to_owned()),
            (None, None) => return Err(oidc::Refusal::Missing("sub")),
        };
        self.end(ended, self.now()).await;
        tracing::info!("the identity provider ended a sign-in");
        Ok(())
    }

    fn hint(&self, tokens: &Tokens, place: &Site) -> Option<HeaderValue> {
        let token = tokens.id.as_ref()?.expose_secret();
        if token.len() > HINT_MAX {
            return None;
        }
        let sealed = self.sealed(&format!("login token at {}", place.host), &token);
        let seconds = i64::try_from(super::session::LIFETIME.as_secs()).ok()?;
        Some(cookie::set(HINT, &sealed, SIGN_OUT, seconds))
    }

    fn sealed(&self, purpose: &str, value: &impl Serialize) -> String {
        let plain = serde_json::to_vec(value).expect("texts and numbers only");
        self.0.seal.seal(purpose, &plain)
    }

    fn opened<T: DeserializeOwned>(&self, purpose: &str, sealed: &str) -> Option<T> {
        let plain = self.0.seal.open(purpose, sealed).ok()?;
        serde_json::from_slice(plain.expose_secret()).ok()
    }

    fn oidc_now(&self) -> Now {
        Now {
            time: self.0.clock.now(),
            instant: self.0.clock.instant(),
        }
    }
}

impl Provider {
    /// Reads who has signed in, if they may here.
    fn who(&self, id: &IdToken, place: &Site) -> Result<Who, Why> {
        let tenant = id.text(&self.tenant_claim);
        if tenant != Some(place.tenant.as_str()) {
            tracing::warn!(
                host = place.host,
                named = tenant.is_some(),
                "somebody signed in who is no user of this tenant"
            );
            return Err(Why::OtherTenant);
        }
        let fits = |role: &String| {
            (1..=ROLE_MAX).contains(&role.len())
                && role
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        let roles = id.texts(&self.roles_claim).into_iter().filter(fits);
        Ok(Who {
            subject: id.subject().to_owned(),
            tenant: place.tenant.clone(),
            roles: roles.take(ROLES_MAX).collect(),
            provider_session: id.text("sid").map(str::to_owned),
        })
    }
}

/// Returns where somebody who is to sign in is sent first, to come back to this path.
pub(in crate::apps) fn sign_in_path(wanted: &PathAndQuery) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let wanted = return_path(wanted.as_str());
    query.append_pair("return_to", &wanted);
    format!("{SIGN_IN}?{}", query.finish())
}

/// Returns a path of this host and nothing else: where it could be read as another place, the root.
fn return_path(wanted: &str) -> String {
    let own = wanted.starts_with('/')
        && !wanted.starts_with("//")
        && wanted.len() <= RETURN_MAX
        && wanted.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && wanted.parse::<PathAndQuery>().is_ok();
    // Back to the sign-in would be in a circle.
    let circle = wanted.to_ascii_lowercase().starts_with("/.switchover");
    match own && !circle {
        true => wanted.to_owned(),
        false => "/".to_owned(),
    }
}

fn asked(uri: &Uri) -> Asked {
    Query::try_from_uri(uri).map_or_else(|_| Asked::default(), |Query(asked)| asked)
}

/// Tells whether something of then is no older than it may be.
fn young(at: i64, now: Timestamp, most: Duration) -> bool {
    let age = now.as_second() - at;
    // Another gateway's clock may be ahead.
    age >= -60 && age < i64::try_from(most.as_secs()).unwrap_or(i64::MAX)
}

fn attempt_cookie(state: &str) -> String {
    let digest = Sha256::digest(state);
    let short: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{ATTEMPT}{short}")
}

fn failed(error: &SignInError, place: &Site) -> Why {
    tracing::warn!(host = place.host, %error, "a sign-in failed");
    match error {
        SignInError::Unreachable(_) | SignInError::Lacks(_) => Why::ProviderAway,
        SignInError::State
        | SignInError::Issuer
        | SignInError::Refused(_)
        | SignInError::Token(_) => Why::SignInFailed,
    }
}

/// The provider's word for what is wrong, if it is one.
fn code(text: &str) -> &str {
    let fits = text.len() <= 60 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if fits { text } else { "no reason given" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_back_to_a_path_of_the_same_host_and_to_nothing_else() {
        for path in ["/", "/a/b?c=d&e=%2f", "/x;y", "/@evil.example"] {
            assert_eq!(return_path(path), path);
        }
        let long = format!("/{}", "a".repeat(RETURN_MAX));
        for odd in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "/a\\b",
            "\\/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x",
            "/ä",
            "/.switchover/sign-in",
            "/.Switchover/sign-out",
            &long,
        ] {
            assert_eq!(return_path(odd), "/", "{odd}");
        }
        let place = sign_in_path(&"/a?b=c&d".parse().unwrap());
        assert_eq!(place, "/.switchover/sign-in?return_to=%2Fa%3Fb%3Dc%26d");
        assert_eq!(asked(&place.parse().unwrap()).return_to, "/a?b=c&d");
    }

    #[test]
    fn what_is_too_old_is_no_longer_taken() {
        let now = Timestamp::from_second(1000).unwrap();
        assert!(young(1000, now, RELAY_MAX) && young(971, now, RELAY_MAX));
        assert!(!young(970, now, RELAY_MAX));
        assert!(young(1060, now, RELAY_MAX) && !young(1061, now, RELAY_MAX));
    }
}
