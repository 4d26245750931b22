//! A switch as the tenants' side sees it.

use contract::{ApplicationName, SwitchId, SwitchName, TenantId, VersionName};
use jiff::Timestamp;

use crate::consent::{Carried, Notice, Standing};

/// A switch under which tenants are, or were, moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switch {
    /// Its id.
    pub(crate) id: SwitchId,
    /// Whose version changes.
    pub(crate) application: ApplicationName,
    /// The version in use; none at a first activation.
    pub(crate) source: Option<VersionName>,
    /// The version to move to.
    pub(crate) target: VersionName,
    /// Whether tenants are told how to deny.
    pub(crate) notice: Notice,
    /// How tenants come to the target that have not agreed to it before.
    pub(crate) coming: Coming,
    /// Where it is.
    pub(crate) phase: Phase,
    /// How far the tenants are moved.
    pub(crate) progress: Progress,
    /// When it was first heard of.
    pub(crate) opened_at: Timestamp,
}

/// How tenants come to the target of a switch that are let in at its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coming {
    /// They are moved along.
    Along,
    /// They are asked anew: the target asks for more than the source.
    Asked,
}

impl Coming {
    /// Returns with what a tenant that stands so at the source comes; none if it stays behind.
    pub(crate) fn carried(self, source: Standing) -> Option<Carried> {
        match (self, source.carried()) {
            (Self::Asked, Some(Carried::Admission)) => Some(Carried::Question),
            (Self::Along | Self::Asked, carried) => carried,
        }
    }
}

/// Where a switch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Denials of its target count from its commit on.
    Open,
    /// It may have been committed: denials of its target count as soon as gateways know them.
    Closed,
    /// Its target is the active version.
    Committed,
    /// Everything is as before.
    GivenUp,
}

/// How far the tenants are moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The last tenant that was looked at.
    pub(crate) up_to: Option<TenantId>,
    /// When nobody was left.
    pub(crate) all_at: Option<Timestamp>,
    /// Tenants that are left, as counted when the first were moved; `None` before.
    pub(crate) left: Option<i64>,
    /// Tenants moved, denied and failed ones included.
    pub(crate) moved: i64,
    /// Tenants that a mail was queued for.
    pub(crate) mailed: i64,
}

impl Switch {
    /// Returns its resource name.
    pub(crate) fn name(&self) -> SwitchName {
        SwitchName {
            application: self.application.clone(),
            switch: self.id,
        }
    }
}

/// Whether users of a version may be served right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// It is the active version, or may be: a denial counts once every gateway knows it.
    InUse,
    /// It surely is not: a denial counts from the first request on if it ever becomes active.
    NotInUse,
}

/// Tells whether a version may be in use, from the active version as it was last settled and the
/// switch that is not settled yet. When in doubt, it may.
pub(crate) fn usage(
    version: &VersionName,
    active: Option<&VersionName>,
    unsettled: Option<&Switch>,
) -> Usage {
    let by_switch = unsettled.is_some_and(|switch| {
        switch.source.as_ref() == Some(version)
            || (switch.phase != Phase::Open && switch.target == *version)
    });
    if by_switch || active == Some(version) {
        Usage::InUse
    } else {
        Usage::NotInUse
    }
}
