//! Versions, with where they stand.

use ::store::{Error, Tx, on};
use contract::{ApplicationName, VersionName, VersionRef};
use jiff::Timestamp;

use super::{applications::creation, from_json, json, number, parsed, time};
use crate::application::{AppCredentials, Standing, Version, VersionFacts};

const TABLE: &str = "versions";

#[derive(sqlx::FromRow)]
struct Row {
    application: String,
    name: String,
    upstream: String,
    health: String,
    roles: String,
    app_credentials: Option<String>,
    first_active_at: Option<i64>,
    last_active_at: Option<i64>,
    revision: i64,
    creation_request_id: Option<String>,
    creation_digest: String,
    created_at: i64,
    active: Option<String>,
    test_since: Option<i64>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select v.application, v.name, v.upstream, v.health, v.roles, v.app_credentials, \
             v.first_active_at, v.last_active_at, v.revision, v.creation_request_id, \
             v.creation_digest, v.created_at, a.version as active, t.since as test_since \
             from versions v \
             left join active_versions a on a.application = v.application and a.version = v.name \
             left join tests t on t.application = v.application and t.version = v.name ",
            $rest
        )
    };
}

impl TryFrom<Row> for Version {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let active_at = match (row.first_active_at, row.last_active_at) {
            (Some(first), Some(last)) => Some((
                time(TABLE, "first_active_at", first)?,
                time(TABLE, "last_active_at", last)?,
            )),
            _ => None,
        };
        let standing = match (row.active, row.test_since, active_at) {
            (Some(_), _, _) => Standing::Active,
            (None, Some(since), _) => Standing::InTest {
                since: time("tests", "since", since)?,
            },
            (None, None, Some(_)) => Standing::Retired,
            (None, None, None) => Standing::Registered,
        };
        let app_credentials = match row.app_credentials {
            None => AppCredentials::None,
            Some(scopes) => AppCredentials::Needed(from_json(TABLE, "app_credentials", &scopes)?),
        };
        Ok(Self {
            name: VersionRef {
                application: parsed(TABLE, "application", &row.application)?,
                version: parsed(TABLE, "name", &row.name)?,
            },
            facts: VersionFacts {
                upstream: parsed(TABLE, "upstream", &row.upstream)?,
                health: from_json(TABLE, "health", &row.health)?,
                roles: from_json(TABLE, "roles", &row.roles)?,
                app_credentials,
            },
            standing,
            active_at,
            revision: number(TABLE, "revision", row.revision)?,
            creation: creation(TABLE, row.creation_request_id, row.creation_digest)?,
            created_at: time(TABLE, "created_at", row.created_at)?,
        })
    }
}

/// Finds one.
pub(crate) async fn find(tx: &mut Tx, name: &VersionRef) -> Result<Option<Version>, Error> {
    const SQL: &str = select!("where v.application = $1 and v.name = $2");
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Version::try_from).transpose()
}

/// By what versions are listed: newest first.
pub(crate) type Key = (i64, String, String);

/// Returns the key of one.
pub(crate) fn key(version: &Version) -> Key {
    (
        version.created_at.as_microsecond(),
        version.name.application.to_string(),
        version.name.version.to_string(),
    )
}

/// Lists at most `limit`, newest first, those after `after`, of one application or of all.
pub(crate) async fn list(
    tx: &mut Tx,
    application: Option<&ApplicationName>,
    after: Option<&Key>,
    limit: i64,
) -> Result<Vec<Version>, Error> {
    const SQL: &str = select!(
        "where ($1 = '' or v.application = $1) and (v.created_at, v.application, v.name) < ($2, $3, $4) \
         order by v.created_at desc, v.application desc, v.name desc limit $5"
    );
    let first = (i64::MAX, String::new(), String::new());
    let (at, of, name) = after.unwrap_or(&first);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.map_or("", ApplicationName::as_str))
        .bind(at)
        .bind(of)
        .bind(name)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Version::try_from).collect()
}

/// Inserts one. Returns false if the name is taken.
pub(crate) async fn insert(tx: &mut Tx, version: &Version) -> Result<bool, Error> {
    const SQL: &str = "insert into versions (application, name, upstream, health, roles, \
        app_credentials, revision, creation_request_id, creation_digest, created_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (application, name) do nothing";
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(version.name.application.as_str())
        .bind(version.name.version.as_str())
        .bind(version.facts.upstream.to_string())
        .bind(json(&version.facts.health))
        .bind(json(&version.facts.roles))
        .bind(scopes(&version.facts))
        .bind(version.revision.as_i64())
        .bind(version.creation.request_id.as_ref().map(|id| id.as_str()))
        .bind(version.creation.digest.as_str())
        .bind(version.created_at.as_microsecond())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Saves its facts as its next revision.
pub(crate) async fn save(
    tx: &mut Tx,
    name: &VersionRef,
    facts: &VersionFacts,
) -> Result<(), Error> {
    const SQL: &str = "update versions set upstream = $3, health = $4, roles = $5, \
        app_credentials = $6, revision = revision + 1 where application = $1 and name = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .bind(facts.upstream.to_string())
        .bind(json(&facts.health))
        .bind(json(&facts.roles))
        .bind(scopes(facts))
        .execute(conn)
        .await
        .map(drop))
}

/// Marks a change of where it stands as its next revision.
pub(crate) async fn touch(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
) -> Result<(), Error> {
    const SQL: &str =
        "update versions set revision = revision + 1 where application = $1 and name = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .execute(conn)
        .await
        .map(drop))
}

/// Notes that it became the active version.
pub(crate) async fn activated(
    tx: &mut Tx,
    application: &ApplicationName,
    version: &VersionName,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "update versions set first_active_at = coalesce(first_active_at, $3), \
        last_active_at = $3, revision = revision + 1 where application = $1 and name = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(application.as_str())
        .bind(version.as_str())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Deletes one.
pub(crate) async fn delete(tx: &mut Tx, name: &VersionRef) -> Result<(), Error> {
    const SQL: &str = "delete from versions where application = $1 and name = $2";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .execute(conn)
        .await
        .map(drop))
}

fn scopes(facts: &VersionFacts) -> Option<String> {
    match &facts.app_credentials {
        AppCredentials::None => None,
        AppCredentials::Needed(scopes) => Some(json(scopes)),
    }
}
