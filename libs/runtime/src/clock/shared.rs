//! One time for all replicas of a service: that of the database which they share. Their own wall clocks
//! may differ, or be set while they run, and what one of them wrote down for later is due when the
//! others think so too.

use std::{convert::Infallible, error::Error, time::Duration};

use jiff::Timestamp;

use super::Clock;
use crate::{Shell, retry};

/// How often it is asked again: monotonic clocks differ by little in this time, and one that stood
/// while its machine was suspended is wrong for no longer.
const EVERY: Duration = Duration::from_secs(5);
/// An answer that took longer says too little.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(500);
/// A difference that is worth a line in the log.
const NOTABLE: Duration = Duration::from_secs(1);

/// Sets the clock of `shell` to the time that `ask` tells, in microseconds since 1970, and keeps it there
/// until the shell stops. Where it tells none, the system's time counts; where it cannot be asked,
/// monotonic time goes on from the last answer.
pub async fn share_time<E, F>(shell: &Shell, ask: impl Fn() -> F + Send + 'static)
where
    E: Error,
    F: Future<Output = Result<Option<i64>, E>> + Send,
{
    let clock = shell.clock();
    if !look(&clock, ask()).await {
        return;
    }
    let stop = shell.stopping();
    shell.spawn("common time", async move {
        while retry::pause(EVERY, &stop).await.is_ok() {
            look(&clock, ask()).await;
        }
        Ok::<(), Infallible>(())
    });
}

/// Looks once; false if there is no common time.
async fn look<E: Error>(
    clock: &Clock,
    asked: impl Future<Output = Result<Option<i64>, E>>,
) -> bool {
    let sent = clock.instant();
    match asked.await {
        Ok(Some(micros)) => {
            let round_trip = clock.instant().saturating_sub(sent);
            if let Ok(told) = Timestamp::from_microsecond(micros)
                && round_trip <= ROUND_TRIP_MAX
            {
                take_over(clock, told.saturating_add(round_trip / 2).unwrap_or(told));
            }
            true
        }
        Ok(None) => false,
        Err(error) => {
            tracing::debug!(%error, "the common time could not be read");
            true
        }
    }
}

fn take_over(clock: &Clock, now: Timestamp) {
    let off = clock.now().duration_since(now).unsigned_abs();
    if off >= NOTABLE {
        tracing::warn!(
            off_ms = u64::try_from(off.as_millis()).unwrap_or(u64::MAX),
            "this clock is not that of the database, which counts; look at the time of both machines"
        );
    }
    clock.anchor(now);
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
    };

    use super::*;

    const LATER: i64 = 4_000_000_000_000_000;

    fn hours_from(micros: i64, clock: &Clock) -> i64 {
        (clock.now_micros() - micros) / 3_600_000_000
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_is_told_counts_from_the_beginning_and_whenever_it_is_set() {
        let shell = Shell::for_tests_with(Clock::real());
        let told = Arc::new(AtomicI64::new(LATER));
        let (asked, mut answers) = tokio::sync::mpsc::unbounded_channel();
        let server = Arc::clone(&told);
        share_time(&shell, move || {
            asked.send(()).unwrap();
            std::future::ready(Ok::<_, io::Error>(Some(server.load(Ordering::SeqCst))))
        })
        .await;
        assert_eq!(hours_from(LATER, &shell.clock()), 0);
        told.store(2 * LATER, Ordering::SeqCst);
        for _ in 0..3 {
            answers.recv().await.unwrap();
        }
        assert_eq!(hours_from(2 * LATER, &shell.clock()), 0);
        shell.finish_test().await;
    }

    #[tokio::test]
    async fn where_no_time_is_told_the_systems_counts() {
        let shell = Shell::for_tests_with(Clock::real());
        share_time(&shell, || std::future::ready(Ok::<_, io::Error>(None))).await;
        assert_eq!(hours_from(Clock::real().now_micros(), &shell.clock()), 0);
        shell.finish_test().await;
    }
}
