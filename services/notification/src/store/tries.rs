//! Tries of deliveries, numbered from 1.

use contract::DeliveryId;
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::time;

/// How many tries of a delivery are kept: the last ones.
pub(crate) const KEPT: i64 = 20;

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Try {
    /// When it began.
    pub(crate) time: Timestamp,
    /// What came of it.
    pub(crate) outcome: String,
}

/// Writes down that a try begins, and forgets the oldest.
pub(crate) async fn begin(
    tx: &mut Tx,
    delivery: DeliveryId,
    number: i64,
    now: Timestamp,
) -> Result<(), Error> {
    const INSERT: &str =
        "insert into tries (delivery, number, tried_at, outcome) values ($1, $2, $3, 'Under way.')";
    const FORGET: &str = "delete from tries where delivery = $1 and number <= $2";
    let id = delivery.to_string();
    on!(tx, |conn| sqlx::query(INSERT)
        .bind(&id)
        .bind(number)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))?;
    on!(tx, |conn| sqlx::query(FORGET)
        .bind(&id)
        .bind(number - KEPT)
        .execute(conn)
        .await
        .map(drop))
}

/// Writes down what came of a try.
pub(crate) async fn end(
    tx: &mut Tx,
    delivery: DeliveryId,
    number: i64,
    outcome: &str,
) -> Result<(), Error> {
    const SQL: &str = "update tries set outcome = $3 where delivery = $1 and number = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(delivery.to_string())
        .bind(number)
        .bind(outcome)
        .execute(conn)
        .await
        .map(drop))
}

/// Returns the last tries, newest first.
pub(crate) async fn list(tx: &mut Tx, delivery: DeliveryId) -> Result<Vec<Try>, Error> {
    const SQL: &str =
        "select tried_at, outcome from tries where delivery = $1 order by number desc limit $2";
    let rows: Vec<(i64, String)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(delivery.to_string())
        .bind(KEPT)
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|(tried_at, outcome)| {
            Ok(Try {
                time: time("tries", "tried_at", tried_at)?,
                outcome,
            })
        })
        .collect()
}
