//! The log of one service as it is exported, checked on the way.

use std::collections::BTreeSet;

use audit::{
    Entry, Head, Service,
    chain::{self, Broken},
};
use proto::audit::v1::{ExportAuditEntriesRequest, export_audit_entries_response::Content};

use super::of;
use crate::{connect::Session, error::Error};

/// What is known of one log: where it ends, with all hashes that were met, or where it is broken.
pub(super) struct Looked {
    pub(super) outcome: Result<Head, Broken>,
    /// Heads that an earlier check has printed, as far as they are in this log.
    pub(super) met: BTreeSet<String>,
}

impl Looked {
    /// Looks at entries in their order.
    pub(super) fn at(service: Service, entries: &[Entry], written: Option<&Head>) -> Self {
        let outcome = chain::follow(service, entries, &mut BTreeSet::new());
        let outcome = outcome.and_then(|found| match written {
            Some(written) => chain::ends(&found, written).map(|()| found),
            None => Ok(found),
        });
        let met = entries.iter().map(|entry| entry.hash.clone()).collect();
        Self { outcome, met }
    }
}

/// Asks a service for its log, and hands each entry on.
pub(super) async fn export(
    session: &Session,
    service: Service,
    mut each: impl FnMut(&Entry) -> Result<(), Error>,
) -> Result<Looked, Error> {
    let request = ExportAuditEntriesRequest {
        parent: service.to_string(),
        start_number: 1,
    };
    let mut client = session.audit(service);
    let mut stream = session
        .ask(of(service), client.export_audit_entries(request))
        .await?;
    let mut entries = Vec::new();
    let mut end = None;
    while let Some(message) = stream
        .message()
        .await
        .map_err(|status| session.fail(of(service), &status))?
    {
        match message.content {
            Some(Content::Entry(entry)) => {
                let entry = Entry::from_wire(entry)
                    .map_err(|why| Error::usage(format!("{service}: {why}"), None))?;
                each(&entry)?;
                entries.push(entry);
            }
            Some(Content::Head(head)) => {
                end = Some(Head {
                    number: head.number,
                    hash: head.hash,
                });
            }
            None => {}
        }
    }
    let end = end.unwrap_or_else(|| Head {
        number: i64::MAX,
        hash: String::new(),
    });
    Ok(Looked::at(service, &entries, Some(&end)))
}
