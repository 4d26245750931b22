//! The application that most tests act on.

use anyhow::Result;
use proto::catalog::v1::SwitchPolicy;

use crate::{api::Confirm, load::Users, world::World};

/// Brings up `shop`: 1.0 is active for these tenants, each with the contact `admin@{tenant}.example`;
/// 2.0, which needs app credentials, is registered and reached by nobody.
///
/// # Errors
/// When anything of it is refused.
pub async fn open(world: &mut World, tenants: &[&str]) -> Result<()> {
    open_as(world, tenants, SwitchPolicy::default()).await
}

/// Brings up `shop` as [`open`] does, with a policy from before its first activation: how it treats
/// gateways that are not heard can be said only then.
///
/// # Errors
/// When anything of it is refused.
pub async fn open_as(world: &mut World, tenants: &[&str], policy: SwitchPolicy) -> Result<()> {
    let urls = (world.upstream("1.0").await?, world.upstream("2.0").await?);
    let api = world.api.clone();
    api.create_application("shop", "Shop").await?;
    api.set_policy("shop", policy).await?;
    api.create_version("shop", "1.0", &urls.0, &[]).await?;
    api.create_version("shop", "2.0", &urls.1, &["orders.read"])
        .await?;
    for tenant in tenants {
        api.create_tenant(tenant, &format!("admin@{tenant}.example"))
            .await?;
        api.provision(tenant, "shop", "1.0").await?;
    }
    api.register_to_test("shop", "1.0").await?;
    api.switch_to(Confirm::Update, "shop", "1.0").await?;
    Ok(())
}

/// Returns the users of tenants, as a load sends their requests: numbered in this order.
#[must_use]
pub fn users(world: &World, tenants: &[&str]) -> Vec<Users> {
    let users = |(tenant, id): (u8, &&str)| Users {
        tenant,
        host: world.user_host(id, "shop"),
    };
    (0..).zip(tenants).map(users).collect()
}
