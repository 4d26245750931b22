//! Who calls: nobody known, or one identity with one role.

use std::{fmt, str::FromStr};

use proto::access::v1 as wire;

use crate::{
    name::{GatewayName, GatewayRef, NameError, TenantId, TenantRef, serde_as_text},
    problem::Problem,
};

/// What a caller is to Switchover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May change things for the operator.
    OperatorAdmin,
    /// May look at everything and change nothing.
    OperatorViewer,
    /// Sees versions in test.
    Tester,
    /// Sees and decides for one tenant alone.
    TenantAdmin,
    /// One gateway, speaking for itself alone.
    Gateway,
    /// Another Switchover service, doing its own work.
    Service,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::OperatorAdmin,
        Self::OperatorViewer,
        Self::Tester,
        Self::TenantAdmin,
        Self::Gateway,
        Self::Service,
    ];

    /// Returns its name in key files and metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OperatorAdmin => "operator-admin",
            Self::OperatorViewer => "operator-viewer",
            Self::Tester => "tester",
            Self::TenantAdmin => "tenant-admin",
            Self::Gateway => "gateway",
            Self::Service => "service",
        }
    }

    /// Returns the proto's role.
    pub fn to_wire(self) -> wire::Role {
        match self {
            Self::OperatorAdmin => wire::Role::OperatorAdmin,
            Self::OperatorViewer => wire::Role::OperatorViewer,
            Self::Tester => wire::Role::Tester,
            Self::TenantAdmin => wire::Role::TenantAdmin,
            Self::Gateway => wire::Role::Gateway,
            Self::Service => wire::Role::Service,
        }
    }

    /// Reads the proto's role; anyone is no role.
    pub(crate) fn from_wire(role: wire::Role) -> Option<Self> {
        match role {
            wire::Role::Unspecified | wire::Role::Anyone => None,
            wire::Role::OperatorAdmin => Some(Self::OperatorAdmin),
            wire::Role::OperatorViewer => Some(Self::OperatorViewer),
            wire::Role::Tester => Some(Self::Tester),
            wire::Role::TenantAdmin => Some(Self::TenantAdmin),
            wire::Role::Gateway => Some(Self::Gateway),
            wire::Role::Service => Some(Self::Service),
        }
    }
}

impl FromStr for Role {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                NameError::new(
                    text,
                    "a role",
                    "operator-admin, operator-viewer, tester, tenant-admin, gateway or service",
                )
            })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

serde_as_text!(Role);

/// Who somebody is, in receipts and logs: 1 to 120 printable ASCII characters without spaces, such
/// as `people/anna`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Box<str>);

impl Subject {
    /// The most characters.
    pub const MAX: usize = 120;

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits =
            (1..=Self::MAX).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        if fits {
            Ok(Self(text.into()))
        } else {
            let allowed = "1 to 120 printable ASCII characters without spaces";
            Err(NameError::new(text, "a subject", allowed))
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({})", self.0)
    }
}

serde_as_text!(Subject);

/// A known caller: its role, and who it is in that role.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// May change things for the operator.
    OperatorAdmin(Subject),
    /// May look at everything and change nothing.
    OperatorViewer(Subject),
    /// Sees versions in test.
    Tester(Subject),
    /// Sees and decides for this tenant alone.
    TenantAdmin(TenantId),
    /// This gateway, speaking for itself alone.
    Gateway(GatewayName),
    /// Another Switchover service.
    Service(Subject),
}

impl Identity {
    /// Joins a role with who it is: `tenants/{tenant}` for a tenant's admin, `gateways/{gateway}`
    /// for a gateway, any subject for the others.
    pub fn new(role: Role, subject: &str) -> Result<Self, NameError> {
        Ok(match role {
            Role::OperatorAdmin => Self::OperatorAdmin(subject.parse()?),
            Role::OperatorViewer => Self::OperatorViewer(subject.parse()?),
            Role::Tester => Self::Tester(subject.parse()?),
            Role::TenantAdmin => Self::TenantAdmin(subject.parse::<TenantRef>()?.tenant),
            Role::Gateway => Self::Gateway(subject.parse::<GatewayRef>()?.gateway),
            Role::Service => Self::Service(subject.parse()?),
        })
    }

    /// Returns the role.
    pub fn role(&self) -> Role {
        match self {
            Self::OperatorAdmin(_) => Role::OperatorAdmin,
            Self::OperatorViewer(_) => Role::OperatorViewer,
            Self::Tester(_) => Role::Tester,
            Self::TenantAdmin(_) => Role::TenantAdmin,
            Self::Gateway(_) => Role::Gateway,
            Self::Service(_) => Role::Service,
        }
    }

