//! What goes where, counted. Counters grow for as long as the process runs and survive changes of
//! routes and grants.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use contract::{ApplicationName, Generation, VersionName};

use super::{gate::HoldFigures, snapshot::Snapshot};

/// The most versions of one application that are counted; of more, the ones that nobody uses any
/// longer are forgotten, first seen first.
const VERSIONS_MAX: usize = 100;

/// A number that goes up, and for what is under way also down.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn up(&self) {
        self.add(1);
    }

    pub(super) fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts of one tenant at one version. It lives with the tenant's grant, so there are never more
/// than there are grants, and a request finds it without a lock.
#[derive(Debug, Default)]
pub(super) struct TenantTally {
    pub(super) requests: Counter,
    pub(super) refused: Counter,
    /// Long-lived connections that are open.
    pub(super) long_lived: Counter,
}

/// Whose requests a version gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// The tenants' users.
    Users,
    /// The operator's testers, who never count as users.
    Testers,
}

/// Counts of one version with one audience.
#[derive(Debug)]
pub(super) struct VersionTally {
    pub(super) version: VersionName,
    pub(super) audience: Audience,
    pub(super) in_flight: Counter,
    pub(super) upgraded: Counter,
    pub(super) requests: Counter,
    pub(super) failed: Counter,
}

/// What users were answered in one generation at this gateway. It goes with the generation, so a
/// request finds it without a lock.
#[derive(Debug, Default)]
pub(super) struct GenerationTally {
    /// Requests that were answered or broke off.
    pub(super) answered: Counter,
    /// Of them, those answered with a status from 500 on, and those that broke off.
    pub(super) failed: Counter,
}

/// What users were answered in an application's present generation, for the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationTraffic {
    /// The application.
    pub application: ApplicationName,
    /// The present generation.
    pub generation: Generation,
    /// Requests that were answered or broke off, since the generation or the process began.
    pub requests: u64,
    /// Of them, those answered with a status from 500 on, by the version or by the gateway in its
    /// place, and those that broke off.
    pub failed: u64,
}

impl Snapshot {
    /// Returns the traffic of the applications whose route asks for it, by name.
    pub(super) fn reports(&self) -> Vec<GenerationTraffic> {
        let mut reports: Vec<_> = self
            .routes
            .iter()
            .filter(|(_, route)| route.report_traffic)
            .filter_map(|(application, route)| {
                let tally = &route.gate.serving()?.generation_tally;
                // Read first, so that there are never more failures than requests.
                let failed = tally.failed.get();
                Some(GenerationTraffic {
                    application: application.clone(),
                    generation: route.generation?,
                    requests: tally.answered.get().max(failed),
                    failed,
                })
            })
            .collect();
        reports.sort_by(|a, b| a.application.cmp(&b.application));
        reports
    }
}

/// Counts of one application.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    versions: Mutex<Vec<Arc<VersionTally>>>,
    held: Counter,
    failed: Counter,
    last_hold: Mutex<HoldFigures>,
    longest_hold: Mutex<Duration>,
}

impl Traffic {
    /// Returns the counts of a version, the same ones whenever it comes back.
    pub(super) fn of(&self, version: &VersionName, audience: Audience) -> Arc<VersionTally> {
        let mut versions = lock(&self.versions);
        let known = versions
            .iter()
            .find(|tally| tally.version == *version && tally.audience == audience);
        if let Some(tally) = known {
            return Arc::clone(tally);
        }
        if versions.len() >= VERSIONS_MAX
            && let Some(unused) = versions.iter().position(|it| Arc::strong_count(it) == 1)
        {
            versions.remove(unused);
        }
        let tally = Arc::new(VersionTally {
            version: version.clone(),
            audience,
            in_flight: Counter::default(),
            upgraded: Counter::default(),
            requests: Counter::default(),
            failed: Counter::default(),
        });
        versions.push(Arc::clone(&tally));
        tally
    }

    pub(super) fn versions(&self) -> Vec<Arc<VersionTally>> {
        lock(&self.versions).clone()
    }

    /// Remembers what a hold cost, once it is over.
    pub(super) fn hold_ended(&self, figures: HoldFigures) {
        self.held.add(figures.held);
        self.failed.add(figures.failed);
        *lock(&self.last_hold) = figures;
        let mut longest = lock(&self.longest_hold);
        *longest = longest.max(figures.longest);
    }

    /// Returns requests held and the longest time, over all holds that have ended.
    pub(super) fn holds(&self) -> HoldFigures {
        HoldFigures {
            held: self.held.get(),
            failed: self.failed.get(),
            longest: *lock(&self.longest_hold),
        }
    }

    pub(super) fn last_hold(&self) -> HoldFigures {
        *lock(&self.last_hold)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while one of these is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str) -> VersionName {
        name.parse().unwrap()
    }

    #[test]
    fn a_version_that_comes_back_is_counted_on() {
        let traffic = Traffic::default();
        traffic.of(&version("1.0"), Audience::Users).requests.up();
        traffic.of(&version("2.0"), Audience::Users).requests.up();
        let again = traffic.of(&version("1.0"), Audience::Users);
        again.requests.up();
        assert_eq!(again.requests.get(), 2);
        assert_eq!(
            traffic
                .of(&version("1.0"), Audience::Testers)
                .requests
                .get(),
            0
        );
    }

    #[test]
    fn versions_in_use_are_never_forgotten() {
        let traffic = Traffic::default();
        let used = traffic.of(&version("used"), Audience::Users);
        for number in 0..3 * VERSIONS_MAX {
            traffic.of(&version(&format!("v{number}")), Audience::Users);
        }
        assert_eq!(traffic.versions().len(), VERSIONS_MAX);
        used.requests.up();
        assert_eq!(
            traffic.of(&version("used"), Audience::Users).requests.get(),
            1
        );
    }

    #[test]
    fn holds_add_up_and_the_last_one_is_known() {
        let traffic = Traffic::default();
        let figures = |held, ms| HoldFigures {
            held,
            failed: held,
            longest: Duration::from_millis(ms),
        };
        traffic.hold_ended(figures(3, 9));
        traffic.hold_ended(figures(1, 2));
        assert_eq!(traffic.holds(), figures(4, 9));
        assert_eq!(traffic.last_hold(), figures(1, 2));
    }
}
