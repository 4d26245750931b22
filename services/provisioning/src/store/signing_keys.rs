//! The table of keys that sign tokens. It holds them sealed.

use jiff::Timestamp;
use store::{Error, Tx, on};
use tokens::Term;

use super::Column;

const TABLE: &str = "signing_keys";

/// A key as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    /// When it signs.
    pub(crate) term: Term,
    /// The private key, sealed.
    pub(crate) sealed: String,
}

/// Returns all keys, the oldest first.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Sealed>, Error> {
    const SQL: &str =
        "select signs_from, signs_until, sealed from signing_keys order by signs_from";
    let rows: Vec<(i64, i64, String)> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(from, until, sealed)| {
            let term = Term {
                signs_from: Column(TABLE, "signs_from").time(from)?,
                signs_until: Column(TABLE, "signs_until").time(until)?,
            };
            Ok(Sealed { term, sealed })
        })
        .collect()
}

/// Inserts a key.
pub(crate) async fn insert(tx: &mut Tx, key: &Sealed) -> Result<(), Error> {
    const SQL: &str =
        "insert into signing_keys (signs_from, signs_until, sealed) values ($1, $2, $3)";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(key.term.signs_from.as_microsecond())
        .bind(key.term.signs_until.as_microsecond())
        .bind(&key.sealed)
        .execute(conn)
        .await
        .map(drop))
}

/// Deletes a key.
pub(crate) async fn delete(tx: &mut Tx, signs_from: Timestamp) -> Result<(), Error> {
    const SQL: &str = "delete from signing_keys where signs_from = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(signs_from.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}
