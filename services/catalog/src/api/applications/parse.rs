//! What an operator says of applications and versions, checked field by field.

mod life;
mod login;
mod notice;

use std::{collections::BTreeSet, time::Duration};

use contract::{
    ApplicationName, ApplicationRef, Checked, Etag, Fault, Line, Mask, Problem, Prose, RequestId,
    VersionName, VersionRef, Violations, duration,
};
use proto::catalog::v1 as wire;

use crate::{
    application::{
        AppCredentials, Approval, FleetMode, HealthCheck, HealthPath, Icon, Media, Policy, Role,
        RoleName, Scope, TenantFailures, VersionFacts,
    },
    error::Error,
    place::Place,
    registration::{ApplicationChange, NewApplication, NewVersion, VersionChange},
    upstream::Refusal,
};

const ROLES_MAX: usize = 100;
const SCOPES_MAX: usize = 50;
const STATUS_RANGES_MAX: usize = 20;
const LEASE_DEFAULT: Duration = Duration::from_secs(30);

pub(super) fn new_application(
    request: wire::CreateApplicationRequest,
) -> Result<NewApplication, Problem> {
    let mut v = Violations::new();
    let name = v.parse::<ApplicationName>("application_id", &request.application_id);
    let request_id = v.optional::<RequestId>("request_id", &request.request_id);
    let application = request.application.unwrap_or_default();
    let facts = v.within("application", |v| {
        let display_name = v.parse::<Line<50>>("display_name", &application.display_name);
        let summary = summary(v, &application.r#abstract);
        let icon = icon(v, application.icon);
        let policy = policy(v, application.policy);
        let approval = approval(v, application.approval);
        let login = login::read(v, application.login.as_ref());
        v.join((display_name, summary, icon, policy, approval, login))
    });
    let (name, request_id, (display_name, summary, icon, policy, approval, login)) =
        v.all((name, request_id, facts))?;
    Ok(NewApplication {
        name,
        display_name,
        summary,
        icon,
        policy,
        approval,
        login,
        request_id,
    })
}

pub(super) fn application_change(
    request: wire::UpdateApplicationRequest,
) -> Result<(ApplicationName, ApplicationChange, Option<Etag>), Problem> {
    const PATHS: [&str; 6] = [
        "display_name",
        "abstract",
        "icon",
        "policy",
        "approval",
        "login",
    ];
    let mut v = Violations::new();
    let etag = v.optional::<Etag>("etag", &request.etag);
    let mask = Mask::read(&mut v, request.update_mask.as_ref(), &PATHS);
    let given = request.application.unwrap_or_default();
    let covers = |path, populated| {
        mask.value()
            .is_some_and(|mask| mask.covers(path, populated))
    };
    let facts = v.within("application", |v| {
        let name = v.parse::<ApplicationRef>("name", &given.name);
        let display_name = when(
            covers("display_name", !given.display_name.is_empty()),
            || v.parse::<Line<50>>("display_name", &given.display_name),
        );
        let summary = when(covers("abstract", !given.r#abstract.is_empty()), || {
            summary(v, &given.r#abstract)
        });
        let icon = when(covers("icon", given.icon.is_some()), || icon(v, given.icon));
        let policy = when(covers("policy", given.policy.is_some()), || {
            policy(v, given.policy)
        });
        let approval = when(covers("approval", given.approval != 0), || {
            approval(v, given.approval)
        });
        let login = when(covers("login", given.login.is_some()), || {
            login::read(v, given.login.as_ref())
        });
        v.join((name, display_name, summary, icon, policy, approval, login))
    });
    let (etag, _, (name, display_name, summary, icon, policy, approval, login)) =
        v.all((etag, mask, facts))?;
    let change = ApplicationChange {
        display_name,
        summary,
        icon,
        policy,
        approval,
        login,
    };
    Ok((name.application, change, etag))
}

pub(super) fn new_version(request: &wire::CreateVersionRequest) -> Result<NewVersion, Problem> {
    let mut v = Violations::new();
    let parent = v.parse::<ApplicationRef>("parent", &request.parent);
    let name = v.parse::<VersionName>("version_id", &request.version_id);
    let request_id = v.optional::<RequestId>("request_id", &request.request_id);
    let given = request.version.clone().unwrap_or_default();
    let facts = v.within("version", |v| {
        let upstream = upstream(v, &given.upstream);
        let health = health(v, given.health.as_ref());
        let roles = roles(v, &given.roles);
        let app_credentials = app_credentials(v, given.app_credentials.as_ref());
        v.join((upstream, health, roles, app_credentials))
    });
    let (parent, version, request_id, (upstream, health, roles, app_credentials)) = v
        .all((parent, name, request_id, facts))
        .map_err(with_reason)?;
    Ok(NewVersion {
        name: VersionRef {
            application: parent.application,
            version,
        },
        facts: VersionFacts {
            upstream,
            health,
            roles,
            app_credentials,
        },
        request_id,
    })
}

pub(super) fn version_change(
    request: &wire::UpdateVersionRequest,
) -> Result<(VersionRef, VersionChange, Option<Etag>), Problem> {
    const PATHS: [&str; 4] = ["upstream", "health", "roles", "app_credentials"];
    let mut v = Violations::new();
    let etag = v.optional::<Etag>("etag", &request.etag);
    let mask = Mask::read(&mut v, request.update_mask.as_ref(), &PATHS);
    let given = request.version.clone().unwrap_or_default();
    let covers = |path, populated| {
        mask.value()
            .is_some_and(|mask| mask.covers(path, populated))
    };
    let facts = v.within("version", |v| {
        let name = v.parse::<VersionRef>("name", &given.name);
        let upstream = when(covers("upstream", !given.upstream.is_empty()), || {
            upstream(v, &given.upstream)
        });
        let health = when(covers("health", given.health.is_some()), || {
            health(v, given.health.as_ref())
        });
        let roles = when(covers("roles", !given.roles.is_empty()), || {
            roles(v, &given.roles)
        });
        let app_credentials = when(
            covers("app_credentials", given.app_credentials.is_some()),
            || app_credentials(v, given.app_credentials.as_ref()),
        );
        v.join((name, upstream, health, roles, app_credentials))
    });
    let (etag, _, (name, upstream, health, roles, app_credentials)) =
        v.all((etag, mask, facts)).map_err(with_reason)?;
    let change = VersionChange {
        upstream,
        health,
        roles,
        app_credentials,
    };
    Ok((name, change, etag))
}

fn approval(v: &mut Violations, given: i32) -> Checked<Approval> {
    match wire::ApprovalPolicy::try_from(given) {
        Ok(wire::ApprovalPolicy::Unspecified | wire::ApprovalPolicy::NotRequired) => {
            Checked::right(Approval::NotRequired)
        }
        Ok(wire::ApprovalPolicy::SecondPerson) => Checked::right(Approval::SecondPerson),
        Err(_) => v.wrong("approval", Fault::Unknown, "is not an approval policy"),
    }
}

/// Checks a field only if the change covers it.
fn when<T>(covered: bool, check: impl FnOnce() -> Checked<T>) -> Checked<Option<T>> {
    if covered {
        check().map(Some)
    } else {
        Checked::right(None)
    }
}

/// A text that says what a thing is for; unlike other prose it comes in one paragraph or more.
fn summary(v: &mut Violations, text: &str) -> Checked<Prose<500>> {
    v.parse::<Prose<500>>("abstract", text)
}

fn upstream(v: &mut Violations, text: &str) -> Checked<Place> {
    match text.parse::<Place>() {
        Ok(place) => Checked::right(place),
        Err(_) if text.is_empty() => v.wrong("upstream", Fault::Missing, "must not be empty"),
        Err(error) => v.wrong("upstream", Fault::Refused, error),
    }
}

/// A refused upstream has a reason of its own if nothing else is wrong, and is one of the wrong
/// fields otherwise.
fn with_reason(problem: Problem) -> Problem {
    match problem.fields() {
        [only] if only.field == "version.upstream" && only.fault == Fault::Refused => {
            Error::UpstreamRefused(Refusal(only.description.clone())).into()
        }
        _ => problem,
    }
}

fn icon(v: &mut Violations, icon: Option<wire::Icon>) -> Checked<Option<Icon>> {
    let Some(icon) = icon else {
        return Checked::right(None);
    };
    v.within("icon", |v| {
        let media = v.parse::<Media>("media_type", &icon.media_type);
        let data: Checked<Vec<u8>> = match media.value() {
            _ if icon.data.is_empty() => v.wrong("data", Fault::Missing, "must not be empty"),
            _ if icon.data.len() > Icon::BYTES_MAX => {
                let description = format_args!(
                    "has {} bytes, at most {} are allowed",
                    icon.data.len(),
                    Icon::BYTES_MAX
                );
                v.wrong("data", Fault::OutOfRange, description)
            }
            Some(media) if !Icon::looks_right(*media, &icon.data) => v.wrong(
                "data",
                Fault::Malformed,
                "is not of the media type it is said to be",
            ),
            Some(_) | None => Checked::right(icon.data.to_vec()),
        };
        v.join((media, data))
            .map(|(media, data)| Some(Icon { media, data }))
    })
}

fn policy(v: &mut Violations, policy: Option<wire::SwitchPolicy>) -> Checked<Policy> {
    use wire::TenantFailurePolicy as Wire;
    let default = Policy::default();
    let Some(policy) = policy else {
        return Checked::right(default);
    };
    let (ms, secs) = (Duration::from_millis, Duration::from_secs);
    v.within("policy", |v| {
        let prepare = duration::field(
            v,
            "prepare_timeout",
            policy.prepare_timeout,
            secs(1)..=secs(600),
            default.prepare_timeout,
        );
        let hold = duration::field(
            v,
            "hold_timeout",
            policy.hold_timeout,
            ms(100)..=secs(30),
            default.hold_timeout,
        );
        let drain = duration::field(
            v,
            "drain_timeout",
            policy.drain_timeout,
            secs(0)..=secs(24 * 3600),
            default.drain_timeout,
        );
        let failures = match Wire::try_from(policy.tenant_failures) {
            Ok(Wire::Unspecified | Wire::Stop) => Checked::right(TenantFailures::Stop),
            Ok(Wire::GoOn) => Checked::right(TenantFailures::GoOn),
            Err(_) => v.wrong(
                "tenant_failures",
                Fault::Unknown,
                "is not one of STOP and GO_ON",
            ),
        };
        let fleet = fleet_mode(v, policy.fleet_mode, policy.lease);
        let life = life::read(v, &policy, &default);
        let notice = notice::read(v, &policy);
        let times = v.join((prepare, hold, drain));
        v.join((times, failures, fleet, life, notice)).map(
            |(times, tenant_failures, fleet, life, (minimum_notice, denials, scope_growth))| {
                Policy {
                    prepare_timeout: times.0,
                    hold_timeout: times.1,
                    drain_timeout: times.2,
                    tenant_failures,
                    fleet,
                    overlap: life.overlap,
                    overlap_timeout: life.overlap_timeout,
                    drain_rate: life.drain_rate,
                    bake: life.bake,
                    credential_grace: life.credential_grace,
                    minimum_notice,
                    denials,
                    scope_growth,
                }
            },
        )
    })
}

fn health(v: &mut Violations, health: Option<&wire::HealthCheck>) -> Checked<HealthCheck> {
    let default = HealthCheck::default();
    let Some(health) = health else {
        return Checked::right(default);
    };
    v.within("health", |v| {
        let path = v.optional::<HealthPath>("path", &health.path);
        let statuses = v.each(
            "expected_statuses",
            &health.expected_statuses,
            0..=STATUS_RANGES_MAX,
            status_range,
        );
        let timeout = duration::field(
            v,
            "timeout",
            health.timeout,
            Duration::from_millis(100)..=Duration::from_secs(30),
            default.timeout,
        );
        v.join((path, statuses, timeout))
            .map(|(path, statuses, timeout)| HealthCheck {
                path: path.unwrap_or(default.path),
                statuses: if statuses.is_empty() {
                    default.statuses
                } else {
                    statuses
                },
                timeout,
            })
    })
}

fn status_range(v: &mut Violations, range: &wire::StatusRange) -> Checked<(u16, u16)> {
    let (first, last) = (u16::try_from(range.first), u16::try_from(range.last));
    match (first, last) {
        (Ok(first), Ok(last)) if 100 <= first && first <= last && last <= 599 => {
            Checked::right((first, last))
        }
        _ => v.wrong(
            "",
            Fault::OutOfRange,
            "must go from one status to a later one within 100 to 599",
        ),
    }
}

fn roles(v: &mut Violations, roles: &[wire::Role]) -> Checked<Vec<Role>> {
    let mut names = BTreeSet::new();
    v.each("roles", roles, 1..=ROLES_MAX, |v, role| {
        let name = v.parse::<RoleName>("name", &role.name);
        if let Some(name) = name.value()
            && !names.insert(name.clone())
        {
            v.add("name", Fault::Conflicting, "is the name of an earlier role");
        }
        let description = v.parse::<Line<500>>("description", &role.description);
        v.join((name, description))
            .map(|(name, description)| Role { name, description })
    })
}

/// A lease is read in either mode, so that a wrong one never goes unnoticed.
fn fleet_mode(
    v: &mut Violations,
    mode: i32,
    lease: Option<prost_types::Duration>,
) -> Checked<FleetMode> {
    use wire::FleetMode as Wire;
    let bounds = Duration::from_secs(1)..=Duration::from_secs(600);
    let lease = duration::field(v, "lease", lease, bounds, LEASE_DEFAULT);
    let fenced = match Wire::try_from(mode) {
        Ok(Wire::Unspecified | Wire::Static) => Checked::right(false),
        Ok(Wire::Fenced) => Checked::right(true),
        Err(_) => v.wrong(
            "fleet_mode",
            Fault::Unknown,
            "is not one of STATIC and FENCED",
        ),
    };
    v.join((lease, fenced)).map(|(lease, fenced)| match fenced {
        true => FleetMode::Fenced { lease },
        false => FleetMode::Static,
    })
}

fn app_credentials(
    v: &mut Violations,
    need: Option<&wire::AppCredentialsNeed>,
) -> Checked<AppCredentials> {
    let Some(need) = need else {
        return Checked::right(AppCredentials::None);
    };
    v.within("app_credentials", |v| {
        let scopes = &need.scopes;
        v.each("scopes", scopes, 0..=SCOPES_MAX, |v, scope| {
            v.parse::<Scope>("", scope)
        })
        .map(AppCredentials::Needed)
    })
}

#[cfg(test)]
mod tests;
