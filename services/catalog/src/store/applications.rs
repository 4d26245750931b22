//! Applications, with what is active, in test and open; their icons.

use std::time::Duration;

use ::store::{Error, Tx, on};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{ApplicationName, Generation, Revision, Timeline, VersionName};
use jiff::Timestamp;

use super::{ROUTES, from_json, json, micros, number, parsed, span, time};
use crate::{
    application::{Application, Approval, Creation, Icon, Policy, Serving, Test},
    tester_token::TokenHash,
};

const TABLE: &str = "applications";

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    display_name: String,
    summary: String,
    policy: String,
    approval: String,
    login: Option<String>,
    timeline: String,
    route_revision: i64,
    revision: i64,
    creation_request_id: Option<String>,
    creation_digest: String,
    created_at: i64,
    updated_at: i64,
    active_version: Option<String>,
    generation: Option<i64>,
    test_version: Option<String>,
    test_token: Option<String>,
    test_since: Option<i64>,
    open_switch: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select a.name, a.display_name, a.abstract as summary, a.policy, a.approval, a.login, a.timeline, \
             a.route_revision, a.revision, a.creation_request_id, a.creation_digest, a.created_at, \
             a.updated_at, v.version as active_version, v.generation, t.version as test_version, \
             t.token_sha256 as test_token, t.since as test_since, s.id as open_switch \
             from applications a \
             left join active_versions v on v.application = a.name \
             left join tests t on t.application = a.name \
             left join switches s on s.application = a.name and s.ended_at is null ",
            $rest
        )
    };
}

impl TryFrom<Row> for Application {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let serving = match (row.active_version, row.generation) {
            (Some(version), Some(generation)) => Serving::Active {
                version: parsed("active_versions", "version", &version)?,
                generation: number("active_versions", "generation", generation)?,
            },
            (None, None) => Serving::Never,
            (Some(_), None) | (None, Some(_)) => {
                return Err(Error::damaged(
                    "active_versions",
                    "generation",
                    "half a row",
                ));
            }
        };
        let test = match (row.test_version, row.test_token, row.test_since) {
            (Some(version), Some(token), Some(since)) => Some(Test {
                version: parsed("tests", "version", &version)?,
                token: TokenHash::stored(token)
                    .ok_or_else(|| Error::damaged("tests", "token_sha256", "not a hash"))?,
                since: time("tests", "since", since)?,
            }),
            _ => None,
        };
        Ok(Self {
            name: parsed(TABLE, "name", &row.name)?,
            display_name: parsed(TABLE, "display_name", &row.display_name)?,
            summary: parsed(TABLE, "abstract", &row.summary)?,
            policy: from_json(TABLE, "policy", &row.policy)?,
            approval: Approval::ALL
                .into_iter()
                .find(|approval| approval.as_str() == row.approval)
                .ok_or_else(|| Error::damaged(TABLE, "approval", &row.approval))?,
            login: row
                .login
                .map(|login| from_json(TABLE, "login", &login))
                .transpose()?,
            serving,
            test,
            open_switch: row
                .open_switch
                .map(|id| parsed("switches", "id", &id))
                .transpose()?,
            timeline: parsed(TABLE, "timeline", &row.timeline)?,
            route_revision: number(TABLE, "route_revision", row.route_revision)?,
            revision: number(TABLE, "revision", row.revision)?,
            creation: creation(TABLE, row.creation_request_id, row.creation_digest)?,
            created_at: time(TABLE, "created_at", row.created_at)?,
            updated_at: time(TABLE, "updated_at", row.updated_at)?,
        })
    }
}

pub(super) fn creation(
    table: &'static str,
    request_id: Option<String>,
    digest: String,
) -> Result<Creation, Error> {
    Ok(Creation {
        request_id: request_id
            .map(|id| parsed(table, "creation_request_id", &id))
            .transpose()?,
        digest,
    })
}

/// Finds one.
pub(crate) async fn find(
    tx: &mut Tx,
    name: &ApplicationName,
) -> Result<Option<Application>, Error> {
    const SQL: &str = select!("where a.name = $1");
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Application::try_from).transpose()
}

/// Lists at most `limit` by name, those after `after`.
pub(crate) async fn list(
    tx: &mut Tx,
    after: Option<&ApplicationName>,
    limit: i64,
) -> Result<Vec<Application>, Error> {
    const SQL: &str = select!("where a.name > $1 order by a.name limit $2");
    let after = after.map_or("", ApplicationName::as_str);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Application::try_from).collect()
}

