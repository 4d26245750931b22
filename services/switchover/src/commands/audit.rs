//! `switchover audit …`: who changed what.

mod log;
mod verify;

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use audit::{EntryName, Service};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use proto::audit::v1::{GetAuditEntryRequest, ListAuditEntriesRequest, ListAuditEntriesResponse};

use super::{Verb, pages, present};
use crate::{
    args::{Paging, Time},
    connect::{self, Session},
    error::Error,
    show::{Screen, audit as show},
};

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists who changed what, the latest first
    #[command(visible_alias = "ls")]
    List(List),
    /// Shows one entry: what was asked, before and after
    #[command(visible_alias = "get")]
    Show {
        /// Which one: catalog/12, or its resource name
        #[arg(value_name = "SERVICE/NUMBER", value_parser = entry_name)]
        entry: EntryName,
    },
    /// Writes all entries to a new file, one JSON object a line, checked on the way
    Export {
        /// The file; it must not be there
        #[arg(value_name = "FILE")]
        path: PathBuf,
        /// Of these services
        #[command(flatten)]
        services: Services,
    },
    /// Finds entries that were changed, left out, reordered or cut off: in a file that was exported, or
    /// in the services
    Verify(verify::Verify),
}

/// Whose logs.
#[derive(Debug, Clone, Args)]
pub struct Services {
    /// Whose log: catalog, provisioning or notification; may be given several times; all if left out
    #[arg(long = "service", value_name = "SERVICE", value_parser = service)]
    named: Vec<Service>,
}

/// Which entries.
#[derive(Debug, Args)]
pub struct List {
    /// Whose log: catalog, provisioning or notification; the latest of all if left out
    #[arg(long, value_name = "SERVICE", value_parser = service)]
    service: Option<Service>,
    /// Only what this subject did, for itself or for a tenant: people/anna, tenants/bert
    #[arg(
        long,
        value_name = "SUBJECT",
        default_value = "",
        hide_default_value = true
    )]
    actor: String,
    /// Only what was done to this resource and what lies below it, such as applications/shop
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    resource: String,
    /// Only calls of this method, such as ConfirmUpdate
    #[arg(
        long,
        value_name = "METHOD",
        default_value = "",
        hide_default_value = true
    )]
    method: String,
    /// Only from then on: a time such as 2026-11-28T08:00:00Z, or how long ago, such as 2h
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only before then
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Which part.
    #[command(flatten)]
    paging: Paging,
}

/// A time, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Then.
    At(Timestamp),
    /// So long before now.
    Ago(std::time::Duration),
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        let ago = text.parse::<Time>().map(|ago| Self::Ago(ago.0));
        ago.map_err(|_| {
            "give a time such as 2026-11-28T08:00:00Z, or how long ago: 30m, 2h, 7d".to_owned()
        })
    }
}

impl When {
    fn wire(self, now: Timestamp) -> prost_types::Timestamp {
        contract::time::write(match self {
            Self::At(at) => at,
            Self::Ago(ago) => SignedDuration::try_from(ago)
                .ok()
                .and_then(|ago| now.checked_sub(ago).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
        })
    }
}

impl Services {
    /// Returns those that are meant.
    fn all(&self) -> Vec<Service> {
        let meant = |service: &Service| self.named.is_empty() || self.named.contains(service);
        Service::ALL.into_iter().filter(meant).collect()
    }
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::List(list) => list.run(session, screen).await,
            Self::Show { entry } => {
                let request = GetAuditEntryRequest {
                    name: entry.to_string(),
                };
                let mut client = session.audit(entry.service);
                let answer = session
                    .ask(of(entry.service), client.get_audit_entry(request))
                    .await?;
                let shown = present(session, answer.entry.clone())?;
                screen.answer(&answer, |view| show::entry(&shown, view))
            }
            Self::Export { path, services } => export(&path, &services, session, screen).await,
            Self::Verify(verify) => verify.run(session, screen).await,
        }
    }
}

