//! Tenants' decisions. Nothing in this file logs a token.

use contract::{Caller, Checked, Fault, GatewayRef, Identity, ProvisioningName, Violations, time};
use proto::provisioning::v1::{
    self as wire, AskAgainRequest, AskAgainResponse, DecideOfferRequest, DecideOfferResponse,
    DecideProvisioningRequest, DecideProvisioningResponse, Decision, GetOfferRequest,
    GetOfferResponse, GetOverviewRequest, GetOverviewResponse, ListOfferVisitsRequest,
    ListOfferVisitsResponse, OfferKind, OfferStatus, WithdrawConsentRequest,
    WithdrawConsentResponse, consent_service_server::ConsentService,
};
use runtime::fault::{Plant, planted};
use tonic::{Request, Response, Status};

use super::{
    Api, caller, on_record, own,
    provisionings::{ParseText as _, shown},
};
use crate::{
    consent::{
        Basis, Standing,
        decide::{self, Answer, Choice, Decider, Origin, Shown},
        offer::{self, Purpose},
        overview,
    },
    error::Error,
    fleet::Force,
    form_token::{self, Demand},
    provide,
    provisioning::Provisioning,
    store,
    switch::Usage,
    visits::{self, Visit},
};

/// The longest address of a browser.
const ADDRESS_CHARS_MAX: usize = 64;
/// The most characters of what is typed into a form.
const TYPED_CHARS_MAX: usize = 100;
/// To how many characters a browser's name of itself is cut.
const USER_AGENT_CHARS: usize = 300;

#[tonic::async_trait]
impl ConsentService for Api {
    async fn get_offer(
        &self,
        request: Request<GetOfferRequest>,
    ) -> Result<Response<GetOfferResponse>, Status> {
        let GetOfferRequest {
            token,
            gesture,
            origin,
            head,
        } = request.into_inner();
        let mut v = Violations::new();
        let origin = read_origin(&mut v, origin.unwrap_or_default());
        let origin = v.all(origin)?;
        let shown = decide::show(&self.service, &token).await?;
        visits::opened(&self.service, &token, &Visit { origin, head }).await?;
        let demand = if gesture {
            Demand::TypedWord
        } else {
            Demand::Nothing
        };
        let form_token = form_token::mint(
            &self.service.seal,
            &shown.offer.hash,
            demand,
            self.service.clock.random(),
            self.service.now(),
        );
        Ok(Response::new(GetOfferResponse {
            offer: Some(render(&shown)),
            form_token,
        }))
    }

    async fn decide_offer(
        &self,
        request: Request<DecideOfferRequest>,
    ) -> Result<Response<DecideOfferResponse>, Status> {
        let DecideOfferRequest {
            token,
            form_token,
            decision,
            origin,
            typed,
        } = request.into_inner();
        let mut v = Violations::new();
        let choice = read_choice(&mut v, decision);
        let origin = read_origin(&mut v, origin.unwrap_or_default());
        check_typed(&mut v, &typed);
        let (choice, origin) = v.all((choice, origin))?;
        let answer = Answer {
            form: form_token,
            typed,
            choice,
            origin,
        };
        let decided = Box::pin(decide::by_link(&self.service, &token, &answer)).await;
        if let Err(why) = &decided {
            visits::refused(&self.service, &token, &answer.origin, why).await?;
        }
        Ok(Response::new(DecideOfferResponse {
            offer: Some(render(&decided?)),
        }))
    }

    async fn get_overview(
        &self,
        request: Request<GetOverviewRequest>,
    ) -> Result<Response<GetOverviewResponse>, Status> {
        let GetOverviewRequest { token } = request.into_inner();
        let overview = overview::show(&self.service, &token).await?;
        let form_token = form_token::mint(
            &self.service.seal,
            &overview.link,
            Demand::TypedWord,
            self.service.clock.random(),
            self.service.now(),
        );
        Ok(Response::new(GetOverviewResponse {
            tenant_display_name: overview.tenant,
            entries: overview.entries.iter().map(render_entry).collect(),
            form_token,
            expire_time: Some(time::write(overview.expires_at)),
        }))
    }

