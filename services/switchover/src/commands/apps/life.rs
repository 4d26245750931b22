//! How versions of an application follow each other, as flags.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use proto::catalog::v1::{Bake, Overlap, SwitchPolicy};

use crate::args::Time;

/// What is said of overlap, drain, watch and app credentials.
#[derive(Debug, Clone, Args)]
pub(super) struct Life {
    /// Whether two versions may have requests under way at once
    #[arg(long, value_name = "POLICY")]
    overlap: Option<Overlapping>,
    /// How long a commit waits for requests under way, where they may not overlap
    #[arg(long, value_name = "TIME")]
    overlap_timeout: Option<Time>,
    /// Long-lived connections that each gateway ends a second when it drains
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(1..=100_000))]
    drain_rate: Option<i32>,
    /// Watches the new version and switches back by itself: 10m, or
    /// 10m,errors=50,requests=20,health=3 (errors of 1000, from so many requests on, health
    /// checks in a row; 0 leaves a rule out), or off
    #[arg(long, value_name = "RULES")]
    bake: Option<Baking>,
    /// How long app credentials of the version that was left still get tokens once its drain has
    /// ended
    #[arg(long, value_name = "TIME")]
    credential_grace: Option<Time>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Overlapping {
    /// Requests under way finish while new ones go to the next version
    Allowed,
    /// The commit waits for them; in vain, the switch is given up
    Abort,
    /// The commit waits for them; what still is under way then is cut
    Cut,
}

/// What `--bake` says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Baking {
    Off,
    On(Bake),
}

impl FromStr for Baking {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let mut parts = text.split(',');
        let time: Time = parts.next().unwrap_or_default().parse()?;
        let mut bake = Bake {
            duration: Some(time.wire()),
            error_permille_max: 50,
            requests_min: 20,
            health_failures_max: 3,
        };
        for part in parts {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("{part:?} is not of the form rule=number"))?;
            let number: i32 = value
                .parse()
                .map_err(|_| format!("{value:?} is not a number"))?;
            match key {
                "errors" => bake.error_permille_max = number,
                "requests" => bake.requests_min = number.into(),
                "health" => bake.health_failures_max = number,
                _ => return Err(format!("{key:?} is not one of errors, requests and health")),
            }
        }
        Ok(Self::On(bake))
    }
}

impl Life {
    /// Tells whether anything is said.
    pub(super) fn is_given(&self) -> bool {
        self.overlap.is_some()
            || self.overlap_timeout.is_some()
            || self.drain_rate.is_some()
            || self.bake.is_some()
            || self.credential_grace.is_some()
    }

    /// Puts what is said onto a policy.
    pub(super) fn onto(&self, policy: &mut SwitchPolicy) {
        if let Some(overlap) = self.overlap {
            policy.overlap = match overlap {
                Overlapping::Allowed => Overlap::Allowed,
                Overlapping::Abort => Overlap::Abort,
                Overlapping::Cut => Overlap::Cut,
            }
            .into();
        }
        if let Some(time) = self.overlap_timeout {
            policy.overlap_timeout = Some(time.wire());
        }
        if let Some(rate) = self.drain_rate {
            policy.drain_rate = rate;
        }
        match self.bake {
            Some(Baking::Off) => policy.bake = None,
            Some(Baking::On(bake)) => policy.bake = Some(bake),
            None => {}
        }
        if let Some(time) = self.credential_grace {
            policy.credential_grace = Some(time.wire());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_said_in_one_word_and_its_rules_have_defaults() {
        let Ok(Baking::On(bake)) = "10m".parse() else {
            panic!("a time is enough");
        };
        assert_eq!(bake.duration.unwrap().seconds, 600);
        assert_eq!(
            (
                bake.error_permille_max,
                bake.requests_min,
                bake.health_failures_max
            ),
            (50, 20, 3)
        );
        let Ok(Baking::On(bake)) = "1h,errors=5,health=0".parse() else {
            panic!("rules may follow");
        };
        assert_eq!((bake.error_permille_max, bake.health_failures_max), (5, 0));
        assert_eq!("off".parse(), Ok(Baking::Off));
        for wrong in ["", "errors=5", "10m,errors", "10m,errors=x", "10m,luck=1"] {
            assert!(wrong.parse::<Baking>().is_err(), "{wrong}");
        }
    }
}
