//! The end of a generation at this gateway: its requests finish, its long-lived connections are
//! ended in good order one after the other, and what is left at the deadline is cut.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    gate::{Ended, Epoch},
    lasting::Pace,
};

/// What has left an application's route and still has requests in flight. It belongs to a
/// generation, not to a version: a version that comes back has nothing to do with it.
///
/// Dropping it leaves what is in flight alone.
#[derive(Debug)]
#[must_use = "what has left goes on without an end unless it is drained"]
pub struct Drain {
    users: Option<Leaving>,
    testers: Option<Leaving>,
    pace: Pace,
}

#[derive(Debug)]
struct Leaving {
    epoch: Arc<Epoch>,
    in_flight: u64,
    /// What had ended, of what was there when its gate was closed, before it left.
    before: Ended,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Users' requests and connections that finished: by themselves, or in good order.
    pub finished: u64,
    /// Of them, long-lived connections that were ended in good order, also those that were while
    /// the switch was held.
    pub closed: u64,
    /// Users' requests and connections that were cut, also those that were while the switch was
    /// held.
    pub cut: u64,
}

/// How far a drain is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DrainProgress {
    /// Users' requests and connections that are still under way.
    pub open: u64,
    /// Long-lived connections that were ended in good order.
    pub closed: u64,
}

/// A drain that runs: how far it is, and how long it may go on.
#[derive(Debug, Clone)]
pub struct RunningDrain {
    limit: Arc<watch::Sender<Duration>>,
    users: Option<Arc<Epoch>>,
}

impl RunningDrain {
    /// Says anew how long the drain may take, from its begin on: what is left then is cut. With
    /// nothing, or with less than has passed, that is now.
    pub fn limit(&self, limit: Duration) {
        self.limit.send_replace(limit);
    }

    /// Returns how far it is.
    pub fn progress(&self) -> DrainProgress {
        let users = self.users.as_ref();
        users.map_or_else(DrainProgress::default, |epoch| DrainProgress {
            open: epoch.in_flight() as u64,
            closed: epoch.ended().closed,
        })
    }
}

impl Drain {
    /// Closes what has left for good; `None` if nothing has.
    pub(super) fn of(
        (users, testers): (Option<Arc<Epoch>>, Option<Arc<Epoch>>),
        pace: Pace,
    ) -> Option<Self> {
        let leave = |epoch: Arc<Epoch>| {
            let in_flight = epoch.close() as u64;
            Leaving {
                in_flight,
                before: epoch.ended(),
                epoch,
            }
        };
        (users.is_some() || testers.is_some()).then(|| Self {
            users: users.map(leave),
            testers: testers.map(leave),
            pace,
        })
    }

    /// Returns how many users' requests and connections were in flight when the generation left.
    pub fn in_flight(&self) -> u64 {
        self.users.as_ref().map_or(0, |users| users.in_flight)
    }

    /// Waits until nothing is in flight, cuts what is left after `limit`, and tells. Testers'
    /// requests are ended alike and not counted.
    pub async fn finish(self, limit: Duration) -> Drained {
        self.start(limit).1.await
    }

    /// Begins to drain: the second is to be polled to its end, the first says how it goes and can
    /// move the deadline.
    pub fn start(self, limit: Duration) -> (RunningDrain, impl Future<Output = Drained> + Send) {
        let began = Instant::now();
        let (sender, limit) = watch::channel(limit);
        let running = RunningDrain {
            limit: Arc::new(sender),
            users: self.users.as_ref().map(|it| Arc::clone(&it.epoch)),
        };
        let testers_limit = limit.clone();
        let ended = async move {
            let testers = async {
                if let Some(testers) = &self.testers {
                    testers.finish(began, testers_limit, self.pace).await;
                }
            };
            let users = async {
                match &self.users {
                    Some(users) => users.finish(began, limit, self.pace).await,
                    None => Drained::default(),
                }
            };
            tokio::join!(users, testers).0
        };
        (running, ended)
    }
}

impl Leaving {
    async fn finish(
        &self,
        began: Instant,
        limit: watch::Receiver<Duration>,
        pace: Pace,
    ) -> Drained {
        let epoch = &self.epoch;
        tokio::select! {
            biased;
            () = epoch.emptied() => {}
            () = over(began, limit) => epoch.cut_off().await,
            never = epoch.lasting().ask_all(pace) => match never {},
        }
        let ended = epoch.ended();
        let left = self.in_flight + self.before.closed;
        Drained {
            finished: left.saturating_sub(ended.cut - self.before.cut),
            closed: ended.closed,
            cut: ended.cut,
        }
    }
}

