//! The table of app credentials. It holds hashes of secrets, never secrets.

use contract::{ApplicationName, CredentialId, CredentialName, RequestId, VersionRef};
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::{Column, micros};
use crate::credentials::{Credential, Previous};

const TABLE: &str = "credentials";

#[derive(sqlx::FromRow)]
struct Row {
    credential: String,
    application: String,
    version: String,
    client_id: String,
    secret_hash: String,
    previous_hash: Option<String>,
    previous_expires_at: Option<i64>,
    created_at: i64,
    rotated_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    expires_at: Option<i64>,
    request_id: Option<String>,
    rotation_request_id: Option<String>,
}

impl TryFrom<Row> for Credential {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let expires_at =
            Column(TABLE, "previous_expires_at").maybe_time(row.previous_expires_at)?;
        Ok(Self {
            name: CredentialName {
                application: Column(TABLE, "application")
                    .text::<ApplicationName>(&row.application)?,
                version: Column(TABLE, "version").text(&row.version)?,
                credential: Column(TABLE, "credential").text(&row.credential)?,
            },
            client_id: row.client_id,
            secret_hash: row.secret_hash,
            previous: row
                .previous_hash
                .zip(expires_at)
                .map(|(hash, expires_at)| Previous { hash, expires_at }),
            request_id: Column(TABLE, "request_id").optional(row.request_id.as_deref())?,
            created_at: Column(TABLE, "created_at").time(row.created_at)?,
            rotated_at: Column(TABLE, "rotated_at").maybe_time(row.rotated_at)?,
            rotation: Column(TABLE, "rotation_request_id")
                .optional(row.rotation_request_id.as_deref())?,
            last_used_at: Column(TABLE, "last_used_at").maybe_time(row.last_used_at)?,
            expires_at: Column(TABLE, "expires_at").maybe_time(row.expires_at)?,
            revoked_at: Column(TABLE, "revoked_at").maybe_time(row.revoked_at)?,
        })
    }
}

/// Returns a credential.
pub(crate) async fn find(tx: &mut Tx, name: &CredentialName) -> Result<Option<Credential>, Error> {
    const SQL: &str =
        "select * from credentials where credential = $1 and application = $2 and version = $3";
    let id = name.credential.to_string();
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(&id)
        .bind(name.application.as_str())
        .bind(name.version.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Credential::try_from).transpose()
}

/// Returns the credential with a client id.
pub(crate) async fn find_by_client(
    tx: &mut Tx,
    client_id: &str,
) -> Result<Option<Credential>, Error> {
    const SQL: &str = "select * from credentials where client_id = $1";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(client_id)
        .fetch_optional(conn)
        .await)?;
    row.map(Credential::try_from).transpose()
}

/// Returns the credential that was created under a request.
pub(crate) async fn find_by_request(
    tx: &mut Tx,
    request: &RequestId,
) -> Result<Option<Credential>, Error> {
    const SQL: &str = "select * from credentials where request_id = $1";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(request.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Credential::try_from).transpose()
}

/// Returns up to `limit` credentials of a version, newest first, those older than `before`.
pub(crate) async fn list(
    tx: &mut Tx,
    version: &VersionRef,
    before: Option<&CredentialId>,
    limit: i64,
) -> Result<Vec<Credential>, Error> {
    const SQL: &str = "select * from credentials where application = $1 and version = $2 \
        and ($3 = '' or credential < $3) order by credential desc limit $4";
    let before = before.map(CredentialId::to_string).unwrap_or_default();
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(version.application.as_str())
        .bind(version.version.as_str())
        .bind(&before)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Credential::try_from).collect()
}

/// Inserts a credential; tells whether it was not there.
pub(crate) async fn insert(tx: &mut Tx, credential: &Credential) -> Result<bool, Error> {
    const SQL: &str = "insert into credentials (credential, application, version, client_id, secret_hash, created_at, \
        expires_at, request_id) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (credential) do nothing";
    let id = credential.name.credential.to_string();
    on!(tx, |conn| sqlx::query(SQL)
        .bind(&id)
        .bind(credential.name.application.as_str())
        .bind(credential.name.version.as_str())
        .bind(&credential.client_id)
        .bind(&credential.secret_hash)
        .bind(credential.created_at.as_microsecond())
        .bind(micros(credential.expires_at))
        .bind(credential.request_id.as_ref().map(RequestId::as_str))
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1))
}

/// Writes down when a right secret was last shown.
pub(crate) async fn used(tx: &mut Tx, id: &CredentialId, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "update credentials set last_used_at = $2 where credential = $1";
    let id = id.to_string();
    on!(tx, |conn| sqlx::query(SQL)
        .bind(&id)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Makes the credentials of a version worthless that were issued up to a time.
pub(crate) async fn revoke_all(
    tx: &mut Tx,
    version: &VersionRef,
    issued_up_to: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "update credentials set revoked_at = $4, previous_hash = null, previous_expires_at = null \
        where application = $1 and version = $2 and created_at <= $3 and revoked_at is null";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(version.application.as_str())
        .bind(version.version.as_str())
        .bind(issued_up_to.as_microsecond())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Writes a credential's secrets and their times.
pub(crate) async fn save(tx: &mut Tx, credential: &Credential) -> Result<(), Error> {
    const SQL: &str = "update credentials set secret_hash = $2, previous_hash = $3, previous_expires_at = $4, \
        rotated_at = $5, revoked_at = $6, rotation_request_id = $7 where credential = $1";
    let id = credential.name.credential.to_string();
    let expires: Option<Timestamp> = credential
        .previous
        .as_ref()
        .map(|previous| previous.expires_at);
    let rows = on!(tx, |conn| sqlx::query(SQL)
        .bind(&id)
        .bind(&credential.secret_hash)
        .bind(
            credential
                .previous
                .as_ref()
                .map(|previous| previous.hash.as_str())
        )
        .bind(micros(expires))
        .bind(micros(credential.rotated_at))
        .bind(micros(credential.revoked_at))
        .bind(credential.rotation.as_ref().map(RequestId::as_str))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    super::one(TABLE, rows)
}
