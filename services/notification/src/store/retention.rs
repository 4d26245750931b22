//! What is forgotten after its time.

use jiff::Timestamp;
use store::{Error, Tx, on};

/// What is kept for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// Deliveries that were sent.
    Sent,
    /// Deliveries that failed, were given up or came back.
    Unsent,
    /// Events that were put away.
    Archived,
    /// Events that somebody has read.
    Read,
    /// Events that nobody has read.
    Unread,
}

/// What is older than it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age {
    /// What.
    pub(crate) shelf: Shelf,
    /// What is from before this.
    pub(crate) before: Timestamp,
}

/// Forgets up to `limit` of them, oldest first, and returns how many. Events stay as long as a
/// delivery of theirs; what waits or is being sent is not touched.
pub(crate) async fn forget(tx: &mut Tx, age: Age, limit: usize) -> Result<usize, Error> {
    const SENT: &str = "select id from deliveries where created_at < $1 \
        and state = 'sent' and bounced_at is null order by created_at, id limit $2";
    const UNSENT: &str = "select id from deliveries where created_at < $1 \
        and (state in ('failed', 'dead') or bounced_at is not null) order by created_at, id limit $2";
    const ARCHIVED: &str = "select id from events where happened_at < $1 and is_archived = 1 \
        and not exists (select 1 from deliveries where deliveries.event = events.id) \
        order by happened_at, id limit $2";
    const READ: &str = "select id from events where happened_at < $1 and is_archived = 0 and is_read = 1 \
        and not exists (select 1 from deliveries where deliveries.event = events.id) \
        order by happened_at, id limit $2";
    const UNREAD: &str = "select id from events where happened_at < $1 and is_archived = 0 and is_read = 0 \
        and not exists (select 1 from deliveries where deliveries.event = events.id) \
        order by happened_at, id limit $2";
    const TRIES: &str = "delete from tries where delivery = $1";
    const DELIVERY: &str = "delete from deliveries where id = $1";
    const EVENT: &str = "delete from events where id = $1";
    let (due, steps): (&'static str, &[&'static str]) = match age.shelf {
        Shelf::Sent => (SENT, &[TRIES, DELIVERY]),
        Shelf::Unsent => (UNSENT, &[TRIES, DELIVERY]),
        Shelf::Archived => (ARCHIVED, &[EVENT]),
        Shelf::Read => (READ, &[EVENT]),
        Shelf::Unread => (UNREAD, &[EVENT]),
    };
    // Locked, so that none is tried again or gets a delivery meanwhile.
    let sql = store::claim(tx, due);
    let ids: Vec<(String,)> = on!(tx, |conn| sqlx::query_as(sql)
        .bind(age.before.as_microsecond())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await)?;
    for (id,) in &ids {
        for step in steps {
            on!(tx, |conn| sqlx::query(*step)
                .bind(id)
                .execute(conn)
                .await
                .map(drop))?;
        }
    }
    Ok(ids.len())
}
