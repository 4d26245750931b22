//! The table of versions whose backends act for tenants.

use std::collections::BTreeSet;

use contract::{ApplicationName, VersionName, VersionRef};
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::{Column, json, micros};
use crate::backend::Backend;

const TABLE: &str = "backends";

/// Returns what is known of a version.
pub(crate) async fn find(tx: &mut Tx, version: &VersionRef) -> Result<Option<Backend>, Error> {
    const SQL: &str =
        "select scopes, in_test, left_until from backends where application = $1 and version = $2";
    let row: Option<(String, i64, Option<i64>)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(version.application.as_str())
        .bind(version.version.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(|(scopes, in_test, left_until)| {
        Ok(Backend {
            scopes: Column(TABLE, "scopes").json(&scopes)?,
            in_test: in_test == 1,
            left_until: Column(TABLE, "left_until").maybe_time(left_until)?,
        })
    })
    .transpose()
}

/// Adds a version, unless it is known.
pub(crate) async fn add(tx: &mut Tx, version: &VersionRef, backend: &Backend) -> Result<(), Error> {
    const SQL: &str = "insert into backends (application, version, scopes, in_test, left_until) \
        values ($1, $2, $3, $4, $5) on conflict (application, version) do nothing";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(version.application.as_str())
        .bind(version.version.as_str())
        .bind(json(&backend.scopes))
        .bind(i64::from(backend.in_test))
        .bind(micros(backend.left_until))
        .execute(conn)
        .await
        .map(drop))
}

/// Writes down that a version is in test, and what its backend may do.
pub(crate) async fn put_in_test(
    tx: &mut Tx,
    version: &VersionRef,
    scopes: &BTreeSet<String>,
) -> Result<(), Error> {
    const SQL: &str = "insert into backends (application, version, scopes, in_test) values ($1, $2, $3, 1) \
        on conflict (application, version) do update set scopes = excluded.scopes, in_test = 1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(version.application.as_str())
        .bind(version.version.as_str())
        .bind(json(scopes))
        .execute(conn)
        .await
        .map(drop))
}

/// Writes down that a version is no longer in test.
pub(crate) async fn end_test(tx: &mut Tx, version: &VersionRef) -> Result<(), Error> {
    const SQL: &str =
        "update backends set in_test = 0 where application = $1 and version = $2 and in_test = 1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(version.application.as_str())
        .bind(version.version.as_str())
        .execute(conn)
        .await
        .map(drop))
}

/// Writes down that a version is in use: it is not in test, and no switch has led away from it.
pub(crate) async fn activate(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
) -> Result<(), Error> {
    const SQL: &str = "update backends set in_test = 0, left_until = null where application = $1 and version = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .execute(conn)
        .await
        .map(drop))
}

/// Writes down until when pairs of a version get tokens that a switch has led away from.
pub(crate) async fn leave(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
    until: Timestamp,
) -> Result<(), Error> {
    const SQL: &str =
        "update backends set in_test = 0, left_until = $3 where application = $1 and version = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .bind(until.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}
