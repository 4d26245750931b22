//! The data plane: accepts users' requests and sends each to the version in use, holds it while a
//! switch is decided, or refuses it. It never waits for the control plane; whoever talks to that
//! tells it routes and grants.

mod admit;
mod body;
mod clear;
mod client;
mod drain;
mod events;
mod fields;
mod flight;
mod forward;
mod frames;
mod gate;
mod host;
mod lasting;
mod lease;
mod login;
mod long_lived;
mod min_generation;
mod out_of_use;
mod refuse;
mod request;
mod resolve;
mod seconds;
mod serve;
mod snapshot;
mod status;
mod stay;
mod target;
mod tester;
mod traffic;
mod tunnel;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use contract::{ApplicationName, Line, OperatorName};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use clear::{Clearing, Overlap};
pub use client::NotReady;
pub use drain::{Drain, DrainProgress, Drained, RunningDrain};
pub use gate::HoldFigures;
pub use host::{Address, AppsUrl, AppsUrlError, Scheme};
pub use lease::{BootClock, Moment};
#[cfg(test)]
pub(crate) use login::Ended;
pub use login::{Login, LoginPolicy, LoginRule, Needs, Provider};
pub(crate) use login::{LoginSettings, Relay};
pub use long_lived::LongLived;
pub use seconds::{Second, SecondCount};
pub use snapshot::{AppRoute, GateOrder, GrantChange, GrantDecision, RefusalReason};
pub use status::{ApplicationStatus, GateState, TenantTraffic, VersionTraffic};
pub use target::{HealthProbe, HealthProbeError, Target, TestTarget, Upstream, UpstreamError};
pub use traffic::GenerationTraffic;

use client::Client;
use gate::{Epoch, Hold, Room};
use lasting::Pace;
use lease::Lease;
use out_of_use::OutOfUse;
use refuse::Pages;
use seconds::Seconds;
use snapshot::{Fence, Gate, Route, Serving, Snapshot, TestGate};
use tester::Tries;
use tokio::sync::watch;
use traffic::{Audience, Counter};

/// The most characters of whom to ask.
pub const SUPPORT_CHARS_MAX: usize = 200;

/// What the data plane needs to know of its installation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose applications these are.
    pub operator: OperatorName,
    /// Under which addresses they are reached.
    pub apps_url: AppsUrl,
    /// Whom people are to ask: refusals say `Questions? Ask ….`
    pub support: Line<SUPPORT_CHARS_MAX>,
    /// What is too much.
    pub limits: Limits,
}

/// What is too much, or takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections from users at a time; more wait to be accepted.
    pub connections: usize,
    /// Requests of one application that wait for the outcome of a switch; more are answered 503.
    pub held_requests: usize,
    /// Bytes of the heads of those requests; more are answered 503.
    pub held_bytes: usize,
    /// How long a request that names the least generation it wants waits for it at most.
    pub generation_wait: Duration,
    /// How long a connection may take to send a request's head, or stay idle.
    pub head_timeout: Duration,
    /// How long a user may send nothing of a request's body, and how long a version may take to
    /// begin its answer once it has the request.
    pub answer_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            held_requests: 10_000,
            held_bytes: 64 * 1024 * 1024,
            generation_wait: Duration::from_secs(5),
            head_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
        }
    }
}

/// The data plane of one gateway. Clones are the same one.
#[derive(Debug, Clone)]
pub struct DataPlane(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    pages: Pages,
    /// The whole state: every request reads it once after its head has arrived.
    snapshot: ArcSwap<Snapshot>,
    /// Held by whoever makes a new snapshot from the present one.
    writing: Mutex<()>,
    /// Told after each new route, for those who wait for a generation.
    moved: watch::Sender<()>,
    /// Clients that `prepare` has warmed and no route uses yet.
    prepared: Mutex<HashMap<ApplicationName, Client>>,
    tries: Tries,
    login: Login,
    connections: Counter,
    clock: BootClock,
    /// What this gateway was granted last: an application that comes anew begins with it.
    granted: Lease,
    out_of_use: OutOfUse,
    seconds: Seconds,
    tunnels: TaskTracker,
    /// Ends connections and tunnels, whatever they do.
    end: CancellationToken,
}

