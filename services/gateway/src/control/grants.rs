//! The grants as provisioning tells them: parts are collected until a set is complete, and a set
//! is taken only if it goes on from what is known. Pure.

use std::{collections::BTreeMap, mem};

use contract::{ApplicationName, NameError, Revision, TenantId, Timeline, VersionName};
use proto::provisioning::v1 as wire;
use serde::{Deserialize, Serialize};

use crate::apps::{GrantChange, GrantDecision, RefusalReason};

/// Where grants stand in their history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct GrantsPosition {
    /// Which history.
    pub(crate) timeline: Timeline,
    /// How many changes.
    pub(crate) revision: Revision,
}

impl GrantsPosition {
    /// Tells whether whoever has this has all of `wanted`.
    pub(crate) fn covers(&self, wanted: &Self) -> bool {
        self.timeline == wanted.timeline && self.revision >= wanted.revision
    }
}

/// Whose grant it is, and for what.
pub(crate) type GrantKey = (TenantId, ApplicationName, VersionName);

/// Whether users are let in, as the disk and the wire have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// They are.
    Admitted,
    /// The tenant denied the version.
    Denied,
    /// The tenant has not accepted yet.
    PendingAcceptance,
    /// The tenant could not be provisioned.
    Failed,
    /// The application was taken away.
    Removed,
    /// They are refused for a reason that this release does not know.
    Refused,
}

impl From<Verdict> for GrantDecision {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Admitted => Self::Admitted,
            Verdict::Denied => Self::Refused(RefusalReason::Denied),
            Verdict::PendingAcceptance => Self::Refused(RefusalReason::PendingAcceptance),
            Verdict::Failed => Self::Refused(RefusalReason::Failed),
            Verdict::Removed => Self::Refused(RefusalReason::Removed),
            Verdict::Refused => Self::Refused(RefusalReason::NotProvisioned),
        }
    }
}

/// All grants, or those that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrantSet {
    /// What whoever applies it has.
    pub(crate) position: GrantsPosition,
    /// What it is a set of.
    pub(crate) extent: Extent,
    /// The grants.
    pub(crate) grants: BTreeMap<GrantKey, Verdict>,
}

/// What a set is a set of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Extent {
    /// All there are; others are gone.
    Full,
    /// Those that changed.
    Changes,
}

impl GrantSet {
    /// Returns the data plane's part.
    pub(crate) fn changes(&self) -> Vec<GrantChange> {
        self.grants
            .iter()
            .map(|((tenant, application, version), verdict)| GrantChange {
                tenant: tenant.clone(),
                application: application.clone(),
                version: version.clone(),
                decision: (*verdict).into(),
            })
            .collect()
    }

    /// Tells whether it goes on from `known`: a history is never left, and never gone back in
    /// (I6): a denial that was acknowledged must not be forgotten with a restored database.
    pub(crate) fn follows(&self, known: Option<GrantsPosition>) -> Result<(), GrantsError> {
        match (known, self.extent) {
            (Some(known), _) if known.timeline != self.position.timeline => {
                Err(GrantsError::ForeignTimeline {
                    known: known.timeline,
                    told: self.position.timeline,
                })
            }
            (Some(known), _) if self.position.revision < known.revision => {
                Err(GrantsError::Older {
                    known: known.revision,
                    told: self.position.revision,
                })
            }
            (None, Extent::Changes) => Err(GrantsError::Unfounded),
            (Some(_), Extent::Full | Extent::Changes) | (None, Extent::Full) => Ok(()),
        }
    }
}

/// Grants that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GrantsError {
    /// Another history than the one known here.
    #[error(
        "provisioning tells another history (timeline {told}) than the one this gateway has followed (timeline {known})"
    )]
    ForeignTimeline {
        /// What this gateway follows.
        known: Timeline,
        /// What provisioning told.
        told: Timeline,
    },
    /// Older than what is known here.
    #[error(
        "provisioning tells revision {told}, older than revision {known} that this gateway has"
    )]
    Older {
        /// What this gateway has.
        known: Revision,
        /// What provisioning told.
        told: Revision,
    },
    /// Changes to a set that this gateway does not have.
    #[error("provisioning tells changes, but this gateway has nothing that they could change")]
    Unfounded,
    /// The parts of one set contradict each other.
    #[error("the parts of one set of grants do not fit together")]
    Torn,
    /// More than a gateway can hold.
    #[error("more than {GRANTS_MAX} grants are told at once")]
    TooMany,
    /// A name that is none.
    #[error("a grant cannot be read")]
    Name(#[from] NameError),
}

/// The most grants of one set: ten times the tenants that one installation is made for.
pub(crate) const GRANTS_MAX: usize = 2_000_000;

/// Collects the parts of a set.
#[derive(Debug, Default)]
pub(crate) struct Collector(Option<GrantSet>);

