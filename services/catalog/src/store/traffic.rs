//! What users were answered in each generation, as each gateway last counted it.

use ::store::{Error, Tx, on};
use contract::GatewayName;
use jiff::Timestamp;

use crate::fleet::traffic::Traffic;

/// Replaces what a gateway counted in one generation, and deletes what it counted in those before.
pub(crate) async fn put(
    tx: &mut Tx,
    gateway: &GatewayName,
    traffic: &Traffic,
    now: Timestamp,
) -> Result<(), Error> {
    const PUT: &str = "insert into traffic (gateway, application, generation, requests, failed, \
        reported_at) values ($1, $2, $3, $4, $5, $6) \
        on conflict (gateway, application, generation) do update \
        set requests = excluded.requests, failed = excluded.failed, \
        reported_at = excluded.reported_at";
    const OLDER: &str =
        "delete from traffic where gateway = $1 and application = $2 and generation < $3";
    on!(tx, |conn| sqlx::query(PUT)
        .bind(gateway.as_str())
        .bind(traffic.application.as_str())
        .bind(traffic.generation.as_i64())
        .bind(traffic.requests)
        .bind(traffic.failed)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))?;
    on!(tx, |conn| sqlx::query(OLDER)
        .bind(gateway.as_str())
        .bind(traffic.application.as_str())
        .bind(traffic.generation.as_i64())
        .execute(conn)
        .await
        .map(drop))
}

/// Deletes all that a gateway counted: it is no member any more.
pub(crate) async fn forget(tx: &mut Tx, gateway: &GatewayName) -> Result<(), Error> {
    const SQL: &str = "delete from traffic where gateway = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(gateway.as_str())
        .execute(conn)
        .await
        .map(drop))
}

/// Returns what each gateway last counted in one generation, by gateway: requests, and those of
/// them that failed.
#[cfg(test)]
pub(crate) async fn of(
    tx: &mut Tx,
    application: &contract::ApplicationName,
    generation: contract::Generation,
) -> Result<Vec<(String, i64, i64)>, Error> {
    const SQL: &str = "select gateway, requests, failed from traffic \
        where application = $1 and generation = $2 order by gateway";
    on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(generation.as_i64())
        .fetch_all(conn)
        .await)
}
