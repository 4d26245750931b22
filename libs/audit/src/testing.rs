//! Watches the log of a service in a test: what was called leaves one entry, and nothing else does.
//!
//! Only meant for tests.

use std::collections::BTreeSet;

use contract::{Rules, access::Effect};
use proto::audit::v1::{
    self as wire, audit_service_client::AuditServiceClient, export_audit_entries_response::Content,
};
use runtime::Client;

use crate::{
    chain,
    entry::{Entry, Head},
    service::Service,
};

/// Whoever reads the log of a service that a test has started.
pub struct Auditor {
    client: AuditServiceClient<Client>,
    service: Service,
    entries: Vec<Entry>,
}

impl Auditor {
    /// Begins to watch.
    pub async fn begin(client: Client, service: Service) -> Self {
        let mut auditor = Self {
            client: AuditServiceClient::new(client),
            service,
            entries: Vec::new(),
        };
        auditor.entries = auditor.read().await;
        auditor
    }

    /// Returns the entries of the log, after a look whether all is as it was written.
    pub async fn read(&mut self) -> Vec<Entry> {
        let (entries, written) = self.export().await;
        let found = chain::follow(self.service, &entries, &mut BTreeSet::new());
        let found = found.unwrap_or_else(|broken| panic!("{broken}: {entries:?}"));
        chain::ends(&found, &written).unwrap_or_else(|broken| panic!("{broken}"));
        entries
    }

    /// Returns the entries and where the log ends, as the service exports them.
    pub async fn export(&mut self) -> (Vec<Entry>, Head) {
        let request = wire::ExportAuditEntriesRequest {
            parent: self.service.to_string(),
            start_number: 0,
        };
        let exported = self.client.export_audit_entries(request).await;
        let mut stream = exported.expect("an export").into_inner();
        let mut entries = Vec::new();
        while let Some(message) = stream.message().await.expect("a message of the export") {
            match message.content {
                Some(Content::Entry(entry)) => {
                    entries.push(Entry::from_wire(entry).expect("an entry"));
                }
                Some(Content::Head(head)) => {
                    let (number, hash) = (head.number, head.hash);
                    return (entries, Head { number, hash });
                }
                None => panic!("a message of another kind"),
            }
        }
        panic!("an export without its end: {entries:?}");
    }

    /// Returns the only entry since the last look, which must be of this method.
    pub async fn one(&mut self, method: &str) -> Entry {
        let before = self.entries.len();
        self.entries = self.read().await;
        match &self.entries[before..] {
            [entry] if entry.method.rsplit('/').next() == Some(method) => entry.clone(),
            other => panic!("one entry of {method} was expected: {other:?}"),
        }
    }

    /// Looks that nothing was written since the last look.
    pub async fn none(&mut self, what: &str) {
        let before = self.entries.len();
        self.entries = self.read().await;
        let new = &self.entries[before..];
        assert!(new.is_empty(), "{what} left {new:?}");
    }

    /// Looks that every RPC of the service that changes something for somebody was called, and has left
    /// an entry.
    pub fn has_seen_every_method(&self) {
        let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET).expect("the contracts");
        let package = format!("/switchover.{}.", self.service.as_str());
        let recorded: BTreeSet<&str> = rules
            .methods()
            .filter(|method| method.starts_with(&package))
            .filter(|method| rules.effect(method) == Some(Effect::Recorded))
            .collect();
        let seen: BTreeSet<&str> = self
            .entries
            .iter()
            .map(|entry| entry.method.as_str())
            .collect();
        assert_eq!(seen, recorded, "left: seen; right: what the contract says");
    }
}
