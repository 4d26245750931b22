//! Lets requests of one generation through, or has them wait for the outcome of a switch.
//! Being admitted and being counted in flight are one step: a request that is not counted is not
//! admitted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

/// The lowest bit of an epoch's state: nobody gets in.
const CLOSED: usize = 1;
/// What one request in flight adds to an epoch's state.
const ONE: usize = 2;

/// One generation of an application at this gateway, or one stay of a version in test: who is in
/// flight, and whether anybody may still get in.
#[derive(Debug)]
pub(super) struct Epoch {
    state: AtomicUsize,
    emptied: Notify,
    cut: CancellationToken,
}

impl Epoch {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicUsize::new(0),
            emptied: Notify::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Counts one request in, unless the epoch is closed.
    pub(super) fn enter(&self) -> bool {
        self.state
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |state| {
                (state & CLOSED == 0).then_some(state + ONE)
            })
            .is_ok()
    }

    /// Counts out one that got in.
    pub(super) fn leave(&self) {
        if self.state.fetch_sub(ONE, Ordering::SeqCst) == ONE | CLOSED {
            self.emptied.notify_waiters();
        }
    }

    /// Lets nobody in from the moment it returns (R2); returns how many are in flight.
    pub(super) fn close(&self) -> usize {
        self.state.fetch_or(CLOSED, Ordering::SeqCst) / ONE
    }

    /// Lets requests in again.
    pub(super) fn open(&self) {
        self.state.fetch_and(!CLOSED, Ordering::SeqCst);
    }

    /// Returns how many are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.state.load(Ordering::SeqCst) / ONE
    }

    /// Waits until nobody is in flight. Only of use once the epoch is closed.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.in_flight() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Returns what ends everything that is in flight.
    pub(super) fn cut(&self) -> &CancellationToken {
        &self.cut
    }
}

/// One hold of one application: the requests that wait, in the order in which they came.
#[derive(Debug)]
pub(super) struct Hold {
    waiting: Mutex<Waiting>,
    released: CancellationToken,
    max: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    since: BTreeMap<u64, Instant>,
    held: u64,
    longest: Duration,
    released: bool,
}

/// What one hold cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HoldFigures {
    /// Requests that were held.
    pub held: u64,
    /// The longest time that one was held.
    pub longest: Duration,
}

/// What a request that is to wait gets.
pub(super) enum Enrolled {
    /// A place; it is given up when dropped.
    Place(Place),
    /// The hold is over: look at the gate again.
    Over,
    /// As many wait as may.
    Full,
}

/// One waiting request.
pub(super) struct Place {
    hold: Arc<Hold>,
    number: u64,
}

impl Hold {
    /// Begins a hold in which at most `max` requests wait at a time.
    pub(super) fn new(max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            released: CancellationToken::new(),
            max,
        }
    }

    /// Takes one more request, come at `now`.
    pub(super) fn enroll(self: &Arc<Self>, now: Instant) -> Enrolled {
        let mut waiting = self.lock();
        if waiting.released {
            return Enrolled::Over;
        }
        if waiting.since.len() >= self.max {
            return Enrolled::Full;
        }
        let number = waiting.held;
        waiting.held += 1;
        waiting.since.insert(number, now);
        Enrolled::Place(Place {
            hold: Arc::clone(self),
            number,
        })
    }

    /// Has all look at the gate again, at `now`; returns what the hold cost.
    pub(super) fn release(&self, now: Instant) -> HoldFigures {
        let figures = {
            let mut waiting = self.lock();
            waiting.released = true;
            waiting.figures(now)
        };
        self.released.cancel();
        figures
    }

    /// Returns what the hold has cost up to `now`.
    pub(super) fn figures(&self, now: Instant) -> HoldFigures {
        self.lock().figures(now)
    }

    /// Returns how many wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().since.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn figures(&self, now: Instant) -> HoldFigures {
        let oldest = self.since.first_key_value().map(|(_, since)| *since);
        let waited = oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        HoldFigures {
            held: self.held,
            longest: self.longest.max(waited),
        }
    }
}

