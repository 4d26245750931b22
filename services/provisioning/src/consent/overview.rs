//! What a tenant has agreed to and what it was asked, for whoever holds one of its links; and how it
//! withdraws. Any link that has not expired shows it: whoever gets a tenant's mails may decide for it.

use contract::{ProvisioningName, TenantRef};
use jiff::Timestamp;
use store::Tx;

use super::{
    Basis, Since, Standing,
    decide::{Answer, Case, Choice, FORMS_KEPT, Record, force, holder_name},
    offer::Offer,
};
use crate::{
    error::Error,
    fleet::Force,
    form_token, offer_token,
    outstanding::{self, Seen},
    service::Service,
    store::{forms, offers, provisionings, tenants},
    switch::Usage,
    trail,
};

/// The most provisionings that are shown: those in use, then those that changed last.
const ENTRIES_MAX: usize = 200;

/// What a tenant has agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overview {
    /// Names the link that shows it, for the page's form.
    pub(crate) link: String,
    /// What people call the tenant.
    pub(crate) tenant: String,
    /// Every provisioning that the tenant has.
    pub(crate) entries: Vec<Entry>,
    /// Until when the link works.
    pub(crate) expires_at: Timestamp,
}

/// One provisioning of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The provisioning.
    pub(crate) seen: Seen,
    /// What people call the application.
    pub(crate) application: String,
    /// Whether its version is in use.
    pub(crate) usage: Usage,
    /// How far its denial has come, if it is denied.
    pub(crate) force: Option<Force>,
}

/// Returns what the tenant of a link has agreed to; changes nothing.
pub(crate) async fn show(service: &Service, token: &str) -> Result<Overview, Error> {
    let hash = offer_token::hash(token);
    let now = service.now();
    let (offer, tenant, mut cases) = store::read!(service.db, |tx| {
        let offer = held(tx, &hash, now).await?;
        let tenant = tenants::find(tx, &offer.name.tenant)
            .await?
            .ok_or(Error::TokenInvalid)?;
        let mut cases = Vec::new();
        for row in provisionings::of_tenant(tx, &tenant.id).await? {
            if row.consent.standing.is_live() {
                cases.extend(Case::find(tx, &row.name).await?);
            }
        }
        Ok::<_, Error>((offer, tenant, cases))
    })?;
    cases.sort_by_key(|case| {
        let since = case.provisioning.consent.since.at;
        (case.usage() == Usage::NotInUse, std::cmp::Reverse(since))
    });
    cases.truncate(ENTRIES_MAX);
    let mut entries = Vec::with_capacity(cases.len());
    for case in cases {
        let force = match case.provisioning.consent.standing {
            Standing::Denied => {
                let revision = case.provisioning.granted_at;
                let looked = service.fleet.look(&service.db, case.usage(), revision);
                Some(looked.await?)
            }
            Standing::PendingAcceptance
            | Standing::Provisioned(_)
            | Standing::Failed(_)
            | Standing::Removed(_) => None,
        };
        entries.push(entry(service, case, force).await?);
    }
    Ok(Overview {
        link: link(&hash),
        tenant: tenant.profile.display_name.to_string(),
        entries,
        expires_at: offer.expires_at,
    })
}

/// The tenant of a link withdraws from a version of its own, by the form of its overview. A form that
/// has done so already changes nothing.
pub(crate) async fn withdraw(
    service: &Service,
    token: &str,
    name: &ProvisioningName,
    answer: &Answer,
) -> Result<Entry, Error> {
    let hash = offer_token::hash(token);
    let now = service.now();
    let record = Record {
        choice: Choice::Deny,
        basis: Basis::Accepted,
        by: Since {
            at: now,
            actor: holder_name(&answer.origin),
            note: String::new(),
        },
        origin: &answer.origin,
        offer: Some(&hash),
    };
    let case = store::write!(service.db, |tx| {
        let offer = held(tx, &hash, now).await?;
        if offer.name.tenant != name.tenant {
            return Err(Error::TokenInvalid);
        }
        let case = Case::find(tx, name)
            .await?
            .filter(|case| case.provisioning.consent.standing.is_live())
            .ok_or_else(|| Error::NotProvisioned(name.to_string()))?;
        let form = form_token::read(&service.seal, &link(&hash), &answer.form, now);
        let form = form.ok_or(Error::FormStale)?;
        if forms::find(tx, &form.hash).await?.is_some() {
            return match case.provisioning.consent.standing {
                Standing::Denied => Ok(case),
                _ => Err(Error::FormStale),
            };
        }
        form.judge(&answer.typed, &name.application)?;
        let choice = Choice::Deny.as_str();
        forms::insert(tx, &form.hash, choice, now, now - FORMS_KEPT).await?;
        let before = case.provisioning.clone();
        let case = case.take(service, tx, &record).await?;
        if let Some(change) = case.change_since(tx, &before).await? {
            let change = change
                .asked(&trail::withdrawn(name, &answer.origin))
                .by_link(TenantRef::from(name.tenant.clone()));
            trail::add(tx, now, &change).await?;
        }
        Ok(case)
    })?;
    let (case, force) = force(service, case).await?;
    entry(service, case, force).await
}

/// Returns the link whose token has this hash, while it has not expired.
async fn held(tx: &mut Tx, hash: &str, now: Timestamp) -> Result<Offer, Error> {
    let offer = offers::find(tx, hash)
        .await?
        .filter(|offer| offer_token::same(&offer.hash, hash))
        .ok_or(Error::TokenInvalid)?;
    if offer.expires_at <= now {
        return Err(Error::TokenExpired);
    }
    Ok(offer)
}

/// Returns for what the overview's forms count: not for the link's own page.
fn link(hash: &str) -> String {
    format!("overview/{hash}")
}

async fn entry(service: &Service, case: Case, force: Option<Force>) -> Result<Entry, Error> {
    let usage = case.usage();
    let seen = outstanding::of(service, vec![case.provisioning]).await?;
    let seen = seen.into_iter().next();
    Ok(Entry {
        seen: seen.ok_or_else(|| Error::Broken("a provisioning was not looked at".to_owned()))?,
        application: case.application.display_name,
        usage,
        force,
    })
}
