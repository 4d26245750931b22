//! A tenant's denial against a switch, for the proof by exploration: [`step`](super::step) and
//! [`usage`] themselves, about one tenant, one switch and its target.

use contract::{SwitchId, TimedId as _, VersionName};
use jiff::Timestamp;

use super::{Basis, Before, Consent as Row, Event, Since, Standing, Step, Under, step};
use crate::switch::{Coming, Phase as SwitchPhase, Progress, Switch, Usage, usage};

/// Where the tenant stands with the target of the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent(Row);

/// Where the switch is, as provisioning has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Denials count from the commit on.
    Open,
    /// It may have been committed.
    Closed,
    /// The target is the active version.
    Committed,
    /// Everything is as before.
    GivenUp,
}

impl Consent {
    /// Returns a tenant that the switch has moved along.
    pub fn moved_along() -> Self {
        Self(Row {
            standing: Standing::Provisioned(Basis::MovedWithNotice),
            since: since(),
            brought_by: Some(switch()),
            under: Some(Under {
                switch: switch(),
                before: Before::Absent,
            }),
        })
    }

    /// Tells whether gateways let the tenant's users in to the target.
    pub fn admits(&self) -> bool {
        matches!(self.0.standing, Standing::Provisioned(_))
    }

    /// Takes a denial; none if it changes nothing.
    #[must_use]
    pub fn denied(&self) -> Option<Self> {
        self.after(&Event::Denied {
            switch: Some(switch()),
        })
    }

    /// Hears that the switch was given up; none if that changes nothing.
    #[must_use]
    pub fn given_up(&self) -> Option<Self> {
        self.after(&Event::Voided(switch()))
    }

    fn after(&self, event: &Event) -> Option<Self> {
        match step(Some(&self.0), event, &since()) {
            Step::Next(next, _) => Some(Self(*next)),
            Step::Same | Step::Refused(_) => None,
        }
    }
}

/// Tells whether a denial of the target that is recorded in this phase is only in force once every
/// gateway has it.
pub fn must_wait(phase: Phase) -> bool {
    let version = |name: &str| -> VersionName { name.parse().expect("it is a name") };
    let (source, target) = (version("1"), version("2"));
    let unsettled = |phase| Switch {
        coming: Coming::Along,
        id: switch(),
        application: "app".parse().expect("it is a name"),
        source: Some(source.clone()),
        target: target.clone(),
        notice: super::Notice::Told,
        phase,
        progress: Progress {
            up_to: None,
            all_at: None,
            left: None,
            moved: 1,
            mailed: 1,
        },
        opened_at: Timestamp::UNIX_EPOCH,
    };
    // A settled switch is not asked; what it led to is the active version.
    let (active, switch) = match phase {
        Phase::Open => (&source, Some(unsettled(SwitchPhase::Open))),
        Phase::Closed => (&source, Some(unsettled(SwitchPhase::Closed))),
        Phase::Committed => (&target, None),
        Phase::GivenUp => (&source, None),
    };
    usage(&target, Some(active), switch.as_ref()) == Usage::InUse
}

fn switch() -> SwitchId {
    SwitchId::new(0, [0; 10])
}

fn since() -> Since {
    Since {
        at: Timestamp::UNIX_EPOCH,
        actor: String::new(),
        note: String::new(),
    }
}
