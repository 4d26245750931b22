//! Deliveries: what is to be sent, by whom right now, and what became of it.

use contract::{DeliveryId, EventId, InboxName, RequestId};
use jiff::Timestamp;
use store::{Error, Tx, on};
use uuid::Uuid;

use super::{parsed, time};
use crate::delivery::{Claim, Progress, State, Wait, Words};

/// A delivery that is to be queued.
#[derive(Debug)]
pub(crate) struct New<'a> {
    /// Its id.
    pub(crate) id: DeliveryId,
    /// The event that it tells of.
    pub(crate) event: EventId,
    /// Whose inbox shows that.
    pub(crate) inbox: &'a InboxName,
    /// The event's kind.
    pub(crate) kind: &'a str,
    /// Where it goes.
    pub(crate) recipient: &'a str,
    /// Its subject line.
    pub(crate) subject: &'a str,
    /// Its Message-ID.
    pub(crate) message_id: &'a str,
    /// The mail, sealed; none if it could not be written.
    pub(crate) mail: Option<&'a str>,
    /// Where it starts.
    pub(crate) progress: &'a Progress,
    /// When it was queued.
    pub(crate) created: Timestamp,
    /// The request under which it came about.
    pub(crate) request_id: Option<&'a RequestId>,
}

/// A delivery as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its id.
    pub(crate) id: DeliveryId,
    /// The event's kind; a newer release may know more kinds.
    pub(crate) kind: String,
    /// Where it goes.
    pub(crate) recipient: String,
    /// Its subject line.
    pub(crate) subject: String,
    /// Its Message-ID.
    pub(crate) message_id: String,
    /// How far it has come.
    pub(crate) progress: Progress,
    /// How often it was tried.
    pub(crate) try_count: i64,
    /// When it was queued.
    pub(crate) created: Timestamp,
    /// The request under which it came about; may be empty.
    pub(crate) request_id: String,
}

/// A delivery that was claimed, with its mail, sealed; none if it could not be written.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    /// The delivery.
    pub(crate) delivery: Stored,
    /// Names this attempt.
    pub(crate) claim: Claim,
    /// To which domain it goes, in lower case.
    pub(crate) domain: Box<str>,
    /// Its mail, sealed.
    pub(crate) mail: Option<String>,
}

/// The words that a state is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Waits for its first or next try.
    Queued,
    /// Being handed to the server.
    Sending,
    /// The server took it.
    Sent,
    /// It came back.
    Bounced,
    /// Refused for good.
    Failed,
    /// Given up.
    Dead,
}

impl Word {
    /// Every word.
    pub(crate) const ALL: [Self; 6] = [
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Bounced,
        Self::Failed,
        Self::Dead,
    ];

    /// Returns the word for a state.
    pub(crate) fn of(state: &State) -> Self {
        match state {
            State::Queued { .. } => Self::Queued,
            State::Sending { .. } => Self::Sending,
            State::Sent { .. } => Self::Sent,
            State::Bounced { .. } => Self::Bounced,
            State::Failed { .. } => Self::Failed,
            State::Dead { .. } => Self::Dead,
        }
    }

    /// Returns the text.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Bounced => "bounced",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }
}

const WAITS: [(Wait, &str); 3] = [
    (Wait::Turn, "turn"),
    (Wait::Server, "server"),
    (Wait::Recipient, "recipient"),
];

/// The sealed mail is large, so only who sends it asks for it.
macro_rules! columns {
    ($rest:literal) => {
        columns!("cast(null as text) as mail", $rest)
    };
    ($mail:literal, $rest:literal) => {
        concat!(
            "select id, kind, recipient, subject, message_id, ",
            $mail,
            ", case when bounced_at is null then state else 'bounced' end as state, \
             due_at, waits_for, claim, reason, sent_at, bounced_at, bounce, \
             try_count, failures, tried_until, created_at, request_id, domain from deliveries ",
            $rest
        )
    };
}

mod claims;

pub(crate) use claims::{claim, renew};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    kind: String,
    recipient: String,
    subject: String,
    message_id: String,
    mail: Option<String>,
    state: String,
    due_at: Option<i64>,
    waits_for: Option<String>,
    claim: Option<String>,
    reason: Option<String>,
    sent_at: Option<i64>,
    bounced_at: Option<i64>,
    bounce: Option<String>,
    try_count: i64,
    failures: i64,
    tried_until: i64,
    created_at: i64,
    request_id: String,
    domain: String,
}

fn damaged(column: &'static str) -> Error {
    Error::damaged("deliveries", column, "does not fit the state")
}

