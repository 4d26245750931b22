//! Gateways: who is a member of the fleet, who gets leases, and what each has last said.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    time::Duration,
};

use ::store::{Error, Tx, on};
use contract::GatewayName;
use jiff::Timestamp;

use super::{ROUTES, from_json, json, micros, parsed, span, time};
use crate::fleet::{Leases, Mark, Member, Said, StreamId};

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
    ready: i64,
    not_ready_message: String,
    open_connections: i64,
    long_lived: String,
    positions: String,
    refused: String,
    diverged: i64,
    mark: Option<String>,
    fenced_for: i64,
    evicting: i64,
    draining: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select name, boot, software, listeners, stream, joined_at, last_seen_at, ready, \
             not_ready_message, open_connections, long_lived, positions, refused, diverged, mark, \
             fenced_for, evicting, draining from gateways ",
            $rest
        )
    };
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
            leases: match row.mark {
                None => Leases::Renewed,
                Some(mark) => Leases::Refused {
                    mark: parsed(TABLE, "mark", &mark)?,
                    ran_out: span(TABLE, "fenced_for", row.fenced_for)?,
                    evicting: row.evicting == 1,
                },
            },
            draining: row.draining == 1,
            said: Said {
                ready: row.ready == 1,
                not_ready_message: row.not_ready_message,
                open_connections: row.open_connections,
                long_lived: from_json(TABLE, "long_lived", &row.long_lived)?,
                positions: from_json(TABLE, "positions", &row.positions)?,
                refused: from_json(TABLE, "refused", &row.refused)?,
                diverged: row.diverged == 1,
            },
        })
    }
}

/// Finds one.
pub(crate) async fn find(tx: &mut Tx, name: &GatewayName) -> Result<Option<Member>, Error> {
    const SQL: &str = select!("where name = $1");
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
    const SQL: &str = select!("where name > $1 order by name limit $2");
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(after.map_or("", GatewayName::as_str))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Member::try_from).collect()
}

/// Returns every member.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Member>, Error> {
    list(tx, None, i64::MAX).await
}

/// What a switch needs to know of a member.
#[derive(Debug, Clone)]
pub(crate) struct OnRoll {
    pub(crate) name: GatewayName,
    /// It has a stream.
    pub(crate) follows: bool,
    pub(crate) last_seen_at: Timestamp,
    /// It gets no leases.
    pub(crate) marked: bool,
    /// Leases up to this length have run out since.
    pub(crate) ran_out: Duration,
}

/// Returns every member as a switch needs to know it: read with every step.
pub(crate) async fn roll(tx: &mut Tx) -> Result<Vec<OnRoll>, Error> {
    type Row = (String, i64, i64, i64, i64);
    const SQL: &str = "select name, cast(case when stream is null then 0 else 1 end as bigint), \
        last_seen_at, cast(case when mark is null then 0 else 1 end as bigint), fenced_for \
        from gateways";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(name, follows, last_seen_at, marked, fenced_for)| {
            Ok(OnRoll {
                name: parsed(TABLE, "name", &name)?,
                follows: follows == 1,
                last_seen_at: time(TABLE, "last_seen_at", last_seen_at)?,
                marked: marked == 1,
                ran_out: span(TABLE, "fenced_for", fenced_for)?,
            })
        })
        .collect()
}

/// A member that follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Follower {
    /// The stream that counts.
    pub(crate) stream: StreamId,
    /// The operator takes it out of use.
    pub(crate) draining: bool,
}

/// Returns every member that follows.
pub(crate) async fn followers(tx: &mut Tx) -> Result<HashMap<GatewayName, Follower>, Error> {
    const SQL: &str = "select name, stream, draining from gateways where stream is not null";
    let rows: Vec<(String, String, i64)> =
        on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    rows.iter()
        .map(|(name, stream, draining)| {
            let follower = Follower {
                stream: parsed(TABLE, "stream", stream)?,
                draining: *draining == 1,
            };
            Ok((parsed(TABLE, "name", name)?, follower))
        })
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

/// Inserts a member, or changes all of it but since when it is one and whether it is being drained.
pub(crate) async fn put(tx: &mut Tx, member: &Member) -> Result<(), Error> {
    const SQL: &str = "insert into gateways (name, boot, software, listeners, stream, joined_at, \
        last_seen_at, ready, not_ready_message, open_connections, positions, refused, diverged, mark, \
        fenced_for, evicting, long_lived) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
        on conflict (name) do update \
        set boot = excluded.boot, software = excluded.software, listeners = excluded.listeners, \
        stream = excluded.stream, last_seen_at = excluded.last_seen_at, ready = excluded.ready, \
        not_ready_message = excluded.not_ready_message, open_connections = excluded.open_connections, \
        positions = excluded.positions, refused = excluded.refused, diverged = excluded.diverged, \
        mark = excluded.mark, fenced_for = excluded.fenced_for, evicting = excluded.evicting, \
        long_lived = excluded.long_lived";
    let (mark, ran_out, evicting) = match member.leases {
        Leases::Renewed => (None, Duration::ZERO, false),
        Leases::Refused {
            mark,
            ran_out,
            evicting,
        } => (Some(mark.to_string()), ran_out, evicting),
    };
    let said = &member.said;
    tx.wake(ROUTES);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(member.name.as_str())
        .bind(member.boot.to_string())
        .bind(member.software.as_str())
        .bind(json(&member.listeners))
        .bind(member.stream.map(|stream| stream.to_string()))
        .bind(member.joined_at.as_microsecond())
        .bind(member.last_seen_at.as_microsecond())
        .bind(i64::from(said.ready))
        .bind(said.not_ready_message.as_str())
        .bind(said.open_connections)
        .bind(json(&said.positions))
        .bind(json(&said.refused))
        .bind(i64::from(said.diverged))
        .bind(mark.as_deref())
        .bind(micros(ran_out))
        .bind(i64::from(evicting))
        .bind(json(&said.long_lived))
        .execute(conn)
        .await
        .map(drop))
}

