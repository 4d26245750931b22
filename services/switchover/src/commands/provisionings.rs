//! `switchover provisionings …`

use clap::Subcommand;
use proto::provisioning::v1::{
    AskAgainRequest, AskTenant, ConsentOnRecord, CreateProvisioningRequest,
    DecideProvisioningRequest, Decision, GetProvisioningRequest, ListProvisioningsRequest,
    RemoveProvisioningRequest, create_provisioning_request::Consent,
};

use super::{Verb, pages, present};
use crate::{
    args::{ApplicationArg, Paging, ProvisioningArgs, TenantApplicationArgs, TenantArg},
    connect::{Service::Provisioning, Session},
    error::Error,
    show::{Screen, provisioning},
};

/// What to do with provisionings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lets a tenant use an application; the tenant is asked by mail
    Create {
        /// Which one.
        #[command(flatten)]
        provisioning: ProvisioningArgs,
        /// The tenant has accepted in writing: where that is written down
        #[arg(long, value_name = "REFERENCE")]
        on_record: Option<String>,
    },
    /// Shows one provisioning
    Get(ProvisioningArgs),
    /// Lists provisionings
    #[command(visible_alias = "ls")]
    List {
        /// The tenant; all if left out
        #[arg(long)]
        tenant: Option<TenantArg>,
        /// The application; all if left out
        #[arg(long)]
        application: Option<ApplicationArg>,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Takes an application away from a tenant; its users are refused
    Remove {
        /// Which one.
        #[command(flatten)]
        which: TenantApplicationArgs,
        /// Why; the tenant reads it
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "TEXT"
        )]
        reason: String,
    },
    /// Denies a version for a tenant; its users cannot use the application while it is active
    Deny {
        /// Which one.
        #[command(flatten)]
        provisioning: ProvisioningArgs,
        /// Why, or on whose word
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "TEXT"
        )]
        reason: String,
    },
    /// Accepts a version for a tenant; its users are let in at once
    Accept {
        /// Which one.
        #[command(flatten)]
        provisioning: ProvisioningArgs,
        /// Why, or on whose word
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "TEXT"
        )]
        reason: String,
    },
    /// Asks the tenant again: a new link by mail, the one before is void
    AskAgain(ProvisioningArgs),
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Create {
                provisioning: which,
                on_record,
            } => {
                let name = which.name()?;
                let consent = match on_record {
                    None => Consent::Ask(AskTenant {}),
                    Some(reference) => Consent::OnRecord(ConsentOnRecord { reference }),
                };
                let version = contract::VersionRef {
                    application: name.application,
                    version: name.version,
                };
                let request = CreateProvisioningRequest {
                    tenant: contract::TenantRef::from(name.tenant).to_string(),
                    version: version.to_string(),
                    consent: Some(consent),
                };
                let call = async { session.provisionings().create_provisioning(request).await };
                let answer = session.ask(Provisioning, call).await?;
                let created = present(session, answer.provisioning.clone())?;
                screen.answer(&answer, |view| provisioning::provisioning(&created, view))
            }
            Self::Get(which) => {
                let name = which.name()?.to_string();
                let request = GetProvisioningRequest { name };
                let call = async { session.provisionings().get_provisioning(request).await };
                let answer = session.ask(Provisioning, call).await?;
                let found = present(session, answer.provisioning.clone())?;
                screen.answer(&answer, |view| provisioning::provisioning(&found, view))
            }
            Self::List {
                tenant,
                application,
                paging,
            } => {
                let all = || "tenants/-".to_owned();
                let mut request = ListProvisioningsRequest {
                    parent: tenant.map_or_else(all, |tenant| tenant.full()),
                    application: application.map(|named| named.full()).unwrap_or_default(),
                    ..ListProvisioningsRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Provisioning,
                    provisionings.list_provisionings(request),
                    provisionings,
                    provisioning::provisionings
                )
            }
            Self::Remove { which, reason } => {
                let request = RemoveProvisioningRequest {
                    tenant: which.tenant.full(),
                    application: which.application.full(),
                    reason,
                };
                let call = async { session.provisionings().remove_provisioning(request).await };
                let answer = session.ask(Provisioning, call).await?;
                screen.answer(&answer, |view| {
                    provisioning::provisionings(&answer.provisionings, view)
                })
            }
            Self::Deny {
                provisioning,
                reason,
            } => decide(provisioning, Decision::Deny, reason, session, screen).await,
            Self::Accept {
                provisioning,
                reason,
            } => decide(provisioning, Decision::Accept, reason, session, screen).await,
            Self::AskAgain(which) => {
                let name = which.name()?.to_string();
                let request = AskAgainRequest { name };
                let answer = session
                    .ask(Provisioning, session.consent().ask_again(request))
                    .await?;
                let asked = present(session, answer.provisioning.clone())?;
                screen.answer(&answer, |view| provisioning::provisioning(&asked, view))
            }
        }
    }
}

async fn decide(
    which: ProvisioningArgs,
    decision: Decision,
    reason: String,
    session: &Session,
    screen: &Screen,
) -> Result<(), Error> {
    let request = DecideProvisioningRequest {
        name: which.name()?.to_string(),
        decision: decision.into(),
        reason,
    };
    let answer = session
        .ask(Provisioning, session.consent().decide_provisioning(request))
        .await?;
    screen.answer(&answer, |view| provisioning::decided(&answer, view))
}
