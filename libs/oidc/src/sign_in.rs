//! The sign-in of people: the authorization-code flow with PKCE, for a client that keeps the tokens away
//! from browsers.

use std::{fmt, time::Duration};

use aws_lc_rs::{digest, rand};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use form_urlencoded::Serializer;
use http::{HeaderValue, StatusCode, Uri};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use crate::{
    Now,
    id::IdToken,
    issuer::Issuer,
    logout::LogoutToken,
    metadata::Metadata,
    object::Object,
    refusal::Refusal,
    web::{Unreachable, WebError},
};

/// The most bytes of a code that is sent on.
const CODE_MAX: usize = 4096;
/// The longest time for which an access token is said to be good.
const LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a sign-in came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The answer is not to the sign-in that was begun here.
    #[error("this answer belongs to another sign-in: begin again")]
    State,
    /// Another issuer answered, or one that should have named itself did not.
    #[error("the answer does not come from the issuer that was asked")]
    Issuer,
    /// The issuer lacks what is needed.
    #[error("the issuer does not say where its {0} is")]
    Lacks(&'static str),
    /// The issuer does not answer.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The issuer says no: a short code such as `invalid_grant`.
    #[error("the issuer refused: {0}")]
    Refused(String),
    /// The ID token is not to be believed.
    #[error("the issuer's ID token is not to be believed: {0}")]
    Token(#[from] Refusal),
}

/// How a client proves who it is to the issuer.
#[derive(Debug, Clone)]
pub enum ClientKey {
    /// Not at all: a public client, whose sign-ins are kept apart by PKCE alone.
    Public,
    /// By a secret.
    Secret(SecretString),
}

/// A client of an issuer, by which people sign in.
#[derive(Debug, Clone)]
pub struct Client {
    issuer: Issuer,
    id: String,
    key: ClientKey,
    redirect: String,
    scopes: Vec<String>,
    resource: Option<String>,
}

/// A sign-in that was begun. Keep it for the browser that began it and no other; it is good for one
/// answer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attempt {
    state: String,
    nonce: String,
    verifier: String,
}

impl Attempt {
    fn draw() -> Self {
        let text = || {
            let mut bytes = [0; 32];
            rand::fill(&mut bytes).expect("the system has random bytes");
            URL_SAFE_NO_PAD.encode(bytes)
        };
        Self {
            state: text(),
            nonce: text(),
            verifier: text(),
        }
    }

    /// Returns what comes back with the answer, by which the attempt is found again.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.verifier.as_bytes()))
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(…)")
    }
}

/// What a browser brings back from the issuer.
#[derive(Clone, Copy)]
pub struct Callback<'a> {
    /// `code`.
    pub code: &'a str,
    /// `state`.
    pub state: &'a str,
    /// `iss`, if it is there.
    pub issuer: Option<&'a str>,
}

/// What an issuer gave.
#[derive(Clone)]
pub struct Tokens {
    /// By which the API is called.
    pub access: SecretString,
    /// Until when, as the issuer says.
    pub access_ends: Option<Timestamp>,
    /// By which more are had; if none is given by a refresh, the one before stays good.
    pub refresh: Option<SecretString>,
    /// The ID token, for the sign-out.
    pub id: Option<SecretString>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens(until {:?}, …)", self.access_ends)
    }
}

impl Client {
    /// A client with this id, to which browsers come back at `redirect`. Asks for the scope `openid`.
    #[must_use]
    pub fn new(
        issuer: &Issuer,
        id: impl Into<String>,
        key: ClientKey,
        redirect: impl Into<String>,
    ) -> Self {
        Self {
            issuer: issuer.clone(),
            id: id.into(),
            key,
            redirect: redirect.into(),
            scopes: vec!["openid".to_owned()],
            resource: None,
        }
    }

