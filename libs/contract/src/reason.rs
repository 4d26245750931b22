//! Why a request was refused, as stable constants: programs decide by them, people look them up.

use std::{borrow::Cow, fmt};

/// The stable name of a reason, such as `SWITCH_OPEN`. Never changes once released.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what to do about it in general, if the reason is one of ours.
    pub fn advice(&self) -> Option<&'static str> {
        ALL.iter()
            .find(|(reason, _)| reason == self)
            .map(|(_, advice)| *advice)
    }

    /// Takes a reason as another program sent it; it may be unknown here.
    pub(crate) fn foreign(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns every reason with what to do about it.
pub fn all() -> &'static [(Reason, &'static str)] {
    ALL
}

macro_rules! reasons {
    ($($name:ident: $advice:literal,)+) => {
        $(
            #[doc = $advice]
            pub const $name: Reason = Reason(Cow::Borrowed(stringify!($name)));
        )+

        const ALL: &[(Reason, &str)] = &[$(($name, $advice)),+];
    };
}

reasons! {
    INVALID_FIELDS: "Correct the fields that are named, then ask again.",
    NOT_FOUND: "Check the name; list what there is.",
    ALREADY_EXISTS: "Choose another name, or use what is there.",
    STALE_ETAG: "Read it again, look at what changed, then ask with the new etag.",
    REQUEST_ID_REUSED: "Use a new request id for a different request.",
    PAGE_TOKEN_INVALID: "Start again without a page token.",
    TOO_LARGE: "Send less at once.",

    SWITCH_OPEN: "Wait for the open switch, or cancel it.",
    SWITCH_COMMITTED: "It can no longer be cancelled; switch back with another switch.",
    SWITCH_ENDED: "The switch is over; look at its receipt.",
    SWITCH_NOT_DRAINING: "Nothing is to be done: no request is under way on the version that left, or what is has been cut.",
    VERSION_UNHEALTHY: "Look at what the health check answered, mend the version, then ask again.",
    VERSION_NOT_IN_TEST: "Register the version to test first.",
    VERSION_NEVER_ACTIVE: "Only a version that was active before can be reactivated; confirm an update instead.",
    VERSION_ACTIVE: "The version is the active one already.",
    VERSION_IN_TEST: "Cancel its test first.",
    OTHER_VERSION_IN_TEST: "Cancel the test of the other version first.",
    UPSTREAM_REFUSED: "Give an http or https address that leads to the version itself, and that this installation allows.",

    SECOND_PERSON_NEEDED: "Have another operator approve it: whoever proposes does not approve.",
    PROPOSAL_OPEN: "Have the open proposal approved or rejected first.",
    PROPOSAL_ENDED: "It was decided, or its time is over; propose it anew if it is still wanted.",
    PROPOSAL_VOID: "Look at what has changed, then propose it anew.",

    NOT_PROVISIONED: "Provision the application for the tenant first.",
    ALREADY_PROVISIONED: "Nothing is to be done: the tenant has it.",
    TOKEN_INVALID: "Use the link from the mail as it is, or ask for a new one.",
    TOKEN_EXPIRED: "Ask the operator for a new link.",
    TOKEN_VOID: "The link counts no longer; look at what is true now, or ask the operator for a new one.",
    FORM_STALE: "Open the link again, and decide on the page that it shows.",
    FORM_TOO_FAST: "Read the page, then send the form again.",
    GESTURE_MISSING: "Type the word that the page shows, then send the form again.",
    TOKEN_USED: "Nothing is to be done: the page shows what it led to.",
    CONSENT_SETTLED: "The tenant has decided already; it may decide anew on the consent page.",
    NO_CONTACT: "Give the tenant a contact first.",
    CREDENTIALS_NOT_NEEDED: "The version does not use app credentials.",
    CREDENTIAL_REVOKED: "Create new credentials; revoked ones stay worthless.",
    CREDENTIAL_EXPIRED: "Create new credentials; expired ones stay worthless.",
    CLIENT_INVALID: "Check client id and secret; have the secret replaced if it was lost.",
    VERSION_WRONG: "Name the version that the credentials were issued for, or use those of the version that is named.",
    VERSION_NOT_IN_USE: "Use the credentials of the version that is in use.",
    TEST_OWN_TENANT_ONLY: "Ask for the operator's own tenant; others have tokens once the version is in use.",
    TENANT_PENDING: "Wait until the tenant has accepted.",
    TENANT_DENIED: "Do nothing for this tenant: it has denied the version.",
    SCOPE_TOO_WIDE: "Ask for scopes that the version was granted, or for none to have them all.",

    GATEWAY_ALIVE: "Only a gateway that cannot serve may be evicted; stop it first.",
    TIMELINE_FOREIGN: "The gateway has seen another history of this application; adopt or evict it.",
    MOVED_BACKWARDS: "Something older than what is known was offered; look for a restored database.",

    ROLE_UNKNOWN: "Register a version that brings the role, or name a role of those that are there.",
    FLEET_MODE_FIXED: "Fleet mode and lease are chosen before the first activation; leave them as they are.",
    IN_RECOVERY: "Look at it with `switchover catalog recovery`, then adopt what is to be true.",
    NOT_IN_RECOVERY: "Nothing is to be adopted.",
    GATEWAYS_MISSING: "Start the gateways that are named, or evict those that cannot come back, then adopt again.",
    VERSION_NEEDED: "Say which version is to be active; register it anew if the catalog does not know it.",

    DELIVERY_NOT_SENT: "Look at the delivery; it can only come back once it was sent.",
    SUBSCRIPTION_REQUIRED: "Leave it on: it asks for decisions, or tells that none can be made.",
    DELIVERY_SENT: "Nothing is to be done: the mail server has the mail.",

    STORE_BUSY: "Try again in a moment.",
    STORE_FULL: "Free disk space for the database.",
    PEER_UNAVAILABLE: "Try again in a moment; if it stays, look whether the service runs.",
    DEADLINE_EXCEEDED: "Try again with more time; the request may have taken effect.",
    CANCELLED: "The caller went away; ask again if it is still wanted.",
    RATE_LIMITED: "Wait as long as the answer says, then try again.",
    UNAUTHENTICATED: "Say who is calling: give a key or an access token that is valid here.",
    PERMISSION_DENIED: "Ask somebody whose role allows it.",
    UNIMPLEMENTED: "Check the method's name, and that both sides are of the same release.",
    INTERNAL: "Tell the operator the incident's id; the log has the cause.",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_is_listed_once_and_says_what_to_do() {
        let names: BTreeSet<_> = all().iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!(names.len(), all().len());
        for (reason, advice) in all() {
            assert!(
                reason
                    .as_str()
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c == '_'),
                "{reason}"
            );
            assert!(advice.ends_with('.'), "{reason}: {advice}");
            assert_eq!(reason.advice(), Some(*advice));
        }
        assert_eq!(Reason::foreign("SWITCH_OPEN".to_owned()), SWITCH_OPEN);
        assert_eq!(Reason::foreign("THEIRS".to_owned()).advice(), None);
    }
}
