//! What can go wrong, and how callers are told.

use std::time::Duration;

use contract::{DeliveryName, Problem, reason};

use crate::bounce::MessageId;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such delivery.
    #[error("there is no {0}")]
    NoDelivery(DeliveryName),
    /// The server has the mail; it is never sent again.
    #[error("{0} was sent")]
    Sent(DeliveryName),
    /// No mail has this Message-ID.
    #[error("there is no delivery with the Message-ID {0}")]
    NoMessage(MessageId),
    /// The server does not have the mail, so it cannot have come back.
    #[error("{0} was not sent")]
    NotSent(DeliveryName),
    /// Nobody may be without it.
    #[error("notices of this category cannot be turned off")]
    Required,
    /// The inbox is never told of it.
    #[error("there are no such notices for this inbox")]
    NotForInbox,
    /// The token is not one of ours.
    #[error("the token of the link is not one of ours")]
    Token,
    /// The position is beyond the inbox's last change.
    #[error("the position is not of this inbox")]
    Position,
    /// The database.
    #[error("{0}")]
    Store(#[from] store::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match &error {
            Error::NoDelivery(name) => Self::not_found(name),
            Error::Sent(name) => {
                Self::failed_precondition(reason::DELIVERY_SENT, "The server has taken this mail.")
                    .resource(name)
            }
            Error::NoMessage(id) => Self::not_found(format!("a delivery with the Message-ID {id}")),
            Error::NotSent(name) => Self::failed_precondition(
                reason::DELIVERY_NOT_SENT,
                "The mail server has not taken this mail.",
            )
            .resource(name),
            Error::Required => Self::failed_precondition(
                reason::SUBSCRIPTION_REQUIRED,
                "Notices of this category cannot be turned off.",
            ),
            Error::Token => Self::new(
                contract::Code::NotFound,
                reason::TOKEN_INVALID,
                "This link is not one of ours.",
            ),
            Error::NotForInbox => field("category", "is not for this inbox"),
            Error::Position => field("after", "is not from this inbox; start without one"),
            Error::Store(store::Error::Full(_)) => {
                Self::resource_exhausted(reason::STORE_FULL, "The database has no space left.")
            }
            Error::Store(cause) if cause.transient() => Self::unavailable(
                reason::STORE_BUSY,
                "The database is not answering right now.",
            )
            .retry_after(Duration::from_secs(1)),
            Error::Store(cause) => Self::internal(cause),
        }
    }
}

fn field(name: &str, why: &str) -> Problem {
    let mut v = contract::Violations::new();
    v.add(name, contract::Fault::Unknown, why);
    v.finish()
        .err()
        .unwrap_or_else(|| Problem::broken("a violation was noted and lost"))
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}
