//! What another service wants somebody to know, checked.

use std::{fmt, str::FromStr};

use contract::{
    ApplicationName, EmailAddress, InboxName, Line, ProposalName, Prose, RequestId, SwitchName,
    TenantId, VersionName,
};
use jiff::Timestamp;

use crate::{
    category::Category,
    event::{Audience, Kind, Placing},
};

/// What people call an application, a tenant or themselves.
pub type DisplayName = Line<100>;

/// The most mail addresses of one recipient.
pub(crate) const ADDRESSES_MAX: usize = 20;

/// What somebody is to know.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    /// What happened.
    pub(crate) cause: Cause,
    /// The request under which it happened.
    pub(crate) request_id: Option<RequestId>,
    /// When it happened.
    pub(crate) time: Timestamp,
    /// Whom to tell.
    pub(crate) recipient: Recipient,
    /// What to tell.
    pub(crate) body: Body,
    placing: Placing,
}

/// What is told is not for whom it was to be told to.
#[derive(Debug, thiserror::Error)]
#[error("is not told of {}", .0.as_str())]
pub(crate) struct NotForThem(pub(crate) Kind);

/// Whom to tell.
#[derive(Debug, Clone)]
pub(crate) enum Recipient {
    /// The operator, at the addresses of this service's own setting.
    Operator,
    /// A tenant.
    Tenant {
        /// Which one.
        tenant: TenantId,
        /// Where mails go; at most [`ADDRESSES_MAX`].
        addresses: Vec<Mailbox>,
    },
}

/// A mailbox and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mailbox {
    /// Where mails go.
    pub(crate) address: EmailAddress,
    /// For the salutation.
    pub(crate) display_name: Option<DisplayName>,
}

/// An application or a tenant: its name, and what people call it.
#[derive(Debug, Clone)]
pub(crate) struct Called<N> {
    /// Its name.
    pub(crate) name: N,
    /// What people call it.
    pub(crate) display_name: DisplayName,
}

/// An application.
pub(crate) type Application = Called<ApplicationName>;
/// A tenant.
pub(crate) type Tenant = Called<TenantId>;

/// What to tell.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// The tenant is moved to another version and may deny.
    DenyOffered {
        /// Which application.
        application: Application,
        /// Which tenant.
        tenant: Tenant,
        /// The version in use.
        source: VersionName,
        /// The version that follows.
        target: VersionName,
        /// Goes into the link.
        token: Token,
        /// Until when the link works.
        expires: Timestamp,
    },
    /// The tenant is asked to accept an application.
    AcceptOffered {
        /// Which application.
        application: Application,
        /// Which tenant.
        tenant: Tenant,
        /// The version that it would use.
        target: VersionName,
        /// Goes into the link.
        token: Token,
        /// Until when the link works.
        expires: Timestamp,
    },
    /// The tenant has denied a version.
    VersionDenied {
        /// Which application.
        application: Application,
        /// Which tenant.
        tenant: Tenant,
        /// The version.
        version: VersionName,
        /// Who decided, as far as known.
        actor: Option<Actor>,
        /// From when on it counts.
        counts: Counts,
    },
    /// The tenant has accepted a version.
    VersionAccepted {
        /// Which application.
        application: Application,
        /// Which tenant.
        tenant: Tenant,
        /// The version.
        version: VersionName,
        /// Who decided, as far as known.
        actor: Option<Actor>,
    },
    /// Another version is in use.
    SwitchSucceeded {
        /// Which application.
        application: Application,
        /// Which switch.
        switch: SwitchName,
        /// The version before; none at a first activation.
        source: Option<VersionName>,
        /// The version in use.
        target: VersionName,
        /// Tenants that denied it.
        denied_tenants: u32,
    },
    /// A switch was given up; everything is as before.
    SwitchGivenUp {
        /// Which application.
        application: Application,
        /// Which switch.
        switch: SwitchName,
        /// The version that did not become active.
        target: VersionName,
        /// Why.
        message: Prose<2000>,
    },
    /// A version is in test.
    VersionInTest {
        /// Which application.
        application: Application,
        /// The version.
        version: VersionName,
        /// Where testers reach it.
        test_address: Line<300>,
    },
    /// Something waits for a second person.
    ProposalWaiting {
        /// Which application.
        application: Application,
        /// Which proposal.
        proposal: ProposalName,
        /// The version that is to be used; none where no second person is to be needed any more.
        version: Option<VersionName>,
        /// Who has proposed it.
        proposer: Actor,
        /// Why.
        message: Prose<2000>,
        /// Until when it can be approved.
        expires: Timestamp,
    },
    /// A backup of the catalog was restored.
    CatalogInRecovery {
        /// Why, as the catalog says it.
        message: Prose<2000>,
    },
    /// An application was taken away from a tenant.
    AccessRemoved {
        /// Which application.
        application: Application,
        /// Which tenant.
        tenant: Tenant,
        /// Why, as the operator gave it.
        message: Prose<2000>,
    },
}

/// Who decided: a contact's link, or a person's name.
pub(crate) type Actor = Line<200>;

/// From when on a denial counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Every gateway refuses the tenant's users.
    Now,
    /// It is recorded, and counts from the commit of the open switch on.
    FromCommit,
}

impl Recipient {
    fn audience(&self) -> Audience {
        match self {
            Self::Operator => Audience::Operator,
            Self::Tenant { .. } => Audience::Tenant,
        }
    }
}

