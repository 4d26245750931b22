//! A WebSocket's way through the gateway: bytes both ways, as they are, until one side ends it or
//! its version's time to drain is over, or the gateway stops.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio_util::sync::CancellationToken;

use super::flight::Flight;

/// Carries bytes between the two, once both have become a tunnel.
pub(super) async fn carry(
    user: OnUpgrade,
    version: OnUpgrade,
    mut flight: Flight,
    stop: CancellationToken,
) {
    flight.upgrade();
    let cut = flight.cut();
    let tunnel = async {
        let (user, version) = tokio::try_join!(user, version)?;
        // Ends by itself, orderly or not: either way both sides are closed.
        copy_bidirectional(&mut TokioIo::new(user), &mut TokioIo::new(version))
            .await
            .ok();
        Ok::<_, hyper::Error>(())
    };
    let ended = tokio::select! {
        () = cut.cancelled() => Ok(()),
        () = stop.cancelled() => Ok(()),
        ended = tunnel => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection did not become a tunnel");
    }
    drop(flight);
}
