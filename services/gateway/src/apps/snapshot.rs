//! Routes and grants as one immutable value. A request reads it once; whoever changes something
//! makes a new one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contract::{ApplicationName, Generation, TenantId, VersionName};

use super::{
    client::Client,
    gate::{Epoch, Hold},
    lasting::Pace,
    lease::{Lease, Moment},
    login::LoginPolicy,
    stay::Stay,
    target::{Target, TestTarget},
    traffic::{GenerationTally, TenantTally, Traffic, VersionTally},
};

/// One application's whole route, as it is to be from now on.
///
/// That a route is newer than the one before (same timeline, greater revision, generation not
/// smaller) is the caller's to see to.
#[derive(Debug, Clone)]
pub struct AppRoute {
    /// The application.
    pub application: ApplicationName,
    /// What people call it.
    pub display_name: String,
    /// Committed switches so far; `None` if it was never active.
    pub generation: Option<Generation>,
    /// Whether users get through, and where.
    pub gate: GateOrder,
    /// Where testers go, if a version is in test.
    pub test: Option<TestTarget>,
    /// How long a request waits at most before it is answered 503.
    pub hold_request_timeout: Duration,
    /// Long-lived connections that are ended in good order a second, at least 1, when a generation
    /// drains.
    pub drain_rate: u32,
    /// How long users are served at most after the catalog was last heard; `None`: for ever.
    pub lease: Option<Duration>,
    /// Whether the generation's traffic is reported to the catalog.
    pub report_traffic: bool,
    /// What paths need of users; `None`: requests are passed through.
    pub login: Option<LoginPolicy>,
}

/// What is to become of users' requests.
#[derive(Debug, Clone)]
pub enum GateOrder {
    /// There is no active version yet.
    Never,
    /// They go to the active version.
    Open(Target),
    /// They wait; the version is the one in use until the outcome is known, if there is one.
    Held(Option<Target>),
}

/// Whether a tenant's users are let into a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantDecision {
    /// They are.
    Admitted,
    /// They are not.
    Refused(RefusalReason),
}

/// Why a tenant's users are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// The tenant does not use this application.
    NotProvisioned,
    /// The tenant has denied the version.
    Denied,
    /// The tenant has not accepted yet.
    PendingAcceptance,
    /// The tenant could not be provisioned.
    Failed,
    /// The application was taken away from the tenant.
    Removed,
}

/// What has become of one tenant's grant for one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantChange {
    /// Whose users.
    pub tenant: TenantId,
    /// Into what.
    pub application: ApplicationName,
    /// Into which version of it.
    pub version: VersionName,
    /// Whether they get in.
    pub decision: GrantDecision,
}

/// Everything that decides what becomes of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) routes: HashMap<ApplicationName, Arc<Route>>,
    pub(super) grants: HashMap<ApplicationName, Arc<Grants>>,
}

/// One application's route with what belongs to it at this gateway.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) display_name: String,
    pub(super) generation: Option<Generation>,
    pub(super) gate: Gate,
    pub(super) test: Option<TestGate>,
    pub(super) hold_request_timeout: Duration,
    pub(super) drain_pace: Pace,
    pub(super) fence: Option<Fence>,
    /// What the application was granted last, whether or not it needs it now.
    pub(super) lease: Arc<Lease>,
    pub(super) report_traffic: bool,
    pub(super) login: Option<LoginPolicy>,
    pub(super) traffic: Arc<Traffic>,
}

/// Users are served only under a lease, which is this long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fence(pub(super) Duration);

impl Route {
    /// Returns the epochs in which requests are let in or held: users', then testers'.
    pub(super) fn epochs(&self) -> impl Iterator<Item = &Arc<Epoch>> {
        let users = self.gate.serving();
        let testers = self.test.as_ref().map(|test| &test.serving);
        users.into_iter().chain(testers).map(|it| &it.epoch)
    }

    /// Returns how long users may still be served at `now`; `None`: for ever.
    pub(super) fn lease_left(&self, now: Moment) -> Option<Duration> {
        self.fence.map(|Fence(length)| self.lease.left(length, now))
    }

    /// Tells whether the lease that users need has run out at `now`.
    pub(super) fn fenced(&self, now: Moment) -> bool {
        self.lease_left(now).is_some_and(|left| left.is_zero())
    }
}

#[derive(Debug)]
pub(super) enum Gate {
    Never,
    Open(Arc<Serving>),
    Held {
        serving: Option<Arc<Serving>>,
        hold: Arc<Hold>,
    },
}

impl Gate {
    /// Returns the version in use, whether or not requests reach it now.
    pub(super) fn serving(&self) -> Option<&Arc<Serving>> {
        match self {
            Self::Never => None,
            Self::Open(serving) => Some(serving),
            Self::Held { serving, .. } => serving.as_ref(),
        }
    }
}

