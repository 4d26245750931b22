//! What an operator says of tenants that deny: how long they have, and when they stop a switch.

use std::time::Duration;

use contract::{Checked, Fault, TenantRef, Violations, duration};
use proto::catalog::v1 as wire;

use crate::application::{Denials, ScopeGrowth};

const NOTICE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
const PERCENT_MAX: u32 = 99;
const TENANTS_MAX: usize = 100;

pub(super) fn read(
    v: &mut Violations,
    policy: &wire::SwitchPolicy,
) -> Checked<(Duration, Denials, ScopeGrowth)> {
    use wire::ScopeGrowthPolicy as Wire;
    let notice = duration::field(
        v,
        "minimum_notice",
        policy.minimum_notice,
        Duration::ZERO..=NOTICE_MAX,
        Duration::ZERO,
    );
    let denials = match &policy.denials {
        None => Checked::right(Denials::default()),
        Some(denials) => v.within("denials", |v| self::denials(v, denials)),
    };
    let growth = match Wire::try_from(policy.scope_growth) {
        Ok(Wire::Unspecified | Wire::MoveAlong) => Checked::right(ScopeGrowth::MoveAlong),
        Ok(Wire::Ask) => Checked::right(ScopeGrowth::Ask),
        Err(_) => v.wrong(
            "scope_growth",
            Fault::Unknown,
            "is not one of MOVE_ALONG and ASK",
        ),
    };
    v.join((notice, denials, growth))
}

fn denials(v: &mut Violations, denials: &wire::DenialPolicy) -> Checked<Denials> {
    let percent = match denials.percent_max.map(u32::try_from) {
        None => Checked::right(None),
        Some(Ok(percent)) if percent <= PERCENT_MAX => Checked::right(Some(percent)),
        Some(Ok(_) | Err(_)) => v.wrong(
            "percent_max",
            Fault::OutOfRange,
            format_args!("must be 0 to {PERCENT_MAX}"),
        ),
    };
    let tenants = v.each("tenants", &denials.tenants, 0..=TENANTS_MAX, |v, tenant| {
        v.parse::<TenantRef>("", tenant)
    });
    v.join((percent, tenants))
        .map(|(percent_max, tenants)| Denials {
            percent_max,
            tenants: tenants.into_iter().map(|tenant| tenant.tenant).collect(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_named_and_zero_percent_is_a_rule() {
        let read = |policy: &wire::SwitchPolicy| {
            let mut v = Violations::new();
            let read = super::read(&mut v, policy);
            v.all(read)
        };
        let any = wire::DenialPolicy {
            percent_max: Some(0),
            tenants: Vec::new(),
        };
        let (notice, denials, growth) = read(&wire::SwitchPolicy {
            denials: Some(any),
            ..Default::default()
        })
        .unwrap();
        assert_eq!((notice, denials.percent_max), (Duration::ZERO, Some(0)));
        assert_eq!(growth, ScopeGrowth::MoveAlong);
        let wrong = wire::DenialPolicy {
            percent_max: Some(100),
            tenants: vec!["anna".to_owned()],
        };
        let problem = read(&wire::SwitchPolicy {
            minimum_notice: Some(prost_types::Duration {
                seconds: 31 * 24 * 3600,
                nanos: 0,
            }),
            denials: Some(wrong),
            scope_growth: 3,
            ..Default::default()
        })
        .unwrap_err();
        let fields: Vec<_> = problem
            .fields()
            .iter()
            .map(|it| it.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "minimum_notice",
                "denials.percent_max",
                "denials.tenants[0]",
                "scope_growth"
            ]
        );
    }
}
