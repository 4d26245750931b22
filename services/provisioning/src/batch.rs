//! Gives and takes away for many tenants: each as if alone, many in one transaction. What fails for
//! one is its answer; a repeat under the same request does nothing twice. Each transaction leaves an entry
//! in the audit log of its own.

use contract::{
    ApplicationName, ApplicationRef, Problem, Prose, RequestId, TenantId, TenantRef, VersionRef,
};
use jiff::{SignedDuration, Timestamp};
use proto::provisioning::v1 as wire;
use sha2::{Digest as _, Sha256};
use store::Tx;

use crate::{
    consent::{Contacts, Since, apply::Writer},
    error::Error,
    provide::{self, Consenting},
    service::Service,
    store::{
        applications::{self, Application},
        batches, provisionings, tenants,
    },
    tenant::{Profile, Tenant},
    trail::{self, Change, shown},
};

/// The most tenants of one call.
pub(crate) const TENANTS_MAX: usize = 500;
/// Tenants of one transaction: few enough that a tenant's decision does not wait long behind them.
const PART: usize = 100;
/// How long a repeat is known as one.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A tenant that is to use a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Which.
    pub(crate) tenant: TenantId,
    /// What it is like, if it is created.
    pub(crate) profile: Profile,
    /// How its consent is had.
    pub(crate) consenting: Consenting,
}

/// What was done for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// It was created, and given the version.
    Created,
    /// It was given the version for the first time.
    Provided,
    /// It was given the version again.
    Restored,
    /// The application was taken away from it.
    Removed,
    /// Nothing: it was so already.
    Unchanged,
}

impl Done {
    /// Everything that can be done.
    pub(crate) const ALL: [Self; 5] = [
        Self::Created,
        Self::Provided,
        Self::Restored,
        Self::Removed,
        Self::Unchanged,
    ];

    /// Returns how it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Provided => "provided",
            Self::Restored => "restored",
            Self::Removed => "removed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// How one tenant went.
pub(crate) type Outcome = (TenantId, Result<Done, Problem>);

/// Under which request a batch is done, and who does it.
#[derive(Debug, Clone)]
pub(crate) struct Batch<'a> {
    /// The request, if it has an id.
    pub(crate) request: Option<&'a RequestId>,
    /// Who.
    pub(crate) actor: &'a str,
}

impl Batch<'_> {
    /// Returns what was done for a tenant already, or an error if it was something else.
    async fn before(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        digest: &str,
    ) -> Result<Option<Result<Done, Problem>>, Error> {
        let Some(request) = self.request else {
            return Ok(None);
        };
        let found = batches::find(tx, request, tenant).await?;
        Ok(found.map(|(of, done)| {
            if of == digest {
                Ok(done)
            } else {
                Err(Problem::from(Error::RequestIdReused))
            }
        }))
    }

    async fn keep(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        digest: &str,
        done: Done,
        now: Timestamp,
    ) -> Result<(), Error> {
        match self.request {
            Some(request) => Ok(batches::insert(tx, request, tenant, digest, done, now).await?),
            None => Ok(()),
        }
    }

    fn since(&self, service: &Service, note: String) -> Since {
        Since {
            at: service.now(),
            actor: self.actor.to_owned(),
            note,
        }
    }
}

/// Lets tenants use a version, and creates those that are not there.
pub(crate) async fn provide(
    service: &Service,
    version: &VersionRef,
    entries: &[Entry],
    batch: &Batch<'_>,
) -> Result<Vec<Outcome>, Error> {
    service.catalog.app_credentials(version).await?;
    let display_name = service.catalog.display_name(&version.application).await?;
    let digest = digest(&["provide", &version.to_string()]);
    let mut outcomes = Vec::with_capacity(entries.len());
    for part in entries.chunks(PART) {
        let now = service.now();
        let done = store::write!(service.db, |tx| {
            batches::forget(tx, now - REMEMBERED).await?;
            applications::call(tx, &version.application, &display_name).await?;
            let application = applications::find(tx, &version.application).await?;
            let mut writer = Writer::new(service, now);
            let mut done = Vec::with_capacity(part.len());
            for entry in part {
                let outcome = match batch.before(tx, &entry.tenant, &digest).await? {
                    Some(before) => before,
                    None => {
                        let what = (version, &application);
                        let provided = give(service, tx, &mut writer, what, entry, batch).await?;
                        if let Ok(done) = provided {
                            batch.keep(tx, &entry.tenant, &digest, done, now).await?;
                        }
                        provided
                    }
                };
                done.push((entry.tenant.clone(), outcome));
            }
            if writer.has_written() {
                let change = Change::of(version).asked(&asked(version, part, batch));
                let after = wire::BatchProvideResponse {
                    results: results(&done),
                };
                trail::add(tx, now, &change.after(&after)).await?;
            }
            Ok::<_, Error>(done)
        })?;
        outcomes.extend(done);
    }
    Ok(outcomes)
}

