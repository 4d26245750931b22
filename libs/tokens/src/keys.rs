//! Keys that sign, each for a day. A key is published before it signs, so that whoever keeps the
//! key set for a while knows it in time, and stays until its last token has ended.

use std::{fmt, time::Duration};

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::{Value, json};

use crate::jwt::LIFETIME;

/// How long before it signs a key is published.
pub const AHEAD: Duration = Duration::from_secs(60 * 60);
/// How long a key signs.
pub const SIGNS: Duration = Duration::from_secs(24 * 60 * 60);
/// How far clocks may be apart.
const SLACK: Duration = Duration::from_secs(60);
/// Bytes of a coordinate on P-256.
const COORDINATE: usize = 32;

/// A stored key that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored key is not a PKCS#8 document of a P-256 key")]
pub struct KeyDamaged;

/// A key of ES256.
pub struct SigningKey {
    id: String,
    pair: EcdsaKeyPair,
    pkcs8: SecretSlice<u8>,
    x: String,
    y: String,
}

impl SigningKey {
    /// Draws a key.
    #[must_use]
    pub fn draw() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .expect("the system has random bytes");
        Self::from_pkcs8(document.as_ref()).expect("it was made just now")
    }

    /// Reads a stored key.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, KeyDamaged> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document)
            .map_err(|_| KeyDamaged)?;
        // SEC 1: one byte for "uncompressed", then both coordinates.
        let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at_checked(COORDINATE).ok_or(KeyDamaged)?;
        let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
        // RFC 7638: these members, in this order.
        let thumb = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, thumb.as_bytes()));
        Ok(Self {
            id,
            pair,
            pkcs8: document.to_vec().into(),
            x,
            y,
        })
    }

    /// Returns the key to be sealed and stored.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        self.pkcs8.expose_secret()
    }

    /// Returns its id: the thumbprint of its public half.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Signs; the signature is the two numbers side by side, as JWTs have it.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        let signature = signature.expect("the system has random bytes");
        signature.as_ref().to_vec()
    }

    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
            "kid": self.id, "x": self.x, "y": self.y,
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

/// When a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// From when on.
    pub signs_from: Timestamp,
    /// Until when, exclusively.
    pub signs_until: Timestamp,
}

impl Term {
    /// Returns the term of the first key of an installation, which signs at once.
    #[must_use]
    pub fn first(now: Timestamp) -> Self {
        Self::from(now)
    }

    /// Returns the term of the key after this one: it begins as this one ends.
    #[must_use]
    pub fn next(self) -> Self {
        Self::from(self.signs_until)
    }

    fn from(signs_from: Timestamp) -> Self {
        Self {
            signs_from,
            signs_until: signs_from + SIGNS,
        }
    }

    /// Returns from when on no token that it signed is valid.
    #[must_use]
    pub fn published_until(self) -> Timestamp {
        self.signs_until + LIFETIME + SLACK
    }
}

/// The keys of an installation.
#[derive(Debug)]
pub struct Ring {
    keys: Vec<(SigningKey, Term)>,
}

impl Ring {
    /// Takes all stored keys, in any order.
    #[must_use]
    pub fn new(mut keys: Vec<(SigningKey, Term)>) -> Self {
        keys.sort_by_key(|(_, term)| term.signs_from);
        Self { keys }
    }

    /// Returns the key that signs now; none if nobody drew one in time. Where none does, one that is
    /// about to signs already: whoever drew it may have a clock that is ahead of this one.
    #[must_use]
    pub fn signer(&self, now: Timestamp) -> Option<&SigningKey> {
        let begun = self.keys.iter().rev().find(|(_, t)| t.signs_from <= now);
        let begun = begun.filter(|(_, term)| now < term.signs_until);
        let mut later = self.keys.iter().skip_while(|(_, t)| t.signs_from <= now);
        let next = later.next().filter(|(_, t)| t.signs_from <= now + SLACK);
        begun.or(next).map(|(key, _)| key)
    }

    /// Returns the term of the key that is to be drawn now, if one is. After a time in which nobody
    /// was there to draw, the next key signs at once, as the first one does: a token that is
    /// checked by a key set from before costs one more look at the key set, no token costs all.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Option<Term> {
        match self.keys.last() {
            None => Some(Term::first(now)),
            Some((_, last)) if now >= last.signs_until => Some(Term::first(now)),
            Some((_, last)) => (now + AHEAD >= last.signs_until).then(|| last.next()),
        }
    }

    /// Returns the public halves of the keys that sign, have signed what is still valid, or will sign.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> Value {
        let published = self.keys.iter();
        let published = published.filter(|(_, term)| now < term.published_until());
        key_set(published.map(|(key, _)| key))
    }
}

/// Returns the public halves of keys, as RFC 7517 wants a key set.
#[must_use]
pub fn key_set<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> Value {
    let keys: Vec<Value> = keys.into_iter().map(SigningKey::jwk).collect();
    json!({ "keys": keys })
}

#[cfg(test)]
mod tests;
