//! `switchover apps …`

mod life;
mod login;
mod notice;
mod traffic;

use clap::{Args, Subcommand, ValueEnum};
use contract::ApplicationName;
use prost_types::FieldMask;
use proto::catalog::v1::{
    Application, ApprovalPolicy, CreateApplicationRequest, DeleteApplicationRequest, FleetMode,
    GetApplicationRequest, GetSettingsRequest, ListApplicationsRequest, ListHistoryRequest,
    SwitchPolicy, TenantFailurePolicy, UpdateApplicationRequest,
};

use super::{Verb, pages, present};
use crate::{
    args::{ApplicationArg, Icon, Paging, Time},
    connect::{Service::Catalog, Session},
    error::Error,
    show::{Screen, catalog, proposals},
};

/// What to do with applications.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Creates an application
    Create(Create),
    /// Shows one application
    Get {
        /// The application
        application: ApplicationArg,
    },
    /// Lists applications
    #[command(visible_alias = "ls")]
    List(Paging),
    /// Changes what is given, and nothing else
    Update(Update),
    /// Deletes an application that never had an active version
    Delete {
        /// The application
        application: ApplicationArg,
        /// Only while it still has this etag
        #[arg(long, default_value = "", hide_default_value = true)]
        etag: String,
    },
    /// Shows the settings in force: the roles of the active version
    Settings {
        /// The application
        application: ApplicationArg,
    },
    /// Shows who did what to its versions, newest first
    History {
        /// The application
        application: ApplicationArg,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Shows what users were answered over time, by version
    Traffic(traffic::Traffic),
}

/// A new application.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name: 1 to 20 lower-case letters and digits; part of host names, never changes
    application: ApplicationName,
    /// What people call it; its name if left out
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Its facts.
    #[command(flatten)]
    facts: Facts,
}

/// Changes of an application.
#[derive(Debug, Args)]
pub struct Update {
    /// The application
    application: ApplicationArg,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Its facts.
    #[command(flatten)]
    facts: Facts,
    /// Only while it still has this etag
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
}

