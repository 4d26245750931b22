//! Tells callers who they are here: the first question when something is refused.

use contract::{Caller, Problem};
use prost_types::Timestamp;
use proto::access::v1::{
    self as wire, GetCallerRequest, GetCallerResponse,
    access_service_server::{AccessService, AccessServiceServer},
};
use tonic::{Request, Response, Status, server::NamedService};

use super::MESSAGE_BYTES_MAX;
use crate::caller::{Proof, Proven};

/// The service's name.
pub(super) const NAME: &str = <AccessServiceServer<Callers> as NamedService>::NAME;

/// Answers from what the door found.
pub(super) struct Callers;

/// Returns the service, as every server has it.
pub(super) fn service() -> AccessServiceServer<Callers> {
    AccessServiceServer::new(Callers).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

#[tonic::async_trait]
impl AccessService for Callers {
    async fn get_caller(
        &self,
        request: Request<GetCallerRequest>,
    ) -> Result<Response<GetCallerResponse>, Status> {
        let proven: Option<&Proven> = request.extensions().get();
        let proven = proven.ok_or_else(|| Problem::broken("a call came past the door"))?;
        Ok(Response::new(GetCallerResponse {
            caller: Some(show(proven)),
        }))
    }
}

fn show(proven: &Proven) -> wire::Caller {
    let role = match &proven.caller {
        Caller::Anonymous => wire::Role::Unspecified,
        Caller::Known(identity) => identity.role().to_wire(),
    };
    let subject = match &proven.caller {
        Caller::Anonymous => String::new(),
        Caller::Known(identity) => identity.subject(),
    };
    let proof = match proven.proof {
        Proof::None => wire::Proof::Unspecified,
        Proof::Word => wire::Proof::Word,
        Proof::Key => wire::Proof::Key,
        Proof::Token => wire::Proof::Token,
        Proof::Certificate => wire::Proof::Certificate,
    };
    wire::Caller {
        role: role.into(),
        tenant: proven
            .caller
            .tenant()
            .map(|_| subject.clone())
            .unwrap_or_default(),
        subject,
        proof: proof.into(),
        development: proven.is_for_development(),
        expire_time: proven.expires.map(|end| Timestamp {
            seconds: end.as_second(),
            nanos: end.subsec_nanosecond(),
        }),
        methods: texts(&proven.scope.methods),
        applications: proven
            .scope
            .applications
            .iter()
            .map(|application| format!("applications/{application}"))
            .collect(),
        person: proven
            .person
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn texts<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    all.into_iter().map(|one| one.to_string()).collect()
}
