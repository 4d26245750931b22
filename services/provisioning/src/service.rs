//! What every part of this service works with.

use std::{sync::Arc, time::Duration};

use contract::{RequestId, TenantId};
use jiff::{SignedDuration, Timestamp};
use runtime::{Clock, Seal};
use store::Db;
use tokens::Verifier;

use crate::{catalog::Catalog, fleet::Fleet, signing::Keys};

/// What every part works with. Clones are the same service.
#[derive(Clone)]
pub(crate) struct Service {
    /// What is remembered.
    pub(crate) db: Db,
    /// Time and chance.
    pub(crate) clock: Clock,
    /// Keys for what waits in the outbox, for forms, and for the keys that sign tokens.
    pub(crate) seal: Arc<Seal>,
    /// Applications and versions.
    pub(crate) catalog: Catalog,
    /// The gateways, and what each has applied.
    pub(crate) fleet: Arc<Fleet>,
    /// How long a link works.
    pub(crate) offer_lifetime: SignedDuration,
    /// How long a denial waits for the gateways.
    pub(crate) deny_wait: Duration,
    /// Checks client secrets.
    pub(crate) verifier: Arc<Verifier>,
    /// The keys that sign tokens.
    pub(crate) keys: Arc<Keys>,
    /// Who issues tokens, as they say it.
    pub(crate) issuer: Arc<str>,
    /// The operator's own tenant, for which tokens of versions in test are.
    pub(crate) own_tenant: Option<TenantId>,
}

impl Service {
    /// Returns the time, as databases keep it.
    pub(crate) fn now(&self) -> Timestamp {
        let micros = self.clock.now_micros();
        Timestamp::from_microsecond(micros).expect("it came from a timestamp")
    }

    /// Makes an id for a row, in the order of time.
    pub(crate) fn new_id(&self) -> String {
        self.clock.new_id::<contract::EventId>().to_string()
    }

    /// Returns the id of the request that is being worked on.
    pub(crate) fn request() -> Option<RequestId> {
        runtime::request::current()
    }
}
