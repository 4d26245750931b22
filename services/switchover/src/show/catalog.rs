//! Applications, versions, switches, settings and history as people read them.

use proto::catalog::v1::{
    Application, Bake, DenialPolicy, GetSettingsResponse, HistoryEntry, LoginPolicy,
    RegisterToTestResponse, Switch, Version, VersionState, login_rule::Needs,
};

use super::{
    View,
    paper::{Paper, Word, busy, dim, dim as quiet, good, nothing, or_nothing, strong},
    words::{Said as _, between, count, dim_time, duration, id, instant, part, span, time},
};

/// One application with all its facts.
pub fn application(application: &Application, view: &View) -> String {
    let policy = application.policy.clone().unwrap_or_default();
    let within = |wire| span(wire).map_or_else(nothing, |span| duration(span).into());
    let icon = match &application.icon {
        None => nothing(),
        Some(icon) => format!("{}, {} bytes", icon.media_type, icon.data.len()).into(),
    };
    let active = match id(&application.active_version) {
        "" => dim("none yet"),
        version => good(version),
    };
    Paper::new(view)
        .line([
            strong(id(&application.name)),
            application.display_name.as_str().into(),
        ])
        .facts([
            ("about", or_nothing(&application.r#abstract)),
            ("active", active),
            ("in test", or_nothing(id(&application.test_version))),
            ("generation", application.generation.to_string().into()),
            ("open switch", or_nothing(id(&application.open_switch))),
            (
                "users reach it at",
                or_nothing(&application.address_template),
            ),
            ("testers reach it at", or_nothing(&application.test_address)),
            ("icon", icon),
            ("prepare timeout", within(policy.prepare_timeout)),
            ("hold timeout", within(policy.hold_timeout)),
            ("drain timeout", within(policy.drain_timeout)),
            (
                "drain rate",
                format!("{} a second", policy.drain_rate).into(),
            ),
            ("overlap", policy.overlap().said()),
            ("overlap timeout", within(policy.overlap_timeout)),
            ("watched after", bake(policy.bake.as_ref())),
            ("credential grace", within(policy.credential_grace)),
            ("if a tenant fails", policy.tenant_failures().said()),
            ("notice to tenants", within(policy.minimum_notice)),
            ("denials that stop", denials(policy.denials.as_ref())),
            ("if scopes grow", policy.scope_growth().said()),
            ("fleet mode", policy.fleet_mode().said()),
            ("second person", application.approval().said()),
            ("login", login(application.login.as_ref())),
            ("created", time(application.create_time, view)),
            ("changed", time(application.update_time, view)),
            ("etag", quiet(&application.etag)),
        ])
        .finish()
}

fn denials(denials: Option<&DenialPolicy>) -> Word {
    let Some(denials) = denials else {
        return nothing();
    };
    let mut said = Vec::new();
    if let Some(percent) = denials.percent_max {
        said.push(format!("of more than {percent} in 100 tenants"));
    }
    if !denials.tenants.is_empty() {
        let named: Vec<_> = denials.tenants.iter().map(|tenant| id(tenant)).collect();
        said.push(format!("of {}", named.join(", ")));
    }
    said.join("; ").into()
}

fn login(login: Option<&LoginPolicy>) -> Word {
    let Some(login) = login else {
        return quiet("not required, requests are passed through");
    };
    let mut said = vec!["required".to_owned()];
    said.extend(login.rules.iter().map(|rule| {
        let methods = match rule.methods.as_slice() {
            [] => String::new(),
            methods => format!("{} ", methods.join(",")),
        };
        let needs = match &rule.needs {
            Some(Needs::Public(_)) => "public",
            Some(Needs::SignedIn(_)) => "signed in",
            Some(Needs::Role(role)) => &format!("role {role}"),
            None => "what this program does not know",
        };
        format!("{methods}{}: {needs}", rule.prefix)
    }));
    said.join("; ").into()
}

fn bake(bake: Option<&Bake>) -> Word {
    let Some(bake) = bake else { return nothing() };
    let mut said = span(bake.duration).map_or_else(String::new, duration);
    if bake.error_permille_max > 0 {
        said += &format!(
            ", at most {} in 1000 errors from {} on",
            bake.error_permille_max,
            count(bake.requests_min, "request")
        );
    }
    if bake.health_failures_max > 0 {
        said += &format!(
            ", back after {} in a row",
            count(i64::from(bake.health_failures_max), "failed health check")
        );
    }
    said.into()
}

/// A page of applications.
pub fn applications(applications: &[Application], view: &View) -> String {
    let rows = applications
        .iter()
        .map(|application| {
            let active = match id(&application.active_version) {
                "" => nothing(),
                version => good(version),
            };
            let test = match id(&application.test_version) {
                "" => nothing(),
                version => busy(version),
            };
            vec![
                strong(id(&application.name)),
                application.display_name.as_str().into(),
                active,
                test,
                application.generation.to_string().into(),
                or_nothing(id(&application.open_switch)),
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &[
                "APPLICATION",
                "NAME",
                "ACTIVE",
                "IN TEST",
                "GENERATION",
                "OPEN SWITCH",
            ],
            rows,
            "There is no application yet: switchover apps create",
        )
        .finish()
}

/// One version with all its facts.
pub fn version(version: &Version, view: &View) -> String {
    let health = version.health.clone().unwrap_or_default();
    let statuses: Vec<_> = health
        .expected_statuses
        .iter()
        .map(|range| match range.first == range.last {
            true => range.first.to_string(),
            false => format!("{}-{}", range.first, range.last),
        })
        .collect();
    let timeout = span(health.timeout).map(duration).unwrap_or_default();
    let check = format!(
        "GET {} → {} within {timeout}",
        health.path,
        statuses.join(", ")
    );
    Paper::new(view)
        .line([
            strong(part(&version.name, "applications")),
            strong(id(&version.name)),
            version.state().said(),
        ])
        .facts([
            ("upstream", version.upstream.as_str().into()),
            ("health", check.into()),
            ("app credentials", credentials(version)),
            ("created", time(version.create_time, view)),
            ("in test since", time(version.test_time, view)),
            ("first active", time(version.first_active_time, view)),
            ("last active", time(version.last_active_time, view)),
            ("etag", quiet(&version.etag)),
        ])
        .gap()
        .table(
            &["ROLE", "MAY"],
            roles(&version.roles),
            "It brings no roles.",
        )
        .finish()
}

fn credentials(version: &Version) -> Word {
    match &version.app_credentials {
        None => dim("not needed"),
        Some(need) if need.scopes.is_empty() => busy("needed"),
        Some(need) => busy(format!("needed: {}", need.scopes.join(", "))),
    }
}

fn roles(roles: &[proto::catalog::v1::Role]) -> Vec<Vec<Word>> {
    roles
        .iter()
        .map(|role| vec![strong(&role.name), role.description.as_str().into()])
        .collect()
}

/// A page of versions.
pub fn versions(versions: &[Version], view: &View) -> String {
    let rows = versions
        .iter()
        .map(|version| {
            let since = match version.state() {
                VersionState::Active => version.last_active_time,
                VersionState::InTest => version.test_time,
                VersionState::Registered => version.create_time,
                VersionState::Unspecified | VersionState::Retired => None,
            };
            vec![
                part(&version.name, "applications").into(),
                strong(id(&version.name)),
                version.state().said(),
                dim_time(since, view),
                version.upstream.as_str().into(),
                match version.app_credentials {
                    None => dim("no"),
                    Some(_) => busy("yes"),
                },
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &[
                "APPLICATION",
                "VERSION",
                "STATE",
                "SINCE",
                "UPSTREAM",
                "APP CREDENTIALS",
            ],
            rows,
            "There is no version yet: switchover versions create",
        )
        .finish()
}

/// A version that has just been put in test, with its token.
pub fn registered(answer: &RegisterToTestResponse, view: &View) -> String {
    let version = answer.version.clone().unwrap_or_default();
    let short = format!(
        "{} {}",
        part(&version.name, "applications"),
        id(&version.name)
    );
    let mut facts = vec![
        ("test address", strong(&answer.test_address)),
        ("tester token", strong(&answer.tester_token)),
    ];
    let mut shown_once = "The token is";
    if let Some(pair) = &answer.app_credential {
        facts.extend([
            ("client id", strong(&pair.client_id)),
            ("client secret", strong(&pair.client_secret)),
            ("credential", dim(&pair.name)),
        ]);
        shown_once = "Token and secret are";
    }
    Paper::new(view)
        .line([
            strong(&short),
            "is in test: testers reach it, and nobody else.".into(),
        ])
        .facts(facts)
        .line([dim(format!("{shown_once} shown this once. In a browser, the test address asks for the token; programs send it:"))])
        .line([format!(
            "  curl -H 'switchover-tester-token: {}' {}",
            answer.tester_token, answer.test_address
        )])
        .next(&format!("switchover versions confirm-update {short} --wait"))
        .finish()
}

/// What is said beside a tester token that is asked for alone: client id and secret were issued, too.
pub fn pair_not_shown(answer: &RegisterToTestResponse, view: &View) -> Option<String> {
    let pair = answer.app_credential.as_ref()?;
    let said = format!(
        "Client id {} was issued, too. Its secret is shown nowhere else: have it replaced.",
        pair.client_id
    );
    let command = format!("switchover credentials rotate {} --overlap 0s", pair.name);
    Some(Paper::new(view).line([said]).next(&command).finish())
}

/// A new tester token.
pub fn tester_token(token: &str, view: &View) -> String {
    Paper::new(view)
        .facts([("tester token", strong(token))])
        .line([dim("Shown this once; the one before is void.")])
        .finish()
}

/// A page of switches.
pub fn switches(switches: &[Switch], view: &View) -> String {
    let rows = switches
        .iter()
        .map(|switch| {
            let took = match (instant(switch.create_time), instant(switch.end_time)) {
                (Some(begin), Some(end)) => duration(between(begin, end)).into(),
                (Some(begin), None) => busy(duration(between(begin, view.now))),
                (None, _) => nothing(),
            };
            vec![
                part(&switch.name, "applications").into(),
                dim(id(&switch.name)),
                switch.kind().said(),
                or_nothing(id(&switch.source_version)),
                strong(id(&switch.target_version)),
                switch.state().said(),
                dim_time(switch.create_time, view),
                took,
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &[
                "APPLICATION",
                "SWITCH",
                "KIND",
                "FROM",
                "TO",
                "STATE",
                "BEGAN",
                "TOOK",
            ],
            rows,
            "There has been no switch.",
        )
        .finish()
}

/// A switch that has begun, where nobody waits for its end.
pub fn begun(switch: &Switch, view: &View) -> String {
    let application = part(&switch.name, "applications");
    let target = id(&switch.target_version);
    Paper::new(view)
        .line([
            format!("The switch of {application} to").into(),
            strong(target),
            "has begun:".into(),
            dim(id(&switch.name)),
        ])
        .next(&format!("switchover switches watch {application}"))
        .finish()
}

/// The settings in force.
pub fn settings(application: &str, settings: &GetSettingsResponse, view: &View) -> String {
    Paper::new(view)
        .line([
            strong(application),
            "uses".into(),
            good(id(&settings.version)),
            dim(format!("since generation {}", settings.generation)),
        ])
        .gap()
        .table(
            &["ROLE", "MAY"],
            roles(&settings.roles),
            "It brings no roles.",
        )
        .finish()
}

/// A page of history.
pub fn history(entries: &[HistoryEntry], view: &View) -> String {
    let rows = entries
        .iter()
        .map(|entry| {
            vec![
                dim_time(entry.time, view),
                strong(id(&entry.version)),
                entry.action().said(),
                match entry.approved_by.as_str() {
                    "" => entry.actor.as_str().into(),
                    by => format!("{}, approved by {by}", entry.actor).into(),
                },
                or_nothing(&entry.reason),
                dim(&entry.request_id),
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &["TIME", "VERSION", "WHAT", "WHO", "WHY", "REQUEST"],
            rows,
            "Nothing has been done yet.",
        )
        .finish()
}

/// What a list says below itself when there is more.
pub fn more(shown: usize, next_page_token: &str, view: &View) -> String {
    if next_page_token.is_empty() {
        return String::new();
    }
    let shown = count(i64::try_from(shown).unwrap_or(i64::MAX), "row");
    Paper::new(view)
        .line([dim(format!(
            "{shown} shown, there are more: --page-token {next_page_token}, or --all"
        ))])
        .finish()
}
