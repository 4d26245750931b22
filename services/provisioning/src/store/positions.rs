//! The table of what gateways have applied, so that every replica sees what one has heard.

use std::collections::BTreeMap;

use contract::{GatewayName, Nonce, Revision, Timeline};
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::Column;

const TABLE: &str = "positions";

/// What is woken when a gateway has applied more.
pub(crate) const TOPIC: &str = "positions";

/// What a gateway has applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Of the grants.
    pub(crate) timeline: Timeline,
    /// Of the grants.
    pub(crate) revision: Revision,
}

/// Notes what a gateway has when it begins a stream; from now on only that stream speaks for it.
pub(crate) async fn begin(
    tx: &mut Tx,
    gateway: &GatewayName,
    stream: Nonce,
    position: Position,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into positions (gateway, stream, timeline, revision, said_at) \
        values ($1, $2, $3, $4, $5) on conflict (gateway) do update set stream = excluded.stream, \
        timeline = excluded.timeline, revision = excluded.revision, said_at = excluded.said_at";
    let (stream, timeline) = (stream.to_string(), position.timeline.to_string());
    tx.wake(TOPIC);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(gateway.as_str())
        .bind(&stream)
        .bind(&timeline)
        .bind(position.revision.as_i64())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Notes that a gateway has applied more; `false` if another stream speaks for it by now.
pub(crate) async fn advance(
    tx: &mut Tx,
    gateway: &GatewayName,
    stream: Nonce,
    position: Position,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "update positions set timeline = $3, \
        revision = case when timeline = $3 and revision > $4 then revision else $4 end, said_at = $5 \
        where gateway = $1 and stream = $2";
    let (stream, timeline) = (stream.to_string(), position.timeline.to_string());
    let rows = on!(tx, |conn| sqlx::query(SQL)
        .bind(gateway.as_str())
        .bind(&stream)
        .bind(&timeline)
        .bind(position.revision.as_i64())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.wake(TOPIC);
    Ok(rows == 1)
}

/// Returns what every gateway has applied, former members included.
pub(crate) async fn all(tx: &mut Tx) -> Result<BTreeMap<GatewayName, Position>, Error> {
    const SQL: &str = "select gateway, timeline, revision from positions";
    let rows: Vec<(String, String, i64)> =
        on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(gateway, timeline, revision)| {
            let position = Position {
                timeline: Column(TABLE, "timeline").text(&timeline)?,
                revision: Column(TABLE, "revision").revision(revision)?,
            };
            Ok((Column(TABLE, "gateway").text(&gateway)?, position))
        })
        .collect()
}
