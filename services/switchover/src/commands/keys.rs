//! `switchover keys …`: asks no service.

use std::time::Duration;

use clap::Subcommand;
use contract::{ApplicationName, Identity, MethodPattern, Role, Scope};
use jiff::{Timestamp, Unit};
use runtime::{Endpoint, Key};

use crate::{
    args::Time,
    dev_key,
    error::Error,
    show::{Form, Screen, key},
};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a new key and the entry of the keys file by which services know it
    #[command(visible_alias = "generate")]
    Create {
        /// What its holder is: operator-admin, operator-viewer, tester, tenant-admin, gateway, service
        #[arg(long)]
        role: Role,
        /// Who its holder is: people/anna, tenants/bert, gateways/gateway-1, catalog
        #[arg(long, value_name = "WHO")]
        subject: String,
        /// Until when it is valid, such as 2030-01-01T00:00:00Z; for ever if left out
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
        /// For how long it is valid from now on, such as 90d or 12h
        #[arg(long, value_name = "DURATION", conflicts_with = "expires")]
        expires_in: Option<Time>,
        /// A method that its holder may call, of those that the role allows: package.Service/Method,
        /// or package.Service/* for all of a service; all of the role's if left out
        #[arg(long, value_name = "METHOD", value_delimiter = ',')]
        methods: Vec<MethodPattern>,
        /// An application that its holder may see and change; all if left out
        #[arg(long, value_name = "APPLICATION", value_delimiter = ',', value_parser = contract::scope::application)]
        applications: Vec<ApplicationName>,
        /// Writes JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes the demo operator's key of your running `switchover dev`, for other programs
    Dev {
        /// Where its catalog is
        #[arg(
            long,
            env = "SWITCHOVER_CATALOG",
            hide_env = true,
            default_value = "http://127.0.0.1:7101",
            value_name = "URL"
        )]
        catalog: Endpoint,
        /// Writes JSON
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// Returns for whom the output is.
    pub fn form(&self) -> Form {
        match self {
            Self::Create { json: true, .. } | Self::Dev { json: true, .. } => Form::Json,
            Self::Create { json: false, .. } | Self::Dev { json: false, .. } => Form::People,
        }
    }

    /// Does it.
    pub fn run(self, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Create {
                role,
                subject,
                expires,
                expires_in,
                methods,
                applications,
                json: _,
            } => {
                let expires = match expires_in {
                    None => expires,
                    Some(Time(span)) => Some(end(screen.view().now, span)?),
                };
                // Refused here what services would refuse when they start.
                let identity =
                    Identity::new(role, &subject).map_err(|error| Error::usage(error, None))?;
                let made = key::Made {
                    key: Key::generate(),
                    identity,
                    expires,
                    scope: Scope {
                        methods: methods.into_iter().collect(),
                        applications: applications.into_iter().collect(),
                    },
                };
                let text = match screen.form() {
                    Form::People => made.people(&screen.view()),
                    Form::Json => format!("{}\n", made.json()),
                };
                screen.text(&text)
            }
            Self::Dev { catalog, json: _ } => {
                let key = dev_key::of(&catalog).ok_or_else(|| {
                    let hint = "Start switchover dev, or say by --catalog where it is.";
                    Error::usage(
                        format!("no switchover dev of yours runs at {catalog}"),
                        Some(hint.to_owned()),
                    )
                })?;
                let text = match screen.form() {
                    Form::People => format!("{}\n", key.expose()),
                    Form::Json => format!("{}\n", serde_json::json!({ "key": key.expose() })),
                };
                screen.text(&text)
            }
        }
    }
}

/// Returns when a span from now has passed, to the second.
fn end(now: Timestamp, span: Duration) -> Result<Timestamp, Error> {
    let end = now
        .checked_add(span)
        .and_then(|end| end.round(Unit::Second));
    end.map_err(|_| Error::usage("--expires-in leads beyond the year 9999", None))
}
