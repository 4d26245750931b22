//! What can go wrong here, and its one mapping to what callers are told.

use contract::{CredentialName, Problem, Reason, SwitchName, VersionRef, reason};
use tokens::{Refusal, Unchecked};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request is wrong, or another service refused; told as it is.
    #[error("{0}")]
    Told(#[from] Problem),
    /// There is no such resource, or none for this caller.
    #[error("there is no {0}")]
    Missing(String),
    /// The tenant exists.
    #[error("{0} exists already.")]
    AlreadyExists(String),
    /// The request id belongs to another request.
    #[error("The request id was used for another request.")]
    RequestIdReused,
    /// The tenant has no provisioning of this name, or lost it.
    #[error("There is no {0}.")]
    NotProvisioned(String),
    /// The tenant has it.
    #[error("{0} exists already.")]
    AlreadyProvisioned(String),
    /// The tenant to be deleted still has provisionings.
    #[error("{0} still has applications; take them away first.")]
    StillProvisioned(String),
    /// Nobody could be asked.
    #[error("{0} has no contact to ask.")]
    NoContact(String),
    /// The link's token is unknown; it does not say in which way.
    #[error("This link is not valid.")]
    TokenInvalid,
    /// The link's time is over.
    #[error("This link has expired.")]
    TokenExpired,
    /// The link counts no longer.
    #[error("This link is void.")]
    TokenVoid,
    /// The form was not made for this link, or too long ago, or has decided otherwise.
    #[error("The page was opened too long ago, or has been used.")]
    FormStale,
    /// The form came back before anybody could have read the page.
    #[error("The form was sent too soon after the page was opened.")]
    FormTooFast,
    /// The word that a person types is missing, or is another.
    #[error("The word that the page asks for was not typed.")]
    GestureMissing,
    /// The version does not use app credentials.
    #[error("{0} does not need app credentials.")]
    CredentialsNotNeeded(VersionRef),
    /// The credential was revoked.
    #[error("{0} was revoked.")]
    CredentialRevoked(CredentialName),
    /// The credential's time is over.
    #[error("{0} has expired.")]
    CredentialExpired(CredentialName),
    /// There is no such client, or the secret is not its own; it does not say which.
    #[error("Client id or secret is wrong.")]
    ClientInvalid,
    /// The pair gets no token for any tenant.
    #[error("{}", sentence(.0))]
    TokenRefused(Refusal),
    /// The secret could not be checked.
    #[error("{}", sentence(.0))]
    Unchecked(#[from] Unchecked),
    /// A secret could not be drawn.
    #[error("{0}")]
    Undrawn(#[from] tokens::pair::Undrawn),
    /// The switch was never heard of here.
    #[error("{0} is not known here.")]
    SwitchUnknown(SwitchName),
    /// The switch was given up.
    #[error("{0} was given up.")]
    SwitchEnded(SwitchName),
    /// The outcome counts, and some tenants are still to be settled.
    #[error("{0} has very many tenants; a part of them is settled, ask again for the others.")]
    SettlesOn(SwitchName),
    /// Another switch of the application is not settled yet.
    #[error("{open} is not settled yet.")]
    SwitchOpen {
        /// The other one.
        open: SwitchName,
    },
    /// The switch was opened here with other versions or another rule for notices.
    #[error("{0} was opened here with other versions or another rule for notices.")]
    SwitchDiffers(SwitchName),
    /// A gateway knows more than this database.
    #[error("The gateway has grants of revision {ahead}, this database has only {here}.")]
    MovedBackwards {
        /// What the gateway has.
        ahead: u64,
        /// What there is.
        here: u64,
    },
    /// A watcher says that it has seen more than there is.
    #[error("The position is ahead of all that has happened here.")]
    PositionAhead,
    /// The database.
    #[error("{0}")]
    Store(#[from] store::Error),
    /// A fault of our own, in words for the log.
    #[error("{0}")]
    Broken(String),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        match &error {
            Error::Told(problem) => problem.clone(),
            Error::Missing(resource) => Problem::not_found(resource),
            Error::AlreadyExists(resource) => {
                Problem::already_exists(reason::ALREADY_EXISTS, &error).resource(resource)
            }
            Error::RequestIdReused => Problem::aborted(reason::REQUEST_ID_REUSED, &error),
            Error::NotProvisioned(resource) => {
                Problem::new(contract::Code::NotFound, reason::NOT_PROVISIONED, &error)
                    .resource(resource)
            }
            Error::AlreadyProvisioned(resource) => {
                Problem::already_exists(reason::ALREADY_PROVISIONED, &error).resource(resource)
            }
            Error::StillProvisioned(resource) => {
                Problem::failed_precondition(reason::ALREADY_PROVISIONED, &error)
                    .resource(resource)
                    .next("Take its applications away first.")
            }
            Error::NoContact(tenant) => {
                Problem::failed_precondition(reason::NO_CONTACT, &error).resource(tenant)
            }
            Error::TokenInvalid => {
                Problem::new(contract::Code::NotFound, reason::TOKEN_INVALID, &error)
            }
            Error::TokenExpired => Problem::failed_precondition(reason::TOKEN_EXPIRED, &error),
            Error::TokenVoid => Problem::failed_precondition(reason::TOKEN_VOID, &error),
            Error::FormStale => Problem::failed_precondition(reason::FORM_STALE, &error),
            Error::FormTooFast => Problem::failed_precondition(reason::FORM_TOO_FAST, &error),
            Error::GestureMissing => Problem::failed_precondition(reason::GESTURE_MISSING, &error),
            Error::CredentialsNotNeeded(version) => {
                Problem::failed_precondition(reason::CREDENTIALS_NOT_NEEDED, &error)
                    .resource(version)
            }
            Error::CredentialRevoked(name) => {
                Problem::failed_precondition(reason::CREDENTIAL_REVOKED, &error).resource(name)
            }
            Error::CredentialExpired(name) => {
                Problem::failed_precondition(reason::CREDENTIAL_EXPIRED, &error).resource(name)
            }
            Error::ClientInvalid => Problem::unauthenticated(reason::CLIENT_INVALID, &error),
            Error::TokenRefused(refusal) => {
                Problem::failed_precondition(reason_of(*refusal), &error)
            }
            Error::Unchecked(Unchecked::Busy) => {
                Problem::resource_exhausted(reason::RATE_LIMITED, &error)
                    .retry_after(std::time::Duration::from_secs(1))
            }
            Error::Unchecked(Unchecked::Damaged) | Error::Undrawn(_) => Problem::internal(&error),
            Error::SwitchUnknown(switch) => {
                Problem::new(contract::Code::NotFound, reason::NOT_FOUND, &error).resource(switch)
            }
            Error::SwitchEnded(switch) => {
                Problem::failed_precondition(reason::SWITCH_ENDED, &error).resource(switch)
            }
            Error::SettlesOn(switch) => Problem::unavailable(reason::STORE_BUSY, &error)
                .resource(switch)
                .retry_after(std::time::Duration::from_millis(100)),
            Error::SwitchOpen { open } => {
                Problem::aborted(reason::SWITCH_OPEN, &error).resource(open)
            }
            Error::SwitchDiffers(switch) => {
                Problem::failed_precondition(reason::ALREADY_EXISTS, &error).resource(switch)
            }
            Error::MovedBackwards { ahead, here } => {
                Problem::failed_precondition(reason::MOVED_BACKWARDS, &error)
                    .with("gateway_revision", ahead)
                    .with("revision", here)
            }
            Error::PositionAhead => Problem::failed_precondition(reason::MOVED_BACKWARDS, &error)
                .next("Follow from the beginning: the database was restored from a backup."),
            Error::Store(store::Error::Full(_)) => {
                Problem::resource_exhausted(reason::STORE_FULL, &error)
            }
            Error::Store(cause) if cause.transient() => {
                Problem::unavailable(reason::STORE_BUSY, &error)
                    .retry_after(std::time::Duration::from_secs(1))
            }
            Error::Store(cause) => Problem::internal(cause),
            Error::Broken(words) => Problem::broken(words),
        }
    }
}

/// Makes a sentence of what a library says within one.
fn sentence(said: &impl std::fmt::Display) -> String {
    let said = said.to_string();
    let mut letters = said.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str())
    })
}

