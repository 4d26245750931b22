//! `switchover proposals …`: what one person has proposed and another is to approve.

use clap::{Args, Subcommand};
use contract::ProposalName;
use proto::catalog::v1::{
    ApproveProposalRequest, GetProposalRequest, ListProposalsRequest, RejectProposalRequest,
};

use super::{Verb, follow, pages, present};
use crate::{
    args::{ApplicationArg, Paging, Reason},
    connect::{Service::Catalog, Session},
    error::Error,
    show::{Screen, proposals as show},
};

/// What to do with proposals.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists proposals, newest first
    #[command(visible_alias = "ls")]
    List {
        /// The application; all if left out
        application: Option<ApplicationArg>,
        /// Only those that wait for a second person
        #[arg(long)]
        open: bool,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Shows one proposal
    #[command(visible_alias = "get")]
    Show(Which),
    /// Approves what somebody else has proposed, and does it
    Approve {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// Why.
        #[command(flatten)]
        reason: Reason,
        /// Follows the switch to its end
        #[arg(long, short)]
        wait: bool,
    },
    /// Rejects a proposal; your own, takes it back
    Reject {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
}

/// `shop/3`, or a resource name.
#[derive(Debug, Args)]
pub struct Which {
    /// Which one: shop/3, or its resource name
    #[arg(value_name = "APPLICATION/NUMBER", value_parser = proposal)]
    proposal: ProposalName,
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
                let mut request = ListProposalsRequest {
                    parent: application.map_or_else(all, |application| application.full()),
                    open_only: open,
                    ..ListProposalsRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Catalog,
                    proposals.list_proposals(request),
                    proposals,
                    show::proposals
                )
            }
            Self::Show(which) => {
                let request = GetProposalRequest {
                    name: which.proposal.to_string(),
                };
                let answer = session
                    .ask(Catalog, session.proposals().get_proposal(request))
                    .await?;
                let proposal = present(session, answer.proposal.clone())?;
                screen.answer(&answer, |view| show::proposal(&proposal, view))
            }
            Self::Approve {
                which,
                reason: Reason { reason },
                wait,
            } => {
                let request = ApproveProposalRequest {
                    name: which.proposal.to_string(),
                    reason,
                };
                let answer = session
                    .ask(Catalog, session.proposals().approve_proposal(request))
                    .await?;
                let proposal = present(session, answer.proposal.clone())?;
                if wait && !proposal.switch.is_empty() {
                    return follow::to_the_end(&proposal.switch, session, screen).await;
                }
                screen.answer(&answer, |view| show::proposal(&proposal, view))
            }
            Self::Reject {
                which,
                reason: Reason { reason },
            } => {
                let request = RejectProposalRequest {
                    name: which.proposal.to_string(),
                    reason,
                };
                let answer = session
                    .ask(Catalog, session.proposals().reject_proposal(request))
                    .await?;
                let proposal = present(session, answer.proposal.clone())?;
                screen.answer(&answer, |view| show::proposal(&proposal, view))
            }
        }
    }
}

/// Reads `shop/3`, or a resource name.
fn proposal(text: &str) -> Result<ProposalName, String> {
    let short = || {
        let (application, number) = text.split_once('/')?;
        Some(ProposalName {
            application: application.parse().ok()?,
            proposal: number.parse().ok()?,
        })
    };
    text.parse()
        .ok()
        .or_else(short)
        .ok_or_else(|| "name application and number, such as: shop/3".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_named_in_short_or_in_full() {
        for text in ["shop/3", "applications/shop/proposals/3"] {
            let name = proposal(text).unwrap();
            assert_eq!(name.to_string(), "applications/shop/proposals/3");
        }
        for text in ["shop", "shop/", "shop/0", "shop/03", "shop/+3", "3"] {
            assert!(proposal(text).is_err(), "{text}");
        }
    }
}
