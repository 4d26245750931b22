//! What is seen to between the hold and the commit: that the next version still works, and, if the
//! two may not overlap, that nothing is in flight any more on the one that leaves.

use std::{sync::Arc, time::Duration};

use contract::ApplicationName;
use tokio::time::timeout;

use super::{
    Client, DataPlane, NotReady, gate::Epoch, lasting::Pace, lock, snapshot::Gate, target::Target,
};

/// How long a version may take to answer its health check while requests are held for it.
const CHECK_AGAIN_MAX: Duration = Duration::from_secs(1);

/// What becomes of requests that are under way on the version that leaves when its gate is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// They finish while the next version gets requests.
    Allowed,
    /// The switch waits for them so long; then it is given up.
    Abort(Duration),
    /// The switch waits for them so long; what is left is cut.
    Cut(Duration),
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clearing {
    /// Nothing is in flight.
    Done,
    /// So many requests and connections still are.
    Left(u64),
    /// The gate is no longer closed.
    GivenUp,
}

impl DataPlane {
    /// Asks once more for the health of a version that was made ready, as requests wait for it.
    /// What it connects is used by a route with the same upstream.
    ///
    /// # Errors
    ///
    /// `VERSION_UNHEALTHY`, and why. Takes at most 1 s.
    pub async fn check_again(
        &self,
        application: &ApplicationName,
        target: &Target,
    ) -> Result<(), NotReady> {
        let prepared = lock(&self.inner().prepared)
            .get(application)
            .filter(|client| *client.upstream() == target.upstream)
            .cloned();
        let client = prepared.unwrap_or_else(|| {
            let client = Client::new(&target.upstream);
            lock(&self.inner().prepared).insert(application.clone(), client.clone());
            client
        });
        let checked = client.check_again(target, CHECK_AGAIN_MAX).await;
        checked.map_err(|error| NotReady {
            reason: "VERSION_UNHEALTHY",
            ..error
        })
    }

    /// Waits until nothing of an application's users is in flight behind its closed gate.
    /// Long-lived connections are asked at once to end in good order; what is left at the end is
    /// left or cut, as `overlap` says.
    ///
    /// To be called once the gate is held; it waits for nothing if nobody may have got through.
    pub async fn clear(&self, application: &ApplicationName, overlap: Overlap) -> Clearing {
        let (epoch, hold) = {
            let snapshot = self.inner().snapshot.load();
            match snapshot.routes.get(application).map(|it| &it.gate) {
                Some(Gate::Held { serving, hold }) => match serving {
                    Some(serving) => (Arc::clone(&serving.epoch), Arc::clone(hold)),
                    None => return Clearing::Done,
                },
                Some(Gate::Never) => return Clearing::Done,
                Some(Gate::Open(_)) | None => return Clearing::GivenUp,
            }
        };
        tokio::select! {
            biased;
            () = hold.over() => Clearing::GivenUp,
            clearing = clear(&epoch, overlap) => clearing,
        }
    }
}

async fn clear(epoch: &Epoch, overlap: Overlap) -> Clearing {
    let (limit, cuts) = match overlap {
        Overlap::Allowed => return Clearing::Done,
        Overlap::Abort(limit) => (limit, false),
        Overlap::Cut(limit) => (limit, true),
    };
    let emptied = async {
        tokio::select! {
            biased;
            () = epoch.emptied() => {}
            never = epoch.lasting().ask_all(Pace::AtOnce) => match never {},
        }
    };
    if timeout(limit, emptied).await.is_ok() {
        return Clearing::Done;
    }
    if cuts {
        epoch.cut_off().await;
        return Clearing::Done;
    }
    match epoch.in_flight() {
        0 => Clearing::Done,
        left => Clearing::Left(left as u64),
    }
}
