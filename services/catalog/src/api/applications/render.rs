//! Applications and versions as messages.

use contract::{TenantRef, duration, time};
use proto::catalog::v1 as wire;

use crate::{
    addresses::Addresses,
    application::{
        AppCredentials, Application, Approval, Bake, Denials, FleetMode, HealthCheck, Icon, Login,
        Needs, Overlap, Role, ScopeGrowth, Standing, TenantFailures, Version,
    },
};

pub(crate) fn application(
    addresses: &Addresses,
    application: &Application,
    icon: Option<Icon>,
) -> wire::Application {
    let policy = &application.policy;
    let version = |name| application.version_ref(name).to_string();
    wire::Application {
        name: application.resource().to_string(),
        display_name: application.display_name.to_string(),
        r#abstract: application.summary.to_string(),
        icon: icon.map(|icon| wire::Icon {
            media_type: icon.media.as_str().to_owned(),
            data: icon.data.into(),
        }),
        policy: Some(wire::SwitchPolicy {
            prepare_timeout: Some(duration::write(policy.prepare_timeout)),
            hold_timeout: Some(duration::write(policy.hold_timeout)),
            drain_timeout: Some(duration::write(policy.drain_timeout)),
            tenant_failures: match policy.tenant_failures {
                TenantFailures::Stop => wire::TenantFailurePolicy::Stop,
                TenantFailures::GoOn => wire::TenantFailurePolicy::GoOn,
            }
            .into(),
            fleet_mode: match policy.fleet {
                FleetMode::Static => wire::FleetMode::Static,
                FleetMode::Fenced { .. } => wire::FleetMode::Fenced,
            }
            .into(),
            lease: policy.fleet.lease().map(duration::write),
            overlap: overlap(policy.overlap).into(),
            overlap_timeout: Some(duration::write(policy.overlap_timeout)),
            drain_rate: policy.drain_rate.try_into().unwrap_or(i32::MAX),
            bake: policy.bake.as_ref().map(bake),
            minimum_notice: Some(duration::write(policy.minimum_notice)),
            scope_growth: match policy.scope_growth {
                ScopeGrowth::MoveAlong => wire::ScopeGrowthPolicy::MoveAlong,
                ScopeGrowth::Ask => wire::ScopeGrowthPolicy::Ask,
            }
            .into(),
            denials: (policy.denials != Denials::default()).then(|| denials(&policy.denials)),
            credential_grace: Some(duration::write(policy.credential_grace)),
        }),
        active_version: application
            .serving
            .version()
            .map(version)
            .unwrap_or_default(),
        test_version: application
            .test
            .as_ref()
            .map(|test| version(&test.version))
            .unwrap_or_default(),
        generation: application
            .serving
            .generation()
            .map_or(0, |generation| generation.get()),
        open_switch: application
            .open_switch_name()
            .map(|open| open.to_string())
            .unwrap_or_default(),
        address_template: addresses.users(&application.name),
        test_address: addresses.testers(&application.name),
        create_time: Some(time::write(application.created_at)),
        update_time: Some(time::write(application.updated_at)),
        etag: contract::Etag::from(application.revision).to_string(),
        approval: match application.approval {
            Approval::NotRequired => wire::ApprovalPolicy::NotRequired,
            Approval::SecondPerson => wire::ApprovalPolicy::SecondPerson,
        }
        .into(),
        login: application.login.as_ref().map(login),
    }
}

pub(in crate::api) fn login(login: &Login) -> wire::LoginPolicy {
    use wire::login_rule::{Needs as Wire, Public, SignedIn};
    let rules = login.rules.iter().map(|rule| wire::LoginRule {
        prefix: rule.prefix.to_string(),
        methods: rule.methods.iter().map(ToString::to_string).collect(),
        needs: Some(match &rule.needs {
            Needs::Nothing => Wire::Public(Public {}),
            Needs::SignedIn => Wire::SignedIn(SignedIn {}),
            Needs::Role(role) => Wire::Role(role.to_string()),
        }),
    });
    wire::LoginPolicy {
        rules: rules.collect(),
    }
}

pub(in crate::api) fn overlap(overlap: Overlap) -> wire::Overlap {
    match overlap {
        Overlap::Allowed => wire::Overlap::Allowed,
        Overlap::Abort => wire::Overlap::Abort,
        Overlap::Cut => wire::Overlap::Cut,
    }
}

fn denials(denials: &Denials) -> wire::DenialPolicy {
    let percent_max = denials.percent_max;
    let tenants = denials.tenants.iter().cloned();
    wire::DenialPolicy {
        percent_max: percent_max.map(|percent| percent.try_into().unwrap_or(i32::MAX)),
        tenants: tenants.map(|id| TenantRef::from(id).to_string()).collect(),
    }
}

fn bake(bake: &Bake) -> wire::Bake {
    let small = |number: u32| number.try_into().unwrap_or(i32::MAX);
    let errors = bake.errors.as_ref();
    wire::Bake {
        duration: Some(duration::write(bake.duration)),
        error_permille_max: errors.map_or(0, |errors| small(errors.permille_max)),
        requests_min: errors.map_or(0, |errors| {
            errors.requests_min.try_into().unwrap_or(i64::MAX)
        }),
        health_failures_max: bake.health_failures_max.map_or(0, small),
    }
}

pub(crate) fn version(version: &Version) -> wire::Version {
    let (state, test_since) = match version.standing {
        Standing::Registered => (wire::VersionState::Registered, None),
        Standing::InTest { since } => (wire::VersionState::InTest, Some(since)),
        Standing::Active => (wire::VersionState::Active, None),
        Standing::Retired => (wire::VersionState::Retired, None),
    };
    let facts = &version.facts;
    wire::Version {
        name: version.name.to_string(),
        upstream: facts.upstream.to_string(),
        health: Some(health(&facts.health)),
        roles: roles(&facts.roles),
        app_credentials: match &facts.app_credentials {
            AppCredentials::None => None,
            AppCredentials::Needed(scopes) => Some(wire::AppCredentialsNeed {
                scopes: scopes.iter().map(ToString::to_string).collect(),
            }),
        },
        state: state.into(),
        create_time: Some(time::write(version.created_at)),
        test_time: test_since.map(time::write),
        first_active_time: version.active_at.map(|(first, _)| time::write(first)),
        last_active_time: version.active_at.map(|(_, last)| time::write(last)),
        etag: contract::Etag::from(version.revision).to_string(),
    }
}

pub(in crate::api) fn health(health: &HealthCheck) -> wire::HealthCheck {
    wire::HealthCheck {
        path: health.path.to_string(),
        expected_statuses: health
            .statuses
            .iter()
            .map(|(first, last)| wire::StatusRange {
                first: i32::from(*first),
                last: i32::from(*last),
            })
            .collect(),
        timeout: Some(duration::write(health.timeout)),
    }
}

pub(in crate::api) fn roles(roles: &[Role]) -> Vec<wire::Role> {
    let role = |role: &Role| wire::Role {
        name: role.name.to_string(),
        description: role.description.to_string(),
    };
    roles.iter().map(role).collect()
}
