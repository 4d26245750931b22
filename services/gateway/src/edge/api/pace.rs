//! How much one caller, and all together, may ask for: calls within a minute, and calls that are open at
//! once.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, header};
use contract::{Problem, reason};
use runtime::Clock;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::edge::limit::{Limiter, network};

/// Secrets that are remembered as known to a service.
const KNOWN_MAX: usize = 10_000;
/// For how long they are.
const KNOWN: Duration = Duration::from_secs(600);
/// When a place may be free again.
const SOON: Duration = Duration::from_secs(1);

/// The most that is allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    /// Calls of one caller within a minute.
    pub(crate) a_minute: u32,
    /// Open calls of one caller.
    pub(crate) each: u32,
    /// Open calls of all.
    pub(crate) all: u32,
}

/// Whose calls are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    /// Those with one secret, by its digest.
    Secret([u8; 32]),
    /// Those of one network that show none, or none that a service was seen to know.
    Network(IpAddr),
}

/// Who calls, as far as counting needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    secret: Option<[u8; 32]>,
    network: IpAddr,
}

impl Key {
    /// Reads it from where a call came and what it shows.
    pub(super) fn of(source: IpAddr, headers: &HeaderMap) -> Self {
        let shown = headers.get(header::AUTHORIZATION);
        Self {
            secret: shown.map(|value| Sha256::digest(value.as_bytes()).into()),
            network: network(source),
        }
    }
}

/// Counts.
#[derive(Debug)]
pub(super) struct Pace {
    clock: Clock,
    most: Most,
    calls: Limiter<Counted>,
    room: Arc<Semaphore>,
    open: Mutex<HashMap<Counted, u32>>,
    /// Until when secrets count as known.
    known: Mutex<HashMap<[u8; 32], Duration>>,
}

/// An open call's place; dropped, it is free.
#[derive(Debug)]
pub(super) struct Place {
    pace: Arc<Pace>,
    caller: Counted,
    _room: OwnedSemaphorePermit,
}

impl Pace {
    pub(super) fn new(clock: Clock, most: Most) -> Self {
        Self {
            calls: Limiter::new(clock.clone(), most.a_minute),
            room: Arc::new(Semaphore::new(most.all as usize)),
            open: Mutex::default(),
            known: Mutex::default(),
            clock,
            most,
        }
    }

    /// Counts a call and gives it a place, or says how long to wait.
    pub(super) fn admit(self: &Arc<Self>, key: &Key) -> Result<Place, Problem> {
        let caller = self.counted(key);
        if let Some(wait) = self.calls.wait(&caller) {
            return Err(Problem::resource_exhausted(
                reason::RATE_LIMITED,
                "Too many calls within a minute.",
            )
            .retry_after(wait));
        }
        self.calls.count(caller);
        let full =
            |what: &str| Problem::resource_exhausted(reason::RATE_LIMITED, what).retry_after(SOON);
        let room = self.room.clone().try_acquire_owned();
        let room = room.map_err(|_| full("Too many calls are open here."))?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(caller).or_default();
        if *count >= self.most.each {
            return Err(full("Too many calls of this caller are open."));
        }
        *count += 1;
        Ok(Place {
            pace: self.clone(),
            caller,
            _room: room,
        })
    }

    /// Notes that a service knew the caller.
    pub(super) fn remember(&self, key: &Key) {
        let Some(secret) = key.secret else {
            return;
        };
        let now = self.clock.instant();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.retain(|_, until| *until > now);
        }
        if known.len() < KNOWN_MAX {
            known.insert(secret, now + KNOWN);
        }
    }

    /// Returns as whom a caller counts: secrets that nobody knows are anyone's, however many are shown.
    fn counted(&self, key: &Key) -> Counted {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.instant();
        match key.secret {
            Some(secret) if known.get(&secret).is_some_and(|until| *until > now) => {
                Counted::Secret(secret)
            }
            Some(_) | None => Counted::Network(key.network),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self
            .pace
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::Code;
    use jiff::Timestamp;

    use super::*;

    const MOST: Most = Most {
        a_minute: 3,
        each: 2,
        all: 3,
    };

    fn pace(most: Most) -> (Clock, Arc<Pace>) {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH, 1);
        (clock.clone(), Arc::new(Pace::new(clock, most)))
    }

    fn key(source: &str, secret: &str) -> Key {
        let mut headers = HeaderMap::new();
        if !secret.is_empty() {
            headers.insert(header::AUTHORIZATION, secret.parse().unwrap());
        }
        Key::of(source.parse().unwrap(), &headers)
    }

    #[track_caller]
    fn refused(answer: Result<Place, Problem>, wait: u64) {
        let problem = answer.unwrap_err();
        assert_eq!(problem.code(), Code::ResourceExhausted);
        let told = tonic::Status::from(problem);
        let told = tonic_types::StatusExt::get_details_retry_info(&told);
        assert_eq!(
            told.and_then(|info| info.retry_delay),
            Some(Duration::from_secs(wait))
        );
    }

    #[test]
    fn a_caller_has_so_many_calls_a_minute_and_is_told_when_to_come_back() {
        let (clock, pace) = pace(MOST);
        for _ in 0..3 {
            pace.admit(&key("192.0.2.1", "")).unwrap();
        }
        clock.advance(Duration::from_secs(20));
        refused(pace.admit(&key("192.0.2.1", "")), 40);
        pace.admit(&key("192.0.2.2", "")).unwrap();
        clock.advance(Duration::from_secs(40));
        pace.admit(&key("192.0.2.1", "")).unwrap();
    }

    #[test]
    fn secrets_that_nobody_knows_count_as_one_caller_and_known_ones_each_by_itself() {
        let (_, pace) = pace(MOST);
        for n in 0..3 {
            pace.admit(&key("192.0.2.1", &format!("Bearer {n}")))
                .unwrap();
        }
        let honest = key("192.0.2.1", "Bearer mine");
        assert!(pace.admit(&honest).is_err());
        pace.remember(&honest);
        pace.admit(&honest).unwrap();
    }

    #[test]
    fn open_calls_are_bounded_for_each_and_for_all_and_ended_ones_make_room() {
        let most = Most {
            a_minute: 100,
            ..MOST
        };
        let (_, pace) = pace(most);
        let [one, other] = [key("192.0.2.1", ""), key("192.0.2.2", "")];
        let first = pace.admit(&one).unwrap();
        let _second = pace.admit(&one).unwrap();
        refused(pace.admit(&one), 1);
        let _third = pace.admit(&other).unwrap();
        refused(pace.admit(&other), 1);
        drop(first);
        pace.admit(&other).unwrap();
        assert_eq!(pace.open.lock().unwrap().len(), 2);
    }
}
