//! `switchover dev`: everything on one machine. All services in one process, over real gRPC, on
//! SQLite; a demonstration whose versions are real servers; and the next commands to try.

mod demonstration;
mod folder;
mod knock;
mod places;
mod seed;
mod services;
mod walkthrough;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use contract::OperatorName;
use runtime::{
    Clock, ProcessArgs, Shell,
    telemetry::{LogArgs, LogFormat},
};

use crate::{
    connect::{Options, Session},
    show::Screen,
};
use folder::Folder;
use places::Places;
use services::Halves;
use walkthrough::Installation;

/// Seconds that everything may take to end. Short: somebody waits at the terminal.
const DRAIN_SECONDS: u64 = 10;

/// What the demonstration is told.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Everything is kept in the data folder: started again, it goes on where it was."
)]
pub struct Config {
    /// Folder for all data
    #[arg(
        long,
        env = "SWITCHOVER_DATA_DIR",
        hide_env_values = true,
        default_value = ".switchover-dev",
        value_name = "FOLDER"
    )]
    pub data_dir: PathBuf,
    /// Begins anew: whatever is in the data folder is deleted
    #[arg(long)]
    pub fresh: bool,
    /// The operator's name in host names
    #[arg(
        long,
        env = "SWITCHOVER_OPERATOR",
        hide_env_values = true,
        default_value = "acme",
        value_name = "NAME"
    )]
    pub operator: OperatorName,
    /// Where mails go, such as smtp://127.0.0.1:1025; without it they wait
    #[arg(
        long,
        env = "SWITCHOVER_SMTP",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub smtp: Option<notification::SmtpUrl>,
    /// Where mails can be looked at
    #[arg(
        long,
        env = "SWITCHOVER_MAILBOX_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub mailbox_url: Option<String>,
    /// Writes all addresses to this file, as JSON, once everything is up
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// What is logged: a level, or levels by module
    #[arg(
        long = "log",
        env = "SWITCHOVER_LOG",
        hide_env_values = true,
        default_value = "warn",
        value_name = "FILTER"
    )]
    pub log: String,
    /// How log lines look
    #[arg(
        long = "log-format",
        env = "SWITCHOVER_LOG_FORMAT",
        hide_env_values = true,
        default_value = "auto"
    )]
    pub log_format: LogFormat,
    /// On which ports.
    #[command(flatten)]
    pub ports: places::Ports,
}

/// Runs everything until somebody stops it, and returns how it ended.
pub fn run(config: Config, screen: &Screen) -> ExitCode {
    let process = ProcessArgs {
        log: LogArgs {
            filter: config.log.clone(),
            format: config.log_format,
            traces_to: None,
        },
        drain_seconds: DRAIN_SECONDS,
    };
    runtime::main("dev", &process, async |shell| {
        // Boxed: all services' beginnings in one future are large.
        Box::pin(start(config, screen, shell)).await
    })
}

/// Starts everything and shows what to do with it; what it returns must live as long.
async fn start(config: Config, screen: &Screen, shell: Shell) -> Result<Folder, runtime::Error> {
    let folder = Folder::open(&config.data_dir, config.fresh)?;
    let places = Places::choose(&config.ports)?;
    say(screen, "Starting …\n")?;
    let halves = Halves::within(&shell);
    services::start(&config, &folder, &places, &halves).await?;

    let options = Options {
        catalog: Some(places.catalog.into()),
        provisioning: Some(places.provisioning.into()),
        notification: Some(places.notification.into()),
        gateway: Some(places.control.into()),
        ..Options::default()
    };
    let session = Session::new(&options, &Clock::real()).map_err(runtime::Error::internal)?;
    let versions = demonstration::versions();
    let upstreams = Box::pin(seed::versions(&session, &versions, &places, &halves.behind)).await?;
    let installation = Installation::new(&config, &places, &versions, &upstreams);
    seed::tenants_and_first_activation(&session, &installation, &places).await?;

    if let Some(path) = &config.ready_file {
        folder::write_whole(path, &installation.json())?;
    }
    say(screen, &installation.walkthrough(&screen.view()))?;
    Ok(folder)
}

fn say(screen: &Screen, text: &str) -> Result<(), runtime::Error> {
    match screen.text(text) {
        // Whoever read the output may go; what runs goes on.
        Ok(()) | Err(crate::error::Error::Output(_)) => Ok(()),
        Err(error) => Err(runtime::Error::internal(error)),
    }
}
