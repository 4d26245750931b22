//! What notices are about, as far as somebody may want to be told or not, and how.

use crate::event::Audience;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Category {
    /// To a tenant: what it is asked, and what it has decided.
    Consent,
    /// To a tenant: an application was taken away.
    Access,
    /// To the operator: a tenant has denied.
    Denials,
    /// To the operator: a tenant has accepted.
    Acceptances,
    /// To the operator: switches that succeeded or were given up.
    Switches,
    /// To the operator: versions in test.
    Tests,
    /// To the operator: mails that failed, were given up or came back.
    Mails,
    /// To the operator: the catalog is in recovery.
    Recovery,
}

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Channel {
    /// By an event that shows in the inbox.
    Inbox,
    /// By mail.
    Mail,
}

impl Category {
    /// Every category.
    pub(crate) const ALL: [Self; 8] = [
        Self::Consent,
        Self::Access,
        Self::Denials,
        Self::Acceptances,
        Self::Switches,
        Self::Tests,
        Self::Mails,
        Self::Recovery,
    ];

    /// Returns the stable word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Access => "access",
            Self::Denials => "denials",
            Self::Acceptances => "acceptances",
            Self::Switches => "switches",
            Self::Tests => "tests",
            Self::Mails => "mails",
            Self::Recovery => "recovery",
        }
    }

    /// Reads the word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Returns who is told of it.
    pub(crate) fn audience(self) -> Audience {
        match self {
            Self::Consent | Self::Access => Audience::Tenant,
            Self::Denials
            | Self::Acceptances
            | Self::Switches
            | Self::Tests
            | Self::Mails
            | Self::Recovery => Audience::Operator,
        }
    }

    /// Tells whether nobody may be without it: it asks for a decision or says what one led to, or
    /// that nothing goes on without the reader. A link to deny is never behind an unsubscribe link.
    pub(crate) fn is_required(self) -> bool {
        matches!(self, Self::Consent | Self::Recovery)
    }

    /// Tells whether there are mails of it: there is no mail about mail.
    pub(crate) fn is_mailed(self) -> bool {
        !matches!(self, Self::Tests | Self::Mails)
    }
}

impl Channel {
    /// Returns the stable word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Mail => "mail",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Kind, render::Letter};

    #[test]
    fn kinds_are_of_a_category_for_whom_they_are_and_mailed_if_it_is() {
        for kind in Kind::ALL {
            for audience in [Audience::Operator, Audience::Tenant] {
                let Some(placing) = kind.placing(audience) else {
                    continue;
                };
                let category = kind.category(audience);
                assert_eq!(category.audience(), audience, "{kind:?}");
                assert_eq!(category.is_mailed(), placing.mail.is_some(), "{kind:?}");
            }
        }
    }

    #[test]
    fn what_holds_a_link_to_decide_cannot_be_turned_off() {
        for kind in Kind::ALL {
            let placing = kind.placing(Audience::Tenant);
            let asks = placing.and_then(|placing| placing.mail);
            if matches!(asks, Some(Letter::DenyOffered | Letter::AcceptOffered)) {
                assert!(kind.category(Audience::Tenant).is_required(), "{kind:?}");
            }
        }
        assert!(!Category::Denials.is_required());
    }

    #[test]
    fn every_word_is_read_as_it_was_written() {
        for category in Category::ALL {
            assert_eq!(Category::from_word(category.as_str()), Some(category));
        }
    }
}
