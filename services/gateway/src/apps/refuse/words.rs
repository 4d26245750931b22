//! What programs are told about each reason.

use http::StatusCode;

use super::Why;
use crate::apps::snapshot::RefusalReason;

/// What programs are told about a reason.
pub(super) struct Words {
    pub(super) status: StatusCode,
    /// Stable; programs decide by it.
    pub(super) reason: &'static str,
    /// Who can do something about it.
    pub(super) ask: Ask,
}

#[derive(Clone, Copy)]
pub(super) enum Ask {
    /// The operator's support.
    Support,
    /// Nobody: trying again helps.
    Again,
}

impl Why {
    /// Returns what programs are told.
    pub(super) fn words(self) -> Words {
        use Ask::{Again, Support};
        let words = |status, reason, ask| Words {
            status,
            reason,
            ask,
        };
        match self {
            Self::BadHost => words(StatusCode::BAD_REQUEST, "BAD_HOST", Support),
            Self::BadRequest => words(StatusCode::BAD_REQUEST, "BAD_REQUEST", Support),
            Self::MethodRefused => words(StatusCode::METHOD_NOT_ALLOWED, "METHOD_REFUSED", Support),
            Self::UriTooLong => words(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", Support),
            Self::ExpectationRefused => words(
                StatusCode::EXPECTATION_FAILED,
                "EXPECTATION_REFUSED",
                Support,
            ),
            Self::UnknownAddress => words(StatusCode::NOT_FOUND, "UNKNOWN_ADDRESS", Support),
            Self::NotYetAvailable => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "NOT_YET_AVAILABLE",
                Support,
            ),
            Self::Refused(RefusalReason::NotProvisioned) => {
                words(StatusCode::FORBIDDEN, "NOT_PROVISIONED", Support)
            }
            Self::Refused(RefusalReason::Denied) => words(StatusCode::FORBIDDEN, "DENIED", Support),
            Self::Refused(RefusalReason::PendingAcceptance) => {
                words(StatusCode::FORBIDDEN, "PENDING_ACCEPTANCE", Support)
            }
            Self::Refused(RefusalReason::Failed) => {
                words(StatusCode::FORBIDDEN, "PROVISIONING_FAILED", Support)
            }
            Self::Refused(RefusalReason::Removed) => {
                words(StatusCode::FORBIDDEN, "REMOVED", Support)
            }
            Self::HeldTooLong => words(StatusCode::SERVICE_UNAVAILABLE, "HELD_TOO_LONG", Again),
            Self::TooManyHeld => words(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_HELD", Again),
            Self::BadMinGeneration => words(StatusCode::BAD_REQUEST, "BAD_MIN_GENERATION", Support),
            Self::GenerationNotReached => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "GENERATION_NOT_REACHED",
                Again,
            ),
            Self::Fenced => words(StatusCode::SERVICE_UNAVAILABLE, "FENCED", Again),
            Self::NothingInTest => words(StatusCode::NOT_FOUND, "NOTHING_IN_TEST", Support),
            Self::TokenNeeded => words(StatusCode::UNAUTHORIZED, "TESTER_TOKEN_NEEDED", Support),
            Self::TokenWrong => words(StatusCode::UNAUTHORIZED, "TESTER_TOKEN_WRONG", Support),
            Self::TooManyTries => words(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_TRIES", Support),
            Self::PathRefused => words(StatusCode::BAD_REQUEST, "PATH_REFUSED", Support),
            Self::SignInNeeded => words(StatusCode::UNAUTHORIZED, "SIGN_IN_NEEDED", Support),
            Self::RoleMissing => words(StatusCode::FORBIDDEN, "ROLE_MISSING", Support),
            Self::ForeignRequest => words(StatusCode::FORBIDDEN, "FOREIGN_REQUEST", Support),
            Self::LoginNotSetUp => {
                words(StatusCode::SERVICE_UNAVAILABLE, "LOGIN_NOT_SET_UP", Support)
            }
            Self::SignInFailed => words(StatusCode::BAD_REQUEST, "SIGN_IN_FAILED", Support),
            Self::OtherTenant => words(StatusCode::FORBIDDEN, "OTHER_TENANT", Support),
            Self::ProviderAway => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "IDENTITY_PROVIDER_AWAY",
                Again,
            ),
            Self::NothingHere => words(StatusCode::NOT_FOUND, "NOTHING_HERE", Support),
            Self::Loop => words(StatusCode::LOOP_DETECTED, "LOOP", Support),
            Self::RequestStalled => words(StatusCode::REQUEST_TIMEOUT, "REQUEST_STALLED", Again),
            Self::UpstreamUnreachable => {
                words(StatusCode::BAD_GATEWAY, "UPSTREAM_UNREACHABLE", Support)
            }
            Self::UpstreamBrokeOff => words(StatusCode::BAD_GATEWAY, "UPSTREAM_BROKE_OFF", Support),
            Self::UpstreamTimeout => {
                words(StatusCode::GATEWAY_TIMEOUT, "UPSTREAM_TIMEOUT", Support)
            }
            Self::Cut => words(StatusCode::SERVICE_UNAVAILABLE, "CUT", Again),
        }
    }
}
