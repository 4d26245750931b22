//! Which provisionings a caller asks for.

use std::collections::BTreeSet;

use contract::{
    ApplicationName, ApplicationRef, Caller, Checked, Fault, OrAll, Problem, TenantId, TenantRef,
    VersionName, VersionRef, Violations,
};
use proto::provisioning::v1::ProvisioningState;

use crate::{
    consent::state::State,
    store::{changes::Of, provisionings::Sought},
};

/// Which provisionings are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Only this tenant's.
    pub(crate) tenant: Option<TenantId>,
    /// Only this application's.
    pub(crate) application: Option<ApplicationName>,
    /// Only this version's.
    pub(crate) version: Option<VersionName>,
    /// Only those that stand so; all if empty.
    states: BTreeSet<State>,
}

impl Filter {
    /// Reads the fields. Whoever has one tenant only means that one, whatever the parent is.
    pub(crate) fn read(
        v: &mut Violations,
        parent: &str,
        application: &str,
        version: &str,
        states: &[i32],
        caller: &Caller,
    ) -> Checked<Self> {
        let parent = v.parse::<OrAll<TenantRef>>("parent", parent);
        let application = v.optional::<ApplicationRef>("application", application);
        let version = v.optional::<VersionRef>("version", version);
        let states = v.each("states", states, 0..=State::ALL.len(), |v, state| {
            let shown = ProvisioningState::try_from(*state).ok();
            let known = State::ALL
                .into_iter()
                .find(|known| Some(super::render::state(*known)) == shown);
            match known {
                Some(state) => Checked::right(state),
                None => v.wrong("", Fault::Unknown, "is not a state of provisionings"),
            }
        });
        let apart = application
            .value()
            .and_then(Option::as_ref)
            .zip(version.value().and_then(Option::as_ref))
            .is_some_and(|(application, version)| application.application != version.application);
        v.check(
            !apart,
            "version",
            Fault::Conflicting,
            "is of another application than `application`",
        );
        let own = caller.tenant().cloned();
        v.join((parent, application, version, states)).map(
            |(parent, application, version, states)| {
                let of_version = version.map(|named| (named.application, named.version));
                let (application, version) = match of_version {
                    Some((application, version)) => (Some(application), Some(version)),
                    None => (application.map(|named| named.application), None),
                };
                Self {
                    tenant: match parent {
                        OrAll::One(tenant) => Some(tenant.tenant),
                        OrAll::All => own,
                    },
                    application,
                    version,
                    states: states.into_iter().collect(),
                }
            },
        )
    }

    /// Refuses what is not the caller's.
    pub(crate) fn must_be_of(&self, caller: &Caller) -> Result<(), Problem> {
        match &self.tenant {
            Some(tenant) => caller.may_touch(&TenantRef::from(tenant.clone())),
            None => Ok(()),
        }
    }

    /// Tells whether those that stand so are meant.
    pub(crate) fn has(&self, state: State) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    /// Returns what rows to look for.
    pub(crate) fn sought(&self) -> Sought<'_> {
        let mut standings = BTreeSet::new();
        for state in &self.states {
            standings.insert(match state {
                State::Requested | State::PendingAcceptance => "pending_acceptance",
                State::Provisioning | State::Provisioned => "provisioned",
                State::Denied => "denied",
                State::Failed => "failed",
                State::Deprovisioning | State::Removed => "removed",
            });
        }
        Sought {
            of: self.of(),
            standings,
        }
    }

    /// Returns what changes to look for.
    pub(crate) fn of(&self) -> Of<'_> {
        Of {
            tenant: self.tenant.as_ref(),
            application: self.application.as_ref(),
            version: self.version.as_ref(),
        }
    }

    /// Returns what tells a list from another.
    pub(crate) fn digest(&self) -> Vec<String> {
        let text = |name: Option<String>| name.unwrap_or_default();
        let mut digest = vec![
            self.tenant
                .as_ref()
                .map_or("-".to_owned(), ToString::to_string),
            text(self.application.as_ref().map(ToString::to_string)),
            text(self.version.as_ref().map(ToString::to_string)),
        ];
        digest.extend(self.states.iter().map(|state| format!("{state:?}")));
        digest
    }
}
