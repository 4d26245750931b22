//! Tells health checkers what readiness says.

use std::convert::Infallible;

use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::health_reporter,
};

use crate::shell::Shell;

/// Returns the health service; its answers follow the shell's readiness.
pub(super) fn start(shell: &Shell, names: Vec<&'static str>) -> HealthServer<impl Health> {
    let (reporter, server) = health_reporter();
    let mut held = shell.readiness();
    let stop = shell.stopping();
    shell.spawn("health", async move {
        loop {
            let ready = held.borrow_and_update().is_empty() && !stop.is_cancelled();
            let status = if ready {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            for name in names.iter().copied().chain([""]) {
                reporter.set_service_status(name, status).await;
            }
            if stop.is_cancelled() {
                return Ok::<(), Infallible>(());
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                changed = held.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    });
    server
}
