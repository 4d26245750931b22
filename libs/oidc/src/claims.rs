//! What every token says and must be true: who made it, for whom, and for how long.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{object::Object, refusal::Refusal};

/// How far the issuer's clock may be apart from ours.
pub const LEEWAY: Duration = Duration::from_secs(60);
/// The most bytes of a subject.
const SUBJECT_MAX: usize = 255;

/// The claims that are checked alike in tokens of all kinds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claims {
    pub(crate) subject: String,
    pub(crate) audience: Vec<String>,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) all: Object,
}

impl Claims {
    /// Reads and checks them.
    pub(crate) fn check(
        all: Object,
        issuer: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if text(&all, "iss")? != issuer {
            return Err(Refusal::Issuer);
        }
        let audiences = audiences(&all)?;
        if !audiences.iter().any(|one| one == audience) {
            return Err(Refusal::Audience);
        }
        let expires_at = time(&all, "exp")?.ok_or(Refusal::Missing("exp"))?;
        if expires_at.saturating_add(LEEWAY).unwrap_or(expires_at) <= now {
            return Err(Refusal::Expired);
        }
        let ahead = now.saturating_add(LEEWAY).unwrap_or(now);
        if time(&all, "nbf")?.is_some_and(|begin| begin > ahead) {
            return Err(Refusal::NotYet);
        }
        let issued_at = time(&all, "iat")?.ok_or(Refusal::Missing("iat"))?;
        if issued_at > ahead {
            return Err(Refusal::Future);
        }
        let subject = text(&all, "sub")?;
        if subject.is_empty() || subject.len() > SUBJECT_MAX {
            return Err(Refusal::Unreadable("sub"));
        }
        Ok(Self {
            subject: subject.to_owned(),
            audience: audiences,
            issued_at,
            expires_at,
            all,
        })
    }

    /// Returns for how long the token is valid in all.
    pub(crate) fn lifetime(&self) -> SignedDuration {
        self.expires_at.duration_since(self.issued_at)
    }
}

fn text<'a>(all: &'a Object, name: &'static str) -> Result<&'a str, Refusal> {
    let value = all.0.get(name).ok_or(Refusal::Missing(name))?;
    value.as_str().ok_or(Refusal::Unreadable(name))
}

/// Reads one audience or a list of them.
fn audiences(all: &Object) -> Result<Vec<String>, Refusal> {
    let own = |value: &Value| value.as_str().map(str::to_owned);
    match all.0.get("aud").ok_or(Refusal::Missing("aud"))? {
        Value::String(one) => Ok(vec![one.clone()]),
        Value::Array(list) => list
            .iter()
            .map(own)
            .collect::<Option<_>>()
            .ok_or(Refusal::Unreadable("aud")),
        _ => Err(Refusal::Unreadable("aud")),
    }
}

/// Reads seconds since 1970, which may have a fraction: it is cut off.
fn time(all: &Object, name: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let Some(value) = all.0.get(name) else {
        return Ok(None);
    };
    let seconds = value.as_i64().or_else(|| {
        let seconds = value.as_f64()?.floor();
        let whole = (-1e11..1e11).contains(&seconds);
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
        whole.then_some(seconds as i64)
    });
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(Some).ok_or(Refusal::Unreadable(name))
}
