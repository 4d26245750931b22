//! The table of when every gateway had applied the grants up to a revision. It only grows: a gateway
//! that joins later admits nobody before it has them all.

use contract::Revision;
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::{Column, changes};

const TABLE: &str = "applied";

/// Returns up to which revision every gateway has applied the grants, as far as was noted.
pub(crate) async fn mark(tx: &mut Tx) -> Result<Revision, Error> {
    const SQL: &str = "select max(revision) from applied";
    let (mark,): (Option<i64>,) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    match mark {
        Some(mark) => Column(TABLE, "revision").revision(mark),
        None => Ok(Revision::ZERO),
    }
}

/// Notes that every gateway has applied the grants up to a revision.
pub(crate) async fn note(tx: &mut Tx, revision: Revision, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "insert into applied (revision, applied_at) values ($1, $2) on conflict (revision) do nothing";
    tx.wake(changes::TOPIC);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(revision.as_i64())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Returns when every gateway had applied the grants up to a revision; none if one has not.
pub(crate) async fn when(tx: &mut Tx, revision: Revision) -> Result<Option<Timestamp>, Error> {
    const SQL: &str =
        "select applied_at from applied where revision >= $1 order by revision limit 1";
    let at: Option<(i64,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(revision.as_i64())
        .fetch_optional(conn)
        .await)?;
    Column(TABLE, "applied_at").maybe_time(at.map(|(at,)| at))
}
