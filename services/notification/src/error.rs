//! What can go wrong, and how callers are told.

use std::time::Duration;

use contract::{DeliveryName, Problem, reason};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such delivery.
    #[error("there is no {0}")]
    NoDelivery(DeliveryName),
    /// The server has the mail; it is never sent again.
    #[error("{0} was sent")]
    Sent(DeliveryName),
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
            Error::Position => {
                let mut v = contract::Violations::new();
                v.add(
                    "after",
                    contract::Fault::Unknown,
                    "is not from this inbox; start without one",
                );
                v.finish()
                    .err()
                    .unwrap_or_else(|| Self::broken("a violation was noted and lost"))
            }
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

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}
