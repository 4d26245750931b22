//! The table of notices on their way.

use jiff::Timestamp;
use store::{Error, Tx, claim, on};

/// What is woken when notices wait.
pub(crate) const TOPIC: &str = "outbox";

/// A notice that waits to be published.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Waiting {
    /// Its id.
    pub(crate) notice: String,
    /// The notice, encoded and sealed.
    pub(crate) body: String,
    /// How often it was tried.
    pub(crate) tries: i64,
}

/// Queues a notice under a fresh id; it waits from now on.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: &str,
    sealed: &str,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into outbox (notice, body, tries, due_at) values ($1, $2, 0, $3)";
    tx.wake(TOPIC);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(sealed)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Takes up to 100 notices that are due; nobody else takes them before `until`.
pub(crate) async fn take(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Waiting>, Error> {
    const SELECT: &str = "select notice, body, tries from outbox where done_at is null and parked_at is null \
        and due_at <= $1 order by due_at, notice limit 100";
    const MARK: &str = "update outbox set due_at = $2, tries = tries + 1 where notice = $1";
    let sql = claim(tx, SELECT);
    let waiting: Vec<Waiting> = on!(tx, |conn| sqlx::query_as(sql)
        .bind(now.as_microsecond())
        .fetch_all(conn)
        .await)?;
    for row in &waiting {
        on!(tx, |conn| sqlx::query(MARK)
            .bind(&row.notice)
            .bind(until.as_microsecond())
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(waiting)
}

/// Notes that a notice was taken, and wipes it.
pub(crate) async fn done(tx: &mut Tx, notice: &str, now: Timestamp) -> Result<(), Error> {
    const SQL: &str =
        "update outbox set done_at = $2, body = '' where notice = $1 and done_at is null";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(notice)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Puts a notice off.
pub(crate) async fn later(tx: &mut Tx, notice: &str, due: Timestamp) -> Result<(), Error> {
    const SQL: &str = "update outbox set due_at = $2 where notice = $1 and done_at is null";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(notice)
        .bind(due.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Puts a notice aside that is refused for good, so that the others go on.
pub(crate) async fn park(tx: &mut Tx, notice: &str, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "update outbox set parked_at = $2 where notice = $1 and done_at is null";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(notice)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Forgets notices that were taken before a time.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from outbox where done_at is not null and done_at < $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(before.as_microsecond())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
}
