//! Confirming a switch: read what is there, show what will happen, ask, and only then begin it for
//! exactly what was shown.

use clap::Args;
use contract::{ApplicationRef, VersionRef};
use proto::{
    catalog::v1::{
        ConfirmReactivateRequest, ConfirmReactivateResponse, ConfirmUpdateRequest,
        ConfirmUpdateResponse, GetApplicationRequest, GetVersionRequest, SwitchKind, Version,
    },
    provisioning::v1::{ListProvisioningsRequest, ProvisioningState},
};

use super::{follow, present};
use crate::{
    args::VersionArgs,
    connect::{
        Service::{Catalog, Provisioning},
        Session,
    },
    error::Error,
    show::{Screen, catalog, preview::Preview},
};

/// Which switch to confirm, and how.
#[derive(Debug, Args)]
pub struct Confirm {
    /// The version to make the active one.
    #[command(flatten)]
    version: VersionArgs,
    /// Begins without asking
    #[arg(long, short)]
    yes: bool,
    /// Follows the switch to its end
    #[arg(long, short)]
    wait: bool,
    /// Why, for the history
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    reason: String,
    /// Only while the application still has this etag; without it, the one that is shown
    #[arg(long)]
    etag: Option<String>,
}

impl Confirm {
    /// Confirms a switch of this kind.
    pub async fn run(
        self,
        kind: SwitchKind,
        session: &Session,
        screen: &Screen,
    ) -> Result<(), Error> {
        let version = self.version.name()?;
        if !self.yes && !screen.can_ask() {
            let hint = "Add --yes to begin without being asked.".to_owned();
            let message = "Nobody can be asked here whether to begin the switch.";
            return Err(Error::usage(message, Some(hint)));
        }
        let etag = match (self.etag, self.yes) {
            (Some(etag), true) => etag,
            (given, yes) => {
                let preview = preview(kind, &version, session).await?;
                screen.aside(&preview.people(&screen.view()))?;
                if !yes && !screen.ask("Begin the switch?")? {
                    return Err(Error::Declined);
                }
                given.unwrap_or(preview.application.etag)
            }
        };
        let (version, reason) = (version.to_string(), self.reason);
        let request_id = session.request_id().to_string();
        match kind {
            SwitchKind::Reactivate => {
                let request = ConfirmReactivateRequest {
                    version,
                    request_id,
                    reason,
                    etag,
                };
                let call = async { session.switches().confirm_reactivate(request).await };
                let answer: ConfirmReactivateResponse = session.ask(Catalog, call).await?;
                let switch = present(session, answer.switch.clone())?;
                if self.wait {
                    return follow::to_the_end(&switch.name, session, screen).await;
                }
                screen.answer(&answer, |view| catalog::begun(&switch, view))
            }
            SwitchKind::Update | SwitchKind::Unspecified => {
                let request = ConfirmUpdateRequest {
                    version,
                    request_id,
                    reason,
                    etag,
                };
                let call = async { session.switches().confirm_update(request).await };
                let answer: ConfirmUpdateResponse = session.ask(Catalog, call).await?;
                let switch = present(session, answer.switch.clone())?;
                if self.wait {
                    return follow::to_the_end(&switch.name, session, screen).await;
                }
                screen.answer(&answer, |view| catalog::begun(&switch, view))
            }
        }
    }
}

/// Reads what a switch would be about.
async fn preview(
    kind: SwitchKind,
    target: &VersionRef,
    session: &Session,
) -> Result<Preview, Error> {
    let parent = ApplicationRef::from(target.application.clone()).to_string();
    let request = GetApplicationRequest {
        name: parent.clone(),
    };
    let application = session
        .ask(Catalog, session.applications().get_application(request))
        .await?;
    let application = present(session, application.application)?;
    let source = match application.active_version.as_str() {
        "" => None,
        active => Some(version(active.to_owned(), session).await?),
    };
    Ok(Preview {
        kind,
        target: version(target.to_string(), session).await?,
        tenants: tenants(&parent, &application.active_version, target, session).await?,
        application,
        source,
    })
}

async fn version(name: String, session: &Session) -> Result<Version, Error> {
    let request = GetVersionRequest { name };
    let answer = session
        .ask(Catalog, session.applications().get_version(request))
        .await?;
    present(session, answer.version)
}

/// Tells whether a tenant whose provisioning stands there is part of a switch: what it has decided
/// about one version says nothing of another.
fn moves_along(state: ProvisioningState) -> bool {
    match state {
        ProvisioningState::Requested
        | ProvisioningState::PendingAcceptance
        | ProvisioningState::Provisioning
        | ProvisioningState::Provisioned
        | ProvisioningState::Denied => true,
        ProvisioningState::Unspecified
        | ProvisioningState::Failed
        | ProvisioningState::Deprovisioning
        | ProvisioningState::Removed => false,
    }
}

/// Counts the tenants that a switch would move: those with the active version, or, before the first
/// activation, with the target.
async fn tenants(
    application: &str,
    active: &str,
    target: &VersionRef,
    session: &Session,
) -> Result<i64, Error> {
    let target = target.to_string();
    let source = if active.is_empty() { &target } else { active };
    let source = source.rsplit('/').next().unwrap_or_default();
    let mut request = ListProvisioningsRequest {
        parent: "tenants/-".to_owned(),
        application: application.to_owned(),
        page_size: 1000,
        ..ListProvisioningsRequest::default()
    };
    let mut counted = 0;
    loop {
        let answer = session
            .ask(
                Provisioning,
                session.provisionings().list_provisionings(request.clone()),
            )
            .await?;
        let moved = answer.provisionings.iter().filter(|provisioning| {
            moves_along(provisioning.state())
                && provisioning.name.rsplit('/').next() == Some(source)
        });
        counted += i64::try_from(moved.count()).unwrap_or(i64::MAX);
        if answer.next_page_token.is_empty() {
            return Ok(counted);
        }
        request.page_token = answer.next_page_token;
    }
}
