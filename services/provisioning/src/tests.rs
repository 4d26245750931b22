//! What the service promises, on both databases, over its real RPCs.

use std::time::Duration;

use contract::{Problem, reason};
use proto::{
    notification::v1::{Notice, notice},
    provisioning::v1::*,
};
use store::testing::TestDb;

use crate::{
    store::MIGRATIONS,
    testing::{Gateway, Mood, World, name, switch},
};

mod adopting;
mod auditing;
mod batches;
mod credentials;
mod deciding;
mod following;
mod grants;
mod history;
mod moving;
mod outbox;
mod overview;
mod provisionings;
mod races;
mod states;
mod switching;
mod tenants;
mod tokens;
mod visits;

/// Tenants `acme` and `beta` on version 1, which is the active one.
async fn with_two(db: &TestDb) -> World {
    with_two_waiting(db, 5).await
}

async fn with_two_waiting(db: &TestDb, deny_wait: u64) -> World {
    let world = World::start_with(db, deny_wait).await;
    for tenant in ["acme", "beta"] {
        world.add_tenant(tenant, 1).await;
        world.give(tenant, "1").await;
    }
    world.switch(1, "", "1", false).await;
    world
}

fn denials(notices: &[Notice]) -> usize {
    let denied = |notice: &&Notice| matches!(notice.body, Some(notice::Body::VersionDenied(_)));
    notices.iter().filter(denied).count()
}

fn reason_of<T: std::fmt::Debug>(result: Result<T, Problem>) -> contract::Reason {
    result.unwrap_err().reason().clone()
}
