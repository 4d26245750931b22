//! `switchover credentials …`

use clap::Subcommand;
use jiff::Timestamp;
use proto::provisioning::v1::{
    CreateAppCredentialRequest, ListAppCredentialsRequest, RevokeAppCredentialRequest,
    RotateAppCredentialRequest,
};

use super::{Verb, pages, present};
use crate::{
    args::{CredentialArg, Paging, Time, VersionArgs},
    connect::{Service::Provisioning, Session},
    error::Error,
    show::{Screen, provisioning},
};

/// What to do with app credentials.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Issues client id and secret; the secret is shown once
    Create {
        /// For which one.
        #[command(flatten)]
        version: VersionArgs,
        /// From when on the pair is worthless, such as 2027-12-31T23:00:00Z [default: it has no end]
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
    },
    /// Lists a version's pairs, without their secrets
    #[command(visible_alias = "ls")]
    List {
        /// Which one.
        #[command(flatten)]
        version: VersionArgs,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Makes a new secret; the one before works for the overlap, and none before that
    Rotate {
        /// The pair's resource name, as list shows it
        credential: CredentialArg,
        /// How long the secret before works on [default: 1 day]
        #[arg(long, value_name = "TIME")]
        overlap: Option<Time>,
    },
    /// Makes a pair worthless, at once and for ever
    Revoke {
        /// The pair's resource name, as list shows it
        credential: CredentialArg,
    },
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Create { version, expires } => {
                let request = CreateAppCredentialRequest {
                    parent: version.name()?.to_string(),
                    request_id: session.request_id().to_string(),
                    expire_time: expires.map(contract::time::write),
                };
                let call = async { session.credentials().create_app_credential(request).await };
                let answer = session.ask(Provisioning, call).await?;
                let credential = present(session, answer.credential.clone())?;
                screen.answer(&answer, |view| {
                    provisioning::secret(&credential, &answer.client_secret, view)
                })
            }
            Self::List { version, paging } => {
                let mut request = ListAppCredentialsRequest {
                    parent: version.name()?.to_string(),
                    ..ListAppCredentialsRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Provisioning,
                    credentials.list_app_credentials(request),
                    credentials,
                    provisioning::credentials
                )
            }
            Self::Rotate {
                credential: CredentialArg(name),
                overlap,
            } => {
                let request = RotateAppCredentialRequest {
                    name: name.to_string(),
                    overlap: overlap.map(Time::wire),
                    request_id: session.request_id().to_string(),
                };
                let call = async { session.credentials().rotate_app_credential(request).await };
                let answer = session.ask(Provisioning, call).await?;
                let credential = present(session, answer.credential.clone())?;
                screen.answer(&answer, |view| {
                    provisioning::secret(&credential, &answer.client_secret, view)
                })
            }
            Self::Revoke {
                credential: CredentialArg(name),
            } => {
                let request = RevokeAppCredentialRequest {
                    name: name.to_string(),
                };
                let call = async { session.credentials().revoke_app_credential(request).await };
                let answer = session.ask(Provisioning, call).await?;
                let revoked = answer.credential.clone().into_iter().collect::<Vec<_>>();
                screen.answer(&answer, |view| provisioning::credentials(&revoked, view))
            }
        }
    }
}
