//! Waits for a state of the world, never for a time.

use std::{fmt::Debug, future::Future, time::Duration};

use anyhow::{Result, bail};
use tokio::time::Instant;

/// How long a condition may take before the test gives up. Long, because a busy machine is no
/// failure.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `look` again and again until `enough` says so, and returns what it saw.
///
/// # Errors
/// When the patience is over; the error names `what` and shows what was seen last.
pub async fn until<T, F>(
    what: &str,
    mut look: impl FnMut() -> F,
    mut enough: impl FnMut(&T) -> bool,
) -> Result<T>
where
    T: Debug,
    F: Future<Output = Result<T>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        let seen = look().await;
        match seen {
            Ok(value) if enough(&value) => return Ok(value),
            Ok(value) if Instant::now() >= end => {
                bail!("waited in vain for {what}; last seen: {value:?}")
            }
            Err(fault) if Instant::now() >= end => {
                return Err(fault.context(format!("waited in vain for {what}")));
            }
            Ok(_) | Err(_) => pause().await,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place in which tests look again after a moment"
)]
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
