//! What clients saw, and the checker of I2 and I4: the active version is one register that the
//! whole fleet reads.
//!
//! Generations are totally ordered, so a sort and a sweep decide what is undecidable in general
//! in good time: O(n log n).

use std::fmt;

/// One request as its client saw it. Times are microseconds of one monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// When it was sent.
    pub sent: u64,
    /// When its answer was complete.
    pub answered: u64,
    /// The generation that the answer named.
    pub generation: u64,
    /// The version that the answer named.
    pub version: u8,
}

/// Two answers that no single register can have given: the first was complete before the second
/// request was sent, and yet the second comes from an older generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// The answer from the newer generation.
    pub newer: Seen,
    /// The later request that an older generation answered.
    pub older: Seen,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "generation {} answered at {} µs; a request sent at {} µs was answered by generation {}",
            self.newer.generation, self.newer.answered, self.older.sent, self.older.generation
        )
    }
}

/// Returns every request that contradicts an answer which was complete before it was sent, with
/// the newest such answer. Empty means linearizable.
#[must_use]
pub fn contradictions(history: &[Seen]) -> Vec<Contradiction> {
    let mut by_sent: Vec<&Seen> = history.iter().collect();
    let mut by_answered = by_sent.clone();
    by_sent.sort_unstable_by_key(|seen| seen.sent);
    by_answered.sort_unstable_by_key(|seen| seen.answered);

    let mut complete = by_answered.into_iter().peekable();
    let mut newest: Option<&Seen> = None;
    let mut found = Vec::new();
    for seen in by_sent {
        while let Some(answer) = complete.next_if(|answer| answer.answered < seen.sent) {
            if newest.is_none_or(|newest| newest.generation < answer.generation) {
                newest = Some(answer);
            }
        }
        if let Some(newest) = newest
            && newest.generation > seen.generation
        {
            found.push(Contradiction {
                newer: *newest,
                older: *seen,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(sent: u64, answered: u64, generation: u64) -> Seen {
        Seen {
            sent,
            answered,
            generation,
            version: 1,
        }
    }

    #[test]
    fn requests_in_flight_across_the_commit_may_finish_on_the_old_generation() {
        let history = [
            seen(0, 10, 1),
            seen(5, 30, 1),
            seen(8, 20, 2),
            seen(21, 25, 2),
        ];
        assert_eq!(contradictions(&history), []);
    }

    #[test]
    fn an_old_answer_to_a_request_sent_after_a_new_answer_is_a_contradiction() {
        let (newer, older) = (seen(0, 10, 2), seen(11, 12, 1));
        assert_eq!(
            contradictions(&[older, newer]),
            [Contradiction { newer, older }]
        );
    }

    #[test]
    fn every_planted_contradiction_is_found_among_many_sound_requests() {
        let mut history: Vec<Seen> = (0..10_000)
            .map(|i| seen(i * 10, i * 10 + 15, 1 + i / 1000))
            .collect();
        let planted = [2_500_usize, 7_777, 9_999];
        for index in planted {
            history[index].generation -= 1;
        }
        let found: Vec<u64> = contradictions(&history)
            .iter()
            .map(|c| c.older.sent)
            .collect();
        assert_eq!(found, planted.map(|index| index as u64 * 10));
    }
}
