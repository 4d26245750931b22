//! Which tenant may use which version.

use std::pin::Pin;

use contract::{
    ApplicationRef, Line, Page, PageSize, Prose, ProvisioningName, Revision, TenantRef, VersionRef,
    Violations,
};
use futures::{Stream, stream};
use proto::provisioning::v1::{
    self as wire, CreateProvisioningRequest, CreateProvisioningResponse, GetProvisioningRequest,
    GetProvisioningResponse, ListProvisioningHistoryRequest, ListProvisioningHistoryResponse,
    ListProvisioningsRequest, ListProvisioningsResponse, RemoveProvisioningRequest,
    RemoveProvisioningResponse, WatchProvisioningsRequest, WatchProvisioningsResponse,
    create_provisioning_request::Consent as Wanted,
    provisioning_service_server::ProvisioningService,
};
use tonic::{Request, Response, Status};

use super::{Api, caller, own};
use crate::{
    applied as gateways,
    change::Place,
    error::Error,
    outstanding,
    provide::{self, Consenting},
    provisioning::Provisioning,
    service::Service,
    store::{
        applied, changes,
        provisionings::{self, Key},
    },
    watch::{Position, Watch},
};

mod filter;
pub(crate) mod render;

pub(crate) use filter::Filter;

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
            version,
            states,
        } = request.into_inner();
        let mut v = Violations::new();
        let filter = Filter::read(&mut v, &parent, &application, &version, &states, &caller);
        let digest = filter.value().map(Filter::digest).unwrap_or_default();
        let digest: Vec<&str> = digest.iter().map(String::as_str).collect();
        let page = Page::<Key>::read(&mut v, page_size, &page_token, &digest, SIZES);
        let (filter, page) = v.all((filter, page))?;
        filter.must_be_of(&caller)?;
        let (rows, next_page_token) = store::read!(self.service.db, |tx| {
            let (after, limit) = (page.after(), page.limit());
            let mut rows = provisionings::list(tx, &filter.sought(), after, limit).await?;
            let next = page.finish(&mut rows, key);
            Ok::<_, Error>((rows, next))
        })?;
        let seen = outstanding::of(&self.service, rows).await?;
        let provisionings = seen
            .iter()
            .filter(|seen| filter.has(seen.state()))
            .map(render::provisioning)
            .collect();
        Ok(Response::new(ListProvisioningsResponse {
            provisionings,
            next_page_token,
        }))
    }

    async fn list_provisioning_history(
        &self,
        request: Request<ListProvisioningHistoryRequest>,
    ) -> Result<Response<ListProvisioningHistoryResponse>, Status> {
        let caller = caller(&request);
        let ListProvisioningHistoryRequest {
            name,
            page_size,
            page_token,
        } = request.into_inner();
        let mut v = Violations::new();
        let filter = ["history", name.as_str()];
        let page = Page::<Place>::read(&mut v, page_size, &page_token, &filter, PageSize::USUAL);
        let name = v.parse::<ProvisioningName>("name", &name);
        let (name, page) = v.all((name, page))?;
        caller.may_touch(&name)?;
        provide::find(&self.service, &name).await?;
        let (rows, next_page_token) = store::read!(self.service.db, |tx| {
            let (before, limit) = (page.after().copied(), page.limit());
            let mut rows = changes::history(tx, &name, before, limit).await?;
            let next = page.finish(&mut rows, |(place, _)| *place);
            let mut dated = Vec::with_capacity(rows.len());
            for (_, change) in rows {
                let at = applied::when(tx, change.stands.granted_at).await?;
                dated.push((change, at));
            }
            Ok::<_, Error>((dated, next))
        })?;
        let newest = rows
            .iter()
            .map(|(change, _)| change.stands.granted_at)
            .max();
        let mark = gateways::at_least(&self.service, newest.unwrap_or(Revision::ZERO)).await?;
        let changes = rows
            .iter()
            .map(|(change, at)| render::change(change, mark, *at))
            .collect();
        Ok(Response::new(ListProvisioningHistoryResponse {
            changes,
            next_page_token,
        }))
    }

    type WatchProvisioningsStream =
        Pin<Box<dyn Stream<Item = Result<WatchProvisioningsResponse, Status>> + Send>>;

    async fn watch_provisionings(
        &self,
        request: Request<WatchProvisioningsRequest>,
    ) -> Result<Response<Self::WatchProvisioningsStream>, Status> {
        let caller = caller(&request);
        let WatchProvisioningsRequest {
            parent,
            application,
            version,
            states,
            after,
        } = request.into_inner();
        let mut v = Violations::new();
        let filter = Filter::read(&mut v, &parent, &application, &version, &states, &caller);
        let after = v.optional::<Position>("after", &after);
        let (filter, after) = v.all((filter, after))?;
        filter.must_be_of(&caller)?;
        let watch = Watch::begin(&self.service, filter, after).await?;
        let messages = stream::try_unfold(watch, |mut watch| async move {
            let message = watch.next().await?;
            Ok(Some((message, watch)))
        });
        Ok(Response::new(Box::pin(messages)))
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
        let provisionings = all_shown(&self.service, removed).await?;
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

/// Returns a provisioning as it is shown.
pub(super) async fn shown(
    service: &Service,
    row: &Provisioning,
) -> Result<wire::Provisioning, Error> {
    let seen = all_shown(service, vec![row.clone()]).await?;
    seen.into_iter()
        .next()
        .ok_or_else(|| Error::Broken(format!("{} was not looked at", row.name)))
}

/// Returns provisionings as they are shown.
pub(super) async fn all_shown(
    service: &Service,
    rows: Vec<Provisioning>,
) -> Result<Vec<wire::Provisioning>, Error> {
    let seen = outstanding::of(service, rows).await?;
    Ok(seen.iter().map(render::provisioning).collect())
}

/// Returns by what lists have a provisioning.
pub(crate) fn key(row: &Provisioning) -> Key {
    let ProvisioningName {
        tenant,
        application,
        version,
    } = row.name.clone();
    Key(tenant, application, version)
}
