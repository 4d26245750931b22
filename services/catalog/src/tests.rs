//! The catalog as its callers see it: a real server on a real database, with provisioning and
//! notification played by small servers, and gateways played by hand.

mod auditing;
mod baking;
mod crashing;
mod credentials;
mod draining;
mod fencing;
mod fleet;
mod gateway;
mod giving_up;
mod login;
mod noticing;
mod peers;
mod previewing;
mod proposing;
mod receipts;
mod recovering;
mod refusing;
mod registering;
mod sign_outs;
mod switching;
mod testers;
mod traffic;
mod upstream;
mod world;

use proto::catalog::v1 as wire;

pub(crate) use gateway::Gateway;
pub(crate) use world::World;

/// No condition takes longer; a test that waits for this long has failed.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(40);

/// Awaits something that must come.
async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_late) => panic!("{what} did not come"),
    }
}
