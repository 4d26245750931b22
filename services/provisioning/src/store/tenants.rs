//! The table of tenants.

use std::collections::BTreeMap;

use contract::{RequestId, Revision, TenantId};
use store::{Error, Tx, on};

use super::{Column, json};
use crate::tenant::{Profile, Tenant};

const TABLE: &str = "tenants";

#[derive(sqlx::FromRow)]
struct Row {
    tenant: String,
    display_name: String,
    contacts: String,
    users: Option<i64>,
    request_id: Option<String>,
    request_digest: Option<String>,
    revision: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Tenant {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let request =
            Column(TABLE, "request_id").optional::<RequestId>(row.request_id.as_deref())?;
        Ok(Self {
            id: Column(TABLE, "tenant").text(&row.tenant)?,
            profile: Profile {
                display_name: Column(TABLE, "display_name").text(&row.display_name)?,
                contacts: Column(TABLE, "contacts").json(&row.contacts)?,
                users: row.users,
            },
            request: request.zip(row.request_digest),
            revision: Column(TABLE, "revision").revision(row.revision)?,
            created_at: Column(TABLE, "created_at").time(row.created_at)?,
            updated_at: Column(TABLE, "updated_at").time(row.updated_at)?,
        })
    }
}

/// Returns a tenant.
pub(crate) async fn find(tx: &mut Tx, tenant: &TenantId) -> Result<Option<Tenant>, Error> {
    const SQL: &str = "select * from tenants where tenant = $1";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Tenant::try_from).transpose()
}

/// Returns the tenants from `first` to `last`, both included.
pub(crate) async fn between(
    tx: &mut Tx,
    first: &TenantId,
    last: &TenantId,
) -> Result<BTreeMap<TenantId, Tenant>, Error> {
    const SQL: &str = "select * from tenants where tenant >= $1 and tenant <= $2";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(first.as_str())
        .bind(last.as_str())
        .fetch_all(conn)
        .await)?;
    let tenants = rows.into_iter().map(Tenant::try_from);
    tenants
        .map(|tenant| tenant.map(|tenant| (tenant.id.clone(), tenant)))
        .collect()
}

/// Returns the tenant that was created under a request.
pub(crate) async fn find_by_request(
    tx: &mut Tx,
    request: &RequestId,
) -> Result<Option<Tenant>, Error> {
    const SQL: &str = "select * from tenants where request_id = $1";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(request.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Tenant::try_from).transpose()
}

/// Returns up to `limit` tenants in the order of their ids, those after `after`.
pub(crate) async fn list(
    tx: &mut Tx,
    after: Option<&TenantId>,
    limit: i64,
) -> Result<Vec<Tenant>, Error> {
    const SQL: &str = "select * from tenants where tenant > $1 order by tenant limit $2";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(after.map_or("", TenantId::as_str))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Tenant::try_from).collect()
}

/// Inserts a tenant; `false` if one of that id exists.
pub(crate) async fn insert(tx: &mut Tx, tenant: &Tenant) -> Result<bool, Error> {
    const SQL: &str = "insert into tenants (tenant, display_name, contacts, request_id, request_digest, revision, \
        created_at, updated_at, users) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (tenant) do nothing";
    let (request, digest) = tenant
        .request
        .as_ref()
        .map(|(id, digest)| (id.as_str(), digest.as_str()))
        .unzip();
    let contacts = json(&tenant.profile.contacts);
    let rows = on!(tx, |conn| sqlx::query(SQL)
        .bind(tenant.id.as_str())
        .bind(tenant.profile.display_name.as_str())
        .bind(&contacts)
        .bind(request)
        .bind(digest)
        .bind(tenant.revision.as_i64())
        .bind(tenant.created_at.as_microsecond())
        .bind(tenant.updated_at.as_microsecond())
        .bind(tenant.profile.users)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Writes a tenant's profile over the one of revision `seen`.
pub(crate) async fn save(tx: &mut Tx, tenant: &Tenant, seen: Revision) -> Result<(), Error> {
    const SQL: &str = "update tenants set display_name = $3, contacts = $4, revision = $5, updated_at = $6, users = $7 \
        where tenant = $1 and revision = $2";
    let contacts = json(&tenant.profile.contacts);
    let rows = on!(tx, |conn| sqlx::query(SQL)
        .bind(tenant.id.as_str())
        .bind(seen.as_i64())
        .bind(tenant.profile.display_name.as_str())
        .bind(&contacts)
        .bind(tenant.revision.as_i64())
        .bind(tenant.updated_at.as_microsecond())
        .bind(tenant.profile.users)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    super::one(TABLE, rows)
}

/// Deletes a tenant.
pub(crate) async fn delete(tx: &mut Tx, tenant: &TenantId) -> Result<(), Error> {
    const SQL: &str = "delete from tenants where tenant = $1";
    let rows = on!(tx, |conn| sqlx::query(SQL)
        .bind(tenant.as_str())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    super::one(TABLE, rows)
}
