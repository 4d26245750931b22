//! What a policy says beyond times: whether versions may overlap, how a new one is watched, and which
//! denials stop a switch.

use std::{collections::BTreeSet, time::Duration};

use contract::{TenantId, TenantRef};
use serde::{Deserialize, Serialize};

use super::{Policy, Version};

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

/// What it means for tenants that the app credentials of a version have scopes which those of the version
/// in use have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScopeGrowth {
    /// They are moved along.
    MoveAlong,
    /// They are asked anew.
    Ask,
}

/// Which denials stop a switch: any that counts for one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Denials {
    /// More than so many of a hundred tenants; none: however many.
    pub(crate) percent_max: Option<u32>,
    /// That of one of these.
    pub(crate) tenants: BTreeSet<TenantId>,
}

/// Who has denied the target when the denies are fixed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) count: i64,
    /// Those, and the tenants that use the target.
    pub(crate) of: i64,
    /// Of the tenants that the policy names, those that denied.
    pub(crate) named: Vec<TenantId>,
}

impl Denials {
    /// Returns why these denials stop a switch, for people, if they do.
    pub(crate) fn stop(&self, denied: &Denied) -> Option<String> {
        const NEXT: &str = "Talk to them, or change the application's policy, then confirm again.";
        let named: Vec<String> = denied
            .named
            .iter()
            .filter(|tenant| self.tenants.contains(*tenant))
            .map(|tenant| TenantRef::from(tenant.clone()).to_string())
            .collect();
        if !named.is_empty() {
            let named = named.join(", ");
            return Some(format!("Denied by {named}, which the policy names. {NEXT}"));
        }
        let percent_max = i64::from(self.percent_max?);
        let too_many = denied.count.saturating_mul(100) > percent_max.saturating_mul(denied.of);
        too_many.then(|| {
            format!(
                "Denied by {} of {} tenants, more than {percent_max} in a hundred. {NEXT}",
                denied.count, denied.of
            )
        })
    }
}

impl Policy {
    /// Tells whether tenants are asked anew at a switch from one version to another. Where there is none
    /// to come from, nobody comes.
    pub(crate) fn asks(&self, source: Option<&Version>, target: &Version) -> bool {
        match (self.scope_growth, source) {
            (ScopeGrowth::MoveAlong, _) | (ScopeGrowth::Ask, None) => false,
            (ScopeGrowth::Ask, Some(source)) => !target.scopes().is_subset(&source.scopes()),
        }
    }

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
    fn denials_stop_a_switch_from_more_than_the_percentage_on_or_if_a_named_tenant_is_among_them() {
        let tenant = |name: &str| name.parse::<TenantId>().unwrap();
        let denied = |count, named: &[&str]| Denied {
            count,
            of: 200,
            named: named.iter().map(|name| tenant(name)).collect(),
        };
        let none = Denials::default();
        assert_eq!(none.stop(&denied(200, &["anna"])), None);
        let tenth = Denials {
            percent_max: Some(10),
            ..Denials::default()
        };
        assert_eq!(tenth.stop(&denied(20, &[])), None);
        assert!(tenth.stop(&denied(21, &[])).unwrap().contains("21 of 200"));
        let any = Denials {
            percent_max: Some(0),
            ..Denials::default()
        };
        assert_eq!(any.stop(&denied(0, &[])), None);
        assert_eq!(any.stop(&Denied::default()), None, "there is nobody");
        assert!(any.stop(&denied(1, &[])).is_some());
        let anna = Denials {
            percent_max: None,
            tenants: BTreeSet::from([tenant("anna")]),
        };
        assert_eq!(anna.stop(&denied(100, &["bert"])), None);
        let why = anna.stop(&denied(1, &["anna"])).unwrap();
        assert!(why.contains("tenants/anna"), "{why}");
    }

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
