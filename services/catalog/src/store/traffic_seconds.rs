//! What users were answered, by second; and which reports of gateways are in it.

use ::store::{Error, Tx, on};
use contract::{ApplicationName, GatewayName, Generation, VersionName};
use jiff::Timestamp;

use super::{number, parsed, time};
use crate::{
    fleet::Boot,
    traffic::{Point, Slot, Tally},
};

const TABLE: &str = "traffic_seconds";

/// Returns the number of the last report of a gateway's process that was counted; 0 if none was.
pub(crate) async fn counted(tx: &mut Tx, gateway: &GatewayName, boot: &Boot) -> Result<u64, Error> {
    const SQL: &str = "select number from traffic_reports where gateway = $1 and boot = $2";
    let row: Option<(i64,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(gateway.as_str())
        .bind(boot.to_string())
        .fetch_optional(conn)
        .await)?;
    row.map_or(Ok(0), |(counted,)| {
        number("traffic_reports", "number", counted)
    })
}

/// Notes the last report of a gateway's process that is counted.
pub(crate) async fn count(
    tx: &mut Tx,
    gateway: &GatewayName,
    boot: &Boot,
    number: u64,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into traffic_reports (gateway, boot, number, counted_at) \
        values ($1, $2, $3, $4) on conflict (gateway, boot) do update \
        set number = excluded.number, counted_at = excluded.counted_at";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(gateway.as_str())
        .bind(boot.to_string())
        .bind(i64::try_from(number).unwrap_or(i64::MAX))
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Adds what was counted to what is there.
pub(crate) async fn add(tx: &mut Tx, slot: &Slot, tally: Tally) -> Result<(), Error> {
    const SQL: &str = "insert into traffic_seconds (application, at, generation, requests, failed) \
        values ($1, $2, $3, $4, $5) on conflict (application, at, generation) do update \
        set requests = traffic_seconds.requests + excluded.requests, \
        failed = traffic_seconds.failed + excluded.failed";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(slot.application.as_str())
        .bind(slot.second.as_microsecond())
        .bind(slot.generation.as_i64())
        .bind(tally.requests)
        .bind(tally.failed)
        .execute(conn)
        .await
        .map(drop))
}

/// Returns what was counted from `start` on and before `end`, by steps of so many seconds, earliest
/// first. What was counted in a generation that no switch has begun is left out.
pub(crate) async fn list(
    tx: &mut Tx,
    application: &ApplicationName,
    (start, end): (Timestamp, Timestamp),
    step_seconds: i64,
) -> Result<Vec<Point>, Error> {
    const SQL: &str = "select t.at - t.at % $4 as step, t.generation, s.target, \
        cast(sum(t.requests) as bigint), cast(sum(t.failed) as bigint) \
        from traffic_seconds t join switches s \
        on s.application = t.application and s.generation = t.generation \
        where t.application = $1 and t.at >= $2 and t.at < $3 \
        group by t.at - t.at % $4, t.generation, s.target \
        order by 1, 2";
    let rows: Vec<(i64, i64, String, i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(start.as_microsecond())
        .bind(end.as_microsecond())
        .bind(step_seconds * 1_000_000)
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|(at, generation, version, requests, failed)| {
            Ok(Point {
                at: time(TABLE, "at", at)?,
                generation: number::<_, Generation>(TABLE, "generation", generation)?,
                version: parsed::<VersionName>("switches", "target", &version)?,
                tally: Tally { requests, failed },
            })
        })
        .collect()
}

/// Forgets up to `limit` rows from before this, earliest first; returns how many.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<i64, Error> {
    // Both have one key for several columns: rows are named by all of them.
    const SECONDS: &str = "delete from traffic_seconds where (application, at, generation) in \
        (select application, at, generation from traffic_seconds where at < $1 \
        order by at limit $2)";
    const REPORTS: &str = "delete from traffic_reports where (gateway, boot) in \
        (select gateway, boot from traffic_reports where counted_at < $1 \
        order by counted_at limit $2)";
    let mut forgotten = 0;
    for sql in [SECONDS, REPORTS] {
        let done = on!(tx, |conn| sqlx::query(sql)
            .bind(before.as_microsecond())
            .bind(limit)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        forgotten += i64::try_from(done).unwrap_or(i64::MAX);
    }
    Ok(forgotten)
}

/// Returns when the gateway was last heard that has been silent for longest, of those that were not
/// heard since `lately`.
pub(crate) async fn silent_since(
    tx: &mut Tx,
    lately: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    const SQL: &str =
        "select cast(min(last_seen_at) as bigint) from gateways where last_seen_at < $1";
    let (at,): (Option<i64>,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(lately.as_microsecond())
        .fetch_one(conn)
        .await)?;
    at.map(|at| time("gateways", "last_seen_at", at))
        .transpose()
}