#[derive(Debug, Args)]
struct Facts {
    /// What it is for
    #[arg(long = "abstract", value_name = "TEXT")]
    summary: Option<String>,
    /// A picture of at most 64 KiB, .png or .svg
    #[arg(long, value_name = "FILE")]
    icon: Option<Icon>,
    /// How long gateways may take to get ready
    #[arg(long, value_name = "TIME")]
    prepare_timeout: Option<Time>,
    /// How long requests may be held before a switch is given up
    #[arg(long, value_name = "TIME")]
    hold_timeout: Option<Time>,
    /// How long requests may go on on the version that left
    #[arg(long, value_name = "TIME")]
    drain_timeout: Option<Time>,
    /// What becomes of a gateway that is not heard; fixed from the first activation on
    #[arg(long, value_name = "MODE")]
    fleet_mode: Option<FleetModeArg>,
    /// In fleet mode fenced: how long a gateway may serve after it last reached the catalog
    #[arg(long, value_name = "TIME")]
    lease: Option<Time>,
    /// What a tenant that cannot be moved means for a switch
    #[arg(long, value_name = "POLICY")]
    tenant_failures: Option<TenantFailures>,
    /// Whether a switch needs a second person; turning that off needs one, too
    #[arg(long, value_name = "POLICY")]
    approval: Option<ApprovalArg>,
    /// How versions follow each other.
    #[command(flatten)]
    life: life::Life,
    /// What tenants that deny mean for a switch.
    #[command(flatten)]
    notice: notice::Notice,
    /// Whether users must sign in.
    #[command(flatten)]
    login: login::Login,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TenantFailures {
    /// It is given up; nobody noticed anything
    Stop,
    /// It goes on without them
    GoOn,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ApprovalArg {
    /// Whoever confirms a switch begins it
    NotRequired,
    /// What one person proposes another one approves
    SecondPerson,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FleetModeArg {
    /// It serves what it knew last; switches wait for it until it is evicted
    Static,
    /// It stops to serve once its lease has run out; switches go on without it
    Fenced,
}

impl Facts {
    /// Tells whether anything of the policy is said.
    fn says_policy(&self) -> bool {
        self.life.is_given() || self.notice.is_given() || self.policy().is_some()
    }

    fn policy(&self) -> Option<SwitchPolicy> {
        let failures = match self.tenant_failures {
            None => TenantFailurePolicy::Unspecified,
            Some(TenantFailures::Stop) => TenantFailurePolicy::Stop,
            Some(TenantFailures::GoOn) => TenantFailurePolicy::GoOn,
        };
        let policy = SwitchPolicy {
            prepare_timeout: self.prepare_timeout.map(Time::wire),
            hold_timeout: self.hold_timeout.map(Time::wire),
            drain_timeout: self.drain_timeout.map(Time::wire),
            tenant_failures: failures.into(),
            fleet_mode: match self.fleet_mode {
                None => FleetMode::Unspecified,
                Some(FleetModeArg::Static) => FleetMode::Static,
                Some(FleetModeArg::Fenced) => FleetMode::Fenced,
            }
            .into(),
            lease: self.lease.map(Time::wire),
            ..SwitchPolicy::default()
        };
        (policy != SwitchPolicy::default()).then_some(policy)
    }

    fn onto(self, mut application: Application) -> Result<Application, Error> {
        if self.says_policy() {
            let mut policy = self.policy().unwrap_or_default();
            self.life.onto(&mut policy);
            self.notice.onto(&mut policy);
            application.policy = Some(policy);
        }
        application.approval = match self.approval {
            None => ApprovalPolicy::Unspecified,
            Some(ApprovalArg::NotRequired) => ApprovalPolicy::NotRequired,
            Some(ApprovalArg::SecondPerson) => ApprovalPolicy::SecondPerson,
        }
        .into();
        application.login = self.login.onto(application.login).map_err(|why| {
            Error::usage(
                why,
                Some("Leave --login-rule out, or require a login.".to_owned()),
            )
        })?;
        application.icon = self.icon.map(|icon| icon.load()).transpose()?;
        application.r#abstract = self.summary.unwrap_or_default();
        Ok(application)
    }
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Create(create) => Box::pin(create.run(session, screen)).await,
            Self::Get { application } => {
                let request = GetApplicationRequest {
                    name: application.full(),
                };
                let answer = session
                    .ask(Catalog, session.applications().get_application(request))
                    .await?;
                let application = present(session, answer.application.clone())?;
                screen.answer(&answer, |view| catalog::application(&application, view))
            }
            Self::List(paging) => {
                let mut request = ListApplicationsRequest::default();
                pages!(
                    session,
                    screen,
                    paging,
                    Catalog,
                    applications.list_applications(request),
                    applications,
                    catalog::applications
                )
            }
            Self::Update(update) => Box::pin(update.run(session, screen)).await,
            Self::Delete { application, etag } => {
                let request = DeleteApplicationRequest {
                    name: application.full(),
                    etag,
                };
                let answer = session
                    .ask(Catalog, session.applications().delete_application(request))
                    .await?;
                screen.answer(&answer, |_| {
                    format!("{application} is deleted, with its versions.\n")
                })
            }
            Self::Settings { application } => {
                let request = GetSettingsRequest {
                    application: application.full(),
                };
                let answer = session
                    .ask(Catalog, session.applications().get_settings(request))
                    .await?;
                let name = application.to_string();
                screen.answer(&answer, |view| catalog::settings(&name, &answer, view))
            }
            Self::History {
                application,
                paging,
            } => {
                let mut request = ListHistoryRequest {
                    parent: application.full(),
                    ..ListHistoryRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Catalog,
                    switches.list_history(request),
                    entries,
                    catalog::history
                )
            }
            Self::Traffic(traffic) => Box::pin(traffic.run(session, screen)).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let application = Application {
            display_name: self
                .display_name
                .unwrap_or_else(|| self.application.to_string()),
            ..Application::default()
        };
        let request = CreateApplicationRequest {
            application_id: self.application.to_string(),
            application: Some(self.facts.onto(application)?),
            request_id: session.request_id().to_string(),
        };
        let answer = session
            .ask(
                Catalog,
                Box::pin(session.applications().create_application(request)),
            )
            .await?;
        let application = present(session, answer.application.clone())?;
        screen.answer(&answer, |view| catalog::application(&application, view))
    }
}

impl Update {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let mut paths = Vec::new();
        for (given, path) in [
            (self.display_name.is_some(), "display_name"),
            (self.facts.summary.is_some(), "abstract"),
            (self.facts.icon.is_some(), "icon"),
            (self.facts.says_policy(), "policy"),
            (self.facts.approval.is_some(), "approval"),
            (self.facts.login.is_given(), "login"),
        ] {
            if given {
                paths.push(path.to_owned());
            }
        }
        if paths.is_empty() {
            let hint = "Give at least one option, such as --display-name.".to_owned();
            return Err(Error::usage("Nothing is to be changed.", Some(hint)));
        }
        let name = self.application.full();
        // Of a policy and a login, what is not given stays as it is.
        let before = match self.facts.says_policy() || self.facts.login.is_given() {
            false => Application::default(),
            true => {
                let request = GetApplicationRequest { name: name.clone() };
                let answer = session
                    .ask(Catalog, session.applications().get_application(request))
                    .await?;
                answer.application.unwrap_or_default()
            }
        };
        let policy = self.facts.says_policy().then(|| {
            let changes = self.facts.policy().unwrap_or_default();
            let mut policy = merged(before.policy.unwrap_or_default(), &changes);
            self.facts.life.onto(&mut policy);
            self.facts.notice.onto(&mut policy);
            policy
        });
        let application = Application {
            name,
            display_name: self.display_name.unwrap_or_default(),
            login: before.login,
            ..Application::default()
        };
        let request = UpdateApplicationRequest {
            application: Some(Application {
                policy,
                ..self.facts.onto(application)?
            }),
            update_mask: Some(FieldMask { paths }),
            etag: self.etag,
        };
        let answer = session
            .ask(
                Catalog,
                Box::pin(session.applications().update_application(request)),
            )
            .await?;
        if let Some(proposal) = &answer.proposal {
            return screen.answer(&answer, |view| proposals::proposal(proposal, view));
        }
        let application = present(session, answer.application.clone())?;
        screen.answer(&answer, |view| catalog::application(&application, view))
    }
}

fn merged(present: SwitchPolicy, changes: &SwitchPolicy) -> SwitchPolicy {
    let failures = match changes.tenant_failures() {
        TenantFailurePolicy::Unspecified => present.tenant_failures(),
        given @ (TenantFailurePolicy::Stop | TenantFailurePolicy::GoOn) => given,
    };
    let fleet_mode = match changes.fleet_mode() {
        FleetMode::Unspecified => present.fleet_mode(),
        given @ (FleetMode::Static | FleetMode::Fenced) => given,
    };
    SwitchPolicy {
        fleet_mode: fleet_mode.into(),
        lease: changes.lease.or(present.lease),
        prepare_timeout: changes.prepare_timeout.or(present.prepare_timeout),
        hold_timeout: changes.hold_timeout.or(present.hold_timeout),
        drain_timeout: changes.drain_timeout.or(present.drain_timeout),
        tenant_failures: failures.into(),
        ..present
    }
}
