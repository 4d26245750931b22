//! Gives a tenant an application, and takes it away.

use contract::{
    ApplicationName, ApplicationRef, Line, Prose, ProvisioningName, TenantId, TenantRef,
    VersionName, VersionRef,
};
use store::Tx;

use crate::{
    consent::{
        Event, Since,
        apply::{Applied, Place, Writer},
    },
    error::Error,
    notices, prepare,
    provisioning::Provisioning,
    service::Service,
    store::{
        applications::{self, Application},
        offers, provisionings, switches, tenants,
    },
    tenant::Tenant,
    trail::{self, Change},
};

/// How the tenant's consent is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Consenting {
    /// It is asked by mail.
    Ask,
    /// The operator has it in writing.
    OnRecord {
        /// Where it is written down.
        reference: Line<500>,
    },
}

impl Consenting {
    /// Returns what it is for consent.
    pub(crate) fn event(&self) -> Event {
        match self {
            Self::Ask => Event::Asked,
            Self::OnRecord { .. } => Event::OnRecord,
        }
    }

    /// Returns what the operator says about it.
    pub(crate) fn note(&self) -> String {
        match self {
            Self::Ask => String::new(),
            Self::OnRecord { reference } => reference.to_string(),
        }
    }
}

/// Gives a tenant a version of an application, or gives it back. While a switch from that version
/// is open, the tenant is moved along with the others.
pub(crate) async fn give(
    service: &Service,
    tenant: &TenantId,
    version: &VersionRef,
    consenting: &Consenting,
    actor: &str,
) -> Result<Provisioning, Error> {
    service.catalog.app_credentials(version).await?;
    let display_name = service.catalog.display_name(&version.application).await?;
    let event = consenting.event();
    let by = Since {
        at: service.now(),
        actor: actor.to_owned(),
        note: consenting.note(),
    };
    store::write!(service.db, |tx| {
        let Some(tenant) = tenants::find(tx, tenant).await? else {
            return Err(Error::Missing(TenantRef::from(tenant.clone()).to_string()));
        };
        applications::call(tx, &version.application, &display_name).await?;
        let application = applications::find(tx, &version.application).await?;
        let mut writer = Writer::new(service, by.at);
        let whose = (&tenant, &application);
        let name = ProvisioningName {
            tenant: tenant.id.clone(),
            application: version.application.clone(),
            version: version.version.clone(),
        };
        let row = provisionings::find(tx, &name).await?;
        let before = row.clone();
        let what = &version.version;
        let given = give_within(tx, &mut writer, whose, what, row, &event, &by).await?;
        let change = trail::of_provisioning(tx, before.as_ref(), &given).await?;
        trail::add(tx, by.at, &change.reason(&by.note)).await?;
        Ok(given)
    })
}

/// Gives it within a transaction; its row is `row` so far.
pub(crate) async fn give_within(
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    (tenant, application): (&Tenant, &Application),
    version: &VersionName,
    row: Option<Provisioning>,
    event: &Event,
    by: &Since,
) -> Result<Provisioning, Error> {
    let place = Place {
        tenant,
        application,
        version,
        source: None,
    };
    let given = match writer.apply(tx, place, row, event, by).await? {
        Applied::Changed(given) => given,
        Applied::Same(_) => return Err(Error::AlreadyProvisioned(place.name().to_string())),
    };
    if let Some(switch) = switches::unsettled(tx, &application.name).await? {
        prepare::joined(tx, writer, switch, (tenant, application), &given, by.at).await?;
    }
    Ok(given)
}

/// Takes an application away from a tenant; returns its provisionings, all removed.
pub(crate) async fn take_away(
    service: &Service,
    tenant: &TenantId,
    application: &ApplicationName,
    reason: &Prose<500>,
    actor: &str,
) -> Result<Vec<Provisioning>, Error> {
    let by = Since {
        at: service.now(),
        actor: actor.to_owned(),
        note: reason.to_string(),
    };
    store::write!(service.db, |tx| {
        let Some(tenant) = tenants::find(tx, tenant).await? else {
            return Err(Error::Missing(TenantRef::from(tenant.clone()).to_string()));
        };
        let application = applications::find(tx, application).await?;
        let mut writer = Writer::new(service, by.at);
        let whose = (&tenant, &application);
        let named = ApplicationRef::from(application.name.clone());
        let what = format!("{}/{named}", TenantRef::from(tenant.id.clone()));
        let before = trail::of_application(tx, &tenant, &named).await?;
        let removed = take_within(service, tx, &mut writer, whose, &by).await?;
        let Some(removed) = removed else {
            return Err(Error::NotProvisioned(what));
        };
        let change = Change::of(what)
            .reason(&by.note)
            .before(&before)
            .after(&trail::of_application(tx, &tenant, &named).await?);
        trail::add(tx, by.at, &change).await?;
        Ok(removed)
    })
}

/// Takes it away within a transaction; none if the tenant has nothing of it.
pub(crate) async fn take_within(
    service: &Service,
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    (tenant, application): (&Tenant, &Application),
    by: &Since,
) -> Result<Option<Vec<Provisioning>>, Error> {
    let (mut removed, mut changed) = (Vec::new(), false);
    for row in provisionings::of_application(tx, &tenant.id, &application.name).await? {
        let version = row.name.version.clone();
        let place = Place {
            tenant,
            application,
            version: &version,
            source: None,
        };
        let event = Event::RemovedByOperator;
        match writer.apply(tx, place, Some(row), &event, by).await? {
            Applied::Changed(next) => {
                changed = true;
                removed.push(next);
            }
            Applied::Same(row) => removed.extend(row),
        }
    }
    let Some(any) = removed.first().filter(|_| changed) else {
        return Ok(None);
    };
    offers::void_application(tx, &tenant.id, &application.name, by.at).await?;
    let place = Place {
        tenant,
        application,
        version: &any.name.version,
        source: None,
    };
    let told = writer.happening(place, "removal").access_removed(&by.note);
    notices::queue(tx, service, [told], by.at).await?;
    Ok(Some(removed))
}

/// Returns a provisioning of a tenant that exists.
pub(crate) async fn find(
    service: &Service,
    name: &ProvisioningName,
) -> Result<Provisioning, Error> {
    let missing = || Error::Missing(name.to_string());
    store::read!(service.db, |tx| {
        tenants::find(tx, &name.tenant).await?.ok_or_else(missing)?;
        provisionings::find(tx, name).await?.ok_or_else(missing)
    })
}
