//! Whose long-lived connections are open: what a switch would end.

use std::collections::BTreeMap;

use contract::{ApplicationName, TenantId};

use super::{DataPlane, snapshot::Snapshot};

/// Tenants that are named, those with most connections first.
const TENANTS_MAX: usize = 20;

/// The open long-lived connections of one application's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongLived {
    /// The application.
    pub application: ApplicationName,
    /// Of all tenants.
    pub connections: u64,
    /// Of those that have most, at most 20, most first.
    pub tenants: Vec<(TenantId, u64)>,
}

impl DataPlane {
    /// Returns the open long-lived connections of users by application, of those that have any.
    pub fn long_lived_of_tenants(&self) -> Vec<LongLived> {
        self.inner().snapshot.load().long_lived()
    }
}

impl Snapshot {
    fn long_lived(&self) -> Vec<LongLived> {
        let mut all: Vec<_> = self
            .grants
            .iter()
            .filter_map(|(application, grants)| {
                let mut by_tenant: BTreeMap<&TenantId, u64> = BTreeMap::new();
                for (tenant, grant) in grants.all() {
                    let open = grant.tally.long_lived.get();
                    if open > 0 {
                        *by_tenant.entry(tenant).or_default() += open;
                    }
                }
                let connections = by_tenant.values().sum();
                let mut tenants: Vec<_> = by_tenant
                    .into_iter()
                    .map(|(tenant, open)| (tenant.clone(), open))
                    .collect();
                tenants.sort_by_key(|(_, open)| std::cmp::Reverse(*open));
                tenants.truncate(TENANTS_MAX);
                (connections > 0).then(|| LongLived {
                    application: application.clone(),
                    connections,
                    tenants,
                })
            })
            .collect();
        all.sort_by(|one, other| one.application.cmp(&other.application));
        all
    }
}
