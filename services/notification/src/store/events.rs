//! Events: each shows once (I9), and knows the inbox's revision at which it last changed.

use contract::{EventId, InboxName, Language, RequestId, Revision};
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::{inboxes, parsed, time};
use crate::event::{About, Kind, Tab, Told, wording::Wording};

/// An event that is to be shown.
#[derive(Debug)]
pub(crate) struct New<'a> {
    /// Its id.
    pub(crate) id: EventId,
    /// Where it shows.
    pub(crate) inbox: &'a InboxName,
    /// What happened; with inbox and kind it makes the event the same one.
    pub(crate) cause: &'a str,
    /// What kind of event it is.
    pub(crate) kind: Kind,
    /// In which tab.
    pub(crate) tab: Tab,
    /// How it reads.
    pub(crate) told: &'a Told,
    /// When it happened.
    pub(crate) time: Timestamp,
    /// The request under which it happened.
    pub(crate) request_id: Option<&'a RequestId>,
    /// Its inbox's owner does not want to be told: it is read and archived from the start.
    pub(crate) put_away: bool,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its id.
    pub(crate) id: EventId,
    /// What kind of event it is; a newer release may know more kinds.
    pub(crate) kind: String,
    /// Its tab when it is not archived.
    pub(crate) tab: Tab,
    /// One line, in English.
    pub(crate) title: String,
    /// A few sentences, in English.
    pub(crate) text: String,
    /// What both are made from; none if it was published by a release that did not keep that.
    pub(crate) wording: Option<Wording>,
    /// When it happened.
    pub(crate) time: Timestamp,
    /// Whether somebody has read it.
    pub(crate) read: bool,
    /// Whether it was put away.
    pub(crate) archived: bool,
    /// What it is about.
    pub(crate) about: About,
    /// The request under which it happened; may be empty.
    pub(crate) request_id: String,
    /// The inbox's revision at which it last changed.
    pub(crate) revision: Revision,
}

/// Which events of an inbox are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Those in which tab.
    pub(crate) shown: Shown,
    /// Those alone that nobody has read.
    pub(crate) unread_only: bool,
}

/// Which tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// All but Archived.
    All,
    /// One of the others.
    Tab(Tab),
    /// What was put away.
    Archived,
}

/// What a list is sorted by: newest first, then by id.
pub(crate) type Key = (i64, EventId);

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "select id, kind, tab, title, body, wording, happened_at, is_read, is_archived, \
             application, tenant, version, switch, request_id, revision from events ",
            $rest
        )
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    kind: String,
    tab: String,
    title: String,
    body: String,
    wording: String,
    happened_at: i64,
    is_read: i64,
    is_archived: i64,
    application: String,
    tenant: String,
    version: String,
    switch: String,
    request_id: String,
    revision: i64,
}

impl TryFrom<Row> for Stored {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: parsed("events", "id", &row.id)?,
            kind: row.kind,
            tab: Tab::from_word(&row.tab)
                .ok_or_else(|| Error::damaged("events", "tab", &row.tab))?,
            title: row.title,
            text: row.body,
            wording: Wording::from_json(&row.wording),
            time: time("events", "happened_at", row.happened_at)?,
            read: row.is_read != 0,
            archived: row.is_archived != 0,
            about: About {
                application: if_any("application", &row.application)?,
                tenant: if_any("tenant", &row.tenant)?,
                version: if_any("version", &row.version)?,
                switch: if_any("switch", &row.switch)?,
            },
            request_id: row.request_id,
            revision: Revision::try_from(row.revision)
                .map_err(|error| Error::damaged("events", "revision", error))?,
        })
    }
}

fn if_any<T: std::str::FromStr<Err: std::fmt::Display>>(
    column: &'static str,
    text: &str,
) -> Result<Option<T>, Error> {
    if text.is_empty() {
        Ok(None)
    } else {
        parsed("events", column, text).map(Some)
    }
}

impl Stored {
    /// Returns title and text in a language; in English where they cannot be told in it.
    pub(crate) fn told(&self, language: Language) -> (String, String) {
        let english = || (self.title.clone(), self.text.clone());
        match (language, &self.wording) {
            (Language::English, _) | (_, None) => english(),
            (language, Some(wording)) => wording.read(language).unwrap_or_else(|_| english()),
        }
    }

    /// Returns what lists are sorted by.
    pub(crate) fn key(&self) -> Key {
        (self.time.as_microsecond(), self.id)
    }
}

