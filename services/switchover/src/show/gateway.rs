//! Gateways as people read them: the fleet, and one from inside.

use std::time::Duration;

use proto::{
    catalog::v1::Gateway,
    gateway::v1::{ApplicationStatus, GetStatusResponse},
};

use super::{
    View,
    paper::{Paper, Word, bad, busy, dim, good, or_nothing, strong},
    words::{Said as _, ago, dim_time, duration, faults, id, span, time, yes_no},
};

/// A page of the fleet.
pub fn fleet(gateways: &[Gateway], view: &View) -> String {
    let rows = gateways
        .iter()
        .map(|gateway| {
            vec![
                strong(id(&gateway.name)),
                yes_no(gateway.connected),
                readiness(gateway),
                standing(gateway),
                gateway.open_connections.to_string().into(),
                ago(gateway.last_seen_time, view),
                dim_time(gateway.join_time, view),
                or_nothing(&gateway.software),
            ]
        })
        .collect();
    let mut paper = Paper::new(view).table(
        &[
            "GATEWAY",
            "CONNECTED",
            "READY",
            "STANDING",
            "CONNECTIONS",
            "LAST HEARD",
            "JOINED",
            "SOFTWARE",
        ],
        rows,
        "No gateway has joined: switchover serve gateway",
    );
    let positions: Vec<_> = gateways.iter().flat_map(positions).collect();
    if !positions.is_empty() {
        paper = paper.gap().table(
            &["GATEWAY", "APPLICATION", "VERSION", "GENERATION", "REFUSED"],
            positions,
            "",
        );
    }
    paper.finish()
}

fn readiness(gateway: &Gateway) -> Word {
    match (gateway.ready, gateway.not_ready_message.as_str()) {
        (true, _) => good("yes"),
        (false, "") => busy("no"),
        (false, why) => busy(format!("no: {why}")),
    }
}

fn standing(gateway: &Gateway) -> Word {
    match gateway.diverged {
        true => bad("diverged"),
        false => gateway.standing().said(),
    }
}

/// What a gateway has of each application, and what it has refused.
fn positions(gateway: &Gateway) -> Vec<Vec<Word>> {
    let why = |application: &str| {
        let refused = gateway.refused.iter();
        let mut of = refused.filter(|refused| refused.application == application);
        of.next()
            .map(|refused| bad(format!("{}: {}", refused.reason, refused.message)))
    };
    let row = |application: &str, version: &str, generation: u64| {
        vec![
            id(&gateway.name).into(),
            strong(id(application)),
            or_nothing(version),
            generation.to_string().into(),
            why(application).unwrap_or_else(|| dim("–")),
        ]
    };
    let applied = gateway.positions.iter();
    let known = |application: &str| {
        let mut applied = gateway.positions.iter();
        applied.any(|position| position.application == application)
    };
    let refused = gateway.refused.iter();
    applied
        .map(|position| {
            row(
                &position.application,
                &position.version,
                position.generation,
            )
        })
        .chain(
            refused
                .filter(|refused| !known(&refused.application))
                .map(|refused| row(&refused.application, "", 0)),
        )
        .collect()
}

/// One gateway from inside.
pub fn status(status: &GetStatusResponse, view: &View) -> String {
    let ready = match status.ready {
        true => good("ready"),
        false => busy(format!("not ready: {}", status.not_ready_message)),
    };
    let used = match status.draining {
        true => busy("an operator takes it out of use"),
        false => good("in use"),
    };
    let grants = status.grants.clone().unwrap_or_default();
    let following = if grants.following {
        "following"
    } else {
        "not following"
    };
    let grants = format!(
        "{} known, revision {}, {following}",
        grants.count, grants.revision
    );
    let mut paper = Paper::new(view)
        .line([strong(id(&status.gateway)), ready])
        .facts([
            ("fleet", status.membership().said()),
            ("use", used),
            ("grants", grants.into()),
            ("connections", status.open_connections.to_string().into()),
            ("since", time(status.start_time, view)),
        ]);
    let rows = status.applications.iter().map(application).collect();
    paper = paper.gap().table(
        &[
            "APPLICATION",
            "ACTIVE",
            "IN TEST",
            "GENERATION",
            "GATE",
            "LEASE LEFT",
            "HELD NOW",
            "HELD SO FAR",
            "LONGEST HOLD",
        ],
        rows,
        "It knows of no application.",
    );
    let traffic: Vec<_> = status.applications.iter().flat_map(traffic).collect();
    if !traffic.is_empty() {
        paper = paper.gap().table(
            &[
                "APPLICATION",
                "VERSION",
                "TENANT",
                "REQUESTS",
                "IN FLIGHT",
                "UPGRADED",
                "FAILED",
                "REFUSED",
            ],
            traffic,
            "",
        );
    }
    paper.finish()
}

fn application(status: &ApplicationStatus) -> Vec<Word> {
    vec![
        strong(id(&status.application)),
        or_nothing(&status.active_version),
        or_nothing(&status.test_version),
        status.generation.to_string().into(),
        status.gate().said(),
        lease_left(status),
        status.held_requests.to_string().into(),
        status.held_total.to_string().into(),
        span(status.longest_hold).map_or_else(|| dim("–"), |span| duration(span).into()),
    ]
}

/// How long users may still be served without the catalog: for ever if no lease is needed.
fn lease_left(status: &ApplicationStatus) -> Word {
    match span(status.lease_left) {
        None => dim("–"),
        Some(Duration::ZERO) => bad("none"),
        Some(left) => duration(left).into(),
    }
}

fn traffic(status: &ApplicationStatus) -> Vec<Vec<Word>> {
    let mut rows = Vec::new();
    for traffic in &status.traffic {
        let version = match traffic.test {
            true => busy(format!("{} (test)", traffic.version)),
            false => traffic.version.as_str().into(),
        };
        rows.push(vec![
            id(&status.application).into(),
            version,
            dim("all"),
            traffic.requests.to_string().into(),
            traffic.in_flight.to_string().into(),
            traffic.upgraded.to_string().into(),
            faults(traffic.failed),
            dim("–"),
        ]);
        for tenant in &traffic.tenants {
            rows.push(vec![
                Word::from(""),
                Word::from(""),
                tenant.tenant.as_str().into(),
                tenant.requests.to_string().into(),
                dim("–"),
                dim("–"),
                dim("–"),
                faults(tenant.refused),
            ]);
        }
    }
    rows
}
