//! The table of visits that look like a machine's.

use contract::{ProvisioningName, TenantId};
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::Column;
use crate::{
    consent::decide::Origin,
    visits::{KEPT_MAX, Seen},
};

const TABLE: &str = "visits";

/// What a visit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// It opened the page.
    Opened,
    /// It sent a form that no person sends.
    Sent,
}

#[derive(sqlx::FromRow)]
struct Row {
    address: String,
    user_agent: String,
    first_at: i64,
    last_at: i64,
    opened: i64,
    sent: i64,
}

/// Counts a visit. From places beyond the first [`KEPT_MAX`] none is.
pub(crate) async fn note(
    tx: &mut Tx,
    name: &ProvisioningName,
    origin: &Origin,
    act: Act,
    now: Timestamp,
) -> Result<(), Error> {
    const COUNT: &str =
        "select count(*) from visits where tenant = $1 and application = $2 and version = $3";
    const AGAIN: &str = "update visits set last_at = $6, opened = opened + $7, sent = sent + $8 \
        where tenant = $1 and application = $2 and version = $3 and address = $4 and user_agent = $5";
    const FIRST: &str = "insert into visits (tenant, application, version, address, user_agent, first_at, last_at, \
        opened, sent) values ($1, $2, $3, $4, $5, $6, $6, $7, $8)";
    let (opened, sent): (i64, i64) = match act {
        Act::Opened => (1, 0),
        Act::Sent => (0, 1),
    };
    let counted = write(tx, AGAIN, name, origin, now, (opened, sent)).await?;
    if counted > 0 {
        return Ok(());
    }
    let (known,): (i64,) = on!(tx, |conn| sqlx::query_as(COUNT)
        .bind(name.tenant.as_str())
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .fetch_one(conn)
        .await)?;
    if known < KEPT_MAX {
        write(tx, FIRST, name, origin, now, (opened, sent)).await?;
    }
    Ok(())
}

async fn write(
    tx: &mut Tx,
    sql: &'static str,
    name: &ProvisioningName,
    origin: &Origin,
    now: Timestamp,
    (opened, sent): (i64, i64),
) -> Result<u64, Error> {
    on!(tx, |conn| sqlx::query(sql)
        .bind(name.tenant.as_str())
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .bind(&origin.address)
        .bind(&origin.user_agent)
        .bind(now.as_microsecond())
        .bind(opened)
        .bind(sent)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
}

/// Returns the visits of the links of a provisioning, the latest first.
pub(crate) async fn list(tx: &mut Tx, name: &ProvisioningName) -> Result<Vec<Seen>, Error> {
    const SQL: &str = "select address, user_agent, first_at, last_at, opened, sent from visits \
        where tenant = $1 and application = $2 and version = $3 order by last_at desc, address, user_agent";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.tenant.as_str())
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .fetch_all(conn)
        .await)?;
    let rows = rows.into_iter().map(|row| {
        Ok(Seen {
            origin: Origin {
                address: row.address,
                user_agent: row.user_agent,
            },
            first_at: Column(TABLE, "first_at").time(row.first_at)?,
            last_at: Column(TABLE, "last_at").time(row.last_at)?,
            opened: row.opened,
            sent: row.sent,
        })
    });
    rows.collect()
}

/// A tenant was deleted, and with it who has visited its links.
pub(crate) async fn delete(tx: &mut Tx, tenant: &TenantId) -> Result<(), Error> {
    const SQL: &str = "delete from visits where tenant = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(tenant.as_str())
        .execute(conn)
        .await
        .map(drop))
}
