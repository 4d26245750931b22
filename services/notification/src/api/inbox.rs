//! Shows inboxes. A tenant's admin sees its own alone; another's is not there for it.

use std::{pin::Pin, time::Duration};

use contract::{
    Caller, EventId, EventName, Fault, InboxName, Language, Page, PageSize, Problem, Revision,
    Violations, time,
};
use futures::{Stream, stream};
use proto::notification::v1 as wire;
use runtime::Clock;
use store::{Db, Listener};
use tonic::{Request, Response, Status};

use super::{caller, refuse};
use crate::{
    error::Error,
    event::Tab,
    store::{
        INBOXES,
        events::{self, Filter, Key, Mark, Shown, Stored},
        inboxes,
    },
    trail::{self, Change},
};

/// The most events that one request marks.
const MARKED_MAX: usize = 500;
/// The most changes of one message to a watcher; more follow at once.
const CHANGES_MAX: i64 = 200;
/// A lost wake-up costs at most this.
const POLL: Duration = Duration::from_secs(5);

/// Serves `InboxService`.
pub(crate) struct Inboxes {
    /// Where events are.
    pub(crate) db: Db,
    /// What time it is.
    pub(crate) clock: Clock,
}

#[tonic::async_trait]
impl wire::inbox_service_server::InboxService for Inboxes {
    async fn get_inbox(
        &self,
        request: Request<wire::GetInboxRequest>,
    ) -> Result<Response<wire::GetInboxResponse>, Status> {
        let caller = caller(&request);
        let inbox = parse_inbox("name", &request.into_inner().name, &caller).map_err(refuse)?;
        let shown = store::read!(self.db, |tx| {
            let unread = inboxes::unread(tx, &inbox).await?;
            Ok::<_, Error>(render_inbox(&inbox, unread))
        })?;
        Ok(Response::new(wire::GetInboxResponse { inbox: Some(shown) }))
    }

    async fn list_events(
        &self,
        request: Request<wire::ListEventsRequest>,
    ) -> Result<Response<wire::ListEventsResponse>, Status> {
        let caller = caller(&request);
        let request = request.into_inner();
        let inbox = parse_inbox("parent", &request.parent, &caller).map_err(refuse)?;
        let mut v = Violations::new();
        let shown = match wire::Tab::try_from(request.tab) {
            Ok(tab) => contract::Checked::right(from_tab(tab)),
            Err(_) => v.wrong("tab", Fault::OutOfRange, "is not a tab"),
        };
        let filter = [
            request.parent.as_str(),
            &request.tab.to_string(),
            &request.unread_only.to_string(),
        ];
        let page = Page::<Key>::read(
            &mut v,
            request.page_size,
            &request.page_token,
            &filter,
            PageSize::USUAL,
        );
        let (shown, page) = v.all((shown, page)).map_err(refuse)?;
        let filter = Filter {
            shown,
            unread_only: request.unread_only,
        };
        let mut rows = store::read!(self.db, |tx| {
            events::list(tx, &inbox, filter, page.after().copied(), page.limit())
                .await
                .map_err(Error::from)
        })?;
        let next_page_token = page.finish(&mut rows, Stored::key);
        let language = Language::asked(&request.language);
        let events = rows
            .iter()
            .map(|row| render_event(&inbox, row, language))
            .collect();
        Ok(Response::new(wire::ListEventsResponse {
            events,
            next_page_token,
        }))
    }

    async fn mark_events(
        &self,
        request: Request<wire::MarkEventsRequest>,
    ) -> Result<Response<wire::MarkEventsResponse>, Status> {
        let caller = caller(&request);
        let request = request.into_inner();
        let events = self
            .mark(
                &request.parent,
                &request.names,
                Mark::Read(request.read),
                Language::asked(&request.language),
                &caller,
            )
            .await?;
        Ok(Response::new(wire::MarkEventsResponse { events }))
    }

