//! Switches, and the commit: the one statement set that makes another version the active one.

use std::time::Duration;

use ::store::{Error, Tx, claim, on};
use contract::{ApplicationName, Generation, RequestId, SwitchId, SwitchName, VersionName};
use jiff::Timestamp;
use runtime::fault::{Plant, planted};

use super::{SWITCHES, from_json, json, not_before, number, parsed, time, versions};
use crate::{
    application::{Application, Serving},
    switch::{Commit, Kind, State, Switch, step},
};

const TABLE: &str = "switches";

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    application: String,
    kind: String,
    source: Option<String>,
    target: String,
    state: String,
    record: String,
    reason: String,
    requested_by: String,
    request_id: String,
    generation: Option<i64>,
    revision: i64,
    created_at: i64,
    committed_at: Option<i64>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, application, kind, source, target, state, record, reason, requested_by, \
             request_id, generation, revision, created_at, committed_at from switches ",
            $rest
        )
    };
}

impl TryFrom<Row> for Switch {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let kind = [Kind::Update, Kind::Reactivate]
            .into_iter()
            .find(|kind| kind.as_str() == row.kind)
            .ok_or_else(|| Error::damaged(TABLE, "kind", &row.kind))?;
        let commit = match (row.generation, row.committed_at) {
            (Some(generation), Some(at)) => Some(Commit {
                generation: number(TABLE, "generation", generation)?,
                at: time(TABLE, "committed_at", at)?,
            }),
            _ => None,
        };
        Ok(Self {
            name: SwitchName {
                application: parsed(TABLE, "application", &row.application)?,
                switch: parsed(TABLE, "id", &row.id)?,
            },
            kind,
            source: row
                .source
                .map(|source| parsed(TABLE, "source", &source))
                .transpose()?,
            target: parsed(TABLE, "target", &row.target)?,
            state: from_json(TABLE, "state", &row.state)?,
            record: from_json(TABLE, "record", &row.record)?,
            reason: parsed(TABLE, "reason", &row.reason)?,
            requested_by: row.requested_by,
            request_id: parsed(TABLE, "request_id", &row.request_id)?,
            commit,
            revision: number(TABLE, "revision", row.revision)?,
            created_at: time(TABLE, "created_at", row.created_at)?,
        })
    }
}

/// Finds one.
pub(crate) async fn find(tx: &mut Tx, name: &SwitchName) -> Result<Option<Switch>, Error> {
    const SQL: &str = select!("where id = $1 and application = $2");
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.switch.to_string())
        .bind(name.application.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Switch::try_from).transpose()
}

/// Finds the one that was asked for under a request id.
pub(crate) async fn find_request(
    tx: &mut Tx,
    application: &ApplicationName,
    request: &RequestId,
) -> Result<Option<Switch>, Error> {
    const SQL: &str = select!("where application = $1 and request_id = $2");
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(request.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Switch::try_from).transpose()
}

/// Finds the open one of an application.
pub(crate) async fn find_open(
    tx: &mut Tx,
    application: &ApplicationName,
) -> Result<Option<Switch>, Error> {
    const SQL: &str = select!("where application = $1 and ended_at is null");
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Switch::try_from).transpose()
}

/// Returns every open one.
pub(crate) async fn all_open(tx: &mut Tx) -> Result<Vec<Switch>, Error> {
    const SQL: &str = select!("where ended_at is null order by id");
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    rows.into_iter().map(Switch::try_from).collect()
}

/// Which switches a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// All of them.
    Any,
    /// Those that have not ended.
    Open,
}

/// Lists at most `limit`, newest first, those before `before`, of one application or of all.
pub(crate) async fn list(
    tx: &mut Tx,
    application: Option<&ApplicationName>,
    which: Which,
    before: Option<&SwitchId>,
    limit: i64,
) -> Result<Vec<Switch>, Error> {
    const SQL: &str = select!(
        "where ($1 = '' or application = $1) and ($2 = 0 or ended_at is null) and ($3 = '' or id < $3) \
         order by id desc limit $4"
    );
    let open = match which {
        Which::Any => 0_i64,
        Which::Open => 1,
    };
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.map_or("", ApplicationName::as_str))
        .bind(open)
        .bind(before.map(ToString::to_string).unwrap_or_default())
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Switch::try_from).collect()
}

/// Inserts one. Returns false if the application has an open one.
pub(crate) async fn insert(tx: &mut Tx, switch: &Switch) -> Result<bool, Error> {
    const SQL: &str = "insert into switches (id, application, kind, source, target, phase, state, \
        record, reason, requested_by, request_id, revision, wake_at, tries, created_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, $14) \
        on conflict (application) where ended_at is null do nothing";
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(switch.name.switch.to_string())
        .bind(switch.name.application.as_str())
        .bind(switch.kind.as_str())
        .bind(switch.source.as_ref().map(VersionName::as_str))
        .bind(switch.target.as_str())
        .bind(switch.state.phase().as_str())
        .bind(json(&switch.state))
        .bind(json(&switch.record))
        .bind(switch.reason.as_str())
        .bind(switch.requested_by.as_str())
        .bind(switch.request_id.as_str())
        .bind(switch.revision.as_i64())
        .bind(wake_at(&switch.state, switch.created_at))
        .bind(switch.created_at.as_microsecond())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.wake(SWITCHES);
    Ok(done == 1)
}

