//! What people are to be told: written with the change that it is about, kept until notification
//! has taken it.

use std::time::Duration;

use ::store::{Error, Tx, claim, on};
use jiff::Timestamp;
use uuid::Uuid;

use super::{NOTICES, from_json, json, not_before, time};
use crate::notice::Notice;

const TABLE: &str = "notices";

/// Adds one, due at once.
pub(crate) async fn add(
    tx: &mut Tx,
    id: Uuid,
    notice: &Notice,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into notices (id, notice, due_at, tries) values ($1, $2, $3, 0)";
    tx.wake(NOTICES);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(json(notice))
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// One that is due.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) id: String,
    pub(crate) notice: Notice,
    /// Tries so far, this one included.
    pub(crate) tries: u32,
}

/// Claims at most `limit` that are due, and puts off when they are due again by `lease`.
pub(crate) async fn claim_due(
    tx: &mut Tx,
    now: Timestamp,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Due>, Error> {
    const SELECT: &str =
        "select id, notice, tries from notices where due_at <= $1 order by due_at, id limit $2";
    let sql = claim(tx, SELECT);
    let rows: Vec<(String, String, i64)> = on!(tx, |conn| sqlx::query_as(sql)
        .bind(now.as_microsecond())
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    let lapse = now.checked_add(lease).unwrap_or(Timestamp::MAX);
    let mut claimed = Vec::with_capacity(rows.len());
    for (id, notice, tries) in rows {
        const SQL: &str = "update notices set due_at = $2, tries = tries + 1 where id = $1";
        on!(tx, |conn| sqlx::query(SQL)
            .bind(id.as_str())
            .bind(not_before(lapse))
            .execute(conn)
            .await
            .map(drop))?;
        claimed.push(Due {
            id,
            notice: from_json(TABLE, "notice", &notice)?,
            tries: u32::try_from(tries + 1).unwrap_or(u32::MAX),
        });
    }
    Ok(claimed)
}

/// Puts off when one is due again.
pub(crate) async fn put_off(tx: &mut Tx, id: &str, until: Timestamp) -> Result<(), Error> {
    const SQL: &str = "update notices set due_at = $2 where id = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(not_before(until))
        .execute(conn)
        .await
        .map(drop))
}

/// Deletes one that was taken.
pub(crate) async fn taken(tx: &mut Tx, id: &str) -> Result<(), Error> {
    const SQL: &str = "delete from notices where id = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .execute(conn)
        .await
        .map(drop))
}

/// Returns when the next one is due, if any is.
pub(crate) async fn next_due(tx: &mut Tx) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "select cast(min(due_at) as bigint) from notices";
    let (at,): (Option<i64>,) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    at.map(|at| time(TABLE, "due_at", at)).transpose()
}
