//! Taking work that others look for too.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::Tx;

/// Returns `select` such that it takes only rows which no other open transaction has taken.
///
/// On PostgreSQL it gets `for update skip locked`; on SQLite a write transaction is alone anyway. The select
/// must be of one table, without grouping, and have a `limit`. Mark the rows as taken in the same
/// transaction: the claim ends with it. Claim by state or due time, never by `id > last`: rows appear in
/// the order of commits, not of their ids.
///
/// ```no_run
/// # async fn due(tx: &mut store::Tx, now: i64) -> Result<Vec<(String,)>, store::Error> {
/// let sql = store::claim(tx, "select name from deliveries where due_at <= $1 order by due_at, name limit 32");
/// store::on!(tx, |conn| sqlx::query_as(sql).bind(now).fetch_all(conn).await)
/// # }
/// ```
pub fn claim(tx: &Tx, select: &'static str) -> SqlStr {
    if tx.skips_locked() {
        AssertSqlSafe(format!("{select} for update skip locked")).into_sql_str()
    } else {
        select.into_sql_str()
    }
}
