//! What one stream of a gateway has brought about: which routes it was sent, which of them it has
//! applied or refused, and whether it has become what it was told to be. Decides what is sent again.

use std::collections::{BTreeMap, BTreeSet};

use contract::{ApplicationName, Revision, TenantId, Timeline, VersionName};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Position;

/// What a gateway has last said of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) ready: bool,
    /// Why it is not ready; else empty.
    pub(crate) not_ready_message: String,
    /// Connections from users.
    pub(crate) open_connections: i64,
    /// Those of them that do not end by themselves.
    pub(crate) long_lived: Vec<LongLived>,
    /// What it has applied.
    pub(crate) positions: Vec<Position>,
    /// What it has refused and not applied since.
    pub(crate) refused: Vec<Refusal>,
    /// What it has applied differs from what it was told, though it was told again.
    pub(crate) diverged: bool,
}

/// The long-lived connections of one application's users at one gateway, or at several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LongLived {
    pub(crate) application: ApplicationName,
    pub(crate) connections: i64,
    /// Of the tenants that have most.
    pub(crate) tenants: BTreeMap<TenantId, i64>,
}

/// A route that was not applied, as the gateway says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// Not always one that can be read.
    pub(crate) application: String,
    pub(crate) timeline: String,
    pub(crate) revision: u64,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// One route as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) timeline: Timeline,
    pub(crate) revision: Revision,
    pub(crate) generation: u64,
    /// The active version.
    pub(crate) version: Option<VersionName>,
    /// SHA-256 of the message, lower-case hex.
    pub(crate) hash: String,
}

/// What became of the route that was sent last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Unanswered,
    Applied,
    /// Applied as something else.
    Differs,
    Refused(Refusal),
}

#[derive(Debug, Clone)]
struct Entry {
    sent: Sent,
    outcome: Outcome,
    /// This revision was sent a second time.
    again: bool,
}

/// What comes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is to be done.
    Fine,
    /// What is in the ledger as to be sent again is sent again.
    SendAgain,
    /// It was told again and still differs.
    Diverged,
}

/// What one stream has brought about.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    routes: BTreeMap<ApplicationName, Entry>,
    /// What the gateway has of each application, from its hello on.
    positions: BTreeMap<ApplicationName, Position>,
    /// Routes of applications that were not sent on this stream.
    foreign: Option<Refusal>,
    again: BTreeSet<ApplicationName>,
    /// Everything was sent again, and nothing has changed since.
    all_again: bool,
    /// The last beat was about something else than what was applied.
    state_differs: bool,
}

impl Ledger {
    pub(crate) fn new(positions: &[Position]) -> Self {
        let positions = positions
            .iter()
            .map(|position| (position.application.clone(), position.clone()))
            .collect();
        Self {
            positions,
            ..Self::default()
        }
    }

    /// Tells whether this state of an application is still to be sent.
    pub(crate) fn lacks(
        &self,
        application: &ApplicationName,
        timeline: Timeline,
        revision: Revision,
    ) -> bool {
        self.again.contains(application)
            || self.routes.get(application).is_none_or(|entry| {
                (entry.sent.timeline, entry.sent.revision) != (timeline, revision)
            })
    }

    /// Returns every application of which a route was sent.
    pub(crate) fn applications(&self) -> impl Iterator<Item = &ApplicationName> {
        self.routes.keys()
    }

    /// Tells whether nothing was sent yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Tells whether the application was sent by another timeline.
    pub(crate) fn on_other_timeline(
        &self,
        application: &ApplicationName,
        timeline: Timeline,
    ) -> bool {
        let entry = self.routes.get(application);
        entry.is_some_and(|entry| entry.sent.timeline != timeline)
    }

    /// Notes that an application is gone.
    pub(crate) fn removed(&mut self, application: &ApplicationName) {
        self.routes.remove(application);
        self.positions.remove(application);
        self.again.remove(application);
        self.all_again = false;
    }

    /// Notes that a route is sent.
    pub(crate) fn sent(&mut self, application: ApplicationName, sent: Sent) {
        let before = self.routes.get(&application);
        let again = self.again.remove(&application)
            && before.is_some_and(|entry| {
                (entry.sent.timeline, entry.sent.revision) == (sent.timeline, sent.revision)
            });
        if !again {
            self.all_again = false;
            self.state_differs = false;
        }
        let entry = Entry {
            sent,
            outcome: Outcome::Unanswered,
            again,
        };
        self.routes.insert(application, entry);
    }

