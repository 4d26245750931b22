//! What tenants that deny mean for a switch, as flags.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use contract::{TenantId, TenantRef};
use proto::catalog::v1::{DenialPolicy, ScopeGrowthPolicy, SwitchPolicy};

use crate::args::Time;

/// What is said of notice and denials.
#[derive(Debug, Clone, Args)]
pub(super) struct Notice {
    /// How long tenants that get mails have to deny before gateways get ready; 0s for none
    #[arg(long, value_name = "TIME")]
    minimum_notice: Option<Time>,
    /// Gives a switch up when more than so many of a hundred tenants deny, or off
    #[arg(long, value_name = "PERCENT")]
    stop_denials: Option<Percent>,
    /// Gives a switch up when this tenant denies; may be repeated, replaces those said before
    #[arg(long, value_name = "TENANT")]
    stop_tenant: Vec<TenantId>,
    /// What it means for tenants that a version's app credentials have more scopes
    #[arg(long, value_name = "POLICY")]
    scope_growth: Option<Growth>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Growth {
    /// They are moved along and told how to deny
    MoveAlong,
    /// They are asked anew, and let in once they accept
    Ask,
}

/// What `--stop-denials` says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Percent {
    Off,
    MoreThan(i32),
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        match text.parse() {
            Ok(percent @ 0..=99) => Ok(Self::MoreThan(percent)),
            Ok(_) | Err(_) => Err("must be a number from 0 to 99, or off".to_owned()),
        }
    }
}

impl Notice {
    /// Tells whether anything is said.
    pub(super) fn is_given(&self) -> bool {
        self.minimum_notice.is_some()
            || self.stop_denials.is_some()
            || !self.stop_tenant.is_empty()
            || self.scope_growth.is_some()
    }

    /// Puts what is said onto a policy.
    pub(super) fn onto(&self, policy: &mut SwitchPolicy) {
        if let Some(time) = self.minimum_notice {
            policy.minimum_notice = Some(time.wire());
        }
        if let Some(growth) = self.scope_growth {
            policy.scope_growth = match growth {
                Growth::MoveAlong => ScopeGrowthPolicy::MoveAlong,
                Growth::Ask => ScopeGrowthPolicy::Ask,
            }
            .into();
        }
        let mut denials = policy.denials.take().unwrap_or_default();
        match self.stop_denials {
            Some(Percent::Off) => denials.percent_max = None,
            Some(Percent::MoreThan(percent)) => denials.percent_max = Some(percent),
            None => {}
        }
        if !self.stop_tenant.is_empty() {
            let tenants = self.stop_tenant.iter().cloned();
            denials.tenants = tenants.map(|id| TenantRef::from(id).to_string()).collect();
        }
        policy.denials = (denials != DenialPolicy::default()).then_some(denials);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_may_be_zero_and_is_never_all() {
        assert_eq!("0".parse(), Ok(Percent::MoreThan(0)));
        assert_eq!("off".parse(), Ok(Percent::Off));
        for wrong in ["", "100", "-1", "ten"] {
            assert!(wrong.parse::<Percent>().is_err(), "{wrong}");
        }
    }
}
