//! What users were answered, second by second. A request only adds to its generation's counts;
//! whoever closes a second takes what was added since the last one was closed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contract::{ApplicationName, Generation};

use super::{DataPlane, Moment, traffic::GenerationTally};

/// The longest time that is closed as one second, as the first is and one that was slept through: of
/// what was counted in a longer one nobody knows when it was.
const SECOND_MAX: Duration = Duration::from_secs(10);
/// Generations that are remembered while nobody closes seconds; of more, those are forgotten in
/// which nothing goes on any more.
const GENERATIONS_MAX: usize = 4096;

/// What users were answered in one generation in one second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondCount {
    /// The application.
    pub application: ApplicationName,
    /// The generation.
    pub generation: Generation,
    /// Requests that were answered or broke off.
    pub requests: u64,
    /// Requests that were answered with a status from 500 on, and those that broke off.
    pub failed: u64,
}

/// A second that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Second {
    /// Its middle.
    pub middle: Moment,
    /// What was counted in it: nothing that is nought.
    pub counts: Vec<SecondCount>,
}

/// The counts of all generations in which something goes on, or did since a second was closed.
#[derive(Debug)]
pub(super) struct Seconds(Mutex<Open>);

#[derive(Debug)]
struct Open {
    since: Moment,
    generations: Vec<Counted>,
}

/// One generation, and what of it is in seconds that are closed.
#[derive(Debug)]
struct Counted {
    application: ApplicationName,
    generation: Generation,
    tally: Arc<GenerationTally>,
    answered: u64,
    failed: u64,
}

impl Counted {
    /// Returns what was added since this was last asked.
    fn take(&mut self) -> Option<SecondCount> {
        // A failure is counted after its answer, and read before it: it is never in an earlier second.
        let failed = self.tally.failed.get();
        let answered = self.tally.answered.get();
        let count = SecondCount {
            application: self.application.clone(),
            generation: self.generation,
            requests: answered.saturating_sub(std::mem::replace(&mut self.answered, answered)),
            failed: failed.saturating_sub(std::mem::replace(&mut self.failed, failed)),
        };
        (count.requests > 0 || count.failed > 0).then_some(count)
    }
}

impl Seconds {
    /// Begins the first second.
    pub(super) fn new(now: Moment) -> Self {
        Self(Mutex::new(Open {
            since: now,
            generations: Vec::new(),
        }))
    }

    /// Returns the counts of a generation that begins here.
    pub(super) fn begin(
        &self,
        application: &ApplicationName,
        generation: Generation,
    ) -> Arc<GenerationTally> {
        let tally = Arc::<GenerationTally>::default();
        let mut open = self.lock();
        if open.generations.len() >= GENERATIONS_MAX {
            open.generations
                .retain(|it| Arc::strong_count(&it.tally) > 1);
        }
        open.generations.push(Counted {
            application: application.clone(),
            generation,
            tally: Arc::clone(&tally),
            answered: 0,
            failed: 0,
        });
        tally
    }

    /// Closes the second that is open, and begins the next one. Generations that are over are
    /// forgotten once the last of their requests is counted.
    pub(super) fn close(&self, now: Moment) -> Second {
        let mut open = self.lock();
        let mut counts = Vec::new();
        open.generations.retain_mut(|it| {
            // Asked before it is counted: whoever had it has added all that there is.
            let over = Arc::get_mut(&mut it.tally).is_some();
            counts.extend(it.take());
            !over
        });
        let lasted = now.since(open.since);
        let middle = open.since.after(lasted / 2);
        open.since = now;
        if lasted > SECOND_MAX {
            counts.clear();
        }
        Second { middle, counts }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DataPlane {
    /// Closes a second: returns what users were answered since the last one was closed. What was
    /// counted over more than 10 s is left out.
    pub fn close_second(&self) -> Second {
        self.inner().seconds.close(self.moment())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::at(Duration::from_millis(millis))
    }

    fn crm() -> ApplicationName {
        "crm".parse().unwrap()
    }

    fn generation(number: u64) -> Generation {
        number.try_into().unwrap()
    }

    fn counted(second: &Second) -> Vec<(u64, u64, u64)> {
        let counts = second.counts.iter();
        counts
            .map(|it| (it.generation.get(), it.requests, it.failed))
            .collect()
    }

    #[test]
    fn a_second_has_what_was_counted_since_the_one_before() {
        let seconds = Seconds::new(at(0));
        let tally = seconds.begin(&crm(), generation(1));
        tally.answered.add(3);
        tally.failed.up();
        let first = seconds.close(at(1000));
        assert_eq!(first.middle, at(500));
        assert_eq!(counted(&first), [(1, 3, 1)]);
        assert!(seconds.close(at(2000)).counts.is_empty());
        tally.answered.up();
        let third = seconds.close(at(3500));
        assert_eq!((third.middle, counted(&third)), (at(2750), vec![(1, 1, 0)]));
        // It broke off long after its answer had begun.
        tally.failed.up();
        assert_eq!(counted(&seconds.close(at(4000))), [(1, 0, 1)]);
    }

    #[test]
    fn nothing_is_lost_when_a_generation_follows_or_two_within_a_second() {
        let seconds = Seconds::new(at(0));
        let first = seconds.begin(&crm(), generation(1));
        first.answered.add(2);
        let second = seconds.begin(&crm(), generation(2));
        second.answered.add(5);
        drop(second);
        let third = seconds.begin(&crm(), generation(3));
        third.answered.add(7);
        let closed = seconds.close(at(1000));
        assert_eq!(counted(&closed), [(1, 2, 0), (2, 5, 0), (3, 7, 0)]);
        // What is still under way in the first one ends after the third one began.
        first.answered.up();
        drop(first);
        third.answered.up();
        assert_eq!(counted(&seconds.close(at(2000))), [(1, 1, 0), (3, 1, 0)]);
        assert_eq!(seconds.lock().generations.len(), 1);
    }

    #[test]
    fn what_was_counted_in_a_time_too_long_to_say_when_is_left_out() {
        let seconds = Seconds::new(at(0));
        let tally = seconds.begin(&crm(), generation(1));
        tally.answered.add(3);
        assert!(seconds.close(at(10_001)).counts.is_empty());
        tally.answered.add(4);
        assert_eq!(counted(&seconds.close(at(11_001))), [(1, 4, 0)]);
    }

    #[test]
    fn generations_that_are_over_are_not_remembered_without_end() {
        let seconds = Seconds::new(at(0));
        let used = seconds.begin(&crm(), Generation::FIRST);
        for _ in 0..2 * GENERATIONS_MAX {
            seconds.begin(&crm(), Generation::FIRST);
        }
        assert!(seconds.lock().generations.len() <= GENERATIONS_MAX);
        used.answered.up();
        assert_eq!(counted(&seconds.close(at(1000))), [(1, 1, 0)]);
    }
}
