//! What a policy says beyond times: whether versions may overlap, and how a new one is watched.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Policy;

/// Whether two versions may have requests under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Overlap {
    /// Requests under way finish while new ones go to the next version.
    Allowed,
    /// The commit waits until nothing is under way; in vain, the switch is given up.
    Abort,
    /// The commit waits until nothing is under way; what still is in the end is cut.
    Cut,
}

/// How a new version is watched after a switch. At least one of the rules is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bake {
    /// How long.
    pub(crate) duration: Duration,
    pub(crate) errors: Option<Errors>,
    /// How many health checks in a row may fail.
    pub(crate) health_failures_max: Option<u32>,
}

/// How many requests may fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Errors {
    /// Out of a thousand.
    pub(crate) permille_max: u32,
    /// How many requests there must have been before the rule counts.
    pub(crate) requests_min: u64,
}

impl Errors {
    /// How many requests there must have been unless somebody says otherwise.
    pub(crate) const REQUESTS_MIN_DEFAULT: u64 = 20;
}

impl Policy {
    /// Returns how long requests may be held before the switch is given up, the wait for those
    /// under way included.
    pub(crate) fn hold_time(&self) -> Duration {
        match self.overlap {
            Overlap::Allowed => self.hold_timeout,
            Overlap::Abort | Overlap::Cut => self.hold_timeout.saturating_add(self.overlap_timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_says_nothing_of_this_takes_the_defaults() {
        let times = r#"{"prepare_timeout":{"secs":30,"nanos":0},"hold_timeout":{"secs":2,"nanos":0},
            "drain_timeout":{"secs":30,"nanos":0},"tenant_failures":"stop"}"#;
        let policy: Policy = serde_json::from_str(times).unwrap();
        assert_eq!(policy, Policy::default());
        assert_eq!(policy.hold_time(), policy.hold_timeout);
        let policy = Policy {
            overlap: Overlap::Cut,
            ..policy
        };
        assert_eq!(policy.hold_time(), Duration::from_secs(12));
    }
}
