//! What the audit log says of what was changed here: resources as the API shows them.

pub(crate) use ::audit::Change;
use ::audit::Service as Of;
use contract::{ApplicationRef, ProvisioningName, Revision, TenantRef};
use jiff::Timestamp;
use proto::provisioning::v1 as wire;
use store::Tx;

pub(crate) use crate::api::shown;
use crate::{
    consent::decide::{Choice, Origin},
    credentials::Credential,
    error::Error,
    outstanding,
    provisioning::Provisioning,
    store::provisionings,
    tenant::Tenant,
};

/// Writes an entry down; the last that a transaction does.
pub(crate) async fn add(tx: &mut Tx, at: Timestamp, change: &Change) -> Result<(), Error> {
    Ok(::audit::append(tx, Of::Provisioning, at, change).await?)
}

/// Writes down what became of a tenant.
pub(crate) async fn tenant(
    tx: &mut Tx,
    at: Timestamp,
    before: Option<&Tenant>,
    after: Option<&Tenant>,
) -> Result<(), Error> {
    let Some(named) = after.or(before) else {
        return Ok(());
    };
    let mut change = Change::of(TenantRef::from(named.id.clone()));
    if let Some(tenant) = before {
        change = change.before(&shown::tenant(tenant));
    }
    if let Some(tenant) = after {
        change = change.after(&shown::tenant(tenant));
    }
    add(tx, at, &change).await
}

/// Writes down what became of app credentials.
pub(crate) async fn credential(
    tx: &mut Tx,
    at: Timestamp,
    before: Option<&Credential>,
    after: &Credential,
) -> Result<(), Error> {
    let mut change = Change::of(&after.name).after(&shown::credential(after));
    if let Some(credential) = before {
        change = change.before(&shown::credential(credential));
    }
    add(tx, at, &change).await
}

/// Says what becomes of a provisioning, which every gateway knew before, and none does yet if its grant
/// has changed.
pub(crate) async fn of_provisioning(
    tx: &mut Tx,
    before: Option<&Provisioning>,
    after: &Provisioning,
) -> Result<Change, Error> {
    let known = before.map_or(Revision::ZERO, |before| before.granted_at);
    let mut change = Change::of(&after.name);
    if let Some(row) = before {
        change = change.before(&look(tx, row, known).await?);
    }
    Ok(change.after(&look(tx, after, known).await?))
}

/// Returns a tenant's provisionings of an application, in one message.
pub(crate) async fn of_application(
    tx: &mut Tx,
    tenant: &Tenant,
    application: &ApplicationRef,
) -> Result<wire::RemoveProvisioningResponse, Error> {
    let mut provisionings = Vec::new();
    for row in provisionings::of_application(tx, &tenant.id, &application.application).await? {
        provisionings.push(look(tx, &row, row.granted_at).await?);
    }
    Ok(wire::RemoveProvisioningResponse { provisionings })
}

/// Returns what was asked by a link, without what proves it.
pub(crate) fn decided(choice: Choice, origin: &Origin) -> wire::DecideOfferRequest {
    wire::DecideOfferRequest {
        decision: match choice {
            Choice::Accept => wire::Decision::Accept,
            Choice::Deny => wire::Decision::Deny,
        }
        .into(),
        origin: Some(shown_origin(origin)),
        ..wire::DecideOfferRequest::default()
    }
}

/// Returns what was asked by the overview of a link, without what proves it.
pub(crate) fn withdrawn(name: &ProvisioningName, origin: &Origin) -> wire::WithdrawConsentRequest {
    wire::WithdrawConsentRequest {
        provisioning: name.to_string(),
        origin: Some(shown_origin(origin)),
        ..wire::WithdrawConsentRequest::default()
    }
}

fn shown_origin(origin: &Origin) -> wire::Origin {
    wire::Origin {
        address: origin.address.clone(),
        user_agent: origin.user_agent.clone(),
    }
}

async fn look(
    tx: &mut Tx,
    row: &Provisioning,
    applied: Revision,
) -> Result<wire::Provisioning, Error> {
    let seen = outstanding::look(tx, row, applied).await?;
    Ok(shown::provisioning(&seen))
}
