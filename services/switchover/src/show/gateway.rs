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
                ago(gateway.last_seen_time, view),
                dim_time(gateway.join_time, view),
                or_nothing(&gateway.software),
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &["GATEWAY", "CONNECTED", "LAST HEARD", "JOINED", "SOFTWARE"],
            rows,
            "No gateway has joined: switchover serve gateway",
        )
        .finish()
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