/// Returns timeline and route revision of every application.
pub(crate) async fn route_revisions(
    tx: &mut Tx,
) -> Result<Vec<(ApplicationName, Timeline, Revision)>, Error> {
    const SQL: &str = "select name, timeline, route_revision from applications order by name";
    let rows: Vec<(String, String, i64)> =
        on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(name, timeline, revision)| {
            Ok((
                parsed(TABLE, "name", &name)?,
                parsed(TABLE, "timeline", &timeline)?,
                number(TABLE, "route_revision", revision)?,
            ))
        })
        .collect()
}

/// Inserts one that has no version yet. Returns false if the name is taken.
pub(crate) async fn insert(tx: &mut Tx, application: &Application) -> Result<bool, Error> {
    const SQL: &str = "insert into applications (name, display_name, abstract, policy, timeline, \
        route_revision, revision, creation_request_id, creation_digest, created_at, updated_at, lease, \
        approval, login) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict (name) do nothing";
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(application.name.as_str())
        .bind(application.display_name.as_str())
        .bind(application.summary.as_str())
        .bind(json(&application.policy))
        .bind(application.timeline.to_string())
        .bind(application.route_revision.as_i64())
        .bind(application.revision.as_i64())
        .bind(
            application
                .creation
                .request_id
                .as_ref()
                .map(|id| id.as_str())
        )
        .bind(application.creation.digest.as_str())
        .bind(application.created_at.as_microsecond())
        .bind(application.updated_at.as_microsecond())
        .bind(lease(&application.policy))
        .bind(application.approval.as_str())
        .bind(application.login.as_ref().map(json))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.wake(ROUTES);
    Ok(done == 1)
}

/// Saves what an operator may change. The caller marks the change; see [`touch`].
pub(crate) async fn save(tx: &mut Tx, application: &Application) -> Result<(), Error> {
    const SQL: &str = "update applications set display_name = $2, abstract = $3, policy = $4, lease = $5, \
        approval = $6, login = $7 where name = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(application.name.as_str())
        .bind(application.display_name.as_str())
        .bind(application.summary.as_str())
        .bind(json(&application.policy))
        .bind(lease(&application.policy))
        .bind(application.approval.as_str())
        .bind(application.login.as_ref().map(json))
        .execute(conn)
        .await
        .map(drop))
}

/// In microseconds; none in fleet mode static.
fn lease(policy: &Policy) -> Option<i64> {
    policy.fleet.lease().map(micros)
}

/// Returns the longest lease of an application in fleet mode fenced; none if there is no such one.
pub(crate) async fn longest_lease(tx: &mut Tx) -> Result<Option<Duration>, Error> {
    const SQL: &str = "select cast(max(lease) as bigint) from applications";
    let (lease,): (Option<i64>,) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    lease.map(|lease| span(TABLE, "lease", lease)).transpose()
}

/// What a change of an application touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    /// What people see of it.
    Shown,
    /// What people see of it, and what gateways are told.
    Routed,
}

/// Marks a change: the next revision, and the next route revision if gateways are to hear of it.
pub(crate) async fn touch(
    tx: &mut Tx,
    name: &ApplicationName,
    touch: Touch,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "update applications set revision = revision + 1, \
        route_revision = route_revision + $2, updated_at = $3 where name = $1";
    let routed = match touch {
        Touch::Shown => 0_i64,
        Touch::Routed => {
            tx.wake(ROUTES);
            1
        }
    };
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(routed)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Tells whether a timeline ended when a restored catalog was adopted.
pub(crate) async fn ended(
    tx: &mut Tx,
    name: &ApplicationName,
    timeline: Timeline,
) -> Result<bool, Error> {
    const SQL: &str = "select cast(count(*) as bigint) from ended_timelines \
        where application = $1 and timeline = $2";
    let (count,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.as_str())
        .bind(timeline.to_string())
        .fetch_one(conn)
        .await)?;
    Ok(count == 1)
}

/// Notes that a timeline has ended.
pub(crate) async fn end_timeline(
    tx: &mut Tx,
    name: &ApplicationName,
    timeline: &str,
) -> Result<(), Error> {
    const SQL: &str = "insert into ended_timelines (application, timeline) values ($1, $2) \
        on conflict (application, timeline) do nothing";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(timeline)
        .execute(conn)
        .await
        .map(drop))
}

