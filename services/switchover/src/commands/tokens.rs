//! `switchover tokens …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use contract::{TenantId, TenantRef, VersionName};
use proto::provisioning::v1::{GetKeysRequest, IssueTokenRequest, ListClientTenantsRequest};

use super::{Verb, pages};
use crate::{
    args::Paging,
    connect::{Service::Provisioning, Session},
    error::Error,
    show::{Form, Screen, tokens},
};

/// What to do with access tokens.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Gets access tokens, as a version's backend does
    Issue {
        /// Tenants that tokens are for
        #[arg(required = true)]
        tenants: Vec<TenantId>,
        /// The version whose backend asks
        #[arg(long, value_name = "VERSION")]
        app_version: VersionName,
        /// Who asks.
        #[command(flatten)]
        client: ClientArgs,
        /// What the tokens are to allow, repeatable [default: all that the version was granted]
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Writes the token of the one tenant and nothing else
        #[arg(long, conflicts_with = "json")]
        token_only: bool,
    },
    /// Lists the tenants that a client can have tokens for
    Tenants {
        /// Who asks.
        #[command(flatten)]
        client: ClientArgs,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Shows the public keys by which tokens are checked
    Keys,
}

/// Client id and secret.
#[derive(Debug, Args)]
pub struct ClientArgs {
    /// The client id
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// File with the client secret and nothing else; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
}

/// The longest file that is read for a secret, in bytes.
const SECRET_FILE_MAX: u64 = 4096;

impl ClientArgs {
    /// Reads the secret. It is no argument: those of a process are seen by others.
    fn secret(&self) -> Result<String, Error> {
        use std::io::Read as _;
        let mut text = String::new();
        let read = if self.secret_file.as_os_str() == "-" {
            std::io::stdin()
                .take(SECRET_FILE_MAX)
                .read_to_string(&mut text)
        } else {
            std::fs::File::open(&self.secret_file)
                .and_then(|file| file.take(SECRET_FILE_MAX).read_to_string(&mut text))
        };
        read.map_err(|error| {
            let path = self.secret_file.display();
            Error::usage(format!("{path} cannot be read: {error}"), None)
        })?;
        Ok(text.trim().to_owned())
    }
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Issue {
                tenants,
                app_version,
                client,
                scopes,
                token_only,
            } => {
                if token_only && tenants.len() != 1 {
                    let hint = "Leave --token-only out, or name one tenant.".to_owned();
                    let what = "--token-only is for one tenant.";
                    return Err(Error::usage(what, Some(hint)));
                }
                let names = tenants.into_iter().map(TenantRef::from);
                let request = IssueTokenRequest {
                    client_secret: client.secret()?,
                    client_id: client.client_id,
                    version: app_version.to_string(),
                    tenants: names.map(|name| name.to_string()).collect(),
                    scopes,
                };
                let call = async { session.tokens().issue_token(request).await };
                let answer = session.ask(Provisioning, call).await?;
                match tokens::only(&answer) {
                    Some(token) if token_only => screen.text(&format!("{token}\n"))?,
                    // Of one tenant the error says all.
                    None if answer.answers.len() == 1 && screen.form() == Form::People => {}
                    _ => screen.answer(&answer, |view| tokens::issued(&answer, view))?,
                }
                tokens::all_issued(&answer, session.request_id())
            }
            Self::Tenants { client, paging } => {
                let mut request = ListClientTenantsRequest {
                    client_secret: client.secret()?,
                    client_id: client.client_id,
                    ..ListClientTenantsRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Provisioning,
                    tokens.list_client_tenants(request),
                    tenants,
                    tokens::tenants
                )
            }
            Self::Keys => {
                let call = async { session.tokens().get_keys(GetKeysRequest {}).await };
                let answer = session.ask(Provisioning, call).await?;
                screen.text(&format!("{}\n", answer.jwks))
            }
        }
    }
}
