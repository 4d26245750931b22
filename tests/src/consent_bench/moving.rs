//! Tenants moved a second in a switch, each told how to deny, after they were given the version in
//! batches.

use std::time::Instant;

use anyhow::{Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use proto::catalog::v1::SwitchState;
use serde::Serialize;

use super::{post_office::tenant, rate};
use crate::{
    api::Confirm,
    bench::{began, between},
    until::until,
    world::{Database, World},
};

/// Batches that are sent at the same time.
const AT_ONCE: usize = 2;
/// Tenants of a batch: as many as the service takes.
const BATCH: usize = 500;
/// Tenants that are moved, on the slowest machine, in the time that one wait has.
const TENANTS_OF_A_WAIT: u32 = 10_000;
const VERSIONS: [&str; 2] = ["1.0", "2.0"];

/// How a switch of many tenants went.
#[derive(Debug, Clone, Serialize)]
pub struct Moving {
    /// Tenants that are provisioned, each with a contact that is told how to deny.
    pub tenants: u32,
    /// Of those, created and given the first version a second, in batches.
    pub given_per_second: f64,
    /// Of those, moved a second, their links and mails queued.
    pub moved_per_second: f64,
}

pub(super) async fn measure(database: Database, tenants: u32) -> Result<Moving> {
    let mut world = World::start(database, 0).await?;
    let urls = [
        world.upstream(VERSIONS[0]).await?,
        world.upstream(VERSIONS[1]).await?,
    ];
    let api = world.api.clone();
    api.create_application("shop", "Shop").await?;
    for (version, url) in VERSIONS.iter().zip(&urls) {
        api.create_version("shop", version, url, &["orders.read"])
            .await?;
    }
    let began_at = Instant::now();
    let numbers: Vec<u32> = (0..tenants).collect();
    stream::iter(numbers.chunks(BATCH))
        .map(|part| {
            let (api, ids) = (
                api.clone(),
                part.iter().map(|number| tenant(*number)).collect(),
            );
            async move {
                // Many at once collide on PostgreSQL: who is told so asks again.
                let provide = || api.provide_many(Vec::clone(&ids), "shop", VERSIONS[0]);
                until("a part of the tenants", provide, |_| true)
                    .await
                    .map(drop)
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    let given = began_at.elapsed();
    let [old, new] = VERSIONS;
    api.register_to_test("shop", old).await?;
    api.switch_to(Confirm::Update, "shop", old).await?;
    api.register_to_test("shop", new).await?;
    let confirmed = api.confirm(Confirm::Update, "shop", new).await?;
    // A switch of very many tenants outlasts the patience of one wait.
    let mut waits = 1 + tenants / TENANTS_OF_A_WAIT;
    let switch = loop {
        waits -= 1;
        match api.ended(&confirmed.name).await {
            Err(_) if waits > 0 => {}
            ended => break ended?,
        }
    };
    ensure!(switch.state() == SwitchState::Succeeded, "{switch:?}");
    let from = began(&switch, SwitchState::Provisioning)?;
    let to = began(&switch, SwitchState::ClosingConsent)?;
    Ok(Moving {
        tenants,
        given_per_second: rate(tenants, given),
        moved_per_second: rate(tenants, between(from, to)),
    })
}
