//! The streams to the catalog and to provisioning: one task each, that connects, says hello, hands
//! on what it hears, and connects again within a second when the stream breaks.

use std::time::Duration;

use runtime::CancellationToken;
use tokio::sync::{mpsc, oneshot};

pub(super) mod beat;
pub(super) mod catalog;
pub(super) mod provisioning;
pub(super) mod reports;

/// The pauses between tries: short, because a switch may wait for this gateway.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long a peer may take to open a stream.
const OPEN_MAX: Duration = Duration::from_secs(5);
/// Messages that may wait to be sent; a peer that takes no more than that is left.
const SAYS_MAX: usize = 4096;

/// Where to say something on one stream.
#[derive(Debug, Clone)]
pub(super) struct Says<T> {
    /// Takes what is said.
    pub(super) messages: mpsc::Sender<T>,
    /// Ends the stream, to open another.
    pub(super) broken: CancellationToken,
}

impl<T> Says<T> {
    fn channel() -> (Self, mpsc::Receiver<T>) {
        let (messages, receiver) = mpsc::channel(SAYS_MAX);
        let broken = CancellationToken::new();
        (Self { messages, broken }, receiver)
    }
}

/// Why a stream ended.
#[derive(Debug)]
enum End {
    /// It broke, and why.
    Broken(String),
    /// The control loop has ended: so does the link.
    LoopEnded,
}

impl<T> From<mpsc::error::SendError<T>> for End {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self::LoopEnded
    }
}

impl From<oneshot::error::RecvError> for End {
    fn from(_: oneshot::error::RecvError) -> Self {
        Self::LoopEnded
    }
}

/// What a failed call says of why, for people.
fn why(status: &tonic::Status) -> String {
    contract::Problem::from(status).message().to_owned()
}
