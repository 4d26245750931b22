//! The RPCs of the log, the same for every service.

use std::pin::Pin;

use ::store::Db;
use contract::{Checked, Fault, Page, PageSize, Problem, Violations, reason, time};
use futures::{Stream, stream};
use proto::audit::v1::{
    self as wire, audit_service_server::AuditServiceServer, export_audit_entries_response::Content,
};
use tonic::{Request, Response, Status};

use crate::{
    entry::{Entry, Head},
    json,
    service::{EntryName, Service},
    store::{self, Wanted},
};

/// Entries that an export reads at once: few enough that they fit a message each, and in memory.
const AT_ONCE: i64 = 100;
const ACTOR_MAX: usize = 120;
const RESOURCE_MAX: usize = 300;
const METHOD_MAX: usize = 200;

/// Shows the log of one service.
pub struct Log {
    db: Db,
    service: Service,
}

/// Returns what answers the RPCs of a service's log.
pub fn log(service: Service, db: Db) -> AuditServiceServer<Log> {
    AuditServiceServer::new(Log { db, service })
}

/// What a log refuses.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Store(#[from] ::store::Error),
    #[error("There is no {0}.")]
    NotFound(String),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match &error {
            Error::NotFound(name) => Self::not_found(name),
            Error::Store(store) if store.transient() => Self::unavailable(
                reason::STORE_BUSY,
                "The database is not answering right now.",
            )
            .retry_after(std::time::Duration::from_secs(1)),
            Error::Store(store) => Self::internal(store),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

#[tonic::async_trait]
impl wire::audit_service_server::AuditService for Log {
    async fn list_audit_entries(
        &self,
        request: Request<wire::ListAuditEntriesRequest>,
    ) -> Result<Response<wire::ListAuditEntriesResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let parent = v.parse::<Service>("parent", &request.parent);
        let wanted = wanted(&mut v, &request);
        let when = |at: &Option<prost_types::Timestamp>| {
            at.map_or_else(String::new, |at| format!("{}.{}", at.seconds, at.nanos))
        };
        let filter = [
            request.parent.as_str(),
            &request.actor,
            &request.resource,
            &request.method,
            &when(&request.start_time),
            &when(&request.end_time),
        ];
        let page = Page::<i64>::read(
            &mut v,
            request.page_size,
            &request.page_token,
            &filter,
            PageSize::USUAL,
        );
        let (parent, wanted, page) = v.all((parent, wanted, page))?;
        self.own(parent)?;
        let read = ::store::read!(self.db, |tx| {
            let (before, limit) = (page.after().copied(), page.limit());
            Ok::<_, Error>(store::list(tx, self.service, &wanted, before, limit).await?)
        });
        let mut rows = read?;
        let next_page_token = page.finish(&mut rows, |row| row.number);
        Ok(Response::new(wire::ListAuditEntriesResponse {
            entries: rows.iter().map(Entry::to_wire).collect(),
            next_page_token,
        }))
    }

    async fn get_audit_entry(
        &self,
        request: Request<wire::GetAuditEntryRequest>,
    ) -> Result<Response<wire::GetAuditEntryResponse>, Status> {
        let mut v = Violations::new();
        let name = v.parse::<EntryName>("name", &request.get_ref().name);
        let name = v.all(name)?;
        self.own(name.service)?;
        let read = ::store::read!(self.db, |tx| {
            let found = store::find(tx, self.service, name.number).await?;
            found.ok_or_else(|| Error::NotFound(name.to_string()))
        });
        Ok(Response::new(wire::GetAuditEntryResponse {
            entry: Some(read?.to_wire()),
        }))
    }

    type ExportAuditEntriesStream =
        Pin<Box<dyn Stream<Item = Result<wire::ExportAuditEntriesResponse, Status>> + Send>>;

    async fn export_audit_entries(
        &self,
        request: Request<wire::ExportAuditEntriesRequest>,
    ) -> Result<Response<Self::ExportAuditEntriesStream>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let parent = v.parse::<Service>("parent", &request.parent);
        v.check(
            request.start_number >= 0,
            "start_number",
            Fault::OutOfRange,
            "must not be negative",
        );
        let parent = v.all(parent)?;
        self.own(parent)?;
        let read = ::store::read!(self.db, |tx| Ok::<_, Error>(store::head(tx).await?));
        let export = Export {
            db: self.db.clone(),
            service: self.service,
            next: request.start_number.max(1),
            head: read?,
            waiting: Vec::new().into_iter(),
            over: false,
        };
        let messages = stream::try_unfold(export, |mut export| async move {
            let message = export.next().await?;
            Ok(message.map(|message| (message, export)))
        });
        Ok(Response::new(Box::pin(messages)))
    }
}

impl Log {
    /// The log of another service is not here.
    fn own(&self, service: Service) -> Result<(), Error> {
        if service == self.service {
            Ok(())
        } else {
            Err(Error::NotFound(service.to_string()))
        }
    }
}

/// What is exported, up to where the log ended when it was asked for.
struct Export {
    db: Db,
    service: Service,
    next: i64,
    head: Head,
    waiting: std::vec::IntoIter<Entry>,
    over: bool,
}

impl Export {
    async fn next(&mut self) -> Result<Option<wire::ExportAuditEntriesResponse>, Error> {
        if self.over {
            return Ok(None);
        }
        if self.waiting.len() == 0 {
            let (from, last) = (self.next, self.head.number);
            let read = ::store::read!(self.db, |tx| {
                Ok::<_, Error>(store::page(tx, self.service, from, last, AT_ONCE).await?)
            });
            self.waiting = read?.into_iter();
        }
        let content = match self.waiting.next() {
            Some(entry) => {
                self.next = entry.number.saturating_add(1);
                Content::Entry(entry.to_wire())
            }
            None => {
                self.over = true;
                Content::Head(wire::AuditHead {
                    number: self.head.number,
                    hash: self.head.hash.clone(),
                })
            }
        };
        Ok(Some(wire::ExportAuditEntriesResponse {
            content: Some(content),
        }))
    }
}

fn wanted(v: &mut Violations, request: &wire::ListAuditEntriesRequest) -> Checked<Wanted> {
    let actor = short(v, "actor", &request.actor, ACTOR_MAX);
    let resource = short(v, "resource", &request.resource, RESOURCE_MAX);
    let method = short(v, "method", &request.method, METHOD_MAX);
    let method = match method.value().map(String::as_str) {
        None | Some("") => method,
        Some(name) => match json::method_named(name) {
            Some(full) => Checked::right(full),
            None => v.wrong("method", Fault::Unknown, "is no method of these services"),
        },
    };
    let mut bound = |field, given: Option<prost_types::Timestamp>| match given {
        None => Checked::right(None),
        Some(_) => time::field(v, field, given).map(Some),
    };
    let from = bound("start_time", request.start_time);
    let until = bound("end_time", request.end_time);
    v.join((actor, resource, method, from, until))
        .map(|(actor, resource, method, from, until)| Wanted {
            actor,
            resource,
            method,
            from,
            until,
        })
}

fn short(v: &mut Violations, field: &str, text: &str, max: usize) -> Checked<String> {
    let printable = text.chars().all(|c| c.is_ascii_graphic());
    if printable && text.len() <= max {
        Checked::right(text.to_owned())
    } else {
        let allowed = format!("must be at most {max} printable ASCII characters without spaces");
        v.wrong(field, Fault::OutOfRange, allowed)
    }
}
