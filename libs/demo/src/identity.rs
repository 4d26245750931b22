//! Who asks, as the router in front says it in a signed field. A release that is told where the router's
//! keys are answers nobody else: whoever comes around the router has no such signature.

use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use axum::http::{HeaderMap, Uri};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// The field in which the router says it.
const FIELD: &str = "switchover-identity";
/// How long keys are not asked for again after they were.
const REST: Duration = Duration::from_secs(2);
/// How long the keys may take, and how large they may be.
const WAIT: Duration = Duration::from_secs(5);
const BYTES_MAX: usize = 64 * 1024;
/// How far the router's clock may be ahead, and how long it may say that something is good for, in
/// seconds.
const SLACK: i64 = 60;
const LIFE_MAX: i64 = 300;

/// Lets only those through whom the router in front has let through.
pub struct Guard {
    keys: Uri,
    application: String,
    client: Client<HttpConnector, Empty<bytes::Bytes>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    asked: Option<Instant>,
    keys: Vec<(String, Vec<u8>)>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Caller {
    /// None where anybody may ask.
    pub(crate) sub: Option<String>,
    pub(crate) tenant: String,
    pub(crate) roles: Vec<String>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    version: String,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    caller: Caller,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: String,
    kty: String,
    crv: String,
    x: String,
    y: String,
}

impl Guard {
    /// Takes where the router's keys are (`http` only), and which application's requests are to be let
    /// through.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(keys: &str, application: &str) -> io::Result<Self> {
        let keys = keys.parse::<Uri>();
        Ok(Self {
            keys: keys.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
            application: application.to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            known: Mutex::default(),
        })
    }

    /// Returns who asks, if the router says so of a request to this version.
    pub(crate) async fn caller(&self, fields: &HeaderMap, version: &str) -> Option<Caller> {
        let mut given = fields.get_all(FIELD).iter();
        let (Some(token), None) = (given.next(), given.next()) else {
            return None;
        };
        let token = token.to_str().ok()?;
        let (signed, signature) = token.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let head: Head = part(head)?;
        if head.alg != "ES256" || head.typ != "switchover-identity+jwt" {
            return None;
        }
        let key = self.key(&head.kid).await?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
            .verify(signed.as_bytes(), &signature)
            .ok()?;
        let claims: Claims = part(claims)?;
        let now = now();
        let good = claims.aud == self.application
            && claims.version == version
            && claims.iat <= now + SLACK
            && now < claims.exp
            && claims.exp - claims.iat <= LIFE_MAX;
        good.then_some(claims.caller)
    }

    /// Returns the key with this name; the keys are asked for again if there is none.
    async fn key(&self, id: &str) -> Option<Vec<u8>> {
        let mut known = self.known.lock().await;
        if let Some(key) = known.find(id) {
            return Some(key);
        }
        if known.asked.is_some_and(|asked| asked.elapsed() < REST) {
            return None;
        }
        known.asked = Some(Instant::now());
        known.keys = timeout(WAIT, self.fetch()).await.ok().flatten()?;
        known.find(id)
    }

    async fn fetch(&self) -> Option<Vec<(String, Vec<u8>)>> {
        let answer = self.client.get(self.keys.clone()).await.ok()?;
        let body = Limited::new(answer.into_body(), BYTES_MAX).collect();
        let set: KeySet = serde_json::from_slice(&body.await.ok()?.to_bytes()).ok()?;
        let keys = set.keys.into_iter();
        let keys = keys.filter(|key| key.kty == "EC" && key.crv == "P-256");
        let keys = keys.filter_map(|key| {
            // SEC 1: one byte for "uncompressed", then both coordinates.
            let mut point = vec![4];
            point.extend(URL_SAFE_NO_PAD.decode(key.x).ok()?);
            point.extend(URL_SAFE_NO_PAD.decode(key.y).ok()?);
            Some((key.kid, point))
        });
        Some(keys.collect())
    }
}

impl Known {
    fn find(&self, id: &str) -> Option<Vec<u8>> {
        let (_, key) = self.keys.iter().find(|(known, _)| known == id)?;
        Some(key.clone())
    }
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// In seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, which has no other clock"
)]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests;
