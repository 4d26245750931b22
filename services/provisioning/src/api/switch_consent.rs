//! The tenants' side of a switch, as the catalog drives it.

use std::time::Duration;

use contract::{
    ApplicationRef, Checked, Fault, Line, SwitchName, TenantRef, VersionName, Violations, duration,
};
use proto::provisioning::v1::{
    CloseConsentRequest, CloseConsentResponse, MoveFailure, MoveTenantsRequest,
    MoveTenantsResponse, PreviewMoveRequest, PreviewMoveResponse, SettleConsentRequest,
    SettleConsentResponse, SwitchOutcome, switch_consent_service_server::SwitchConsentService,
};
use tonic::{Request, Response, Status};

use super::{Api, caller};
use crate::{
    consent::Notice,
    prepare::{self, Order, Outcome, Question},
    switch::Coming,
};

/// Tenants that one call may ask for.
const WATCHED_MAX: usize = 100;
/// How long pairs of a version that was left may get tokens.
const GRACE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[tonic::async_trait]
impl SwitchConsentService for Api {
    async fn move_tenants(
        &self,
        request: Request<MoveTenantsRequest>,
    ) -> Result<Response<MoveTenantsResponse>, Status> {
        let order = read_order(&request.into_inner())?;
        let moved = prepare::move_tenants(&self.service, &order).await?;
        let failures = moved
            .failures
            .into_iter()
            .map(|(tenant, message)| MoveFailure {
                tenant: tenant.to_string(),
                message,
            });
        Ok(Response::new(MoveTenantsResponse {
            done: moved.done,
            total: moved.total,
            moved: moved.moved,
            mailed: moved.mailed,
            failed: moved.failed,
            failures: failures.collect(),
        }))
    }

    async fn preview_move(
        &self,
        request: Request<PreviewMoveRequest>,
    ) -> Result<Response<PreviewMoveResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let application = v.parse::<ApplicationRef>("application", &request.application);
        let source = v.optional::<VersionName>("source_version", &request.source_version);
        let target = v.parse::<VersionName>("target_version", &request.target_version);
        let (application, source, target) = v.all((application, source, target))?;
        let question = Question {
            application: application.application,
            source,
            target,
            notice: notice(request.notice),
            coming: coming(request.asks),
        };
        let seen = prepare::preview(&self.service, &question).await?;
        Ok(Response::new(PreviewMoveResponse {
            total: seen.total,
            admitted: seen.admitted,
            asked: seen.asked,
            denied: seen.denied,
            failing: seen.failing,
            mailed: seen.mailed,
        }))
    }

    async fn close_consent(
        &self,
        request: Request<CloseConsentRequest>,
    ) -> Result<Response<CloseConsentResponse>, Status> {
        let by = caller(&request).clone();
        let CloseConsentRequest {
            switch,
            watched_tenants,
        } = request.into_inner();
        let mut v = Violations::new();
        let switch = v.parse::<SwitchName>("switch", &switch);
        let watched = v.each(
            "watched_tenants",
            &watched_tenants,
            0..=WATCHED_MAX,
            |v, tenant| v.parse::<TenantRef>("", tenant),
        );
        let (switch, watched) = v.all((switch, watched))?;
        by.may_touch(&switch)?;
        let watched: Vec<_> = watched.into_iter().map(|tenant| tenant.tenant).collect();
        let closed = prepare::close(&self.service, &switch, &watched).await?;
        let denied = closed.watched.into_iter();
        Ok(Response::new(CloseConsentResponse {
            grants_timeline: closed.head.timeline.to_string(),
            grants_revision: closed.head.revision.get(),
            denied: closed.denied,
            tenants: closed.tenants,
            watched_denied: denied.map(|id| TenantRef::from(id).to_string()).collect(),
        }))
    }

    async fn settle_consent(
        &self,
        request: Request<SettleConsentRequest>,
    ) -> Result<Response<SettleConsentResponse>, Status> {
        let SettleConsentRequest {
            switch,
            outcome,
            credential_grace,
        } = request.into_inner();
        let mut v = Violations::new();
        let switch = v.parse::<SwitchName>("switch", &switch);
        let bounds = Duration::ZERO..=GRACE_MAX;
        let none = Duration::ZERO;
        let grace = duration::field(&mut v, "credential_grace", credential_grace, bounds, none);
        let outcome = match SwitchOutcome::try_from(outcome) {
            Ok(SwitchOutcome::Committed) => {
                grace.map(|credential_grace| Outcome::Committed { credential_grace })
            }
            Ok(SwitchOutcome::GivenUp) => Checked::right(Outcome::GivenUp),
            Ok(SwitchOutcome::Unspecified) => {
                v.wrong("outcome", Fault::Missing, "must be COMMITTED or GIVEN_UP")
            }
            Err(_) => v.wrong("outcome", Fault::Unknown, "must be COMMITTED or GIVEN_UP"),
        };
        let (switch, outcome) = v.all((switch, outcome))?;
        let denied = prepare::settle(&self.service, &switch, outcome).await?;
        Ok(Response::new(SettleConsentResponse { denied }))
    }
}

fn coming(asks: bool) -> Coming {
    if asks { Coming::Asked } else { Coming::Along }
}

fn notice(told: bool) -> Notice {
    if told { Notice::Told } else { Notice::Untold }
}

fn read_order(request: &MoveTenantsRequest) -> Result<Order, contract::Problem> {
    let mut v = Violations::new();
    let switch = v.parse::<SwitchName>("switch", &request.switch);
    let display_name = v.parse::<Line<50>>(
        "application_display_name",
        &request.application_display_name,
    );
    let source = v.optional::<VersionName>("source_version", &request.source_version);
    let target = v.parse::<VersionName>("target_version", &request.target_version);
    let differ = source
        .value()
        .and_then(Option::as_ref)
        .is_none_or(|source| target.value() != Some(source));
    v.check(
        differ,
        "target_version",
        Fault::Conflicting,
        "is the version in use",
    );
    let (switch, display_name, source, target) = v.all((switch, display_name, source, target))?;
    Ok(Order {
        switch,
        display_name: display_name.to_string(),
        source,
        target,
        notice: notice(request.notice),
        coming: coming(request.asks),
        adopts: request.adopts,
    })
}