    /// Returns who it is, in the form that [`Identity::new`] takes.
    pub fn subject(&self) -> String {
        match self {
            Self::OperatorAdmin(subject)
            | Self::OperatorViewer(subject)
            | Self::Tester(subject)
            | Self::Service(subject) => subject.to_string(),
            Self::TenantAdmin(tenant) => TenantRef::from(tenant.clone()).to_string(),
            Self::Gateway(gateway) => GatewayRef::from(gateway.clone()).to_string(),
        }
    }
}

/// Who calls an RPC; handlers find it in the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// No credentials were given.
    Anonymous,
    /// It is known who.
    Known(Identity),
}

impl Caller {
    /// Returns the role, if known.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Anonymous => None,
            Self::Known(identity) => Some(identity.role()),
        }
    }

    /// Returns who it is, for receipts and logs.
    pub fn subject(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Known(identity) => identity.subject(),
        }
    }

    /// Returns the only tenant whose things this caller may see, or none if all.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Known(Identity::TenantAdmin(tenant)) => Some(tenant),
            Self::Anonymous | Self::Known(_) => None,
        }
    }

    /// Returns the gateway that calls, if one does.
    pub fn gateway(&self) -> Option<&GatewayName> {
        match self {
            Self::Known(Identity::Gateway(gateway)) => Some(gateway),
            Self::Anonymous | Self::Known(_) => None,
        }
    }

    /// Refuses, as if it did not exist, a resource that is not this caller's: a tenant's admin and
    /// a gateway own their resource and all below it, nobody known owns nothing, the others are
    /// bound by their role alone.
    pub fn may_touch(&self, resource: &impl fmt::Display) -> Result<(), Problem> {
        let own = match self {
            Self::Anonymous => return Err(Problem::not_found(resource)),
            Self::Known(identity) => match identity {
                Identity::TenantAdmin(_) | Identity::Gateway(_) => identity.subject(),
                Identity::OperatorAdmin(_)
                | Identity::OperatorViewer(_)
                | Identity::Tester(_)
                | Identity::Service(_) => return Ok(()),
            },
        };
        let resource = resource.to_string();
        match resource.strip_prefix(&own) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Ok(()),
            Some(_) | None => Err(Problem::not_found(resource)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, subject: &str) -> Caller {
        Caller::Known(Identity::new(role, subject).unwrap())
    }

    #[test]
    fn a_tenant_touches_its_own_and_is_told_not_found_for_all_else() {
        let acme = caller(Role::TenantAdmin, "tenants/acme");
        for own in [
            "tenants/acme",
            "tenants/acme/inbox",
            "tenants/acme/applications/crm/provisionings/2",
        ] {
            assert!(acme.may_touch(&own).is_ok(), "{own}");
        }
        for other in [
            "tenants/acme2",
            "tenants/acm",
            "tenants/-",
            "tenants/beta/inbox",
            "operator/inbox",
            "",
        ] {
            let problem = acme.may_touch(&other).unwrap_err();
            assert_eq!(problem, Problem::not_found(other));
        }
    }

    #[test]
    fn a_gateway_speaks_for_itself_alone() {
        let gateway = caller(Role::Gateway, "gateways/g-1");
        assert!(gateway.may_touch(&"gateways/g-1").is_ok());
        assert!(gateway.may_touch(&"gateways/g-10").is_err());
        assert!(gateway.may_touch(&"tenants/acme").is_err());
    }

    #[test]
    fn the_operator_is_bound_by_its_role_alone_and_nobody_owns_nothing() {
        assert!(
            caller(Role::OperatorViewer, "people/anna")
                .may_touch(&"tenants/acme")
                .is_ok()
        );
        assert!(Caller::Anonymous.may_touch(&"tenants/acme").is_err());
    }

    #[test]
    fn an_identity_says_who_it_is_in_the_form_it_was_given() {
        for (role, subject) in [
            (Role::OperatorAdmin, "people/anna"),
            (Role::TenantAdmin, "tenants/acme"),
            (Role::Gateway, "gateways/g-1"),
            (Role::Service, "catalog"),
        ] {
            let identity = Identity::new(role, subject).unwrap();
            assert_eq!(
                (identity.role(), identity.subject().as_str()),
                (role, subject)
            );
        }
        assert!(Identity::new(Role::TenantAdmin, "acme").is_err());
        assert!(Identity::new(Role::Gateway, "tenants/acme").is_err());
        assert!(Identity::new(Role::Tester, "a b").is_err());
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
    }
}
