//! The entries of a service, and where they end. Rows are added and never changed.

use ::store::{Error, Tx, on};
use jiff::Timestamp;

use crate::{
    entry::{Entry, Head, role},
    service::Service,
};

const TABLE: &str = "audit_entries";

/// Which entries are wanted; what is empty is any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// As the actor, or as the person that spoke for it.
    pub(crate) actor: String,
    /// And what lies below it.
    pub(crate) resource: String,
    pub(crate) method: String,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    at: i64,
    role: String,
    actor: String,
    person: String,
    method: String,
    resource: String,
    reason: String,
    request_id: String,
    asked: String,
    before: String,
    after: String,
    previous: String,
    hash: String,
}

impl Row {
    fn entry(self, service: Service) -> Result<Entry, Error> {
        Ok(Entry {
            service,
            number: self.number,
            at: Timestamp::from_microsecond(self.at)
                .map_err(|error| Error::damaged(TABLE, "at", error))?,
            role: role(&self.role).ok_or_else(|| Error::damaged(TABLE, "role", &self.role))?,
            actor: self.actor,
            person: self.person,
            method: self.method,
            resource: self.resource,
            reason: self.reason,
            request_id: self.request_id,
            asked: self.asked,
            before: self.before,
            after: self.after,
            previous: self.previous,
            hash: self.hash,
        })
    }
}

/// Takes the next number; the hash is that of the entry before. Whoever else wants one waits for the end
/// of this transaction.
pub(crate) async fn take_number(tx: &mut Tx) -> Result<Head, Error> {
    const SQL: &str = "update audit_head set number = number + 1 returning number, hash";
    let row: Option<(i64, String)> =
        on!(tx, |conn| sqlx::query_as(SQL).fetch_optional(conn).await)?;
    let (number, hash) = row.ok_or_else(|| Error::damaged("audit_head", "*", "its row is gone"))?;
    Ok(Head { number, hash })
}

/// Adds an entry, which is the last one from then on.
pub(crate) async fn insert(tx: &mut Tx, entry: &Entry) -> Result<(), Error> {
    const SQL: &str = "insert into audit_entries (number, at, role, actor, person, method, resource, \
        reason, request_id, asked, before, after, previous, hash) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    const HEAD: &str = "update audit_head set hash = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(entry.number)
        .bind(entry.at.as_microsecond())
        .bind(entry.role_name())
        .bind(entry.actor.as_str())
        .bind(entry.person.as_str())
        .bind(entry.method.as_str())
        .bind(entry.resource.as_str())
        .bind(entry.reason.as_str())
        .bind(entry.request_id.as_str())
        .bind(entry.asked.as_str())
        .bind(entry.before.as_str())
        .bind(entry.after.as_str())
        .bind(entry.previous.as_str())
        .bind(entry.hash.as_str())
        .execute(conn)
        .await
        .map(drop))?;
    on!(tx, |conn| sqlx::query(HEAD)
        .bind(entry.hash.as_str())
        .execute(conn)
        .await
        .map(drop))
}

/// Returns where the log ends.
pub(crate) async fn head(tx: &mut Tx) -> Result<Head, Error> {
    const SQL: &str = "select number, hash from audit_head";
    let (number, hash) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await)?;
    Ok(Head { number, hash })
}

/// Finds one.
pub(crate) async fn find(
    tx: &mut Tx,
    service: Service,
    number: i64,
) -> Result<Option<Entry>, Error> {
    const SQL: &str = "select * from audit_entries where number = $1";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(number)
        .fetch_optional(conn)
        .await)?;
    row.map(|row| row.entry(service)).transpose()
}

/// Lists at most `limit`, the latest first, those before number `before`.
pub(crate) async fn list(
    tx: &mut Tx,
    service: Service,
    wanted: &Wanted,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    const SQL: &str = "select * from audit_entries where number < $1 \
        and ($2 = '' or actor = $2 or person = $2) and ($3 = '' or method = $3) \
        and ($4 = '' or resource = $4 or substr(resource, 1, length($4) + 1) = $4 || '/') \
        and at >= $5 and at < $6 order by number desc limit $7";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(before.unwrap_or(i64::MAX))
        .bind(wanted.actor.as_str())
        .bind(wanted.method.as_str())
        .bind(wanted.resource.as_str())
        .bind(wanted.from.map_or(i64::MIN, Timestamp::as_microsecond))
        .bind(wanted.until.map_or(i64::MAX, Timestamp::as_microsecond))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(|row| row.entry(service)).collect()
}

/// Returns at most `limit` in their order, from one on, up to `last`.
pub(crate) async fn page(
    tx: &mut Tx,
    service: Service,
    from: i64,
    last: i64,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    const SQL: &str = "select * from audit_entries where number >= $1 and number <= $2 \
        order by number limit $3";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(from)
        .bind(last)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(|row| row.entry(service)).collect()
}
