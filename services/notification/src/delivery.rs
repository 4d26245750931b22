//! One mail to one recipient: its words, and what becomes of it. Nothing here touches a clock, a
//! server or a database.
#![deny(clippy::wildcard_enum_match_arm)]

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::event::Kind;

/// The longest wait after the first try in vain.
pub(crate) const WAIT_FIRST: SignedDuration = SignedDuration::from_secs(10);
/// The longest wait there is: when a server comes back, mails go within this.
pub(crate) const WAIT_MAX: SignedDuration = SignedDuration::from_hours(1);
/// The shortest wait: whatever the jitter, nobody is asked twice in a second.
pub(crate) const WAIT_MIN: SignedDuration = SignedDuration::from_secs(1);
/// How long a mail is tried; what mail servers do among each other.
pub(crate) const PATIENCE: SignedDuration = SignedDuration::from_hours(5 * 24);
/// How long a claim holds that is not renewed: after a crash another try comes within this.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// How often whoever sends renews its claim: two renewals may fail before it lapses.
pub(crate) const RENEWAL: SignedDuration = SignedDuration::from_secs(10);

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Waits for its first or next try.
    Queued {
        /// When it is tried next.
        next: Timestamp,
        /// What it waits for.
        wait: Wait,
    },
    /// Being handed to the server by whoever holds the claim.
    Sending {
        /// Who sends it.
        claim: Claim,
        /// When the claim lapses, unless it is renewed. It counts until somebody else claims.
        until: Timestamp,
    },
    /// The server took it.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// The server took it, and it came back.
    Bounced {
        /// When the server took it.
        sent: Timestamp,
        /// When it was told that it came back.
        at: Timestamp,
        /// Why, in the other server's words.
        reason: Words,
    },
    /// The server refused it for good, or it cannot be written as a mail.
    Failed {
        /// Why, in the server's words where there are any.
        reason: Words,
    },
    /// Tried for [`PATIENCE`] in vain.
    Dead {
        /// What the last try met.
        reason: Words,
    },
}

/// What a queued delivery waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Its turn.
    Turn,
    /// The server: it could not be reached or took nothing. Over as soon as another mail got through.
    Server,
    /// A server that takes mails, but not this one now.
    Recipient,
}

/// Names one attempt to send, so that a late answer counts for that attempt alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim(pub(crate) Uuid);

/// What a try met, for people: one line of at most 300 characters without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words(Box<str>);

impl Words {
    /// The most characters.
    pub(crate) const MAX: usize = 300;

    /// Takes foreign words: control characters become spaces, what is too long is cut.
    pub(crate) fn new(text: &str) -> Self {
        let plain: String = text
            .chars()
            .map(|c| if hidden(c) { ' ' } else { c })
            .collect();
        let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        match words.char_indices().nth(Self::MAX) {
            None => Self(words.into()),
            Some(_) => {
                let cut: String = words.chars().take(Self::MAX - 1).collect();
                Self(format!("{cut}…").into())
            }
        }
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells control characters, and those that reorder or hide what is read.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The server took the mail.
    Taken(Words),
    /// Not now. It may be that the server took it and its answer was lost.
    Later(Wait, Words),
    /// Never: the server refused it for good, or it cannot be written as a mail.
    Never(Words),
}

impl Answer {
    /// Returns what it says.
    pub(crate) fn words(&self) -> &Words {
        match self {
            Self::Taken(words) | Self::Later(_, words) | Self::Never(words) => words,
        }
    }
}

/// How far a delivery has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Where it stands.
    pub(crate) state: State,
    /// Tries in vain since it was queued.
    pub(crate) failures: u32,
    /// When to give up.
    pub(crate) tried_until: Timestamp,
}

/// What happens to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    /// Somebody wants to send it.
    Claimed(Claim),
    /// Whoever sends it is still at it.
    Renewed(Claim),
    /// A try ended.
    Answered(Claim, Answer),
    /// The operator wants it tried at once.
    Retried,
    /// It came back, with these words.
    Bounced(Words),
}

/// What comes of a happening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// It has come further.
    Changed(Progress),
    /// Late, doubled or foreign: nothing changes.
    Unchanged,
    /// The server has the mail; it is never sent again.
    Sent,
    /// The server does not have the mail; it cannot have come back.
    NotSent,
}

/// A random part of a wait, from nothing to all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jitter(pub(crate) u32);

impl Progress {
    /// Starts a delivery that is due at once.
    pub(crate) fn queued(now: Timestamp) -> Self {
        Self {
            state: State::Queued {
                next: now,
                wait: Wait::Turn,
            },
            failures: 0,
            tried_until: after(now, PATIENCE),
        }
    }

    /// Starts a delivery that cannot be tried, with the reason.
    pub(crate) fn parked(reason: Words, now: Timestamp) -> Self {
        Self {
            state: State::Failed { reason },
            ..Self::queued(now)
        }
    }

