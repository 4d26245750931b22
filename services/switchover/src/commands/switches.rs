//! `switchover switches …`

mod receipt;

use std::time::Duration;

use clap::Subcommand;
use contract::{ApplicationRef, Problem};
use proto::catalog::v1::{
    CancelSwitchRequest, CutDrainRequest, ExtendDrainRequest, GetSwitchRequest,
    ListSwitchesRequest, WaitSwitchRequest,
};

use super::{Verb, follow, pages, present};
use crate::{
    args::{ApplicationArg, Paging, Reason, SwitchArgs, SwitchChoice, Time},
    connect::{Service::Catalog, Session},
    error::Error,
    show::{Screen, catalog, progress},
};

/// The longest that the service waits in one call.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// What to do with switches.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists switches, newest first
    #[command(visible_alias = "ls")]
    List {
        /// The application; all if left out
        application: Option<ApplicationArg>,
        /// Only those that have not ended
        #[arg(long)]
        open: bool,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Shows one switch: its steps, tenants and gateways
    Get(SwitchArgs),
    /// Follows a switch to its end
    Watch(SwitchArgs),
    /// Waits for the end of a switch
    Wait {
        /// Which one.
        #[command(flatten)]
        switch: SwitchArgs,
        /// How long at most
        #[arg(long, default_value = "10m", value_name = "TIME")]
        timeout: Time,
    },
    /// Lets requests under way go on for longer on the version that left
    ExtendDrain {
        /// Which one.
        #[command(flatten)]
        switch: SwitchArgs,
        /// How much longer, 24h at most
        #[arg(long, value_name = "TIME")]
        by: Time,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Cuts what is still under way on the version that left, now
    CutDrain {
        /// Which one.
        #[command(flatten)]
        switch: SwitchArgs,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Shows the signed receipt of a switch that has ended
    Receipt(receipt::Get),
    /// Checks receipts and that none is missing between them, without asking a service
    VerifyReceipts(receipt::Verify),
    /// Gives up a switch that is not committed; nobody noticed anything
    Cancel {
        /// Which one.
        #[command(flatten)]
        switch: SwitchArgs,
        /// Why.
        #[command(flatten)]
        reason: Reason,
        /// Follows it to its end
        #[arg(long, short)]
        wait: bool,
    },
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::List {
                application,
                open,
                paging,
            } => {
                let all = || "applications/-".to_owned();
                let mut request = ListSwitchesRequest {
                    parent: application.map_or_else(all, |application| application.full()),
                    open_only: open,
                    ..ListSwitchesRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Catalog,
                    switches.list_switches(request),
                    switches,
                    catalog::switches
                )
            }
            Self::Get(switch) => {
                let request = GetSwitchRequest {
                    name: name(&switch, session).await?,
                };
                let answer = session
                    .ask(Catalog, session.switches().get_switch(request))
                    .await?;
                let switch = present(session, answer.switch.clone())?;
                screen.answer(&answer, |view| progress::whole(&switch, view))
            }
            Self::Watch(switch) => {
                let name = name(&switch, session).await?;
                follow::to_the_end(&name, session, screen).await
            }
            Self::Wait { switch, timeout } => {
                let name = name(&switch, session).await?;
                wait(name, timeout.0, session, screen).await
            }
            Self::ExtendDrain {
                switch,
                by,
                reason: Reason { reason },
            } => {
                let request = ExtendDrainRequest {
                    name: name(&switch, session).await?,
                    by: Some(by.wire()),
                    reason,
                };
                let answer = session
                    .ask(Catalog, session.switches().extend_drain(request))
                    .await?;
                let switch = present(session, answer.switch.clone())?;
                screen.answer(&answer, |view| progress::whole(&switch, view))
            }
            Self::CutDrain {
                switch,
                reason: Reason { reason },
            } => {
                let request = CutDrainRequest {
                    name: name(&switch, session).await?,
                    reason,
                };
                let answer = session
                    .ask(Catalog, session.switches().cut_drain(request))
                    .await?;
                let switch = present(session, answer.switch.clone())?;
                screen.answer(&answer, |view| progress::whole(&switch, view))
            }
            Self::Receipt(get) => get.run(session, screen).await,
            Self::VerifyReceipts(verify) => verify.run(screen),
            Self::Cancel {
                switch,
                reason: Reason { reason },
                wait,
            } => {
                let name = name(&switch, session).await?;
                let request = CancelSwitchRequest {
                    name: name.clone(),
                    reason,
                };
                let answer = session
                    .ask(Catalog, session.switches().cancel_switch(request))
                    .await?;
                if wait {
                    // It ends without success: that is what was asked for.
                    return match follow::to_the_end(&name, session, screen).await {
                        Err(Error::SwitchGivenUp) => Ok(()),
                        other => other,
                    };
                }
                let switch = present(session, answer.switch.clone())?;
                screen.answer(&answer, |view| progress::whole(&switch, view))
            }
        }
    }
}

/// Returns the resource name of the switch that is meant.
async fn name(switch: &SwitchArgs, session: &Session) -> Result<String, Error> {
    match switch.choice()? {
        SwitchChoice::Named(name) => Ok(name.to_string()),
        SwitchChoice::Newest(application) => {
            let parent = ApplicationRef::from(application.clone()).to_string();
            let request = ListSwitchesRequest {
                parent: parent.clone(),
                page_size: 1,
                ..ListSwitchesRequest::default()
            };
            let answer = session
                .ask(Catalog, session.switches().list_switches(request))
                .await?;
            let newest = answer.switches.into_iter().next();
            newest
                .map(|switch| switch.name)
                .ok_or_else(|| Error::Service {
                    problem: Problem::not_found(format!("{parent}/switches"))
                        .next(format!("{application} has not been switched yet.")),
                    request_id: session.request_id().clone(),
                })
        }
    }
}

/// Waits in calls of the longest time that the service takes, until the end or the time is up.
async fn wait(
    name: String,
    timeout: Duration,
    session: &Session,
    screen: &Screen,
) -> Result<(), Error> {
    let mut left = timeout;
    loop {
        let turn = left.min(WAIT_MAX);
        let request = WaitSwitchRequest {
            name: name.clone(),
            timeout: Some(Time(turn).wire()),
        };
        let answer = session
            .wait(Catalog, session.switches().wait_switch(request))
            .await?;
        let switch = present(session, answer.switch.clone())?;
        left -= turn;
        let ended = progress::ended(&switch);
        if ended || left.is_zero() {
            screen.answer(&answer, |view| progress::whole(&switch, view))?;
            if !ended {
                let text = "The switch has not ended within the time given.";
                let problem = Problem::deadline_exceeded(contract::reason::DEADLINE_EXCEEDED, text)
                    .next("It goes on by itself: switchover switches watch");
                let request_id = session.request_id().clone();
                return Err(Error::Service {
                    problem,
                    request_id,
                });
            }
            return follow::outcome(&switch);
        }
    }
}