impl Notice {
    /// Makes a notice.
    ///
    /// # Errors
    /// If that recipient is not told of such things.
    pub(crate) fn new(
        cause: Cause,
        request_id: Option<RequestId>,
        time: Timestamp,
        recipient: Recipient,
        body: Body,
    ) -> Result<Self, NotForThem> {
        let kind = body.kind();
        let placing = kind.placing(recipient.audience()).ok_or(NotForThem(kind))?;
        Ok(Self {
            cause,
            request_id,
            time,
            recipient,
            body,
            placing,
        })
    }

    /// Returns what it is about, as far as its recipient may want to be told of it or not.
    pub(crate) fn category(&self) -> Category {
        self.body.kind().category(self.audience())
    }

    /// Returns for whom it is.
    pub(crate) fn audience(&self) -> Audience {
        self.recipient.audience()
    }

    /// Returns what is made of it.
    pub(crate) fn placing(&self) -> Placing {
        self.placing
    }

    /// Returns the inbox that shows it.
    pub(crate) fn inbox(&self) -> InboxName {
        match &self.recipient {
            Recipient::Operator => InboxName::Operator,
            Recipient::Tenant { tenant, .. } => InboxName::Tenant(tenant.clone()),
        }
    }
}

impl Body {
    /// Returns its kind.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::DenyOffered { .. } => Kind::DenyOffered,
            Self::AcceptOffered { .. } => Kind::AcceptOffered,
            Self::VersionDenied { .. } => Kind::VersionDenied,
            Self::VersionAccepted { .. } => Kind::VersionAccepted,
            Self::SwitchSucceeded { .. } => Kind::SwitchSucceeded,
            Self::SwitchGivenUp { .. } => Kind::SwitchGivenUp,
            Self::VersionInTest { .. } => Kind::VersionInTest,
            Self::ProposalWaiting { .. } => Kind::ProposalWaiting,
            Self::CatalogInRecovery { .. } => Kind::CatalogInRecovery,
            Self::AccessRemoved { .. } => Kind::AccessRemoved,
        }
    }

    /// Returns the application that it is about, if any.
    pub(crate) fn application(&self) -> Option<&Application> {
        match self {
            Self::DenyOffered { application, .. }
            | Self::AcceptOffered { application, .. }
            | Self::VersionDenied { application, .. }
            | Self::VersionAccepted { application, .. }
            | Self::SwitchSucceeded { application, .. }
            | Self::SwitchGivenUp { application, .. }
            | Self::VersionInTest { application, .. }
            | Self::ProposalWaiting { application, .. }
            | Self::AccessRemoved { application, .. } => Some(application),
            Self::CatalogInRecovery { .. } => None,
        }
    }

    /// Returns the tenant that it is about, if any.
    pub(crate) fn tenant(&self) -> Option<&Tenant> {
        match self {
            Self::DenyOffered { tenant, .. }
            | Self::AcceptOffered { tenant, .. }
            | Self::VersionDenied { tenant, .. }
            | Self::VersionAccepted { tenant, .. }
            | Self::AccessRemoved { tenant, .. } => Some(tenant),
            Self::SwitchSucceeded { .. }
            | Self::SwitchGivenUp { .. }
            | Self::VersionInTest { .. }
            | Self::ProposalWaiting { .. }
            | Self::CatalogInRecovery { .. } => None,
        }
    }
}

/// Names what happened: 1 to 100 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause(Box<str>);

impl Cause {
    /// The most characters.
    pub(crate) const MAX: usize = 100;

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a cause.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to 100 printable ASCII characters")]
pub(crate) struct NoCause;

impl FromStr for Cause {
    type Err = NoCause;

    fn from_str(text: &str) -> Result<Self, NoCause> {
        let printable = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if (1..=Self::MAX).contains(&text.len()) && printable {
            Ok(Self(text.into()))
        } else {
            Err(NoCause)
        }
    }
}

/// What a consent link ends in: 32 random bytes as 43 characters of URL-safe base64.
///
/// Whoever holds it decides for the tenant, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Box<str>);

impl Token {
    const LENGTH: usize = 43;

    /// Returns the text. It belongs into the mail and nowhere else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// The text is not a token; it is not repeated.
#[derive(Debug, thiserror::Error)]
#[error("must be 43 characters of URL-safe base64")]
pub(crate) struct NoToken;

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let url_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if text.len() == Self::LENGTH && text.chars().all(url_safe) {
            Ok(Self(text.into()))
        } else {
            Err(NoToken)
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_printable_and_short() {
        for good in ["x", "applications/crm/switches/1 of 2", &"c".repeat(100)] {
            assert_eq!(good.parse::<Cause>().unwrap().as_str(), good);
        }
        for bad in ["", "a\nb", "ä", "\u{7f}", &"c".repeat(101)] {
            assert!(bad.parse::<Cause>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_refused_without_being_repeated_and_never_shown() {
        let token = "a-_9".repeat(11)[..43].to_owned();
        assert_eq!(format!("{:?}", token.parse::<Token>().unwrap()), "Token(…)");
        for bad in ["", "short", &"=".repeat(43), &"a".repeat(44), "a/../b"] {
            let error = bad.parse::<Token>().unwrap_err().to_string();
            assert!(bad.is_empty() || !error.contains(bad), "{bad:?}");
        }
    }
}
