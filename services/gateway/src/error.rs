//! What can go wrong in a gateway, and how callers hear of it.

use contract::{ApplicationName, ApplicationRef, NameError, Problem, reason};

use crate::control::StateDirError;

/// What can go wrong in a gateway.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The state folder.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// Reading the state was broken off.
    #[error("reading the state from disk was broken off")]
    StateUnread,
    /// An application that this gateway does not know.
    #[error("this gateway knows no application {0}")]
    Unknown(ApplicationName),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match &error {
            Error::Unknown(application) => {
                Problem::not_found(ApplicationRef::from(application.clone()))
            }
            Error::Name(name) => Problem::invalid_argument(reason::INVALID_FIELDS, name),
            Error::StateDir(_) | Error::StateUnread => Problem::internal(&error),
        }
    }
}

impl From<Error> for runtime::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::StateDir(StateDirError::Unusable { path, error }) => Self::file(path, error),
            Error::StateDir(StateDirError::InUse(_)) => Self::Usage(error.to_string()),
            Error::StateUnread | Error::Unknown(_) | Error::Name(_) => Self::internal(error),
        }
    }
}
