//! What provisioning is to be told of app credentials: written with the change that it is about, kept
//! until it was taken, one order of an application after the other.

use std::time::Duration;

use ::store::{Error, Tx, claim, on};
use contract::{ApplicationName, RequestId};
use jiff::Timestamp;

use super::{CREDENTIAL_ORDERS, from_json, json, not_before, parsed, time};
use crate::credentials::Order;

const TABLE: &str = "credential_orders";

/// Which order.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) application: ApplicationName,
    pub(crate) number: i64,
}

/// One that is due.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) place: Place,
    pub(crate) order: Order,
    pub(crate) request_id: RequestId,
    /// Tries so far, this one included.
    pub(crate) tries: u32,
}

/// Adds one behind those of its application, due at once; returns its number.
pub(crate) async fn add(
    tx: &mut Tx,
    order: &Order,
    request_id: &RequestId,
    now: Timestamp,
) -> Result<i64, Error> {
    const LAST: &str =
        "select cast(max(number) as bigint) from credential_orders where application = $1";
    const SQL: &str = "insert into credential_orders (application, number, body, request_id, due_at, tries) \
        values ($1, $2, $3, $4, $5, 0)";
    tx.wake(CREDENTIAL_ORDERS);
    let application = &order.version().application;
    let (last,): (Option<i64>,) = on!(tx, |conn| sqlx::query_as(LAST)
        .bind(application.as_str())
        .fetch_one(conn)
        .await)?;
    let number = last.unwrap_or(0) + 1;
    on!(tx, |conn| sqlx::query(SQL)
        .bind(application.as_str())
        .bind(number)
        .bind(json(order))
        .bind(request_id.as_str())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))?;
    Ok(number)
}

/// Claims of at most `limit` applications the first order, if it is due, and puts off when it is due
/// again by `lease`.
pub(crate) async fn claim_due(
    tx: &mut Tx,
    now: Timestamp,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Due>, Error> {
    const SELECT: &str = "select application, number, body, request_id, tries from credential_orders \
        where due_at <= $1 and not exists (select 1 from credential_orders before \
        where before.application = credential_orders.application and before.number < credential_orders.number) \
        order by due_at, application limit $2";
    let sql = claim(tx, SELECT);
    let rows: Vec<(String, i64, String, String, i64)> = on!(tx, |conn| sqlx::query_as(sql)
        .bind(now.as_microsecond())
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    let lapse = now.checked_add(lease).unwrap_or(Timestamp::MAX);
    let mut claimed = Vec::with_capacity(rows.len());
    for (application, number, body, request_id, tries) in rows {
        const SQL: &str = "update credential_orders set due_at = $3, tries = tries + 1 \
            where application = $1 and number = $2";
        on!(tx, |conn| sqlx::query(SQL)
            .bind(application.as_str())
            .bind(number)
            .bind(not_before(lapse))
            .execute(conn)
            .await
            .map(drop))?;
        claimed.push(Due {
            place: Place {
                application: parsed(TABLE, "application", &application)?,
                number,
            },
            order: from_json(TABLE, "body", &body)?,
            request_id: parsed(TABLE, "request_id", &request_id)?,
            tries: u32::try_from(tries + 1).unwrap_or(u32::MAX),
        });
    }
    Ok(claimed)
}

/// Puts off when one is due again.
pub(crate) async fn put_off(tx: &mut Tx, place: &Place, until: Timestamp) -> Result<(), Error> {
    const SQL: &str =
        "update credential_orders set due_at = $3 where application = $1 and number = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(place.application.as_str())
        .bind(place.number)
        .bind(not_before(until))
        .execute(conn)
        .await
        .map(drop))
}

/// Deletes one that was taken, and wakes those who wait for that, or for their turn.
pub(crate) async fn taken(tx: &mut Tx, place: &Place) -> Result<(), Error> {
    const SQL: &str = "delete from credential_orders where application = $1 and number = $2";
    tx.wake(CREDENTIAL_ORDERS);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(place.application.as_str())
        .bind(place.number)
        .execute(conn)
        .await
        .map(drop))
}

/// Tells whether one was not taken yet.
pub(crate) async fn waits(
    tx: &mut Tx,
    application: &ApplicationName,
    number: i64,
) -> Result<bool, Error> {
    const SQL: &str = "select number from credential_orders where application = $1 and number = $2";
    let row: Option<(i64,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(number)
        .fetch_optional(conn)
        .await)?;
    Ok(row.is_some())
}

/// Returns when the next one is due, if any is.
pub(crate) async fn next_due(tx: &mut Tx) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "select cast(min(due_at) as bigint) from credential_orders \
        where not exists (select 1 from credential_orders before \
        where before.application = credential_orders.application and before.number < credential_orders.number)";
    let (at,): (Option<i64>,) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    at.map(|at| time(TABLE, "due_at", at)).transpose()
}
