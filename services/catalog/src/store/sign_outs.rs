//! Sign-outs: which sessions have ended before their time, in the order in which they were told.

use ::store::{Error, Tx, on};
use jiff::Timestamp;
use uuid::Uuid;

use super::{SIGN_OUTS, parsed, time};
use crate::sign_outs::{Mark, SignOut};

const TABLE: &str = "sign_outs";

/// One that is kept, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// In the order of commits.
    pub(crate) number: i64,
    /// What followers call this place.
    pub(crate) position: Uuid,
    pub(crate) sign_out: SignOut,
}

/// Returns when what a mark is about ended, as it is kept.
pub(crate) async fn ended_at(tx: &mut Tx, mark: &Mark) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "select ended_at from sign_outs where mark = $1";
    let row: Option<(i64,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(mark.to_string())
        .fetch_optional(conn)
        .await)?;
    row.map(|(at,)| time(TABLE, "ended_at", at)).transpose()
}

/// Takes so many numbers, and returns the one before the first. Whoever else wants some waits for this
/// transaction: numbers appear in their order.
pub(crate) async fn take_numbers(tx: &mut Tx, count: i64) -> Result<i64, Error> {
    const SQL: &str =
        "update sign_outs_head set number = number + $1 where one = 1 returning number";
    let (last,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(count)
        .fetch_one(conn)
        .await)?;
    Ok(last - count)
}

/// Keeps one, in the place of what was kept of its mark.
pub(crate) async fn put(tx: &mut Tx, kept: &Kept) -> Result<(), Error> {
    const SQL: &str = "insert into sign_outs (mark, number, position, ended_at) \
        values ($1, $2, $3, $4) on conflict (mark) do update \
        set number = excluded.number, position = excluded.position, ended_at = excluded.ended_at";
    tx.wake(SIGN_OUTS);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(kept.sign_out.mark.to_string())
        .bind(kept.number)
        .bind(kept.position.to_string())
        .bind(kept.sign_out.ended_at.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Forgets what ended before.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<(), Error> {
    const SQL: &str = "delete from sign_outs where ended_at < $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(before.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Returns the number of a place; none if it is not known.
pub(crate) async fn number_of(tx: &mut Tx, position: Uuid) -> Result<Option<i64>, Error> {
    const SQL: &str = "select number from sign_outs where position = $1";
    let row: Option<(i64,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(position.to_string())
        .fetch_optional(conn)
        .await)?;
    Ok(row.map(|(number,)| number))
}

/// Lists at most `limit` after a number that did not end before `since`.
pub(crate) async fn list(
    tx: &mut Tx,
    after: i64,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Kept>, Error> {
    const SQL: &str = "select mark, number, position, ended_at from sign_outs \
        where number > $1 and ended_at >= $2 order by number limit $3";
    let rows: Vec<(String, i64, String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(after)
        .bind(since.as_microsecond())
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|(mark, number, position, ended_at)| {
            Ok(Kept {
                number,
                position: parsed(TABLE, "position", &position)?,
                sign_out: SignOut {
                    mark: parsed(TABLE, "mark", &mark)?,
                    ended_at: time(TABLE, "ended_at", ended_at)?,
                },
            })
        })
        .collect()
}
