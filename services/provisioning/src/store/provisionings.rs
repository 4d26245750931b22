//! The table of provisionings.

use std::collections::{BTreeMap, BTreeSet};

use contract::{ApplicationName, ProvisioningName, Revision, SwitchId, TenantId, VersionName};
use serde::{Deserialize, Serialize};
use store::{Error, Tx, on};

use super::{Column, changes::Of, json};
use crate::consent::{Basis, Before, Consent, Failure, Removal, Since, Standing, Under};
use crate::provisioning::Provisioning;

const TABLE: &str = "provisionings";

#[derive(sqlx::FromRow)]
struct Row {
    tenant: String,
    application: String,
    version: String,
    state: String,
    basis: Option<String>,
    cause: Option<String>,
    state_at: i64,
    actor: String,
    note: String,
    switch: Option<String>,
    under_switch: Option<String>,
    prior: Option<String>,
    created_at: i64,
    revision: i64,
    granted_at_revision: i64,
}

impl TryFrom<Row> for Provisioning {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let under = match (row.under_switch, row.prior) {
            (Some(switch), Some(prior)) => Some(Under {
                switch: Column(TABLE, "under_switch").text(&switch)?,
                before: Column(TABLE, "prior").json::<Before>(&prior)?,
            }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(
                    Column(TABLE, "prior").damaged("is set without its switch, or not with it")
                );
            }
        };
        Ok(Self {
            name: ProvisioningName {
                tenant: Column(TABLE, "tenant").text(&row.tenant)?,
                application: Column(TABLE, "application").text(&row.application)?,
                version: Column(TABLE, "version").text(&row.version)?,
            },
            consent: Consent {
                standing: standing(&row.state, row.basis.as_deref(), row.cause.as_deref())?,
                since: Since {
                    at: Column(TABLE, "state_at").time(row.state_at)?,
                    actor: row.actor,
                    note: row.note,
                },
                brought_by: Column(TABLE, "switch").optional(row.switch.as_deref())?,
                under,
            },
            created_at: Column(TABLE, "created_at").time(row.created_at)?,
            revision: Column(TABLE, "revision").revision(row.revision)?,
            granted_at: Column(TABLE, "granted_at_revision").revision(row.granted_at_revision)?,
        })
    }
}

/// Reads a standing from its three columns.
pub(super) fn standing(
    state: &str,
    basis: Option<&str>,
    cause: Option<&str>,
) -> Result<Standing, Error> {
    Ok(match (state, basis, cause) {
        ("pending_acceptance", None, None) => Standing::PendingAcceptance,
        ("provisioned", Some("accepted"), None) => Standing::Provisioned(Basis::Accepted),
        ("provisioned", Some("on_record"), None) => Standing::Provisioned(Basis::OnRecord),
        ("provisioned", Some("moved_with_notice"), None) => {
            Standing::Provisioned(Basis::MovedWithNotice)
        }
        ("provisioned", Some("moved"), None) => Standing::Provisioned(Basis::Moved),
        ("denied", None, None) => Standing::Denied,
        ("failed", None, Some("no_contact")) => Standing::Failed(Failure::NoContact),
        ("removed", None, Some("by_operator")) => Standing::Removed(Removal::ByOperator),
        ("removed", None, Some("taken_back")) => Standing::Removed(Removal::TakenBack),
        ("removed", None, Some("tenant_deleted")) => Standing::Removed(Removal::TenantDeleted),
        other => return Err(Column(TABLE, "state").damaged(format_args!("{other:?}"))),
    })
}

/// Writes a standing into its three columns.
fn columns(standing: Standing) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    match standing {
        Standing::PendingAcceptance => ("pending_acceptance", None, None),
        Standing::Provisioned(Basis::Accepted) => ("provisioned", Some("accepted"), None),
        Standing::Provisioned(Basis::OnRecord) => ("provisioned", Some("on_record"), None),
        Standing::Provisioned(Basis::MovedWithNotice) => {
            ("provisioned", Some("moved_with_notice"), None)
        }
        Standing::Provisioned(Basis::Moved) => ("provisioned", Some("moved"), None),
        Standing::Denied => ("denied", None, None),
        Standing::Failed(Failure::NoContact) => ("failed", None, Some("no_contact")),
        Standing::Removed(Removal::ByOperator) => ("removed", None, Some("by_operator")),
        Standing::Removed(Removal::TakenBack) => ("removed", None, Some("taken_back")),
        Standing::Removed(Removal::TenantDeleted) => ("removed", None, Some("tenant_deleted")),
    }
}

fn all(rows: Vec<Row>) -> Result<Vec<Provisioning>, Error> {
    rows.into_iter().map(Provisioning::try_from).collect()
}

/// Returns a provisioning, removed ones included.
pub(crate) async fn find(
    tx: &mut Tx,
    name: &ProvisioningName,
) -> Result<Option<Provisioning>, Error> {
    const SQL: &str =
        "select * from provisionings where tenant = $1 and application = $2 and version = $3";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.tenant.as_str())
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Provisioning::try_from).transpose()
}