impl DataPlane {
    /// Makes a data plane that knows no application.
    pub fn new(settings: Settings) -> Self {
        Self::with_clock(settings, BootClock::System)
    }

    /// Makes one whose leases end by this clock, where nobody can sign in.
    pub fn with_clock(settings: Settings, clock: BootClock) -> Self {
        let login = Login::for_process(runtime::Clock::real());
        Self::with_login(settings, clock, login)
    }

    /// Makes one that knows who has signed in.
    pub fn with_login(settings: Settings, clock: BootClock, login: Login) -> Self {
        Self(Arc::new(Inner {
            login,
            pages: Pages::new(&settings.support),
            settings,
            snapshot: ArcSwap::default(),
            writing: Mutex::new(()),
            moved: watch::Sender::new(()),
            prepared: Mutex::default(),
            tries: Tries::default(),
            connections: Counter::default(),
            seconds: Seconds::new(clock.now()),
            clock,
            granted: Lease::default(),
            out_of_use: OutOfUse::default(),
            tunnels: TaskTracker::new(),
            end: CancellationToken::new(),
        }))
    }

    /// Applies a route.
    ///
    /// Once it has returned for a held gate, no request is admitted to the version in use until
    /// another route says so (R2): not even one that had looked at the gate before. The same
    /// generation is the same one again, with what is in flight on it; another generation is
    /// another one, even of the same version.
    ///
    /// Returns what has left: a generation, or a version that is no longer in test. Drop it to
    /// leave its requests alone, or finish it.
    pub fn set_route(&self, route: AppRoute) -> Option<Drain> {
        let _writing = lock(&self.0.writing);
        let present = self.0.snapshot.load_full();
        let before = present.routes.get(&route.application);
        let application = route.application.clone();
        let (next, opened) = self.follow(route, before);
        let closed = match &next.gate {
            Gate::Held { serving, .. } => serving.as_ref().map(|it| Arc::clone(&it.epoch)),
            Gate::Never | Gate::Open(_) => None,
        };
        let leaving = before.map(|before| left(before, Some(&next)));
        let pace = next.drain_pace;
        // Open before the snapshot says so, so that nobody is sent back; closed after it says so,
        // so that whoever is sent back sees what is new.
        if let Some(epoch) = opened {
            epoch.open();
        }
        let next = present.with_route(&application, Some(next));
        self.0.snapshot.store(Arc::new(next));
        if let Some(epoch) = closed {
            epoch.close();
        }
        self.0.moved.send_replace(());
        if let Some(before) = before {
            self.end_hold(&application, before);
        }
        leaving.and_then(|leaving| Drain::of(leaving, pace))
    }

    /// Forgets an application: its addresses are unknown from now on. Returns what has left.
    pub fn remove_route(&self, application: &ApplicationName) -> Option<Drain> {
        let _writing = lock(&self.0.writing);
        lock(&self.0.prepared).remove(application);
        let present = self.0.snapshot.load_full();
        let before = present.routes.get(application)?;
        let next = present.with_route(application, None);
        self.0.snapshot.store(Arc::new(next));
        self.0.moved.send_replace(());
        self.end_hold(application, before);
        Drain::of(left(before, None), before.drain_pace)
    }

    /// Applies grants; if `full`, tenants that are not named are not provisioned. Decides about
    /// every request whose head has arrived after it has returned.
    ///
    /// Long-lived connections of tenants that are no longer let in are told to end: WebSockets
    /// between two messages, event streams after an event, and whatever has not by then after 6 s.
    /// Other requests that were let in finish.
    pub fn set_grants(&self, full: bool, changes: Vec<GrantChange>) {
        let _writing = lock(&self.0.writing);
        let (next, ended) = self.0.snapshot.load().with_grants(full, changes);
        self.0.snapshot.store(Arc::new(next));
        // After the snapshot says so: whoever comes back at once is refused.
        for stay in ended {
            stay.end();
        }
    }

