//! What the audit log costs: denials a second of many tenants at once, with the log and without.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use proto::provisioning::v1::{DecideProvisioningRequest, Decision};
use serde::Serialize;
use tokio::time::Instant;

use super::{audit_tables::AuditTables, post_office::tenant, rate};
use crate::{
    api::Api,
    until::until,
    world::{Database, Part, World},
};

/// What is denied; it is not in use, so that nothing waits for gateways.
const VERSION: &str = "1.0";
/// Tenants of a batch: as many as the service takes.
const BATCH: usize = 500;
/// How many accept at once what they have denied; nobody measures that.
const BACK_AT_ONCE: usize = 8;
/// With the log and without, so that what changes slowly meets both alike.
const ROUNDS: [bool; 4] = [true, false, false, true];

/// How many denials were taken a second.
#[derive(Debug, Clone, Serialize)]
pub struct Denying {
    /// Denials under way at once.
    pub at_once: usize,
    /// Denials of each way, each of another tenant.
    pub denials: u32,
    /// Taken a second, each with its entry.
    pub logged_per_second: f64,
    /// Taken a second where tables that keep nothing stand in for those of the log.
    pub unlogged_per_second: f64,
    /// With the log by without.
    pub ratio: f64,
}

pub(super) async fn measure(
    database: Database,
    tenants: u32,
    at_once: &[usize],
) -> Result<Vec<Denying>> {
    let mut world = World::start(database, 0).await?;
    match play(&mut world, tenants, at_once).await {
        Ok(figures) => Ok(figures),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn play(world: &mut World, tenants: u32, at_once: &[usize]) -> Result<Vec<Denying>> {
    let api = &world.api.clone();
    api.create_application("shop", "Shop").await?;
    api.create_version("shop", VERSION, "http://127.0.0.1:1", &["orders.read"])
        .await?;
    let all: Vec<String> = (0..tenants).map(tenant).collect();
    for part in all.chunks(BATCH) {
        let provide = || api.provide_many(part.to_vec(), "shop", VERSION);
        until("a part of the tenants", provide, |_| true).await?;
    }
    // What tells of denials waits: sending it would be measured with them.
    world.kill(Part::Notification).await?;
    let mut tables = AuditTables::of(world.provisioning_database()).await?;
    let mut figures = Vec::new();
    for at_once in at_once {
        let (mut logged, mut unlogged) = (Duration::ZERO, Duration::ZERO);
        for with_log in ROUNDS {
            if !with_log {
                tables.stand_in().await?;
            }
            let before = tables.entries().await?;
            let start = Instant::now();
            decide(api, &all, Decision::Deny, *at_once).await?;
            let took = start.elapsed();
            let left = tables.entries().await? - before;
            let expected = if with_log { i64::from(tenants) } else { 0 };
            ensure!(left == expected, "{left} entries instead of {expected}");
            if with_log {
                logged += took;
            } else {
                unlogged += took;
                tables.put_back().await?;
            }
            decide(api, &all, Decision::Accept, BACK_AT_ONCE).await?;
        }
        let denials = tenants * 2;
        let (logged, unlogged) = (rate(denials, logged), rate(denials, unlogged));
        figures.push(Denying {
            at_once: *at_once,
            denials,
            logged_per_second: logged,
            unlogged_per_second: unlogged,
            ratio: (logged / unlogged * 1e3).round() / 1e3,
        });
    }
    Ok(figures)
}

async fn decide(api: &Api, tenants: &[String], decision: Decision, at_once: usize) -> Result<()> {
    let one = |tenant: &String| {
        let request = DecideProvisioningRequest {
            name: format!("tenants/{tenant}/applications/shop/provisionings/{VERSION}"),
            decision: decision.into(),
            reason: "by telephone".to_owned(),
        };
        async move {
            // Many at once collide on PostgreSQL: who is told so asks again.
            let ask = || {
                let (mut consent, request) = (api.consent.clone(), request.clone());
                async move { Ok(consent.decide_provisioning(request).await?.into_inner()) }
            };
            let answer = until("a decision", ask, |_| true).await?;
            answer.provisioning.context("a provisioning").map(drop)
        }
    };
    stream::iter(tenants.iter().map(one))
        .buffer_unordered(at_once)
        .try_collect::<()>()
        .await
}
