//! When a watched version counts as one to go back from: a pure rule over what was seen.

use std::fmt;

use crate::application::Bake;

/// What was seen of a watched version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// At all gateways, since it became the active version.
    pub(crate) requests: u64,
    /// Of them, those that went wrong.
    pub(crate) failed: u64,
    /// Failed health checks in a row.
    pub(crate) health_failures: u32,
}

/// A rule that has fired, with the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fired {
    Errors {
        requests: u64,
        failed: u64,
        permille_max: u32,
    },
    Health {
        failures: u32,
    },
}

impl fmt::Display for Fired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors {
                requests,
                failed,
                permille_max,
            } => write!(
                f,
                "{failed} of {requests} requests went wrong: more than {permille_max} in 1000."
            ),
            Self::Health { failures } => write!(f, "{failures} health checks in a row failed."),
        }
    }
}

/// Returns the rule that fires, if one does.
pub(crate) fn judge(rules: &Bake, seen: &Seen) -> Option<Fired> {
    let errors = rules.errors.as_ref().filter(|errors| {
        let allowed = u128::from(errors.permille_max) * u128::from(seen.requests);
        seen.requests >= errors.requests_min && u128::from(seen.failed) * 1000 > allowed
    });
    if let Some(errors) = errors {
        return Some(Fired::Errors {
            requests: seen.requests,
            failed: seen.failed,
            permille_max: errors.permille_max,
        });
    }
    let failures = seen.health_failures;
    rules
        .health_failures_max
        .filter(|max| failures >= *max)
        .map(|_| Fired::Health { failures })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::Errors;

    fn rules(errors: Option<(u32, u64)>, health_failures_max: Option<u32>) -> Bake {
        Bake {
            duration: Duration::from_secs(60),
            errors: errors.map(|(permille_max, requests_min)| Errors {
                permille_max,
                requests_min,
            }),
            health_failures_max,
        }
    }

    fn seen(requests: u64, failed: u64, health_failures: u32) -> Seen {
        Seen {
            requests,
            failed,
            health_failures,
        }
    }

    #[test]
    fn errors_count_only_above_the_share_and_from_enough_requests_on() {
        let rules = rules(Some((50, 20)), None);
        assert_eq!(judge(&rules, &seen(0, 0, 9)), None);
        assert_eq!(judge(&rules, &seen(19, 19, 9)), None, "too few");
        assert_eq!(judge(&rules, &seen(20, 1, 9)), None, "as many as may be");
        let fired = judge(&rules, &seen(20, 2, 0)).unwrap();
        assert_eq!(
            fired.to_string(),
            "2 of 20 requests went wrong: more than 50 in 1000."
        );
        assert!(judge(&rules, &seen(u64::MAX, u64::MAX, 0)).is_some());
    }

    #[test]
    fn health_checks_count_in_a_row_up_to_what_may_fail() {
        let rules = rules(None, Some(3));
        assert_eq!(judge(&rules, &seen(100, 100, 2)), None);
        let fired = judge(&rules, &seen(0, 0, 3)).unwrap();
        assert_eq!(fired.to_string(), "3 health checks in a row failed.");
    }
}
