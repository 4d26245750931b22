//! How long users may be served while the catalog is not heard (R8). A lease is a moment, compared
//! with the clock for every request; no task and no timer says that it has ended.
//!
//! Whoever decides about a request loads the gate first and compares the clock then: a lease that
//! holds at that moment held when the gate was loaded. A renewal comes after the routes that were
//! told before it, and a route that has replaced a generation has closed it: so nobody gets into an
//! old generation by a lease that was given for a new one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::Guard;
use contract::ApplicationName;
use runtime::{
    Clock,
    fault::{Plant, planted},
};
use rustix::time::{ClockId, clock_gettime};

use super::{
    DataPlane,
    snapshot::{Gate, Snapshot},
};

/// Of a hundred parts of a lease, those that are used: clocks may differ in their rates.
const PERCENT_USED: u64 = 95;

/// A moment of the time since this machine was started, sleep and standstill included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    nanoseconds: u64,
}

impl Moment {
    /// Returns the moment that is `elapsed` after the machine's start.
    pub fn at(elapsed: Duration) -> Self {
        Self {
            nanoseconds: nanoseconds(elapsed),
        }
    }

    /// Returns the time from an earlier moment to this one; none from a later one.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanoseconds.saturating_sub(earlier.nanoseconds))
    }

    /// Returns the moment that is so much later.
    pub fn after(self, time: Duration) -> Self {
        Self {
            nanoseconds: self.nanoseconds.saturating_add(nanoseconds(time)),
        }
    }
}

/// Tells the time since the machine's start. Clones tell the same.
#[derive(Debug, Clone)]
pub enum BootClock {
    /// The system's, which goes on while the machine sleeps or stands still.
    System,
    /// One that tests move.
    Simulated(Clock),
}

impl BootClock {
    /// Returns the one that belongs to `clock`: the system's, or the same simulation.
    pub fn of(clock: &Clock) -> Self {
        if clock.is_real() {
            Self::System
        } else {
            Self::Simulated(clock.clone())
        }
    }

    /// Returns the present moment.
    pub fn now(&self) -> Moment {
        match self {
            Self::System => {
                let now = clock_gettime(ClockId::Boottime);
                // Neither is ever negative: the clock began at zero.
                let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
                let rest = u64::try_from(now.tv_nsec).unwrap_or_default();
                Moment {
                    nanoseconds: seconds.saturating_mul(1_000_000_000).saturating_add(rest),
                }
            }
            Self::Simulated(clock) => Moment::at(clock.instant()),
        }
    }
}

/// What one application was granted last. It lives as long as the application is known.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// The moment before the renewing beat was sent, plus one; 0 if there never was a lease.
    renewed: AtomicU64,
}

impl Lease {
    /// Begins a lease that was renewed as the other was.
    pub(super) fn like(other: &Self) -> Self {
        Self {
            renewed: AtomicU64::new(other.renewed.load(Ordering::SeqCst)),
        }
    }

    /// Renews it by a beat that was sent after `beat`; an older one never makes it shorter.
    pub(super) fn renew(&self, beat: Moment) {
        self.renewed
            .fetch_max(beat.nanoseconds.saturating_add(1), Ordering::SeqCst);
    }

    /// Returns how long users may still be served at `now`, if a lease is `length` long; zero if
    /// no longer.
    pub(super) fn left(&self, length: Duration, now: Moment) -> Duration {
        let Some(renewed) = self.renewed.load(Ordering::SeqCst).checked_sub(1) else {
            return Duration::ZERO;
        };
        let used = nanoseconds(length) / 100 * PERCENT_USED;
        let end = renewed.saturating_add(used);
        Duration::from_nanos(end.saturating_sub(now.nanoseconds))
    }

    /// Returns the moment before the beat that renewed it last.
    pub(super) fn renewed(&self) -> Option<Moment> {
        let renewed = self.renewed.load(Ordering::SeqCst).checked_sub(1)?;
        Some(Moment {
            nanoseconds: renewed,
        })
    }
}

impl DataPlane {
    /// Renews the leases of all applications that are `covered`, by a beat that was sent after
    /// `beat`. To be called once all routes that were told before the lease are applied.
    pub fn renew_leases(&self, beat: Moment, covered: impl Fn(&ApplicationName) -> bool) {
        let inner = self.inner();
        inner.granted.renew(beat);
        for (application, route) in &inner.snapshot.load().routes {
            if covered(application) {
                route.lease.renew(beat);
            }
        }
    }

    /// Returns the present moment, as leases count.
    pub fn moment(&self) -> Moment {
        self.inner().clock.now()
    }

    /// Returns the applications whose users are refused because their lease has run out, by name.
    pub fn fenced(&self) -> Vec<ApplicationName> {
        let (snapshot, now) = self.look();
        let routes = snapshot.routes.iter();
        let fenced = routes.filter(|(_, route)| {
            let active = !matches!(route.gate, Gate::Never);
            active && route.fenced(now)
        });
        let mut names: Vec<_> = fenced.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    /// Looks at the gates, then at the clock: in this order (R8). The one way to what decides about
    /// a request.
    pub(super) fn look(&self) -> (Guard<Arc<Snapshot>>, Moment) {
        let inner = self.inner();
        let snapshot = inner.snapshot.load();
        if planted(Plant::LeaseFlagNotClock) {
            return (
                snapshot,
                inner.granted.renewed().unwrap_or(inner.clock.now()),
            );
        }
        let now = inner.clock.now();
        (snapshot, now)
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::at(Duration::from_millis(ms))
    }

    const LENGTH: Duration = Duration::from_secs(1);

    #[test]
    fn a_lease_is_counted_from_the_beat_less_a_twentieth() {
        let lease = Lease::default();
        assert_eq!(lease.left(LENGTH, at(0)), Duration::ZERO, "none yet");
        lease.renew(at(0));
        assert_eq!(lease.left(LENGTH, at(0)), Duration::from_millis(950));
        assert_eq!(lease.left(LENGTH, at(949)), Duration::from_millis(1));
        assert_eq!(lease.left(LENGTH, at(950)), Duration::ZERO);
        assert_eq!(lease.left(LENGTH, at(1_000_000)), Duration::ZERO);
    }

    #[test]
    fn the_systems_clock_goes_on() {
        let clock = BootClock::of(&Clock::real());
        let before = clock.now();
        while clock.now() == before {}
        assert!(clock.now() > before);
    }

    proptest! {
        #[test]
        fn no_order_of_renewals_makes_a_lease_shorter(
            beats in prop::collection::vec(0_u64..100_000, 1..20), now in 0_u64..200_000,
        ) {
            let lease = Lease::default();
            let mut before = Duration::ZERO;
            for beat in &beats {
                lease.renew(at(*beat));
                let left = lease.left(LENGTH, at(now));
                prop_assert!(left >= before);
                before = left;
            }
            let newest = beats.iter().max().unwrap() + 950;
            prop_assert_eq!(before, Duration::from_millis(newest.saturating_sub(now)));
        }
    }
}