    /// Gets ready for a version: resolves its name, pins the addresses, connects and asks for its
    /// health. A route with the same upstream then uses what was made ready.
    ///
    /// # Errors
    ///
    /// Says why the version cannot be served from here. Takes at most 10 s and the probe's own
    /// time.
    pub async fn prepare(
        &self,
        application: &ApplicationName,
        target: &Target,
    ) -> Result<(), NotReady> {
        let client = Client::new(&target.upstream);
        client.warm(target).await?;
        lock(&self.0.prepared).insert(application.clone(), client);
        Ok(())
    }

    /// Returns what the present hold of an application has cost so far, or else its last one.
    pub fn hold_figures(&self, application: &ApplicationName) -> HoldFigures {
        let snapshot = self.0.snapshot.load();
        match snapshot.routes.get(application) {
            None => HoldFigures::default(),
            Some(route) => match &route.gate {
                Gate::Held { hold, .. } => hold.figures(Instant::now()),
                Gate::Never | Gate::Open(_) => route.traffic.last_hold(),
            },
        }
    }

    /// Returns what is known and going on, by application: of one, or of all; with the counts of
    /// every tenant if asked for.
    pub fn status(&self, only: Option<&ApplicationName>, tenants: bool) -> Vec<ApplicationStatus> {
        let snapshot = self.0.snapshot.load_full();
        snapshot.status(only, tenants, Instant::now(), self.0.clock.now())
    }

    /// Returns what users were answered in present generations, of the applications whose route
    /// asks for it.
    pub fn traffic(&self) -> Vec<GenerationTraffic> {
        self.0.snapshot.load().reports()
    }

    /// Returns the applications that require a login that nobody can have here.
    pub(crate) fn without_provider(&self) -> Vec<ApplicationName> {
        if self.0.login.has_provider() {
            return Vec::new();
        }
        let snapshot = self.0.snapshot.load();
        let routes = snapshot.routes.iter();
        let mut names: Vec<_> = routes
            .filter(|(_, route)| route.login.is_some())
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        names
    }

    /// Returns how many connections from users are open.
    pub fn open_connections(&self) -> u64 {
        self.0.connections.get()
    }

    /// Accepts connections until `stop`; then lets requests finish for at most `drain`, cuts what
    /// is left, and returns. Held requests count as not finished. To be called once.
    pub async fn serve(
        self,
        listener: impl Into<runtime::net::Listener>,
        stop: CancellationToken,
        drain: Duration,
    ) {
        serve::run(self, listener.into(), stop, drain).await;
    }