/// Brings an application to another timeline, from this route revision on; its own has ended.
pub(crate) async fn take_over(
    tx: &mut Tx,
    application: &Application,
    timeline: Timeline,
    revision: Revision,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "update applications set timeline = $2, route_revision = $3, \
        revision = revision + 1, updated_at = $4 where name = $1";
    let ended = application.timeline.to_string();
    end_timeline(tx, &application.name, &ended).await?;
    tx.wake(ROUTES);
    on!(tx, |conn| sqlx::query(SQL)
        .bind(application.name.as_str())
        .bind(timeline.to_string())
        .bind(revision.as_i64())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Sets version and generation from which a restored application goes on.
pub(crate) async fn put_active(
    tx: &mut Tx,
    name: &ApplicationName,
    version: &VersionName,
    generation: Generation,
) -> Result<(), Error> {
    const SQL: &str = "insert into active_versions (application, version, generation) \
        values ($1, $2, $3) on conflict (application) do update \
        set version = excluded.version, generation = excluded.generation";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(version.as_str())
        .bind(generation.as_i64())
        .execute(conn)
        .await
        .map(drop))
}

/// Deletes one with all that belongs to it. The schema refuses one that has an active version.
pub(crate) async fn delete(tx: &mut Tx, name: &ApplicationName) -> Result<(), Error> {
    const SQL: [&str; 9] = [
        "delete from proposals where application = $1",
        "delete from ended_timelines where application = $1",
        "delete from tests where application = $1",
        "delete from receipts where application = $1",
        "delete from switches where application = $1",
        "delete from history where application = $1",
        "delete from icons where application = $1",
        "delete from versions where application = $1",
        "delete from applications where name = $1",
    ];
    for sql in SQL {
        on!(tx, |conn| sqlx::query(sql)
            .bind(name.as_str())
            .execute(conn)
            .await
            .map(drop))?;
    }
    tx.wake(ROUTES);
    Ok(())
}

/// Puts a version in test, or gives the test a new token. Returns false if another version is.
pub(crate) async fn put_test(
    tx: &mut Tx,
    name: &ApplicationName,
    test: &Test,
) -> Result<bool, Error> {
    const SQL: &str = "insert into tests (application, version, token_sha256, since) \
        values ($1, $2, $3, $4) on conflict (application) do update \
        set token_sha256 = excluded.token_sha256 where tests.version = excluded.version";
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(test.version.as_str())
        .bind(test.token.as_str())
        .bind(test.since.as_microsecond())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Ends the test of a version, if it is the one in test.
pub(crate) async fn end_test(
    tx: &mut Tx,
    name: &ApplicationName,
    version: &VersionName,
) -> Result<bool, Error> {
    const SQL: &str = "delete from tests where application = $1 and version = $2";
    let done = on!(tx, |conn| sqlx::query(SQL)
        .bind(name.as_str())
        .bind(version.as_str())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Finds the icon.
pub(crate) async fn icon(tx: &mut Tx, name: &ApplicationName) -> Result<Option<Icon>, Error> {
    const SQL: &str = "select media_type, data from icons where application = $1";
    let row: Option<(String, String)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(|(media, data)| {
        Ok(Icon {
            media: parsed("icons", "media_type", &media)?,
            data: STANDARD
                .decode(data)
                .map_err(|error| Error::damaged("icons", "data", error))?,
        })
    })
    .transpose()
}

/// Sets or takes away the icon.
pub(crate) async fn set_icon(
    tx: &mut Tx,
    name: &ApplicationName,
    icon: Option<&Icon>,
) -> Result<(), Error> {
    const DELETE: &str = "delete from icons where application = $1";
    const INSERT: &str = "insert into icons (application, media_type, data) values ($1, $2, $3)";
    on!(tx, |conn| sqlx::query(DELETE)
        .bind(name.as_str())
        .execute(conn)
        .await
        .map(drop))?;
    let Some(icon) = icon else { return Ok(()) };
    on!(tx, |conn| sqlx::query(INSERT)
        .bind(name.as_str())
        .bind(icon.media.as_str())
        .bind(STANDARD.encode(&icon.data))
        .execute(conn)
        .await
        .map(drop))
}
