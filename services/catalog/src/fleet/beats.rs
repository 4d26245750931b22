//! Writes down who was heard: those that wait together in one transaction, so that the beats of a
//! large fleet do not keep the database from what a switch waits for.

use std::convert::Infallible;

use ::store::Db;
use contract::GatewayName;
use jiff::Timestamp;
use runtime::CancellationToken;
use tokio::sync::mpsc;

use super::{Said, StreamId};
use crate::store::gateways;

/// Beats that wait at most; one more is lost, and the next one says the same.
const WAITING_MAX: usize = 4096;
/// Beats of one transaction at most: it is short, because a switch may be next.
const BATCH: usize = 64;

/// A gateway was heard.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) gateway: GatewayName,
    pub(crate) stream: StreamId,
    /// What it last said of itself.
    pub(crate) said: Said,
    pub(crate) at: Timestamp,
}

/// Returns where beats go in, and where [`write_down`] takes them from.
pub(crate) fn channel() -> (mpsc::Sender<Heard>, mpsc::Receiver<Heard>) {
    mpsc::channel(WAITING_MAX)
}

/// Writes beats down until `stop`. Those of a stream that counts no more change nothing.
pub(crate) async fn write_down(
    db: Db,
    mut beats: mpsc::Receiver<Heard>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut waiting = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            taken = beats.recv_many(&mut waiting, BATCH) => if taken == 0 { return Ok(()) },
        }
        let written: Result<(), ::store::Error> = ::store::write!(db, |tx| {
            for heard in &waiting {
                gateways::heard(tx, &heard.gateway, heard.stream, &heard.said, heard.at).await?;
            }
            Ok(())
        });
        if let Err(error) = written {
            tracing::warn!(
                gateways = waiting.len(),
                error = &error as &dyn std::error::Error,
                "that gateways were heard was not written down; their next beats say so again"
            );
        }
        waiting.clear();
    }
}
