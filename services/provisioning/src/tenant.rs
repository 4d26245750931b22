//! A tenant and whom to tell.

use contract::{EmailAddress, Etag, Line, RequestId, Revision, TenantId, TenantRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    consent::{Contacts, Removal, Since, Standing},
    error::Error,
    service::Service,
    store::{changes, offers, provisionings, tenants, visits},
    trail,
};

/// The most contacts that a tenant has.
pub(crate) const CONTACTS_MAX: usize = 20;
/// The most people that a tenant has.
pub(crate) const USERS_MAX: i64 = 1_000_000_000;

/// A customer of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    /// Part of host names, so it never changes.
    pub(crate) id: TenantId,
    /// What people read, and who is told.
    pub(crate) profile: Profile,
    /// Under which request it was created, and a digest of what was asked.
    pub(crate) request: Option<(RequestId, String)>,
    /// Grows by one with each change.
    pub(crate) revision: Revision,
    /// When it was created.
    pub(crate) created_at: Timestamp,
    /// When it last changed.
    pub(crate) updated_at: Timestamp,
}

/// What can be changed of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Profile {
    /// What people read.
    pub(crate) display_name: Line<100>,
    /// Who is told and may decide; at most [`CONTACTS_MAX`].
    pub(crate) contacts: Vec<Contact>,
    /// How many people it has, where that is known; 1 to [`USERS_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) users: Option<i64>,
}

/// Somebody who is told and may decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contact {
    /// The mailbox.
    pub(crate) email: EmailAddress,
    /// For the salutation.
    pub(crate) display_name: Option<Line<100>>,
}

impl Profile {
    /// Tells whether there is somebody to tell.
    pub(crate) fn reach(&self) -> Contacts {
        if self.contacts.is_empty() {
            Contacts::None
        } else {
            Contacts::Some
        }
    }
}

/// Creates a tenant; a repeat under the same request id answers with what the first call made.
pub(crate) async fn create(
    service: &Service,
    id: &TenantId,
    profile: &Profile,
    request: Option<&RequestId>,
) -> Result<Tenant, Error> {
    let now = service.now();
    let new = Tenant {
        id: id.clone(),
        profile: profile.clone(),
        request: request.map(|request| (request.clone(), digest(id, profile))),
        revision: provisionings::first(),
        created_at: now,
        updated_at: now,
    };
    store::write!(service.db, |tx| {
        if let Some((request, digest)) = &new.request
            && let Some(made) = tenants::find_by_request(tx, request).await?
        {
            return match &made.request {
                Some((_, before)) if before == digest => Ok(made),
                Some(_) | None => Err(Error::RequestIdReused),
            };
        }
        if tenants::insert(tx, &new).await? {
            trail::tenant(tx, now, None, Some(&new)).await?;
            Ok(new.clone())
        } else {
            Err(Error::AlreadyExists(
                TenantRef::from(id.clone()).to_string(),
            ))
        }
    })
}

/// Tells one request's content from another's.
fn digest(id: &TenantId, profile: &Profile) -> String {
    let content = serde_json::to_vec(&(id, profile)).expect("a profile is plain data");
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Returns a tenant.
pub(crate) async fn find(service: &Service, id: &TenantId) -> Result<Tenant, Error> {
    let found = store::read!(service.db, |tx| tenants::find(tx, id).await)?;
    found.ok_or_else(|| missing(id))
}

/// Returns up to `limit` tenants after one.
pub(crate) async fn list(
    service: &Service,
    after: Option<&TenantId>,
    limit: i64,
) -> Result<Vec<Tenant>, Error> {
    Ok(store::read!(service.db, |tx| tenants::list(
        tx, after, limit
    )
    .await)?)
}

/// Changes a tenant's profile, if the tenant is still what the caller has seen.
pub(crate) async fn update(
    service: &Service,
    id: &TenantId,
    seen: Option<Etag>,
    display_name: Option<&Line<100>>,
    contacts: Option<&Vec<Contact>>,
    users: Option<Option<i64>>,
) -> Result<Tenant, Error> {
    let now = service.now();
    store::write!(service.db, |tx| {
        let before = tenants::find(tx, id).await?.ok_or_else(|| missing(id))?;
        if let Some(seen) = seen {
            seen.must_match(before.revision, TenantRef::from(id.clone()))?;
        }
        let mut after = before.clone();
        if let Some(display_name) = display_name {
            after.profile.display_name = display_name.clone();
        }
        if let Some(contacts) = contacts {
            after.profile.contacts = contacts.clone();
        }
        if let Some(users) = users {
            after.profile.users = users;
        }
        if after == before {
            return Ok(before);
        }
        after.revision = before.revision.next();
        after.updated_at = now;
        tenants::save(tx, &after, before.revision).await?;
        trail::tenant(tx, now, Some(&before), Some(&after)).await?;
        Ok(after)
    })
}

/// Deletes a tenant that has nothing left. What was removed stays as a row without its story: the
/// gateways have yet to hear of it.
pub(crate) async fn delete(
    service: &Service,
    id: &TenantId,
    seen: Option<Etag>,
) -> Result<(), Error> {
    let now = service.now();
    store::write!(service.db, |tx| {
        let tenant = tenants::find(tx, id).await?.ok_or_else(|| missing(id))?;
        if let Some(seen) = seen {
            seen.must_match(tenant.revision, TenantRef::from(id.clone()))?;
        }
        for mut row in provisionings::of_tenant(tx, id).await? {
            if !matches!(row.consent.standing, Standing::Removed(_)) {
                return Err(Error::StillProvisioned(
                    TenantRef::from(id.clone()).to_string(),
                ));
            }
            row.consent.standing = Standing::Removed(Removal::TenantDeleted);
            row.consent.since = Since {
                at: now,
                actor: String::new(),
                note: String::new(),
            };
            row.consent.under = None;
            row.revision = row.revision.next();
            provisionings::put(tx, &row).await?;
        }
        offers::delete(tx, id).await?;
        changes::delete(tx, id).await?;
        visits::delete(tx, id).await?;
        tenants::delete(tx, id).await?;
        trail::tenant(tx, now, Some(&tenant), None).await
    })
}

fn missing(id: &TenantId) -> Error {
    Error::Missing(TenantRef::from(id.clone()).to_string())
}
