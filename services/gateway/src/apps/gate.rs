//! Lets requests of one generation through, or has them wait for the outcome of a switch.
//! Being admitted and being counted in flight are one step: a request that is not counted is not
//! admitted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::lasting::Lasting;

/// The lowest bit of an epoch's state: nobody gets in.
const CLOSED: usize = 1;
/// What one request in flight adds to an epoch's state.
const ONE: usize = 2;
/// After how long what was cut is cut again: one that was counted in, but had not looked for the
/// word yet, missed it.
const CUT_AGAIN: Duration = Duration::from_millis(50);

/// One generation of an application at this gateway, or one stay of a version in test: who is in
/// flight, and whether anybody may still get in.
#[derive(Debug)]
pub(super) struct Epoch {
    state: AtomicUsize,
    emptied: Notify,
    /// Another one after each cut: an epoch whose switch is given up goes on.
    cut: ArcSwap<CancellationToken>,
    lasting: Arc<Lasting>,
    closed: AtomicU64,
    cut_off: AtomicU64,
}

/// What has ended before its time since the epoch was closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// Long-lived connections that were ended in good order.
    pub(super) closed: u64,
    /// Requests and connections that were cut.
    pub(super) cut: u64,
}

impl Epoch {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicUsize::new(0),
            emptied: Notify::new(),
            cut: ArcSwap::default(),
            lasting: Arc::default(),
            closed: AtomicU64::new(0),
            cut_off: AtomicU64::new(0),
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
        let before = self.state.fetch_or(CLOSED, Ordering::SeqCst);
        if before & CLOSED == 0 {
            self.closed.store(0, Ordering::SeqCst);
            self.cut_off.store(0, Ordering::SeqCst);
        }
        before / ONE
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
    pub(super) fn cut(&self) -> CancellationToken {
        CancellationToken::clone(&self.cut.load())
    }

    /// Ends everything that is in flight, and waits until nothing is. Only of use once the epoch is
    /// closed.
    pub(super) async fn cut_off(&self) {
        let left = self.in_flight() as u64;
        self.cut_off.fetch_add(left, Ordering::SeqCst);
        loop {
            self.cut.swap(Arc::default()).cancel();
            if timeout(CUT_AGAIN, self.emptied()).await.is_ok() {
                return;
            }
        }
    }

    /// Returns the long-lived connections among what is in flight.
    pub(super) fn lasting(&self) -> &Arc<Lasting> {
        &self.lasting
    }

    /// Counts one long-lived connection that was ended in good order.
    pub(super) fn closed_one(&self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns what has ended before its time since the epoch was closed.
    pub(super) fn ended(&self) -> Ended {
        Ended {
            closed: self.closed.load(Ordering::SeqCst),
            cut: self.cut_off.load(Ordering::SeqCst),
        }
    }
}

/// One hold of one application: the requests that wait, in the order in which they came.
#[derive(Debug)]
pub(super) struct Hold {
    waiting: Mutex<Waiting>,
    released: CancellationToken,
    room: Room,
}

/// How much one hold has room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Requests at a time.
    pub(super) requests: usize,
    /// Bytes of their heads at a time.
    pub(super) bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    since: BTreeMap<u64, (Instant, usize)>,
    bytes: usize,
    held: u64,
    failed: u64,
    longest: Duration,
    released: bool,
}

/// What one hold cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HoldFigures {
    /// Requests that were held, or found no room.
    pub held: u64,
    /// Of them, those that were answered 503: for want of room, or because they had waited for as
    /// long as a request may.
    pub failed: u64,
    /// The longest time that one was held.
    pub longest: Duration,
}

/// What a request that is to wait gets.
pub(super) enum Enrolled {
    /// A place; it is given up when dropped.
    Place(Place),
    /// The hold is over: look at the gate again.
    Over,
    /// As many wait as may, or their heads are as large as they may be.
    Full,
}

/// One waiting request.
pub(super) struct Place {
    hold: Arc<Hold>,
    number: u64,
}

impl Hold {
    /// Begins a hold.
    pub(super) fn new(room: Room) -> Self {
        Self {
            waiting: Mutex::default(),
            released: CancellationToken::new(),
            room,
        }
    }

