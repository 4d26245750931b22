//! `switchover versions …`

use clap::{Args, Subcommand};
use prost_types::FieldMask;
use proto::catalog::v1::{
    AppCredentialsNeed, CancelTestRequest, CreateVersionRequest, DeleteVersionRequest,
    GetVersionRequest, HealthCheck, ListVersionsRequest, RegisterToTestRequest,
    RotateTesterTokenRequest, SwitchKind, UpdateVersionRequest, Version,
};

use super::{
    Verb,
    confirm::{self, Confirm},
    pages, present,
};
use crate::{
    args::{ApplicationArg, Paging, Reason, RoleArg, Statuses, Time, VersionArgs},
    connect::{Service::Catalog, Session},
    error::Error,
    show::{Screen, catalog, preview},
};

/// What to do with versions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Registers a release of an application; nobody reaches it yet
    Create(Create),
    /// Shows one version
    Get(VersionArgs),
    /// Lists versions, newest first
    #[command(visible_alias = "ls")]
    List {
        /// The application; all if left out
        application: Option<ApplicationArg>,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Changes what is given of a version that nobody reaches or has reached
    Update(Update),
    /// Deletes a version that nobody reaches or has reached
    Delete {
        /// Which one.
        #[command(flatten)]
        version: VersionArgs,
        /// Only while it still has this etag
        #[arg(long, default_value = "", hide_default_value = true)]
        etag: String,
    },
    /// Makes a version reachable for testers, and for nobody else; shows its token and its client
    /// secret once
    RegisterToTest {
        /// Which one.
        #[command(flatten)]
        version: VersionArgs,
        /// Writes the tester token and nothing else
        #[arg(long, conflicts_with = "json")]
        token_only: bool,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Ends the test of a version
    CancelTest {
        /// Which one.
        #[command(flatten)]
        version: VersionArgs,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Makes a new tester token; the one before is void
    RotateTesterToken {
        /// Which one.
        #[command(flatten)]
        version: VersionArgs,
        /// Writes the tester token and nothing else
        #[arg(long, conflicts_with = "json")]
        token_only: bool,
    },
    /// Shows what a switch to a version would do, and changes nothing
    Preview(VersionArgs),
    /// Switches every user of every tenant to a version in test
    ConfirmUpdate(Confirm),
    /// Switches every user of every tenant back to a version that was active before
    ConfirmReactivate(Confirm),
}

/// A new version.
#[derive(Debug, Args)]
pub struct Create {
    /// Which one.
    #[command(flatten)]
    version: VersionArgs,
    /// Where requests go: http(s)://host:port
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// Its facts.
    #[command(flatten)]
    facts: Facts,
}

/// Changes of a version.
#[derive(Debug, Args)]
pub struct Update {
    /// Which one.
    #[command(flatten)]
    version: VersionArgs,
    /// Where requests go: http(s)://host:port
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Its facts.
    #[command(flatten)]
    facts: Facts,
    /// It no longer needs app credentials
    #[arg(long, conflicts_with_all = ["needs_app_credentials", "scopes"])]
    no_app_credentials: bool,
    /// Only while it still has this etag
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
}

#[derive(Debug, Args)]
struct Facts {
    /// The path of its health check [default: /health]
    #[arg(long, value_name = "PATH")]
    health_path: Option<String>,
    /// Statuses that mean healthy, repeatable [default: 200-299]
    #[arg(long, value_name = "STATUSES")]
    health_status: Vec<Statuses>,
    /// How long the health check may take [default: 2s]
    #[arg(long, value_name = "TIME")]
    health_timeout: Option<Time>,
    /// A role that it brings, repeatable
    #[arg(long = "role", value_name = "NAME=MAY")]
    roles: Vec<RoleArg>,
    /// Its backend acts for tenants with client id and secret
    #[arg(long)]
    needs_app_credentials: bool,
    /// What it may do for a tenant, repeatable; it needs app credentials then
    #[arg(long = "app-credentials-scope", value_name = "SCOPE")]
    scopes: Vec<String>,
}

impl Facts {
    fn health(&self) -> Option<HealthCheck> {
        let health = HealthCheck {
            path: self.health_path.clone().unwrap_or_default(),
            expected_statuses: self
                .health_status
                .iter()
                .map(|range| range.wire())
                .collect(),
            timeout: self.health_timeout.map(Time::wire),
        };
        (health != HealthCheck::default()).then_some(health)
    }

    fn need(&self) -> Option<AppCredentialsNeed> {
        let needed = self.needs_app_credentials || !self.scopes.is_empty();
        needed.then(|| AppCredentialsNeed {
            scopes: self.scopes.clone(),
        })
    }

    fn version(self, name: String, upstream: String) -> Version {
        Version {
            name,
            upstream,
            health: self.health(),
            app_credentials: self.need(),
            roles: self.roles.into_iter().map(RoleArg::wire).collect(),
            ..Version::default()
        }
    }
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Create(create) => create.run(session, screen).await,
            Self::Get(version) => {
                let name = version.name()?.to_string();
                let request = GetVersionRequest { name };
                let answer = session
                    .ask(Catalog, session.applications().get_version(request))
                    .await?;
                let version = present(session, answer.version.clone())?;
                screen.answer(&answer, |view| catalog::version(&version, view))
            }
            Self::List {
                application,
                paging,
            } => {
                let all = || "applications/-".to_owned();
                let mut request = ListVersionsRequest {
                    parent: application.map_or_else(all, |application| application.full()),
                    ..ListVersionsRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Catalog,
                    applications.list_versions(request),
                    versions,
                    catalog::versions
                )
            }
            Self::Update(update) => update.run(session, screen).await,
            Self::Delete { version, etag } => {
                let version = version.name()?;
                let request = DeleteVersionRequest {
                    name: version.to_string(),
                    etag,
                };
                let answer = session
                    .ask(Catalog, session.applications().delete_version(request))
                    .await?;
                let (application, version) = (version.application, version.version);
                screen.answer(&answer, |_| {
                    format!("{application} {version} is deleted.\n")
                })
            }
            Self::RegisterToTest {
                version,
                token_only,
                reason: Reason { reason },
            } => {
                let version = version.name()?.to_string();
                let request = RegisterToTestRequest { version, reason };
                let answer = session
                    .ask(Catalog, session.switches().register_to_test(request))
                    .await?;
                if token_only {
                    if let Some(said) = catalog::pair_not_shown(&answer, &screen.view()) {
                        screen.aside(&said)?;
                    }
                    return screen.text(&format!("{}\n", answer.tester_token));
                }
                screen.answer(&answer, |view| catalog::registered(&answer, view))
            }
            Self::CancelTest {
                version,
                reason: Reason { reason },
            } => {
                let version = version.name()?.to_string();
                let request = CancelTestRequest { version, reason };
                let answer = session
                    .ask(Catalog, session.switches().cancel_test(request))
                    .await?;
                let version = present(session, answer.version.clone())?;
                screen.answer(&answer, |view| catalog::version(&version, view))
            }
            Self::RotateTesterToken {
                version,
                token_only,
            } => {
                let version = version.name()?.to_string();
                let request = RotateTesterTokenRequest { version };
                let answer = session
                    .ask(Catalog, session.switches().rotate_tester_token(request))
                    .await?;
                if token_only {
                    return screen.text(&format!("{}\n", answer.tester_token));
                }
                screen.answer(&answer, |view| {
                    catalog::tester_token(&answer.tester_token, view)
                })
            }
            Self::Preview(version) => {
                let answer = confirm::preview(&version.name()?, session).await?;
                screen.answer(&answer, |view| preview::people(&answer, view))
            }
            Self::ConfirmUpdate(confirm) => confirm.run(SwitchKind::Update, session, screen).await,
            Self::ConfirmReactivate(confirm) => {
                confirm.run(SwitchKind::Reactivate, session, screen).await
            }
        }
    }
}

