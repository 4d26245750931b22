//! The token itself: a JWT as RFC 9068 wants access tokens, signed with ES256.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Serialize;

use crate::keys::SigningKey;

/// How long a token is good for. Who checks it by signature alone accepts it for so long after a
/// tenant was removed.
pub const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// What a token says.
#[derive(Debug, Clone, Copy)]
pub struct Claims<'a> {
    /// Who issues it: the address of the token endpoint's server.
    pub issuer: &'a str,
    /// The client id of the pair that asked.
    pub client_id: &'a str,
    /// The application whose backend it is for.
    pub application: &'a str,
    /// The version that the pair belongs to.
    pub version: &'a str,
    /// For which tenant.
    pub tenant: &'a str,
    /// What it may do.
    pub scopes: &'a BTreeSet<String>,
    /// No other token's.
    pub id: &'a str,
    /// Since when it is valid.
    pub issued_at: Timestamp,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    client_id: &'a str,
    aud: &'a str,
    application: &'a str,
    version: &'a str,
    tenant: &'a str,
    scope: String,
    jti: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Claims<'_> {
    /// Returns when the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.issued_at + LIFETIME
    }

    /// Writes and signs the token.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        let payload = Payload {
            iss: self.issuer,
            sub: self.client_id,
            client_id: self.client_id,
            aud: self.application,
            application: self.application,
            version: self.version,
            tenant: self.tenant,
            scope: scopes.join(" "),
            jti: self.id,
            iat: self.issued_at.as_second(),
            nbf: self.issued_at.as_second(),
            exp: self.expires_at().as_second(),
        };
        write("at+jwt", &payload, key)
    }
}

/// Writes a token of a kind and signs it: RFC 7515, its compact form.
pub(crate) fn write(kind: &'static str, payload: &impl Serialize, key: &SigningKey) -> String {
    let header = Header {
        alg: "ES256",
        typ: kind,
        kid: key.id(),
    };
    let signed = format!("{}.{}", part(&header), part(payload));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn part(value: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).expect("texts and numbers only"))
}

#[cfg(test)]
mod tests;
