//! The table of links. It holds hashes of tokens, never tokens.

use std::{collections::HashMap, iter};

use contract::{ProvisioningName, SwitchId, TenantId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use store::{Error, Tx, on};

use super::Column;
use crate::consent::{
    offer::{Offer, Purpose, Validity},
    state::Mail,
};

const TABLE: &str = "offers";

#[derive(sqlx::FromRow)]
struct Row {
    token_hash: String,
    tenant: String,
    application: String,
    version: String,
    purpose: String,
    switch: Option<String>,
    source: Option<String>,
    created_at: i64,
    expires_at: i64,
    voided_at: Option<i64>,
}

impl TryFrom<Row> for Offer {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            hash: row.token_hash,
            name: ProvisioningName {
                tenant: Column(TABLE, "tenant").text(&row.tenant)?,
                application: Column(TABLE, "application").text(&row.application)?,
                version: Column(TABLE, "version").text(&row.version)?,
            },
            purpose: match row.purpose.as_str() {
                "accept" => Purpose::Accept,
                "deny" => Purpose::Deny,
                other => return Err(Column(TABLE, "purpose").damaged(other)),
            },
            switch: Column(TABLE, "switch").optional(row.switch.as_deref())?,
            source: Column(TABLE, "source").optional(row.source.as_deref())?,
            created_at: Column(TABLE, "created_at").time(row.created_at)?,
            expires_at: Column(TABLE, "expires_at").time(row.expires_at)?,
            validity: match row.voided_at {
                None => Validity::Good,
                Some(_) => Validity::Void,
            },
        })
    }
}

/// Returns the link whose token has this hash.
pub(crate) async fn find(tx: &mut Tx, hash: &str) -> Result<Option<Offer>, Error> {
    const SQL: &str = "select * from offers where token_hash = $1";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(hash)
        .fetch_optional(conn)
        .await)?;
    row.map(Offer::try_from).transpose()
}

/// The latest link that a tenant was sent, if that is not void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Latest {
    /// Until when the tenant may decide by it.
    pub(crate) until: Timestamp,
    /// Whether its mail is on its way.
    pub(crate) mail: Mail,
}

/// Returns the latest link to a provisioning that is not void.
pub(crate) async fn latest(tx: &mut Tx, name: &ProvisioningName) -> Result<Option<Latest>, Error> {
    let mut found = latest_of(tx, iter::once(name)).await?;
    Ok(found.remove(name))
}

/// Returns the latest link to each of these provisionings that has one that is not void.
pub(crate) async fn latest_of<'a>(
    tx: &mut Tx,
    names: impl ExactSizeIterator<Item = &'a ProvisioningName> + Clone,
) -> Result<HashMap<ProvisioningName, Latest>, Error> {
    if names.len() == 0 {
        return Ok(HashMap::new());
    }
    let sought: Vec<String> = (0..names.len())
        .map(|row| format!("(${}, ${}, ${})", row * 3 + 1, row * 3 + 2, row * 3 + 3))
        .collect();
    // A notice that is gone was done long ago.
    let sql = format!(
        "with sought (tenant, application, version) as (values {}) \
        select o.tenant, o.application, o.version, o.expires_at, \
        case when n.notice is null or n.done_at is not null then 'settled' \
        when n.parked_at is not null then 'refused' else 'waiting' end \
        from sought s join offers o on o.tenant = s.tenant and o.application = s.application \
        and o.version = s.version left join outbox n on n.notice = o.notice \
        where o.voided_at is null order by o.expires_at, o.offer",
        sought.join(", ")
    );
    let rows: Vec<(String, String, String, i64, String)> = on!(tx, |conn| {
        // There are as many texts as sizes of a page: only that for one is worth keeping.
        let mut query = sqlx::query_as(AssertSqlSafe(sql)).persistent(names.len() == 1);
        for name in names {
            query = query
                .bind(name.tenant.as_str())
                .bind(name.application.as_str())
                .bind(name.version.as_str());
        }
        query.fetch_all(conn).await
    })?;
    // A later one takes the place of one before.
    rows.into_iter()
        .map(|(tenant, application, version, until, mail)| {
            let name = ProvisioningName {
                tenant: Column(TABLE, "tenant").text(&tenant)?,
                application: Column(TABLE, "application").text(&application)?,
                version: Column(TABLE, "version").text(&version)?,
            };
            let latest = Latest {
                until: Column(TABLE, "expires_at").time(until)?,
                mail: match mail.as_str() {
                    "settled" => Mail::Settled,
                    "refused" => Mail::Refused,
                    "waiting" => Mail::Waiting,
                    other => return Err(Column("outbox", "done_at").damaged(other)),
                },
            };
            Ok((name, latest))
        })
        .collect()
}

