//! Gateways: who is a member of the fleet.

use std::{collections::BTreeSet, net::SocketAddr};

use ::store::{Error, Tx, on};
use contract::GatewayName;
use jiff::Timestamp;

use super::{ROUTES, from_json, json, parsed, time};
use crate::fleet::{Member, StreamId};

const TABLE: &str = "gateways";

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    boot: String,
    software: String,
    listeners: String,
    stream: Option<String>,
    joined_at: i64,
    last_seen_at: i64,
}

impl TryFrom<Row> for Member {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            name: parsed(TABLE, "name", &row.name)?,
            boot: parsed(TABLE, "boot", &row.boot)?,
            software: row.software,
            listeners: from_json(TABLE, "listeners", &row.listeners)?,
            stream: row
                .stream
                .map(|stream| parsed(TABLE, "stream", &stream))
                .transpose()?,
            joined_at: time(TABLE, "joined_at", row.joined_at)?,
            last_seen_at: time(TABLE, "last_seen_at", row.last_seen_at)?,
        })
    }
}

/// Finds one.
pub(crate) async fn find(tx: &mut Tx, name: &GatewayName) -> Result<Option<Member>, Error> {
    const SQL: &str = "select name, boot, software, listeners, stream, joined_at, last_seen_at \
        from gateways where name = $1";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Member::try_from).transpose()
}

/// Lists at most `limit` by name, those after `after`.
pub(crate) async fn list(
    tx: &mut Tx,
    after: Option<&GatewayName>,
    limit: i64,
) -> Result<Vec<Member>, Error> {
    const SQL: &str = "select name, boot, software, listeners, stream, joined_at, last_seen_at \
        from gateways where name > $1 order by name limit $2";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(after.map_or("", GatewayName::as_str))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Member::try_from).collect()
}

/// Returns the name of every member.
pub(crate) async fn fleet(tx: &mut Tx) -> Result<BTreeSet<GatewayName>, Error> {
    const SQL: &str = "select name from gateways";
    let rows: Vec<(String,)> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    rows.iter()
        .map(|(name,)| parsed(TABLE, "name", name))
        .collect()
}

/// Returns where all members listen.
pub(crate) async fn listeners(tx: &mut Tx) -> Result<Vec<SocketAddr>, Error> {
    const SQL: &str = "select listeners from gateways";
    let rows: Vec<(String,)> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    let mut all = Vec::new();
    for (listeners,) in rows {
        all.extend(from_json::<Vec<SocketAddr>>(
            TABLE,
            "listeners",
            &listeners,
        )?);
    }
    Ok(all)
}

/// Inserts a member, or changes it: boot, software, listeners, stream, last seen.
pub(crate) async fn put(tx: &mut Tx, member: &Member) -> Result<(), Error> {
    const SQL: &str = "insert into gateways (name, boot, software, listeners, stream, joined_at, \
        last_seen_at) values ($1, $2, $3, $4, $5, $6, $7) on conflict (name) do update \
        set boot = excluded.boot, software = excluded.software, listeners = excluded.listeners, \
        stream = excluded.stream, last_seen_at = excluded.last_seen_at";
    tx.wake(ROUTES);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(member.name.as_str())
        .bind(member.boot.to_string())
        .bind(member.software.as_str())
        .bind(json(&member.listeners))
        .bind(member.stream.map(|stream| stream.to_string()))
        .bind(member.joined_at.as_microsecond())
        .bind(member.last_seen_at.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Notes that a member was heard on a stream. Returns false if that stream counts no more.
pub(crate) async fn heard(
    tx: &mut Tx,
    name: &GatewayName,
    stream: StreamId,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "update gateways set last_seen_at = $3 where name = $1 and stream = $2";
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(stream.to_string())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Tells whether a member still follows on this stream.
pub(crate) async fn follows(
    tx: &mut Tx,
    name: &GatewayName,
    stream: StreamId,
) -> Result<bool, Error> {
    const SQL: &str =
        "select cast(count(*) as bigint) from gateways where name = $1 and stream = $2";
    let (count,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.as_str())
        .bind(stream.to_string())
        .fetch_one(conn)
        .await)?;
    Ok(count == 1)
}

/// Notes that a stream ended, if it still is the member's.
pub(crate) async fn stream_ended(
    tx: &mut Tx,
    name: &GatewayName,
    stream: StreamId,
) -> Result<(), Error> {
    const SQL: &str = "update gateways set stream = null where name = $1 and stream = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(stream.to_string())
        .execute(conn)
        .await
        .map(drop))
}

/// Deletes a member. Returns false if there is none of this name.
pub(crate) async fn delete(tx: &mut Tx, name: &GatewayName) -> Result<bool, Error> {
    const SQL: &str = "delete from gateways where name = $1";
    tx.wake(ROUTES);
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}
