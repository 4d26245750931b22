//! What users were answered, for the catalog: a second is closed when the wall clock's is over, and
//! reported until the catalog says that it is kept, over streams that break and catalogs that come
//! and go. Nothing is counted for the catalog before one has asked for it.
//!
//! Reports say how long ago their second was, by the machine's monotonic clock: a wall clock that is
//! wrong only decides where seconds begin.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contract::{ApplicationRef, duration};
use proto::catalog::v1::{
    FollowRequest, FollowResponse, Traffic, TrafficCount, follow_request, follow_response,
};
use runtime::{CancellationToken, Clock, retry};
use tokio::sync::watch;

use crate::{
    apps::{DataPlane, Moment, Second, SecondCount},
    control::words::count,
};

/// Counts of one report.
const COUNTS_MAX: usize = 200;
/// Reports that are sent and not known to be kept: answers to the catalog go the same way, and must
/// not wait for many of them.
const SENT_MAX: usize = 64;
/// What the catalog has not taken for this long is forgotten.
const AGE_MAX: Duration = Duration::from_secs(10 * 60);
/// Counts that may wait for the catalog; of more, the oldest are forgotten.
const WAITING_MAX: usize = 100_000;

/// What was counted and is not known to be kept.
pub(in crate::control) struct Reports {
    plane: DataPlane,
    clock: Clock,
    state: Mutex<State>,
    /// Whether a catalog has asked for it, and none has said otherwise since.
    wanted: watch::Sender<bool>,
    /// Told when there is something to send, or room for it.
    ready: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// The number of the last one.
    number: u64,
    /// Oldest first.
    waiting: VecDeque<Report>,
    /// Of those, how many were sent on the present stream.
    sent: usize,
    /// Counts in those.
    counts: usize,
    /// Whether some were forgotten since one was taken.
    forgotten: bool,
    /// Whether the present stream takes reports.
    reporting: bool,
}

struct Report {
    number: u64,
    middle: Moment,
    counts: Vec<SecondCount>,
}

impl Reports {
    pub(in crate::control) fn new(plane: DataPlane, clock: Clock) -> Self {
        Self {
            plane,
            clock,
            state: Mutex::default(),
            wanted: watch::Sender::default(),
            ready: watch::Sender::default(),
        }
    }