impl Row {
    fn state(&self) -> Result<State, Error> {
        let at = |column, value: Option<i64>| {
            value
                .ok_or_else(|| damaged(column))
                .and_then(|v| time("deliveries", column, v))
        };
        let word = Word::ALL
            .into_iter()
            .find(|word| word.as_str() == self.state);
        let reason = || {
            self.reason
                .as_deref()
                .map(Words::new)
                .ok_or_else(|| damaged("reason"))
        };
        Ok(match word.ok_or_else(|| damaged("state"))? {
            Word::Queued => State::Queued {
                next: at("due_at", self.due_at)?,
                wait: WAITS
                    .into_iter()
                    .find(|(_, text)| self.waits_for.as_deref() == Some(*text))
                    .map(|(wait, _)| wait)
                    .ok_or_else(|| damaged("waits_for"))?,
            },
            Word::Sending => State::Sending {
                claim: self
                    .claim
                    .as_deref()
                    .and_then(|text| Uuid::try_parse(text).ok())
                    .map(Claim)
                    .ok_or_else(|| damaged("claim"))?,
                until: at("due_at", self.due_at)?,
            },
            Word::Sent => State::Sent {
                at: at("sent_at", self.sent_at)?,
            },
            Word::Bounced => State::Bounced {
                sent: at("sent_at", self.sent_at)?,
                at: at("bounced_at", self.bounced_at)?,
                reason: self
                    .bounce
                    .as_deref()
                    .map(Words::new)
                    .ok_or_else(|| damaged("bounce"))?,
            },
            Word::Failed => State::Failed { reason: reason()? },
            Word::Dead => State::Dead { reason: reason()? },
        })
    }
}

impl TryFrom<&Row> for Stored {
    type Error = Error;

    fn try_from(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: parsed("deliveries", "id", &row.id)?,
            kind: row.kind.clone(),
            recipient: row.recipient.clone(),
            subject: row.subject.clone(),
            message_id: row.message_id.clone(),
            progress: Progress {
                state: row.state()?,
                failures: u32::try_from(row.failures)
                    .map_err(|error| Error::damaged("deliveries", "failures", error))?,
                tried_until: time("deliveries", "tried_until", row.tried_until)?,
            },
            try_count: row.try_count,
            created: time("deliveries", "created_at", row.created_at)?,
            request_id: row.request_id.clone(),
        })
    }
}

/// The columns that hold a state.
struct Columns {
    state: &'static str,
    due_at: Option<i64>,
    waits_for: Option<&'static str>,
    claim: Option<String>,
    reason: Option<String>,
    sent_at: Option<i64>,
    bounced_at: Option<i64>,
    bounce: Option<String>,
}

impl Columns {
    fn of(state: &State) -> Self {
        let empty = Self {
            state: Word::of(state).as_str(),
            due_at: None,
            waits_for: None,
            claim: None,
            reason: None,
            sent_at: None,
            bounced_at: None,
            bounce: None,
        };
        match state {
            State::Queued { next, wait } => Self {
                due_at: Some(next.as_microsecond()),
                waits_for: WAITS
                    .into_iter()
                    .find(|(w, _)| w == wait)
                    .map(|(_, text)| text),
                ..empty
            },
            State::Sending { claim, until } => Self {
                due_at: Some(until.as_microsecond()),
                claim: Some(claim.0.to_string()),
                ..empty
            },
            State::Sent { at } => Self {
                sent_at: Some(at.as_microsecond()),
                ..empty
            },
            // What came back was sent, for the columns that were there first.
            State::Bounced { sent, at, reason } => Self {
                state: Word::Sent.as_str(),
                sent_at: Some(sent.as_microsecond()),
                bounced_at: Some(at.as_microsecond()),
                bounce: Some(reason.to_string()),
                ..empty
            },
            State::Failed { reason } | State::Dead { reason } => Self {
                reason: Some(reason.to_string()),
                ..empty
            },
        }
    }
}

