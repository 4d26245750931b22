//! What owners of inboxes want to be told of: only what differs from the usual is here.

use contract::{EmailAddress, InboxName};
use jiff::Timestamp;
use store::{Error, Tx, on};

use crate::category::{Category, Channel};

/// Tells whether a channel of a category is on for an inbox.
pub(crate) async fn is_on(
    tx: &mut Tx,
    inbox: &InboxName,
    category: Category,
    channel: Channel,
) -> Result<bool, Error> {
    const SQL: &str =
        "select is_on from subscriptions where inbox = $1 and category = $2 and channel = $3";
    if category.is_required() {
        return Ok(true);
    }
    let row: Option<(i64,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(inbox.to_string())
        .bind(category.as_str())
        .bind(channel.as_str())
        .fetch_optional(conn)
        .await)?;
    Ok(row.is_none_or(|(is_on,)| is_on != 0))
}

/// Turns a channel of a category on or off.
pub(crate) async fn set(
    tx: &mut Tx,
    inbox: &InboxName,
    category: Category,
    channel: Channel,
    on: bool,
) -> Result<(), Error> {
    const SQL: &str = "insert into subscriptions (inbox, category, channel, is_on) values ($1, $2, $3, $4) \
        on conflict (inbox, category, channel) do update set is_on = excluded.is_on";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(inbox.to_string())
        .bind(category.as_str())
        .bind(channel.as_str())
        .bind(i64::from(on))
        .execute(conn)
        .await
        .map(drop))
}

/// Sends an address no more mails of a category.
pub(crate) async fn unsubscribe(
    tx: &mut Tx,
    inbox: &InboxName,
    category: Category,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into unsubscribed (inbox, category, address, since) values ($1, $2, $3, $4) \
        on conflict (inbox, category, address) do nothing";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(inbox.to_string())
        .bind(category.as_str())
        .bind(key(address))
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}

/// Sends an address mails of a category again.
pub(crate) async fn subscribe(
    tx: &mut Tx,
    inbox: &InboxName,
    category: Category,
    address: &EmailAddress,
) -> Result<(), Error> {
    const SQL: &str =
        "delete from unsubscribed where inbox = $1 and category = $2 and address = $3";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(inbox.to_string())
        .bind(category.as_str())
        .bind(key(address))
        .execute(conn)
        .await
        .map(drop))
}

/// Returns up to `limit` addresses that get no mails of a category.
pub(crate) async fn unsubscribed(
    tx: &mut Tx,
    inbox: &InboxName,
    category: Category,
    limit: i64,
) -> Result<Vec<String>, Error> {
    const SQL: &str = "select address from unsubscribed where inbox = $1 and category = $2 order by address limit $3";
    let rows: Vec<(String,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(inbox.to_string())
        .bind(category.as_str())
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    Ok(rows.into_iter().map(|(address,)| address).collect())
}

/// Tells whether an address gets no mails of a category.
pub(crate) async fn is_unsubscribed(
    tx: &mut Tx,
    inbox: &InboxName,
    category: Category,
    address: &EmailAddress,
) -> Result<bool, Error> {
    const SQL: &str =
        "select since from unsubscribed where inbox = $1 and category = $2 and address = $3";
    if category.is_required() {
        return Ok(false);
    }
    let row: Option<(i64,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(inbox.to_string())
        .bind(category.as_str())
        .bind(key(address))
        .fetch_optional(conn)
        .await)?;
    Ok(row.is_some())
}

/// An address is the same whatever its case.
fn key(address: &EmailAddress) -> String {
    address.as_str().to_lowercase()
}