    /// Asks for more scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, more: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(more.into_iter().map(Into::into));
        self.scopes.dedup();
        self
    }

    /// Says for which API the access token shall be (RFC 8707), where the issuer needs to be told.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Returns its issuer.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Begins a sign-in: returns where to send the browser, and what to keep for its return.
    ///
    /// # Errors
    /// The issuer does not answer, or has no place for it.
    pub async fn begin(&self, now: Now) -> Result<(String, Attempt), SignInError> {
        self.begin_with(Attempt::draw(), now).await
    }

    /// Begins a sign-in as [`Client::begin`] does, with a `state` that says more than which attempt it is:
    /// where several hosts share one place to come back to, which of them began. It is to be a text
    /// that nobody else could have made, no two alike.
    ///
    /// # Errors
    /// The issuer does not answer, or has no place for it.
    pub async fn begin_as(
        &self,
        state: String,
        now: Now,
    ) -> Result<(String, Attempt), SignInError> {
        let attempt = Attempt {
            state,
            ..Attempt::draw()
        };
        self.begin_with(attempt, now).await
    }

    async fn begin_with(
        &self,
        attempt: Attempt,
        now: Now,
    ) -> Result<(String, Attempt), SignInError> {
        let metadata = self.issuer.metadata(now).await?;
        let place = metadata
            .authorization
            .ok_or(SignInError::Lacks("authorization endpoint"))?;
        let mut form = Serializer::new(String::new());
        form.append_pair("response_type", "code")
            .append_pair("client_id", &self.id)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("scope", &self.scopes.join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        if let Some(resource) = &self.resource {
            form.append_pair("resource", resource);
        }
        Ok((with_query(&place, &form.finish()), attempt))
    }

    /// Ends a sign-in: exchanges the code, and checks who has signed in.
    ///
    /// # Errors
    /// The answer is not to this attempt, or the issuer refuses or is not to be believed.
    pub async fn finish(
        &self,
        attempt: &Attempt,
        callback: Callback<'_>,
        now: Now,
    ) -> Result<(Tokens, IdToken), SignInError> {
        let same = callback.state.as_bytes().ct_eq(attempt.state.as_bytes());
        if !bool::from(same) {
            return Err(SignInError::State);
        }
        let metadata = self.issuer.metadata(now).await?;
        match callback.issuer {
            Some(issuer) if issuer != self.issuer.url().as_str() => {
                return Err(SignInError::Issuer);
            }
            None if metadata.names_itself => return Err(SignInError::Issuer),
            Some(_) | None => {}
        }
        if callback.code.is_empty() || callback.code.len() > CODE_MAX {
            return Err(SignInError::State);
        }
        let tokens = self
            .ask(
                &metadata,
                &[
                    ("grant_type", "authorization_code"),
                    ("code", callback.code),
                    ("redirect_uri", &self.redirect),
                    ("code_verifier", &attempt.verifier),
                ],
                now,
            )
            .await?;
        let id = tokens.id.as_ref().ok_or(Refusal::Missing("id_token"))?;
        let nonce = Some(attempt.nonce.as_str());
        let checked = self
            .issuer
            .id_token(id.expose_secret(), &self.id, nonce, now)
            .await?;
        Ok((tokens, checked))
    }

    /// Has new tokens for a sign-in of this subject.
    ///
    /// # Errors
    /// The issuer refuses (the sign-in has ended), is not to be believed, or does not answer.
    pub async fn refresh(
        &self,
        refresh: &SecretString,
        subject: &str,
        now: Now,
    ) -> Result<Tokens, SignInError> {
        let metadata = self.issuer.metadata(now).await?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
        ];
        let tokens = self.ask(&metadata, &form, now).await?;
        if let Some(id) = &tokens.id {
            let id = id.expose_secret();
            let checked = self.issuer.id_token(id, &self.id, None, now).await?;
            if checked.subject() != subject {
                return Err(Refusal::Unreadable("sub").into());
            }
        }
        Ok(tokens)
    }

    /// Checks a logout token of the issuer for this client.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn logout_token(&self, token: &str, now: Now) -> Result<LogoutToken, Refusal> {
        self.issuer.logout_token(token, &self.id, now).await
    }

    /// Returns where to send a browser to sign out of the issuer too, if the issuer has such a place.
    ///
    /// # Errors
    /// The issuer does not answer.
    pub async fn end_session(
        &self,
        id_token: Option<&SecretString>,
        back_to: &str,
        now: Now,
    ) -> Result<Option<String>, SignInError> {
        let metadata = self.issuer.metadata(now).await?;
        Ok(metadata.end_session.map(|place| {
            let mut form = Serializer::new(String::new());
            form.append_pair("client_id", &self.id)
                .append_pair("post_logout_redirect_uri", back_to);
            if let Some(token) = id_token {
                form.append_pair("id_token_hint", token.expose_secret());
            }
            with_query(&place, &form.finish())
        }))
    }

    /// Returns what is asked, and by which field the client proves who it is, if by one.
    fn form(&self, metadata: &Metadata, pairs: &[(&str, &str)]) -> (String, Option<HeaderValue>) {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(pairs);
        if let Some(resource) = &self.resource {
            form.append_pair("resource", resource);
        }
        let authorization = match &self.key {
            ClientKey::Public => {
                form.append_pair("client_id", &self.id);
                None
            }
            ClientKey::Secret(secret) if metadata.secret_in_form => {
                form.append_pair("client_id", &self.id)
                    .append_pair("client_secret", secret.expose_secret());
                None
            }
            ClientKey::Secret(secret) => Some(basic(&self.id, secret)),
        };
        (form.finish(), authorization)
    }

    async fn ask(
        &self,
        metadata: &Metadata,
        pairs: &[(&str, &str)],
        now: Now,
    ) -> Result<Tokens, SignInError> {
        let place = metadata.token.as_ref();
        let place = place.ok_or(SignInError::Lacks("token endpoint"))?;
        let (form, authorization) = self.form(metadata, pairs);
        let wrong = |why| Unreachable::new("the tokens", why);
        let web = self.issuer.web();
        let answer = web.post(place, form, authorization).await;
        let answer = answer.map_err(wrong)?;
        let document = Object::read(&answer.body);
        match (answer.status, document) {
            (StatusCode::OK, Some(document)) => tokens(&document, now)
                .ok_or_else(|| wrong(WebError::Answer("no bearer token is in the answer")).into()),
            (StatusCode::OK, None) => {
                Err(wrong(WebError::Answer("the answer is not a JSON object")).into())
            }
            (status, Some(document)) if status.is_client_error() => {
                Err(SignInError::Refused(code(document.text("error"))))
            }
            (status, _) => Err(wrong(WebError::Status(status.as_u16())).into()),
        }
    }
}

