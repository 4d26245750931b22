//! The table of applications, as far as they are known here. The migration says when a version
//! counts as in use.

use contract::{ApplicationName, VersionName};
use store::{Error, Tx, on};

use super::Column;

/// What is known here of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Application {
    /// Its name.
    pub(crate) name: ApplicationName,
    /// What people call it.
    pub(crate) display_name: String,
    /// The version in use, as far as switches were settled.
    pub(crate) active: Option<VersionName>,
}

/// Returns an application; one that nobody has named yet is called by its id.
pub(crate) async fn find(tx: &mut Tx, name: &ApplicationName) -> Result<Application, Error> {
    const SQL: &str =
        "select display_name, active_version from applications where application = $1";
    let row: Option<(String, Option<String>)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.as_str())
        .fetch_optional(conn)
        .await)?;
    let (display_name, active) = row.unwrap_or_else(|| (name.to_string(), None));
    Ok(Application {
        name: name.clone(),
        display_name,
        active: Column("applications", "active_version").optional(active.as_deref())?,
    })
}

/// Remembers what people call an application.
pub(crate) async fn call(
    tx: &mut Tx,
    name: &ApplicationName,
    display_name: &str,
) -> Result<(), Error> {
    const SQL: &str = "insert into applications (application, display_name) values ($1, $2) \
        on conflict (application) do update set display_name = excluded.display_name \
        where applications.display_name <> excluded.display_name";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(display_name)
        .execute(conn)
        .await
        .map(drop))
}

/// Remembers the version in use.
pub(crate) async fn activate(
    tx: &mut Tx,
    name: &ApplicationName,
    version: &VersionName,
) -> Result<(), Error> {
    const SQL: &str = "insert into applications (application, display_name, active_version) values ($1, $1, $2) \
        on conflict (application) do update set active_version = excluded.active_version";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(version.as_str())
        .execute(conn)
        .await
        .map(drop))
}
