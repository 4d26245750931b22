//! Client ids and secrets that versions are issued with when they come into test. The pair is drawn here
//! and its hash is written down with the test itself, so that no test is without its pair and no
//! retry makes another one; provisioning, which keeps all pairs, is told until it has taken it.

use std::{convert::Infallible, time::Duration};

use ::store::{Db, Tx};
use contract::{ApplicationName, CredentialName, VersionRef};
use jiff::Timestamp;
use proto::provisioning::v1 as wire;
use runtime::{CancellationToken, Clock};
use serde::{Deserialize, Serialize};
use tokens::{Secret, pair};

use crate::{
    Catalog,
    application::{Act, AppCredentials, Scope, Version},
    due::{self, POLL},
    error::Error,
    peers::Peers,
    store::{CREDENTIAL_ORDERS, credential_orders},
};

/// How long a claimed order is left to its claimer.
const LEASE: Duration = Duration::from_secs(30);
/// Applications whose orders are told in one go.
const BATCH: i64 = 50;
/// Pauses between tries double up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long an answer waits until provisioning has taken a pair; after that the pair becomes valid later.
const TAKEN_MAX: Duration = Duration::from_secs(5);

/// Client id and secret as they were issued, to show them once.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) name: CredentialName,
    pub(crate) client_id: String,
    pub(crate) secret: Secret,
    at: Timestamp,
}

/// What provisioning is to know of a version whose backend acts for tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Order {
    /// It came into test.
    Register {
        version: VersionRef,
        scopes: Vec<Scope>,
        /// None where it keeps the pairs that it has.
        pair: Option<HashedPair>,
    },
    /// It left the test, or is gone.
    Deregister {
        version: VersionRef,
        pairs: Pairs,
        at: Timestamp,
    },
}

/// What becomes of a version's pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pairs {
    /// It was active and can be reactivated.
    Kept,
    /// It never was: it is gone with its test.
    Revoked,
}

/// A pair without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HashedPair {
    name: CredentialName,
    client_id: String,
    secret_hash: String,
    at: Timestamp,
}

impl Issued {
    /// Draws a pair for a version that comes into test, if it needs one and has never been active.
    pub(crate) async fn for_test(
        clock: &Clock,
        version: &Version,
        act: &Act,
    ) -> Result<Option<Self>, Error> {
        if !version.needs_credentials() || version.active_at.is_some() {
            return Ok(None);
        }
        let drawn = pair::draw().await;
        let drawn = drawn.inspect_err(|error| tracing::error!(%error, "no pair was drawn"));
        let drawn = drawn.map_err(|_| Error::Broken("no pair could be drawn"))?;
        Ok(Some(Self {
            name: CredentialName {
                application: version.name.application.clone(),
                version: version.name.version.clone(),
                credential: clock.new_id(),
            },
            client_id: drawn.client_id,
            secret: drawn.secret,
            at: act.at,
        }))
    }

    fn hashed(&self) -> HashedPair {
        HashedPair {
            name: self.name.clone(),
            client_id: self.client_id.clone(),
            secret_hash: self.secret.hash().to_owned(),
            at: self.at,
        }
    }
}

impl Order {
    /// Says that a version came into test; none if its backend does not act for tenants.
    pub(crate) fn register(version: &Version, issued: Option<&Issued>) -> Option<Self> {
        match &version.facts.app_credentials {
            AppCredentials::None => None,
            AppCredentials::Needed(scopes) => Some(Self::Register {
                version: version.name.clone(),
                scopes: scopes.clone(),
                pair: issued.map(Issued::hashed),
            }),
        }
    }

    /// Says that a version left the test or is gone; none if its backend does not act for tenants.
    pub(crate) fn deregister(version: &Version, at: Timestamp) -> Option<Self> {
        version.needs_credentials().then(|| Self::Deregister {
            version: version.name.clone(),
            pairs: match version.active_at {
                Some(_) => Pairs::Kept,
                None => Pairs::Revoked,
            },
            at,
        })
    }

