//! `switchover gateways …`

use clap::Subcommand;
use proto::{
    catalog::v1::{
        DrainGatewayRequest, EvictGatewayRequest, ListGatewaysRequest, ResumeGatewayRequest,
    },
    gateway::v1::GetStatusRequest,
};

use super::{Verb, pages};
use crate::{
    args::{ApplicationArg, GatewayArg, Paging},
    connect::{
        Service::{Catalog, Gateway},
        Session,
    },
    error::Error,
    show::{Screen, gateway},
};

/// What to do with gateways.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the members of the fleet
    #[command(visible_alias = "ls")]
    List(Paging),
    /// Shows one gateway from inside, the one that --gateway says
    Status {
        /// Only this application
        #[arg(long)]
        application: Option<ApplicationArg>,
        /// Also the counts of every tenant
        #[arg(long)]
        tenants: bool,
    },
    /// Takes a gateway out of use without losing a request
    Drain {
        /// The gateway
        #[arg(value_name = "GATEWAY")]
        name: GatewayArg,
        /// Why
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "TEXT"
        )]
        reason: String,
    },
    /// Takes a gateway into use again that is being drained
    Resume {
        /// The gateway
        #[arg(value_name = "GATEWAY")]
        name: GatewayArg,
        /// Why
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "TEXT"
        )]
        reason: String,
    },
    /// Ends the membership of a gateway that can no longer serve
    Evict {
        /// The gateway
        #[arg(value_name = "GATEWAY")]
        name: GatewayArg,
        /// Why
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "TEXT"
        )]
        reason: String,
    },
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::List(paging) => {
                let mut request = ListGatewaysRequest::default();
                pages!(
                    session,
                    screen,
                    paging,
                    Catalog,
                    fleet.list_gateways(request),
                    gateways,
                    gateway::fleet
                )
            }
            Self::Status {
                application,
                tenants,
            } => {
                let request = GetStatusRequest {
                    application: application.map(|named| named.full()).unwrap_or_default(),
                    tenants,
                };
                let answer = session
                    .ask(Gateway, session.status().get_status(request))
                    .await?;
                screen.answer(&answer, |view| gateway::status(&answer, view))
            }
            Self::Drain { name, reason } => {
                let request = DrainGatewayRequest {
                    name: name.full(),
                    reason,
                };
                let answer = session
                    .ask(Catalog, session.fleet().drain_gateway(request))
                    .await?;
                screen.answer(&answer, |_| {
                    format!("{name} is being taken out of use: it reports not ready, and ends its long-lived connections.\n")
                })
            }
            Self::Resume { name, reason } => {
                let request = ResumeGatewayRequest {
                    name: name.full(),
                    reason,
                };
                let answer = session
                    .ask(Catalog, session.fleet().resume_gateway(request))
                    .await?;
                screen.answer(&answer, |_| format!("{name} is in use again.\n"))
            }
            Self::Evict { name, reason } => {
                let request = EvictGatewayRequest {
                    name: name.full(),
                    reason,
                };
                let answer = session
                    .ask(Catalog, session.fleet().evict_gateway(request))
                    .await?;
                screen.answer(&answer, |_| {
                    format!("{name} is evicted: no switch waits for it, once the leases that it may still have have run out.\n")
                })
            }
        }
    }
}
