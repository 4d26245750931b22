//! How long a transaction that collides is tried again.

use std::time::Duration;

use tokio::time::Instant;

/// Tries of one transaction, the first included.
pub(crate) const TRIES_MAX: u32 = 32;
/// No further try begins after this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE_FIRST: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// Why a transaction was given up.
#[derive(Debug, thiserror::Error)]
#[error("collided with other transactions in {tries} tries, {} ms", spent.as_millis())]
pub(crate) struct GivenUp {
    tries: u32,
    spent: Duration,
}

pub(crate) struct Retry {
    began: Instant,
    tries: u32,
}

impl Retry {
    pub(crate) fn new() -> Retry {
        Retry {
            began: Instant::now(),
            tries: 1,
        }
    }

    /// Waits before the next try; an error once there is to be none.
    pub(crate) async fn again(&mut self) -> Result<(), GivenUp> {
        self.allowed(self.began.elapsed())?;
        pause(self.tries).await;
        self.tries += 1;
        Ok(())
    }

    fn allowed(&self, spent: Duration) -> Result<(), GivenUp> {
        if self.tries < TRIES_MAX && spent < PATIENCE {
            Ok(())
        } else {
            Err(GivenUp {
                tries: self.tries,
                spent,
            })
        }
    }
}

/// Waits a random part of a time that doubles with each try, so that those who collided do not meet again.
#[expect(
    clippy::disallowed_methods,
    reason = "the back-off of collisions; this crate knows no other of ours"
)]
pub(crate) async fn pause(tries: u32) {
    let [byte, ..] = uuid::Uuid::new_v4().into_bytes();
    let part = longest(tries) * (u32::from(byte) + 1) / 256;
    tokio::time::sleep_until(Instant::now() + part).await;
}

fn longest(tries: u32) -> Duration {
    PAUSE_FIRST
        .saturating_mul(1 << tries.min(16))
        .min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_end_by_number_and_by_time() {
        let retry = |tries| Retry {
            began: Instant::now(),
            tries,
        };
        assert!(
            retry(TRIES_MAX - 1)
                .allowed(PATIENCE - Duration::from_nanos(1))
                .is_ok()
        );
        assert!(retry(TRIES_MAX).allowed(Duration::ZERO).is_err());
        assert!(retry(1).allowed(PATIENCE).is_err());
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let pauses: Vec<Duration> = (1..64).map(longest).collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses.last(), Some(&PAUSE_MAX));
    }
}