/// Writes a provisioning, new or changed.
pub(crate) async fn put(tx: &mut Tx, provisioning: &Provisioning) -> Result<(), Error> {
    const SQL: &str = "insert into provisionings (tenant, application, version, state, basis, cause, state_at, \
        actor, note, switch, under_switch, prior, created_at, revision, granted_at_revision) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
        on conflict (tenant, application, version) do update set state = excluded.state, basis = excluded.basis, \
        cause = excluded.cause, state_at = excluded.state_at, actor = excluded.actor, note = excluded.note, \
        switch = excluded.switch, under_switch = excluded.under_switch, prior = excluded.prior, \
        revision = excluded.revision, granted_at_revision = excluded.granted_at_revision";
    let Provisioning {
        name,
        consent,
        created_at,
        revision,
        granted_at,
    } = provisioning;
    let (state, basis, cause) = columns(consent.standing);
    let switch = consent.brought_by.map(|switch| switch.to_string());
    let under = consent.under.as_ref().map(|under| under.switch.to_string());
    let prior = consent.under.as_ref().map(|under| json(&under.before));
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.tenant.as_str())
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .bind(state)
        .bind(basis)
        .bind(cause)
        .bind(consent.since.at.as_microsecond())
        .bind(&consent.since.actor)
        .bind(&consent.since.note)
        .bind(switch.as_deref())
        .bind(under.as_deref())
        .bind(prior.as_deref())
        .bind(created_at.as_microsecond())
        .bind(revision.as_i64())
        .bind(granted_at.as_i64())
        .execute(conn)
        .await
        .map(drop))
}

/// Returns a tenant's provisionings of one application.
pub(crate) async fn of_application(
    tx: &mut Tx,
    tenant: &TenantId,
    application: &ApplicationName,
) -> Result<Vec<Provisioning>, Error> {
    const SQL: &str =
        "select * from provisionings where tenant = $1 and application = $2 order by version";
    let rows = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant.as_str())
        .bind(application.as_str())
        .fetch_all(conn)
        .await)?;
    all(rows)
}

/// Returns all of a tenant's provisionings.
pub(crate) async fn of_tenant(tx: &mut Tx, tenant: &TenantId) -> Result<Vec<Provisioning>, Error> {
    const SQL: &str = "select * from provisionings where tenant = $1 order by application, version";
    let rows = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant.as_str())
        .fetch_all(conn)
        .await)?;
    all(rows)
}

/// By what lists of provisionings are sorted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Key(
    pub(crate) TenantId,
    pub(crate) ApplicationName,
    pub(crate) VersionName,
);

/// Which rows are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Sought<'a> {
    /// Whose, of what.
    pub(crate) of: Of<'a>,
    /// Their `state` as stored; whatever it is if empty.
    pub(crate) standings: BTreeSet<&'static str>,
}

impl Sought<'_> {
    /// Returns the states to bind: SQL has a place for each.
    fn states(&self) -> [&'static str; 5] {
        const ALL: [&str; 5] = [
            "pending_acceptance",
            "provisioned",
            "denied",
            "failed",
            "removed",
        ];
        ALL.map(|state| {
            if self.standings.is_empty() || self.standings.contains(state) {
                state
            } else {
                ""
            }
        })
    }
}

/// Returns up to `limit` provisionings of existing tenants, those after `after`.
pub(crate) async fn list(
    tx: &mut Tx,
    sought: &Sought<'_>,
    after: Option<&Key>,
    limit: i64,
) -> Result<Vec<Provisioning>, Error> {
    const SQL: &str = "select p.* from provisionings p where ($1 = '' or p.tenant = $1) \
        and ($2 = '' or p.application = $2) and (p.tenant, p.application, p.version) > ($3, $4, $5) \
        and exists (select 1 from tenants t where t.tenant = p.tenant) \
        and ($7 = '' or p.version = $7) and p.state in ($8, $9, $10, $11, $12) \
        order by p.tenant, p.application, p.version limit $6";
    let [pending, provisioned, denied, failed, removed] = sought.states();
    let (a, b, c) = after.map_or(("", "", ""), |Key(a, b, c)| {
        (a.as_str(), b.as_str(), c.as_str())
    });
    let rows = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(sought.of.tenant.map_or("", TenantId::as_str))
        .bind(sought.of.application.map_or("", ApplicationName::as_str))
        .bind(a)
        .bind(b)
        .bind(c)
        .bind(limit)
        .bind(sought.of.version.map_or("", VersionName::as_str))
        .bind(pending)
        .bind(provisioned)
        .bind(denied)
        .bind(failed)
        .bind(removed)
        .fetch_all(conn)
        .await)?;
    all(rows)
}

