//! Access tokens: by which somebody calls an API (RFC 9068, and what issuers made before it).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{claims::Claims, object::Object, refusal::Refusal};

/// How long a token may be valid in all, unless somebody allows more.
pub const LIFETIME_MAX: Duration = Duration::from_secs(15 * 60);

/// Claims that only ID tokens have: they bind to a sign-in of a browser.
const OF_ID_TOKENS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// Which access tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRules {
    audience: String,
    lifetime_max: Duration,
}

impl AccessRules {
    /// Tokens that are for this audience, and valid for at most [`LIFETIME_MAX`].
    #[must_use]
    pub fn new(audience: impl Into<String>) -> Self {
        Self {
            audience: audience.into(),
            lifetime_max: LIFETIME_MAX,
        }
    }

    /// Sets for how long a token may be valid in all.
    #[must_use]
    pub fn lifetime_max(mut self, limit: Duration) -> Self {
        self.lifetime_max = limit;
        self
    }

    /// Returns the audience.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    pub(crate) fn check(
        &self,
        kind: Option<&str>,
        all: Object,
        issuer: &str,
        now: Timestamp,
    ) -> Result<AccessToken, Refusal> {
        match kind {
            Some("at+jwt") => {}
            Some("jwt") if !is_other(&all) => {}
            _ => return Err(Refusal::Type),
        }
        let claims = Claims::check(all, issuer, &self.audience, now)?;
        let limit = SignedDuration::try_from(self.lifetime_max).unwrap_or(SignedDuration::MAX);
        let lifetime = claims.lifetime();
        if lifetime > limit || lifetime.is_negative() {
            return Err(Refusal::Lifetime);
        }
        Ok(AccessToken(claims))
    }
}

/// Tells whether a token that calls itself only a JWT is something else than an access token. Some
/// issuers say in a claim `typ` what it is; others leave only what it is bound to.
fn is_other(claims: &Object) -> bool {
    match claims.0.get("typ") {
        Some(kind) => kind != "Bearer",
        None => {
            claims.0.contains_key("events")
                || OF_ID_TOKENS.iter().any(|name| claims.0.contains_key(*name))
        }
    }
}

/// An access token that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessToken(Claims);

impl AccessToken {
    /// Returns whom it speaks for, as the issuer names them: 1 to 255 bytes.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Returns when it ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// Returns a claim. The name itself is tried first, then a path with dots into objects inside.
    #[must_use]
    pub fn claim(&self, path: &str) -> Option<&Value> {
        let all = &self.0.all.0;
        all.get(path).or_else(|| {
            let (first, rest) = path.split_once('.')?;
            rest.split('.')
                .try_fold(all.get(first)?, |value, name| value.get(name))
        })
    }

    /// Returns a claim that is a list of texts, or one text with spaces between: empty if it is
    /// neither or missing.
    #[must_use]
    pub fn words(&self, path: &str) -> Vec<&str> {
        match self.claim(path) {
            Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}
