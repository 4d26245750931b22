//! Which tenant may use which version.

use contract::{
    ApplicationRef, Etag, Line, OrAll, Page, PageSize, Prose, ProvisioningName, SwitchName,
    TenantRef, VersionRef, Violations, time,
};
use proto::provisioning::v1::{
    self as wire, ConsentBasis, CreateProvisioningRequest, CreateProvisioningResponse,
    GetProvisioningRequest, GetProvisioningResponse, ListProvisioningsRequest,
    ListProvisioningsResponse, ProvisioningState, RemoveProvisioningRequest,
    RemoveProvisioningResponse, create_provisioning_request::Consent as Wanted,
    provisioning_service_server::ProvisioningService,
};
use tonic::{Request, Response, Status};

use super::{Api, caller, own};
use crate::{
    consent::{Basis, Standing},
    error::Error,
    provide::{self, Consenting},
    provisioning::Provisioning,
    service::Service,
    store::{
        offers,
        provisionings::{self, Key},
    },
};

const SIZES: PageSize = PageSize {
    default: 50,
    max: 1000,
};

#[tonic::async_trait]
impl ProvisioningService for Api {
    async fn create_provisioning(
        &self,
        request: Request<CreateProvisioningRequest>,
    ) -> Result<Response<CreateProvisioningResponse>, Status> {
        let actor = caller(&request).subject();
        let CreateProvisioningRequest {
            tenant,
            version,
            consent,
        } = request.into_inner();
        let mut v = Violations::new();
        let tenant = v.parse::<TenantRef>("tenant", &tenant);
        let version = v.parse::<VersionRef>("version", &version);
        let consenting = match consent {
            None | Some(Wanted::Ask(_)) => contract::Checked::right(Consenting::Ask),
            Some(Wanted::OnRecord(record)) => v
                .parse::<Line<500>>("on_record.reference", &record.reference)
                .map(|reference| Consenting::OnRecord { reference }),
        };
        let (tenant, version, consenting) = v.all((tenant, version, consenting))?;
        let given =
            provide::give(&self.service, &tenant.tenant, &version, &consenting, &actor).await?;
        let provisioning = Some(shown(&self.service, &given).await?);
        Ok(Response::new(CreateProvisioningResponse { provisioning }))
    }

    async fn get_provisioning(
        &self,
        request: Request<GetProvisioningRequest>,
    ) -> Result<Response<GetProvisioningResponse>, Status> {
        let name: ProvisioningName = own(&request, "name", &request.get_ref().name)?;
        let found = provide::find(&self.service, &name).await?;
        let provisioning = Some(shown(&self.service, &found).await?);
        Ok(Response::new(GetProvisioningResponse { provisioning }))
    }

    async fn list_provisionings(
        &self,
        request: Request<ListProvisioningsRequest>,
    ) -> Result<Response<ListProvisioningsResponse>, Status> {
        let caller = caller(&request);
        let ListProvisioningsRequest {
            parent,
            application,
            page_size,
            page_token,
        } = request.into_inner();
        let mut v = Violations::new();
        let parent = v.parse::<OrAll<TenantRef>>("parent", &parent);
        let application = v.optional::<ApplicationRef>("application", &application);
        // Whoever has one tenant only sees the same list under either parent.
        let tenant = match (parent.value(), caller.tenant()) {
            (Some(OrAll::One(tenant)), _) => Some(tenant.tenant.clone()),
            (Some(OrAll::All) | None, own) => own.cloned(),
        };
        let filter = [
            tenant.as_ref().map_or("-", contract::TenantId::as_str),
            application
                .value()
                .and_then(Option::as_ref)
                .map_or("", |name| name.application.as_str()),
        ];
        let page = Page::<Key>::read(&mut v, page_size, &page_token, &filter, SIZES);
        let (_, application, page) = v.all((parent, application, page))?;
        if let Some(tenant) = &tenant {
            caller.may_touch(&TenantRef::from(tenant.clone()))?;
        }
        let application = application.map(|name| name.application);
        let (provisionings, next_page_token) = store::read!(self.service.db, |tx| {
            let (after, limit) = (page.after(), page.limit());
            let mut rows =
                provisionings::list(tx, tenant.as_ref(), application.as_ref(), after, limit)
                    .await?;
            let next = page.finish(&mut rows, |row| {
                let ProvisioningName {
                    tenant,
                    application,
                    version,
                } = row.name.clone();
                Key(tenant, application, version)
            });
            let mut shown = Vec::with_capacity(rows.len());
            for row in &rows {
                shown.push(render(row, offers::open_until(tx, &row.name).await?));
            }
            Ok::<_, Error>((shown, next))
        })?;
        Ok(Response::new(ListProvisioningsResponse {
            provisionings,
            next_page_token,
        }))
    }