#[derive(Debug)]
pub(super) struct TestGate {
    pub(super) serving: Arc<Serving>,
    pub(super) token_sha256: [u8; 32],
}

/// A version that requests go to, and those that are on their way.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) application: ApplicationName,
    pub(super) target: Target,
    /// `None` for a version in test.
    pub(super) generation: Option<Generation>,
    pub(super) client: Client,
    pub(super) epoch: Arc<Epoch>,
    pub(super) tally: Arc<VersionTally>,
    pub(super) generation_tally: Arc<GenerationTally>,
}

/// One application's grants, by version.
#[derive(Debug, Clone, Default)]
pub(super) struct Grants(HashMap<VersionName, Arc<HashMap<TenantId, Grant>>>);

/// One tenant at one version.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) decision: GrantDecision,
    pub(super) tally: Arc<TenantTally>,
    /// What was admitted under this grant lasts no longer than this.
    pub(super) stay: Arc<Stay>,
}

impl Grants {
    pub(super) fn find(&self, version: &VersionName, tenant: &TenantId) -> Option<&Grant> {
        self.0.get(version)?.get(tenant)
    }

    /// Tells whether the tenant's users are let into any version at all.
    pub(super) fn admit_to_some_version(&self, tenant: &TenantId) -> bool {
        self.0.values().any(|tenants| {
            tenants
                .get(tenant)
                .is_some_and(|grant| grant.decision == GrantDecision::Admitted)
        })
    }

    /// Returns every tenant's grants, of all versions.
    pub(super) fn all(&self) -> impl Iterator<Item = (&TenantId, &Grant)> {
        self.0.values().flat_map(|tenants| tenants.iter())
    }

    pub(super) fn tenants(&self, version: &VersionName) -> Option<&HashMap<TenantId, Grant>> {
        self.0.get(version).map(Arc::as_ref)
    }

    fn set(&mut self, tenant: TenantId, version: VersionName, grant: Grant) {
        // The first change of a version copies its tenants; further ones find a map of their own.
        Arc::make_mut(self.0.entry(version).or_default()).insert(tenant, grant);
    }
}

impl Snapshot {
    /// Returns the snapshot with a route set, or gone.
    pub(super) fn with_route(&self, application: &ApplicationName, route: Option<Route>) -> Self {
        let mut next = self.clone();
        match route {
            Some(route) => next.routes.insert(application.clone(), Arc::new(route)),
            None => next.routes.remove(application),
        };
        next
    }

    /// Returns the snapshot with grants changed; if `full`, what is not among them is gone. With it
    /// come the stays that are over then.
    pub(super) fn with_grants(
        &self,
        full: bool,
        changes: Vec<GrantChange>,
    ) -> (Self, Vec<Arc<Stay>>) {
        let mut next = Self {
            routes: self.routes.clone(),
            grants: if full {
                HashMap::new()
            } else {
                self.grants.clone()
            },
        };
        let mut ended = Vec::new();
        for change in changes {
            // Of two changes of one grant in one set, the second follows the first.
            let before = next
                .grants
                .get(&change.application)
                .and_then(|grants| grants.find(&change.version, &change.tenant))
                .or_else(|| self.find(&change.application, &change.version, &change.tenant));
            let stay = before
                .filter(|it| it.decision == GrantDecision::Admitted)
                .map(|it| Arc::clone(&it.stay));
            if let Some(stay) = &stay
                && change.decision != GrantDecision::Admitted
            {
                ended.push(Arc::clone(stay));
            }
            let grant = Grant {
                decision: change.decision,
                tally: before.map(|it| Arc::clone(&it.tally)).unwrap_or_default(),
                stay: stay.unwrap_or_default(),
            };
            Arc::make_mut(next.grants.entry(change.application).or_default()).set(
                change.tenant,
                change.version,
                grant,
            );
        }
        if full {
            ended.extend(self.forgotten_by(&next));
        }
        (next, ended)
    }

    fn find(
        &self,
        application: &ApplicationName,
        version: &VersionName,
        tenant: &TenantId,
    ) -> Option<&Grant> {
        self.grants.get(application)?.find(version, tenant)
    }

