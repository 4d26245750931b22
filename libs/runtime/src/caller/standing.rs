//! How long a proof of who calls stands. A call that goes on for longer ends with it, and is told why.

use contract::{Problem, reason};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Access, Proof, Proven};
use crate::{
    clock::Clock,
    retry::{self, Stopped},
};

impl Access {
    /// Waits until a proof no longer stands, and returns what its caller is told; for ever if it does
    /// not end. A key ends when it expires, and when the keys file no longer has it or says something
    /// else of it; what is proved otherwise ends at its time.
    ///
    /// # Errors
    /// The stop came before.
    pub(crate) async fn ended(
        &self,
        proven: &Proven,
        clock: &Clock,
        stop: &CancellationToken,
    ) -> Result<Problem, Stopped> {
        let keys = match self {
            Self::Open => None,
            Self::Proven(proofs) => proofs.keys.as_ref(),
        };
        let (Some(keys), Some(entry)) = (keys, &proven.entry) else {
            expiry(proven.expires, clock, stop).await?;
            return Ok(expired(proven.proof));
        };
        let mut changes = keys.changes();
        loop {
            let now = match keys.again(entry) {
                None => return Ok(ended(REMOVED)),
                Some(now) if !entry.is_like(&now) => return Ok(ended(CHANGED)),
                Some(now) => now,
            };
            tokio::select! {
                biased;
                // Looked at anew: it may be good for longer. Who tells of changes is there as long as this.
                _ = changes.changed() => {}
                over = expiry(now.expires, clock, stop) => {
                    return over.map(|()| expired(Proof::Key));
                }
            }
        }
    }
}

const REMOVED: &str = "The API key is no longer taken here: call again with another.";
const CHANGED: &str = "What the API key is for has changed: call again.";

async fn expiry(
    end: Option<Timestamp>,
    clock: &Clock,
    stop: &CancellationToken,
) -> Result<(), Stopped> {
    match end {
        Some(end) => retry::until(end, clock, stop).await,
        None => {
            stop.cancelled().await;
            Err(Stopped)
        }
    }
}

fn expired(proof: Proof) -> Problem {
    ended(match proof {
        Proof::Key => "The API key has expired: call again with another.",
        Proof::Token => "The access token has expired: call again with a new one.",
        Proof::Certificate => "The client's certificate has expired: connect again with a new one.",
        Proof::Word | Proof::None => "The proof of who calls has ended: call again with a new one.",
    })
}

fn ended(message: &str) -> Problem {
    Problem::unauthenticated(reason::UNAUTHENTICATED, message)
}
