//! The RPCs: parse, call, render. Nothing is decided here.

use contract::{Caller, Problem};
use proto::provisioning::v1::{
    batch_service_server::BatchServiceServer, consent_service_server::ConsentServiceServer,
    credential_service_server::CredentialServiceServer, grant_service_server::GrantServiceServer,
    provisioning_service_server::ProvisioningServiceServer,
    switch_consent_service_server::SwitchConsentServiceServer,
    tenant_service_server::TenantServiceServer, token_service_server::TokenServiceServer,
    version_credential_service_server::VersionCredentialServiceServer,
};
use runtime::{Server, serve::MESSAGE_BYTES_MAX};
use tonic::Request;

use crate::service::Service;

mod batches;
mod consent;
mod credentials;
mod grants;
pub(crate) mod provisionings;
mod switch_consent;
mod tenants;
mod tokens;
mod version_credentials;

/// Resources as answers have them.
pub(crate) mod shown {
    pub(crate) use super::{
        batches::result as batch_result, credentials::render as credential,
        provisionings::render::provisioning, tenants::render as tenant,
    };
}

/// What answers the RPCs.
#[derive(Clone)]
struct Api {
    service: Service,
}

/// Adds every service of the contract.
pub(crate) fn add_services(server: Server, service: &Service) -> Server {
    let api = Api {
        service: service.clone(),
    };
    server
        .add_service(
            TenantServiceServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            ProvisioningServiceServer::new(api.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            BatchServiceServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            CredentialServiceServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            ConsentServiceServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            SwitchConsentServiceServer::new(api.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            TokenServiceServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            VersionCredentialServiceServer::new(api.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(GrantServiceServer::new(api).max_decoding_message_size(MESSAGE_BYTES_MAX))
}

/// Returns who calls. A call that came past nobody who asked is nobody's.
fn caller<T>(request: &Request<T>) -> Caller {
    request
        .extensions()
        .get()
        .cloned()
        .unwrap_or(Caller::Anonymous)
}

/// Names who calls for the record; of a tenant also the person that speaks for it, if a token names one.
fn on_record(caller: &Caller) -> String {
    let subject = caller.subject();
    match runtime::request::call().and_then(|call| call.person) {
        Some(person) => format!("{subject} ({person})"),
        None => subject,
    }
}

/// Reads one name that is all of a request, and refuses what is not the caller's.
fn own<T, N>(request: &Request<T>, field: &str, text: &str) -> Result<N, Problem>
where
    N: std::str::FromStr<Err: std::fmt::Display> + std::fmt::Display,
{
    let mut v = contract::Violations::new();
    let name = v.parse::<N>(field, text);
    let name = v.all(name)?;
    caller(request).may_touch(&name)?;
    Ok(name)
}