/// Shows an event, unless the inbox has shown it already. Returns whether it is new.
pub(crate) async fn publish(tx: &mut Tx, new: &New<'_>) -> Result<bool, Error> {
    const KNOWN: &str = "select id from events where inbox = $1 and cause = $2 and kind = $3";
    const INSERT: &str = "insert into events (id, inbox, cause, kind, tab, title, body, happened_at, is_read, is_archived, \
        application, tenant, version, switch, request_id, revision, wording) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $15, $15, $9, $10, $11, $12, $13, $14, $16) \
        on conflict (inbox, cause, kind) do nothing";
    let inbox = new.inbox.to_string();
    let known: Option<(String,)> = on!(tx, |conn| sqlx::query_as(KNOWN)
        .bind(&inbox)
        .bind(new.cause)
        .bind(new.kind.as_str())
        .fetch_optional(conn)
        .await)?;
    if known.is_some() {
        return Ok(false);
    }
    let revision = inboxes::advance(tx, new.inbox).await?;
    let about = &new.told.about;
    let inserted = on!(tx, |conn| sqlx::query(INSERT)
        .bind(new.id.to_string())
        .bind(&inbox)
        .bind(new.cause)
        .bind(new.kind.as_str())
        .bind(new.tab.as_str())
        .bind(&new.told.title)
        .bind(&new.told.text)
        .bind(new.time.as_microsecond())
        .bind(about.application.as_ref().map_or("", |name| name.as_str()))
        .bind(about.tenant.as_ref().map_or("", |id| id.as_str()))
        .bind(about.version.as_ref().map_or("", |name| name.as_str()))
        .bind(
            about
                .switch
                .as_ref()
                .map_or(String::new(), ToString::to_string)
        )
        .bind(new.request_id.map_or("", RequestId::as_str))
        .bind(revision.as_i64())
        .bind(i64::from(new.put_away))
        .bind(new.told.wording.to_json())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(inserted == 1)
}

/// Returns up to `limit` events after `after`, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    inbox: &InboxName,
    filter: Filter,
    after: Option<Key>,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    const SQL: &str = columns!(
        "where inbox = $1 and is_archived = $2 and ($3 = '' or tab = $3) and ($4 = 0 or is_read = 0) \
         and (happened_at < $5 or (happened_at = $5 and id < $6)) order by happened_at desc, id desc limit $7"
    );
    let (archived, tab) = match filter.shown {
        Shown::All => (0_i64, ""),
        Shown::Tab(tab) => (0, tab.as_str()),
        Shown::Archived => (1, ""),
    };
    let (time, id) = after.map_or((i64::MAX, String::new()), |(time, id)| {
        (time, id.to_string())
    });
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(inbox.to_string())
        .bind(archived)
        .bind(tab)
        .bind(i64::from(filter.unread_only))
        .bind(time)
        .bind(&id)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// Returns up to `limit` events that have come or changed since a revision, in the order of that.
pub(crate) async fn changed_since(
    tx: &mut Tx,
    inbox: &InboxName,
    after: Revision,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    const SQL: &str = columns!("where inbox = $1 and revision > $2 order by revision limit $3");
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(inbox.to_string())
        .bind(after.as_i64())
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// Returns one event of an inbox.
pub(crate) async fn find(
    tx: &mut Tx,
    inbox: &InboxName,
    id: EventId,
) -> Result<Option<Stored>, Error> {
    const SQL: &str = columns!("where inbox = $1 and id = $2");
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(inbox.to_string())
        .bind(id.to_string())
        .fetch_optional(conn)
        .await)?;
    row.map(Stored::try_from).transpose()
}

/// What is noted on an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Whether somebody has read it.
    Read(bool),
    /// Whether it was put away.
    Archived(bool),
}

/// Notes something on events of an inbox and returns them as they are then. Unknown ones are passed
/// over; those that say it already do not change.
pub(crate) async fn mark(
    tx: &mut Tx,
    inbox: &InboxName,
    ids: &[EventId],
    mark: Mark,
) -> Result<Vec<Stored>, Error> {
    const READ: &str = "update events set is_read = $3, revision = $4 where inbox = $1 and id = $2";
    const ARCHIVED: &str =
        "update events set is_archived = $3, revision = $4 where inbox = $1 and id = $2";
    let (sql, value) = match mark {
        Mark::Read(value) => (READ, value),
        Mark::Archived(value) => (ARCHIVED, value),
    };
    let mut events = Vec::new();
    for id in ids {
        let Some(mut event) = find(tx, inbox, *id).await? else {
            continue;
        };
        let noted = match mark {
            Mark::Read(_) => &mut event.read,
            Mark::Archived(_) => &mut event.archived,
        };
        if *noted != value {
            *noted = value;
            event.revision = inboxes::advance(tx, inbox).await?;
            on!(tx, |conn| sqlx::query(sql)
                .bind(inbox.to_string())
                .bind(id.to_string())
                .bind(i64::from(value))
                .bind(event.revision.as_i64())
                .execute(conn)
                .await
                .map(drop))?;
        }
        events.push(event);
    }
    Ok(events)
}
