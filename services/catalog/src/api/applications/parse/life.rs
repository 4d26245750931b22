//! What an operator says of how versions follow each other: overlap, drain, watch, and how long app
//! credentials outlive their version.

use std::time::Duration;

use contract::{Checked, Fault, Violations, duration};
use proto::catalog::v1 as wire;

use crate::application::{Bake, Errors, Overlap, Policy};

const DRAIN_RATE_MAX: u32 = 100_000;
const PERMILLE_MAX: u32 = 999;
const REQUESTS_MAX: u64 = 1_000_000;
const HEALTH_FAILURES_MAX: u32 = 100;
const CREDENTIAL_GRACE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// That part of a policy.
pub(super) struct Life {
    pub(super) overlap: Overlap,
    pub(super) overlap_timeout: Duration,
    pub(super) drain_rate: u32,
    pub(super) bake: Option<Bake>,
    pub(super) credential_grace: Duration,
}

pub(super) fn read(
    v: &mut Violations,
    policy: &wire::SwitchPolicy,
    default: &Policy,
) -> Checked<Life> {
    use wire::Overlap as Wire;
    let overlap = match Wire::try_from(policy.overlap) {
        Ok(Wire::Unspecified | Wire::Allowed) => Checked::right(Overlap::Allowed),
        Ok(Wire::Abort) => Checked::right(Overlap::Abort),
        Ok(Wire::Cut) => Checked::right(Overlap::Cut),
        Err(_) => v.wrong(
            "overlap",
            Fault::Unknown,
            "is not one of ALLOWED, ABORT and CUT",
        ),
    };
    let timeout = duration::field(
        v,
        "overlap_timeout",
        policy.overlap_timeout,
        Duration::from_millis(100)..=Duration::from_secs(60),
        default.overlap_timeout,
    );
    let rate = optional(v, "drain_rate", policy.drain_rate, DRAIN_RATE_MAX)
        .map(|rate| rate.unwrap_or(default.drain_rate));
    let bake = bake(v, policy.bake.as_ref());
    let grace = duration::field(
        v,
        "credential_grace",
        policy.credential_grace,
        Duration::ZERO..=CREDENTIAL_GRACE_MAX,
        default.credential_grace,
    );
    v.join((overlap, timeout, rate, bake, grace)).map(
        |(overlap, overlap_timeout, drain_rate, bake, credential_grace)| Life {
            overlap,
            overlap_timeout,
            drain_rate,
            bake,
            credential_grace,
        },
    )
}

fn bake(v: &mut Violations, bake: Option<&wire::Bake>) -> Checked<Option<Bake>> {
    let Some(bake) = bake else {
        return Checked::right(None);
    };
    v.within("bake", |v| {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
        let duration = match bake.duration {
            None => v.wrong("duration", Fault::Missing, "must be given"),
            Some(_) => duration::field(v, "duration", bake.duration, bounds, Duration::ZERO),
        };
        let permille = optional(
            v,
            "error_permille_max",
            bake.error_permille_max,
            PERMILLE_MAX,
        );
        let requests = optional(v, "requests_min", bake.requests_min, REQUESTS_MAX);
        let health = optional(
            v,
            "health_failures_max",
            bake.health_failures_max,
            HEALTH_FAILURES_MAX,
        );
        if bake.error_permille_max == 0 && bake.health_failures_max == 0 {
            v.add(
                "health_failures_max",
                Fault::Missing,
                "must be given where error_permille_max is not: there would be no rule",
            );
        }
        v.join((duration, permille, requests, health)).map(
            |(duration, permille, requests, health_failures_max)| {
                let requests_min = requests.unwrap_or(Errors::REQUESTS_MIN_DEFAULT);
                let errors = permille.map(|permille_max| Errors {
                    permille_max,
                    requests_min,
                });
                Some(Bake {
                    duration,
                    errors,
                    health_failures_max,
                })
            },
        )
    })
}

/// Reads a number from 1 to `max`; 0 means that nothing is said.
fn optional<N, T>(v: &mut Violations, field: &str, given: N, max: T) -> Checked<Option<T>>
where
    T: TryFrom<N> + PartialOrd + Default + Copy + std::fmt::Display,
{
    match T::try_from(given) {
        Ok(number) if number == T::default() => Checked::right(None),
        Ok(number) if number <= max => Checked::right(Some(number)),
        Ok(_) | Err(_) => v.wrong(field, Fault::OutOfRange, format_args!("must be 1 to {max}")),
    }
}

#[cfg(test)]
mod tests {
    use contract::Problem;

    use super::*;

    fn checked(policy: &wire::SwitchPolicy) -> Result<Life, Problem> {
        let mut v = Violations::new();
        let life = read(&mut v, policy, &Policy::default());
        v.all(life)
    }

    #[test]
    fn a_watch_has_a_length_and_at_least_one_rule() {
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let with = |bake| wire::SwitchPolicy {
            bake: Some(bake),
            ..Default::default()
        };
        let life = checked(&with(wire::Bake {
            duration: seconds(600),
            error_permille_max: 50,
            ..Default::default()
        }));
        let bake = life
            .unwrap_or_else(|problem| panic!("{problem}"))
            .bake
            .unwrap();
        assert_eq!(bake.errors.unwrap().requests_min, 20);
        assert_eq!(bake.health_failures_max, None);
        let fields = |policy: &wire::SwitchPolicy| {
            let problem = checked(policy).err().unwrap();
            let fields = problem.fields().iter();
            fields.map(|field| field.field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            fields(&with(wire::Bake::default())),
            ["bake.duration", "bake.health_failures_max"]
        );
        let wrong = wire::SwitchPolicy {
            overlap: 9,
            overlap_timeout: seconds(61),
            drain_rate: -1,
            bake: Some(wire::Bake {
                duration: seconds(24 * 3600 + 1),
                error_permille_max: 1000,
                requests_min: 1_000_001,
                health_failures_max: 101,
            }),
            credential_grace: seconds(30 * 24 * 3600 + 1),
            ..Default::default()
        };
        assert_eq!(
            fields(&wrong),
            [
                "overlap",
                "overlap_timeout",
                "drain_rate",
                "bake.duration",
                "bake.error_permille_max",
                "bake.requests_min",
                "bake.health_failures_max",
                "credential_grace",
            ]
        );
    }
}
