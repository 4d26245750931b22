//! Sessions that have ended before their time: somebody signed out, at any gateway or at the identity
//! provider. What has ended here is on disk before anybody is told, and is carried to the catalog, which
//! tells all gateways; it is forgotten once every session that it is about would have ended anyway.
//!
//! What is kept and carried are marks: nobody without the key file of the sessions can tell whose they are.

mod carry;
mod journal;
mod mark;
mod state;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use journal::Journal;
use state::State;

pub(crate) use carry::{carry, follow};
pub(crate) use mark::{Ending, Known, Mark};

/// How long whoever signs out waits for the catalog at most.
const CARRIED_MAX: Duration = Duration::from_secs(2);

/// What has ended, and what lasts meanwhile. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct SignOuts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Held by whoever writes, and locked before the state; none for what lives as long as the process.
    journal: Option<Mutex<Journal>>,
    reach: Reach,
    /// Told when something has ended, or was carried.
    changes: watch::Sender<()>,
}

/// How far sessions reach, and so their ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This gateway.
    Here,
    /// All gateways that share key files: [`carry`] and [`follow`] run.
    Fleet,
}

/// What lasts, watched for as long as this is there.
#[derive(Debug)]
pub(crate) struct Watch {
    sign_outs: SignOuts,
    number: u64,
}

impl SignOuts {
    /// Reads what is remembered, and leaves out what is to be forgotten at `now`. Blocks on a disk.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn open(path: &Path, reach: Reach, now: Timestamp) -> io::Result<Self> {
        let mut state = State::default();
        state.recall(journal::read(path)?, now);
        let journal = Journal::write(path, &state.endings())?;
        Ok(Self::new(state, Some(journal), reach))
    }

    /// What lives as long as the process, and reaches no further.
    pub(crate) fn for_process() -> Self {
        Self::new(State::default(), None, Reach::Here)
    }

    fn new(state: State, journal: Option<Journal>, reach: Reach) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            journal: journal.map(Mutex::new),
            reach,
            changes: watch::Sender::new(()),
        }))
    }

    /// Says by which marks all sessions of some keys end: those of more than can be remembered do.
    pub(crate) fn cover(&self, all: Vec<Mark>) {
        self.lock().cover(all);
    }

    /// Ends what is begun by `now`, with what lasts of it here, writes it down, and gives it to be carried
    /// to all gateways.
    pub(crate) async fn end(&self, marks: Vec<Mark>, now: Timestamp) {
        let at = now.as_second();
        let endings: Vec<_> = marks
            .iter()
            .map(|mark| Ending { mark: *mark, at })
            .collect();
        let carried = self.0.reach == Reach::Here;
        self.take_down(move |state| state.take(&endings, carried))
            .await;
        if !carried {
            self.until_carried(&marks).await;
        }
    }

    /// Takes what the catalog tells: everything that it keeps, or what is new.
    async fn told(&self, endings: Vec<Ending>, full: bool) {
        self.take_down(move |state| {
            let taken = state.take(&endings, true);
            if full {
                state.compare(&endings);
            }
            taken
        })
        .await;
    }

    /// Changes what has ended, and writes down what is new.
    async fn take_down(&self, change: impl FnOnce(&mut State) -> state::Taken + Send + 'static) {
        let this = self.clone();
        let work = move || {
            let taken = change(&mut this.lock());
            let written = this.write_down(&taken);
            // Only now may it be carried: what is told to others is remembered here.
            this.0.changes.send_replace(());
            written
        };
        match runtime::disk::blocking(work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "that sessions have ended could not be written down: it holds until this gateway stops");
            }
            Err(error) => tracing::error!(%error, "sessions may not have ended"),
        }
    }

    fn write_down(&self, taken: &state::Taken) -> io::Result<()> {
        let Some(journal) = &self.0.journal else {
            return Ok(());
        };
        let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        match taken {
            state::Taken::New(endings) => journal.add(endings, || self.lock().endings()),
            state::Taken::Over => {
                // Not under the state's lock: users' requests wait for that.
                let all = self.lock().endings();
                journal.rewrite(&all)
            }
        }
    }

    /// Waits until the catalog keeps it, so that who is told that it has ended finds it ended everywhere; but
    /// not for long: nobody is kept from signing out by a catalog that is away, and it is carried later.
    async fn until_carried(&self, marks: &[Mark]) {
        let mut changes = self.0.changes.subscribe();
        let carried =
            async { while !self.lock().is_carried(marks) && changes.changed().await.is_ok() {} };
        if timeout(CARRIED_MAX, carried).await.is_err() {
            tracing::warn!(
                "a sign-out holds at this gateway alone until the catalog has taken it: it is told again until it has"
            );
        }
    }

    /// Tells whether a session has ended before its time.
    pub(crate) fn has(&self, known: &Known) -> bool {
        self.lock().has(known)
    }

    /// Has `end` told when a session ends, for as long as what is returned is there.
    pub(crate) fn watch(&self, known: Known, end: CancellationToken) -> Watch {
        Watch {
            number: self.lock().watch(known, end),
            sign_outs: self.clone(),
        }
    }

    /// Ends what lasts of sessions whose time is over at `now`, and forgets what is no longer needed.
    pub(crate) fn look(&self, now: Timestamp) {
        self.lock().look(now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.sign_outs.lock().unwatch(self.number);
    }
}
