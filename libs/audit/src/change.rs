//! What a call has changed, written down in the transaction that changes it.

use std::fmt;

use ::store::{Error, Tx};
use contract::{Caller, Role};
use jiff::Timestamp;
use prost::{Message, Name};
use runtime::request;

use crate::{entry::Entry, json, service::Service, store};

/// What a call has changed.
#[derive(Debug, Clone, Default)]
#[must_use = "it is written down by `append`"]
pub struct Change {
    resource: String,
    reason: String,
    asked: String,
    before: String,
    after: String,
    holder: Option<String>,
}

impl Change {
    /// Begins with the resource name of what was changed.
    pub fn of(resource: impl fmt::Display) -> Self {
        Self {
            resource: resource.to_string(),
            ..Self::default()
        }
    }

    /// Says why, in the caller's words.
    pub fn reason(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.reason);
        self
    }

    /// Says what was asked for.
    pub fn asked<M: Message + Name>(mut self, asked: &M) -> Self {
        self.asked = json::shown(asked);
        self
    }

    /// Says how it was.
    pub fn before<M: Message + Name>(mut self, before: &M) -> Self {
        self.before = json::shown(before);
        self
    }

    /// Says how it is.
    pub fn after<M: Message + Name>(mut self, after: &M) -> Self {
        self.after = json::shown(after);
        self
    }

    /// Says that whoever did it holds a link that was mailed to this owner: `tenants/{tenant}`, or the
    /// operator.
    pub fn by_link(mut self, owner: impl fmt::Display) -> Self {
        self.holder = Some(owner.to_string());
        self
    }
}

/// Writes an entry for the call that is being worked on, and keeps the log's end locked until the
/// transaction ends: it is to be the last that a transaction does. What no call asks for, or a service or
/// a gateway does by itself, leaves none.
///
/// # Errors
/// Those of the database.
pub async fn append(
    tx: &mut Tx,
    service: Service,
    at: Timestamp,
    change: &Change,
) -> Result<(), Error> {
    let Some(call) = request::call() else {
        return Ok(());
    };
    let (role, actor) = match (&change.holder, &call.caller) {
        (Some(holder), _) => (None, holder.clone()),
        (None, Caller::Known(identity)) => match identity.role() {
            Role::Service | Role::Gateway => return Ok(()),
            role => (Some(role), identity.subject()),
        },
        (None, Caller::Anonymous) => (None, call.caller.subject()),
    };
    // Whoever holds a link has shown no more than the link, whoever else it is.
    let person = match role {
        None => String::new(),
        Some(_) => call
            .person
            .map_or_else(String::new, |person| person.to_string()),
    };
    let head = store::take_number(tx).await?;
    let mut entry = Entry {
        service,
        number: head.number,
        at: Timestamp::from_microsecond(at.as_microsecond())
            .map_err(|error| Error::damaged("audit_entries", "at", error))?,
        role,
        actor,
        person,
        method: call.method,
        resource: change.resource.clone(),
        reason: change.reason.clone(),
        request_id: request::current().map_or_else(String::new, |id| id.to_string()),
        asked: change.asked.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
        previous: head.hash,
        hash: String::new(),
    };
    entry.hash = entry.digest();
    store::insert(tx, &entry).await
}
