//! Whom this replica has heard itself, by its monotonic clock: a wall clock that is set forward must
//! not make a gateway that lives look silent.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contract::GatewayName;

use super::SILENT;

/// When each gateway was last heard.
#[derive(Debug, Default)]
pub(crate) struct Hearing(Mutex<HashMap<GatewayName, Duration>>);

impl Hearing {
    /// Notes that a gateway was heard, by the monotonic time.
    pub(crate) fn heard(&self, gateway: &GatewayName, now: Duration) {
        let mut all = self.lock();
        match all.get_mut(gateway) {
            Some(last) => *last = now,
            None => {
                // Those that are gone for good make room.
                all.retain(|_, last| lately(*last, now));
                all.insert(gateway.clone(), now);
            }
        }
    }

    /// Tells for how long a gateway has been silent, if it was heard lately.
    pub(crate) fn heard_lately(&self, gateway: &GatewayName, now: Duration) -> Option<Duration> {
        let last = self.lock().get(gateway).copied()?;
        lately(last, now).then(|| now.saturating_sub(last))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GatewayName, Duration>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lately(last: Duration, now: Duration) -> bool {
    now.saturating_sub(last) < SILENT
}