/// Returns up to `limit` provisionings of a version by tenant, those after `after`.
pub(crate) async fn of_version(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
    after: Option<&TenantId>,
    limit: i64,
) -> Result<Vec<Provisioning>, Error> {
    const SQL: &str = "select * from provisionings where application = $1 and version = $2 and tenant > $3 \
        order by tenant limit $4";
    let rows = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .bind(after.map_or("", TenantId::as_str))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    all(rows)
}

/// Returns the provisionings of a version of the tenants from `first` to `last`, both included.
pub(crate) async fn between(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
    first: &TenantId,
    last: &TenantId,
) -> Result<BTreeMap<TenantId, Provisioning>, Error> {
    const SQL: &str = "select * from provisionings where application = $1 and version = $2 \
        and tenant >= $3 and tenant <= $4";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .bind(first.as_str())
        .bind(last.as_str())
        .fetch_all(conn)
        .await)?;
    let rows = all(rows)?.into_iter();
    Ok(rows.map(|row| (row.name.tenant.clone(), row)).collect())
}

/// Returns up to `limit` provisionings whose grants every gateway has applied since: those that changed
/// after revision `after`, up to `applied`, in that order.
pub(crate) async fn applied_since(
    tx: &mut Tx,
    of: Of<'_>,
    (after, applied): (Revision, Revision),
    limit: i64,
) -> Result<Vec<Provisioning>, Error> {
    const SQL: &str = "select * from provisionings where granted_at_revision > $1 and granted_at_revision <= $2 \
        and ($3 = '' or tenant = $3) and ($4 = '' or application = $4) and ($5 = '' or version = $5) \
        order by granted_at_revision, tenant, application, version limit $6";
    let rows = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(after.as_i64())
        .bind(applied.as_i64())
        .bind(of.tenant.map_or("", TenantId::as_str))
        .bind(of.application.map_or("", ApplicationName::as_str))
        .bind(of.version.map_or("", VersionName::as_str))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    all(rows)
}

/// Counts the provisionings of a version, by tenant after `after`, that go along with a switch.
pub(crate) async fn count_carried(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
    after: Option<&TenantId>,
) -> Result<i64, Error> {
    const SQL: &str = "select count(*) from provisionings where application = $1 and version = $2 and tenant > $3 \
        and state in ('pending_acceptance', 'provisioned', 'denied', 'failed')";
    let (count,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .bind(after.map_or("", TenantId::as_str))
        .fetch_one(conn)
        .await)?;
    Ok(count)
}

/// Counts the tenants that have denied a version.
pub(crate) async fn count_denied(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
) -> Result<i64, Error> {
    const SQL: &str = "select count(*) from provisionings where application = $1 and version = $2 and state = 'denied'";
    let (count,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .fetch_one(conn)
        .await)?;
    Ok(count)
}

/// Counts the tenants that use a version or deny it.
pub(crate) async fn count_decided(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
) -> Result<i64, Error> {
    const SQL: &str = "select count(*) from provisionings where application = $1 and version = $2 \
        and state in ('provisioned', 'denied')";
    let (count,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .fetch_one(conn)
        .await)?;
    Ok(count)
}

/// Counts the tenants that a switch could not bring to its target.
pub(crate) async fn count_failed(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
    switch: SwitchId,
) -> Result<i64, Error> {
    const SQL: &str = "select count(*) from provisionings where application = $1 and version = $2 \
        and state = 'failed' and switch = $3";
    let switch = switch.to_string();
    let (count,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .bind(&switch)
        .fetch_one(conn)
        .await)?;
    Ok(count)
}

/// Returns the first `limit` of those.
pub(crate) async fn failed(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
    switch: SwitchId,
    limit: i64,
) -> Result<Vec<Provisioning>, Error> {
    const SQL: &str = "select * from provisionings where application = $1 and version = $2 \
        and state = 'failed' and switch = $3 order by tenant limit $4";
    let switch = switch.to_string();
    let rows = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .bind(&switch)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    all(rows)
}

/// Returns up to `limit` provisionings that a switch has touched and nobody has settled.
pub(crate) async fn under(
    tx: &mut Tx,
    switch: SwitchId,
    limit: i64,
) -> Result<Vec<Provisioning>, Error> {
    const SQL: &str =
        "select * from provisionings where under_switch = $1 order by tenant limit $2";
    let switch = switch.to_string();
    let rows = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(&switch)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    all(rows)
}

/// Returns up to `limit` tenants that may use a version, those after `after`.
pub(crate) async fn provisioned(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
    after: Option<&TenantId>,
    limit: i64,
) -> Result<Vec<TenantId>, Error> {
    const SQL: &str = "select tenant from provisionings where application = $1 and version = $2 \
        and tenant > $3 and state = 'provisioned' order by tenant limit $4";
    let rows: Vec<(String,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .bind(after.map_or("", TenantId::as_str))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|(tenant,)| Column(TABLE, "tenant").text(&tenant))
        .collect()
}

/// The revision of a provisioning that is written for the first time.
pub(crate) fn first() -> Revision {
    Revision::ZERO.next()
}
