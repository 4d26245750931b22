//! `switchover keys …`: asks no service.

use clap::Subcommand;
use contract::{Identity, Role};
use jiff::Timestamp;
use runtime::Key;

use crate::{
    error::Error,
    show::{Form, Screen, key},
};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a new key and the entry of the keys file by which services know it
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
        /// Writes JSON
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// Returns for whom the output is.
    pub fn form(&self) -> Form {
        match self {
            Self::Create { json: true, .. } => Form::Json,
            Self::Create { json: false, .. } => Form::People,
        }
    }

    /// Does it.
    pub fn run(self, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Create {
                role,
                subject,
                expires,
                json: _,
            } => {
                // Refused here what services would refuse when they start.
                let identity =
                    Identity::new(role, &subject).map_err(|error| Error::usage(error, None))?;
                let made = key::Made {
                    key: Key::generate(),
                    identity,
                    expires,
                };
                let text = match screen.form() {
                    Form::People => made.people(&screen.view()),
                    Form::Json => format!("{}\n", made.json()),
                };
                screen.text(&text)
            }
        }
    }
}
