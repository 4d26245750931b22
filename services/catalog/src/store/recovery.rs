//! The recovery under way, and what gateways have said in it.

use ::store::{Error, Tx, on};
use contract::{GatewayName, VersionName};

use super::{ROUTES, SWITCHES, number, parsed, time};
use crate::{fleet::Position, recovery::Recovery};

const TABLE: &str = "recovery_reports";

/// Finds the recovery under way.
pub(crate) async fn find(tx: &mut Tx) -> Result<Option<Recovery>, Error> {
    const SQL: &str = "select since, message from recovery";
    let row: Option<(i64, String)> =
        on!(tx, |conn| sqlx::query_as(SQL).fetch_optional(conn).await)?;
    row.map(|(since, message)| {
        Ok(Recovery {
            since: time("recovery", "since", since)?,
            message,
        })
    })
    .transpose()
}

/// Begins a recovery. Returns false if one is under way.
pub(crate) async fn insert(tx: &mut Tx, recovery: &Recovery) -> Result<bool, Error> {
    const SQL: &str = "insert into recovery (one, since, message) values (1, $1, $2) \
        on conflict (one) do nothing";
    tx.wake(ROUTES);
    tx.wake(SWITCHES);
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(recovery.since.as_microsecond())
        .bind(recovery.message.as_str())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Ends the recovery, and forgets what was said in it.
pub(crate) async fn end(tx: &mut Tx) -> Result<(), Error> {
    tx.wake(ROUTES);
    tx.wake(SWITCHES);
    for sql in ["delete from recovery_reports", "delete from recovery"] {
        on!(tx, |conn| sqlx::query(sql).execute(conn).await.map(drop))?;
    }
    Ok(())
}

/// Writes down what a gateway knows of an application, in place of what it said before.
pub(crate) async fn report(
    tx: &mut Tx,
    gateway: &GatewayName,
    position: &Position,
) -> Result<(), Error> {
    const SQL: &str = "insert into recovery_reports (gateway, application, timeline, revision, \
        generation, version) values ($1, $2, $3, $4, $5, $6) \
        on conflict (gateway, application) do update set timeline = excluded.timeline, \
        revision = excluded.revision, generation = excluded.generation, version = excluded.version";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(gateway.as_str())
        .bind(position.application.as_str())
        .bind(position.timeline.to_string())
        .bind(position.revision.as_i64())
        .bind(i64::try_from(position.generation).unwrap_or(i64::MAX))
        .bind(position.version.as_ref().map_or("", VersionName::as_str))
        .execute(conn)
        .await
        .map(drop))
}

#[derive(sqlx::FromRow)]
struct Row {
    application: String,
    timeline: String,
    revision: i64,
    generation: i64,
    version: String,
}

/// Returns all that was said.
pub(crate) async fn reports(tx: &mut Tx) -> Result<Vec<Position>, Error> {
    const SQL: &str = "select application, timeline, revision, generation, version \
        from recovery_reports order by application, gateway";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|row| {
            Ok(Position {
                application: parsed(TABLE, "application", &row.application)?,
                timeline: parsed(TABLE, "timeline", &row.timeline)?,
                revision: number(TABLE, "revision", row.revision)?,
                generation: number(TABLE, "generation", row.generation)?,
                version: match row.version.as_str() {
                    "" => None,
                    version => Some(parsed(TABLE, "version", version)?),
                },
            })
        })
        .collect()
}
