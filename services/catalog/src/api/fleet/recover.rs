//! Recovery as messages.

use std::collections::BTreeMap;

use contract::{
    ApplicationRef, Checked, Fault, GatewayRef, Problem, Prose, VersionRef, Violations, time,
};
use proto::catalog::v1 as wire;
use runtime::Clock;
use tonic::Request;

use super::render;
use crate::{
    api::parse::act,
    application::Application,
    fleet::Position,
    recovery::{Adopt, Recovering, Standing},
};

/// More applications than an installation has.
const VERSIONS_MAX: usize = 10_000;

pub(super) fn standing(standing: Option<Standing>) -> wire::GetRecoveryResponse {
    let Some(standing) = standing else {
        return wire::GetRecoveryResponse::default();
    };
    wire::GetRecoveryResponse {
        recovering: true,
        start_time: Some(time::write(standing.recovery.since)),
        message: standing.recovery.message,
        applications: standing.applications.iter().map(application).collect(),
        missing_gateways: standing
            .missing
            .into_iter()
            .map(|gateway| GatewayRef::from(gateway).to_string())
            .collect(),
    }
}

fn application(recovering: &Recovering) -> wire::RecoveringApplication {
    wire::RecoveringApplication {
        application: ApplicationRef::from(recovering.application.clone()).to_string(),
        restored: recovering.restored.as_ref().map(restored),
        reported: recovering.reported.as_ref().map(render::position),
        version_known: recovering.version_known,
    }
}

fn restored(application: &Application) -> wire::RoutePosition {
    render::position(&Position {
        application: application.name.clone(),
        timeline: application.timeline,
        revision: application.route_revision,
        generation: application.serving.number(),
        version: application.serving.version().cloned(),
    })
}

pub(super) fn adopt(
    clock: &Clock,
    request: &Request<wire::AdoptRecoveryRequest>,
) -> Result<Adopt, Problem> {
    let mut v = Violations::new();
    let given = &request.get_ref().versions;
    let versions: Checked<Vec<VersionRef>> =
        v.each("versions", given, 0..=VERSIONS_MAX, |v, version| {
            v.parse::<VersionRef>("", version)
        });
    let reason = v.parse::<Prose<500>>("reason", &request.get_ref().reason);
    let (named, reason) = v.all((versions, reason))?;
    let mut versions = BTreeMap::new();
    for version in named {
        let application = version.application.clone();
        if versions.insert(application, version.version).is_some() {
            let mut v = Violations::new();
            v.add(
                "versions",
                Fault::Conflicting,
                "must name each application once",
            );
            v.finish()?;
        }
    }
    Ok(Adopt {
        versions,
        act: act(clock, request, None, reason),
    })
}
