//! The end of a generation at this gateway: its requests finish, or are cut at the deadline.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::gate::Epoch;

/// What has left an application's route and still has requests in flight. It belongs to a
/// generation, not to a version: a version that comes back has nothing to do with it.
///
/// Dropping it leaves what is in flight alone.
#[derive(Debug)]
#[must_use = "what has left goes on without an end unless it is drained"]
pub struct Drain {
    users: Option<Leaving>,
    testers: Option<Leaving>,
}

#[derive(Debug)]
struct Leaving {
    epoch: Arc<Epoch>,
    in_flight: usize,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Users' requests and connections that finished by themselves.
    pub finished: u64,
    /// Users' requests and connections that were cut at the deadline.
    pub cut: u64,
}

impl Drain {
    /// Closes what has left for good; `None` if nothing has.
    pub(super) fn of(users: Option<Arc<Epoch>>, testers: Option<Arc<Epoch>>) -> Option<Self> {
        let leave = |epoch: Arc<Epoch>| Leaving {
            in_flight: epoch.close(),
            epoch,
        };
        (users.is_some() || testers.is_some()).then(|| Self {
            users: users.map(leave),
            testers: testers.map(leave),
        })
    }

    /// Returns how many users' requests and connections were in flight when the generation left.
    pub fn in_flight(&self) -> u64 {
        self.users
            .as_ref()
            .map_or(0, |users| users.in_flight as u64)
    }

    /// Waits until nothing is in flight, cuts what is left after `timeout`, and tells. Testers'
    /// requests are ended alike and not counted.
    pub async fn finish(self, timeout: Duration) -> Drained {
        let testers = async {
            if let Some(testers) = &self.testers {
                testers.finish(timeout).await;
            }
        };
        let users = async {
            match &self.users {
                Some(users) => users.finish(timeout).await,
                None => Drained {
                    finished: 0,
                    cut: 0,
                },
            }
        };
        tokio::join!(users, testers).0
    }
}

impl Leaving {
    async fn finish(&self, limit: Duration) -> Drained {
        let mut cut = 0;
        if timeout(limit, self.epoch.emptied()).await.is_err() {
            cut = self.epoch.in_flight();
            self.epoch.cut().cancel();
            self.epoch.emptied().await;
        }
        Drained {
            finished: self.in_flight.saturating_sub(cut) as u64,
            cut: cut as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_in_flight_is_drained_at_once() {
        let drain = Drain::of(Some(Arc::new(Epoch::new())), None).unwrap();
        let drained = drain.finish(Duration::from_secs(3600)).await;
        assert_eq!(
            drained,
            Drained {
                finished: 0,
                cut: 0
            }
        );
        assert!(Drain::of(None, None).is_none());
    }

    #[tokio::test]
    async fn what_is_left_at_the_deadline_is_cut_and_counted() {
        let epoch = Arc::new(Epoch::new());
        for _ in 0..3 {
            assert!(epoch.enter());
        }
        let drain = Drain::of(Some(Arc::clone(&epoch)), None).unwrap();
        assert_eq!(drain.in_flight(), 3);
        epoch.leave();
        let until_cut = async {
            epoch.cut().cancelled().await;
            epoch.leave();
            epoch.leave();
        };
        let (drained, ()) = tokio::join!(drain.finish(Duration::from_millis(20)), until_cut);
        assert_eq!(
            drained,
            Drained {
                finished: 1,
                cut: 2
            }
        );
    }
}
