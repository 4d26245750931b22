//! The keys that sign tokens: drawn when they are due, kept sealed, and the same for all replicas.
//! Transactions act as if one ran after the other: of replicas that find a key due at once, one
//! draws it, and the others find it there.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use runtime::{CancellationToken, Seal, retry};
use secrecy::ExposeSecret as _;
use tokens::{Ring, SigningKey};

use crate::{
    error::Error,
    service::Service,
    store::signing_keys::{self, Sealed},
};

/// What keys are sealed for.
const SEALED_FOR: &str = "signing key";
/// How long the keys are taken from memory; far less than a key is published before it signs.
const REMEMBERED: Duration = Duration::from_secs(10);
/// How often it is looked whether a key is due.
const LOOK: Duration = Duration::from_secs(60);

/// The keys as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    last: Mutex<Option<(Duration, Arc<Ring>)>>,
}

impl Keys {
    fn remembered(&self, instant: Duration, now: Timestamp) -> Option<Arc<Ring>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, ring) = last.as_ref()?;
        let fresh = instant < *until && ring.due(now).is_none();
        fresh.then(|| ring.clone())
    }

    fn remember(&self, instant: Duration, ring: &Arc<Ring>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((instant + REMEMBERED, ring.clone()));
    }
}

/// Returns the keys, one of which signs now: draws one if it is due.
pub(crate) async fn ring(service: &Service) -> Result<Arc<Ring>, Error> {
    let (instant, now) = (service.clock.instant(), service.now());
    if let Some(ring) = service.keys.remembered(instant, now) {
        return Ok(ring);
    }
    let stored = store::read!(service.db, |tx| signing_keys::all(tx).await)?;
    let ring = match open(&service.seal, &stored)? {
        ring if ring.due(now).is_none() => ring,
        _ => draw(service, now).await?,
    };
    let ring = Arc::new(ring);
    service.keys.remember(instant, &ring);
    Ok(ring)
}

/// Draws the key that is due, and forgets those whose last token has ended.
async fn draw(service: &Service, now: Timestamp) -> Result<Ring, Error> {
    store::write!(service.db, |tx| {
        let mut kept = Vec::new();
        for key in signing_keys::all(tx).await? {
            if now < key.term.published_until() {
                kept.push(key);
            } else {
                signing_keys::delete(tx, key.term.signs_from).await?;
            }
        }
        if let Some(term) = open(&service.seal, &kept)?.due(now) {
            let key = SigningKey::draw();
            let sealed = Sealed {
                term,
                sealed: service.seal.seal(SEALED_FOR, key.pkcs8()),
            };
            signing_keys::insert(tx, &sealed).await?;
            tracing::info!(key.id = key.id(), signs_from = %term.signs_from, "a key that signs tokens was drawn");
            kept.push(sealed);
        }
        open(&service.seal, &kept)
    })
}

fn open(seal: &Seal, stored: &[Sealed]) -> Result<Ring, Error> {
    let keys = stored.iter().map(|key| {
        let opened = seal.open(SEALED_FOR, &key.sealed).map_err(|error| {
            Error::Broken(format!(
                "a key that signs tokens cannot be opened ({error}): all replicas need the same --seal-key"
            ))
        })?;
        let opened = SigningKey::from_pkcs8(opened.expose_secret());
        let opened = opened.map_err(|error| Error::Broken(error.to_string()))?;
        Ok((opened, key.term))
    });
    Ok(Ring::new(keys.collect::<Result<_, Error>>()?))
}

/// Draws keys ahead of their time until `stop`, from the first token on.
pub(crate) async fn run(service: Service, stop: CancellationToken) -> Result<(), Infallible> {
    loop {
        if let Err(error) = look(&service).await {
            tracing::warn!(%error, "the keys that sign tokens could not be looked at");
        }
        let next = service.now() + LOOK;
        if retry::until(next, &service.clock, &stop).await.is_err() {
            return Ok(());
        }
    }
}

async fn look(service: &Service) -> Result<(), Error> {
    let stored = store::read!(service.db, |tx| signing_keys::all(tx).await)?;
    if stored.is_empty() {
        // Nobody has asked for a token yet; whoever does first draws the first one.
        return Ok(());
    }
    ring(service).await.map(drop)
}
