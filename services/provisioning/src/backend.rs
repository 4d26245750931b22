//! Versions whose backends act for tenants: what each may do, and whether it may right now. The
//! catalog tells of them when they come into test and when they leave it, so that tokens are issued
//! while the catalog is away.

use std::collections::BTreeSet;

use contract::{VersionName, VersionRef, reason};
use jiff::{SignedDuration, Timestamp};
use tokens::VersionStanding;

use crate::{
    catalog::AppCredentials,
    credentials::Credential,
    error::Error,
    service::Service,
    store::{backends, credentials},
    switch::{Switch, Usage, usage},
};

/// How far the catalog's clock may be ahead of the one that pairs are issued by.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// What is known of a version whose backend acts for tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Backend {
    /// What it may do for a tenant.
    pub(crate) scopes: BTreeSet<String>,
    /// Whether it is in test.
    pub(crate) in_test: bool,
    /// Until when its pairs get tokens though a switch has led away from it.
    pub(crate) left_until: Option<Timestamp>,
}

impl Backend {
    /// Tells how the version stands, given the active version and the switch that is not settled.
    pub(crate) fn standing(
        &self,
        version: &VersionName,
        active: Option<&VersionName>,
        unsettled: Option<&Switch>,
    ) -> VersionStanding {
        match (usage(version, active, unsettled), self.left_until) {
            (Usage::InUse, _) => VersionStanding::InUse,
            (Usage::NotInUse, _) if self.in_test => VersionStanding::InTest,
            (Usage::NotInUse, Some(grace_until)) => VersionStanding::Left { grace_until },
            (Usage::NotInUse, None) => VersionStanding::NotInUse,
        }
    }
}

/// Returns what is known of a version. Of one that the catalog has not told of, it is asked once; one
/// that it does not know, or whose backend does not act for tenants, may do nothing.
pub(crate) async fn find(service: &Service, version: &VersionRef) -> Result<Backend, Error> {
    let known = store::read!(service.db, |tx| backends::find(tx, version).await)?;
    if let Some(backend) = known {
        return Ok(backend);
    }
    match service.catalog.app_credentials(version).await {
        Ok(AppCredentials::NotNeeded) => Ok(Backend::default()),
        Err(problem) if problem.is(&reason::NOT_FOUND) => Ok(Backend::default()),
        Err(problem) => Err(problem.into()),
        Ok(AppCredentials::Needed(backend)) => Ok(store::write!(service.db, |tx| {
            backends::add(tx, version, &backend).await?;
            let known = backends::find(tx, version).await?;
            Ok::<_, store::Error>(known.unwrap_or_else(|| backend.clone()))
        })?),
    }
}

/// Takes note that a version came into test, with the pair that was issued for it.
pub(crate) async fn register(
    service: &Service,
    version: &VersionRef,
    scopes: &BTreeSet<String>,
    pair: Option<&Credential>,
) -> Result<(), Error> {
    Ok(store::write!(service.db, |tx| {
        if let Some(pair) = pair
            && !credentials::insert(tx, pair).await?
        {
            // Told before; what has become of the version since is not undone.
            return Ok(());
        }
        backends::put_in_test(tx, version, scopes).await
    })?)
}

/// Takes note that a version left the test or is gone; `revoke` makes its pairs worthless that were
/// issued by then.
pub(crate) async fn deregister(
    service: &Service,
    version: &VersionRef,
    revoke: bool,
    at: Timestamp,
) -> Result<(), Error> {
    let now = service.now();
    store::write!(service.db, |tx| {
        backends::end_test(tx, version).await?;
        if revoke {
            let issued_up_to = at.saturating_add(SLACK).unwrap_or(Timestamp::MAX);
            credentials::revoke_all(tx, version, issued_up_to, now).await?;
        }
        Ok::<_, store::Error>(())
    })?;
    tracing::info!(%version, revoke, "a version with app credentials left the test");
    Ok(())
}

#[cfg(test)]
mod tests {
    use contract::{SwitchId, TimedId as _};

    use super::*;
    use crate::{
        consent::Notice,
        switch::{Phase, Progress},
    };

    fn name(text: &str) -> VersionName {
        text.parse().unwrap()
    }

    fn switch(source: &str, target: &str, phase: Phase) -> Switch {
        Switch {
            coming: crate::switch::Coming::Along,
            id: SwitchId::new(1, [1; 10]),
            application: "crm".parse().unwrap(),
            source: Some(name(source)),
            target: name(target),
            notice: Notice::Told,
            phase,
            progress: Progress {
                up_to: None,
                all_at: None,
                left: None,
                moved: 0,
                mailed: 0,
            },
            opened_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_version_in_test_becomes_one_in_use_when_it_may_have_been_committed_and_not_before() {
        let backend = |in_test, left_until| Backend {
            scopes: BTreeSet::new(),
            in_test,
            left_until,
        };
        let one = name("1");
        let standing = |backend: &Backend, version: &str, phase: Option<Phase>| {
            let switch = phase.map(|phase| switch("1", "2", phase));
            backend.standing(&name(version), Some(&one), switch.as_ref())
        };
        let tested = backend(true, None);
        assert_eq!(standing(&tested, "2", None), VersionStanding::InTest);
        assert_eq!(
            standing(&tested, "2", Some(Phase::Open)),
            VersionStanding::InTest
        );
        assert_eq!(
            standing(&tested, "2", Some(Phase::Closed)),
            VersionStanding::InUse
        );
        for phase in [None, Some(Phase::Open), Some(Phase::Closed)] {
            let left = backend(false, Some(Timestamp::UNIX_EPOCH));
            assert_eq!(standing(&left, "1", phase), VersionStanding::InUse);
        }
        let plain = backend(false, None);
        assert_eq!(standing(&plain, "3", None), VersionStanding::NotInUse);
        let grace_until = Timestamp::MAX;
        let left = backend(false, Some(grace_until));
        assert_eq!(
            standing(&left, "3", None),
            VersionStanding::Left { grace_until }
        );
    }
}