    /// Decides what comes of a happening.
    ///
    /// | state \ happening | claimed            | renewed by its claim | answered by its claim        | retried | bounced |
    /// |-------------------|--------------------|----------------------|------------------------------|---------|---------|
    /// | queued            | if due: sending    | –                    | –                            | queued  | refused |
    /// | sending           | if lapsed: sending | sending              | sent, queued, failed or dead | –       | refused |
    /// | sent              | –                  | –                    | –                            | refused | bounced |
    /// | bounced           | –                  | –                    | –                            | refused | –       |
    /// | failed, dead      | –                  | –                    | –                            | queued  | refused |
    pub(crate) fn step(&self, happening: &Happening, now: Timestamp, jitter: Jitter) -> Step {
        match (&self.state, happening) {
            (
                State::Queued { next: due, .. } | State::Sending { until: due, .. },
                Happening::Claimed(claim),
            ) => {
                if *due <= now {
                    self.held(*claim, now)
                } else {
                    Step::Unchanged
                }
            }
            // A renewal that took its time makes no later one shorter.
            (State::Sending { claim, until }, Happening::Renewed(by)) if claim == by => self
                .changed(State::Sending {
                    claim: *claim,
                    until: after(now, LEASE).max(*until),
                }),
            (State::Sending { claim, .. }, Happening::Answered(by, answer)) if claim == by => {
                self.answered(answer, now, jitter)
            }
            (State::Queued { .. }, Happening::Retried) => self.changed(State::Queued {
                next: now,
                wait: Wait::Turn,
            }),
            (State::Failed { .. } | State::Dead { .. }, Happening::Retried) => {
                Step::Changed(Self::queued(now))
            }
            // Its text is forgotten.
            (State::Sent { .. } | State::Bounced { .. }, Happening::Retried) => Step::Sent,
            (State::Sent { at }, Happening::Bounced(reason)) => self.changed(State::Bounced {
                sent: *at,
                at: now,
                reason: reason.clone(),
            }),
            (
                State::Queued { .. }
                | State::Sending { .. }
                | State::Failed { .. }
                | State::Dead { .. },
                Happening::Bounced(_),
            ) => Step::NotSent,

            (
                State::Sending { .. },
                Happening::Renewed(_) | Happening::Answered(..) | Happening::Retried,
            )
            | (State::Queued { .. }, Happening::Renewed(_) | Happening::Answered(..))
            | (State::Bounced { .. }, Happening::Bounced(_))
            | (
                State::Sent { .. }
                | State::Bounced { .. }
                | State::Failed { .. }
                | State::Dead { .. },
                Happening::Claimed(_) | Happening::Renewed(_) | Happening::Answered(..),
            ) => Step::Unchanged,
        }
    }

    fn held(&self, claim: Claim, now: Timestamp) -> Step {
        self.changed(State::Sending {
            claim,
            until: after(now, LEASE),
        })
    }

    fn answered(&self, answer: &Answer, now: Timestamp, jitter: Jitter) -> Step {
        match answer {
            Answer::Taken(_) => self.changed(State::Sent { at: now }),
            Answer::Never(words) => self.changed(State::Failed {
                reason: words.clone(),
            }),
            Answer::Later(_, words) if self.tried_until <= now => self.changed(State::Dead {
                reason: words.clone(),
            }),
            Answer::Later(wait, _) => {
                let next = after(now, wait_for(self.failures, jitter));
                Step::Changed(Self {
                    // The last try comes when patience ends, not an hour after.
                    state: State::Queued {
                        next: next.min(self.tried_until),
                        wait: *wait,
                    },
                    failures: self.failures.saturating_add(1),
                    tried_until: self.tried_until,
                })
            }
        }
    }

    fn changed(&self, state: State) -> Step {
        Step::Changed(Self {
            state,
            ..self.clone()
        })
    }

    /// Returns what the operator is told of this state, with the reason.
    pub(crate) fn told(&self) -> Option<(Kind, &Words)> {
        match &self.state {
            State::Failed { reason } => Some((Kind::MailFailed, reason)),
            State::Dead { reason } => Some((Kind::MailDead, reason)),
            State::Bounced { reason, .. } => Some((Kind::MailBounced, reason)),
            State::Queued { .. } | State::Sending { .. } | State::Sent { .. } => None,
        }
    }
}

/// Returns the wait after a try in vain: a random part of a time that doubles with each, never
/// below [`WAIT_MIN`] or above [`WAIT_MAX`].
pub(crate) fn wait_for(failures: u32, jitter: Jitter) -> SignedDuration {
    let ceiling = WAIT_FIRST
        .checked_mul(1 << failures.min(12))
        .map_or(WAIT_MAX, |doubled| doubled.min(WAIT_MAX));
    let span = (ceiling - WAIT_MIN).as_millis();
    let part = span * i128::from(jitter.0) / i128::from(u32::MAX);
    WAIT_MIN + SignedDuration::from_millis(i64::try_from(part).expect("a part of an hour"))
}

/// Time as rows keep it ends in year 9999; nothing is due after that.
pub(crate) fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