    /// Takes in that a route was applied.
    pub(crate) fn applied(
        &mut self,
        application: &ApplicationName,
        timeline: Timeline,
        revision: Revision,
        hash: &str,
    ) -> Verdict {
        let Some(entry) = self.answered(application, timeline, revision) else {
            return Verdict::Fine;
        };
        let position = Position {
            application: application.clone(),
            timeline,
            revision,
            generation: entry.sent.generation,
            version: entry.sent.version.clone(),
        };
        let verdict = if entry.sent.hash == hash {
            entry.outcome = Outcome::Applied;
            Verdict::Fine
        } else {
            entry.outcome = Outcome::Differs;
            if entry.again {
                Verdict::Diverged
            } else {
                Verdict::SendAgain
            }
        };
        if verdict == Verdict::SendAgain {
            self.again.insert(application.clone());
        }
        self.positions.insert(application.clone(), position);
        verdict
    }

    /// Takes in that a route was not applied: what was applied before still is, and so are all others.
    pub(crate) fn refused(&mut self, refusal: Refusal) {
        let named = refusal.application.strip_prefix("applications/");
        let application = named.and_then(|named| named.parse::<ApplicationName>().ok());
        let timeline = refusal.timeline.parse::<Timeline>().ok();
        let revision = Revision::try_from(refusal.revision).ok();
        let entry = match (application, timeline, revision) {
            (Some(application), Some(timeline), Some(revision)) => {
                let known = self.routes.contains_key(&application);
                match self.answered(&application, timeline, revision) {
                    Some(entry) => Some(entry),
                    // An answer to what was sent before says nothing any more.
                    None if known => return,
                    None => None,
                }
            }
            _ => None,
        };
        match entry {
            Some(entry) => entry.outcome = Outcome::Refused(refusal),
            None => self.foreign = Some(refusal),
        }
    }

    /// Compares what a beat says of everything that is applied. Says nothing while an answer is still
    /// out, or after a refusal: what was applied before it is not known here.
    pub(crate) fn beat(&mut self, state_hash: &str) -> Verdict {
        let settled = self.routes.values().all(|entry| match &entry.outcome {
            Outcome::Applied => true,
            Outcome::Unanswered | Outcome::Differs | Outcome::Refused(_) => false,
        });
        if !settled || !self.again.is_empty() || state_hash.is_empty() {
            return Verdict::Fine;
        }
        let mut all = Sha256::new();
        for entry in self.routes.values() {
            all.update(entry.sent.hash.as_bytes());
        }
        if hex(&all.finalize()) == state_hash {
            self.state_differs = false;
            return Verdict::Fine;
        }
        if self.all_again {
            let first = !self.state_differs;
            self.state_differs = true;
            return if first {
                Verdict::Diverged
            } else {
                Verdict::Fine
            };
        }
        self.all_again = true;
        self.again = self.routes.keys().cloned().collect();
        Verdict::SendAgain
    }

    /// Returns what the gateway has applied, by application.
    pub(crate) fn positions(&self) -> Vec<Position> {
        self.positions.values().cloned().collect()
    }

    /// Returns what it has refused and not applied since.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        let refused = self
            .routes
            .values()
            .filter_map(|entry| match &entry.outcome {
                Outcome::Refused(refusal) => Some(refusal.clone()),
                Outcome::Unanswered | Outcome::Applied | Outcome::Differs => None,
            });
        refused.chain(self.foreign.clone()).collect()
    }

    /// Tells whether what it has applied differs from what it was told, though it was told again.
    pub(crate) fn diverged(&self) -> bool {
        let differs = |entry: &Entry| entry.again && entry.outcome == Outcome::Differs;
        self.state_differs || self.routes.values().any(differs)
    }

    /// Finds what an answer is about, unless it is about a state that was sent before.
    fn answered(
        &mut self,
        application: &ApplicationName,
        timeline: Timeline,
        revision: Revision,
    ) -> Option<&mut Entry> {
        self.routes
            .get_mut(application)
            .filter(|entry| (entry.sent.timeline, entry.sent.revision) == (timeline, revision))
    }
}