/// Gives one tenant the version. What refuses it is found out before anything is written.
async fn give(
    service: &Service,
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    (version, application): (&VersionRef, &Application),
    entry: &Entry,
    batch: &Batch<'_>,
) -> Result<Result<Done, Problem>, Error> {
    let found = tenants::find(tx, &entry.tenant).await?;
    let new = found.is_none();
    let now = service.now();
    let tenant = found.unwrap_or_else(|| Tenant {
        id: entry.tenant.clone(),
        profile: entry.profile.clone(),
        request: None,
        revision: provisionings::first(),
        created_at: now,
        updated_at: now,
    });
    let name = contract::ProvisioningName {
        tenant: tenant.id.clone(),
        application: version.application.clone(),
        version: version.version.clone(),
    };
    let row = provisionings::find(tx, &name).await?;
    if row
        .as_ref()
        .is_some_and(|row| row.consent.standing.is_live())
    {
        return Ok(Ok(Done::Unchanged));
    }
    let asks = entry.consenting == Consenting::Ask;
    if asks && tenant.profile.reach() == Contacts::None {
        let tenant = TenantRef::from(tenant.id).to_string();
        let problem = Problem::from(Error::NoContact(tenant));
        return Ok(Err(problem.next(
            "Give it a contact, or say where its consent is written down.",
        )));
    }
    let done = match (new, &row) {
        (true, _) => Done::Created,
        (false, None) => Done::Provided,
        (false, Some(_)) => Done::Restored,
    };
    if new {
        tenants::insert(tx, &tenant).await?;
    }
    let by = batch.since(service, entry.consenting.note());
    let event = entry.consenting.event();
    provide::give_within(
        tx,
        writer,
        (&tenant, application),
        &version.version,
        row,
        &event,
        &by,
    )
    .await?;
    Ok(Ok(done))
}

/// Takes an application away from tenants.
pub(crate) async fn remove(
    service: &Service,
    application: &ApplicationName,
    tenants: &[TenantId],
    reason: &Prose<500>,
    batch: &Batch<'_>,
) -> Result<Vec<Outcome>, Error> {
    let digest = digest(&["remove", application.as_str(), reason.as_str()]);
    let mut outcomes = Vec::with_capacity(tenants.len());
    for part in tenants.chunks(PART) {
        let now = service.now();
        let done = store::write!(service.db, |tx| {
            batches::forget(tx, now - REMEMBERED).await?;
            let application = applications::find(tx, application).await?;
            let mut writer = Writer::new(service, now);
            let by = batch.since(service, reason.to_string());
            let mut done = Vec::with_capacity(part.len());
            for tenant in part {
                let outcome = match batch.before(tx, tenant, &digest).await? {
                    Some(before) => before,
                    None => {
                        let taken =
                            take(service, tx, &mut writer, &application, tenant, &by).await?;
                        if let Ok(done) = taken {
                            batch.keep(tx, tenant, &digest, done, now).await?;
                        }
                        taken
                    }
                };
                done.push((tenant.clone(), outcome));
            }
            if writer.has_written() {
                let named = ApplicationRef::from(application.name.clone());
                let change = Change::of(&named).reason(reason.as_str());
                let after = wire::BatchRemoveResponse {
                    results: results(&done),
                };
                let asked = wire::BatchRemoveRequest {
                    application: named.to_string(),
                    tenants: part.iter().cloned().map(named_tenant).collect(),
                    reason: reason.to_string(),
                    request_id: batch.request.map(ToString::to_string).unwrap_or_default(),
                };
                trail::add(tx, now, &change.asked(&asked).after(&after)).await?;
            }
            Ok::<_, Error>(done)
        })?;
        outcomes.extend(done);
    }
    Ok(outcomes)
}

async fn take(
    service: &Service,
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    application: &Application,
    tenant: &TenantId,
    by: &Since,
) -> Result<Result<Done, Problem>, Error> {
    let Some(tenant) = tenants::find(tx, tenant).await? else {
        let missing = TenantRef::from(tenant.clone()).to_string();
        return Ok(Err(Error::Missing(missing).into()));
    };
    let taken = provide::take_within(service, tx, writer, (&tenant, application), by).await?;
    Ok(Ok(match taken {
        Some(_) => Done::Removed,
        None => Done::Unchanged,
    }))
}

/// Returns what was asked of one transaction, for the audit log.
fn asked(version: &VersionRef, part: &[Entry], batch: &Batch<'_>) -> wire::BatchProvideRequest {
    let tenants = part.iter().map(|entry| wire::BatchTenant {
        tenant: named_tenant(entry.tenant.clone()),
        consent_reference: entry.consenting.note(),
        ..wire::BatchTenant::default()
    });
    wire::BatchProvideRequest {
        version: version.to_string(),
        tenants: tenants.collect(),
        request_id: batch.request.map(ToString::to_string).unwrap_or_default(),
    }
}

fn named_tenant(tenant: TenantId) -> String {
    TenantRef::from(tenant).to_string()
}

fn results(done: &[Outcome]) -> Vec<wire::BatchResult> {
    done.iter().map(shown::batch_result).collect()
}

/// Tells one batch's order from another's.
fn digest(order: &[&str]) -> String {
    let order = serde_json::to_vec(order).expect("texts are plain data");
    Sha256::digest(order)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