/// Notes what a member said on a stream, and that it was heard. Returns false if that stream counts
/// no more.
pub(crate) async fn heard(
    tx: &mut Tx,
    name: &GatewayName,
    stream: StreamId,
    said: &Said,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "update gateways set last_seen_at = $3, ready = $4, not_ready_message = $5, \
        open_connections = $6, positions = $7, refused = $8, diverged = $9, long_lived = $10 \
        where name = $1 and stream = $2";
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(stream.to_string())
        .bind(now.as_microsecond())
        .bind(i64::from(said.ready))
        .bind(said.not_ready_message.as_str())
        .bind(said.open_connections)
        .bind(json(&said.positions))
        .bind(json(&said.refused))
        .bind(i64::from(said.diverged))
        .bind(json(&said.long_lived))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// What the catalog thinks of a member that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Followed {
    /// It gets no leases.
    pub(crate) marked: bool,
    /// The operator takes it out of use.
    pub(crate) draining: bool,
}

/// Returns what is thought of a member if it still follows on this stream.
pub(crate) async fn follows(
    tx: &mut Tx,
    name: &GatewayName,
    stream: StreamId,
) -> Result<Option<Followed>, Error> {
    const SQL: &str = "select mark, draining from gateways where name = $1 and stream = $2";
    let row: Option<(Option<String>, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.as_str())
        .bind(stream.to_string())
        .fetch_optional(conn)
        .await)?;
    Ok(row.map(|(mark, draining)| Followed {
        marked: mark.is_some(),
        draining: draining == 1,
    }))
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

/// Marks a member: it gets no leases from here on. One that is marked already stays so.
pub(crate) async fn mark(tx: &mut Tx, name: &GatewayName, mark: Mark) -> Result<(), Error> {
    const SQL: &str =
        "update gateways set mark = $2, fenced_for = 0 where name = $1 and mark is null";
    tx.wake(ROUTES);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(mark.to_string())
        .execute(conn)
        .await
        .map(drop))
}

/// Notes that leases of this length have run out since a member was marked, if it still is.
pub(crate) async fn ran_out(tx: &mut Tx, name: &GatewayName, lease: Duration) -> Result<(), Error> {
    const SQL: &str = "update gateways set fenced_for = $2 \
        where name = $1 and mark is not null and fenced_for < $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(micros(lease))
        .execute(conn)
        .await
        .map(drop))
}

/// Notes that the eviction of a marked member waits for its leases alone.
pub(crate) async fn evicting(tx: &mut Tx, name: &GatewayName) -> Result<(), Error> {
    const SQL: &str = "update gateways set evicting = 1 where name = $1 and mark is not null";
    tx.wake(ROUTES);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .execute(conn)
        .await
        .map(drop))
}

/// Notes whether the operator takes a member out of use. Returns false if there is none of this name.
pub(crate) async fn drain(tx: &mut Tx, name: &GatewayName, drain: bool) -> Result<bool, Error> {
    const SQL: &str = "update gateways set draining = $2 where name = $1";
    tx.wake(ROUTES);
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(i64::from(drain))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Notes that nobody has said in a recovery what it knows.
pub(crate) async fn nobody_reported(tx: &mut Tx) -> Result<(), Error> {
    const SQL: &str = "update gateways set reported = 0";
    on!(tx, |conn| sqlx::query(SQL).execute(conn).await.map(drop))
}

/// Notes that a member has said in the present recovery what it knows.
pub(crate) async fn reported(tx: &mut Tx, name: &GatewayName) -> Result<(), Error> {
    const SQL: &str = "update gateways set reported = 1 where name = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .execute(conn)
        .await
        .map(drop))
}

/// Returns the members that have not, by name.
pub(crate) async fn unreported(tx: &mut Tx) -> Result<BTreeSet<GatewayName>, Error> {
    const SQL: &str = "select name from gateways where reported = 0";
    let rows: Vec<(String,)> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    rows.iter()
        .map(|(name,)| parsed(TABLE, "name", name))
        .collect()
}

/// Deletes a member, with what it counted. Returns false if there is none of this name.
pub(crate) async fn delete(tx: &mut Tx, name: &GatewayName) -> Result<bool, Error> {
    const SQL: &str = "delete from gateways where name = $1";
    super::traffic::forget(tx, name).await?;
    tx.wake(ROUTES);
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}
