//! What refusals say in English.

use super::{Labels, Said};
use crate::apps::{refuse::Why, snapshot::RefusalReason};

pub(super) const LABELS: Labels = Labels {
    token: "Tester token",
    open: "Open the version in test",
    role: "The role is called",
    sign_in: "Sign in",
    again: "Try again",
    request: "Request",
};

/// Says whom to ask.
pub(super) fn questions(support: &str) -> String {
    format!("Questions? Ask {support}.")
}

/// Says why.
#[expect(clippy::too_many_lines, reason = "one sentence after the other")]
pub(super) fn said(why: Why) -> Said {
    let said = |title, detail| Said { title, detail };
    match why {
        Why::BadHost => said(
            "This address is not valid",
            "The request names no host, more than one, or one that is not written as hosts are.",
        ),
        Why::BadRequest => said(
            "This request is not valid",
            "The request is not written as HTTP wants it, so it was not passed on.",
        ),
        Why::MethodRefused => said(
            "This method is not allowed",
            "CONNECT and TRACE are never passed on.",
        ),
        Why::UriTooLong => said(
            "This address is too long",
            "An address may have at most 8192 characters.",
        ),
        Why::ExpectationRefused => said(
            "This request expects too much",
            "Nothing but 100-continue can be expected.",
        ),
        Why::UnknownAddress => said(
            "There is no application at this address",
            "Check the address for a typing mistake.",
        ),
        Why::NotYetAvailable => said(
            "This application is not available yet",
            "It is being set up. Please come back later.",
        ),
        Why::Refused(RefusalReason::NotProvisioned) => said(
            "Your organisation does not use this application",
            "It has not been set up for your organisation.",
        ),
        Why::Refused(RefusalReason::Denied) => said(
            "Your organisation has denied this version",
            "The application is now on a version that your organisation has denied, so it cannot \
                 be used. Your administrator can accept it at any time, with the link in the mail \
                 about it.",
        ),
        Why::Refused(RefusalReason::PendingAcceptance) => said(
            "Your organisation has not accepted this application yet",
            "It can be used as soon as your administrator has accepted it, with the link in the \
                 mail about it.",
        ),
        Why::Refused(RefusalReason::Failed) => said(
            "This application could not be set up for your organisation",
            "Something went wrong while it was being set up.",
        ),
        Why::Refused(RefusalReason::Removed) => said(
            "Your organisation no longer uses this application",
            "It has been taken away from your organisation.",
        ),
        Why::HeldTooLong => said(
            "This application is being updated",
            "It takes longer than it should. Nothing of your request has reached it; please try \
                 again in a moment.",
        ),
        Why::TooManyHeld => said(
            "This application is being updated",
            "Too many requests wait already. Nothing of yours has reached it; please try again \
                 in a moment.",
        ),
        Why::BadMinGeneration => said(
            "This request names no generation",
            "X-Min-Generation is one whole number from 1 on: the least generation, as in \
                 Switchover-Generation of an answer, that the request is to be answered by.",
        ),
        Why::GenerationNotReached => said(
            "This application is not that far yet",
            "The generation that X-Min-Generation names has not come to this gateway in time. \
                 Nothing of your request has reached the application; please try again in a moment.",
        ),
        Why::Fenced => said(
            "This application cannot be reached from here",
            "This gateway is cut off from the rest of the installation. Nothing of your request \
                 has reached the application; please try again in a moment.",
        ),
        Why::NothingInTest => said(
            "No version is in test",
            "The version that was in test here has become the active one, or its test was \
                 cancelled.",
        ),
        Why::TokenNeeded => said(
            "For testers",
            "The version at this address is in test. Testers get in with the tester token.",
        ),
        Why::TokenWrong => said(
            "This is not the tester token",
            "The token is another one, or no longer valid.",
        ),
        Why::TooManyTries => said(
            "Too many wrong tokens",
            "Please wait a minute, then try again.",
        ),
        Why::PathRefused => said(
            "This address is not valid",
            "Its path can be read in more than one way, so it is not clear who may open it.",
        ),
        Why::SignInNeeded => said(
            "Please sign in",
            "This application is for people who have signed in. What you sent has not reached it.",
        ),
        Why::RoleMissing => said(
            "You may not open this",
            "It needs a role that you do not have. Whoever manages the users of your \
                 organisation can give it to you; then sign in again.",
        ),
        Why::ForeignRequest => said(
            "This request comes from another site",
            "What changes something must be sent by a page of this application, or carry the \
                 session's CSRF token in X-Switchover-Csrf. Nothing of it has reached the application.",
        ),
        Why::LoginNotSetUp => said(
            "Nobody can sign in here yet",
            "This application requires a login, and this gateway was not told of an identity \
                 provider: it must be started with --login-issuer and --login-client-id.",
        ),
        Why::SignInFailed => said(
            "You are not signed in",
            "The sign-in was not finished, took too long, or was begun in another browser. \
                 Please begin again.",
        ),
        Why::OtherTenant => said(
            "You belong to another organisation",
            "You have signed in as somebody who is no user of the organisation whose address this \
                 is. Use the address of your own organisation, or sign in as somebody else.",
        ),
        Why::ProviderAway => said(
            "Nobody can sign in at the moment",
            "The identity provider does not answer. Please try again in a moment.",
        ),
        Why::NothingHere => said(
            "There is nothing here",
            "This address belongs to the gateway, which has nothing at it, or not for this method.",
        ),
        Why::Loop => said(
            "This application leads back to itself",
            "The version's upstream sends requests back to where they came from.",
        ),
        Why::RequestStalled => said(
            "Your request has not arrived",
            "Nothing more of it came for too long.",
        ),
        Why::UpstreamUnreachable => said(
            "This application cannot be reached",
            "There is no connection to it at the moment. Nothing of your request has reached it.",
        ),
        Why::UpstreamBrokeOff => said(
            "This application broke off",
            "The connection to it ended before it answered. Your request may have taken effect.",
        ),
        Why::UpstreamTimeout => said(
            "This application does not answer",
            "It took too long to answer. Your request may have taken effect.",
        ),
        Why::Cut => said(
            "This application was updated",
            "Your request took longer than the version before had left. It may have taken \
                 effect; please look, then try again.",
        ),
    }
}
