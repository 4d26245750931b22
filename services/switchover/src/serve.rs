//! `switchover serve …`: one service, for as long as nobody stops it.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use runtime::ProcessArgs;

/// Which service.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keeps applications, versions, switches and the gateway fleet
    Catalog(Service<catalog::Config>),
    /// Keeps tenants, their consent and app credentials
    Provisioning(Service<provisioning::Config>),
    /// Keeps inboxes and sends mails
    Notification(Service<notification::Config>),
    /// Takes users to the version in use
    Gateway(Box<Service<gateway::Config>>),
}

/// A service and the process it runs in.
#[derive(Debug, Args)]
pub struct Service<C: Args> {
    /// How the process lives.
    #[command(flatten)]
    pub process: ProcessArgs,
    /// What the service is told.
    #[command(flatten)]
    pub config: C,
}

/// Runs the service until somebody stops it, and returns how it ended.
pub fn run(command: Command) -> ExitCode {
    use runtime::main;
    match command {
        Command::Catalog(Service { process, config }) => main("catalog", &process, async |shell| {
            catalog::start(config, shell).await
        }),
        Command::Provisioning(Service { process, config }) => {
            main("provisioning", &process, async |shell| {
                provisioning::start(config, shell).await
            })
        }
        Command::Notification(Service { process, config }) => {
            main("notification", &process, async |shell| {
                notification::start(config, shell).await
            })
        }
        Command::Gateway(service) => {
            let Service { process, config } = *service;
            main("gateway", &process, async |shell| {
                gateway::start(config, shell).await
            })
        }
    }
}