    async fn withdraw_consent(
        &self,
        request: Request<WithdrawConsentRequest>,
    ) -> Result<Response<WithdrawConsentResponse>, Status> {
        let WithdrawConsentRequest {
            token,
            form_token,
            provisioning,
            typed,
            origin,
        } = request.into_inner();
        let mut v = Violations::new();
        let name = v.parse::<ProvisioningName>("provisioning", &provisioning);
        let origin = read_origin(&mut v, origin.unwrap_or_default());
        check_typed(&mut v, &typed);
        let (name, origin) = v.all((name, origin))?;
        let answer = Answer {
            form: form_token,
            typed,
            choice: Choice::Deny,
            origin,
        };
        let withdrawn = overview::withdraw(&self.service, &token, &name, &answer);
        let withdrawn = Box::pin(withdrawn).await;
        if let Err(why) = &withdrawn {
            visits::refused(&self.service, &token, &answer.origin, why).await?;
        }
        Ok(Response::new(WithdrawConsentResponse {
            entry: Some(render_entry(&withdrawn?)),
        }))
    }

    async fn list_offer_visits(
        &self,
        request: Request<ListOfferVisitsRequest>,
    ) -> Result<Response<ListOfferVisitsResponse>, Status> {
        let name: ProvisioningName = own(&request, "name", &request.get_ref().name)?;
        provide::find(&self.service, &name).await?;
        let seen = ::store::read!(self.service.db, |tx| {
            Ok::<_, Error>(store::visits::list(tx, &name).await?)
        })?;
        let visits = seen.into_iter().map(|seen| wire::OfferVisit {
            address: seen.origin.address,
            user_agent: seen.origin.user_agent,
            first_time: Some(time::write(seen.first_at)),
            last_time: Some(time::write(seen.last_at)),
            opened: seen.opened,
            sent: seen.sent,
        });
        Ok(Response::new(ListOfferVisitsResponse {
            visits: visits.collect(),
        }))
    }

    async fn decide_provisioning(
        &self,
        request: Request<DecideProvisioningRequest>,
    ) -> Result<Response<DecideProvisioningResponse>, Status> {
        let caller = caller(&request);
        let DecideProvisioningRequest {
            name,
            decision,
            reason,
        } = request.into_inner();
        let mut v = Violations::new();
        let name = v.parse::<ProvisioningName>("name", &name);
        let choice = read_choice(&mut v, decision);
        let reason = v.parse_text("reason", &reason);
        let (name, choice, reason) = v.all((name, choice, reason))?;
        caller.may_touch(&name)?;
        // The operator's word for the tenant is not the tenant's own.
        let basis = match &caller {
            Caller::Known(Identity::TenantAdmin(_)) => Basis::Accepted,
            Caller::Anonymous | Caller::Known(_) => Basis::OnRecord,
        };
        let decider = Decider {
            actor: on_record(&caller),
            basis,
            reason,
        };
        let (row, force) = decide::without_link(&self.service, &name, choice, decider).await?;
        let (status, outstanding_gateways, _) = render_force(force.as_ref());
        let status = if row.consent.standing == Standing::Denied {
            status
        } else {
            OfferStatus::Accepted
        };
        Ok(Response::new(DecideProvisioningResponse {
            provisioning: Some(shown(&self.service, &row).await?),
            status: status.into(),
            outstanding_gateways,
        }))
    }

    async fn ask_again(
        &self,
        request: Request<AskAgainRequest>,
    ) -> Result<Response<AskAgainResponse>, Status> {
        let name: ProvisioningName = own(&request, "name", &request.get_ref().name)?;
        let actor = caller(&request).subject();
        let row: Provisioning = decide::ask_again(&self.service, &name, &actor).await?;
        Ok(Response::new(AskAgainResponse {
            provisioning: Some(shown(&self.service, &row).await?),
        }))
    }
}

fn read_choice(v: &mut Violations, decision: i32) -> Checked<Choice> {
    match Decision::try_from(decision) {
        Ok(Decision::Accept) => Checked::right(Choice::Accept),
        Ok(Decision::Deny) => Checked::right(Choice::Deny),
        Ok(Decision::Unspecified) => v.wrong("decision", Fault::Missing, "must be ACCEPT or DENY"),
        Err(_) => v.wrong("decision", Fault::Unknown, "must be ACCEPT or DENY"),
    }
}