    async fn archive_events(
        &self,
        request: Request<wire::ArchiveEventsRequest>,
    ) -> Result<Response<wire::ArchiveEventsResponse>, Status> {
        let caller = caller(&request);
        let request = request.into_inner();
        let events = self
            .mark(
                &request.parent,
                &request.names,
                Mark::Archived(request.archived),
                Language::asked(&request.language),
                &caller,
            )
            .await?;
        Ok(Response::new(wire::ArchiveEventsResponse { events }))
    }

    type WatchInboxStream =
        Pin<Box<dyn Stream<Item = Result<wire::WatchInboxResponse, Status>> + Send>>;

    async fn watch_inbox(
        &self,
        request: Request<wire::WatchInboxRequest>,
    ) -> Result<Response<Self::WatchInboxStream>, Status> {
        let caller = caller(&request);
        let request = request.into_inner();
        let inbox = parse_inbox("name", &request.name, &caller).map_err(refuse)?;
        let mut v = Violations::new();
        let after = v.optional::<Position>("after", &request.after);
        let after = v.all(after).map_err(refuse)?;
        let watch = Watch {
            db: self.db.clone(),
            wakes: self.db.listen(INBOXES),
            inbox,
            language: Language::asked(&request.language),
            position: after,
            begun: false,
        };
        // The server ends the stream when it stops; here it only ends with an error.
        let messages = stream::try_unfold(watch, |mut watch| async move {
            let message = watch.next().await?;
            Ok(Some((message, watch)))
        });
        Ok(Response::new(Box::pin(messages)))
    }
}

impl Inboxes {
    async fn mark(
        &self,
        parent: &str,
        names: &[String],
        mark: Mark,
        language: Language,
        caller: &Caller,
    ) -> Result<Vec<wire::Event>, Status> {
        let inbox = parse_inbox("parent", parent, caller).map_err(refuse)?;
        let mut v = Violations::new();
        let names_asked = names;
        let names = v.each("names", names, 0..=MARKED_MAX, |v, name| {
            v.parse::<EventName>("", name)
        });
        let names = v.all(names).map_err(refuse)?;
        let ids: Vec<EventId> = names
            .into_iter()
            .filter(|name| name.inbox == inbox)
            .map(|name| name.event)
            .collect();
        let now = self.clock.now();
        let marked = store::write!(self.db, |tx| {
            let before = inboxes::revision(tx, &inbox).await?;
            let marked = events::mark(tx, &inbox, &ids, mark).await?;
            if inboxes::revision(tx, &inbox).await? != before {
                let change = asked(&inbox, names_asked, mark);
                trail::add(tx, now, &change).await?;
            }
            Ok::<_, Error>(marked)
        })?;
        Ok(marked
            .iter()
            .map(|event| render_event(&inbox, event, language))
            .collect())
    }
}

/// Returns what the audit log says of marking events.
fn asked(inbox: &InboxName, names: &[String], mark: Mark) -> Change {
    let parent = inbox.to_string();
    let names = names.to_vec();
    let change = Change::of(inbox);
    match mark {
        Mark::Read(read) => change.asked(&wire::MarkEventsRequest {
            parent,
            names,
            read,
            // How the answer reads is no part of the change.
            language: String::new(),
        }),
        Mark::Archived(archived) => change.asked(&wire::ArchiveEventsRequest {
            parent,
            names,
            archived,
            language: String::new(),
        }),
    }
}

/// What a watcher has seen: all changes up to a revision of its inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position(Revision);

/// The text is not a position.
#[derive(Debug, thiserror::Error)]
#[error("is not a position that was received here")]
struct NoPosition;

impl std::str::FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let number: u64 = text
            .strip_prefix('r')
            .and_then(|digits| digits.parse().ok())
            .ok_or(NoPosition)?;
        Revision::try_from(number).map(Self).map_err(|_| NoPosition)
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// One watcher.
struct Watch {
    db: Db,
    wakes: Listener,
    inbox: InboxName,
    language: Language,
    position: Option<Position>,
    begun: bool,
}

impl Watch {
    /// Returns the next message: at once the first time, later when there is something to say.
    async fn next(&mut self) -> Result<wire::WatchInboxResponse, Error> {
        loop {
            let (message, news) = self.look().await?;
            if news || !self.begun {
                self.begun = true;
                return Ok(message);
            }
            self.wakes.changed_or(POLL).await;
        }
    }

