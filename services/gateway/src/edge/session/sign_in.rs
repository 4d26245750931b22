//! The sign-in at the issuer, and new tokens for a session, fetched once however many calls need them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use oidc::{Attempt, Client, Now, SignInError, Tokens};
use runtime::{Clock, Seal};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::{
    kept::{Kept, Standing},
    return_to::ReturnTo,
};
use crate::sign_outs::{Known, Mark, SignOuts};

/// For how long tokens that replaced others are remembered: a browser may still send the old ones, and
/// an issuer that sees them twice takes them for stolen.
const REPLACED: Duration = Duration::from_secs(15 * 60);
/// How many are.
const REMEMBERED_MAX: usize = 10_000;
/// How long somebody may take to sign in.
pub(super) const SIGN_IN_MAX: Duration = Duration::from_secs(600);

const SESSION: &str = "console session";
const BEGUN: &str = "console sign-in";
/// Marks of the console's sessions are no others'.
const SIGN_OUTS: &str = "sign-outs of the console";

type Digest = [u8; 32];

/// Tokens in the place of others, which are fetched once, and until when they are remembered.
type Replacing = (Duration, Arc<OnceCell<Tokens>>);

/// Signs people in.
pub(crate) struct SignIn {
    pub(super) client: Client,
    seal: Seal,
    replaced: Mutex<HashMap<Digest, Replacing>>,
    sign_outs: SignOuts,
}

/// A sign-in that was begun, kept by the browser that began it.
#[derive(Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) attempt: Attempt,
    pub(super) return_to: ReturnTo,
    pub(super) began: jiff::Timestamp,
}

/// What became of a session that was looked at.
pub(super) enum Looked {
    /// It goes on; changed, if its cookies must be.
    Good {
        /// As it is now.
        kept: Box<Kept>,
        /// Whether it is no longer as the browser has it.
        changed: bool,
    },
    /// It is over.
    Over,
}

impl SignIn {
    /// Makes one by which people sign in as users of a client, in sessions that these keys seal.
    pub(crate) fn new(client: Client, seal: Seal, sign_outs: SignOuts) -> Self {
        sign_outs.cover(Mark::all(&seal, SIGN_OUTS, &["all"]));
        Self {
            client,
            seal,
            replaced: Mutex::default(),
            sign_outs,
        }
    }

    /// Seals a session for its cookies.
    pub(super) fn seal(&self, kept: &Kept) -> String {
        self.sealed(SESSION, kept)
    }

    /// Seals a sign-in for its cookie.
    pub(super) fn seal_begun(&self, begun: &Begun) -> String {
        self.sealed(BEGUN, begun)
    }

    fn sealed(&self, purpose: &str, value: &impl Serialize) -> String {
        let plain = serde_json::to_vec(value).expect("texts and times only");
        self.seal.seal(purpose, &plain)
    }

    /// Opens the cookies of a session.
    pub(super) fn open(&self, text: &str) -> Option<Kept> {
        let plain: SecretSlice<u8> = self.seal.open(SESSION, text).ok()?;
        serde_json::from_slice(plain.expose_secret()).ok()
    }

    /// Opens the cookie of a sign-in.
    pub(super) fn open_begun(&self, text: &str) -> Option<Begun> {
        let plain: SecretSlice<u8> = self.seal.open(BEGUN, text).ok()?;
        serde_json::from_slice(plain.expose_secret()).ok()
    }

    /// Looks at a session that is to be used, and renews it when that is due.
    pub(super) async fn look(&self, mut kept: Kept, clock: &Clock) -> Looked {
        let now = clock.now();
        if self.sign_outs.has(&self.known(&kept)) {
            return Looked::Over;
        }
        match kept.standing(now) {
            Standing::Over => Looked::Over,
            Standing::Good => Looked::Good {
                kept: Box::new(kept),
                changed: false,
            },
            Standing::Due => {
                let Some(refresh) = kept.refresh() else {
                    kept.used(now);
                    return Looked::Good {
                        kept: Box::new(kept),
                        changed: true,
                    };
                };
                match self.renew(&refresh, &kept.person, clock).await {
                    Ok(tokens) => {
                        kept.take(&tokens, now);
                        Looked::Good {
                            kept: Box::new(kept),
                            changed: true,
                        }
                    }
                    // It may go on with what it has while its issuer is away.
                    Err(SignInError::Unreachable(error)) if kept.has_access(now) => {
                        tracing::warn!(%error, "a session's tokens could not be renewed yet");
                        Looked::Good {
                            kept: Box::new(kept),
                            changed: false,
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a session has ended at its issuer");
                        Looked::Over
                    }
                }
            }
        }
    }

    /// Has new tokens, once for all who come with the same old ones.
    async fn renew(
        &self,
        refresh: &SecretString,
        person: &str,
        clock: &Clock,
    ) -> Result<Tokens, SignInError> {
        let digest: Digest = Sha256::digest(refresh.expose_secret()).into();
        let now = clock.instant();
        let cell = {
            let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
            replaced.retain(|_, (until, _)| *until > now);
            if replaced.len() >= REMEMBERED_MAX {
                replaced.clear();
            }
            let entry = replaced
                .entry(digest)
                .or_insert_with(|| (now + REPLACED, Arc::default()));
            entry.1.clone()
        };
        let fetch = || async { self.client.refresh(refresh, person, at(clock)).await };
        cell.get_or_try_init(fetch).await.cloned()
    }

    /// Ends a session at all gateways, also for whoever has a copy of its cookies.
    pub(super) async fn end(&self, kept: &Kept, clock: &Clock) {
        self.sign_outs.end(self.marks(kept), clock.now()).await;
    }

    fn marks(&self, kept: &Kept) -> Vec<Mark> {
        Mark::all(&self.seal, SIGN_OUTS, &["session", &kept.id])
    }

    fn known(&self, kept: &Kept) -> Known {
        Known {
            own: self.marks(kept),
            shared: Mark::all(&self.seal, SIGN_OUTS, &["all"]),
            began: kept.began(),
            ends: kept.ends(),
        }
    }
}

/// Returns what time it is.
pub(super) fn at(clock: &Clock) -> Now {
    Now {
        time: clock.now(),
        instant: clock.instant(),
    }
}
