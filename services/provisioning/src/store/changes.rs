//! The table of what has happened to provisionings: written in the transaction of the change, never
//! changed. Numbers are in the order of commits, so whoever has read up to one has missed none.

use contract::{ApplicationName, ProvisioningName, TenantId, VersionName};
use store::{Error, Tx, on};

use super::{Column, grants, json};
use crate::change::{Change, Place, What};

const TABLE: &str = "provisioning_changes";

/// What is woken when something has happened, or gateways have applied it.
pub(crate) const TOPIC: &str = "provisioning_changes";

/// Numbers the changes of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Numbers(Option<Place>);

impl Numbers {
    async fn next(&mut self, tx: &mut Tx) -> Result<Place, Error> {
        let place = match self.0 {
            Some(Place(number, place)) => Place(number, place + 1),
            None => Place(grants::next_change(tx).await?, 0),
        };
        self.0 = Some(place);
        Ok(place)
    }
}

/// Which changes are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'a> {
    /// Only this tenant's.
    pub(crate) tenant: Option<&'a TenantId>,
    /// Only this application's.
    pub(crate) application: Option<&'a ApplicationName>,
    /// Only this version's.
    pub(crate) version: Option<&'a VersionName>,
}

#[derive(sqlx::FromRow)]
struct Row {
    change: i64,
    place: i64,
    tenant: String,
    application: String,
    version: String,
    event: String,
    at: i64,
    actor: String,
    reason: String,
    stood: Option<String>,
    stands: String,
    switch: Option<String>,
    request_id: Option<String>,
}

impl TryFrom<Row> for (Place, Change) {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let what = What::STORED
            .into_iter()
            .find(|what| what.as_str() == row.event)
            .ok_or_else(|| Column(TABLE, "event").damaged(&row.event))?;
        let change = Change {
            name: ProvisioningName {
                tenant: Column(TABLE, "tenant").text(&row.tenant)?,
                application: Column(TABLE, "application").text(&row.application)?,
                version: Column(TABLE, "version").text(&row.version)?,
            },
            what,
            at: Column(TABLE, "at").time(row.at)?,
            actor: row.actor,
            reason: row.reason,
            stood: row
                .stood
                .map(|stood| Column(TABLE, "stood").json(&stood))
                .transpose()?,
            stands: Column(TABLE, "stands").json(&row.stands)?,
            switch: Column(TABLE, "switch").optional(row.switch.as_deref())?,
            request: Column(TABLE, "request_id").optional(row.request_id.as_deref())?,
        };
        Ok((Place(row.change, row.place), change))
    }
}

fn all(rows: Vec<Row>) -> Result<Vec<(Place, Change)>, Error> {
    rows.into_iter().map(TryFrom::try_from).collect()
}

/// Adds a change.
pub(crate) async fn insert(
    tx: &mut Tx,
    numbers: &mut Numbers,
    change: &Change,
) -> Result<(), Error> {
    const SQL: &str = "insert into provisioning_changes (change, place, tenant, application, version, event, at, \
        actor, reason, stood, stands, switch, request_id) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let Place(number, place) = numbers.next(tx).await?;
    let (stood, stands) = (change.stood.as_ref().map(json), json(&change.stands));
    let switch = change.switch.map(|switch| switch.to_string());
    tx.wake(TOPIC);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(number)
        .bind(place)
        .bind(change.name.tenant.as_str())
        .bind(change.name.application.as_str())
        .bind(change.name.version.as_str())
        .bind(change.what.as_str())
        .bind(change.at.as_microsecond())
        .bind(&change.actor)
        .bind(&change.reason)
        .bind(stood.as_deref())
        .bind(&stands)
        .bind(switch.as_deref())
        .bind(change.request.as_ref().map(contract::RequestId::as_str))
        .execute(conn)
        .await
        .map(drop))
}

/// Returns up to `limit` changes of a provisioning, newest first, those before `before`.
pub(crate) async fn history(
    tx: &mut Tx,
    name: &ProvisioningName,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<(Place, Change)>, Error> {
    const SQL: &str = "select * from provisioning_changes where tenant = $1 and application = $2 and version = $3 \
        and (change, place) < ($4, $5) order by change desc, place desc limit $6";
    let Place(number, place) = before.unwrap_or(Place(i64::MAX, i64::MAX));
    let rows = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.tenant.as_str())
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .bind(number)
        .bind(place)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    all(rows)
}

/// Returns up to `limit` changes in order, those after `after`.
pub(crate) async fn since(
    tx: &mut Tx,
    of: Of<'_>,
    after: Place,
    limit: i64,
) -> Result<Vec<(Place, Change)>, Error> {
    const SQL: &str = "select * from provisioning_changes where (change, place) > ($1, $2) \
        and ($3 = '' or tenant = $3) and ($4 = '' or application = $4) and ($5 = '' or version = $5) \
        order by change, place limit $6";
    let rows = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(after.0)
        .bind(after.1)
        .bind(of.tenant.map_or("", TenantId::as_str))
        .bind(of.application.map_or("", ApplicationName::as_str))
        .bind(of.version.map_or("", VersionName::as_str))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    all(rows)
}

/// Returns the place of the last change.
pub(crate) async fn last(tx: &mut Tx) -> Result<Place, Error> {
    const SQL: &str =
        "select change, place from provisioning_changes order by change desc, place desc limit 1";
    let last: Option<(i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL).fetch_optional(conn).await)?;
    Ok(last.map_or(Place::default(), |(number, place)| Place(number, place)))
}

/// A tenant was deleted, and with it what is known of it.
pub(crate) async fn delete(tx: &mut Tx, tenant: &TenantId) -> Result<(), Error> {
    const SQL: &str = "delete from provisioning_changes where tenant = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(tenant.as_str())
        .execute(conn)
        .await
        .map(drop))
}
