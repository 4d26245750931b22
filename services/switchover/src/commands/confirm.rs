//! Confirming a switch: read what is there, show what will happen, ask, and only then begin it for
//! exactly what was shown.

use clap::Args;
use contract::VersionRef;
use proto::catalog::v1::{
    ConfirmReactivateRequest, ConfirmReactivateResponse, ConfirmUpdateRequest,
    ConfirmUpdateResponse, PreviewSwitchRequest, PreviewSwitchResponse, SwitchKind,
};

use super::{follow, present};
use crate::{
    args::{Reason, VersionArgs},
    connect::{Service::Catalog, Session},
    error::Error,
    show::{Screen, catalog, preview, proposals},
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
    /// Why.
    #[command(flatten)]
    reason: Reason,
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
                let preview = preview(&version, session).await?;
                screen.aside(&preview::people(&preview, &screen.view()))?;
                if !yes && !screen.ask("Begin the switch?")? {
                    return Err(Error::Declined);
                }
                given.unwrap_or(preview.etag)
            }
        };
        let (version, reason) = (version.to_string(), self.reason.reason);
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
                if let Some(proposal) = &answer.proposal {
                    return screen.answer(&answer, |view| proposals::proposal(proposal, view));
                }
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
                if let Some(proposal) = &answer.proposal {
                    return screen.answer(&answer, |view| proposals::proposal(proposal, view));
                }
                let switch = present(session, answer.switch.clone())?;
                if self.wait {
                    return follow::to_the_end(&switch.name, session, screen).await;
                }
                screen.answer(&answer, |view| catalog::begun(&switch, view))
            }
        }
    }
}

/// Asks what a switch would do.
pub(super) async fn preview(
    version: &VersionRef,
    session: &Session,
) -> Result<PreviewSwitchResponse, Error> {
    let request = PreviewSwitchRequest {
        version: version.to_string(),
    };
    session
        .ask(Catalog, session.switches().preview_switch(request))
        .await
}