    /// Returns the stays of those whom this lets in and of whom the other knows nothing.
    fn forgotten_by<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Arc<Stay>> + 'a {
        let all = self.grants.iter().flat_map(|(application, grants)| {
            let versions = grants.0.iter();
            versions.flat_map(move |(version, tenants)| {
                let tenants = tenants.iter();
                tenants.map(move |(tenant, grant)| (application, version, tenant, grant))
            })
        });
        all.filter(|(application, version, tenant, grant)| {
            grant.decision == GrantDecision::Admitted
                && other.find(application, version, tenant).is_none()
        })
        .map(|(_, _, _, grant)| Arc::clone(&grant.stay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(tenant: &str, version: &str, decision: GrantDecision) -> GrantChange {
        GrantChange {
            tenant: tenant.parse().unwrap(),
            application: shop(),
            version: version.parse().unwrap(),
            decision,
        }
    }

    fn shop() -> ApplicationName {
        "shop".parse().unwrap()
    }

    fn decision(snapshot: &Snapshot, tenant: &str, version: &str) -> Option<GrantDecision> {
        snapshot.grants[&shop()]
            .find(&version.parse().unwrap(), &tenant.parse().unwrap())
            .map(|grant| grant.decision)
    }

    const IN: GrantDecision = GrantDecision::Admitted;
    const OUT: GrantDecision = GrantDecision::Refused(RefusalReason::Denied);

    #[test]
    fn changes_change_what_they_name_and_nothing_else() {
        let (first, _) = Snapshot::default().with_grants(
            true,
            vec![
                change("aa", "1", IN),
                change("bb", "1", IN),
                change("aa", "2", IN),
            ],
        );
        let (second, _) = first.with_grants(false, vec![change("aa", "1", OUT)]);
        assert_eq!(decision(&first, "aa", "1"), Some(IN));
        assert_eq!(decision(&second, "aa", "1"), Some(OUT));
        assert_eq!(decision(&second, "bb", "1"), Some(IN));
        assert_eq!(decision(&second, "aa", "2"), Some(IN));
        assert_eq!(decision(&second, "bb", "2"), None);
    }

    #[test]
    fn a_full_set_leaves_nothing_of_the_old_but_the_counts() {
        let (first, _) = Snapshot::default()
            .with_grants(true, vec![change("aa", "1", IN), change("bb", "1", IN)]);
        let tally = |snapshot: &Snapshot| {
            let grants = Arc::clone(&snapshot.grants[&shop()]);
            let grant = grants.find(&"1".parse().unwrap(), &"aa".parse().unwrap());
            Arc::clone(&grant.unwrap().tally)
        };
        tally(&first).requests.up();
        let (second, _) = first.with_grants(true, vec![change("aa", "1", OUT)]);
        assert_eq!(decision(&second, "aa", "1"), Some(OUT));
        assert_eq!(decision(&second, "bb", "1"), None);
        assert_eq!(tally(&second).requests.get(), 1);
    }

    #[test]
    fn a_stay_ends_with_the_grant_and_a_grant_that_comes_back_begins_another() {
        let stay = |snapshot: &Snapshot, tenant: &str| {
            let grant = snapshot.find(&shop(), &"1".parse().unwrap(), &tenant.parse().unwrap());
            Arc::clone(&grant.unwrap().stay)
        };
        let both = vec![change("aa", "1", IN), change("bb", "1", IN)];
        let (first, ended) = Snapshot::default().with_grants(true, both.clone());
        assert!(ended.is_empty(), "nobody was let in before");
        let (same, ended) = first.with_grants(true, both);
        assert!(ended.is_empty(), "nothing has changed");
        assert!(Arc::ptr_eq(&stay(&first, "aa"), &stay(&same, "aa")));

        let (out, ended) = same.with_grants(false, vec![change("aa", "1", OUT)]);
        assert!(Arc::ptr_eq(&ended[0], &stay(&first, "aa")));
        assert_eq!(ended.len(), 1);
        let (_, again) = out.with_grants(false, vec![change("aa", "1", OUT)]);
        assert!(again.is_empty(), "what is over ends once");
        let (back, _) = out.with_grants(false, vec![change("aa", "1", IN)]);
        assert!(!Arc::ptr_eq(&stay(&back, "aa"), &stay(&first, "aa")));

        let there_and_back = vec![change("bb", "1", OUT), change("bb", "1", IN)];
        let (_, ended) = first.with_grants(false, there_and_back);
        assert!(Arc::ptr_eq(&ended[0], &stay(&first, "bb")));
        let (_, ended) = first.with_grants(true, vec![change("aa", "1", IN)]);
        assert!(
            Arc::ptr_eq(&ended[0], &stay(&first, "bb")),
            "it is forgotten"
        );
        assert_eq!(ended.len(), 1);
    }

    #[test]
    fn a_change_of_a_route_copies_no_grants() {
        let many = (0..1000)
            .map(|n| change(&format!("t{n}"), "1", IN))
            .collect();
        let (first, _) = Snapshot::default().with_grants(true, many);
        let second = first.with_route(&shop(), None);
        assert!(Arc::ptr_eq(&first.grants[&shop()], &second.grants[&shop()]));
    }
}
