//! Inbox fan-out: notices to many inboxes, some of which are watched.

use anyhow::{Context as _, Result};
use proto::notification::v1::WatchInboxRequest;
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};

use super::{
    post_office::{PostOffice, tenant},
    rate,
};
use crate::world::Database;

/// How many events came about a second, and how soon who watched had them.
#[derive(Debug, Clone, Serialize)]
pub struct Fanning {
    /// Inboxes, each of which gets one event and one mail queued.
    pub inboxes: u32,
    /// Of those, such as are watched.
    pub watchers: u32,
    /// Events a second, written with the mails that tell of them.
    pub events_per_second: f64,
    /// From the last event's being written to the last watcher's having its own.
    pub heard_after_ms: f64,
}

pub(super) async fn measure(database: Database, inboxes: u32, watchers: u32) -> Result<Fanning> {
    // Its server greets nobody: mails wait.
    let office = PostOffice::open(database, 1).await?;
    let mut watching = JoinSet::new();
    for number in 0..watchers.min(inboxes) {
        // All over the range, so that the last of them is heard late.
        let watched = tenant(number * (inboxes / watchers.max(1)).max(1));
        let request = WatchInboxRequest {
            name: format!("tenants/{watched}/inbox"),
            after: String::new(),
            ..WatchInboxRequest::default()
        };
        let mut stream = office
            .inboxes
            .clone()
            .watch_inbox(request)
            .await?
            .into_inner();
        // The inbox as it is: from here on every event is heard.
        stream.message().await?.context("an inbox")?;
        watching.spawn(async move {
            loop {
                let heard = stream.message().await?.context("a stream that goes on")?;
                if !heard.events.is_empty() {
                    return Ok::<_, anyhow::Error>(());
                }
            }
        });
    }
    let start = Instant::now();
    office.publish(0..inboxes).await?;
    let written = start.elapsed();
    while let Some(heard) = watching.join_next().await {
        heard??;
    }
    let after = start.elapsed().saturating_sub(written);
    Ok(Fanning {
        inboxes,
        watchers,
        events_per_second: rate(inboxes, written),
        heard_after_ms: (after.as_secs_f64() * 1e6).round() / 1e3,
    })
}
