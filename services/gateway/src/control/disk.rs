//! Writes what is to be remembered, beside the control loop: routes newest first, grants all of
//! them, both tried again until they are on disk.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use contract::ApplicationName;
use proto::catalog::v1 as wire;
use runtime::{CancellationToken, disk, retry};
use tokio::sync::{mpsc, watch};

use super::{
    Message,
    cache::{
        StateDir,
        grants::GrantsLog,
        routes::{self, Copies, RouteState},
    },
    grants::{GrantSet, GrantsPosition},
    route::Position,
    turn::{Standing, Turn},
};

/// How long a full disk is left alone.
const PAUSE: Duration = Duration::from_millis(500);

/// Everything that the routes' file is to hold.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Grows with every request to write.
    pub(super) sequence: u64,
    /// Where each application stands in it.
    pub(super) positions: Vec<(ApplicationName, Position)>,
    state: RouteState,
    copies: Copies,
}

impl Snapshot {
    /// Takes what is known. A promise must not be lost with one file (R3), so it goes to both.
    pub(super) fn of(
        sequence: u64,
        standing: Standing,
        turns: &BTreeMap<ApplicationName, Turn>,
    ) -> Self {
        let promised = turns.values().any(|turn| turn.route().order.promises());
        Self {
            sequence,
            positions: turns
                .iter()
                .map(|(application, turn)| (application.clone(), turn.route().position))
                .collect(),
            state: RouteState {
                standing,
                routes: turns
                    .values()
                    .map(|turn| turn.route().told().clone())
                    .collect::<Vec<wire::Route>>(),
            },
            copies: if promised || standing == Standing::Left {
                Copies::Both
            } else {
                Copies::One
            },
        }
    }
}

/// What became of a snapshot.
pub(super) struct RoutesWritten {
    /// Which.
    pub(super) snapshot: Arc<Snapshot>,
    /// Why not, if not.
    pub(super) result: Result<(), String>,
}

/// What became of grants.
pub(super) enum GrantsWritten {
    /// They are durable.
    Done {
        /// Up to here.
        position: GrantsPosition,
        /// How many there are.
        count: u64,
    },
    /// Not yet, and why.
    Failed(String),
}

/// Writes the newest snapshot until the control loop ends.
pub(super) async fn write_routes(
    dir: Arc<StateDir>,
    mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    news: mpsc::Sender<Message>,
) {
    let never = CancellationToken::new();
    while snapshots.changed().await.is_ok() {
        loop {
            let Some(snapshot) = snapshots.borrow_and_update().clone() else {
                break;
            };
            let (folder, state) = (dir.clone(), snapshot.clone());
            let result = blocking(move || routes::save(&folder, &state.state, state.copies)).await;
            let failed = result.is_err();
            if let Err(why) = &result {
                tracing::error!(
                    why,
                    "the routes cannot be written; what is known is served all the same"
                );
            }
            let told = Message::RoutesWritten(RoutesWritten { snapshot, result });
            if news.send(told).await.is_err() {
                return;
            }
            if !failed {
                break;
            }
            tokio::select! {
                biased;
                changed = snapshots.changed() => if changed.is_err() { return },
                _ = retry::pause(PAUSE, &never) => {}
            }
        }
    }
}

/// Writes every set of grants, those that wait together, until the control loop ends.
pub(super) async fn write_grants(
    dir: Arc<StateDir>,
    mut log: GrantsLog,
    mut sets: mpsc::UnboundedReceiver<GrantSet>,
    news: mpsc::Sender<Message>,
) {
    let never = CancellationToken::new();
    let mut failed = false;
    loop {
        let mut waiting = Vec::new();
        tokio::select! {
            biased;
            set = sets.recv() => match set {
                Some(set) => waiting.push(set),
                None => return,
            },
            _ = retry::pause(PAUSE, &never), if failed => {}
        }
        while let Ok(set) = sets.try_recv() {
            waiting.push(set);
        }
        let folder = dir.clone();
        let (result, after) = match disk::blocking(move || {
            let result = log
                .save(&folder, &waiting)
                .map_err(|error| error.to_string());
            (result, log)
        })
        .await
        {
            Ok(done) => done,
            Err(_) => return,
        };
        log = after;
        failed = result.is_err();
        let told = match (result, log.known()) {
            (Ok(()), Some(known)) => GrantsWritten::Done {
                position: known.position,
                count: known.grants.len() as u64,
            },
            (Ok(()), None) => continue,
            (Err(why), _) => {
                tracing::error!(
                    why,
                    "the grants cannot be written; they are in force, but not acknowledged"
                );
                GrantsWritten::Failed(why)
            }
        };
        if news.send(Message::GrantsWritten(told)).await.is_err() {
            return;
        }
    }
}

async fn blocking(
    work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> Result<(), String> {
    match disk::blocking(work).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
