//! Receipts of switches that have ended. Rows are added and never changed.

use ::store::{Error, Tx, on};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{ApplicationName, Generation, SwitchName, Timeline};

use crate::switch::receipt::Signed;

/// Writes bytes as the columns keep them.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Adds one.
pub(crate) async fn insert(
    tx: &mut Tx,
    switch: &SwitchName,
    number: i64,
    timeline: Timeline,
    generation: Option<Generation>,
    signed: &Signed,
    digest: &str,
) -> Result<(), Error> {
    const SQL: &str = "insert into receipts (switch, application, number, timeline, generation, \
        receipt, sha256, signature, public_key) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(switch.switch.to_string())
        .bind(switch.application.as_str())
        .bind(number)
        .bind(timeline.to_string())
        .bind(generation.map(|generation| generation.as_i64()))
        .bind(signed.json.as_str())
        .bind(digest)
        .bind(signed.signature.as_str())
        .bind(signed.public_key.as_str())
        .execute(conn)
        .await
        .map(drop))
}

/// Returns number and digest of an application's last one.
pub(crate) async fn last(
    tx: &mut Tx,
    application: &ApplicationName,
) -> Result<Option<(i64, String)>, Error> {
    const SQL: &str = "select number, sha256 from receipts where application = $1 \
        order by number desc limit 1";
    on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .fetch_optional(conn)
        .await)
}

/// Finds the one of a switch.
pub(crate) async fn find(tx: &mut Tx, switch: &SwitchName) -> Result<Option<Signed>, Error> {
    const SQL: &str = "select receipt, signature, public_key from receipts \
        where switch = $1 and application = $2";
    let row: Option<(String, String, String)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(switch.switch.to_string())
        .bind(switch.application.as_str())
        .fetch_optional(conn)
        .await)?;
    Ok(row.map(|(json, signature, public_key)| Signed {
        json,
        signature,
        public_key,
    }))
}