impl List {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let Self {
            service, paging, ..
        } = self;
        let now = screen.view().now;
        let mut request = ListAuditEntriesRequest {
            parent: String::new(),
            actor: self.actor,
            resource: self.resource,
            method: self.method,
            start_time: self.since.map(|since| since.wire(now)),
            end_time: self.until.map(|until| until.wire(now)),
            ..ListAuditEntriesRequest::default()
        };
        match service {
            Some(Service::Catalog) => {
                request.parent = Service::Catalog.to_string();
                pages!(
                    session,
                    screen,
                    paging,
                    Catalog,
                    catalog_audit.list_audit_entries(request),
                    entries,
                    show::entries
                )
            }
            Some(Service::Provisioning) => {
                request.parent = Service::Provisioning.to_string();
                pages!(
                    session,
                    screen,
                    paging,
                    Provisioning,
                    provisioning_audit.list_audit_entries(request),
                    entries,
                    show::entries
                )
            }
            Some(Service::Notification) => {
                request.parent = Service::Notification.to_string();
                pages!(
                    session,
                    screen,
                    paging,
                    Notification,
                    notification_audit.list_audit_entries(request),
                    entries,
                    show::entries
                )
            }
            None => latest(request, &paging, session, screen).await,
        }
    }
}

/// Shows the latest of all services, by their times.
async fn latest(
    request: ListAuditEntriesRequest,
    paging: &Paging,
    session: &Session,
    screen: &Screen,
) -> Result<(), Error> {
    if paging.all || !paging.page_token.is_empty() {
        let message = "pages are those of one service";
        let hint = "say whose: --service catalog";
        return Err(Error::usage(message, Some(hint.to_owned())));
    }
    let mut entries = Vec::new();
    let mut more = false;
    for service in Service::ALL {
        let request = ListAuditEntriesRequest {
            parent: service.to_string(),
            page_size: paging.page_size,
            ..request.clone()
        };
        let mut client = session.audit(service);
        let answer = session
            .ask(of(service), client.list_audit_entries(request))
            .await?;
        more |= !answer.next_page_token.is_empty();
        entries.extend(answer.entries);
    }
    let at =
        |entry: &proto::audit::v1::AuditEntry| entry.time.map(|time| (time.seconds, time.nanos));
    entries.sort_by_key(|entry| std::cmp::Reverse(at(entry)));
    let size = usize::try_from(paging.page_size).unwrap_or(usize::MAX);
    more |= entries.len() > size;
    entries.truncate(size);
    let answer = ListAuditEntriesResponse {
        entries,
        next_page_token: String::new(),
    };
    screen.answer(&answer, |view| {
        let mut text = show::entries(&answer.entries, view);
        if more {
            text.push_str(&show::more(answer.entries.len(), view));
        }
        text
    })
}

async fn export(
    path: &std::path::Path,
    services: &Services,
    session: &Session,
    screen: &Screen,
) -> Result<(), Error> {
    let fault = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::usage(
            format!("{} is there already", path.display()),
            Some("an export replaces nothing; name another file".to_owned()),
        ),
        _ => runtime::Error::file(path, error).into(),
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(fault)?;
    let mut looked = Vec::new();
    for service in services.all() {
        let found = log::export(session, service, |entry| {
            writeln!(file, "{}", entry.line()).map_err(fault)
        })
        .await?;
        looked.push((service, found));
    }
    file.sync_all().map_err(fault)?;
    verify::tell(looked, Default::default(), Some(path), screen)
}

/// Returns the service as connections know it.
fn of(service: Service) -> connect::Service {
    match service {
        Service::Catalog => connect::Service::Catalog,
        Service::Provisioning => connect::Service::Provisioning,
        Service::Notification => connect::Service::Notification,
    }
}

fn service(text: &str) -> Result<Service, String> {
    Service::named(text)
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "name catalog, provisioning or notification".to_owned())
}

/// Reads `catalog/12`, or a resource name.
fn entry_name(text: &str) -> Result<EntryName, String> {
    let short = || {
        let (service, number) = text.split_once('/')?;
        format!("services/{service}/auditEntries/{number}")
            .parse()
            .ok()
    };
    text.parse()
        .ok()
        .or_else(short)
        .ok_or_else(|| "name a service and a number, such as: catalog/12".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_in_short_or_in_full() {
        for text in ["catalog/12", "services/catalog/auditEntries/12"] {
            let name = entry_name(text).unwrap();
            assert_eq!((name.service, name.number), (Service::Catalog, 12));
        }
        for text in ["12", "catalog/", "catalog/0", "gateway/1", "catalog/1/2"] {
            assert!(entry_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn when_is_a_time_or_how_long_ago() {
        let now: Timestamp = "2026-11-28T08:00:00Z".parse().unwrap();
        let seconds = |text: &str| text.parse::<When>().unwrap().wire(now).seconds;
        assert_eq!(seconds("2026-11-28T08:00:00Z"), now.as_second());
        assert_eq!(seconds("2h"), now.as_second() - 7200);
        assert_eq!(seconds("1d"), now.as_second() - 86400);
        assert!("yesterday".parse::<When>().is_err());
    }
}
