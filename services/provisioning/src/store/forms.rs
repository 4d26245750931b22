//! The table of forms that have decided. Forms that have not are nowhere: they are signed.

use jiff::Timestamp;
use store::{Error, Tx, on};

/// What a form has decided, if it has.
pub(crate) async fn find(tx: &mut Tx, hash: &str) -> Result<Option<String>, Error> {
    const SQL: &str = "select choice from forms where form_hash = $1";
    let row: Option<(String,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(hash)
        .fetch_optional(conn)
        .await)?;
    Ok(row.map(|(choice,)| choice))
}

/// Keeps what a form decides, and forgets what was used before `forgotten`. Of two that come at the
/// same moment, the later one meets the row of the other and is tried again.
pub(crate) async fn insert(
    tx: &mut Tx,
    hash: &str,
    choice: &str,
    now: Timestamp,
    forgotten: Timestamp,
) -> Result<(), Error> {
    const FORGET: &str = "delete from forms where used_at < $1";
    const SQL: &str = "insert into forms (form_hash, choice, used_at) values ($1, $2, $3) \
        on conflict (form_hash) do nothing";
    on!(tx, |conn| sqlx::query(FORGET)
        .bind(forgotten.as_microsecond())
        .execute(conn)
        .await
        .map(drop))?;
    on!(tx, |conn| sqlx::query(SQL)
        .bind(hash)
        .bind(choice)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}
