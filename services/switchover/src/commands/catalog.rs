//! `switchover catalog …`: the catalog itself, after a backup of it was restored.

use clap::Subcommand;
use contract::{ApplicationRef, VersionRef};
use proto::catalog::v1::{AdoptRecoveryRequest, GetRecoveryRequest, GetRecoveryResponse};
use store::DatabaseUrl;

use super::Verb;
use crate::{
    connect::{Service::Catalog, Session},
    error::Error,
    show::{Screen, recovery},
};

/// What to do with the catalog.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says that the database was put back from a backup, before the catalog is started on it
    Restore {
        /// Where it is: sqlite:PATH or postgres://user@host/database
        #[arg(long, env = "SWITCHOVER_DATABASE", value_name = "URL")]
        database: DatabaseUrl,
    },
    /// Shows whether the catalog waits for its restored state to be adopted, and what gateways know
    Recovery,
    /// Makes what was restored, with what gateways know, the truth, and lets switches go on
    Adopt {
        /// Which version of an application is to be active; else the one that gateways serve
        #[arg(long = "version", value_name = "APPLICATION/VERSION", value_parser = version)]
        versions: Vec<VersionRef>,
        /// Why, for the history
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Reads `shop/2.0`, or a resource name.
fn version(text: &str) -> Result<VersionRef, String> {
    if let Ok(name) = text.parse() {
        return Ok(name);
    }
    let (application, version) = text
        .split_once('/')
        .ok_or("name application and version, such as: shop/2.0")?;
    let application = application
        .parse()
        .map(ApplicationRef::from)
        .map_err(|error| format!("{error}"))?;
    Ok(VersionRef {
        application: application.application,
        version: version.parse().map_err(|error| format!("{error}"))?,
    })
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Restore { database } => {
                catalog::restore(&database).await?;
                let answer = GetRecoveryResponse {
                    recovering: true,
                    ..GetRecoveryResponse::default()
                };
                screen.answer(&answer, |_| {
                    "The catalog is in recovery from its next start on. Start it, then see what gateways know: switchover catalog recovery\n"
                        .to_owned()
                })
            }
            Self::Recovery => {
                let request = GetRecoveryRequest {};
                let answer = session
                    .ask(Catalog, session.fleet().get_recovery(request))
                    .await?;
                screen.answer(&answer, |view| recovery::standing(&answer, view))
            }
            Self::Adopt { versions, reason } => {
                let request = AdoptRecoveryRequest {
                    versions: versions.iter().map(ToString::to_string).collect(),
                    reason,
                };
                let answer = session
                    .ask(Catalog, session.fleet().adopt_recovery(request))
                    .await?;
                screen.answer(&answer, |view| recovery::adopted(&answer, view))
            }
        }
    }
}