    /// Takes one more request, come at `now`, whose head has so many bytes.
    pub(super) fn enroll(self: &Arc<Self>, now: Instant, bytes: usize) -> Enrolled {
        let mut waiting = self.lock();
        if waiting.released {
            return Enrolled::Over;
        }
        let number = waiting.held;
        waiting.held += 1;
        let with_it = waiting.bytes.saturating_add(bytes);
        if waiting.since.len() >= self.room.requests || with_it > self.room.bytes {
            waiting.failed += 1;
            return Enrolled::Full;
        }
        waiting.bytes = with_it;
        waiting.since.insert(number, (now, bytes));
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

    /// Waits for its end.
    pub(super) async fn over(&self) {
        self.released.cancelled().await;
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
        let oldest = self.since.first_key_value().map(|(_, (since, _))| *since);
        let waited = oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        HoldFigures {
            held: self.held,
            failed: self.failed,
            longest: self.longest.max(waited),
        }
    }
}

impl Place {
    /// Waits for the end of the hold.
    pub(super) async fn released(&self) {
        self.hold.released.cancelled().await;
    }

    /// Gives the place up without an answer from a version.
    pub(super) fn fail(self) {
        self.hold.lock().failed += 1;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.hold.lock();
        if let Some((since, bytes)) = waiting.since.remove(&self.number) {
            waiting.bytes -= bytes;
            if !waiting.released {
                waiting.longest = waiting.longest.max(since.elapsed());
            }
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
        const ROUNDS: usize = 500;
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
                // On a busy machine the rounds could be over before a thread has begun.
                while epoch.in_flight() == 0 {
                    thread::yield_now();
                }
                let mut left = epoch.close();
                while left > 0 {
                    let now = epoch.in_flight();
                    assert!(now <= left, "{now} in flight after {left}");
                    left = now;
                    thread::yield_now();
                }
                epoch.open();
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

    fn room(requests: usize, bytes: usize) -> Room {
        Room { requests, bytes }
    }

    #[tokio::test]
    async fn a_hold_knows_how_many_waited_and_how_long() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let hold = Arc::new(Hold::new(room(2, 200)));
        let first = place(hold.enroll(start, 100));
        let second = place(hold.enroll(at(10), 100));
        assert!(matches!(hold.enroll(at(11), 0), Enrolled::Full));
        assert_eq!(hold.waiting(), 2);
        let mut released = std::pin::pin!(second.released());
        assert!(futures::poll!(&mut released).is_pending());
        let figures = hold.release(at(25));
        assert_eq!((figures.held, figures.failed), (3, 1));
        assert_eq!(figures.longest, Duration::from_millis(25));
        assert!(futures::poll!(&mut released).is_ready());
        assert!(matches!(hold.enroll(at(26), 1), Enrolled::Over));
        drop(first);
        assert_eq!(hold.waiting(), 1);
    }

    #[test]
    fn a_place_that_is_given_up_can_be_taken_by_another() {
        let hold = Arc::new(Hold::new(room(1, 100)));
        let now = Instant::now();
        drop(place(hold.enroll(now, 100)));
        let second = place(hold.enroll(now, 100));
        let figures = hold.figures(now);
        assert_eq!((figures.held, figures.failed), (2, 0));
        second.fail();
        assert_eq!(hold.figures(now).failed, 1);
    }

    #[test]
    fn a_hold_has_room_for_so_many_bytes() {
        let hold = Arc::new(Hold::new(room(10, 100)));
        let now = Instant::now();
        let first = place(hold.enroll(now, 60));
        assert!(matches!(hold.enroll(now, 41), Enrolled::Full));
        let _second = place(hold.enroll(now, 40));
        assert!(matches!(hold.enroll(now, 1), Enrolled::Full));
        drop(first);
        let _third = place(hold.enroll(now, 60));
        assert!(matches!(hold.enroll(now, usize::MAX), Enrolled::Full));
        assert_eq!(hold.waiting(), 2);
    }

    #[tokio::test]
    async fn a_cut_epoch_can_go_on() {
        let epoch = Arc::new(Epoch::new());
        assert!(epoch.enter());
        epoch.close();
        let cut = epoch.cut();
        let leave = async {
            cut.cancelled().await;
            epoch.leave();
        };
        tokio::join!(epoch.cut_off(), leave);
        assert_eq!(epoch.ended().cut, 1);
        epoch.open();
        assert!(epoch.enter());
        assert!(!epoch.cut().is_cancelled());
        epoch.close();
        assert_eq!(epoch.ended(), Ended::default(), "counted anew");
    }
}