/// Returns a refusal's reason as the contract knows it.
pub(crate) fn reason_of(refusal: Refusal) -> Reason {
    match refusal {
        Refusal::CredentialRevoked => reason::CREDENTIAL_REVOKED,
        Refusal::CredentialExpired => reason::CREDENTIAL_EXPIRED,
        Refusal::VersionWrong => reason::VERSION_WRONG,
        Refusal::VersionNotInUse => reason::VERSION_NOT_IN_USE,
        Refusal::TestOwnTenantOnly => reason::TEST_OWN_TENANT_ONLY,
        Refusal::NotProvisioned => reason::NOT_PROVISIONED,
        Refusal::TenantPending => reason::TENANT_PENDING,
        Refusal::TenantDenied => reason::TENANT_DENIED,
        Refusal::ScopeTooWide => reason::SCOPE_TOO_WIDE,
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_refusal_has_the_same_reason_in_an_answer_and_as_an_error() {
        for refusal in [
            Refusal::CredentialRevoked,
            Refusal::CredentialExpired,
            Refusal::VersionWrong,
            Refusal::VersionNotInUse,
            Refusal::TestOwnTenantOnly,
            Refusal::NotProvisioned,
            Refusal::TenantPending,
            Refusal::TenantDenied,
            Refusal::ScopeTooWide,
        ] {
            let problem = Problem::from(Error::TokenRefused(refusal));
            assert_eq!(problem.reason().as_str(), refusal.reason());
        }
    }

    #[test]
    fn whoever_finds_too_many_before_it_is_told_when_to_come_back() {
        let problem = Problem::from(Error::Unchecked(Unchecked::Busy));
        assert!(problem.is(&reason::RATE_LIMITED), "{problem:?}");
        assert!(problem.message().starts_with("Too many"), "{problem:?}");
        assert_eq!(problem.delay(), Some(Duration::from_secs(1)));
        let damaged = Problem::from(Error::Unchecked(Unchecked::Damaged));
        assert!(damaged.is(&reason::INTERNAL), "{damaged:?}");
    }
}
