//! One SQL text, two databases: SQLite inside the process, or PostgreSQL 15 and later beside it.
//!
//! Columns are `bigint` or `text`, parameters are `$1..$n`, one folder of migrations serves both.
//! Times are microseconds since 1970, handed in by callers: nothing in here reads a clock for them.
//!
//! ```no_run
//! use store::{Db, Error, Tx, on};
//!
//! #[derive(sqlx::FromRow)]
//! struct Row {
//!     name: String,
//!     generation: i64,
//! }
//!
//! async fn find(tx: &mut Tx, name: &str) -> Result<Option<Row>, Error> {
//!     const SQL: &str = "select name, generation from switches where name = $1";
//!     on!(tx, |conn| sqlx::query_as(SQL).bind(name).fetch_optional(conn).await)
//! }
//!
//! async fn advance(tx: &mut Tx, row: &Row) -> Result<bool, Error> {
//!     const SQL: &str = "update switches set generation = $3 where name = $1 and generation = $2";
//!     let changed = on!(tx, |conn| sqlx::query(SQL)
//!         .bind(&row.name)
//!         .bind(row.generation)
//!         .bind(row.generation + 1)
//!         .execute(conn)
//!         .await
//!         .map(|done| done.rows_affected()));
//!     Ok(changed? == 1)
//! }
//!
//! /// The body may run several times: it decides anew each time, and changes nothing but through `tx`.
//! async fn step(db: &Db, name: &str) -> Result<bool, Error> {
//!     store::write!(db, |tx| {
//!         let Some(row) = find(tx, name).await? else { return Ok(false) };
//!         tx.wake("switches");
//!         advance(tx, &row).await
//!     })
//! }
//! ```
//!
//! - [`write!`] and [`read!`] are the only ways to a transaction; they await in place. Any error type with
//!   `From<store::Error>` will do; where nothing else names it, say `Ok::<_, Error>(value)`. A collision with
//!   another writer is seen by the transaction itself and tried again, whatever the body makes of the error.
//! - [`on!`] runs one statement; it turns the driver's error into [`Error`]. After a failed statement
//!   the transaction can only be rolled back, on both databases: refuse by result
//!   (`on conflict … do nothing returning …`), not by catching an error.
//! - [`Tx::wake`] and [`Db::listen`] carry hints; the table is the truth.
//! - [`claim`] takes work that several processes look for.

mod attempts;
mod claim;
mod db;
mod error;
mod fault;
#[cfg(feature = "lockstep")]
pub mod lockstep;
mod retry;
pub mod testing;
mod tx;
mod url;
mod wake;

#[doc(hidden)]
pub use attempts::Attempts;
pub use claim::claim;
pub use db::Db;
pub use error::{Cause, Error};
#[doc(hidden)]
pub use tx::Conn;
pub use tx::Tx;
pub use url::{DatabaseUrl, InvalidUrl};
pub use wake::Listener;
