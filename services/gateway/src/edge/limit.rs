//! Who does something too often is slowed down: so many times a minute from one network, or by one
//! client, and no more.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use runtime::Clock;

/// Wrong tokens or client secrets that one network may try within a window.
pub(super) const WRONG_MAX: u32 = 20;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);
/// Keys that are remembered; past that, those whose window is over are forgotten.
const KEYS_MAX: usize = 10_000;

/// Counts by key what may be done so often within a window.
#[derive(Debug)]
pub(super) struct Limiter<K> {
    clock: Clock,
    max: u32,
    windows: Mutex<HashMap<K, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Duration,
    count: u32,
}

impl<K: Hash + Eq> Limiter<K> {
    /// Begins with nobody known.
    pub(super) fn new(clock: Clock, max: u32) -> Self {
        Self {
            clock,
            max,
            windows: Mutex::default(),
        }
    }

    /// Returns how long this key must wait, if it must.
    pub(super) fn wait<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Duration>
    where
        K: Borrow<Q>,
    {
        let now = self.clock.instant();
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows
            .get(key)
            .filter(|window| window.count >= self.max)
            .and_then(|window| (window.since + WINDOW).checked_sub(now))
            .filter(|wait| !wait.is_zero())
    }

    /// Counts one more.
    pub(super) fn count(&self, key: K) {
        let now = self.clock.instant();
        let over = |window: &Window| now >= window.since + WINDOW;
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= KEYS_MAX {
            windows.retain(|_, window| !over(window));
        }
        if windows.len() >= KEYS_MAX {
            // So many at once is an attack in itself; forgetting it all costs it one window.
            windows.clear();
        }
        let window = windows.entry(key).or_insert(Window {
            since: now,
            count: 0,
        });
        if over(window) {
            *window = Window {
                since: now,
                count: 0,
            };
        }
        window.count += 1;
    }
}

/// Returns the network of an address: one customer of a provider has 2^64 addresses of IPv6.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_may_guess_so_often_a_minute_and_others_are_left_alone() {
        let clock = Clock::simulated(jiff::Timestamp::UNIX_EPOCH, 1);
        let limiter = Limiter::new(clock.clone(), WRONG_MAX);
        let [one, neighbour, other]: [IpAddr; 3] = ["2001:db8::1", "2001:db8::2", "2001:db8:1::1"]
            .map(|text| network(text.parse().unwrap()));
        for _ in 0..WRONG_MAX {
            assert_eq!(limiter.wait(&one), None);
            limiter.count(one);
        }
        clock.advance(Duration::from_secs(10));
        assert_eq!(limiter.wait(&neighbour), Some(Duration::from_secs(50)));
        assert_eq!(limiter.wait(&other), None);
        clock.advance(Duration::from_secs(50));
        assert_eq!(limiter.wait(&one), None);
        limiter.count(one);
        assert_eq!(limiter.wait(&one), None, "a new window has begun");
    }

    #[test]
    fn the_memory_for_keys_is_bounded() {
        let clock = Clock::simulated(jiff::Timestamp::UNIX_EPOCH, 1);
        let limiter = Limiter::new(clock, WRONG_MAX);
        for n in 0..u32::try_from(KEYS_MAX).unwrap() + 5 {
            limiter.count(n);
        }
        assert!(limiter.windows.lock().unwrap().len() <= KEYS_MAX);
    }
}