impl Create {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let name = self.version.name()?;
        let request = CreateVersionRequest {
            parent: contract::ApplicationRef::from(name.application).to_string(),
            version_id: name.version.to_string(),
            version: Some(self.facts.version(String::new(), self.upstream)),
            request_id: session.request_id().to_string(),
        };
        let answer = session
            .ask(Catalog, session.applications().create_version(request))
            .await?;
        let version = present(session, answer.version.clone())?;
        screen.answer(&answer, |view| catalog::version(&version, view))
    }
}

impl Update {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let mut paths = Vec::new();
        for (given, path) in [
            (self.upstream.is_some(), "upstream"),
            (self.facts.health().is_some(), "health"),
            (!self.facts.roles.is_empty(), "roles"),
            (
                self.facts.need().is_some() || self.no_app_credentials,
                "app_credentials",
            ),
        ] {
            if given {
                paths.push(path.to_owned());
            }
        }
        if paths.is_empty() {
            let hint = "Give at least one option, such as --upstream.".to_owned();
            return Err(Error::usage("Nothing is to be changed.", Some(hint)));
        }
        let name = self.version.name()?.to_string();
        let request = UpdateVersionRequest {
            version: Some(self.facts.version(name, self.upstream.unwrap_or_default())),
            update_mask: Some(FieldMask { paths }),
            etag: self.etag,
        };
        let answer = session
            .ask(Catalog, session.applications().update_version(request))
            .await?;
        let version = present(session, answer.version.clone())?;
        screen.answer(&answer, |view| catalog::version(&version, view))
    }
}
