//! The catalog's RPCs: parse, call, render. Decides nothing.

mod applications;
mod fleet;
mod parse;
mod proposals;
mod sign_outs;
mod switches;
mod traffic;

/// Resources as answers have them.
pub(crate) mod shown {
    pub(crate) use super::{
        applications::render::{application, version},
        fleet::render::gateway,
        proposals::render as proposal,
        switches::render::switch,
    };
}

use std::{net::SocketAddr, sync::Arc, time::Duration};

use proto::catalog::v1::{
    application_service_server::ApplicationServiceServer, fleet_service_server::FleetServiceServer,
    proposal_service_server::ProposalServiceServer, sign_out_service_server::SignOutServiceServer,
    switch_service_server::SwitchServiceServer, traffic_service_server::TrafficServiceServer,
};
use runtime::{
    Server, Shell,
    caller::Access,
    serve::{Limits, MESSAGE_BYTES_MAX},
};

use crate::Catalog;

/// The longest call is a `WaitSwitch` of five minutes.
const CALL_MAX: Duration = Duration::from_secs(310);

/// Serves all of it until the shell stops; returns the address once calls are accepted.
pub(crate) async fn serve(
    catalog: Arc<Catalog>,
    shell: &Shell,
    access: Access,
    reflection: bool,
    listen: SocketAddr,
) -> Result<SocketAddr, runtime::Error> {
    let applications = applications::Applications(catalog.clone());
    let switches = switches::Switches {
        catalog: catalog.clone(),
        stop: shell.stopping(),
    };
    let proposals = proposals::Proposals(catalog.clone());
    let sign_outs = sign_outs::SignOuts(catalog.clone());
    let audit_log = audit::log(audit::Service::Catalog, catalog.db.clone());
    let traffic = traffic::Traffic(catalog.clone());
    let fleet = fleet::Fleet::start(catalog, shell);
    Server::builder(shell, access)
        .reflection(reflection)
        .limits(Limits {
            call_time: CALL_MAX,
            ..Limits::default()
        })
        .add_service(
            ApplicationServiceServer::new(applications)
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            SwitchServiceServer::new(switches).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(FleetServiceServer::new(fleet).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(
            ProposalServiceServer::new(proposals).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            SignOutServiceServer::new(sign_outs).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            TrafficServiceServer::new(traffic).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(audit_log)
        .serve(listen)
        .await
}
