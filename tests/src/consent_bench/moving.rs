//! Tenants moved a second in a switch, each told how to deny.

use anyhow::Result;
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

/// Tenants that are made at the same time.
const AT_ONCE: usize = 16;
const VERSIONS: [&str; 2] = ["1.0", "2.0"];

/// How a switch of many tenants went.
#[derive(Debug, Clone, Serialize)]
pub struct Moving {
    /// Tenants that are provisioned, each with a contact that is told how to deny.
    pub tenants: u32,
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
    stream::iter(0..tenants)
        .map(|number| {
            let (api, tenant) = (api.clone(), tenant(number));
            async move {
                // Sixteen at once collide on PostgreSQL: who is told so asks again.
                let contact = format!("admin@{tenant}.example");
                let create = || api.create_tenant(&tenant, &contact);
                until("a tenant", create, |_| true).await?;
                let provision = || api.provision(&tenant, "shop", VERSIONS[0]);
                until("a provisioning", provision, |_| true).await.map(drop)
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    let [old, new] = VERSIONS;
    api.register_to_test("shop", old).await?;
    api.switch_to(Confirm::Update, "shop", old).await?;
    api.register_to_test("shop", new).await?;
    let switch = api.switch_to(Confirm::Update, "shop", new).await?;
    let from = began(&switch, SwitchState::Provisioning)?;
    let to = began(&switch, SwitchState::ClosingConsent)?;
    Ok(Moving {
        tenants,
        moved_per_second: rate(tenants, between(from, to)),
    })
}
