//! All services in one process, told what their flags would tell them.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, builder::Resettable};
use runtime::{Error, Shell};

use super::{Config, folder::Folder, keys::Keys, places::Places};

/// How long each half may take to end; together less than the process has.
const FRONT: Duration = Duration::from_secs(5);
const BEHIND: Duration = Duration::from_secs(4);

/// Where mails would be taken if nobody says: nothing needs to be there, then they wait.
const SMTP: &str = "smtp://127.0.0.1:1025";

/// The two halves of everything, in the order in which they end: the gateway's users are let go
/// while all that is behind it still answers.
#[derive(Debug)]
pub(crate) struct Halves {
    /// Ends with the process.
    pub(crate) front: Shell,
    /// Ends after the front.
    pub(crate) behind: Shell,
}

impl Halves {
    /// Makes what is behind end after the front, and the process end with what fails behind.
    pub(crate) fn within(shell: &Shell) -> Self {
        let halves = Self {
            front: shell.child("front"),
            behind: Shell::new("dev/behind", shell.clock()),
        };
        let (front, behind) = (halves.front.clone(), halves.behind.clone());
        shell.spawn("what is behind the gateway", async move {
            tokio::select! {
                () = front.stopping().cancelled_owned() => {}
                failed = behind.failed() => return Err(failed.to_string()),
            }
            for (half, time) in [(front, FRONT), (behind, BEHIND)] {
                half.stop();
                if let Err(tasks) = half.drained(time).await {
                    tracing::warn!(?tasks, "cut what had not ended");
                }
            }
            Ok(())
        });
        halves
    }
}

/// Starts all services and returns once everything that they wait for is there.
pub(crate) async fn start(
    config: &Config,
    folder: &Folder,
    keys: &Keys,
    places: &Places,
    halves: &Halves,
) -> Result<(), Error> {
    let apps_url = format!("http://localhost:{}", places.apps.port());
    let edge_url = format!("http://localhost:{}", places.edge.port());
    let operator = config.operator.to_string();
    let at = |address: SocketAddr| format!("http://{address}");
    let database = |name: &str| format!("sqlite:{}", folder.file(name));
    let smtp = config
        .smtp
        .as_ref()
        .map_or_else(|| SMTP.to_owned(), ToString::to_string);
    let people = operator_for_people(&operator);
    let accepted = keys.accepted().display().to_string();
    let own_key = |name| keys.own(name).display().to_string();

    // Parsed before anything is opened.
    let notification: notification::Config = told(&[
        ("listen", places.notification.to_string()),
        ("keys", accepted.clone()),
        ("key-file", own_key("notification")),
        ("database", database("notification.db")),
        ("seal-key", folder.file("notification.key")),
        ("smtp", smtp),
        (
            "mail-from",
            format!("{people} <switchover@{operator}.example>"),
        ),
        ("operator-mail", format!("operations@{operator}.example")),
        ("operator-name", people.clone()),
        ("edge-url", edge_url.clone()),
    ])?;
    // The operator's own tenant has the operator's name, if that can be a tenant's.
    let own = operator.parse::<contract::TenantId>();
    let own = own.map_or_else(|_| "own".to_owned(), |own| own.to_string());
    let provisioning: provisioning::Config = told(&[
        ("listen", places.provisioning.to_string()),
        ("keys", accepted.clone()),
        ("key-file", own_key("provisioning")),
        ("database", database("provisioning.db")),
        ("seal-key", folder.file("provisioning.key")),
        ("catalog", at(places.catalog)),
        ("notification", at(places.notification)),
        ("own-tenant", own),
        ("edge-url", edge_url.clone()),
    ])?;
    let catalog: catalog::Config = told(&[
        ("listen", places.catalog.to_string()),
        ("keys", accepted.clone()),
        ("key-file", own_key("catalog")),
        ("database", database("catalog.db")),
        ("provisioning", at(places.provisioning)),
        ("notification", at(places.notification)),
        ("operator", operator.clone()),
        ("apps-url", apps_url.clone()),
        ("edge-url", edge_url.clone()),
        ("allow-loopback-upstreams", String::new()),
        // Clients that know nothing but an address can look around.
        ("reflection", String::new()),
    ])?;
    let mut gateway: gateway::Config = told(&[
        ("listen", places.control.to_string()),
        ("keys", accepted),
        ("key-file", own_key("gateway")),
        (
            "console-development-key-file",
            keys.operator().display().to_string(),
        ),
        ("gateway", "local".to_owned()),
        ("apps-listen", places.apps.to_string()),
        ("edge-listen", places.edge.to_string()),
        ("catalog", at(places.catalog)),
        ("provisioning", at(places.provisioning)),
        ("notification", at(places.notification)),
        ("operator", operator.clone()),
        ("operator-name", people),
        ("support", format!("operations@{operator}.example")),
        ("apps-url", apps_url),
        ("edge-url", edge_url),
        ("state-dir", folder.file("gateway")),
        // Somebody waits at the terminal.
        ("request-drain-seconds", "3".to_owned()),
    ])?;
    gateway.login = config.login.clone();

    let Halves { front, behind } = halves;
    notification::start(notification, behind.child("notification")).await?;
    provisioning::start(provisioning, behind.child("provisioning")).await?;
    catalog::start(catalog, behind.child("catalog")).await?;
    gateway::start(gateway, front.child("gateway")).await?;
    behind.ready().await;
    front.ready().await;
    Ok(())
}

/// Makes a configuration as flags would, and flags alone: variables are meant for one service.
fn told<C: Args>(flags: &[(&str, String)]) -> Result<C, Error> {
    let grammar = C::augment_args(clap::Command::new("dev").no_binary_name(true))
        .mut_args(|arg| arg.env(Resettable::Reset));
    let words = flags.iter().map(|(flag, value)| match value.as_str() {
        "" => format!("--{flag}"),
        value => format!("--{flag}={value}"),
    });
    grammar
        .try_get_matches_from(words)
        .and_then(|matches| C::from_arg_matches(&matches))
        .map_err(|error| Error::Usage(error.to_string().trim_end().to_owned()))
}

/// Returns the operator's name as people would write it.
pub(crate) fn operator_for_people(operator: &str) -> String {
    let mut letters = operator.chars();
    match letters.next() {
        None => String::new(),
        Some(first) => first.to_uppercase().chain(letters).collect(),
    }
}
