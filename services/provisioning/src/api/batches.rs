//! Many tenants at once.

use std::collections::BTreeSet;

use contract::{
    ApplicationName, ApplicationRef, Checked, Fault, Line, Problem, Prose, RequestId, TenantId,
    TenantRef, VersionRef, Violations,
};
use proto::provisioning::v1::{
    BatchOutcome, BatchProvideRequest, BatchProvideResponse, BatchRemoveRequest,
    BatchRemoveResponse, BatchResult, BatchTenant, batch_service_server::BatchService,
};
use tonic::{Request, Response, Status};

use super::{Api, caller, provisionings::ParseText as _, tenants::contacts};
use crate::{
    batch::{self, Batch, Done, Entry, Outcome, TENANTS_MAX},
    provide::Consenting,
    tenant::Profile,
};

#[tonic::async_trait]
impl BatchService for Api {
    async fn batch_provide(
        &self,
        request: Request<BatchProvideRequest>,
    ) -> Result<Response<BatchProvideResponse>, Status> {
        let actor = caller(&request).subject();
        let request = Provide::read(request.get_ref())?;
        let batch = Batch {
            request: request.id.as_ref(),
            actor: &actor,
        };
        let (version, entries) = (&request.version, &request.entries);
        let outcomes = batch::provide(&self.service, version, entries, &batch).await?;
        let results = outcomes.iter().map(result).collect();
        Ok(Response::new(BatchProvideResponse { results }))
    }

    async fn batch_remove(
        &self,
        request: Request<BatchRemoveRequest>,
    ) -> Result<Response<BatchRemoveResponse>, Status> {
        let actor = caller(&request).subject();
        let request = Remove::read(request.get_ref())?;
        let batch = Batch {
            request: request.id.as_ref(),
            actor: &actor,
        };
        let Remove {
            application,
            tenants,
            reason,
            ..
        } = &request;
        let outcomes = batch::remove(&self.service, application, tenants, reason, &batch).await?;
        let results = outcomes.iter().map(result).collect();
        Ok(Response::new(BatchRemoveResponse { results }))
    }
}

/// What is to be given to whom.
struct Provide {
    version: VersionRef,
    entries: Vec<Entry>,
    id: Option<RequestId>,
}

/// What is to be taken away from whom.
struct Remove {
    application: ApplicationName,
    tenants: Vec<TenantId>,
    reason: Prose<500>,
    id: Option<RequestId>,
}

impl Provide {
    fn read(request: &BatchProvideRequest) -> Result<Self, Problem> {
        let mut v = Violations::new();
        let version = v.parse::<VersionRef>("version", &request.version);
        let mut seen = BTreeSet::new();
        let entries = v.each("tenants", &request.tenants, 1..=TENANTS_MAX, |v, given| {
            entry(v, given, &mut seen)
        });
        let id = v.optional::<RequestId>("request_id", &request.request_id);
        let (version, entries, id) = v.all((version, entries, id))?;
        Ok(Self {
            version,
            entries,
            id,
        })
    }
}

fn entry(v: &mut Violations, given: &BatchTenant, seen: &mut BTreeSet<TenantId>) -> Checked<Entry> {
    let tenant = tenant(v, "tenant", &given.tenant, seen);
    // What is wrong with the id is said of the id.
    let named = match (given.display_name.as_str(), tenant.value()) {
        ("", Some(id)) => id.as_str(),
        ("", None) => "-",
        (given, _) => given,
    };
    let display_name = v.parse::<Line<100>>("display_name", named);
    let contacts = contacts(v, &given.contacts);
    let reference = v.optional::<Line<500>>("consent_reference", &given.consent_reference);
    v.join((tenant, display_name, contacts, reference)).map(
        |(tenant, display_name, contacts, reference)| Entry {
            tenant,
            profile: Profile {
                display_name,
                contacts,
                users: None,
            },
            consenting: match reference {
                None => Consenting::Ask,
                Some(reference) => Consenting::OnRecord { reference },
            },
        },
    )
}

impl Remove {
    fn read(request: &BatchRemoveRequest) -> Result<Self, Problem> {
        let mut v = Violations::new();
        let application = v.parse::<ApplicationRef>("application", &request.application);
        let mut seen = BTreeSet::new();
        let tenants = v.each("tenants", &request.tenants, 1..=TENANTS_MAX, |v, given| {
            tenant(v, "", given, &mut seen)
        });
        let reason = v.parse_text("reason", &request.reason);
        let id = v.optional::<RequestId>("request_id", &request.request_id);
        let (application, tenants, reason, id) = v.all((application, tenants, reason, id))?;
        Ok(Self {
            application: application.application,
            tenants,
            reason,
            id,
        })
    }
}

/// Reads a tenant that was not there before.
fn tenant(
    v: &mut Violations,
    field: &str,
    text: &str,
    seen: &mut BTreeSet<TenantId>,
) -> Checked<TenantId> {
    let tenant = v.parse::<TenantRef>(field, text).map(|named| named.tenant);
    let new = tenant
        .value()
        .is_none_or(|tenant| seen.insert(tenant.clone()));
    v.check(new, field, Fault::Conflicting, "is there twice");
    tenant
}

/// Renders how one tenant went.
pub(crate) fn result((tenant, outcome): &Outcome) -> BatchResult {
    let tenant = TenantRef::from(tenant.clone()).to_string();
    match outcome {
        Ok(done) => BatchResult {
            tenant,
            outcome: match done {
                Done::Created => BatchOutcome::Created,
                Done::Provided => BatchOutcome::Provided,
                Done::Restored => BatchOutcome::Restored,
                Done::Removed => BatchOutcome::Removed,
                Done::Unchanged => BatchOutcome::Unchanged,
            }
            .into(),
            ..BatchResult::default()
        },
        Err(problem) => BatchResult {
            tenant,
            outcome: BatchOutcome::Failed.into(),
            reason: problem.reason().to_string(),
            message: match problem.hint() {
                Some(hint) => format!("{} {hint}", problem.message()),
                None => problem.message().to_owned(),
            },
        },
    }
}
