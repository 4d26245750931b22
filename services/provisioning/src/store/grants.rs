//! The grants: whose they are and how often they have changed, and what has changed since.
//! Removed provisionings stay as rows, so a change is never missed.

use contract::{ApplicationName, Revision, TenantId, Timeline, VersionName};
use store::{Error, Tx, on};

use super::{Column, provisionings};
use crate::consent::Standing;

const TABLE: &str = "grants";

/// Whose grants these are, and how often they have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// New when a restored database is adopted.
    pub(crate) timeline: Timeline,
    /// Of the last change.
    pub(crate) revision: Revision,
}

/// What a gateway must know of one provisioning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Whose users.
    pub(crate) tenant: TenantId,
    /// Into what.
    pub(crate) application: ApplicationName,
    /// Into which version.
    pub(crate) version: VersionName,
    /// Where the tenant stands with it.
    pub(crate) standing: Standing,
}

/// Begins a timeline unless there is one.
pub(crate) async fn begin(tx: &mut Tx, timeline: Timeline) -> Result<(), Error> {
    const SQL: &str = "insert into grants (only_one, timeline, revision) values (1, $1, 0) on conflict (only_one) do nothing";
    let timeline = timeline.to_string();
    on!(tx, |conn| sqlx::query(SQL)
        .bind(&timeline)
        .execute(conn)
        .await
        .map(drop))
}

/// Returns the head.
pub(crate) async fn head(tx: &mut Tx) -> Result<Head, Error> {
    const SQL: &str = "select timeline, revision from grants where only_one = 1";
    let (timeline, revision): (String, i64) =
        on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    Ok(Head {
        timeline: Column(TABLE, "timeline").text(&timeline)?,
        revision: Column(TABLE, "revision").revision(revision)?,
    })
}

/// Takes the next revision, and with it the lock that orders all changes; wakes who follows.
pub(crate) async fn advance(tx: &mut Tx) -> Result<Revision, Error> {
    const SQL: &str =
        "update grants set revision = revision + 1 where only_one = 1 returning revision";
    let (revision,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    tx.wake(TOPIC);
    Column(TABLE, "revision").revision(revision)
}

/// Takes the next number of a change, and with it the lock that orders all changes.
pub(crate) async fn next_change(tx: &mut Tx) -> Result<i64, Error> {
    const SQL: &str =
        "update grants set changes = changes + 1 where only_one = 1 returning changes";
    let (change,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    Ok(change)
}

/// What is woken when grants change.
pub(crate) const TOPIC: &str = "grants";

#[derive(sqlx::FromRow)]
struct Row {
    tenant: String,
    application: String,
    version: String,
    state: String,
    basis: Option<String>,
    cause: Option<String>,
}

/// Returns every grant that has changed after a revision.
pub(crate) async fn changed_since(tx: &mut Tx, revision: Revision) -> Result<Vec<Grant>, Error> {
    const SQL: &str = "select tenant, application, version, state, basis, cause from provisionings \
        where granted_at_revision > $1 order by tenant, application, version";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(revision.as_i64())
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|row| {
            Ok(Grant {
                tenant: Column("provisionings", "tenant").text(&row.tenant)?,
                application: Column("provisionings", "application").text(&row.application)?,
                version: Column("provisionings", "version").text(&row.version)?,
                standing: provisionings::standing(
                    &row.state,
                    row.basis.as_deref(),
                    row.cause.as_deref(),
                )?,
            })
        })
        .collect()
}
