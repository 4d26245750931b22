//! Long-lived connections: each is asked to end in good order when it is its turn, so that users
//! come back spread over time and not all at once.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contract::ApplicationName;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{DataPlane, traffic::TenantTally};

/// How often connections are asked at most; of a higher rate several are asked each time.
const TICK: Duration = Duration::from_millis(10);
/// Ticks a second.
const TICKS: u32 = 100;

/// The long-lived connections of one epoch, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Lasting(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    open: u64,
    unasked: BTreeMap<u64, CancellationToken>,
}

/// One long-lived connection; no longer one when dropped.
pub(super) struct Place {
    lasting: Arc<Lasting>,
    number: u64,
    asked: CancellationToken,
    /// Where it counts; nowhere for a tester.
    tenant: Option<Arc<TenantTally>>,
}

impl Lasting {
    /// Takes one more, of this tenant.
    pub(super) fn enroll(self: &Arc<Self>, tenant: Option<&Arc<TenantTally>>) -> Place {
        if let Some(tenant) = tenant {
            tenant.long_lived.up();
        }
        let asked = CancellationToken::new();
        let mut connections = self.lock();
        let number = connections.next;
        connections.next += 1;
        connections.open += 1;
        connections.unasked.insert(number, asked.clone());
        Place {
            lasting: Arc::clone(self),
            number,
            asked,
            tenant: tenant.map(Arc::clone),
        }
    }

    /// Returns how many are open, asked or not.
    pub(super) fn open(&self) -> u64 {
        self.lock().open
    }

    /// Asks up to `count` to end, first come first; returns how many there were.
    fn ask(&self, count: u32) -> u32 {
        let mut connections = self.lock();
        for asked in 0..count {
            match connections.unasked.pop_first() {
                Some((_, token)) => token.cancel(),
                None => return asked,
            }
        }
        count
    }

    /// Asks one after the other, also those that come later, for as long as it is polled.
    pub(super) async fn ask_all(&self, pace: Pace) -> Infallible {
        let (count, gap) = pace.steps();
        let mut ticks = interval(gap);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.ask(count);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connections> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Returns what tells that it is asked to end.
    pub(super) fn asked(&self) -> &CancellationToken {
        &self.asked
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(tenant) = &self.tenant {
            tenant.long_lived.down();
        }
        let mut connections = self.lasting.lock();
        connections.unasked.remove(&self.number);
        connections.open -= 1;
    }
}

/// How fast connections are asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// All, and whoever comes, without waiting.
    AtOnce,
    /// So many a second.
    Rate(u32),
}

impl Pace {
    /// Returns how many are asked each time, and how often.
    fn steps(self) -> (u32, Duration) {
        match self {
            Self::AtOnce => (u32::MAX, TICK),
            Self::Rate(rate) => {
                let rate = rate.max(1);
                let count = rate.div_ceil(TICKS);
                (count, Duration::from_secs(count.into()) / rate)
            }
        }
    }
}

impl DataPlane {
    /// Returns how many long-lived connections (WebSockets, event streams) to versions in use or
    /// in test are open.
    pub fn long_lived(&self) -> u64 {
        let snapshot = self.inner().snapshot.load();
        let lasting = snapshot.routes.values().flat_map(|it| it.epochs());
        lasting.map(|epoch| epoch.lasting().open()).sum()
    }

    /// Ends the long-lived connections of all applications in good order, each application's at
    /// its own rate, and also those that come later, until it is dropped. Versions and gates stay
    /// as they are, and what is not long-lived is served.
    pub async fn end_long_lived(&self) -> Infallible {
        let mut next: HashMap<ApplicationName, Instant> = HashMap::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = ticks.tick().await;
            let snapshot = self.inner().snapshot.load_full();
            for (application, route) in &snapshot.routes {
                let due = next.get(application).copied().unwrap_or(now);
                if now < due {
                    continue;
                }
                let (count, gap) = route.drain_pace.steps();
                let mut asked = 0;
                for epoch in route.epochs() {
                    asked += epoch.lasting().ask(count - asked);
                }
                if asked > 0 {
                    // A late tick is made up for, a time without any is not.
                    let due = (due + gap).max(now);
                    next.insert(application.clone(), due);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn seconds(of: &[Place], began: Instant) -> Vec<f64> {
        let mut when = Vec::new();
        for place in of {
            place.asked().cancelled().await;
            when.push(began.elapsed().as_secs_f64());
        }
        when
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_asked_one_after_the_other_at_the_rate() {
        for (rate, count) in [(1_u32, 5_u32), (10, 30), (100, 250), (2500, 5000)] {
            let lasting = Arc::new(Lasting::default());
            let places: Vec<_> = (0..count).map(|_| lasting.enroll(None)).collect();
            assert_eq!(lasting.open(), u64::from(count));
            let began = Instant::now();
            let when = tokio::select! {
                when = seconds(&places, began) => when,
                never = lasting.ask_all(Pace::Rate(rate)) => match never {},
            };
            for (number, when) in when.iter().enumerate() {
                let fair = number as f64 / f64::from(rate);
                assert!((when - fair).abs() <= 0.02, "{number} of {rate}: {when}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_late_is_asked_too_and_who_has_gone_takes_nobodys_turn() {
        let lasting = Arc::new(Lasting::default());
        let first: Vec<_> = (0..10).map(|_| lasting.enroll(None)).collect();
        let last = lasting.enroll(None);
        drop(first);
        assert_eq!(lasting.open(), 1);
        let began = Instant::now();
        let asking = lasting.ask_all(Pace::Rate(1));
        let late = async {
            last.asked().cancelled().await;
            assert_eq!(began.elapsed(), Duration::ZERO);
            tokio::time::advance(Duration::from_millis(500)).await;
            let late = lasting.enroll(None);
            late.asked().cancelled().await;
            assert_eq!(began.elapsed(), Duration::from_secs(1));
        };
        tokio::select! {
            () = late => {}
            never = asking => match never {},
        }
    }

    #[tokio::test(start_paused = true)]
    async fn at_once_asks_all() {
        let lasting = Arc::new(Lasting::default());
        let places: Vec<_> = (0..1000).map(|_| lasting.enroll(None)).collect();
        let began = Instant::now();
        let when = tokio::select! {
            when = seconds(&places, began) => when,
            never = lasting.ask_all(Pace::AtOnce) => match never {},
        };
        assert!(when.iter().all(|when| *when < 0.001));
    }
}
