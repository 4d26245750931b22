//! The end: the disk says first that switches no longer wait for this gateway, then the catalog
//! hears it. In this order, because a gateway that left and does not know it would serve from disk
//! what may have been replaced meanwhile (R3).

use std::{sync::Arc, time::Duration};

use contract::GatewayRef;
use proto::catalog::v1::{LeaveFleetRequest, fleet_service_client::FleetServiceClient};
use runtime::{CancellationToken, Client};
use tokio::sync::mpsc;

use super::{Control, Message, link::reports::Reports, turn::Standing};

/// How long the catalog may take to keep what users were answered last: it writes every second.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);
/// How long the disk may take.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// How long one catalog may take.
const CALL_MAX: Duration = Duration::from_secs(3);

/// What is needed to leave.
pub(super) struct Leave {
    /// Ends the links.
    pub(super) links: CancellationToken,
    /// What users were answered.
    pub(super) reports: Arc<Reports>,
    /// The catalog's addresses.
    pub(super) catalogs: Vec<Client>,
}

impl Leave {
    /// Leaves, if there is a catalog to tell. Otherwise this gateway stays a member, and serves
    /// from disk when it comes back.
    pub(super) async fn run(self, mut control: Control, mut messages: mpsc::Receiver<Message>) {
        let heard = control.catalog.says.is_some();
        control.leaving = true;
        control.publish();
        // Nobody is answered any more.
        self.reports.hand_over(HAND_OVER_MAX).await;
        self.links.cancel();
        if !heard {
            tracing::warn!(
                "no catalog is heard: this gateway stays a member of the fleet while it is stopped"
            );
            return;
        }
        control.standing = Standing::Left;
        control.write();
        let written = tokio::time::timeout(WRITE_MAX, control.written(&mut messages)).await;
        if written.is_err() {
            tracing::error!(
                "cannot write that this gateway leaves, so it stays a member of the fleet"
            );
            return;
        }
        let request = LeaveFleetRequest {
            gateway: GatewayRef::from(control.gateway.clone()).to_string(),
        };
        for catalog in self.catalogs {
            let mut client = FleetServiceClient::new(catalog);
            let call = client.leave_fleet(request.clone());
            match tokio::time::timeout(CALL_MAX, call).await {
                Ok(Ok(_)) => {
                    tracing::info!("left the fleet");
                    return;
                }
                Ok(Err(status)) => {
                    tracing::warn!(%status, "cannot leave the fleet by this catalog")
                }
                Err(_) => tracing::warn!("the catalog does not answer"),
            }
        }
        tracing::warn!(
            "it is not known whether this gateway has left the fleet: after a start it waits for the catalog"
        );
    }
}

impl Control {
    /// Waits until everything asked for is on disk. Nothing else is heard any more.
    async fn written(&mut self, messages: &mut mpsc::Receiver<Message>) {
        while self.routes_disk.written < self.routes_disk.sequence {
            match messages.recv().await {
                Some(Message::RoutesWritten(written)) if written.result.is_ok() => {
                    self.routes_disk.written = written.snapshot.sequence;
                }
                Some(_) => {}
                None => return,
            }
        }
    }
}
