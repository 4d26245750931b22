//! What is said about each reason.

use http::StatusCode;

use super::Why;
use crate::apps::snapshot::RefusalReason;

/// What is said about a reason.
pub(super) struct Words {
    pub(super) status: StatusCode,
    /// Stable; programs decide by it.
    pub(super) reason: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: &'static str,
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
    /// Returns what is said.
    #[expect(clippy::too_many_lines, reason = "one sentence after the other")]
    pub(super) fn words(self) -> Words {
        use Ask::{Again, Support};
        let words = |status, reason, title, detail, ask| Words {
            status,
            reason,
            title,
            detail,
            ask,
        };
        match self {
            Self::BadHost => words(
                StatusCode::BAD_REQUEST,
                "BAD_HOST",
                "This address is not valid",
                "The request names no host, more than one, or one that is not written as hosts are.",
                Support,
            ),
            Self::BadRequest => words(
                StatusCode::BAD_REQUEST,
                "BAD_REQUEST",
                "This request is not valid",
                "The request is not written as HTTP wants it, so it was not passed on.",
                Support,
            ),
            Self::MethodRefused => words(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_REFUSED",
                "This method is not allowed",
                "CONNECT and TRACE are never passed on.",
                Support,
            ),
            Self::UriTooLong => words(
                StatusCode::URI_TOO_LONG,
                "URI_TOO_LONG",
                "This address is too long",
                "An address may have at most 8192 characters.",
                Support,
            ),
            Self::ExpectationRefused => words(
                StatusCode::EXPECTATION_FAILED,
                "EXPECTATION_REFUSED",
                "This request expects too much",
                "Nothing but 100-continue can be expected.",
                Support,
            ),
            Self::UnknownAddress => words(
                StatusCode::NOT_FOUND,
                "UNKNOWN_ADDRESS",
                "There is no application at this address",
                "Check the address for a typing mistake.",
                Support,
            ),
            Self::NotYetAvailable => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "NOT_YET_AVAILABLE",
                "This application is not available yet",
                "It is being set up. Please come back later.",
                Support,
            ),
            Self::Refused(RefusalReason::NotProvisioned) => words(
                StatusCode::FORBIDDEN,
                "NOT_PROVISIONED",
                "Your organisation does not use this application",
                "It has not been set up for your organisation.",
                Support,
            ),
            Self::Refused(RefusalReason::Denied) => words(
                StatusCode::FORBIDDEN,
                "DENIED",
                "Your organisation has denied this version",
                "The application is now on a version that your organisation has denied, so it cannot \
                 be used. Your administrator can accept it at any time, with the link in the mail \
                 about it.",
                Support,
            ),
            Self::Refused(RefusalReason::PendingAcceptance) => words(
                StatusCode::FORBIDDEN,
                "PENDING_ACCEPTANCE",
                "Your organisation has not accepted this application yet",
                "It can be used as soon as your administrator has accepted it, with the link in the \
                 mail about it.",
                Support,
            ),
            Self::Refused(RefusalReason::Failed) => words(
                StatusCode::FORBIDDEN,
                "PROVISIONING_FAILED",
                "This application could not be set up for your organisation",
                "Something went wrong while it was being set up.",
                Support,
            ),
            Self::Refused(RefusalReason::Removed) => words(
                StatusCode::FORBIDDEN,
                "REMOVED",
                "Your organisation no longer uses this application",
                "It has been taken away from your organisation.",
                Support,
            ),
            Self::HeldTooLong => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "HELD_TOO_LONG",
                "This application is being updated",
                "It takes longer than it should. Nothing of your request has reached it; please try \
                 again in a moment.",
                Again,
            ),
            Self::TooManyHeld => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "TOO_MANY_HELD",
                "This application is being updated",
                "Too many requests wait already. Nothing of yours has reached it; please try again \
                 in a moment.",
                Again,
            ),
            Self::BadMinGeneration => words(
                StatusCode::BAD_REQUEST,
                "BAD_MIN_GENERATION",
                "This request names no generation",
                "X-Min-Generation is one whole number from 1 on: the least generation, as in \
                 Switchover-Generation of an answer, that the request is to be answered by.",
                Support,
            ),
            Self::GenerationNotReached => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "GENERATION_NOT_REACHED",
                "This application is not that far yet",
                "The generation that X-Min-Generation names has not come to this gateway in time. \
                 Nothing of your request has reached the application; please try again in a moment.",
                Again,
            ),
            Self::Fenced => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "FENCED",
                "This application cannot be reached from here",
                "This gateway is cut off from the rest of the installation. Nothing of your request \
                 has reached the application; please try again in a moment.",
                Again,
            ),
            Self::NothingInTest => words(
                StatusCode::NOT_FOUND,
                "NOTHING_IN_TEST",
                "No version is in test",
                "The version that was in test here has become the active one, or its test was \
                 cancelled.",
                Support,
            ),
            Self::TokenNeeded => words(
                StatusCode::UNAUTHORIZED,
                "TESTER_TOKEN_NEEDED",
                "For testers",
                "The version at this address is in test. Testers get in with the tester token.",
                Support,
            ),
            Self::TokenWrong => words(
                StatusCode::UNAUTHORIZED,
                "TESTER_TOKEN_WRONG",
                "This is not the tester token",
                "The token is another one, or no longer valid.",
                Support,
            ),
            Self::TooManyTries => words(
                StatusCode::TOO_MANY_REQUESTS,
                "TOO_MANY_TRIES",
                "Too many wrong tokens",
                "Please wait a minute, then try again.",
                Support,
            ),
            Self::PathRefused => words(
                StatusCode::BAD_REQUEST,
                "PATH_REFUSED",
                "This address is not valid",
                "Its path can be read in more than one way, so it is not clear who may open it.",
                Support,
            ),
            Self::SignInNeeded => words(
                StatusCode::UNAUTHORIZED,
                "SIGN_IN_NEEDED",
                "Please sign in",
                "This application is for people who have signed in. What you sent has not reached it.",
                Support,
            ),
            Self::RoleMissing => words(
                StatusCode::FORBIDDEN,
                "ROLE_MISSING",
                "You may not open this",
                "It needs a role that you do not have. Whoever manages the users of your \
                 organisation can give it to you; then sign in again.",
                Support,
            ),
            Self::ForeignRequest => words(
                StatusCode::FORBIDDEN,
                "FOREIGN_REQUEST",
                "This request comes from another site",
                "What changes something must be sent by a page of this application, or carry the \
                 session's CSRF token in X-Switchover-Csrf. Nothing of it has reached the application.",
                Support,
            ),
            Self::LoginNotSetUp => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "LOGIN_NOT_SET_UP",
                "Nobody can sign in here yet",
                "This application requires a login, and this gateway was not told of an identity \
                 provider: it must be started with --login-issuer and --login-client-id.",
                Support,
            ),
            Self::SignInFailed => words(
                StatusCode::BAD_REQUEST,
                "SIGN_IN_FAILED",
                "You are not signed in",
                "The sign-in was not finished, took too long, or was begun in another browser. \
                 Please begin again.",
                Support,
            ),
            Self::OtherTenant => words(
                StatusCode::FORBIDDEN,
                "OTHER_TENANT",
                "You belong to another organisation",
                "You have signed in as somebody who is no user of the organisation whose address this \
                 is. Use the address of your own organisation, or sign in as somebody else.",
                Support,
            ),
            Self::ProviderAway => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "IDENTITY_PROVIDER_AWAY",
                "Nobody can sign in at the moment",
                "The identity provider does not answer. Please try again in a moment.",
                Again,
            ),
            Self::NothingHere => words(
                StatusCode::NOT_FOUND,
                "NOTHING_HERE",
                "There is nothing here",
                "This address belongs to the gateway, which has nothing at it, or not for this method.",
                Support,
            ),
            Self::Loop => words(
                StatusCode::LOOP_DETECTED,
                "LOOP",
                "This application leads back to itself",
                "The version's upstream sends requests back to where they came from.",
                Support,
            ),
            Self::RequestStalled => words(
                StatusCode::REQUEST_TIMEOUT,
                "REQUEST_STALLED",
                "Your request has not arrived",
                "Nothing more of it came for too long.",
                Again,
            ),
            Self::UpstreamUnreachable => words(
                StatusCode::BAD_GATEWAY,
                "UPSTREAM_UNREACHABLE",
                "This application cannot be reached",
                "There is no connection to it at the moment. Nothing of your request has reached it.",
                Support,
            ),
            Self::UpstreamBrokeOff => words(
                StatusCode::BAD_GATEWAY,
                "UPSTREAM_BROKE_OFF",
                "This application broke off",
                "The connection to it ended before it answered. Your request may have taken effect.",
                Support,
            ),
            Self::UpstreamTimeout => words(
                StatusCode::GATEWAY_TIMEOUT,
                "UPSTREAM_TIMEOUT",
                "This application does not answer",
                "It took too long to answer. Your request may have taken effect.",
                Support,
            ),
            Self::Cut => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "CUT",
                "This application was updated",
                "Your request took longer than the version before had left. It may have taken \
                 effect; please look, then try again.",
                Again,
            ),
        }
    }
}