fn check_typed(v: &mut Violations, typed: &str) {
    v.check(
        typed.chars().count() <= TYPED_CHARS_MAX,
        "typed",
        Fault::OutOfRange,
        "must be at most 100 characters",
    );
}

fn read_origin(v: &mut Violations, origin: wire::Origin) -> Checked<Origin> {
    let wire::Origin {
        address,
        user_agent,
    } = origin;
    let plain = address.chars().count() <= ADDRESS_CHARS_MAX
        && address.chars().all(|c| c.is_ascii_graphic());
    v.check(
        plain,
        "origin.address",
        Fault::Malformed,
        "must be at most 64 printable ASCII characters",
    );
    let shown = user_agent
        .chars()
        .filter(|c| !c.is_control())
        .take(USER_AGENT_CHARS);
    Checked::right(Origin {
        address,
        user_agent: shown.collect(),
    })
}

fn render(shown: &Shown) -> wire::Offer {
    let (denied, outstanding_gateways, fleet_size) = render_force(shown.force.as_ref());
    let status = match shown.status {
        offer::Status::Open => OfferStatus::Open,
        offer::Status::Accepted => OfferStatus::Accepted,
        offer::Status::Denied => denied,
        offer::Status::Expired => OfferStatus::Expired,
        offer::Status::Void => OfferStatus::Void,
    };
    let kind = match shown.offer.purpose {
        Purpose::Accept => OfferKind::Accept,
        Purpose::Deny => OfferKind::Deny,
    };
    wire::Offer {
        provisioning: shown.offer.name.to_string(),
        tenant_display_name: shown.tenant.clone(),
        application_display_name: shown.application.clone(),
        source_version: shown
            .offer
            .source
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        target_version: shown.offer.name.version.to_string(),
        kind: kind.into(),
        status: status.into(),
        decision_time: shown.decided_at.map(time::write),
        expire_time: Some(time::write(shown.offer.expires_at)),
        outstanding_gateways,
        fleet_size,
        tenant_users: shown.users.unwrap_or_default(),
        typed_word: shown.offer.name.application.to_string(),
    }
}

fn render_entry(entry: &overview::Entry) -> wire::ConsentEntry {
    let row = &entry.seen.row;
    let provisioning = super::provisionings::render::provisioning(&entry.seen);
    let denial = match row.consent.standing {
        Standing::Denied => render_force(entry.force.as_ref()).0,
        _ => OfferStatus::Unspecified,
    };
    wire::ConsentEntry {
        provisioning: provisioning.name,
        application_display_name: entry.application.clone(),
        version: row.name.version.to_string(),
        state: provisioning.state,
        time: provisioning.state_time,
        actor: provisioning.state_actor,
        consent_basis: provisioning.consent_basis,
        in_use: entry.usage == Usage::InUse,
        denial: denial.into(),
        typed_word: row.name.application.to_string(),
    }
}

/// Renders how far a denial has come; where nobody looked, it is at least recorded.
fn render_force(force: Option<&Force>) -> (OfferStatus, Vec<String>, i32) {
    let size = |fleet: usize| i32::try_from(fleet).unwrap_or(i32::MAX);
    match force {
        None | Some(Force::Recorded) => (OfferStatus::DeniedRecorded, Vec::new(), 0),
        Some(Force::Everywhere { fleet }) => (OfferStatus::DeniedInForce, Vec::new(), size(*fleet)),
        Some(Force::TakingEffect { fleet, .. }) if planted(Plant::DenyAnsweredWhenRecorded) => {
            (OfferStatus::DeniedInForce, Vec::new(), size(*fleet))
        }
        Some(Force::TakingEffect { outstanding, fleet }) => {
            let names = outstanding
                .iter()
                .map(|gateway| GatewayRef::from(gateway.clone()).to_string());
            (
                OfferStatus::DeniedTakingEffect,
                names.collect(),
                size(*fleet),
            )
        }
    }
}
