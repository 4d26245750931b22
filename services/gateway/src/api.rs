//! `GatewayService`: what this gateway knows and does right now.

use std::sync::Arc;

use contract::{ApplicationName, ApplicationRef, GatewayRef, Problem, duration, time};
use proto::gateway::v1 as wire;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::{
    Error,
    apps::{self, DataPlane, GateState},
    control::{
        Position,
        status::{self, Membership},
    },
};

/// Answers for one gateway.
pub(crate) struct Api {
    /// What serves users.
    pub(crate) plane: DataPlane,
    /// What the control loop knows.
    pub(crate) status: watch::Receiver<Arc<status::Status>>,
}

#[tonic::async_trait]
impl wire::gateway_service_server::GatewayService for Api {
    async fn get_status(
        &self,
        request: Request<wire::GetStatusRequest>,
    ) -> Result<Response<wire::GetStatusResponse>, Status> {
        let request = request.into_inner();
        let answer = self
            .describe(&request.application, request.tenants)
            .map_err(Problem::from)?;
        Ok(Response::new(answer))
    }
}

impl Api {
    fn describe(&self, only: &str, tenants: bool) -> Result<wire::GetStatusResponse, Error> {
        let only = match only {
            "" => None,
            name => Some(name.parse::<ApplicationRef>()?.application),
        };
        let known = self.status.borrow().clone();
        if let Some(only) = &only
            && !known.applications.contains_key(only)
        {
            return Err(Error::Unknown(only.clone()));
        }
        Ok(wire::GetStatusResponse {
            gateway: GatewayRef::from(known.gateway.clone()).to_string(),
            ready: known.not_ready.is_empty(),
            not_ready_message: known.not_ready.join("; "),
            membership: match known.membership {
                Membership::Starting => wire::Membership::Starting,
                Membership::Following => wire::Membership::Following,
                Membership::CutOff => wire::Membership::CutOff,
                Membership::Leaving => wire::Membership::Leaving,
            }
            .into(),
            grants: Some(wire::GrantsStatus {
                following: known.grants_followed,
                timeline: known
                    .grants
                    .map(|grants| grants.timeline.to_string())
                    .unwrap_or_default(),
                revision: known.grants.map_or(0, |grants| grants.revision.get()),
                count: count(known.grants_count),
            }),
            applications: self
                .plane
                .status(only.as_ref(), tenants)
                .into_iter()
                .map(|seen| {
                    let position = known.applications.get(&seen.application);
                    application(&seen, position)
                })
                .collect(),
            start_time: Some(time::write(known.start_time)),
            open_connections: count(self.plane.open_connections()),
            draining: known.draining,
        })
    }
}

fn application(
    seen: &apps::ApplicationStatus,
    position: Option<&Position>,
) -> wire::ApplicationStatus {
    let name: &ApplicationName = &seen.application;
    wire::ApplicationStatus {
        application: ApplicationRef::from(name.clone()).to_string(),
        timeline: position
            .map(|position| position.timeline.to_string())
            .unwrap_or_default(),
        revision: position.map_or(0, |position| position.revision.get()),
        generation: seen.generation.map_or(0, contract::Generation::get),
        active_version: text(seen.active_version.as_ref()),
        test_version: text(seen.test_version.as_ref()),
        gate: match seen.gate {
            GateState::Never => wire::Gate::Never,
            GateState::Open => wire::Gate::Open,
            GateState::Held => wire::Gate::Held,
            GateState::Fenced => wire::Gate::Fenced,
        }
        .into(),
        held_requests: count(seen.held_requests),
        held_total: count(seen.held_total),
        longest_hold: Some(duration::write(seen.longest_hold)),
        traffic: seen.traffic.iter().map(traffic).collect(),
        lease_left: seen.lease_left.map(duration::write),
    }
}

fn traffic(seen: &apps::VersionTraffic) -> wire::VersionTraffic {
    wire::VersionTraffic {
        version: seen.version.to_string(),
        test: seen.test,
        in_flight: count(seen.in_flight),
        upgraded: count(seen.upgraded),
        requests: count(seen.requests),
        failed: count(seen.failed),
        tenants: seen
            .tenants
            .iter()
            .map(|tenant| wire::TenantTraffic {
                tenant: tenant.tenant.to_string(),
                requests: count(tenant.requests),
                refused: count(tenant.refused),
            })
            .collect(),
    }
}

fn text(name: Option<&contract::VersionName>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
