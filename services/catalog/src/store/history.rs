//! Who did what to which version. Rows are added and never changed.

use ::store::{Error, Tx, on};
use contract::{ApplicationName, SwitchName, VersionName};

use super::{parsed, time};
use crate::application::Act;

const TABLE: &str = "history";

/// What was done to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Created,
    Changed,
    RegisteredToTest,
    TestCancelled,
    SwitchConfirmed,
    Activated,
    /// By the recovery of a restored catalog.
    Adopted,
    SwitchGivenUp,
    DrainExtended,
    DrainCut,
}

impl Action {
    const ALL: [Self; 10] = [
        Self::Created,
        Self::Changed,
        Self::RegisteredToTest,
        Self::TestCancelled,
        Self::SwitchConfirmed,
        Self::Activated,
        Self::Adopted,
        Self::SwitchGivenUp,
        Self::DrainExtended,
        Self::DrainCut,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::RegisteredToTest => "registered_to_test",
            Self::TestCancelled => "test_cancelled",
            Self::SwitchConfirmed => "switch_confirmed",
            Self::Activated => "activated",
            Self::Adopted => "adopted",
            Self::SwitchGivenUp => "switch_given_up",
            Self::DrainExtended => "drain_extended",
            Self::DrainCut => "drain_cut",
        }
    }
}

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Counts the entries of an application.
    pub(crate) number: i64,
    pub(crate) act: Act,
    pub(crate) action: Action,
    pub(crate) version: VersionName,
    pub(crate) switch: Option<SwitchName>,
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    at: i64,
    actor: String,
    action: String,
    version: String,
    switch: Option<String>,
    reason: String,
    request_id: String,
    approved_by: Option<String>,
}

impl TryFrom<Row> for Entry {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            number: row.number,
            act: Act {
                actor: row.actor,
                reason: parsed(TABLE, "reason", &row.reason)?,
                request_id: parsed(TABLE, "request_id", &row.request_id)?,
                at: time(TABLE, "at", row.at)?,
                approved_by: row.approved_by,
            },
            action: Action::ALL
                .into_iter()
                .find(|action| action.as_str() == row.action)
                .ok_or_else(|| Error::damaged(TABLE, "action", &row.action))?,
            version: parsed(TABLE, "version", &row.version)?,
            switch: row
                .switch
                .map(|switch| parsed(TABLE, "switch", &switch))
                .transpose()?,
        })
    }
}

/// Adds an entry.
pub(crate) async fn add(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
    action: Action,
    switch: Option<&SwitchName>,
    act: &Act,
) -> Result<(), Error> {
    const SQL: &str = "insert into history (application, number, at, actor, action, version, switch, \
        reason, request_id, approved_by) \
        select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9 \
        from history where application = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(application.as_str())
        .bind(act.at.as_microsecond())
        .bind(act.actor.as_str())
        .bind(action.as_str())
        .bind(version.as_str())
        .bind(switch.map(ToString::to_string))
        .bind(act.reason.as_str())
        .bind(act.request_id.as_str())
        .bind(act.approved_by.as_deref())
        .execute(conn)
        .await
        .map(drop))
}

/// Lists at most `limit`, newest first, those before number `before`.
pub(crate) async fn list(
    tx: &mut Tx,
    application: &ApplicationName,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    const SQL: &str = "select number, at, actor, action, version, switch, reason, request_id, \
        approved_by from history where application = $1 and number < $2 order by number desc limit $3";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Entry::try_from).collect()
}
