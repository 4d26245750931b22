//! One entry: what it says, the one way in which it is written, and its hash.

use contract::{Role, time};
use jiff::Timestamp;
use proto::{access::v1 as access, audit::v1 as wire};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::service::{EntryName, Service};

/// What the first entry names as the hash of the one before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How whoever holds a link is written.
const ANYONE: &str = "anyone";

/// One change that somebody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose log it is in.
    pub service: Service,
    /// Counts the entries of the service from 1.
    pub number: i64,
    /// When, to a microsecond.
    pub at: Timestamp,
    /// What the caller is; none: whoever holds a link.
    pub role: Option<Role>,
    /// Who.
    pub actor: String,
    /// Which person spoke for the actor; empty where none is known, or the actor is the person.
    pub person: String,
    /// What was called: `/package.Service/Method`.
    pub method: String,
    /// What was changed.
    pub resource: String,
    /// Why; may be empty.
    pub reason: String,
    /// The call's id.
    pub request_id: String,
    /// The request as JSON; may be empty.
    pub asked: String,
    /// The resource before as JSON; empty if it was not there.
    pub before: String,
    /// The resource after as JSON; empty if it is gone.
    pub after: String,
    /// The hash of the entry before.
    pub previous: String,
    /// Its own hash, as it was written down.
    pub hash: String,
}

/// Where a log ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The number of its last entry; 0 if there is none.
    pub number: i64,
    /// Its hash; [`GENESIS`] if there is none.
    pub hash: String,
}

/// Why something is not an entry; reads on after its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoEntry(String);

/// Keys in the order of RFC 8785, which sorts them. `hash` is left out of what is hashed, and `person` where
/// it is empty: entries from before there was one have the hash that they always had.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Canonical<'a> {
    #[serde(borrow)]
    actor: std::borrow::Cow<'a, str>,
    after: std::borrow::Cow<'a, str>,
    asked: std::borrow::Cow<'a, str>,
    before: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<std::borrow::Cow<'a, str>>,
    method: std::borrow::Cow<'a, str>,
    number: i64,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    person: std::borrow::Cow<'a, str>,
    previous: std::borrow::Cow<'a, str>,
    reason: std::borrow::Cow<'a, str>,
    request_id: std::borrow::Cow<'a, str>,
    resource: std::borrow::Cow<'a, str>,
    role: std::borrow::Cow<'a, str>,
    service: std::borrow::Cow<'a, str>,
    time: std::borrow::Cow<'a, str>,
}

impl Entry {
    /// Returns its resource name.
    pub fn name(&self) -> EntryName {
        EntryName {
            service: self.service,
            number: self.number,
        }
    }

    /// Returns how its role is written.
    pub fn role_name(&self) -> &'static str {
        self.role.map_or(ANYONE, Role::as_str)
    }

    /// Returns the hash that it should have.
    pub fn digest(&self) -> String {
        Sha256::digest(self.canonical(None))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Tells whether it is what its hash says.
    pub fn is_whole(&self) -> bool {
        self.digest() == self.hash
    }

    /// Returns it as a line of a file: the form that is hashed, with the hash in its place.
    pub fn line(&self) -> String {
        self.canonical(Some(&self.hash))
    }

    /// Reads a line of a file, which must be just as [`Entry::line`] writes it.
    ///
    /// # Errors
    /// Anything else, by a byte.
    pub fn read(line: &[u8]) -> Result<Self, NoEntry> {
        let wrong = |why: String| NoEntry(format!("is no entry: {why}"));
        let read: Canonical<'_> =
            serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        let entry = Self {
            service: Service::named(&read.service)
                .ok_or_else(|| wrong("there is no such service".to_owned()))?,
            number: read.number,
            at: read
                .time
                .parse()
                .map_err(|_| wrong("its time cannot be read".to_owned()))?,
            role: role(&read.role).ok_or_else(|| wrong("there is no such role".to_owned()))?,
            actor: read.actor.into_owned(),
            person: read.person.into_owned(),
            method: read.method.into_owned(),
            resource: read.resource.into_owned(),
            reason: read.reason.into_owned(),
            request_id: read.request_id.into_owned(),
            asked: read.asked.into_owned(),
            before: read.before.into_owned(),
            after: read.after.into_owned(),
            previous: read.previous.into_owned(),
            hash: read.hash.unwrap_or_default().into_owned(),
        };
        if entry.line().as_bytes() == line {
            Ok(entry)
        } else {
            Err(NoEntry(
                "is not written as it was exported: something in it was changed".to_owned(),
            ))
        }
    }

    /// Returns it as a message.
    pub fn to_wire(&self) -> wire::AuditEntry {
        wire::AuditEntry {
            name: self.name().to_string(),
            number: self.number,
            time: Some(time::write(self.at)),
            role: self.role.map_or(access::Role::Anyone, Role::to_wire).into(),
            actor: self.actor.clone(),
            method: self.method.clone(),
            resource: self.resource.clone(),
            reason: self.reason.clone(),
            request_id: self.request_id.clone(),
            asked: self.asked.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
            previous_hash: self.previous.clone(),
            hash: self.hash.clone(),
            person: self.person.clone(),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// A message that no service has written.
    pub fn from_wire(message: wire::AuditEntry) -> Result<Self, NoEntry> {
        let wrong = |why: &str| NoEntry(format!("{} {why}", message.name));
        let name: EntryName = message
            .name
            .parse()
            .map_err(|_| wrong("is no name of an entry"))?;
        if name.number != message.number {
            return Err(wrong("has another number than its name"));
        }
        let role = match access::Role::try_from(message.role) {
            Ok(access::Role::Anyone) => None,
            Ok(role) => Some(Role::from_wire(role).ok_or_else(|| wrong("names no role"))?),
            Err(_) => return Err(wrong("names no role")),
        };
        let at = message
            .time
            .and_then(time::read)
            .ok_or_else(|| wrong("has no time"))?;
        Ok(Self {
            service: name.service,
            number: name.number,
            at,
            role,
            actor: message.actor,
            person: message.person,
            method: message.method,
            resource: message.resource,
            reason: message.reason,
            request_id: message.request_id,
            asked: message.asked,
            before: message.before,
            after: message.after,
            previous: message.previous_hash,
            hash: message.hash,
        })
    }

    fn canonical(&self, hash: Option<&str>) -> String {
        let canonical = Canonical {
            actor: self.actor.as_str().into(),
            after: self.after.as_str().into(),
            asked: self.asked.as_str().into(),
            before: self.before.as_str().into(),
            hash: hash.map(Into::into),
            method: self.method.as_str().into(),
            number: self.number,
            person: self.person.as_str().into(),
            previous: self.previous.as_str().into(),
            reason: self.reason.as_str().into(),
            request_id: self.request_id.as_str().into(),
            resource: self.resource.as_str().into(),
            role: self.role_name().into(),
            service: self.service.as_str().into(),
            time: format!("{:.6}", self.at).into(),
        };
        serde_json::to_string(&canonical).expect("texts and a number are JSON")
    }
}

/// Reads a role as entries have it; the inner none is whoever holds a link.
pub(crate) fn role(text: &str) -> Option<Option<Role>> {
    if text == ANYONE {
        return Some(None);
    }
    text.parse().ok().map(Some)
}
