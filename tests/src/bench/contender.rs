//! What the benchmark asks of each contender: three instances, and a switch of all of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::{BoxFuture, try_join_all};
use runtime::{CancellationToken, retry};

use super::TENANTS;
use crate::{
    http_client::get,
    load::{Door, Users},
};

/// How often an instance is asked whether it answers from the new version.
const LOOK: Duration = Duration::from_millis(1);
/// How long an instance may take to do so.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one switch cost.
#[derive(Debug, Clone, Default)]
pub(super) struct Flip {
    /// From the order to the last instance on the new version.
    pub(super) confirm: Duration,
    /// The same without what precedes the first change that users could notice.
    pub(super) everywhere: Duration,
    /// The longest time that each instance held a request, of those that held any.
    pub(super) holds: Vec<Duration>,
    /// Requests that were held.
    pub(super) held: u64,
    /// What `everywhere` was spent on; nothing for a peer.
    pub(super) parts: Parts,
}

/// The steps of a switch that follow its preparation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    /// Fixing the denials.
    pub(super) closing: Duration,
    /// From the order to hold to the commit.
    pub(super) holding: Duration,
    /// From the commit to the last instance's word that it has released.
    pub(super) releasing: Duration,
}

/// Three instances that can be switched together. Their processes end with it.
pub(super) trait Contender {
    /// Returns what figures call it.
    fn name(&self) -> &'static str;
    /// Returns the instances as clients know them.
    fn doors(&self) -> Vec<Door>;
    /// Returns whose requests are sent.
    fn users(&self) -> Vec<Users>;
    /// Moves all instances to the other version, and waits until all are there.
    fn flip(&mut self) -> BoxFuture<'_, Result<Flip>>;
}

/// Returns the users of a contender that routes every host alike.
pub(super) fn any_users() -> Vec<Users> {
    (0..)
        .zip(TENANTS)
        .map(|(tenant, id)| Users {
            tenant,
            host: format!("{id}.example"),
        })
        .collect()
}

/// Waits until every instance has answered from this generation, each on a connection of its own
/// for each look: the earliest moment at which the change could be called done.
pub(super) async fn everywhere(doors: &[Door], generation: u64) -> Result<()> {
    try_join_all(doors.iter().map(|door| there(door, generation)))
        .await
        .map(drop)
}

async fn there(door: &Door, generation: u64) -> Result<()> {
    let url = format!("http://{}/api/whoami", door.address);
    let fields = [("host", "anna.example"), ("accept", "application/json")];
    let begin = Instant::now();
    let never = CancellationToken::new();
    loop {
        // A refused connection is an instance that is not there yet.
        if let Ok(answer) = get(&url, &fields).await
            && answer
                .header("switchover-generation")
                .parse()
                .is_ok_and(|seen: u64| seen >= generation)
        {
            return Ok(());
        }
        (begin.elapsed() < PATIENCE)
            .then_some(())
            .with_context(|| format!("{url} never answered from generation {generation}"))?;
        retry::pause(LOOK, &never).await?;
    }
}
