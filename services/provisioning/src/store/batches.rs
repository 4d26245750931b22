//! The table of what was done in batches, so that a repeat does nothing again.

use contract::{RequestId, TenantId};
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::Column;
use crate::batch::Done;

const TABLE: &str = "batch_outcomes";

/// Returns what was done for a tenant under a request, with the digest of what the batch was to do.
pub(crate) async fn find(
    tx: &mut Tx,
    request: &RequestId,
    tenant: &TenantId,
) -> Result<Option<(String, Done)>, Error> {
    const SQL: &str =
        "select digest, outcome from batch_outcomes where request_id = $1 and tenant = $2";
    let row: Option<(String, String)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(request.as_str())
        .bind(tenant.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(|(digest, outcome)| {
        let done = Done::ALL
            .into_iter()
            .find(|done| done.as_str() == outcome)
            .ok_or_else(|| Column(TABLE, "outcome").damaged(&outcome))?;
        Ok((digest, done))
    })
    .transpose()
}

/// Keeps what was done for a tenant under a request.
pub(crate) async fn insert(
    tx: &mut Tx,
    request: &RequestId,
    tenant: &TenantId,
    digest: &str,
    done: Done,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into batch_outcomes (request_id, tenant, digest, outcome, done_at) \
        values ($1, $2, $3, $4, $5)";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(request.as_str())
        .bind(tenant.as_str())
        .bind(digest)
        .bind(done.as_str())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Forgets what was done before a time.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<(), Error> {
    const SQL: &str = "delete from batch_outcomes where done_at < $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(before.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}
