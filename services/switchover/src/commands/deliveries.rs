//! `switchover deliveries …`

use clap::{Subcommand, ValueEnum};
use proto::notification::v1::{
    DeliveryState, GetDeliveryRequest, ListDeliveriesRequest, RetryDeliveryRequest,
};

use super::{Verb, pages, present};
use crate::{
    args::{DeliveryArg, Paging},
    connect::{Service::Notification, Session},
    error::Error,
    show::{Screen, notification},
};

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists mails, newest first
    #[command(visible_alias = "ls")]
    List {
        /// Only those in this state
        #[arg(long, value_name = "STATE")]
        state: Option<State>,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Shows one mail with its tries
    Get {
        /// The delivery
        delivery: DeliveryArg,
    },
    /// Tries a mail at once that waits, failed or was given up
    Retry {
        /// The delivery
        delivery: DeliveryArg,
    },
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum State {
    /// Waits for its first or next try
    Queued,
    /// Being handed to the server
    Sending,
    /// The server took it
    Sent,
    /// Refused for good
    Failed,
    /// Tried in vain for five days
    Dead,
    /// Sent, and came back
    Bounced,
}

impl From<State> for DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Sending => Self::Sending,
            State::Sent => Self::Sent,
            State::Failed => Self::Failed,
            State::Dead => Self::Dead,
            State::Bounced => Self::Bounced,
        }
    }
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::List { state, paging } => {
                let state = state.map_or(DeliveryState::Unspecified, DeliveryState::from);
                let mut request = ListDeliveriesRequest {
                    state: state.into(),
                    ..ListDeliveriesRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Notification,
                    deliveries.list_deliveries(request),
                    deliveries,
                    notification::deliveries
                )
            }
            Self::Get { delivery } => {
                let name = delivery.full();
                let request = GetDeliveryRequest { name };
                let answer = session
                    .ask(Notification, session.deliveries().get_delivery(request))
                    .await?;
                let delivery = present(session, answer.delivery.clone())?;
                screen.answer(&answer, |view| notification::delivery(&delivery, view))
            }
            Self::Retry { delivery } => {
                let name = delivery.full();
                let request = RetryDeliveryRequest { name };
                let answer = session
                    .ask(Notification, session.deliveries().retry_delivery(request))
                    .await?;
                let delivery = present(session, answer.delivery.clone())?;
                screen.answer(&answer, |view| notification::delivery(&delivery, view))
            }
        }
    }
}