/// Returns the link that a notice brings, unless it is void.
pub(crate) async fn of_notice(tx: &mut Tx, notice: &str) -> Result<Option<Offer>, Error> {
    const SQL: &str = "select * from offers where notice = $1 and voided_at is null";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(notice)
        .fetch_optional(conn)
        .await)?;
    row.map(Offer::try_from).transpose()
}

/// Inserts a link under an id of its own, with the notice that brings it.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: &str,
    offer: &Offer,
    notice: &str,
) -> Result<(), Error> {
    const SQL: &str = "insert into offers (offer, token_hash, tenant, application, version, purpose, switch, source, \
        created_at, expires_at, notice) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let purpose = match offer.purpose {
        Purpose::Accept => "accept",
        Purpose::Deny => "deny",
    };
    let switch = offer.switch.map(|switch| switch.to_string());
    on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(&offer.hash)
        .bind(offer.name.tenant.as_str())
        .bind(offer.name.application.as_str())
        .bind(offer.name.version.as_str())
        .bind(purpose)
        .bind(switch.as_deref())
        .bind(offer.source.as_ref().map(contract::VersionName::as_str))
        .bind(offer.created_at.as_microsecond())
        .bind(offer.expires_at.as_microsecond())
        .bind(notice)
        .execute(conn)
        .await
        .map(drop))
}

/// Makes all links to a provisioning void; those that a switch makes void open again if it is given up.
pub(crate) async fn void(
    tx: &mut Tx,
    name: &ProvisioningName,
    by: Option<SwitchId>,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "update offers set voided_at = $4, voided_by = $5 \
        where tenant = $1 and application = $2 and version = $3 and voided_at is null";
    let by = by.map(|switch| switch.to_string());
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.tenant.as_str())
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .bind(now.as_microsecond())
        .bind(by.as_deref())
        .execute(conn)
        .await
        .map(drop))
}

/// Makes the links to all of a tenant's provisionings of an application void for good, suspended ones too.
pub(crate) async fn void_application(
    tx: &mut Tx,
    tenant: &TenantId,
    application: &contract::ApplicationName,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "update offers set voided_at = coalesce(voided_at, $3), voided_by = null \
        where tenant = $1 and application = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(tenant.as_str())
        .bind(application.as_str())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// A switch was given up: its own links are void, and those that it made void open again.
pub(crate) async fn give_up(tx: &mut Tx, switch: SwitchId, now: Timestamp) -> Result<(), Error> {
    const REOPEN: &str =
        "update offers set voided_at = null, voided_by = null where voided_by = $1";
    const VOID: &str = "update offers set voided_at = $2 where switch = $1 and voided_at is null";
    let switch = switch.to_string();
    on!(tx, |conn| sqlx::query(REOPEN)
        .bind(&switch)
        .execute(conn)
        .await
        .map(drop))?;
    on!(tx, |conn| sqlx::query(VOID)
        .bind(&switch)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// A tenant was deleted, and with it its links.
pub(crate) async fn delete(tx: &mut Tx, tenant: &TenantId) -> Result<(), Error> {
    const SQL: &str = "delete from offers where tenant = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(tenant.as_str())
        .execute(conn)
        .await
        .map(drop))
}
