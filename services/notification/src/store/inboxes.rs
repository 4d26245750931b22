//! Inboxes: who has one, and how often it has changed.

use contract::{InboxName, Revision};
use store::{Error, Tx, on};

use crate::event::Tab;

/// Takes the next revision of the inbox; makes the inbox if it is
/// new. Others that change it wait until the transaction ends, so revisions become visible in order.
pub(crate) async fn advance(tx: &mut Tx, inbox: &InboxName) -> Result<Revision, Error> {
    const MAKE: &str =
        "insert into inboxes (name, revision) values ($1, 0) on conflict (name) do nothing";
    const SQL: &str =
        "update inboxes set revision = revision + 1 where name = $1 returning revision";
    let name = inbox.to_string();
    on!(tx, |conn| sqlx::query(MAKE)
        .bind(&name)
        .execute(conn)
        .await
        .map(drop))?;
    let (revision,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(&name)
        .fetch_one(conn)
        .await)?;
    tx.wake(super::INBOXES);
    read(revision)
}

/// Returns the inbox's revision; zero if nothing has come yet.
pub(crate) async fn revision(tx: &mut Tx, inbox: &InboxName) -> Result<Revision, Error> {
    const SQL: &str = "select revision from inboxes where name = $1";
    let row: Option<(i64,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(inbox.to_string())
        .fetch_optional(conn)
        .await)?;
    row.map_or(Ok(Revision::ZERO), |(revision,)| read(revision))
}

/// Returns the unread events by tab, all tabs, archived ones left out.
pub(crate) async fn unread(tx: &mut Tx, inbox: &InboxName) -> Result<Vec<(Tab, i64)>, Error> {
    const SQL: &str = "select tab, cast(count(*) as bigint) from events \
        where inbox = $1 and is_read = 0 and is_archived = 0 group by tab";
    let rows: Vec<(String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(inbox.to_string())
        .fetch_all(conn)
        .await)?;
    let count = |tab: Tab| {
        rows.iter()
            .find(|(word, _)| word == tab.as_str())
            .map_or(0, |(_, n)| *n)
    };
    Ok(Tab::ALL.into_iter().map(|tab| (tab, count(tab))).collect())
}

fn read(revision: i64) -> Result<Revision, Error> {
    Revision::try_from(revision).map_err(|error| Error::damaged("inboxes", "revision", error))
}