/// Waits until the time is over, whatever it is changed to meanwhile.
async fn over(began: Instant, mut limit: watch::Receiver<Duration>) {
    loop {
        let deadline = began + *limit.borrow_and_update();
        match timeout_at(deadline, limit.changed()).await {
            Err(_) => return,
            Ok(Ok(())) => {}
            // Nobody can change it any more.
            Ok(Err(_)) => {
                timeout_at(deadline, std::future::pending::<()>())
                    .await
                    .ok();
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(epoch: &Arc<Epoch>) -> Drain {
        Drain::of((Some(Arc::clone(epoch)), None), Pace::Rate(10)).unwrap()
    }

    fn epoch(in_flight: usize) -> Arc<Epoch> {
        let epoch = Arc::new(Epoch::new());
        for _ in 0..in_flight {
            assert!(epoch.enter());
        }
        epoch
    }

    #[tokio::test]
    async fn nothing_in_flight_is_drained_at_once() {
        let drained = drain(&epoch(0)).finish(Duration::from_secs(3600)).await;
        assert_eq!(drained, Drained::default());
        assert!(Drain::of((None, None), Pace::AtOnce).is_none());
    }

    #[tokio::test]
    async fn what_is_left_at_the_deadline_is_cut_and_counted() {
        let epoch = epoch(3);
        let cut = epoch.cut();
        let drain = drain(&epoch);
        assert_eq!(drain.in_flight(), 3);
        epoch.leave();
        let until_cut = async {
            cut.cancelled().await;
            epoch.leave();
            epoch.leave();
        };
        let (drained, ()) = tokio::join!(drain.finish(Duration::from_millis(20)), until_cut);
        let expected = Drained {
            finished: 1,
            closed: 0,
            cut: 2,
        };
        assert_eq!(drained, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_ends_spread_over_time_and_has_finished() {
        let epoch = epoch(31);
        let places: Vec<_> = (0..30).map(|_| epoch.lasting().enroll(None)).collect();
        let began = Instant::now();
        let (running, ended) = drain(&epoch).start(Duration::from_secs(60));
        let users = async {
            // One request that is not long-lived ends whenever it ends.
            epoch.leave();
            for (number, place) in places.into_iter().enumerate() {
                place.asked().cancelled().await;
                let fair = Duration::from_millis(100) * u32::try_from(number).unwrap();
                assert!(began.elapsed() >= fair, "{number} was asked too early");
                assert!(began.elapsed() <= fair + Duration::from_millis(5));
                assert_eq!(running.progress().closed, number as u64);
                drop(place);
                epoch.closed_one();
                epoch.leave();
            }
        };
        let (drained, ()) = tokio::join!(ended, users);
        let expected = Drained {
            finished: 31,
            closed: 30,
            cut: 0,
        };
        assert_eq!(drained, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_drain_gets_more_time_or_none() {
        let secs = Duration::from_secs;
        for (changed, expected) in [
            (vec![(1, secs(30))], 30),
            (vec![(1, Duration::ZERO)], 1),
            (vec![(1, secs(30)), (5, secs(3))], 5),
            (vec![(1, secs(30)), (12, secs(20))], 20),
            (vec![], 10),
        ] {
            let epoch = epoch(1);
            let cut = epoch.cut();
            let (running, ended) = drain(&epoch).start(secs(10));
            let began = Instant::now();
            let operator = async {
                for (at, limit) in changed {
                    let never = std::future::pending::<()>();
                    timeout_at(began + secs(at), never).await.unwrap_err();
                    assert_eq!(running.progress().open, 1);
                    running.limit(limit);
                }
                drop(running);
                std::future::pending::<()>().await;
            };
            let until_cut = async {
                cut.cancelled().await;
                assert_eq!(began.elapsed(), secs(expected));
                epoch.leave();
            };
            let drained = tokio::select! {
                (drained, ()) = async { tokio::join!(ended, until_cut) } => drained,
                () = operator => unreachable!("it waits"),
            };
            assert_eq!(drained.cut, 1);
        }
    }
}
