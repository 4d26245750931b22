//! ID tokens: what a client is told of who has signed in.

use jiff::Timestamp;
use serde_json::Value;

use crate::{claims::Claims, object::Object, refusal::Refusal};

/// An ID token that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct IdToken(Claims);

impl IdToken {
    pub(crate) fn check(
        kind: Option<&str>,
        all: Object,
        issuer: &str,
        client: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if !matches!(kind, None | Some("jwt")) {
            return Err(Refusal::Type);
        }
        // Some issuers say in a claim what it is.
        if all.0.get("typ").is_some_and(|kind| kind != "ID") {
            return Err(Refusal::Type);
        }
        let claims = Claims::check(all, issuer, client, now)?;
        match claims.all.0.get("azp") {
            None if claims.audience.len() > 1 => return Err(Refusal::Missing("azp")),
            Some(party) if party != client => return Err(Refusal::Client),
            None | Some(_) => {}
        }
        match (nonce, claims.all.0.get("nonce")) {
            (None, _) => {}
            (Some(_), None) => return Err(Refusal::Missing("nonce")),
            (Some(nonce), Some(said)) if said == nonce => {}
            (Some(_), Some(_)) => return Err(Refusal::Nonce),
        }
        Ok(Self(claims))
    }

    /// Returns who has signed in, as the issuer names them: 1 to 255 bytes.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Returns when it ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// Returns the texts of a claim that is a list of them, or one text with spaces between.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.0.all.0.get(name) {
            Some(Value::String(words)) => words.split_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(list)) => {
                let texts = list.iter().filter_map(Value::as_str);
                texts.map(str::to_owned).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// Returns a claim that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.all.text(name)
    }
}