fn tokens(document: &Object, now: Now) -> Option<Tokens> {
    let bearer = document
        .text("token_type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let secret = |name| document.text(name).map(SecretString::from);
    let lasts = document.0.get("expires_in").and_then(Value::as_u64);
    let lasts = lasts.map(|seconds| Duration::from_secs(seconds).min(LIFE_MAX));
    Some(Tokens {
        access: secret("access_token").filter(|_| bearer)?,
        access_ends: lasts.and_then(|lasts| now.time.checked_add(lasts).ok()),
        refresh: secret("refresh_token"),
        id: secret("id_token"),
    })
}

/// The issuer's word for what is wrong, if it is one.
fn code(text: Option<&str>) -> String {
    let fits = |text: &&str| {
        (1..=60).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    text.filter(fits).unwrap_or("no reason given").to_owned()
}

/// RFC 6749, section 2.3.1: both are form-encoded before they are joined.
fn basic(id: &str, secret: &SecretString) -> HeaderValue {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(id), encode(secret.expose_secret()));
    let value = format!("Basic {}", STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(value).expect("base64 is printable ASCII");
    value.set_sensitive(true);
    value
}

fn with_query(place: &Uri, query: &str) -> String {
    let sign = if place.query().is_some() { '&' } else { '?' };
    format!("{place}{sign}{query}")
}
