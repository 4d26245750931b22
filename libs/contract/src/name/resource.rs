//! Resource names as the API writes them: `applications/{application}/versions/{version}`.

use std::{fmt, str::FromStr};

use super::{
    ApplicationName, CredentialId, DeliveryId, EventId, GatewayName, NameError, ProposalNumber,
    SwitchId, TenantId, VersionName, serde_as_text,
};

/// Declares a resource name: its fields in order, each behind its collection.
macro_rules! resource {
    (
        $(#[$docs:meta])*
        $name:ident, $what:literal, $pattern:literal,
        { $($(#[$field_docs:meta])* $collection:literal / $field:ident: $type:ty),+ $(,)? }
    ) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            $($(#[$field_docs])* pub $field: $type),+
        }

        impl $name {
            /// The form of the name.
            pub const PATTERN: &'static str = $pattern;

            fn split(text: &str) -> Option<Self> {
                let mut segments = text.split('/');
                $(
                    let $field = segments
                        .next()
                        .filter(|collection| *collection == $collection)
                        .and_then(|_| segments.next())
                        .and_then(|id| id.parse().ok())?;
                )+
                segments.next().is_none().then_some(Self { $($field),+ })
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::split(text).ok_or_else(|| NameError::new(text, $what, $pattern))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut separator = "";
                $(
                    write!(f, "{separator}{}/{}", $collection, self.$field)?;
                    separator = "/";
                )+
                let _ = separator;
                Ok(())
            }
        }

        serde_as_text!($name);
    };
}

resource! {
    /// An application.
    ApplicationRef, "an application's resource name", "applications/{application}",
    {
        /// Its name.
        "applications" / application: ApplicationName,
    }
}
resource! {
    /// One version of an application.
    VersionRef, "a version's resource name", "applications/{application}/versions/{version}",
    {
        /// Whose version it is.
        "applications" / application: ApplicationName,
        /// Its name.
        "versions" / version: VersionName,
    }
}
resource! {
    /// One switch of an application.
    SwitchName, "a switch's resource name", "applications/{application}/switches/{switch}",
    {
        /// What it moves to another version.
        "applications" / application: ApplicationName,
        /// Its id.
        "switches" / switch: SwitchId,
    }
}
resource! {
    /// What one person has proposed for an application and another is to approve.
    ProposalName, "a proposal's resource name", "applications/{application}/proposals/{proposal}",
    {
        /// For what.
        "applications" / application: ApplicationName,
        /// Which one.
        "proposals" / proposal: ProposalNumber,
    }
}
resource! {
    /// One pair of app credentials of a version.
    CredentialName, "app credentials' resource name",
    "applications/{application}/versions/{version}/credentials/{credential}",
    {
        /// Whose credentials they are.
        "applications" / application: ApplicationName,
        /// The version whose backend holds them.
        "versions" / version: VersionName,
        /// Their id.
        "credentials" / credential: CredentialId,
    }
}
resource! {
    /// A tenant.
    TenantRef, "a tenant's resource name", "tenants/{tenant}",
    {
        /// Its id.
        "tenants" / tenant: TenantId,
    }
}
resource! {
    /// What lets a tenant's users into one version of an application.
    ProvisioningName, "a provisioning's resource name",
    "tenants/{tenant}/applications/{application}/provisionings/{version}",
    {
        /// Whose users.
        "tenants" / tenant: TenantId,
        /// Into what.
        "applications" / application: ApplicationName,
        /// Into which version of it.
        "provisionings" / version: VersionName,
    }
}
resource! {
    /// One gateway of the fleet.
    GatewayRef, "a gateway's resource name", "gateways/{gateway}",
    {
        /// Its name.
        "gateways" / gateway: GatewayName,
    }
}
resource! {
    /// One delivery: a mail to one recipient.
    DeliveryName, "a delivery's resource name", "deliveries/{delivery}",
    {
        /// Its id.
        "deliveries" / delivery: DeliveryId,
    }
}

impl From<ApplicationName> for ApplicationRef {
    fn from(application: ApplicationName) -> Self {
        Self { application }
    }
}

impl From<TenantId> for TenantRef {
    fn from(tenant: TenantId) -> Self {
        Self { tenant }
    }
}

impl From<GatewayName> for GatewayRef {
    fn from(gateway: GatewayName) -> Self {
        Self { gateway }
    }
}

/// An inbox: the operator's, or one tenant's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InboxName {
    /// `operator/inbox`.
    Operator,
    /// `tenants/{tenant}/inbox`.
    Tenant(TenantId),
}

impl InboxName {
    /// The forms of the name.
    pub const PATTERN: &'static str = "operator/inbox or tenants/{tenant}/inbox";
}

impl FromStr for InboxName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let owner = text.strip_suffix("/inbox");
        match owner {
            Some("operator") => Some(Self::Operator),
            Some(owner) => owner
                .parse()
                .map(|TenantRef { tenant }| Self::Tenant(tenant))
                .ok(),
            None => None,
        }
        .ok_or_else(|| NameError::new(text, "an inbox's resource name", Self::PATTERN))
    }
}

impl fmt::Display for InboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator/inbox"),
            Self::Tenant(tenant) => write!(f, "tenants/{tenant}/inbox"),
        }
    }
}

serde_as_text!(InboxName);

/// One event in an inbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName {
    /// The inbox that shows it.
    pub inbox: InboxName,
    /// Its id.
    pub event: EventId,
}

impl EventName {
    /// The forms of the name.
    pub const PATTERN: &'static str =
        "operator/inbox/events/{event} or tenants/{tenant}/inbox/events/{event}";
}

impl FromStr for EventName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.split_once("/events/")
            .and_then(|(inbox, event)| {
                Some(Self {
                    inbox: inbox.parse().ok()?,
                    event: event.parse().ok()?,
                })
            })
            .ok_or_else(|| NameError::new(text, "an event's resource name", Self::PATTERN))
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/events/{}", self.inbox, self.event)
    }
}

serde_as_text!(EventName);

/// A parent that may be all of its kind at once (AIP-159).
pub trait Wildcard {
    /// How all of the kind are written.
    const ALL: &'static str;
}

impl Wildcard for ApplicationRef {
    const ALL: &'static str = "applications/-";
}

impl Wildcard for TenantRef {
    const ALL: &'static str = "tenants/-";
}

impl Wildcard for InboxName {
    const ALL: &'static str = "tenants/-/inbox";
}

/// One parent of a list, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrAll<T> {
    /// All of the kind.
    All,
    /// This one.
    One(T),
}

impl<T> OrAll<T> {
    /// Returns the one, if it is one.
    pub fn one(self) -> Option<T> {
        match self {
            Self::All => None,
            Self::One(one) => Some(one),
        }
    }
}

impl<T: Wildcard + FromStr> FromStr for OrAll<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == T::ALL {
            Ok(Self::All)
        } else {
            text.parse().map(Self::One)
        }
    }
}

impl<T: Wildcard + fmt::Display> fmt::Display for OrAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(T::ALL),
            Self::One(one) => one.fmt(f),
        }
    }
}