    /// Closes seconds while they are wanted, until `stop`.
    pub(super) async fn count(&self, stop: &CancellationToken) {
        let mut wanted = self.wanted.subscribe();
        loop {
            let begun = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                begun = wanted.wait_for(|wanted| *wanted) => begun.is_ok(),
            };
            if !begun {
                return;
            }
            while *self.wanted.borrow() {
                self.add(&self.plane.close_second());
                let rest = rest_of_second(self.clock.now());
                if retry::pause(rest, stop).await.is_err() {
                    return;
                }
            }
            let mut state = self.lock();
            *state = State {
                number: state.number,
                reporting: state.reporting,
                ..State::default()
            };
        }
    }

    /// Closes the last second, and waits until all is taken; no longer than `patience`, and not at all
    /// where there is no stream for it.
    pub(in crate::control) async fn hand_over(&self, patience: Duration) {
        let mut ready = self.ready.subscribe();
        if !self.lock().reporting {
            return;
        }
        self.add(&self.plane.close_second());
        let taken = ready.wait_for(|()| self.lock().settled());
        let settled = tokio::time::timeout(patience, taken).await;
        if settled.is_err() {
            tracing::warn!(
                "the catalog has not taken all that users were answered last: it is lost"
            );
        }
    }

    fn add(&self, second: &Second) {
        let mut state = self.lock();
        for counts in second.counts.chunks(COUNTS_MAX) {
            state.number += 1;
            state.counts += counts.len();
            let report = Report {
                number: state.number,
                middle: second.middle,
                counts: counts.to_vec(),
            };
            state.waiting.push_back(report);
        }
        let now = self.plane.moment();
        while let Some(oldest) = state.waiting.front()
            && (state.counts > WAITING_MAX || now.since(oldest.middle) > AGE_MAX)
        {
            state.forget_first();
            if !std::mem::replace(&mut state.forgotten, true) {
                tracing::warn!("what users were answered is forgotten: no catalog takes it");
            }
        }
        drop(state);
        self.ready.send_replace(());
    }

    /// Begins a stream: all that was not taken is sent again on it, once it asks for it.
    pub(super) fn begin_stream(&self) {
        let mut state = self.lock();
        state.sent = 0;
        state.reporting = false;
    }

    /// Ends a stream.
    pub(super) fn end_stream(&self) {
        self.reporting(false);
    }

    fn reporting(&self, reporting: bool) {
        let before = std::mem::replace(&mut self.lock().reporting, reporting);
        if before != reporting {
            self.ready.send_replace(());
        }
    }

    /// Hears what the catalog says of reports.
    pub(super) fn hear(&self, response: &FollowResponse) {
        match &response.message {
            Some(follow_response::Message::Synced(synced)) => {
                self.wanted(synced.wants_traffic);
            }
            Some(follow_response::Message::TrafficTaken(taken)) => {
                self.taken(taken.number);
            }
            Some(
                follow_response::Message::Route(_)
                | follow_response::Message::Removed(_)
                | follow_response::Message::Lease(_)
                | follow_response::Message::DrainOrder(_),
            )
            | None => {}
        }
    }

    fn wanted(&self, wanted: bool) {
        self.reporting(wanted);
        self.wanted.send_if_modified(|before| {
            let changed = *before != wanted;
            *before = wanted;
            changed
        });
    }

    fn taken(&self, number: u64) {
        let mut state = self.lock();
        state.forgotten = false;
        while state
            .waiting
            .front()
            .is_some_and(|report| report.number <= number)
        {
            state.forget_first();
        }
        drop(state);
        self.ready.send_replace(());
    }

    /// Returns the next report to send, once there is one and room for it.
    pub(super) async fn next(&self) -> FollowRequest {
        let mut ready = self.ready.subscribe();
        loop {
            if let Some(report) = self.take_next() {
                return report;
            }
            if ready.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn take_next(&self) -> Option<FollowRequest> {
        let mut state = self.lock();
        if !state.reporting || state.sent >= SENT_MAX {
            return None;
        }
        let report = state.waiting.get(state.sent)?;
        let message = said(report, self.plane.moment());
        state.sent += 1;
        Some(message)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells whether nothing waits that the present stream could take.
    fn settled(&self) -> bool {
        self.waiting.is_empty() || !self.reporting
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.waiting.pop_front() {
            self.sent = self.sent.saturating_sub(1);
            self.counts -= first.counts.len();
        }
    }
}

fn said(report: &Report, now: Moment) -> FollowRequest {
    let age = duration::write(now.since(report.middle));
    let counts = report.counts.iter().map(|it| TrafficCount {
        application: ApplicationRef::from(it.application.clone()).to_string(),
        age: Some(age),
        generation: it.generation.get(),
        requests: count(it.requests),
        failed: count(it.failed),
    });
    FollowRequest {
        message: Some(follow_request::Message::Traffic(Traffic {
            number: report.number,
            counts: counts.collect(),
        })),
    }
}

/// Returns how long it is until the wall clock's next second begins: a whole one where it begins now.
fn rest_of_second(now: jiff::Timestamp) -> Duration {
    let into = now.as_nanosecond().rem_euclid(1_000_000_000);
    Duration::from_secs(1) - Duration::from_nanos(u64::try_from(into).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::{BootClock, Limits, Settings};

    fn reports() -> (Clock, Reports) {
        let clock = Clock::simulated(jiff::Timestamp::UNIX_EPOCH, 1);
        let settings = Settings {
            operator: "acme".parse().unwrap(),
            apps_url: "http://example.com".parse().unwrap(),
            support: "the help desk".parse().unwrap(),
            limits: Limits::default(),
        };
        let plane = DataPlane::with_clock(settings, BootClock::of(&clock));
        (clock.clone(), Reports::new(plane, clock))
    }

    fn second(reports: &Reports, counts: usize) -> Second {
        let count = SecondCount {
            application: "crm".parse().unwrap(),
            generation: contract::Generation::FIRST,
            requests: 1,
            failed: 0,
        };
        Second {
            middle: reports.plane.moment(),
            counts: vec![count; counts],
        }
    }

    /// Returns number, counts and age in seconds of all that can be sent.
    fn sent(reports: &Reports) -> Vec<(u64, usize, i64)> {
        let messages = std::iter::from_fn(|| reports.take_next());
        messages
            .map(|message| match message.message {
                Some(follow_request::Message::Traffic(it)) => {
                    let age = it.counts[0].age.unwrap().seconds;
                    (it.number, it.counts.len(), age)
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn what_was_not_taken_is_sent_again_on_the_next_stream_with_its_age() {
        let (clock, reports) = reports();
        reports.begin_stream();
        reports.wanted(true);
        reports.add(&second(&reports, 1));
        clock.advance(Duration::from_secs(1));
        reports.add(&second(&reports, 0));
        reports.add(&second(&reports, 2));
        assert_eq!(sent(&reports), [(1, 1, 1), (2, 2, 0)]);
        assert_eq!(sent(&reports), []);
        reports.taken(1);
        clock.advance(Duration::from_secs(1));
        reports.begin_stream();
        reports.wanted(true);
        reports.add(&second(&reports, 3));
        assert_eq!(sent(&reports), [(2, 2, 1), (3, 3, 0)]);
        reports.taken(9);
        reports.begin_stream();
        reports.wanted(true);
        assert_eq!(sent(&reports), []);
        assert_eq!(reports.lock().counts, 0);
    }

    #[test]
    fn more_than_fits_goes_in_several_and_not_too_many_at_once() {
        let (_, reports) = reports();
        reports.begin_stream();
        reports.wanted(true);
        reports.add(&second(&reports, 2 * COUNTS_MAX + 1));
        let counts: Vec<_> = sent(&reports).iter().map(|it| it.1).collect();
        assert_eq!(counts, [COUNTS_MAX, COUNTS_MAX, 1]);
        for _ in 0..SENT_MAX {
            reports.add(&second(&reports, 1));
        }
        assert_eq!(sent(&reports).len(), SENT_MAX - 3);
        reports.taken(2);
        assert_eq!(sent(&reports).len(), 2, "there is room for as many");
    }

    #[test]
    fn what_no_catalog_takes_is_forgotten_the_oldest_first() {
        let (clock, reports) = reports();
        reports.begin_stream();
        reports.wanted(true);
        reports.add(&second(&reports, 1));
        assert_eq!(sent(&reports).len(), 1);
        clock.advance(AGE_MAX + Duration::from_secs(1));
        reports.add(&second(&reports, 1));
        assert_eq!(sent(&reports), [(2, 1, 0)]);
        reports.add(&second(&reports, WAITING_MAX));
        reports.begin_stream();
        reports.wanted(true);
        assert_eq!(reports.lock().counts, WAITING_MAX);
        assert_eq!(sent(&reports)[0].0, 3);
    }

    #[tokio::test]
    async fn seconds_are_closed_only_once_they_are_wanted() {
        let (_, reports) = reports();
        let stop = CancellationToken::new();
        let mut ready = reports.ready.subscribe();
        let counting = reports.count(&stop);
        tokio::pin!(counting);
        assert!(futures::poll!(&mut counting).is_pending());
        assert!(!ready.has_changed().unwrap());
        reports.wanted(true);
        assert!(futures::poll!(&mut counting).is_pending());
        assert!(ready.has_changed().unwrap());
        ready.mark_unchanged();
        stop.cancel();
        counting.await;
    }

    #[test]
    fn a_second_ends_with_the_wall_clocks() {
        let rest = |nanos| rest_of_second(jiff::Timestamp::from_nanosecond(nanos).unwrap());
        assert_eq!(rest(0), Duration::from_secs(1));
        assert_eq!(rest(1_250_000_000), Duration::from_millis(750));
        assert_eq!(rest(-250_000_000), Duration::from_millis(250));
    }
}
