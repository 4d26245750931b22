//! Time and chance as values: real ones, or simulated ones that tests move.

mod shared;

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use contract::TimedId;
use jiff::Timestamp;
use tokio::sync::watch;

pub use shared::share_time;

/// Tells the time, and draws what is random. Clones tell the same.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Real {
        start: Instant,
        /// What the time was, and when, by somebody else's clock that counts instead of ours.
        anchor: Arc<RwLock<Option<(Instant, Timestamp)>>>,
    },
    Simulated(Arc<Simulated>),
    #[cfg(feature = "faults")]
    Following(Arc<Following>),
}

/// Follows the time of the runtime, which a simulation moves.
#[cfg(feature = "faults")]
#[derive(Debug)]
struct Following {
    began: tokio::time::Instant,
    /// How fast monotonic time passes, in thousandths of the runtime's.
    permille: u32,
    /// The wall time when it began, in microseconds since 1970; moves when the clock is stepped.
    wall: std::sync::atomic::AtomicI64,
    /// Whether somebody else's clock counts instead of the one that is stepped.
    anchored: std::sync::atomic::AtomicBool,
    chance: AtomicU64,
}

#[derive(Debug)]
struct Simulated {
    start: Timestamp,
    /// Monotonic time since the start, and wall time; they part when somebody sets the wall clock.
    now: watch::Sender<(Duration, Timestamp)>,
    chance: AtomicU64,
}

impl Clock {
    /// The system's clock and random source.
    pub fn real() -> Self {
        Self(Kind::Real {
            start: Instant::now(),
            anchor: Arc::default(),
        })
    }

    /// A clock that stands at `start` until it is moved, with the chance that follows from `seed`.
    pub fn simulated(start: Timestamp, seed: u64) -> Self {
        Self(Kind::Simulated(Arc::new(Simulated {
            start,
            now: watch::Sender::new((Duration::ZERO, start)),
            chance: AtomicU64::new(seed),
        })))
    }

    /// A clock that follows the time of the runtime in which it is made and used. It begins at
    /// `wall`, with the chance that follows from `seed`; its monotonic time passes at `permille`
    /// thousandths of the runtime's rate.
    #[cfg(feature = "faults")]
    pub fn following(wall: Timestamp, seed: u64, permille: u32) -> Self {
        Self(Kind::Following(Arc::new(Following {
            began: tokio::time::Instant::now(),
            permille,
            wall: wall.as_microsecond().into(),
            anchored: false.into(),
            chance: AtomicU64::new(seed),
        })))
    }

    /// Steps the wall time of a clock that follows a runtime's; monotonic time stays.
    #[cfg(feature = "faults")]
    pub fn step(&self, by: jiff::SignedDuration) {
        if let Kind::Following(following) = &self.0
            && !following.anchored.load(Ordering::Relaxed)
        {
            let micros = i64::try_from(by.as_micros()).unwrap_or_default();
            following.wall.fetch_add(micros, Ordering::Relaxed);
        }
    }

