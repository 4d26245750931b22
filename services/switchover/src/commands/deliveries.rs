//! `switchover deliveries …`

use clap::{Subcommand, ValueEnum};
use contract::reason;
use proto::notification::v1::{
    DeliveryState, GetDeliveryRequest, ListDeliveriesRequest, ListDeliveriesResponse,
    RetryDeliveryRequest, RetryDeliveryResponse,
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
        #[arg(required_unless_present = "all")]
        delivery: Option<DeliveryArg>,
        /// All that failed, or that were given up, instead of one
        #[arg(long, value_name = "STATE", conflicts_with = "delivery")]
        all: Option<Stuck>,
    },
}

/// Why deliveries are not tried by themselves.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Stuck {
    /// Refused for good
    Failed,
    /// Tried in vain for five days
    Dead,
}

impl From<Stuck> for DeliveryState {
    fn from(stuck: Stuck) -> Self {
        match stuck {
            Stuck::Failed => Self::Failed,
            Stuck::Dead => Self::Dead,
        }
    }
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
            Self::Retry {
                delivery: Some(delivery),
                ..
            } => {
                let answer = retry(delivery.full(), session).await?;
                let delivery = present(session, answer.delivery.clone())?;
                screen.answer(&answer, |view| notification::delivery(&delivery, view))
            }
            Self::Retry { all, .. } => {
                let state = all.map_or(DeliveryState::Unspecified, DeliveryState::from);
                retry_all(state, session, screen).await
            }
        }
    }
}

async fn retry(name: String, session: &Session) -> Result<RetryDeliveryResponse, Error> {
    let request = RetryDeliveryRequest { name };
    session
        .ask(Notification, session.deliveries().retry_delivery(request))
        .await
}

/// Tries each once: which they are is looked up before the first may be stuck again.
async fn retry_all(state: DeliveryState, session: &Session, screen: &Screen) -> Result<(), Error> {
    let mut names = Vec::new();
    let mut request = ListDeliveriesRequest {
        state: state.into(),
        page_size: 500,
        ..ListDeliveriesRequest::default()
    };
    loop {
        let answer = session
            .ask(
                Notification,
                session.deliveries().list_deliveries(request.clone()),
            )
            .await?;
        names.extend(answer.deliveries.into_iter().map(|one| one.name));
        if answer.next_page_token.is_empty() {
            break;
        }
        request.page_token = answer.next_page_token;
    }
    let mut retried = ListDeliveriesResponse::default();
    for name in names {
        match retry(name, session).await {
            Ok(answer) => retried.deliveries.extend(answer.delivery),
            // Somebody else was faster.
            Err(Error::Service { problem, .. }) if problem.is(&reason::DELIVERY_SENT) => {}
            Err(error) => return Err(error),
        }
    }
    screen.answer(&retried, |view| {
        notification::deliveries(&retried.deliveries, view)
    })
}