/// SHA-256, lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> ApplicationName {
        name.parse().unwrap()
    }

    fn timeline() -> Timeline {
        Timeline::new([1; 16])
    }

    fn revision(number: u64) -> Revision {
        Revision::try_from(number).unwrap()
    }

    fn sent(number: u64) -> Sent {
        Sent {
            timeline: timeline(),
            revision: revision(number),
            generation: 1,
            version: Some("1".parse().unwrap()),
            hash: sha256(&number.to_be_bytes()),
        }
    }

    fn refusal(application: &str, revision: u64) -> Refusal {
        Refusal {
            application: format!("applications/{application}"),
            timeline: timeline().to_string(),
            revision,
            reason: "WRONG".to_owned(),
            message: "It is wrong.".to_owned(),
        }
    }

    fn state(numbers: &[u64]) -> String {
        let all: String = numbers.iter().map(|number| sent(*number).hash).collect();
        sha256(all.as_bytes())
    }

    #[test]
    fn a_route_that_was_applied_as_another_is_sent_once_more_and_no_more() {
        let mut ledger = Ledger::default();
        ledger.sent(app("a"), sent(1));
        let wrong = ledger.applied(&app("a"), timeline(), revision(1), "another");
        assert_eq!(wrong, Verdict::SendAgain);
        assert!(ledger.lacks(&app("a"), timeline(), revision(1)) && !ledger.diverged());
        ledger.sent(app("a"), sent(1));
        let wrong = ledger.applied(&app("a"), timeline(), revision(1), "another");
        assert_eq!(wrong, Verdict::Diverged);
        assert!(!ledger.lacks(&app("a"), timeline(), revision(1)) && ledger.diverged());
        // The next revision is a new chance.
        ledger.sent(app("a"), sent(2));
        let right = ledger.applied(&app("a"), timeline(), revision(2), &sent(2).hash);
        assert_eq!((right, ledger.diverged()), (Verdict::Fine, false));
    }

    #[test]
    fn a_state_that_differs_is_told_once_more_as_a_whole() {
        let mut ledger = Ledger::default();
        for (name, number) in [("b", 2), ("a", 1)] {
            ledger.sent(app(name), sent(number));
        }
        let take_all = |ledger: &mut Ledger| {
            for (name, number) in [("a", 1), ("b", 2)] {
                let hash = sent(number).hash;
                ledger.applied(&app(name), timeline(), revision(number), &hash);
            }
        };
        assert_eq!(ledger.beat("wrong"), Verdict::Fine, "answers are still out");
        take_all(&mut ledger);
        assert_eq!(ledger.beat(&state(&[1, 2])), Verdict::Fine);
        assert_eq!(ledger.beat("wrong"), Verdict::SendAgain);
        for (name, number) in [("a", 1), ("b", 2)] {
            assert!(ledger.lacks(&app(name), timeline(), revision(number)));
            ledger.sent(app(name), sent(number));
        }
        assert_eq!(ledger.beat("wrong"), Verdict::Fine, "answers are still out");
        take_all(&mut ledger);
        assert_eq!(ledger.beat("wrong"), Verdict::Diverged);
        assert!(ledger.diverged());
        assert_eq!(ledger.beat("wrong"), Verdict::Fine, "it is said once");
        assert_eq!(ledger.beat(&state(&[1, 2])), Verdict::Fine);
        assert!(!ledger.diverged());
    }

    #[test]
    fn a_refused_route_keeps_nothing_else_from_being_applied() {
        let mut ledger = Ledger::default();
        ledger.sent(app("a"), sent(1));
        ledger.sent(app("b"), sent(2));
        ledger.refused(refusal("a", 1));
        let right = ledger.applied(&app("b"), timeline(), revision(2), &sent(2).hash);
        assert_eq!(right, Verdict::Fine);
        assert_eq!(ledger.refusals(), [refusal("a", 1)]);
        assert_eq!(ledger.positions().len(), 1);
        // What is late says nothing; what is applied is refused no more.
        ledger.sent(app("a"), sent(3));
        ledger.refused(refusal("a", 1));
        assert!(ledger.refusals().is_empty());
        ledger.refused(refusal("never-sent", 1));
        assert_eq!(ledger.refusals().len(), 1);
    }
}
