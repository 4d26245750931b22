//! What a gateway says of itself again and again. Beats wait for nothing but their time: neither the
//! control loop nor the disk can keep one back.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use proto::catalog::v1::{Beat, FollowRequest, follow_request};
use tokio::{sync::watch, time::Instant};

use crate::{
    apps::{DataPlane, Moment},
    control::{
        status::{Membership, Status},
        words,
    },
};

/// The longest time between two beats.
const PERIOD_MAX: Duration = Duration::from_secs(5);
/// The shortest.
const PERIOD_MIN: Duration = Duration::from_millis(200);
/// Beats that come while a lease lasts.
const BEATS_A_LEASE: u32 = 5;
/// Beats whose lease may still come; of more, the oldest are forgotten.
const SENT_MAX: usize = 64;

/// Where a beat gets what it says.
#[derive(Clone)]
pub(in crate::control) struct Source {
    /// What serves users.
    pub(in crate::control) plane: DataPlane,
    /// What the control loop knows.
    pub(in crate::control) status: watch::Receiver<Arc<Status>>,
}

/// The beats of one stream.
pub(super) struct Beats {
    source: Source,
    sequence: u64,
    /// The moment before each beat that may still be answered, oldest first.
    sent: VecDeque<(u64, Moment)>,
    last: Option<(Instant, Said)>,
}

/// What is worth a beat before its time when it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    following: bool,
    not_ready: Vec<String>,
}

impl Said {
    fn of(status: &Status) -> Self {
        Self {
            following: status.membership == Membership::Following,
            not_ready: status.not_ready.clone(),
        }
    }
}

impl Beats {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            sequence: 0,
            sent: VecDeque::new(),
            last: None,
        }
    }

    /// Waits until the next beat is due, or something changes that may make it due earlier; `None`
    /// once nobody knows anything any more.
    pub(super) async fn due(&mut self) -> Option<bool> {
        let at = self.next();
        let changed = self.source.status.changed();
        match tokio::time::timeout_at(at, changed).await {
            Err(_) => Some(true),
            Ok(Ok(())) => Some(false),
            Ok(Err(_)) => None,
        }
    }

    fn next(&self) -> Instant {
        let Some((last, said)) = &self.last else {
            return Instant::now();
        };
        let status = self.source.status.borrow();
        let now = Said::of(&status);
        let wait = if now.following && !said.following {
            // Leases are taken from here on.
            Duration::ZERO
        } else if now != *said {
            PERIOD_MIN
        } else {
            period(status.shortest_lease)
        };
        *last + wait
    }

    /// Makes the next beat. The clock is read first: the lease that it asks for is counted from
    /// before it was sent.
    pub(super) fn next_beat(&mut self) -> FollowRequest {
        let moment = self.source.plane.moment();
        let status = self.source.status.borrow().clone();
        self.sequence += 1;
        self.sent.push_back((self.sequence, moment));
        if self.sent.len() > SENT_MAX {
            self.sent.pop_front();
        }
        self.last = Some((Instant::now(), Said::of(&status)));
        let plane = &self.source.plane;
        FollowRequest {
            message: Some(follow_request::Message::Beat(Beat {
                sequence: self.sequence,
                state_hash: status.state_hash.clone(),
                ready: status.not_ready.is_empty(),
                not_ready_message: words::message(&status.not_ready.join("; ")),
                open_connections: words::count(plane.open_connections()),
                traffic: plane.traffic().iter().map(words::traffic).collect(),
                long_lived: plane
                    .long_lived_of_tenants()
                    .iter()
                    .map(words::long_lived)
                    .collect(),
            })),
        }
    }

    /// Returns the moment before a beat was sent, if its lease still says something new.
    pub(super) fn granted(&mut self, sequence: u64) -> Option<Moment> {
        let at = self.sent.iter().position(|(sent, _)| *sent == sequence)?;
        self.sent.drain(..=at).next_back().map(|(_, moment)| moment)
    }
}

/// Returns the time between two beats.
fn period(shortest_lease: Option<Duration>) -> Duration {
    shortest_lease.map_or(PERIOD_MAX, |lease| {
        (lease / BEATS_A_LEASE).clamp(PERIOD_MIN, PERIOD_MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats() -> (watch::Sender<Arc<Status>>, Beats) {
        let status = Status::starting("g-1".parse().unwrap(), jiff::Timestamp::UNIX_EPOCH);
        let sender = watch::Sender::new(Arc::new(status));
        let settings = crate::apps::Settings {
            operator: "acme".parse().unwrap(),
            apps_url: "http://example.com".parse().unwrap(),
            support: "the help desk".parse().unwrap(),
            limits: crate::apps::Limits::default(),
        };
        let source = Source {
            plane: DataPlane::new(settings),
            status: sender.subscribe(),
        };
        (sender, Beats::new(source))
    }

    #[test]
    fn five_beats_fit_into_the_shortest_lease_and_they_are_never_too_many() {
        let ms = Duration::from_millis;
        assert_eq!(period(None), ms(5000));
        for (lease, expected) in [(1000, 200), (10, 200), (10_000, 2000), (600_000, 5000)] {
            assert_eq!(period(Some(ms(lease))), ms(expected), "{lease}");
        }
    }

    #[test]
    fn a_lease_counts_from_before_its_own_beat_and_once() {
        let (_status, mut beats) = beats();
        let before = beats.source.plane.moment();
        beats.next_beat();
        let between = beats.source.plane.moment();
        beats.next_beat();
        beats.next_beat();
        assert_eq!(beats.granted(9), None, "never sent");
        let second = beats.granted(2).unwrap();
        assert!(before <= between && between <= second);
        assert_eq!(beats.granted(1), None, "older than one that is granted");
        assert_eq!(beats.granted(2), None);
        assert!(beats.granted(3).unwrap() >= second);
    }

    #[tokio::test]
    async fn what_changes_is_said_before_its_time() {
        let (status, mut beats) = beats();
        assert_eq!(beats.due().await, Some(true), "the first at once");
        let wait = |beats: &Beats| beats.next() - beats.last.as_ref().unwrap().0;
        beats.next_beat();
        assert_eq!(wait(&beats), PERIOD_MAX);
        status.send_modify(|status| {
            Arc::make_mut(status).not_ready = vec!["otherwise".to_owned()];
        });
        assert_eq!(beats.due().await, Some(false), "something changed");
        assert_eq!(wait(&beats), PERIOD_MIN);
        assert_eq!(beats.due().await, Some(true));
        let beat = beats.next_beat();
        let Some(follow_request::Message::Beat(beat)) = beat.message else {
            panic!("{beat:?}")
        };
        assert_eq!((beat.sequence, beat.ready), (2, false));
        assert_eq!(beat.not_ready_message, "otherwise");
        status.send_modify(|status| Arc::make_mut(status).membership = Membership::Following);
        assert_eq!(wait(&beats), Duration::ZERO);
        assert_eq!(beats.due().await, Some(false));
        assert_eq!(beats.due().await, Some(true));
        beats.next_beat();
        drop(status);
        assert_eq!(beats.due().await, None);
    }
}
