//! Waiting: back-off with a ceiling and full jitter. The only place that sleeps.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// The wait ended because everything ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopping")]
pub struct Stopped;

/// Growing pauses between tries: each random up to a bound that doubles until a ceiling.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    ceiling: Duration,
    bound: Duration,
}

/// No pause is shorter, so that bad luck with the jitter is not a busy loop.
const FLOOR: Duration = Duration::from_millis(1);

impl Backoff {
    /// The first pause is at most `first`, none is longer than `ceiling`.
    pub fn new(first: Duration, ceiling: Duration) -> Self {
        Self {
            first,
            ceiling,
            bound: first.min(ceiling),
        }
    }

    /// Pauses, or ends early when `stop` is cancelled.
    pub async fn next(&mut self, stop: &CancellationToken) -> Result<(), Stopped> {
        pause(self.draw(), stop).await
    }

    /// Starts over, after something worked.
    pub fn reset(&mut self) {
        self.bound = self.first.min(self.ceiling);
    }

    fn draw(&mut self) -> Duration {
        let pause = self.bound.mul_f64(chance()).max(FLOOR);
        self.bound = self.bound.saturating_mul(2).min(self.ceiling);
        pause
    }
}

/// Draws from 0 to 1.
fn chance() -> f64 {
    #[cfg(feature = "faults")]
    if let Some(drawn) = crate::simulation::draw() {
        return f64::from((drawn >> 32) as u32) / f64::from(u32::MAX);
    }
    rand::random()
}

/// Pauses for a time, or ends early when `stop` is cancelled.
#[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
pub async fn pause(time: Duration, stop: &CancellationToken) -> Result<(), Stopped> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(Stopped),
        () = tokio::time::sleep(time) => Ok(()),
    }
}

/// Waits until the clock says `time`, or ends early when `stop` is cancelled.
pub async fn until(
    time: Timestamp,
    clock: &Clock,
    stop: &CancellationToken,
) -> Result<(), Stopped> {
    /// A wall clock may be set: look again at least this often.
    const LOOK: Duration = Duration::from_secs(60);
    let mut moves = clock.moves();
    loop {
        let left = Duration::try_from(time.duration_since(clock.now())).unwrap_or_default();
        if left.is_zero() {
            return Ok(());
        }
        match &mut moves {
            None => pause(left.min(LOOK), stop).await?,
            Some(moves) => tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Stopped),
                moved = moves.changed() => moved.map_err(|_| Stopped)?,
            },
        }
    }
}

/// Waits until so much monotonic time has passed, whatever happens to the wall clock, or ends early
/// when `stop` is cancelled.
pub async fn elapsed(
    time: Duration,
    clock: &Clock,
    stop: &CancellationToken,
) -> Result<(), Stopped> {
    let mut moves = clock.moves();
    let end = clock.instant().saturating_add(time);
    loop {
        let left = end.saturating_sub(clock.instant());
        if left.is_zero() {
            return Ok(());
        }
        match &mut moves {
            None => pause(left, stop).await?,
            Some(moves) => tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Stopped),
                moved = moves.changed() => moved.map_err(|_| Stopped)?,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_ceiling_and_start_over() {
        let (first, ceiling) = (Duration::from_millis(10), Duration::from_millis(70));
        let mut backoff = Backoff::new(first, ceiling);
        for bound in [10, 20, 40, 70, 70] {
            let pause = backoff.draw();
            assert!(
                pause >= FLOOR && pause <= Duration::from_millis(bound),
                "{pause:?}"
            );
        }
        backoff.reset();
        assert!(backoff.draw() <= first);
    }

    #[tokio::test]
    async fn a_stop_ends_a_pause_at_once() {
        let stop = CancellationToken::new();
        let day = Duration::from_secs(86_400);
        let (paused, ()) = tokio::join!(pause(day, &stop), async { stop.cancel() });
        assert_eq!(paused, Err(Stopped));
        assert_eq!(Backoff::new(day, day).next(&stop).await, Err(Stopped));
        assert_eq!(
            until(Timestamp::MAX, &Clock::real(), &stop).await,
            Err(Stopped)
        );
    }

    #[tokio::test]
    async fn a_simulated_clock_wakes_who_waits_for_its_time() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH, 1);
        let (stop, hour) = (CancellationToken::new(), Duration::from_secs(3600));
        let time = clock.now() + hour;
        let (waited, ()) = tokio::join!(until(time, &clock, &stop), async {
            clock.advance(hour / 2);
            tokio::task::yield_now().await;
            clock.advance(hour / 2);
        });
        assert_eq!(waited, Ok(()));
        assert_eq!(until(time, &clock, &stop).await, Ok(()));
    }
}
