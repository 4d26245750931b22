//! What runs beside the control loop for generations that leave: drains, which tell how far they
//! are, and waits for an empty version, which end with their turn.

use std::{collections::BTreeMap, time::Duration};

use contract::{ApplicationName, Nonce};
use futures::{
    StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream, SelectAll},
};
use runtime::CancellationToken;
use tokio::time::timeout;
use tokio_util::sync::DropGuard;

use super::{
    turn::{DrainOrder, Input, Objection},
    words,
};
use crate::apps::{Clearing, DataPlane, Drain, Drained, Overlap, RunningDrain};

/// How often a drain tells how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How long what left unasked may go on: nobody named a time.
const UNASKED: Duration = Duration::from_secs(30);

/// What comes of a drain or a wait, and for whom.
type Told = (ApplicationName, Input);

/// The drains and waits of all applications.
#[derive(Default)]
pub(super) struct Drains {
    told: SelectAll<BoxStream<'static, Told>>,
    /// Those that a turn asked for, while their turn lasts.
    asked: BTreeMap<ApplicationName, (Nonce, RunningDrain)>,
    /// Waits for an empty version; a wait ends when its turn does.
    waits: BTreeMap<ApplicationName, (Nonce, DropGuard)>,
}

impl Drains {
    /// Tells whether anything may still be told.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Returns what is told next; nothing if nothing runs.
    pub(super) async fn next(&mut self) -> Option<Told> {
        self.told.next().await
    }

    /// Begins to drain what has left.
    pub(super) fn begin(&mut self, application: ApplicationName, order: DrainOrder, drain: Drain) {
        match order {
            DrainOrder::Asked(nonce, limit) => {
                let (running, ended) = drain.start(limit);
                let drain = Asked {
                    application: application.clone(),
                    nonce,
                    running: running.clone(),
                    ended: Box::pin(ended),
                };
                self.asked.insert(application, (nonce, running));
                self.told.push(stream::unfold(Some(drain), tell).boxed());
            }
            DrainOrder::Unasked => {
                let ended = async move {
                    let drained = drain.finish(UNASKED).await;
                    tracing::info!(?drained, "a generation has ended that nobody asked about");
                };
                // It tells nothing.
                let nothing = stream::once(ended).filter_map(|()| std::future::ready(None));
                self.told.push(nothing.boxed());
            }
        }
    }

    /// Lets the drain of a turn take so long, from its begin on.
    pub(super) fn within(&self, application: &ApplicationName, nonce: Nonce, limit: Duration) {
        if let Some((of, running)) = self.asked.get(application)
            && *of == nonce
        {
            running.limit(limit);
        }
    }

    /// Begins to wait until nothing is under way behind a closed gate.
    pub(super) fn clear(
        &mut self,
        plane: &DataPlane,
        application: &ApplicationName,
        nonce: Nonce,
        overlap: Overlap,
    ) {
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        self.waits.insert(application.clone(), (nonce, guard));
        let (plane, application) = (plane.clone(), application.clone());
        let cleared = async move {
            let clearing = tokio::select! {
                biased;
                () = ended.cancelled() => return None,
                clearing = plane.clear(&application, overlap) => clearing,
            };
            let result: Result<(), Objection> = match clearing {
                Clearing::Done => Ok(()),
                Clearing::Left(left) => Err(words::overlap(left)),
                Clearing::GivenUp => return None,
            };
            Some((application, Input::Cleared(nonce, result)))
        };
        let told = stream::once(cleared).filter_map(std::future::ready);
        self.told.push(told.boxed());
    }

    /// Ends what was begun for another turn than the present one. A drain goes on; nobody can
    /// change its time any more.
    pub(super) fn turned(&mut self, application: &ApplicationName, present: Option<Nonce>) {
        let other = |of: Option<Nonce>| of.is_some() && of != present;
        if other(self.waits.get(application).map(|(of, _)| *of)) {
            self.waits.remove(application);
        }
        if other(self.asked.get(application).map(|(of, _)| *of)) {
            self.asked.remove(application);
        }
    }
}

/// A drain that a turn asked for.
struct Asked {
    application: ApplicationName,
    nonce: Nonce,
    running: RunningDrain,
    ended: BoxFuture<'static, Drained>,
}

/// Tells how far a drain is, or how it ended; then nothing more.
async fn tell(drain: Option<Asked>) -> Option<(Told, Option<Asked>)> {
    let mut drain = drain?;
    let ended = timeout(TELL_EVERY, drain.ended.as_mut()).await;
    let application = drain.application.clone();
    Some(match ended {
        Ok(drained) => {
            let input = Input::DrainEnded(drain.nonce, drained.into());
            ((application, input), None)
        }
        Err(_) => {
            let input = Input::DrainMoved(drain.nonce, drain.running.progress().into());
            ((application, input), Some(drain))
        }
    })
}