    pub(crate) fn version(&self) -> &VersionRef {
        match self {
            Self::Register { version, .. } | Self::Deregister { version, .. } => version,
        }
    }

    /// Writes it down, to be told once the transaction is committed; returns its number.
    pub(crate) async fn owe(&self, tx: &mut Tx, act: &Act) -> Result<i64, Error> {
        Ok(credential_orders::add(tx, self, &act.request_id, act.at).await?)
    }

    /// Tells provisioning.
    async fn tell(self, peers: &Peers) -> Result<(), contract::Problem> {
        match self {
            Self::Register {
                version,
                scopes,
                pair,
            } => {
                let request = wire::RegisterVersionRequest {
                    version: version.to_string(),
                    scopes: scopes.iter().map(ToString::to_string).collect(),
                    pair: pair.map(|pair| wire::NewPair {
                        credential: pair.name.to_string(),
                        client_id: pair.client_id,
                        secret_hash: pair.secret_hash,
                        create_time: Some(contract::time::write(pair.at)),
                    }),
                };
                peers.register_version(request).await
            }
            Self::Deregister { version, pairs, at } => {
                let request = wire::DeregisterVersionRequest {
                    version: version.to_string(),
                    revoke: pairs == Pairs::Revoked,
                    time: Some(contract::time::write(at)),
                };
                peers.deregister_version(request).await
            }
        }
    }
}

/// Waits until provisioning has taken an order, for a while: an answer that shows a pair had better not
/// be faster than the pair.
pub(crate) async fn taken(catalog: &Catalog, application: &ApplicationName, number: i64) {
    let mut listener = catalog.db.listen(CREDENTIAL_ORDERS);
    let waiting = async {
        loop {
            let waits = ::store::read!(catalog.db, |tx| {
                credential_orders::waits(tx, application, number).await
            });
            match waits {
                Ok(true) => listener.changed_or(POLL).await,
                Ok(false) | Err(_) => return,
            }
        }
    };
    if tokio::time::timeout(TAKEN_MAX, waiting).await.is_err() {
        tracing::warn!(%application, "provisioning has not taken a new pair yet; it is told until it has");
    }
}

/// Tells provisioning what it is owed until `stop`.
pub(crate) async fn tell(
    db: Db,
    clock: Clock,
    peers: Peers,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut listener = db.listen(CREDENTIAL_ORDERS);
    while !stop.is_cancelled() {
        let next = match tell_due(&db, &clock, &peers).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "orders of app credentials wait for the database"
                );
                None
            }
        };
        due::wait(&mut listener, next, &clock, &stop).await;
    }
    Ok(())
}

/// Tells what is due; returns when there is more.
async fn tell_due(
    db: &Db,
    clock: &Clock,
    peers: &Peers,
) -> Result<Option<Timestamp>, ::store::Error> {
    let now = clock.now();
    // A write transaction is worth it only if something is due.
    let next = ::store::read!(db, |tx| credential_orders::next_due(tx).await)?;
    if next.is_none_or(|next| next > now) {
        return Ok(next);
    }
    let claimed = ::store::write!(db, |tx| credential_orders::claim_due(tx, now, LEASE, BATCH)
        .await)?;
    for due in claimed {
        let place = due.place.clone();
        let told = due.order.tell(peers);
        match runtime::request::with_request_id(due.request_id, told).await {
            Ok(()) => ::store::write!(db, |tx| credential_orders::taken(tx, &place).await)?,
            Err(problem) => {
                tracing::warn!(application = %place.application, tries = due.tries, %problem, "provisioning did not take an order of app credentials; trying again");
                let again = crate::peers::later(clock.now(), due.tries, PAUSE_MAX);
                ::store::write!(db, |tx| credential_orders::put_off(tx, &place, again).await)?;
            }
        }
    }
    let next = ::store::read!(db, |tx| credential_orders::next_due(tx).await)?;
    // Others may hold what is due: no reason to ask without pause.
    let soon = clock
        .now()
        .checked_add(Duration::from_millis(50))
        .unwrap_or(Timestamp::MAX);
    Ok(next.map(|next| next.max(soon)))
}