impl Place {
    /// Waits for the end of the hold.
    pub(super) async fn released(&self) {
        self.hold.released.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.hold.lock();
        if let Some(since) = waiting.since.remove(&self.number)
            && !waiting.released
        {
            waiting.longest = waiting.longest.max(since.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn nobody_gets_into_a_closed_epoch() {
        let epoch = Epoch::new();
        assert!(epoch.enter());
        assert_eq!(epoch.close(), 1);
        assert!(!epoch.enter());
        epoch.leave();
        assert_eq!(epoch.in_flight(), 0);
        assert!(!epoch.enter());
        epoch.open();
        assert!(epoch.enter());
        assert_eq!(epoch.in_flight(), 1);
    }

    /// Threads get in and out as fast as they can. After each `close` the count only falls: it is
    /// read until nobody is in, and nobody may have come meanwhile.
    #[test]
    fn after_a_close_has_returned_the_count_only_falls() {
        const ROUNDS: usize = 2_000;
        let epoch = Epoch::new();
        let done = CancellationToken::new();
        let entered: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut entered = 0;
                        while !done.is_cancelled() {
                            if epoch.enter() {
                                entered += 1;
                                thread::yield_now();
                                epoch.leave();
                            }
                        }
                        entered
                    })
                })
                .collect();
            for _ in 0..ROUNDS {
                let mut left = epoch.close();
                while left > 0 {
                    let now = epoch.in_flight();
                    assert!(now <= left, "{now} in flight after {left}");
                    left = now;
                    thread::yield_now();
                }
                epoch.open();
                thread::yield_now();
            }
            done.cancel();
            threads.into_iter().map(|it| it.join().unwrap()).sum()
        });
        assert!(entered > 0, "the threads never got in");
        assert_eq!(epoch.in_flight(), 0);
    }

    #[tokio::test]
    async fn who_waits_for_an_empty_epoch_is_woken_by_the_last() {
        let epoch = Arc::new(Epoch::new());
        assert!(epoch.enter() && epoch.enter());
        epoch.close();
        let mut emptied = std::pin::pin!(epoch.emptied());
        assert!(futures::poll!(&mut emptied).is_pending());
        epoch.leave();
        assert!(futures::poll!(&mut emptied).is_pending());
        epoch.leave();
        assert!(futures::poll!(&mut emptied).is_ready());
    }

    fn place(enrolled: Enrolled) -> Place {
        match enrolled {
            Enrolled::Place(place) => place,
            Enrolled::Over | Enrolled::Full => panic!("there was no place"),
        }
    }

    #[tokio::test]
    async fn a_hold_knows_how_many_waited_and_how_long() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let hold = Arc::new(Hold::new(2));
        let first = place(hold.enroll(start));
        let second = place(hold.enroll(at(10)));
        assert!(matches!(hold.enroll(at(11)), Enrolled::Full));
        assert_eq!(hold.waiting(), 2);
        let mut released = std::pin::pin!(second.released());
        assert!(futures::poll!(&mut released).is_pending());
        let figures = hold.release(at(25));
        assert_eq!(figures.held, 2);
        assert_eq!(figures.longest, Duration::from_millis(25));
        assert!(futures::poll!(&mut released).is_ready());
        assert!(matches!(hold.enroll(at(26)), Enrolled::Over));
        drop(first);
        assert_eq!(hold.waiting(), 1);
    }

    #[test]
    fn a_place_that_is_given_up_can_be_taken_by_another() {
        let hold = Arc::new(Hold::new(1));
        drop(place(hold.enroll(Instant::now())));
        let _second = place(hold.enroll(Instant::now()));
        assert_eq!(hold.figures(Instant::now()).held, 2);
    }
}
