//! Recovery: a backup of the catalog was restored, so that gateways know more than it does. From the
//! moment on in which that shows, nothing is decided and nobody is told anything, until every member
//! has said what it knows, or was evicted, and the operator adopts what is to be true (R9).
//!
//! What remains at risk: a backup from the middle of a hold, restored unnoticed, and a member that
//! never says hello again.

mod adopt;

use std::collections::{BTreeMap, BTreeSet};

use ::store::{Db, Tx};
use contract::{ApplicationName, GatewayName};
use jiff::Timestamp;
use runtime::Clock;
use uuid::Uuid;

use crate::{
    application::Application,
    error::Error,
    fleet::{Member, Position},
    notice::{Body, Notice},
    store::{applications, gateways, recovery, versions},
};
pub(crate) use adopt::{Adopt, adopt};

/// A recovery under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) since: Timestamp,
    /// Why, for people.
    pub(crate) message: String,
}

impl Recovery {
    /// Returns why nothing is decided.
    pub(crate) fn refusal(&self) -> Error {
        Error::InRecovery {
            message: self.message.clone(),
        }
    }
}

/// Returns the recovery under way, if there is one.
pub(crate) async fn now(tx: &mut Tx) -> Result<Option<Recovery>, Error> {
    Ok(recovery::find(tx).await?)
}

/// Refuses in recovery.
pub(crate) async fn refuse(tx: &mut Tx) -> Result<(), Error> {
    match now(tx).await? {
        Some(recovery) => Err(recovery.refusal()),
        None => Ok(()),
    }
}

/// Begins a recovery, unless one is under way, and lets the operator know.
pub(crate) async fn begin(tx: &mut Tx, clock: &Clock, why: &str) -> Result<(), Error> {
    let since = clock.now();
    let recovery = Recovery {
        since,
        message: why.to_owned(),
    };
    if !recovery::insert(tx, &recovery).await? {
        return Ok(());
    }
    gateways::nobody_reported(tx).await?;
    tracing::error!(
        why,
        "the catalog is in recovery until what was restored is adopted"
    );
    let cause = Uuid::from_bytes(clock.random());
    let notice = Notice {
        cause: format!("recovery/{cause}"),
        request_id: runtime::request::current().unwrap_or_else(|| runtime::request::new_id(clock)),
        time: since,
        subject: None,
        body: Body::CatalogInRecovery {
            message: why.to_owned(),
        },
    };
    notice.owe(tx, clock).await
}

/// Writes down what a member knows, if there is a recovery.
pub(crate) async fn note(tx: &mut Tx, member: &Member) -> Result<(), Error> {
    if now(tx).await?.is_none() {
        return Ok(());
    }
    for position in &member.said.positions {
        recovery::report(tx, &member.name, position).await?;
    }
    Ok(gateways::reported(tx, &member.name).await?)
}

/// Sets the catalog in recovery whose database was put back from a backup, and is not served now.
pub(crate) async fn restore(db: &Db, clock: &Clock) -> Result<(), Error> {
    ::store::write!(db, |tx| begin(
        tx,
        clock,
        "The operator has restored the catalog's database."
    )
    .await)
}

/// How a recovery stands.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) recovery: Recovery,
    pub(crate) applications: Vec<Recovering>,
    /// Members that have not said yet what they know.
    pub(crate) missing: BTreeSet<GatewayName>,
}

/// One application in a recovery.
#[derive(Debug, Clone)]
pub(crate) struct Recovering {
    pub(crate) application: ApplicationName,
    /// What the catalog has of it.
    pub(crate) restored: Option<Application>,
    /// The newest that a gateway has said: the greatest generation, and of those the greatest
    /// revision.
    pub(crate) reported: Option<Position>,
    /// Whether the version that is or was active is known here.
    pub(crate) version_known: bool,
    /// Every revision that was said is at most this.
    greatest_revision: contract::Revision,
    /// Every timeline that was said.
    timelines: BTreeSet<String>,
}

/// Returns how the recovery stands, if there is one.
pub(crate) async fn standing(tx: &mut Tx) -> Result<Option<Standing>, Error> {
    let Some(recovery) = now(tx).await? else {
        return Ok(None);
    };
    let mut said: BTreeMap<ApplicationName, Vec<Position>> = BTreeMap::new();
    for position in recovery::reports(tx).await? {
        let of = position.application.clone();
        said.entry(of).or_default().push(position);
    }
    for application in applications::list(tx, None, i64::MAX).await? {
        said.entry(application.name).or_default();
    }
    let mut recovering = Vec::new();
    for (application, positions) in said {
        let restored = applications::find(tx, &application).await?;
        let newest = positions
            .iter()
            .filter(|position| position.generation > 0)
            .max_by_key(|position| (position.generation, position.revision));
        let active = restored.as_ref().and_then(|known| known.serving.version());
        if newest.is_none() && active.is_none() {
            // Never in use: nobody can know more of it.
            continue;
        }
        let version = newest.map_or(active, |newest| newest.version.as_ref());
        let version_known = match (&restored, version) {
            (Some(known), Some(version)) => versions::find(tx, &known.version_ref(version))
                .await?
                .is_some(),
            (None, _) | (_, None) => false,
        };
        let revisions = positions.iter().map(|position| position.revision);
        recovering.push(Recovering {
            reported: newest.cloned(),
            greatest_revision: revisions.max().unwrap_or(contract::Revision::ZERO),
            timelines: positions
                .iter()
                .map(|position| position.timeline.to_string())
                .collect(),
            application,
            restored,
            version_known,
        });
    }
    Ok(Some(Standing {
        recovery,
        applications: recovering,
        missing: gateways::unreported(tx).await?,
    }))
}