/// Queues a delivery, unless the event has one to the same address. Returns whether it is new.
pub(crate) async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<bool, Error> {
    const SQL: &str = "insert into deliveries (id, event, inbox, kind, recipient, recipient_key, subject, message_id, mail, \
        state, due_at, waits_for, claim, reason, sent_at, try_count, failures, tried_until, created_at, request_id, domain) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, $16, $17, $18, $19, $20) \
        on conflict (event, recipient_key) do nothing";
    let columns = Columns::of(&new.progress.state);
    let inserted = on!(tx, |conn| sqlx::query(SQL)
        .bind(new.id.to_string())
        .bind(new.event.to_string())
        .bind(new.inbox.to_string())
        .bind(new.kind)
        .bind(new.recipient)
        .bind(new.recipient.to_lowercase())
        .bind(new.subject)
        .bind(new.message_id)
        .bind(new.mail)
        .bind(columns.state)
        .bind(columns.due_at)
        .bind(columns.waits_for)
        .bind(&columns.claim)
        .bind(&columns.reason)
        .bind(columns.sent_at)
        .bind(i64::from(new.progress.failures))
        .bind(new.progress.tried_until.as_microsecond())
        .bind(new.created.as_microsecond())
        .bind(new.request_id.map_or("", RequestId::as_str))
        .bind(domain_of(new.recipient))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.wake(super::DELIVERIES);
    Ok(inserted == 1)
}

/// Returns how many deliveries of an inbox were queued since a time, those left out that never were to
/// be tried.
pub(crate) async fn count_since(
    tx: &mut Tx,
    inbox: &InboxName,
    since: Timestamp,
) -> Result<i64, Error> {
    const SQL: &str = "select cast(count(*) as bigint) from deliveries \
        where inbox = $1 and created_at > $2 and (state <> 'failed' or try_count > 0)";
    let (count,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(inbox.to_string())
        .bind(since.as_microsecond())
        .fetch_one(conn)
        .await)?;
    Ok(count)
}

/// Returns the domain of an address, in lower case.
fn domain_of(recipient: &str) -> String {
    let (_, domain) = recipient.rsplit_once('@').unwrap_or_default();
    domain.to_lowercase()
}

/// Saves how far a delivery has come, if it still is where `before` says. What was sent loses its mail.
pub(crate) async fn save(tx: &mut Tx, delivery: &Stored, before: &Progress) -> Result<bool, Error> {
    const SQL: &str = "update deliveries set state = $2, due_at = $3, waits_for = $4, claim = $5, reason = $6, sent_at = $7, \
        try_count = $8, failures = $9, tried_until = $10, mail = case when $2 = 'sent' then null else mail end, \
        bounced_at = $13, bounce = $14 where id = $1 and state = $11 and coalesce(claim, '') = $12";
    let (columns, seen) = (
        Columns::of(&delivery.progress.state),
        Columns::of(&before.state),
    );
    let saved = on!(tx, |conn| sqlx::query(SQL)
        .bind(delivery.id.to_string())
        .bind(columns.state)
        .bind(columns.due_at)
        .bind(columns.waits_for)
        .bind(&columns.claim)
        .bind(&columns.reason)
        .bind(columns.sent_at)
        .bind(delivery.try_count)
        .bind(i64::from(delivery.progress.failures))
        .bind(delivery.progress.tried_until.as_microsecond())
        .bind(seen.state)
        .bind(seen.claim.as_deref().unwrap_or(""))
        .bind(columns.bounced_at)
        .bind(&columns.bounce)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(saved == 1)
}

/// Makes everything due that waits for the server.
pub(crate) async fn wake_waiting(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    const SQL: &str =
        "update deliveries set due_at = $1, waits_for = 'turn' where waits_for = 'server'";
    let woken = on!(tx, |conn| sqlx::query(SQL)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.wake(super::DELIVERIES);
    Ok(woken)
}

/// Returns when the next delivery is due, if any ever is, those to the domains in `full` left out.
pub(crate) async fn next_due(tx: &mut Tx, full: &str) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "select min(due_at) from deliveries \
        where due_at is not null and replace($1, ',' || domain || ',', '') = $1";
    let (due,): (Option<i64>,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(full)
        .fetch_one(conn)
        .await)?;
    due.map(|due| time("deliveries", "due_at", due)).transpose()
}

/// Returns one delivery.
pub(crate) async fn find(tx: &mut Tx, id: DeliveryId) -> Result<Option<Stored>, Error> {
    const SQL: &str = columns!("where id = $1");
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id.to_string())
        .fetch_optional(conn)
        .await)?;
    row.as_ref().map(Stored::try_from).transpose()
}

/// Returns the delivery with a Message-ID, in its angle brackets.
pub(crate) async fn find_by_message_id(
    tx: &mut Tx,
    message_id: &str,
) -> Result<Option<Stored>, Error> {
    const SQL: &str = columns!("where message_id = $1");
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(message_id)
        .fetch_optional(conn)
        .await)?;
    row.as_ref().map(Stored::try_from).transpose()
}

/// Returns up to `limit` deliveries made before `before`, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    state: Option<Word>,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    // Ids are hex digits and hyphens: `g` comes after them all.
    const SQL: &str = columns!(
        "where ($1 = '' or $1 = case when bounced_at is null then state else 'bounced' end) and id < $2 order by id desc limit $3"
    );
    let before = before.map_or("g".to_owned(), |id| id.to_string());
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(state.map_or("", Word::as_str))
        .bind(&before)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.iter().map(Stored::try_from).collect()
}