    /// Reads what has changed since the position, moves it on, and tells whether anything has.
    async fn look(&mut self) -> Result<(wire::WatchInboxResponse, bool), Error> {
        let (inbox, after) = (&self.inbox, self.position);
        let (unread, events, position) = store::read!(self.db, |tx| {
            let now = inboxes::revision(tx, inbox).await?;
            let after = after.map_or(now, |Position(after)| after);
            if after > now {
                return Err(Error::Position);
            }
            let events = events::changed_since(tx, inbox, after, CHANGES_MAX).await?;
            // A full page may hide more: go on after its last event. Else everything up to now was seen.
            let full = i64::try_from(events.len()).is_ok_and(|n| n == CHANGES_MAX);
            let position = events
                .last()
                .filter(|_| full)
                .map_or(now, |last| last.revision);
            Ok((inboxes::unread(tx, inbox).await?, events, position))
        })?;
        self.position = Some(Position(position));
        let message = wire::WatchInboxResponse {
            inbox: Some(render_inbox(inbox, unread)),
            events: events
                .iter()
                .map(|event| render_event(inbox, event, self.language))
                .collect(),
            position: Position(position).to_string(),
        };
        Ok((message, !events.is_empty()))
    }
}

/// Reads the name of an inbox that the caller may see.
pub(super) fn parse_inbox(field: &str, text: &str, caller: &Caller) -> Result<InboxName, Problem> {
    let mut v = Violations::new();
    let inbox = v.parse::<InboxName>(field, text);
    let inbox = v.all(inbox)?;
    caller.may_touch(&inbox)?;
    Ok(inbox)
}

fn from_tab(tab: wire::Tab) -> Shown {
    match tab {
        wire::Tab::Unspecified => Shown::All,
        wire::Tab::Applications => Shown::Tab(Tab::Applications),
        wire::Tab::Subscriptions => Shown::Tab(Tab::Subscriptions),
        wire::Tab::Events => Shown::Tab(Tab::Events),
        wire::Tab::Archived => Shown::Archived,
    }
}

fn to_tab(tab: Tab) -> wire::Tab {
    match tab {
        Tab::Applications => wire::Tab::Applications,
        Tab::Subscriptions => wire::Tab::Subscriptions,
        Tab::Events => wire::Tab::Events,
    }
}

fn render_inbox(name: &InboxName, unread: Vec<(Tab, i64)>) -> wire::Inbox {
    wire::Inbox {
        name: name.to_string(),
        unread: unread
            .into_iter()
            .map(|(tab, unread)| wire::TabCount {
                tab: to_tab(tab).into(),
                unread,
            })
            .collect(),
    }
}

fn render_event(inbox: &InboxName, event: &Stored, language: Language) -> wire::Event {
    let (title, said) = event.told(language);
    let about = &event.about;
    let text = |name: Option<String>| name.unwrap_or_default();
    wire::Event {
        name: EventName {
            inbox: inbox.clone(),
            event: event.id,
        }
        .to_string(),
        tab: to_tab(event.tab).into(),
        kind: event.kind.clone(),
        title,
        text: said,
        time: Some(time::write(event.time)),
        read: event.read,
        archived: event.archived,
        subject: Some(wire::EventSubject {
            application: text(
                about
                    .application
                    .clone()
                    .map(|name| contract::ApplicationRef::from(name).to_string()),
            ),
            tenant: text(
                about
                    .tenant
                    .clone()
                    .map(|id| contract::TenantRef::from(id).to_string()),
            ),
            version: text(about.version.as_ref().map(ToString::to_string)),
            switch: text(about.switch.as_ref().map(ToString::to_string)),
        }),
        request_id: event.request_id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_and_nothing_else_is_one() {
        let position: Position = "r12".parse().unwrap();
        assert_eq!(position.to_string(), "r12");
        for text in ["12", "r", "r-1", "r 1", "r9223372036854775808", "x1"] {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
    }
}
