//! New versions that are watched after their switch.

use std::time::Duration;

use ::store::{Error, Tx, claim, on};
use contract::{ApplicationName, SwitchName};
use jiff::Timestamp;

use super::{BAKES, from_json, json, not_before, number, parsed, time};
use crate::bake::{Watch, rule::Seen};

const TABLE: &str = "bakes";

#[derive(sqlx::FromRow)]
struct Row {
    application: String,
    switch: String,
    source: String,
    target: String,
    generation: i64,
    rules: String,
    until_at: i64,
    wake_at: i64,
    health_failures: i64,
    fired_why: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select application, switch, source, target, generation, rules, until_at, wake_at, \
             health_failures, fired_why from bakes ",
            $rest
        )
    };
}

impl TryFrom<Row> for Watch {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            switch: SwitchName {
                application: parsed(TABLE, "application", &row.application)?,
                switch: parsed(TABLE, "switch", &row.switch)?,
            },
            source: parsed(TABLE, "source", &row.source)?,
            target: parsed(TABLE, "target", &row.target)?,
            generation: number(TABLE, "generation", row.generation)?,
            rules: from_json(TABLE, "rules", &row.rules)?,
            until: time(TABLE, "until_at", row.until_at)?,
            wake_at: time(TABLE, "wake_at", row.wake_at)?,
            health_failures: number(TABLE, "health_failures", row.health_failures)?,
            fired: row
                .fired_why
                .map(|why| parsed(TABLE, "fired_why", &why))
                .transpose()?,
        })
    }
}

/// Begins a watch, in place of one before.
pub(crate) async fn put(tx: &mut Tx, watch: &Watch) -> Result<(), Error> {
    const SQL: &str = "insert into bakes (application, switch, source, target, generation, rules, \
        until_at, wake_at, health_failures) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        on conflict (application) do update set switch = excluded.switch, \
        source = excluded.source, target = excluded.target, generation = excluded.generation, \
        rules = excluded.rules, until_at = excluded.until_at, wake_at = excluded.wake_at, \
        health_failures = excluded.health_failures, fired_at = null, fired_why = null";
    tx.wake(BAKES);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(watch.switch.application.as_str())
        .bind(watch.switch.switch.to_string())
        .bind(watch.source.as_str())
        .bind(watch.target.as_str())
        .bind(watch.generation.as_i64())
        .bind(json(&watch.rules))
        .bind(watch.until.as_microsecond())
        .bind(watch.wake_at.as_microsecond())
        .bind(i64::from(watch.health_failures))
        .execute(conn)
        .await
        .map(drop))
}

/// Finds the watch over an application's active version.
pub(crate) async fn find(
    tx: &mut Tx,
    application: &ApplicationName,
) -> Result<Option<Watch>, Error> {
    const SQL: &str = select!("where application = $1");
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Watch::try_from).transpose()
}

/// Claims at most `limit` that are due, and puts off when they are due again by `lease`: should
/// the claimer die, another one goes on then.
pub(crate) async fn claim_due(
    tx: &mut Tx,
    now: Timestamp,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Watch>, Error> {
    const SELECT: &str = select!("where wake_at <= $1 order by wake_at, application limit $2");
    const PUT_OFF: &str = "update bakes set wake_at = $2 where application = $1";
    let sql = claim(tx, SELECT);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(sql)
        .bind(now.as_microsecond())
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    let lapse = not_before(now.checked_add(lease).unwrap_or(Timestamp::MAX));
    let mut claimed = Vec::with_capacity(rows.len());
    for mut row in rows {
        row.wake_at = lapse;
        on!(tx, |conn| sqlx::query(PUT_OFF)
            .bind(row.application.as_str())
            .bind(lapse)
            .execute(conn)
            .await
            .map(drop))?;
        let application = row.application.clone();
        // One damaged row must not keep the others from being watched.
        match Watch::try_from(row) {
            Ok(watch) => claimed.push(watch),
            Err(error) => tracing::error!(
                application,
                error = &error as &dyn std::error::Error,
                "a watch cannot be read"
            ),
        }
    }
    Ok(claimed)
}

/// Writes down what a look has seen, and when the next one is due. Returns false if the claim it
/// was made under does not stand any more: then it counts for nothing.
pub(crate) async fn looked(
    tx: &mut Tx,
    watch: &Watch,
    seen: &Seen,
    fired: Option<&str>,
    now: Timestamp,
    again: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "update bakes set health_failures = $4, wake_at = $5, \
        fired_at = case when $6 = '' then fired_at else $7 end, \
        fired_why = case when $6 = '' then fired_why else $6 end \
        where application = $1 and switch = $2 and wake_at = $3";
    tx.wake(BAKES);
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(watch.switch.application.as_str())
        .bind(watch.switch.switch.to_string())
        .bind(watch.wake_at.as_microsecond())
        .bind(i64::from(seen.health_failures))
        .bind(again.as_microsecond())
        .bind(fired.unwrap_or_default())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Ends a watch. Returns false if there is none.
pub(crate) async fn delete(tx: &mut Tx, watch: &Watch) -> Result<bool, Error> {
    const SQL: &str = "delete from bakes where application = $1 and switch = $2";
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(watch.switch.application.as_str())
        .bind(watch.switch.switch.to_string())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Returns when the next one is due, if any is.
pub(crate) async fn next_due(tx: &mut Tx) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "select cast(min(wake_at) as bigint) from bakes";
    let (at,): (Option<i64>,) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    at.map(|at| time(TABLE, "wake_at", at)).transpose()
}

/// Returns what all gateways together count in the generation that is watched: requests, and those
/// of them that went wrong.
pub(crate) async fn traffic(tx: &mut Tx, watch: &Watch) -> Result<(u64, u64), Error> {
    const SQL: &str = "select cast(coalesce(sum(requests), 0) as bigint), \
        cast(coalesce(sum(failed), 0) as bigint) from traffic \
        where application = $1 and generation = $2";
    let (requests, failed): (i64, i64) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(watch.switch.application.as_str())
        .bind(watch.generation.as_i64())
        .fetch_one(conn)
        .await)?;
    Ok((
        number("traffic", "requests", requests)?,
        number("traffic", "failed", failed)?,
    ))
}
