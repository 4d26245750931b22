//! `switchover provisionings …`

use clap::{Args, Subcommand, ValueEnum};
use contract::{VersionName, VersionRef};
use proto::provisioning::v1::{
    AskAgainRequest, AskTenant, ConsentOnRecord, CreateProvisioningRequest,
    DecideProvisioningRequest, Decision, GetProvisioningRequest, ListOfferVisitsRequest,
    ListProvisioningHistoryRequest, ListProvisioningsRequest, ProvisioningState,
    RemoveProvisioningRequest, WatchProvisioningsRequest, create_provisioning_request::Consent,
};

use super::{
    Verb,
    again::{Again, Patience},
    bulk, pages, present,
};
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
        /// Which.
        #[command(flatten)]
        which: Which,
        /// Goes on to show each change as it comes, until interrupted
        #[arg(long, conflicts_with_all = ["page_size", "page_token", "all"])]
        watch: bool,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Shows what has happened to a provisioning, newest first: who or what, when and why
    History {
        /// Which one.
        #[command(flatten)]
        provisioning: ProvisioningArgs,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Shows each change as it comes, until interrupted
    Watch {
        /// Which.
        #[command(flatten)]
        which: Which,
        /// Only what has happened since this position, without how things stand
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "POSITION"
        )]
        after: String,
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
    /// Lets the tenants of a file use a version: creates them, asks them, gives back what was taken away
    AddMany(bulk::Add),
    /// Takes an application away from the tenants of a file; their users are refused
    RemoveMany(bulk::Remove),
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
    /// Shows visits of its links that look like a scanner's: they decide nothing
    Visits(ProvisioningArgs),
    /// Asks the tenant again: a new link by mail, the one before is void
    AskAgain(ProvisioningArgs),
}

/// Which provisionings are meant.
#[derive(Debug, Args)]
pub struct Which {
    /// The tenant; all if left out
    #[arg(long)]
    tenant: Option<TenantArg>,
    /// The application; all if left out
    #[arg(long)]
    application: Option<ApplicationArg>,
    /// The version of the application
    #[arg(long, requires = "application")]
    version: Option<VersionName>,
    /// Only those that stand so, repeatable
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<StateArg>,
}

impl Which {
    /// Returns the request to follow them.
    fn watch(self, after: String) -> Result<WatchProvisioningsRequest, Error> {
        let of_application = |version| match &self.application {
            Some(ApplicationArg(application)) => Ok(VersionRef {
                application: application.clone(),
                version,
            }
            .to_string()),
            None => Err(Error::usage("Name the application of the version.", None)),
        };
        Ok(WatchProvisioningsRequest {
            parent: match &self.tenant {
                Some(tenant) => tenant.full(),
                None => "tenants/-".to_owned(),
            },
            application: self
                .application
                .as_ref()
                .map(ApplicationArg::full)
                .unwrap_or_default(),
            version: self
                .version
                .clone()
                .map(of_application)
                .transpose()?
                .unwrap_or_default(),
            states: self
                .states
                .iter()
                .map(|state| ProvisioningState::from(*state).into())
                .collect(),
            after,
        })
    }
}

/// A state of a provisioning.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum StateArg {
    /// The mail that asks the tenant is not on its way yet
    Requested,
    /// The tenant was asked, and has not accepted
    PendingAcceptance,
    /// Its users are to be let in, and not every gateway knows yet
    Provisioning,
    /// Its users are let in while the version is active
    Provisioned,
    /// The tenant has denied the version
    Denied,
    /// It could not be done
    Failed,
    /// Its users are to be refused, and not every gateway knows yet
    Deprovisioning,
    /// Taken away
    Removed,
}

impl From<StateArg> for ProvisioningState {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Requested => Self::Requested,
            StateArg::PendingAcceptance => Self::PendingAcceptance,
            StateArg::Provisioning => Self::Provisioning,
            StateArg::Provisioned => Self::Provisioned,
            StateArg::Denied => Self::Denied,
            StateArg::Failed => Self::Failed,
            StateArg::Deprovisioning => Self::Deprovisioning,
            StateArg::Removed => Self::Removed,
        }
    }
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
                which, watch: true, ..
            } => follow(which.watch(String::new())?, session, screen).await,
            Self::Watch { which, after } => follow(which.watch(after)?, session, screen).await,
            Self::History {
                provisioning: which,
                paging,
            } => {
                let mut request = ListProvisioningHistoryRequest {
                    name: which.name()?.to_string(),
                    ..ListProvisioningHistoryRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Provisioning,
                    provisionings.list_provisioning_history(request),
                    changes,
                    provisioning::history
                )
            }
            Self::List {
                which,
                watch: false,
                paging,
            } => {
                let asked = which.watch(String::new())?;
                let mut request = ListProvisioningsRequest {
                    parent: asked.parent,
                    application: asked.application,
                    version: asked.version,
                    states: asked.states,
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
            Self::AddMany(add) => add.run(session, screen).await,
            Self::RemoveMany(remove) => remove.run(session, screen).await,
            Self::Deny {
                provisioning,
                reason,
            } => decide(provisioning, Decision::Deny, reason, session, screen).await,
            Self::Accept {
                provisioning,
                reason,
            } => decide(provisioning, Decision::Accept, reason, session, screen).await,
            Self::Visits(which) => {
                let name = which.name()?.to_string();
                let request = ListOfferVisitsRequest { name };
                let call = async { session.consent().list_offer_visits(request).await };
                let answer = session.ask(Provisioning, call).await?;
                screen.answer(&answer, |view| provisioning::visits(&answer.visits, view))
            }
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

/// Shows what there is and then what comes, over interruptions and without gaps, until it is refused.
async fn follow(
    mut request: WatchProvisioningsRequest,
    session: &Session,
    screen: &Screen,
) -> Result<(), Error> {
    let mut again = Again::new(Patience::OnceLetIn, Again::PAUSE_FIRST);
    loop {
        let watch = session.provisionings();
        let opened = session
            .wait(Provisioning, {
                let (mut watch, request) = (watch, request.clone());
                async move { watch.watch_provisionings(request).await }
            })
            .await;
        let broken = match opened {
            Err(error) => error,
            Ok(mut stream) => loop {
                match stream.message().await {
                    Err(status) => break session.fail(Provisioning, &status),
                    Ok(None) => {
                        let status = tonic::Status::unavailable("the stream ended");
                        break session.fail(Provisioning, &status);
                    }
                    Ok(Some(answer)) => {
                        again.brought();
                        let present = !answer.provisionings.is_empty();
                        if !answer.position.is_empty() {
                            request.after.clone_from(&answer.position);
                        }
                        screen.answer(&answer, |view| {
                            let mut text = String::new();
                            if present {
                                text.push_str(&provisioning::provisionings(
                                    &answer.provisionings,
                                    view,
                                ));
                            }
                            for change in &answer.changes {
                                text.push_str(&provisioning::change_line(change, view));
                            }
                            text
                        })?;
                    }
                }
            },
        };
        again.wait(broken).await?;
    }
}
