//! For how long a tenant's long-lived connections may last: until the tenant is no longer let in.

use std::{sync::OnceLock, time::Duration};

use tokio_util::sync::CancellationToken;

/// How long what has to end because of its tenant may take to end in good order.
pub(super) const LEAVE_WAIT: Duration = Duration::from_secs(6);

/// The time from when a grant lets a tenant into a version until it no longer does. A tenant that is
/// let in again begins another one: what the first admitted stays ended.
///
/// Most tenants have no long-lived connection, so the token is made when one asks for it.
#[derive(Debug, Default)]
pub(super) struct Stay(OnceLock<CancellationToken>);

impl Stay {
    /// Returns what tells that it is over, also to whoever asks only then.
    pub(super) fn over(&self) -> &CancellationToken {
        self.0.get_or_init(CancellationToken::new)
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.over().cancel();
    }
}

/// Waits until what is admitted under it must have ended, in good order or not.
#[expect(
    clippy::disallowed_methods,
    reason = "a time that is given to users, not a condition that is waited for"
)]
pub(super) async fn overstayed(over: &CancellationToken) {
    over.cancelled().await;
    tokio::time::sleep(LEAVE_WAIT).await;
}