impl Collector {
    /// Takes one part; returns the set once it is complete.
    pub(crate) fn take(
        &mut self,
        part: &wire::FollowGrantsResponse,
    ) -> Result<Option<GrantSet>, GrantsError> {
        let position = GrantsPosition {
            timeline: part.timeline.parse()?,
            revision: Revision::try_from(part.revision)?,
        };
        let extent = if part.full {
            Extent::Full
        } else {
            Extent::Changes
        };
        let set = self.0.get_or_insert_with(|| GrantSet {
            position,
            extent,
            grants: BTreeMap::new(),
        });
        if (set.position, set.extent) != (position, extent) {
            return Err(GrantsError::Torn);
        }
        for grant in &part.grants {
            let (key, verdict) = parse(grant)?;
            set.grants.insert(key, verdict);
        }
        if set.grants.len() > GRANTS_MAX {
            return Err(GrantsError::TooMany);
        }
        Ok(part.complete.then(|| mem::take(&mut self.0)).flatten())
    }
}

fn parse(grant: &wire::Grant) -> Result<(GrantKey, Verdict), GrantsError> {
    let key = (
        grant.tenant.parse()?,
        grant.application.parse()?,
        grant.version.parse()?,
    );
    let verdict = match &grant.decision {
        Some(wire::grant::Decision::Admitted(_)) => Verdict::Admitted,
        Some(wire::grant::Decision::Refused(refused)) => match refused.reason() {
            wire::RefusalReason::Denied => Verdict::Denied,
            wire::RefusalReason::PendingAcceptance => Verdict::PendingAcceptance,
            wire::RefusalReason::Failed => Verdict::Failed,
            wire::RefusalReason::Removed => Verdict::Removed,
            wire::RefusalReason::Unspecified => Verdict::Refused,
        },
        None => Verdict::Refused,
    };
    Ok((key, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(n: u8) -> Timeline {
        Timeline::new([n; 16])
    }

    fn part(
        revision: u64,
        tenants: &[&str],
        full: bool,
        complete: bool,
    ) -> wire::FollowGrantsResponse {
        wire::FollowGrantsResponse {
            timeline: timeline(1).to_string(),
            revision,
            grants: tenants
                .iter()
                .map(|tenant| wire::Grant {
                    tenant: (*tenant).to_owned(),
                    application: "crm".to_owned(),
                    version: "2.0".to_owned(),
                    decision: Some(wire::grant::Decision::Admitted(wire::Admitted {})),
                })
                .collect(),
            full,
            complete,
        }
    }

    #[test]
    fn a_set_counts_only_once_it_is_complete() {
        let mut collector = Collector::default();
        assert!(
            collector
                .take(&part(4, &["acme"], true, false))
                .unwrap()
                .is_none()
        );
        let set = collector
            .take(&part(4, &["beta"], true, true))
            .unwrap()
            .unwrap();
        assert_eq!(set.grants.len(), 2);
        assert_eq!(set.extent, Extent::Full);
        let next = collector.take(&part(5, &[], false, true)).unwrap().unwrap();
        assert!(next.grants.is_empty(), "the set before is not in the next");
    }

    #[test]
    fn parts_of_different_sets_are_never_mixed() {
        for other in [part(5, &[], true, true), part(4, &[], false, true)] {
            let mut collector = Collector::default();
            collector.take(&part(4, &["acme"], true, false)).unwrap();
            assert!(matches!(collector.take(&other), Err(GrantsError::Torn)));
        }
    }

    #[test]
    fn an_unknown_decision_or_reason_refuses() {
        let mut told = part(1, &["acme"], true, true);
        for decision in [
            None,
            Some(wire::grant::Decision::Refused(wire::Refused { reason: 99 })),
        ] {
            told.grants[0].decision = decision;
            let set = Collector::default().take(&told).unwrap().unwrap();
            assert_eq!(set.grants.values().next(), Some(&Verdict::Refused));
        }
    }

    #[test]
    fn a_history_is_neither_left_nor_gone_back_in() {
        let known = GrantsPosition {
            timeline: timeline(1),
            revision: Revision::try_from(7_u64).unwrap(),
        };
        let set = |revision, full| {
            let part = part(revision, &["acme"], full, true);
            Collector::default().take(&part).unwrap().unwrap()
        };
        assert!(set(8, false).follows(Some(known)).is_ok());
        assert!(set(7, true).follows(Some(known)).is_ok());
        assert!(set(1, true).follows(None).is_ok());
        assert!(matches!(
            set(6, true).follows(Some(known)),
            Err(GrantsError::Older { .. })
        ));
        assert!(matches!(
            set(6, false).follows(None),
            Err(GrantsError::Unfounded)
        ));
        let foreign = GrantsPosition {
            timeline: timeline(2),
            ..known
        };
        assert!(matches!(
            set(9, true).follows(Some(foreign)),
            Err(GrantsError::ForeignTimeline { .. })
        ));
    }
}
