//! The benchmark of consent: tenants moved in a switch, mails handed to a server beside a bare loop
//! of the same library, events spread over inboxes, and denials with the audit log and without.

mod audit_tables;
mod denying;
mod fanning;
mod moving;
mod post_office;
mod sending;
mod sink;

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

pub use self::{denying::Denying, fanning::Fanning, moving::Moving, sending::Sending};
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
    /// Tenants that deny; none does if 0.
    pub denials: u32,
    /// Of those, such as deny at once, in turn.
    pub denials_at_once: Vec<usize>,
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
    /// Denials, more and more at once.
    pub denying: Vec<Denying>,
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
    if options.denials > 0 {
        tell(&format!("denials of {} tenants", options.denials));
        let (tenants, at_once) = (options.denials, &options.denials_at_once);
        figures.denying = denying::measure(options.database, tenants, at_once).await?;
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