    /// Makes of an order what requests read. The second is an epoch that lets requests in again.
    fn follow(&self, route: AppRoute, before: Option<&Arc<Route>>) -> (Route, Option<Arc<Epoch>>) {
        let traffic = before.map_or_else(Arc::default, |it| Arc::clone(&it.traffic));
        let serving = |target: Target| {
            let same = before
                .filter(|before| before.generation == route.generation)
                .and_then(|before| before.gate.serving());
            Arc::new(Serving {
                application: route.application.clone(),
                generation: route.generation,
                client: self.client(&route.application, &target.upstream, before),
                epoch: same.map_or_else(|| Arc::new(Epoch::new()), |it| Arc::clone(&it.epoch)),
                tally: traffic.of(&target.version, Audience::Users),
                generation_tally: match (same, route.generation) {
                    (Some(same), _) => Arc::clone(&same.generation_tally),
                    (None, Some(generation)) => {
                        self.0.seconds.begin(&route.application, generation)
                    }
                    (None, None) => Arc::default(),
                },
                target,
            })
        };
        let mut opened = None;
        let gate = match route.gate {
            GateOrder::Never => Gate::Never,
            GateOrder::Open(target) => {
                let serving = serving(target);
                opened = Some(Arc::clone(&serving.epoch));
                Gate::Open(serving)
            }
            GateOrder::Held(target) => Gate::Held {
                serving: target.map(serving),
                hold: match before.map(|it| &it.gate) {
                    Some(Gate::Held { hold, .. }) => Arc::clone(hold),
                    None | Some(Gate::Never | Gate::Open(_)) => {
                        let limits = &self.0.settings.limits;
                        Arc::new(Hold::new(Room {
                            requests: limits.held_requests,
                            bytes: limits.held_bytes,
                        }))
                    }
                },
            },
        };
        let test = route.test.map(
            |TestTarget {
                 target,
                 tester_token_sha256,
             }| {
                let same = before
                    .and_then(|before| before.test.as_ref())
                    .filter(|test| test.serving.target.version == target.version);
                TestGate {
                    serving: Arc::new(Serving {
                        application: route.application.clone(),
                        generation: None,
                        client: self.client(&route.application, &target.upstream, before),
                        epoch: same.map_or_else(
                            || Arc::new(Epoch::new()),
                            |it| Arc::clone(&it.serving.epoch),
                        ),
                        tally: traffic.of(&target.version, Audience::Testers),
                        generation_tally: Arc::default(),
                        target,
                    }),
                    token_sha256: tester_token_sha256,
                }
            },
        );
        let next = Route {
            display_name: route.display_name.clone(),
            generation: route.generation,
            gate,
            test,
            hold_request_timeout: route.hold_request_timeout,
            drain_pace: Pace::Rate(route.drain_rate),
            fence: route.lease.map(Fence),
            lease: before.map_or_else(
                || Arc::new(Lease::like(&self.0.granted)),
                |it| Arc::clone(&it.lease),
            ),
            report_traffic: route.report_traffic,
            login: route.login,
            traffic: Arc::clone(&traffic),
        };
        (next, opened)
    }

    /// Returns the client of an upstream: the one in use, else the one made ready, else a new one.
    fn client(
        &self,
        application: &ApplicationName,
        upstream: &Upstream,
        before: Option<&Arc<Route>>,
    ) -> Client {
        let fits = |client: &&Client| client.upstream() == upstream;
        if let Some(prepared) = lock(&self.0.prepared).get(application).filter(fits) {
            return prepared.clone();
        }
        before
            .into_iter()
            .flat_map(|it| [it.gate.serving(), it.test.as_ref().map(|it| &it.serving)])
            .flatten()
            .map(|serving| &serving.client)
            .find(fits)
            .cloned()
            .unwrap_or_else(|| Client::new(upstream))
    }

    /// Has what waits look at the gate again, if its hold is over.
    fn end_hold(&self, application: &ApplicationName, before: &Route) {
        let Gate::Held { hold, .. } = &before.gate else {
            return;
        };
        let snapshot = self.0.snapshot.load();
        let goes_on = snapshot
            .routes
            .get(application)
            .is_some_and(|route| matches!(route.gate, Gate::Held { .. }));
        if !goes_on {
            before.traffic.hold_ended(hold.release(Instant::now()));
        }
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn inner(&self) -> &Inner {
        &self.0
    }
}

/// Returns the epochs that a route had and the next one has not: users' and testers'.
fn left(before: &Route, next: Option<&Route>) -> (Option<Arc<Epoch>>, Option<Arc<Epoch>>) {
    let users = |route: &Route| route.gate.serving().map(|it| Arc::clone(&it.epoch));
    let testers = |route: &Route| route.test.as_ref().map(|it| Arc::clone(&it.serving.epoch));
    let gone = |epoch: fn(&Route) -> Option<Arc<Epoch>>| {
        let next = next.and_then(epoch);
        epoch(before).filter(|before| next.is_none_or(|next| !Arc::ptr_eq(before, &next)))
    };
    (gone(users), gone(testers))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while one of these is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
