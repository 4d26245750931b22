//! The table of switches. At most one of an application is not settled: an index sees to that.

use contract::{ApplicationName, SwitchId, SwitchName};
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::{Column, micros};
use crate::consent::Notice;
use crate::switch::{Coming, Phase, Progress, Switch};

const TABLE: &str = "switches";

#[derive(sqlx::FromRow)]
struct Row {
    switch: String,
    application: String,
    source: Option<String>,
    target: Option<String>,
    notice: String,
    asks: i64,
    phase: String,
    moved_up_to: Option<String>,
    moved_all_at: Option<i64>,
    left_to_move: Option<i64>,
    moved: i64,
    mailed: i64,
    opened_at: i64,
}

/// What is known of a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was given up before it moved anybody.
    NeverBegun,
    /// It has begun.
    Begun(Box<Switch>),
}

impl TryFrom<Row> for Known {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let Some(target) = row.target else {
            return Ok(Self::NeverBegun);
        };
        Ok(Self::Begun(Box::new(Switch {
            id: Column(TABLE, "switch").text(&row.switch)?,
            application: Column(TABLE, "application").text(&row.application)?,
            source: Column(TABLE, "source").optional(row.source.as_deref())?,
            target: Column(TABLE, "target").text(&target)?,
            notice: match row.notice.as_str() {
                "told" => Notice::Told,
                "untold" => Notice::Untold,
                other => return Err(Column(TABLE, "notice").damaged(other)),
            },
            coming: match row.asks {
                0 => Coming::Along,
                _ => Coming::Asked,
            },
            phase: match row.phase.as_str() {
                "open" => Phase::Open,
                "closed" => Phase::Closed,
                "committed" => Phase::Committed,
                "given_up" => Phase::GivenUp,
                other => return Err(Column(TABLE, "phase").damaged(other)),
            },
            progress: Progress {
                up_to: Column(TABLE, "moved_up_to").optional(row.moved_up_to.as_deref())?,
                all_at: Column(TABLE, "moved_all_at").maybe_time(row.moved_all_at)?,
                left: row.left_to_move,
                moved: row.moved,
                mailed: row.mailed,
            },
            opened_at: Column(TABLE, "opened_at").time(row.opened_at)?,
        })))
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Open => "open",
        Phase::Closed => "closed",
        Phase::Committed => "committed",
        Phase::GivenUp => "given_up",
    }
}

/// Returns what is known of a switch.
pub(crate) async fn find(tx: &mut Tx, name: &SwitchName) -> Result<Option<Known>, Error> {
    const SQL: &str = "select * from switches where switch = $1 and application = $2";
    let id = name.switch.to_string();
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(&id)
        .bind(name.application.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Known::try_from).transpose()
}

/// Returns the switch of an application that is not settled, if there is one.
pub(crate) async fn unsettled(
    tx: &mut Tx,
    application: &ApplicationName,
) -> Result<Option<Switch>, Error> {
    const SQL: &str =
        "select * from switches where application = $1 and phase in ('open', 'closed')";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .fetch_optional(conn)
        .await)?;
    match row.map(Known::try_from).transpose()? {
        Some(Known::Begun(switch)) => Ok(Some(*switch)),
        Some(Known::NeverBegun) | None => Ok(None),
    }
}

/// Inserts a switch.
pub(crate) async fn insert(tx: &mut Tx, switch: &Switch) -> Result<(), Error> {
    const SQL: &str = "insert into switches (switch, application, source, target, notice, phase, moved, mailed, \
        opened_at, asks) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let id = switch.id.to_string();
    let notice = match switch.notice {
        Notice::Told => "told",
        Notice::Untold => "untold",
    };
    on!(tx, |conn| sqlx::query(SQL)
        .bind(&id)
        .bind(switch.application.as_str())
        .bind(switch.source.as_ref().map(contract::VersionName::as_str))
        .bind(switch.target.as_str())
        .bind(notice)
        .bind(phase(switch.phase))
        .bind(switch.progress.moved)
        .bind(switch.progress.mailed)
        .bind(switch.opened_at.as_microsecond())
        .bind(i64::from(switch.coming == Coming::Asked))
        .execute(conn)
        .await
        .map(drop))
}

/// Notes that a switch was given up before it began, so that a late call does not begin it.
pub(crate) async fn insert_given_up(
    tx: &mut Tx,
    name: &SwitchName,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into switches (switch, application, notice, phase, moved, mailed, opened_at) \
        values ($1, $2, 'untold', 'given_up', 0, 0, $3)";
    let id = name.switch.to_string();
    on!(tx, |conn| sqlx::query(SQL)
        .bind(&id)
        .bind(name.application.as_str())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Writes a switch's phase and progress.
pub(crate) async fn save(tx: &mut Tx, switch: &Switch) -> Result<(), Error> {
    const SQL: &str = "update switches set phase = $2, moved_up_to = $3, moved_all_at = $4, moved = $5, mailed = $6, \
        left_to_move = $7 where switch = $1";
    let id: SwitchId = switch.id;
    let id = id.to_string();
    let rows = on!(tx, |conn| sqlx::query(SQL)
        .bind(&id)
        .bind(phase(switch.phase))
        .bind(
            switch
                .progress
                .up_to
                .as_ref()
                .map(contract::TenantId::as_str)
        )
        .bind(micros(switch.progress.all_at))
        .bind(switch.progress.moved)
        .bind(switch.progress.mailed)
        .bind(switch.progress.left)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    super::one(TABLE, rows)
}
