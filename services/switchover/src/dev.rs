//! `switchover dev`: everything on one machine. All services in one process, over real gRPC, on
//! SQLite; a demonstration whose versions are real servers; and the next commands to try.

mod demonstration;
mod folder;
mod keys;
mod knock;
mod places;
mod seed;
mod services;
mod walkthrough;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use contract::OperatorName;
use runtime::{
    Clock, Key, ProcessArgs, Shell,
    telemetry::{LogArgs, LogFormat},
};

use crate::{
    connect::{Options, Session},
    dev_key::{self, Findable},
    show::Screen,
};
use folder::Folder;
use keys::Keys;
use places::Places;
use services::Halves;
use walkthrough::Installation;

/// Seconds that everything may take to end. Short: somebody waits at the terminal.
const DRAIN_SECONDS: u64 = 10;

/// What the demonstration is told.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Everything is kept in the data folder: started again, it goes on where it was.\n\n\
        It makes its own keys there, in keys/, and listens on the loopback only. While it runs, your commands \
        to its addresses are the demo operator's unless you give a key or a token, and so is the console; \
        --as says to be somebody else. `switchover keys dev` writes the key for other programs."
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
    /// How users of applications that require a login sign in.
    #[command(
        flatten,
        next_help_heading = "Sign-in at applications that require a login"
    )]
    pub login: gateway::LoginArgs,
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

/// What must live as long as the demonstration runs.
struct Running {
    _findable: Option<Findable>,
    _folder: Folder,
}

/// Starts everything and shows what to do with it; what it returns must live as long.
async fn start(config: Config, screen: &Screen, shell: Shell) -> Result<Running, runtime::Error> {
    let folder = Folder::open(&config.data_dir, config.fresh)?;
    let keys = Keys::open(folder.path())?;
    let places = Places::choose(&config.ports)?;
    say(screen, "Starting …\n")?;
    let halves = Halves::within(&shell);
    services::start(&config, &folder, &keys, &places, &halves).await?;

    let options = Options {
        catalog: Some(places.catalog.into()),
        provisioning: Some(places.provisioning.into()),
        notification: Some(places.notification.into()),
        gateway: Some(places.control.into()),
        key_file: Some(keys.operator()),
        ..Options::default()
    };
    let session = Session::new(&options, &Clock::real()).map_err(runtime::Error::internal)?;
    let versions = demonstration::versions();
    let upstreams = Box::pin(seed::versions(&session, &versions, &places, &halves.behind)).await?;
    let installation = Installation::new(&config, &keys, &places, &versions, &upstreams);
    seed::tenants_and_first_activation(&session, &installation, &places).await?;

    let findable = findable(&keys, &places)?;
    if let Some(path) = &config.ready_file {
        folder::write_whole(path, &installation.json())?;
    }
    say(screen, &installation.walkthrough(&screen.view()))?;
    Ok(Running {
        _findable: findable,
        _folder: folder,
    })
}

/// Lets this person's commands find the demo operator's key. Without, they can still be told it.
fn findable(keys: &Keys, places: &Places) -> Result<Option<Findable>, runtime::Error> {
    let key_file = keys.operator();
    let key = Key::read(&key_file)?;
    let addresses = [
        places.catalog,
        places.provisioning,
        places.notification,
        places.control,
    ];
    let found = match dev_key::folder() {
        Some(folder) => Findable::at(&folder, &addresses, &key).map_err(|error| error.to_string()),
        None => Err("neither XDG_STATE_HOME nor HOME is a folder".to_owned()),
    };
    let warn = |why: &String| {
        let key_file = key_file.display();
        tracing::warn!(
            why,
            "commands do not find the key: give --key-file {key_file}"
        );
    };
    Ok(found.inspect_err(warn).ok())
}

fn say(screen: &Screen, text: &str) -> Result<(), runtime::Error> {
    match screen.text(text) {
        // Whoever read the output may go; what runs goes on.
        Ok(()) | Err(crate::error::Error::Output(_)) => Ok(()),
        Err(error) => Err(runtime::Error::internal(error)),
    }
}
