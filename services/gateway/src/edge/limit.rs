//! Who guesses tokens is slowed down: so many wrong ones a minute from one address, and no more.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use runtime::Clock;

/// Wrong tokens that one address may try within a window.
pub(super) const WRONG_MAX: u32 = 20;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; past that, those whose window is over are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// Counts wrong tokens by address.
#[derive(Debug)]
pub(super) struct Limiter {
    clock: Clock,
    windows: Mutex<HashMap<IpAddr, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Duration,
    wrong: u32,
}

impl Limiter {
    /// Begins with nobody known.
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            windows: Mutex::default(),
        }
    }

    /// Returns how long this address must wait, if it must.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        let now = self.clock.instant();
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows
            .get(&network(address))
            .filter(|window| window.wrong >= WRONG_MAX)
            .and_then(|window| (window.since + WINDOW).checked_sub(now))
            .filter(|wait| !wait.is_zero())
    }

    /// Counts a wrong token.
    pub(super) fn wrong(&self, address: IpAddr) {
        let now = self.clock.instant();
        let over = |window: &Window| now >= window.since + WINDOW;
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= ADDRESSES_MAX {
            windows.retain(|_, window| !over(window));
        }
        if windows.len() >= ADDRESSES_MAX {
            // So many at once is an attack in itself; forgetting it all costs it one window.
            windows.clear();
        }
        let window = windows.entry(network(address)).or_insert(Window {
            since: now,
            wrong: 0,
        });
        if over(window) {
            *window = Window {
                since: now,
                wrong: 0,
            };
        }
        window.wrong += 1;
    }
}

/// One customer of a provider has 2^64 addresses of IPv6.
fn network(address: IpAddr) -> IpAddr {
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
        let limiter = Limiter::new(clock.clone());
        let [one, neighbour, other]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:1::1"].map(|text| text.parse().unwrap());
        for _ in 0..WRONG_MAX {
            assert_eq!(limiter.wait(one), None);
            limiter.wrong(one);
        }
        clock.advance(Duration::from_secs(10));
        assert_eq!(limiter.wait(neighbour), Some(Duration::from_secs(50)));
        assert_eq!(limiter.wait(other), None);
        clock.advance(Duration::from_secs(50));
        assert_eq!(limiter.wait(one), None);
        limiter.wrong(one);
        assert_eq!(limiter.wait(one), None, "a new window has begun");
    }

    #[test]
    fn the_memory_for_addresses_is_bounded() {
        let limiter = Limiter::new(Clock::simulated(jiff::Timestamp::UNIX_EPOCH, 1));
        for n in 0..u32::try_from(ADDRESSES_MAX).unwrap() + 5 {
            limiter.wrong(IpAddr::from(n.to_be_bytes()));
        }
        assert!(limiter.windows.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