/// Saves state and record as the revision after the one the switch was read at, and sets when the
/// driver looks at it again. Returns false if the row has changed since (R7).
pub(crate) async fn save(tx: &mut Tx, switch: &Switch, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "update switches set phase = $3, state = $4, record = $5, revision = $6, \
        wake_at = $7, tries = 0, generation = $8, committed_at = $9, ended_at = $10 \
        where id = $1 and (revision = $2 or $11 = 1) and ended_at is null";
    let whichever = i64::from(planted(Plant::CommitWithoutCas));
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(switch.name.switch.to_string())
        .bind(switch.revision.as_i64())
        .bind(switch.state.phase().as_str())
        .bind(json(&switch.state))
        .bind(json(&switch.record))
        .bind(switch.revision.next().as_i64())
        .bind(wake_at(&switch.state, now))
        .bind(switch.commit.map(|commit| commit.generation.as_i64()))
        .bind(switch.commit.map(|commit| commit.at.as_microsecond()))
        .bind(switch.state.ended_at().map(|at| at.as_microsecond()))
        .bind(whichever)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.wake(SWITCHES);
    Ok(done == 1)
}

/// Saves what is noted of a switch, which may have ended. Changes nothing of how it stands.
pub(crate) async fn annotate(tx: &mut Tx, switch: &Switch) -> Result<(), Error> {
    const SQL: &str = "update switches set record = $2, revision = revision + 1 where id = $1";
    tx.wake(SWITCHES);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(switch.name.switch.to_string())
        .bind(json(&switch.record))
        .execute(conn)
        .await
        .map(drop))
}

/// The commit: makes the target the active version and begins the next generation, if the
/// generation still is the one that was read. Ends the target's test. Returns false otherwise.
pub(crate) async fn commit(
    tx: &mut Tx,
    application: &Application,
    target: &VersionName,
    now: Timestamp,
) -> Result<bool, Error> {
    const FIRST: &str = "insert into active_versions (application, version, generation) \
        values ($1, $2, $3) on conflict (application) do nothing";
    const NEXT: &str = "update active_versions set version = $2, generation = $3 \
        where application = $1 and generation = $3 - 1";
    let generation: Generation = application.serving.next_generation();
    let sql = match &application.serving {
        Serving::Never => FIRST,
        Serving::Active { version, .. } => {
            versions::touch(tx, &application.name, version).await?;
            NEXT
        }
    };
    let done = on!(tx, |conn| sqlx::query(sql)
        .bind(application.name.as_str())
        .bind(target.as_str())
        .bind(generation.as_i64())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    super::applications::end_test(tx, &application.name, target).await?;
    versions::activated(tx, &application.name, target, now).await?;
    Ok(done == 1)
}

/// Claims at most `limit` that are due, and puts off when they are due again by `lease`: should
/// the claimer die, another one goes on then. Each comes with how often it was claimed in its
/// present state.
pub(crate) async fn claim_due(
    tx: &mut Tx,
    now: Timestamp,
    lease: Duration,
    limit: i64,
) -> Result<Vec<(Switch, u32)>, Error> {
    const SELECT: &str =
        select!("where ended_at is null and wake_at <= $1 order by wake_at, id limit $2");
    let sql = claim(tx, SELECT);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(sql)
        .bind(now.as_microsecond())
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    let lapse = now.checked_add(lease).unwrap_or(Timestamp::MAX);
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.id.clone();
        // One damaged row must not keep the others from going on.
        match Switch::try_from(row) {
            Ok(switch) => {
                put_off(tx, &switch, lapse).await?;
                let tries = tried(tx, &switch).await?;
                claimed.push((switch, tries));
            }
            Err(error) => {
                tracing::error!(
                    switch.id = id,
                    error = &error as &dyn std::error::Error,
                    "a switch cannot be read"
                );
            }
        }
    }
    Ok(claimed)
}

async fn tried(tx: &mut Tx, switch: &Switch) -> Result<u32, Error> {
    const SQL: &str = "update switches set tries = tries + 1 where id = $1 returning tries";
    let (tries,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(switch.name.switch.to_string())
        .fetch_one(conn)
        .await)?;
    Ok(u32::try_from(tries).unwrap_or(u32::MAX))
}

/// Puts off when a switch is looked at again, at most until its deadline, unless it has changed
/// since.
pub(crate) async fn put_off(tx: &mut Tx, switch: &Switch, until: Timestamp) -> Result<(), Error> {
    const SQL: &str = "update switches set wake_at = $3 \
        where id = $1 and revision = $2 and ended_at is null";
    let until = switch
        .state
        .until()
        .map_or(until, |deadline| deadline.min(until));
    on!(tx, |conn| sqlx::query(SQL)
        .bind(switch.name.switch.to_string())
        .bind(switch.revision.as_i64())
        .bind(not_before(until))
        .execute(conn)
        .await
        .map(drop))
}

/// Returns when the next one is due, if any is.
pub(crate) async fn next_due(tx: &mut Tx) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "select cast(min(wake_at) as bigint) from switches where ended_at is null";
    let (at,): (Option<i64>,) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    at.map(|at| time(TABLE, "wake_at", at)).transpose()
}

/// When the driver is to look at a switch that has just come into a state.
fn wake_at(state: &State, now: Timestamp) -> Option<i64> {
    match step::owed(state) {
        Some(_) => Some(now.as_microsecond()),
        None => state.until().map(not_before),
    }
}
