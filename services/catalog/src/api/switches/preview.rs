//! What a switch would do, as a message.

use std::time::Duration;

use contract::{ApplicationRef, Etag, TenantRef, VersionRef, duration};
use proto::catalog::v1 as wire;

use crate::{
    fleet::applied::LongLived,
    peers::TenantImpact,
    switch::{
        Kind,
        preview::{Preview, RoleChange},
    },
};

pub(super) fn preview(preview: &Preview) -> wire::PreviewSwitchResponse {
    let application = &preview.application;
    let source = application.serving.version();
    let notice = if preview.tenants.mailed > 0 {
        application.policy.minimum_notice
    } else {
        Duration::ZERO
    };
    let refused = preview.refused.as_ref();
    wire::PreviewSwitchResponse {
        kind: match preview.kind {
            Kind::Update => wire::SwitchKind::Update,
            Kind::Reactivate => wire::SwitchKind::Reactivate,
        }
        .into(),
        source_version: source
            .map(|source| application.version_ref(source))
            .as_ref()
            .map(VersionRef::to_string)
            .unwrap_or_default(),
        target_version: preview.target.name.to_string(),
        etag: Etag::from(application.revision).to_string(),
        tenants: Some(tenants(preview.tenants)),
        roles: preview.roles.iter().map(role).collect(),
        scopes_added: preview.scopes_added.clone(),
        scopes_removed: preview.scopes_removed.clone(),
        unhealthy: preview
            .unhealthy
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        long_lived: Some(long_lived(&preview.long_lived)),
        notice: Some(duration::write(notice)),
        told: preview.told,
        refused: refused.map(ToString::to_string).unwrap_or_default(),
        refused_reason: refused
            .map(|problem| problem.reason().to_string())
            .unwrap_or_default(),
    }
}

fn tenants(impact: TenantImpact) -> wire::TenantImpact {
    wire::TenantImpact {
        total: impact.total,
        admitted: impact.admitted,
        asked: impact.asked,
        denied: impact.denied,
        failing: impact.failing,
        mailed: impact.mailed,
    }
}

fn role(change: &RoleChange) -> wire::RoleChange {
    wire::RoleChange {
        name: change.name.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
    }
}

fn long_lived(open: &LongLived) -> wire::LongLivedConnections {
    let mut tenants: Vec<_> = open
        .tenants
        .iter()
        .map(|(tenant, connections)| wire::TenantConnections {
            tenant: TenantRef::from(tenant.clone()).to_string(),
            connections: *connections,
        })
        .collect();
    tenants.sort_by_key(|tenant| std::cmp::Reverse(tenant.connections));
    wire::LongLivedConnections {
        application: ApplicationRef::from(open.application.clone()).to_string(),
        connections: open.connections,
        tenants,
    }
}
