//! What a service lives in: named tasks, a stop, readiness, a clock.

use std::{
    collections::BTreeMap,
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::FutureExt as _;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

use crate::{clock::Clock, error::Error, retry};

/// What a service lives in. Clones are the same shell.
#[derive(Clone)]
pub struct Shell(Arc<Inner>);

struct Inner {
    name: String,
    clock: Clock,
    /// Asks everything to end.
    stop: CancellationToken,
    /// Ends what did not end when asked.
    cut: CancellationToken,
    tasks: TaskTracker,
    running: Mutex<BTreeMap<u64, String>>,
    held: Held,
    failed: watch::Sender<Option<Arc<Error>>>,
    parent: Option<Shell>,
}

/// What readiness waits for, with how often each is held.
type Held = watch::Sender<BTreeMap<String, usize>>;

/// How long tests wait for a drain: far longer than any takes, far shorter than a test may.
const TESTS_DRAIN: Duration = Duration::from_secs(20);

impl Shell {
    /// A shell for one process.
    pub fn new(name: impl Into<String>, clock: Clock) -> Self {
        Self::within(name.into(), clock, None)
    }

    /// A shell for a test, with the real clock.
    pub fn for_tests() -> Self {
        Self::new("test", Clock::real())
    }

    /// A shell for a test, with this clock.
    pub fn for_tests_with(clock: Clock) -> Self {
        Self::new("test", clock)
    }

    fn within(name: String, clock: Clock, parent: Option<Shell>) -> Self {
        let token = |of: fn(&Inner) -> &CancellationToken| {
            parent
                .as_ref()
                .map_or_else(CancellationToken::new, |p| of(&p.0).child_token())
        };
        Self(Arc::new(Inner {
            name,
            clock,
            stop: token(|inner| &inner.stop),
            cut: token(|inner| &inner.cut),
            tasks: TaskTracker::new(),
            running: Mutex::default(),
            held: Held::new(BTreeMap::new()),
            failed: watch::Sender::new(None),
            parent,
        }))
    }

    /// A shell inside: it stops with this one or alone, this one is ready and drained only with
    /// it, and what fails inside fails here.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self::within(
            format!("{}/{name}", self.0.name),
            self.clock(),
            Some(self.clone()),
        )
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the clock.
    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// Returns the token that is cancelled when everything shall end.
    pub fn stopping(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// Returns the token that is cancelled when what has not ended is cut.
    pub(crate) fn cutting(&self) -> CancellationToken {
        self.0.cut.clone()
    }

    /// Runs a task that ends by itself after [`Shell::stopping`]. If it ends before, fails or
    /// panics, the whole process fails with its name.
    pub fn spawn<E: fmt::Display>(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let shell = self.clone();
        self.start(
            name.into(),
            async move { task.await.map_err(|error| error.to_string()) },
            shell,
        );
    }

    /// Runs a task that is dropped at the stop; between two of its `await`s it must be safe to
    /// forget. If it ends before, fails or panics, the whole process fails with its name.
    pub fn spawn_until_stop<E: fmt::Display>(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let stop = self.stopping();
        self.spawn(name, async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => Ok(()),
                result = task => result,
            }
        });
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that spawns, under a name"
    )]
    fn start(
        &self,
        name: String,
        task: impl Future<Output = Result<(), String>> + Send + 'static,
        shell: Shell,
    ) {
        let span = tracing::info_span!("task", task.name = %name, shell = %self.0.name);
        let id = u64::from_le_bytes(self.0.clock.random());
        self.running().insert(id, name.clone());
        let tracked = self
            .holders()
            .map(|s| s.0.tasks.token())
            .collect::<Vec<_>>();
        let body = async move {
            let ended = tokio::select! {
                biased;
                ended = AssertUnwindSafe(task).catch_unwind() => Some(ended),
                () = shell.0.cut.cancelled() => None,
            };
            shell.ended(&name, ended);
            shell.running().remove(&id);
            drop(tracked);
        };
        drop(tokio::spawn(body.instrument(span)));
    }

    fn ended(&self, name: &str, ended: Option<std::thread::Result<Result<(), String>>>) {
        let stopping = self.0.stop.is_cancelled();
        let why = match ended {
            None => return tracing::warn!("the task was cut: it had not ended in time"),
            Some(Ok(Ok(()))) if stopping => return,
            Some(Ok(Err(error))) if stopping => {
                return tracing::warn!(error, "the task failed while it stopped");
            }
            Some(Ok(Ok(()))) => "ended though nobody asked".to_owned(),
            Some(Ok(Err(error))) => format!("failed: {error}"),
            Some(Err(panic)) => format!("panicked: {}", panic_text(&*panic)),
        };
        self.fail(Error::Task {
            task: name.to_owned(),
            why,
        });
    }

    /// Ends the process with an error; the first one counts.
    pub fn fail(&self, error: Error) {
        tracing::error!(%error, shell = %self.0.name, "cannot go on");
        let error = Arc::new(error);
        for shell in self.holders() {
            shell.0.failed.send_if_modified(|first| {
                let news = first.is_none();
                first.get_or_insert_with(|| error.clone());
                news
            });
        }
        self.stop();
    }

    /// Asks everything to end. Returns at once; [`Shell::drained`] waits.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Cuts what has not ended.
    pub fn cut(&self) {
        self.0.cut.cancel();
    }

    /// Waits until something failed.
    pub async fn failed(&self) -> Arc<Error> {
        let mut failed = self.0.failed.subscribe();
        let failed = failed
            .wait_for(Option::is_some)
            .await
            .map(|error| error.clone());
        match failed {
            Ok(Some(error)) => error,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Returns what failed first, if anything did.
    pub fn failure(&self) -> Option<Arc<Error>> {
        self.0.failed.borrow().clone()
    }

    /// Holds readiness back until the latch is released (or dropped).
    pub fn hold_ready(&self, why: &str) -> Latch {
        for shell in self.holders() {
            shell
                .0
                .held
                .send_modify(|held| *held.entry(why.to_owned()).or_default() += 1);
        }
        Latch {
            shell: self.clone(),
            why: why.to_owned(),
        }
    }

    /// Waits until nobody holds readiness back.
    pub async fn ready(&self) {
        let mut held = self.0.held.subscribe();
        let waited = held.wait_for(BTreeMap::is_empty).await.map(drop);
        debug_assert!(waited.is_ok(), "the shell holds the sender");
    }

    /// Returns what holds readiness back right now; empty when ready.
    pub fn waiting_for(&self) -> Vec<String> {
        self.0.held.borrow().keys().cloned().collect()
    }

    /// Follows whether anybody holds readiness back.
    pub(crate) fn readiness(&self) -> watch::Receiver<BTreeMap<String, usize>> {
        self.0.held.subscribe()
    }

    /// Waits until all tasks of this shell and of those inside have ended after a stop. Past the
    /// deadline they are cut, and their names returned.
    pub async fn drained(&self, deadline: Duration) -> Result<(), Vec<String>> {
        self.0.tasks.close();
        let late = CancellationToken::new();
        tokio::select! {
            biased;
            () = self.0.tasks.wait() => return Ok(()),
            _ = retry::pause(deadline, &late) => {}
            () = self.0.cut.cancelled() => {}
        }
        let names = self.running().values().cloned().collect();
        self.cut();
        self.0.tasks.wait().await;
        Err(names)
    }

    /// Stops and drains; fails the test that leaves anything behind.
    pub async fn finish_test(self) {
        self.stop();
        if let Err(left) = self.drained(TESTS_DRAIN).await {
            panic!("tasks did not end when asked: {left:?}");
        }
    }

    /// This shell and those around it.
    fn holders(&self) -> impl Iterator<Item = &Shell> {
        std::iter::successors(Some(self), |shell| shell.0.parent.as_ref())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, String>> {
        self.0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}

/// Holds readiness back while it lives.
#[derive(Debug)]
#[must_use = "readiness is held back only while the latch lives"]
pub struct Latch {
    shell: Shell,
    why: String,
}

impl Latch {
    /// Lets go.
    pub fn release(self) {}
}

impl Drop for Latch {
    fn drop(&mut self) {
        for shell in self.shell.holders() {
            shell.0.held.send_modify(|held| {
                if let Some(count) = held.get_mut(&self.why) {
                    *count -= 1;
                    if *count == 0 {
                        held.remove(&self.why);
                    }
                }
            });
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a word".to_owned())
}

#[cfg(test)]
mod tests;
