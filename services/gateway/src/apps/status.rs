//! What the data plane does right now, for people to look at.

use std::{sync::Arc, time::Duration};

use contract::{ApplicationName, Generation, TenantId, VersionName};
use tokio::time::Instant;

use super::{
    lease::Moment,
    snapshot::{Gate, Route, Snapshot},
    traffic::Audience,
};

/// One application at this gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationStatus {
    /// The application.
    pub application: ApplicationName,
    /// Of the route; `None` before the first activation.
    pub generation: Option<Generation>,
    /// The version that users get, if there is one.
    pub active_version: Option<VersionName>,
    /// The version that testers get, if there is one.
    pub test_version: Option<VersionName>,
    /// Whether requests go through.
    pub gate: GateState,
    /// How long users may still be served without reaching the catalog; `None`: for ever.
    pub lease_left: Option<Duration>,
    /// Requests that wait now.
    pub held_requests: u64,
    /// Requests held since the start of the process.
    pub held_total: u64,
    /// The longest time that one was held.
    pub longest_hold: Duration,
    /// What is or was going on, by version.
    pub traffic: Vec<VersionTraffic>,
}

/// Whether requests of an application go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    /// There is no active version yet.
    Never,
    /// They go to the active version.
    Open,
    /// They wait for the outcome of a switch.
    Held,
    /// They are answered 503: the lease has run out.
    Fenced,
}

/// What goes to one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionTraffic {
    /// The version.
    pub version: VersionName,
    /// Whether these are testers' requests, which never count as users'.
    pub test: bool,
    /// Requests and connections under way now.
    pub in_flight: u64,
    /// Upgraded connections among them.
    pub upgraded: u64,
    /// Requests since the start of the process.
    pub requests: u64,
    /// Of them, those that failed because the version could not be reached or broke off.
    pub failed: u64,
    /// By tenant; empty unless asked for.
    pub tenants: Vec<TenantTraffic>,
}

/// What one tenant sends to one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantTraffic {
    /// The tenant.
    pub tenant: TenantId,
    /// Requests since the start of the process.
    pub requests: u64,
    /// Requests that were refused.
    pub refused: u64,
}

impl Snapshot {
    /// Returns the status of one application or of all, by name.
    pub(super) fn status(
        &self,
        only: Option<&ApplicationName>,
        tenants: bool,
        now: Instant,
        moment: Moment,
    ) -> Vec<ApplicationStatus> {
        let mut all: Vec<_> = self
            .routes
            .iter()
            .filter(|(name, _)| only.is_none_or(|only| only == *name))
            .map(|(name, route)| self.application_status(name, route, tenants, now, moment))
            .collect();
        all.sort_by(|a, b| a.application.cmp(&b.application));
        all
    }

    fn application_status(
        &self,
        application: &ApplicationName,
        route: &Arc<Route>,
        tenants: bool,
        now: Instant,
        moment: Moment,
    ) -> ApplicationStatus {
        let (gate, held_requests, current) = match &route.gate {
            Gate::Never => (GateState::Never, 0, None),
            Gate::Open(_) => (GateState::Open, 0, None),
            Gate::Held { hold, .. } => (GateState::Held, hold.waiting(), Some(hold.figures(now))),
        };
        let gate = match gate {
            GateState::Open | GateState::Held if route.fenced(moment) => GateState::Fenced,
            GateState::Never | GateState::Open | GateState::Held | GateState::Fenced => gate,
        };
        let past = route.traffic.holds();
        let current = current.unwrap_or_default();
        let traffic = route.traffic.versions().into_iter().map(|tally| {
            let test = tally.audience == Audience::Testers;
            VersionTraffic {
                version: tally.version.clone(),
                test,
                in_flight: tally.in_flight.get(),
                upgraded: tally.upgraded.get(),
                requests: tally.requests.get(),
                failed: tally.failed.get(),
                tenants: if tenants && !test {
                    self.tenant_traffic(application, &tally.version)
                } else {
                    Vec::new()
                },
            }
        });
        ApplicationStatus {
            application: application.clone(),
            generation: route.generation,
            active_version: route.gate.serving().map(|it| it.target.version.clone()),
            test_version: route
                .test
                .as_ref()
                .map(|it| it.serving.target.version.clone()),
            gate,
            lease_left: route.lease_left(moment),
            held_requests: held_requests as u64,
            held_total: past.held + current.held,
            longest_hold: past.longest.max(current.longest),
            traffic: traffic.collect(),
        }
    }

    fn tenant_traffic(
        &self,
        application: &ApplicationName,
        version: &VersionName,
    ) -> Vec<TenantTraffic> {
        let grants = self.grants.get(application);
        let tenants = grants.and_then(|grants| grants.tenants(version));
        let mut all: Vec<_> = tenants
            .into_iter()
            .flatten()
            .map(|(tenant, grant)| TenantTraffic {
                tenant: tenant.clone(),
                requests: grant.tally.requests.get(),
                refused: grant.tally.refused.get(),
            })
            .filter(|it| it.requests + it.refused > 0)
            .collect();
        all.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        all
    }
}
