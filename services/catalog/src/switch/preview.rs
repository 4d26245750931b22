//! What a switch would do, looked at and not done.

use std::collections::{BTreeMap, BTreeSet};

use contract::{ApplicationName, Problem, VersionRef};

use super::{Kind, confirm};
use crate::{
    Catalog,
    application::{Application, Role, Standing, Version},
    error::Error,
    fleet::applied::LongLived,
    peers::TenantImpact,
    recovery,
    store::{applications, gateways, versions},
};

/// Tenants with long-lived connections that are named.
const TENANTS_MAX: usize = 20;

/// What a switch would do, as of now.
#[derive(Debug, Clone)]
pub(crate) struct Preview {
    pub(crate) kind: Kind,
    pub(crate) application: Application,
    pub(crate) target: Version,
    pub(crate) tenants: TenantImpact,
    /// Whether tenants would be told how to deny.
    pub(crate) told: bool,
    pub(crate) roles: Vec<RoleChange>,
    pub(crate) scopes_added: Vec<String>,
    pub(crate) scopes_removed: Vec<String>,
    /// What the target's health check finds wrong.
    pub(crate) unhealthy: Option<Problem>,
    pub(crate) long_lived: LongLived,
    /// What a confirm would be refused for, beside the target's health.
    pub(crate) refused: Option<Problem>,
}

/// A role that is not the same in both versions, with its description in each that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleChange {
    pub(crate) name: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// What is read in one transaction.
struct Seen {
    application: Application,
    source: Option<Version>,
    target: Version,
    long_lived: LongLived,
    listeners: Vec<std::net::SocketAddr>,
    refused: Option<Problem>,
}

/// Looks. Provisioning is asked what would become of the tenants, and the target how it is.
///
/// # Errors
/// There is no such version; provisioning does not answer.
pub(crate) async fn preview(catalog: &Catalog, version: &VersionRef) -> Result<Preview, Error> {
    let seen = ::store::read!(catalog.db, |tx| {
        recovery::refuse(tx).await?;
        let missing = || Error::NotFound(version.to_string());
        let application = applications::find(tx, &version.application).await?;
        let application = application.ok_or_else(missing)?;
        let target = versions::find(tx, version).await?.ok_or_else(missing)?;
        let source = match application.serving.version() {
            Some(active) => {
                let active = application.version_ref(active);
                Some(versions::find(tx, &active).await?.ok_or_else(missing)?)
            }
            None => None,
        };
        let fleet = gateways::all(tx).await?;
        let said = fleet.iter().flat_map(|member| &member.said.long_lived);
        let long_lived = together(&application.name, said);
        let refused = confirm::refusal(&application, &target, kind(&target)).err();
        Ok::<_, Error>(Seen {
            long_lived,
            refused: refused.map(Problem::from),
            listeners: gateways::listeners(tx).await?,
            application,
            source,
            target,
        })
    })?;
    let told = seen.target.needs_credentials()
        || seen.source.as_ref().is_some_and(Version::needs_credentials);
    let before = seen.source.as_ref();
    let asks = seen.application.policy.asks(before, &seen.target);
    let tenants = catalog
        .peers
        .preview(&seen.application, &seen.target.name.version, (told, asks))
        .await
        .map_err(Error::Provisioning)?;
    let healthy = catalog.healthy(&seen.target, &seen.listeners).await;
    let roles_before = before.map_or(&[][..], |source| &source.facts.roles);
    let had = before.map(Version::scopes).unwrap_or_default();
    let has = seen.target.scopes();
    Ok(Preview {
        kind: kind(&seen.target),
        tenants,
        told,
        roles: role_changes(roles_before, &seen.target.facts.roles),
        scopes_added: has.difference(&had).cloned().collect(),
        scopes_removed: had.difference(&has).cloned().collect(),
        unhealthy: healthy.err().map(Problem::from),
        long_lived: seen.long_lived,
        refused: seen.refused,
        application: seen.application,
        target: seen.target,
    })
}

/// Which way a switch to it would go.
fn kind(target: &Version) -> Kind {
    match target.standing {
        Standing::InTest { .. } => Kind::Update,
        Standing::Registered if target.active_at.is_none() => Kind::Update,
        Standing::Registered | Standing::Active | Standing::Retired => Kind::Reactivate,
    }
}

/// Returns the roles that differ, by name.
fn role_changes(before: &[Role], after: &[Role]) -> Vec<RoleChange> {
    let by_name = |roles: &[Role]| -> BTreeMap<String, String> {
        let pair = |role: &Role| (role.name.to_string(), role.description.to_string());
        roles.iter().map(pair).collect()
    };
    let (before, after) = (by_name(before), by_name(after));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| RoleChange {
            name: name.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        })
        .collect()
}

/// Adds up what gateways have said of one application.
fn together<'a>(
    application: &ApplicationName,
    said: impl Iterator<Item = &'a LongLived>,
) -> LongLived {
    let mut all = LongLived {
        application: application.clone(),
        connections: 0,
        tenants: BTreeMap::new(),
    };
    for said in said.filter(|said| said.application == *application) {
        all.connections = all.connections.saturating_add(said.connections);
        for (tenant, open) in &said.tenants {
            let sum = all.tenants.entry(tenant.clone()).or_default();
            *sum = sum.saturating_add(*open);
        }
    }
    let mut by_number: Vec<_> = std::mem::take(&mut all.tenants).into_iter().collect();
    by_number.sort_by_key(|(_, open)| std::cmp::Reverse(*open));
    by_number.truncate(TENANTS_MAX);
    all.tenants = by_number.into_iter().collect();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, description: &str) -> Role {
        Role {
            name: name.parse().unwrap(),
            description: description.parse().unwrap(),
        }
    }

    #[test]
    fn roles_come_go_and_are_described_otherwise() {
        let before = [
            role("buyer", "Buys."),
            role("clerk", "Files."),
            role("admin", "All."),
        ];
        let after = [
            role("admin", "All."),
            role("clerk", "Files and reads."),
            role("auditor", "Reads."),
        ];
        let said: Vec<_> = role_changes(&before, &after)
            .into_iter()
            .map(|it| (it.name, it.before, it.after))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            said,
            [
                ("auditor".to_owned(), None, text("Reads.")),
                ("buyer".to_owned(), text("Buys."), None),
                ("clerk".to_owned(), text("Files."), text("Files and reads.")),
            ]
        );
    }

    #[test]
    fn connections_at_all_gateways_are_added_up_by_tenant() {
        let said = |application: &str, tenants: &[(&str, i64)]| LongLived {
            application: application.parse().unwrap(),
            connections: tenants.iter().map(|(_, open)| open).sum::<i64>() + 1,
            tenants: tenants
                .iter()
                .map(|(tenant, open)| (tenant.parse().unwrap(), *open))
                .collect(),
        };
        let all = [
            said("crm", &[("anna", 2), ("bert", 1)]),
            said("erp", &[("anna", 9)]),
            said("crm", &[("anna", 3)]),
        ];
        let crm = together(&"crm".parse().unwrap(), all.iter());
        assert_eq!(crm.connections, 8);
        let named: Vec<_> = crm
            .tenants
            .iter()
            .map(|(name, open)| (name.as_str(), *open))
            .collect();
        assert_eq!(named, [("anna", 5), ("bert", 1)]);
    }
}
