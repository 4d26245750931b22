//! Waiting for what is due later, and doing it, for those who look at a table again and again.

use std::{pin::pin, time::Duration};

use ::store::Listener;
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use runtime::{CancellationToken, Clock, retry};

/// A lost wake-up costs at most this.
pub(crate) const POLL: Duration = Duration::from_secs(2);

/// Waits until `next`, until the table has changed, or until `stop`.
pub(crate) async fn wait(
    listener: &mut Listener,
    next: Option<Timestamp>,
    clock: &Clock,
    stop: &CancellationToken,
) {
    let due = async {
        match next {
            Some(next) => retry::until(next, clock, stop).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = listener.changed_or(POLL) => {}
        _ = due => {}
    }
}

/// What was claimed and is being done, in one task. What is done and what else the task does use the same
/// connections to the database: neither may wait for the other without going on.
#[derive(Default)]
pub(crate) struct Work<'a>(FuturesUnordered<BoxFuture<'a, ()>>);

impl<'a> Work<'a> {
    /// Takes on more.
    pub(crate) fn begin(&mut self, work: impl Future<Output = ()> + Send + 'a) {
        self.0.push(Box::pin(work));
    }

    /// Returns how much more can be taken on if so much is done at once at most.
    pub(crate) fn room(&self, at_once: usize) -> usize {
        at_once.saturating_sub(self.0.len())
    }

    /// Awaits something while the work goes on.
    pub(crate) async fn beside<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        loop {
            tokio::select! {
                biased;
                done = &mut what => return done,
                Some(()) = self.0.next() => {}
            }
        }
    }

    /// Waits as [`wait`] does, or until something is done.
    pub(crate) async fn wait(
        &mut self,
        listener: &mut Listener,
        next: Option<Timestamp>,
        clock: &Clock,
        stop: &CancellationToken,
    ) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            Some(()) = self.0.next() => {}
            () = wait(listener, next, clock, stop) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_awaited_may_need_what_the_work_holds() {
        let connection = Semaphore::new(1);
        let mut work = Work::default();
        work.begin(async {
            let held = connection.acquire().await.unwrap();
            tokio::task::yield_now().await;
            drop(held);
        });
        assert!(futures::poll!(work.0.next()).is_pending());
        assert_eq!(connection.available_permits(), 0, "the work holds it");
        let taken = work.beside(connection.acquire());
        let taken = tokio::time::timeout(Duration::from_secs(1), taken).await;
        assert!(taken.is_ok(), "the work did not go on");
    }
}
