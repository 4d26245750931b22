//! Client ids and secrets of versions.

use std::time::Duration;

use contract::{
    Checked, CredentialId, CredentialName, Fault, Page, PageSize, RequestId, VersionRef,
    Violations, duration, time,
};
use jiff::Timestamp;
use proto::provisioning::v1::{
    AppCredential, CreateAppCredentialRequest, CreateAppCredentialResponse,
    ListAppCredentialsRequest, ListAppCredentialsResponse, RevokeAppCredentialRequest,
    RevokeAppCredentialResponse, RotateAppCredentialRequest, RotateAppCredentialResponse,
    credential_service_server::CredentialService,
};
use tokens::Secret;
use tonic::{Request, Response, Status};

use super::{Api, own};
use crate::credentials::{self, Credential, NewPair, OVERLAP, OVERLAP_MAX, VALID_MAX};

#[tonic::async_trait]
impl CredentialService for Api {
    async fn create_app_credential(
        &self,
        request: Request<CreateAppCredentialRequest>,
    ) -> Result<Response<CreateAppCredentialResponse>, Status> {
        let CreateAppCredentialRequest {
            parent,
            request_id,
            expire_time,
        } = request.into_inner();
        let mut v = Violations::new();
        let version = v.parse::<VersionRef>("parent", &parent);
        let request_id = v.optional::<RequestId>("request_id", &request_id);
        let expires_at = expiry(&mut v, expire_time, self.service.now());
        let (version, request_id, expires_at) = v.all((version, request_id, expires_at))?;
        let asked = NewPair {
            version,
            request_id,
            expires_at,
        };
        let (credential, secret) = credentials::issue(&self.service, &asked).await?;
        Ok(Response::new(CreateAppCredentialResponse {
            credential: Some(render(&credential)),
            client_secret: secret.map(Secret::reveal).unwrap_or_default(),
        }))
    }

    async fn list_app_credentials(
        &self,
        request: Request<ListAppCredentialsRequest>,
    ) -> Result<Response<ListAppCredentialsResponse>, Status> {
        let ListAppCredentialsRequest {
            parent,
            page_size,
            page_token,
        } = request.into_inner();
        let mut v = Violations::new();
        let version = v.parse::<VersionRef>("parent", &parent);
        let page =
            Page::<CredentialId>::read(&mut v, page_size, &page_token, &[&parent], PageSize::USUAL);
        let (version, page) = v.all((version, page))?;
        let mut rows =
            credentials::list(&self.service, &version, page.after(), page.limit()).await?;
        let next_page_token = page.finish(&mut rows, |row| row.name.credential);
        let credentials = rows.iter().map(render).collect();
        Ok(Response::new(ListAppCredentialsResponse {
            credentials,
            next_page_token,
        }))
    }

    async fn rotate_app_credential(
        &self,
        request: Request<RotateAppCredentialRequest>,
    ) -> Result<Response<RotateAppCredentialResponse>, Status> {
        let RotateAppCredentialRequest {
            name,
            overlap,
            request_id,
        } = request.into_inner();
        let mut v = Violations::new();
        let name = v.parse::<CredentialName>("name", &name);
        let request_id = v.optional::<RequestId>("request_id", &request_id);
        let bounds = Duration::ZERO..=OVERLAP_MAX;
        let overlap = duration::field(&mut v, "overlap", overlap, bounds, OVERLAP);
        let (name, overlap, request_id) = v.all((name, overlap, request_id))?;
        let request = request_id.as_ref();
        let (credential, secret) =
            credentials::rotate(&self.service, &name, overlap, request).await?;
        Ok(Response::new(RotateAppCredentialResponse {
            credential: Some(render(&credential)),
            client_secret: secret.reveal(),
        }))
    }

    async fn revoke_app_credential(
        &self,
        request: Request<RevokeAppCredentialRequest>,
    ) -> Result<Response<RevokeAppCredentialResponse>, Status> {
        let name: CredentialName = own(&request, "name", &request.get_ref().name)?;
        let credential = credentials::revoke(&self.service, &name).await?;
        Ok(Response::new(RevokeAppCredentialResponse {
            credential: Some(render(&credential)),
        }))
    }
}

/// Reads from when on a pair is worthless, as databases keep it.
fn expiry(
    v: &mut Violations,
    given: Option<prost_types::Timestamp>,
    now: Timestamp,
) -> Checked<Option<Timestamp>> {
    if given.is_none() {
        return Checked::right(None);
    }
    let time = time::field(v, "expire_time", given);
    if let Some(end) = time.value() {
        let latest = now.saturating_add(VALID_MAX).unwrap_or(Timestamp::MAX);
        v.check(
            *end > now && *end <= latest,
            "expire_time",
            Fault::OutOfRange,
            "must be in the future, within ten years",
        );
    }
    time.map(|end| Timestamp::from_microsecond(end.as_microsecond()).ok())
}

pub(crate) fn render(credential: &Credential) -> AppCredential {
    AppCredential {
        name: credential.name.to_string(),
        client_id: credential.client_id.clone(),
        create_time: Some(time::write(credential.created_at)),
        rotate_time: credential.rotated_at.map(time::write),
        previous_secret_expire_time: credential
            .previous
            .as_ref()
            .map(|previous| time::write(previous.expires_at)),
        revoke_time: credential.revoked_at.map(time::write),
        last_used_time: credential.last_used_at.map(time::write),
        expire_time: credential.expires_at.map(time::write),
    }
}
