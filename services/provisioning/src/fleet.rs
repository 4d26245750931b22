//! Who the members of the fleet are, and whether each has applied a change of the grants.

use std::{collections::BTreeSet, time::Duration};

use contract::{GatewayName, Problem, Revision};
use store::Db;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use crate::{
    catalog::Catalog,
    error::Error,
    store::{
        grants,
        positions::{self, Position},
    },
    switch::Usage,
};

/// How long a list of members may be shown again.
pub(crate) const MEMBERS_AGE_MAX: Duration = Duration::from_secs(1);
/// A lost wake-up costs this much.
const POLL: Duration = Duration::from_millis(500);

/// Knows the members of the fleet.
pub(crate) struct Fleet {
    catalog: Catalog,
    members: Mutex<Option<(Instant, BTreeSet<GatewayName>)>>,
}

/// How far a denial has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Force {
    /// The version is not in use: it counts from its first request on.
    Recorded,
    /// Not every gateway refuses yet.
    TakingEffect {
        /// Those that do not; empty if nobody could say.
        outstanding: Vec<GatewayName>,
        /// Members of the fleet; 0 if nobody could say.
        fleet: usize,
    },
    /// Every gateway refuses.
    Everywhere {
        /// Members of the fleet.
        fleet: usize,
    },
}

impl Fleet {
    /// Asks the catalog for the members.
    pub(crate) fn new(catalog: Catalog) -> Self {
        Self {
            catalog,
            members: Mutex::new(None),
        }
    }

    /// Returns the members as the catalog said them at most `age` ago.
    pub(crate) async fn members(&self, age: Duration) -> Result<BTreeSet<GatewayName>, Problem> {
        let mut known = self.members.lock().await;
        match &*known {
            Some((at, members)) if at.elapsed() < age => Ok(members.clone()),
            Some(_) | None => {
                let asked = Instant::now();
                let members: BTreeSet<_> = self.catalog.members().await?.into_iter().collect();
                *known = Some((asked, members.clone()));
                Ok(members)
            }
        }
    }

    /// Returns how far a denial of grants revision `revision` has come, without waiting.
    pub(crate) async fn look(
        &self,
        db: &Db,
        usage: Usage,
        revision: Revision,
    ) -> Result<Force, Error> {
        match usage {
            Usage::NotInUse => Ok(Force::Recorded),
            Usage::InUse => self.judge(db, revision, MEMBERS_AGE_MAX).await,
        }
    }

    /// Waits until every member has applied `revision`, at most for `patience`, and returns how far
    /// the denial has come. The members are those that the catalog names after the call.
    pub(crate) async fn wait(
        &self,
        db: &Db,
        usage: Usage,
        revision: Revision,
        patience: Duration,
    ) -> Result<Force, Error> {
        if usage == Usage::NotInUse {
            return Ok(Force::Recorded);
        }
        let deadline = Instant::now() + patience;
        let mut applied = db.listen(positions::TOPIC);
        let mut age = Duration::ZERO;
        loop {
            let force = self.judge(db, revision, age).await?;
            let unknown =
                matches!(&force, Force::TakingEffect { outstanding, .. } if outstanding.is_empty());
            if unknown || matches!(force, Force::Everywhere { .. } | Force::Recorded) {
                return Ok(force);
            }
            if timeout_at(deadline, applied.changed_or(POLL))
                .await
                .is_err()
            {
                return Ok(force);
            }
            age = MEMBERS_AGE_MAX;
        }
    }

    async fn judge(&self, db: &Db, revision: Revision, age: Duration) -> Result<Force, Error> {
        let members = match self.members(age).await {
            Ok(members) => members,
            Err(problem) => {
                tracing::warn!(%problem, reason = %problem.reason(), "the catalog does not say who the gateways are");
                return Ok(Force::TakingEffect {
                    outstanding: Vec::new(),
                    fleet: 0,
                });
            }
        };
        let (head, applied) = store::read!(*db, |tx| Ok::<_, Error>((
            grants::head(tx).await?,
            positions::all(tx).await?
        )))?;
        let has = |position: &Position| {
            position.timeline == head.timeline && position.revision >= revision
        };
        let fleet = members.len();
        let outstanding: Vec<_> = members
            .into_iter()
            .filter(|gateway| !applied.get(gateway).is_some_and(has))
            .collect();
        if outstanding.is_empty() {
            Ok(Force::Everywhere { fleet })
        } else {
            Ok(Force::TakingEffect { outstanding, fleet })
        }
    }
}