    /// Returns the wall time.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Real { anchor, .. } => {
                let anchor = *anchor.read().unwrap_or_else(PoisonError::into_inner);
                match anchor {
                    Some((then, wall)) => wall.saturating_add(then.elapsed()).unwrap_or(wall),
                    None => crate::fault::misread(Timestamp::now()),
                }
            }
            Kind::Simulated(simulated) => simulated.now.borrow().1,
            #[cfg(feature = "faults")]
            Kind::Following(following) => following.now(),
        }
    }

    /// Returns the wall time in microseconds since 1970, as databases keep it.
    pub fn now_micros(&self) -> i64 {
        self.now().as_microsecond()
    }

    /// Returns the monotonic time since the clock was made: for measuring, never for storing.
    pub fn instant(&self) -> Duration {
        match &self.0 {
            Kind::Real { start, .. } => start.elapsed(),
            Kind::Simulated(simulated) => simulated.now.borrow().0,
            #[cfg(feature = "faults")]
            Kind::Following(following) => following.began.elapsed() * following.permille / 1000,
        }
    }

    /// Makes an id of now.
    pub fn new_id<T: TimedId>(&self) -> T {
        T::new(self.now_micros(), self.random())
    }

    /// Draws random bytes; simulated ones are the same for the same seed. Not for secrets.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Kind::Real { .. } => rand::fill(&mut bytes),
            Kind::Simulated(simulated) => fill(&mut bytes, &simulated.chance),
            #[cfg(feature = "faults")]
            Kind::Following(following) => fill(&mut bytes, &following.chance),
        }
        bytes
    }

    /// Moves a simulated clock on; a real one moves by itself and stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Kind::Simulated(simulated) = &self.0 {
            simulated.now.send_modify(|(elapsed, wall)| {
                *elapsed += by;
                *wall = wall.saturating_add(by).unwrap_or(*wall);
            });
        }
    }

    /// Makes it `wall` now, and from then on as much more as monotonic time passes: the system's wall
    /// clock counts no more, however it is set. One that tests move stays as it is.
    fn anchor(&self, wall: Timestamp) {
        match &self.0 {
            Kind::Real { anchor, .. } => {
                let mut anchor = anchor.write().unwrap_or_else(PoisonError::into_inner);
                *anchor = Some((Instant::now(), wall));
            }
            Kind::Simulated(_) => {}
            #[cfg(feature = "faults")]
            Kind::Following(following) => following.anchor(wall),
        }
    }

    /// Sets a simulated clock's wall time, backwards too; monotonic time stays.
    pub fn set(&self, wall: Timestamp) {
        if let Kind::Simulated(simulated) = &self.0 {
            simulated.now.send_modify(|(_, now)| *now = wall);
        }
    }

    /// Returns when a simulated clock was started, or none for a real one.
    pub fn simulated_start(&self) -> Option<Timestamp> {
        match &self.0 {
            Kind::Real { .. } => None,
            Kind::Simulated(simulated) => Some(simulated.start),
            #[cfg(feature = "faults")]
            Kind::Following(_) => None,
        }
    }

    /// Tells whether it is the system's.
    pub fn is_real(&self) -> bool {
        matches!(self.0, Kind::Real { .. })
    }

    /// Follows the moves of a simulated clock; none for a real one.
    pub(crate) fn moves(&self) -> Option<watch::Receiver<(Duration, Timestamp)>> {
        match &self.0 {
            Kind::Real { .. } => None,
            Kind::Simulated(simulated) => Some(simulated.now.subscribe()),
            #[cfg(feature = "faults")]
            Kind::Following(_) => None,
        }
    }
}

#[cfg(feature = "faults")]
impl Following {
    fn elapsed(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn now(&self) -> Timestamp {
        let micros = self
            .wall
            .load(Ordering::Relaxed)
            .saturating_add(self.elapsed());
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }

    fn anchor(&self, wall: Timestamp) {
        let began = wall.as_microsecond().saturating_sub(self.elapsed());
        self.wall.store(began, Ordering::Relaxed);
        self.anchored.store(true, Ordering::Relaxed);
    }
}

fn fill(bytes: &mut [u8], chance: &AtomicU64) {
    for chunk in bytes.chunks_mut(8) {
        let mut state = chance.fetch_add(STEP, Ordering::Relaxed);
        let word = splitmix(&mut state).to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}

/// What splitmix64 goes on by.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// One step of splitmix64: small, and good enough for ids that only have to differ.
pub(crate) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(STEP);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use contract::EventId;

    use super::*;

    #[test]
    fn a_simulated_clock_stands_until_it_is_moved() {
        let start = Timestamp::UNIX_EPOCH;
        let clock = Clock::simulated(start, 1);
        let other = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(other.now_micros(), 2_000_000);
        assert_eq!(other.instant(), Duration::from_secs(2));
        clock.set(start);
        assert_eq!(
            (clock.now(), clock.instant()),
            (start, Duration::from_secs(2))
        );
    }

    #[test]
    fn chance_follows_from_the_seed_alone() {
        let draw = |seed| Clock::simulated(Timestamp::UNIX_EPOCH, seed).random::<16>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH, 7);
        assert_ne!(clock.new_id::<EventId>(), clock.new_id::<EventId>());
        assert_ne!(Clock::real().random::<16>(), Clock::real().random::<16>());
    }
}