    async fn remove_provisioning(
        &self,
        request: Request<RemoveProvisioningRequest>,
    ) -> Result<Response<RemoveProvisioningResponse>, Status> {
        let actor = caller(&request).subject();
        let RemoveProvisioningRequest {
            tenant,
            application,
            reason,
        } = request.into_inner();
        let mut v = Violations::new();
        let tenant = v.parse::<TenantRef>("tenant", &tenant);
        let application = v.parse::<ApplicationRef>("application", &application);
        let reason = v.parse_text("reason", &reason);
        let (tenant, application, reason) = v.all((tenant, application, reason))?;
        let removed = provide::take_away(
            &self.service,
            &tenant.tenant,
            &application.application,
            &reason,
            &actor,
        )
        .await?;
        let provisionings = removed.iter().map(|row| render(row, None)).collect();
        Ok(Response::new(RemoveProvisioningResponse { provisionings }))
    }
}

/// Reads a text that may be empty.
pub(super) trait ParseText {
    /// Parses a field of several lines that may be empty.
    fn parse_text(&mut self, field: &str, text: &str) -> contract::Checked<Prose<500>>;
}

impl ParseText for Violations {
    fn parse_text(&mut self, field: &str, text: &str) -> contract::Checked<Prose<500>> {
        match text.parse() {
            Ok(text) => contract::Checked::right(text),
            Err(error) => {
                let error: contract::text::TextError = error;
                self.wrong(field, contract::Fault::Malformed, error)
            }
        }
    }
}

/// Renders a provisioning with the time until which its tenant may decide.
pub(super) async fn shown(
    service: &Service,
    row: &Provisioning,
) -> Result<wire::Provisioning, Error> {
    let until = store::read!(service.db, |tx| offers::open_until(tx, &row.name).await)?;
    Ok(render(row, until))
}

fn render(row: &Provisioning, until: Option<jiff::Timestamp>) -> wire::Provisioning {
    let consent = &row.consent;
    let (state, basis) = match consent.standing {
        Standing::PendingAcceptance => (
            ProvisioningState::PendingAcceptance,
            ConsentBasis::Unspecified,
        ),
        Standing::Provisioned(basis) => {
            let basis = match basis {
                Basis::Accepted => ConsentBasis::Accepted,
                Basis::OnRecord => ConsentBasis::OnRecord,
                Basis::MovedWithNotice => ConsentBasis::MovedWithNotice,
                Basis::Moved => ConsentBasis::Moved,
            };
            (ProvisioningState::Provisioned, basis)
        }
        Standing::Denied => (ProvisioningState::Denied, ConsentBasis::Unspecified),
        Standing::Failed(_) => (ProvisioningState::Failed, ConsentBasis::Unspecified),
        Standing::Removed(_) => (ProvisioningState::Removed, ConsentBasis::Unspecified),
    };
    let switch = consent.brought_by.map(|switch| {
        let application = row.name.application.clone();
        SwitchName {
            application,
            switch,
        }
        .to_string()
    });
    wire::Provisioning {
        name: row.name.to_string(),
        state: state.into(),
        state_message: consent.sentence(),
        state_time: Some(time::write(consent.since.at)),
        state_actor: consent.since.actor.clone(),
        consent_basis: basis.into(),
        switch: switch.unwrap_or_default(),
        offer_expire_time: until.map(time::write),
        create_time: Some(time::write(row.created_at)),
        etag: Etag::from(row.revision).to_string(),
    }
}
