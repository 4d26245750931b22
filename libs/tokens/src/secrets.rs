//! Checks secrets against their argon2id hashes. That takes a processor for a while on purpose: so
//! not on an async thread, few at a time, and not again at once for a secret that was right.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use argon2::{
    Argon2, Params, password_hash::PasswordVerifier as _, password_hash::phc::PasswordHash,
};
use aws_lc_rs::{hmac, rand::SystemRandom};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

/// Checks at the same time.
const CHECKS: usize = 2;
/// Callers that are being checked or wait for it; more are sent away.
pub const CALLERS_MAX: usize = 64;
/// How long a right secret is not checked again.
pub const REMEMBERED: Duration = Duration::from_secs(60);
/// Right secrets that are remembered; past that, all are forgotten.
const REMEMBERED_MAX: usize = 10_000;
/// The longest secret that is looked at, in bytes; real ones have 43.
pub const SECRET_MAX: usize = 200;
/// Hashes against which a secret is checked until it is found wrong, whatever is stored: how long the
/// answer takes tells neither whether there is such a client nor whether it has two secrets.
const HASHES: usize = 2;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unchecked {
    /// Too many wait already.
    #[error("too many secrets are being checked: try again in a moment")]
    Busy,
    /// A stored hash cannot be read.
    #[error("a stored hash of a secret cannot be read")]
    Damaged,
}

/// The hashes of a pair's secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// Of the present secret.
    pub present: String,
    /// Of the one before, and until when that one is valid.
    pub previous: Option<(String, Timestamp)>,
}

impl Stored {
    /// Returns what is checked for a client that does not exist: no secret fits, and finding that
    /// out takes as long as for one that does.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            present: nobodys_hash(),
            previous: None,
        }
    }
}

/// Tells whether a text is an argon2id hash in the form in which hashes are stored.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$") && PasswordHash::new(text).is_ok()
}

/// A hash whose secret nobody ever drew, as costly to check as those that are stored.
fn nobodys_hash() -> String {
    let (memory, passes, lanes) = (
        Params::DEFAULT_M_COST,
        Params::DEFAULT_T_COST,
        Params::DEFAULT_P_COST,
    );
    let (salt, hash) = (
        "bm9ib2R5LWhhcy10aGlz",
        "Tm9ib2R5IGhhcyBkcmF3biB0aGUgc2VjcmV0IG9mIG0",
    );
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
}

/// Checks secrets.
pub struct Verifier {
    checks: Arc<Semaphore>,
    callers: Semaphore,
    key: hmac::Key,
    right: Mutex<HashMap<[u8; 32], Duration>>,
    /// Checks that were made.
    #[cfg(test)]
    done: Arc<std::sync::atomic::AtomicUsize>,
}

impl Default for Verifier {
    fn default() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self {
            checks: Arc::new(Semaphore::new(CHECKS)),
            callers: Semaphore::new(CALLERS_MAX),
            key: key.expect("the system has random bytes"),
            right: Mutex::default(),
            #[cfg(test)]
            done: Arc::default(),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl Verifier {
    /// Tells whether `secret` is one of the valid ones of a pair. `now` is the time of day, by
    /// which the secret before ends, and `instant` a time that only ever grows.
    pub async fn is_right(
        &self,
        stored: &Stored,
        secret: &SecretString,
        now: Timestamp,
        instant: Duration,
    ) -> Result<bool, Unchecked> {
        if secret.expose_secret().len() > SECRET_MAX {
            return Ok(false);
        }
        let previous = stored.previous.as_ref().filter(|(_, end)| now < *end);
        let nobodys = nobodys_hash();
        let hashes: [&String; HASHES] =
            [&stored.present, previous.map_or(&nobodys, |(hash, _)| hash)];
        // By the hash too: a secret that was replaced since is not remembered as right.
        if hashes.iter().any(|hash| self.knows(hash, secret, instant)) {
            return Ok(true);
        }
        let _caller = self.callers.try_acquire().map_err(|_| Unchecked::Busy)?;
        for hash in hashes {
            if self.check(hash.clone(), secret.clone()).await? {
                self.remember(hash, secret, instant);
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn check(&self, hash: String, secret: SecretString) -> Result<bool, Unchecked> {
        let permit = Arc::clone(&self.checks).acquire_owned().await;
        let permit = permit.map_err(|_| Unchecked::Busy)?;
        #[cfg(test)]
        let counted = Arc::clone(&self.done);
        let work = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller: one who hangs up does not make room for two.
            let _permit = permit;
            #[cfg(test)]
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let hash = PasswordHash::new(&hash).map_err(|_| Unchecked::Damaged)?;
            let right = Argon2::default().verify_password(secret.expose_secret().as_bytes(), &hash);
            Ok(right.is_ok())
        });
        work.await.map_err(|_| Unchecked::Busy)?
    }

    fn knows(&self, hash: &str, secret: &SecretString, instant: Duration) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right
            .get(&self.tag(hash, secret))
            .is_some_and(|end| instant < *end)
    }

    fn remember(&self, hash: &str, secret: &SecretString, instant: Duration) {
        let tag = self.tag(hash, secret);
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED_MAX {
            right.clear();
        }
        right.insert(tag, instant + REMEMBERED);
    }

    /// Memory holds no secret, and nothing by which one could be guessed faster elsewhere.
    fn tag(&self, hash: &str, secret: &SecretString) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(hash.len() as u64).to_be_bytes());
        context.update(hash.as_bytes());
        context.update(secret.expose_secret().as_bytes());
        let tag = context.sign();
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

#[cfg(test)]
mod tests;
