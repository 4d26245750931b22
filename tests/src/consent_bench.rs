//! The benchmark of consent: tenants moved in a switch, mails handed to a server beside a bare loop
//! of the same library, and events spread over inboxes.

mod fanning;
mod moving;
mod post_office;
mod sending;
mod sink;

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

pub use self::{fanning::Fanning, moving::Moving, sending::Sending};
use crate::world::Database;

/// How large the benchmark is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which database the services use.
    pub database: Database,
    /// Tenants of each switch.
    pub tenants: Vec<u32>,
    /// Mails of each way to send them.
    pub mails: u32,
    /// Connections to the server, in turn.
    pub connections: Vec<u8>,
    /// Inboxes that events are spread over; nothing is if 0.
    pub inboxes: u32,
    /// Of those, such as are watched.
    pub watchers: u32,
}

/// The figures of one run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Switches of more and more tenants.
    pub moving: Vec<Moving>,
    /// Mails over more and more connections.
    pub sending: Vec<Sending>,
    /// Inbox fan-out.
    pub fanning: Option<Fanning>,
}

/// Measures; `tell` gets one line a step.
///
/// # Errors
/// When something does not come up or does not come to its end.
pub async fn measure(options: &Options, tell: &(dyn Fn(&str) + Sync)) -> Result<Figures> {
    let mut figures = Figures::default();
    for connections in &options.connections {
        tell(&format!(
            "{} mails over {connections} connections",
            options.mails
        ));
        let sending = sending::measure(options.database, *connections, options.mails);
        figures.sending.push(sending.await?);
    }
    if options.inboxes > 0 {
        tell(&format!("events to {} inboxes", options.inboxes));
        let fanning = fanning::measure(options.database, options.inboxes, options.watchers);
        figures.fanning = Some(fanning.await?);
    }
    for tenants in &options.tenants {
        tell(&format!("a switch of {tenants} tenants"));
        let moving = moving::measure(options.database, *tenants);
        figures.moving.push(moving.await?);
    }
    Ok(figures)
}

fn rate(count: u32, time: Duration) -> f64 {
    (f64::from(count) / time.as_secs_f64().max(1e-9)).round()
}
