//! Who may have a token. Pure: a credential, a version and a tenant as they stand, and one answer.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// A pair of client id and secret whose secret was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential {
    /// When it was made worthless.
    pub revoked: bool,
    /// From when on it is worthless.
    pub expires_at: Option<Timestamp>,
    /// Whether the version that the caller named is the one it was issued for.
    pub version_is_its_own: bool,
}

/// How the version of a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionStanding {
    /// Tenants use it, or may: a switch that is not settled leads from it, or to it and may have been
    /// committed.
    InUse,
    /// It is in test, for the operator's own tenant.
    InTest,
    /// A switch has led away from it; its pair works until then.
    Left {
        /// The end of the grace.
        grace_until: Timestamp,
    },
    /// Nobody uses it.
    NotInUse,
}

/// How a tenant stands to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may use it.
    Provisioned,
    /// It was asked and has not answered.
    Pending,
    /// It has said no.
    Denied,
    /// It was never asked, could not be served, or was removed.
    Absent,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// How the tenant stands to the version.
    pub tenant: Standing,
    /// Whether it is the operator's own.
    pub own_tenant: bool,
    /// Scopes that the version was granted.
    pub granted: &'a BTreeSet<String>,
    /// Scopes that the caller wants: none is all that are granted.
    pub wanted: &'a BTreeSet<String>,
}

/// Why there is no token. Each has a reason of its own for machines to go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The pair was revoked.
    #[error("this credential was revoked: use another, or have one issued")]
    CredentialRevoked,
    /// The pair's time is over.
    #[error("this credential has expired: have another issued")]
    CredentialExpired,
    /// The pair belongs to another version.
    #[error("this credential belongs to another version than the one named")]
    VersionWrong,
    /// No tenant uses the version, and no grace is left.
    #[error("this version is not in use: use the credential of the one that is")]
    VersionNotInUse,
    /// A version in test is for the operator's own tenant.
    #[error("this version is in test: only the operator's own tenant has tokens for it")]
    TestOwnTenantOnly,
    /// The tenant is not provisioned.
    #[error("the tenant is not provisioned to this version")]
    NotProvisioned,
    /// The tenant has not answered.
    #[error("the tenant was asked and has not accepted yet")]
    TenantPending,
    /// The tenant has said no.
    #[error("the tenant has denied this version")]
    TenantDenied,
    /// More is wanted than is granted.
    #[error("a scope is asked for that this version was not granted")]
    ScopeTooWide,
}

impl Refusal {
    /// Returns the reason for machines.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::CredentialRevoked => "CREDENTIAL_REVOKED",
            Self::CredentialExpired => "CREDENTIAL_EXPIRED",
            Self::VersionWrong => "VERSION_WRONG",
            Self::VersionNotInUse => "VERSION_NOT_IN_USE",
            Self::TestOwnTenantOnly => "TEST_OWN_TENANT_ONLY",
            Self::NotProvisioned => "NOT_PROVISIONED",
            Self::TenantPending => "TENANT_PENDING",
            Self::TenantDenied => "TENANT_DENIED",
            Self::ScopeTooWide => "SCOPE_TOO_WIDE",
        }
    }
}

/// Returns the scopes of the token, or why there is none. What is wrong with the pair comes first,
/// then the version, then the tenant: a pair that is worthless learns nothing of tenants.
pub fn decide(
    credential: Credential,
    version: VersionStanding,
    asked: Asked<'_>,
    now: Timestamp,
) -> Result<BTreeSet<String>, Refusal> {
    works(credential, version, now)?;
    for_tenant(version, asked)
}

/// Refuses a pair that gets no token for any tenant.
pub fn works(
    credential: Credential,
    version: VersionStanding,
    now: Timestamp,
) -> Result<(), Refusal> {
    if credential.revoked {
        return Err(Refusal::CredentialRevoked);
    }
    if credential.expires_at.is_some_and(|end| now >= end) {
        return Err(Refusal::CredentialExpired);
    }
    if !credential.version_is_its_own {
        return Err(Refusal::VersionWrong);
    }
    match version {
        VersionStanding::InUse | VersionStanding::InTest => Ok(()),
        VersionStanding::Left { grace_until } if now < grace_until => Ok(()),
        VersionStanding::Left { .. } | VersionStanding::NotInUse => Err(Refusal::VersionNotInUse),
    }
}

/// Returns the scopes that a pair which works has for a tenant.
pub fn for_tenant(version: VersionStanding, asked: Asked<'_>) -> Result<BTreeSet<String>, Refusal> {
    if version == VersionStanding::InTest && !asked.own_tenant {
        return Err(Refusal::TestOwnTenantOnly);
    }
    match asked.tenant {
        Standing::Provisioned => {}
        Standing::Denied => return Err(Refusal::TenantDenied),
        // Nobody is provisioned to a version in test, and the operator need not ask itself.
        Standing::Pending | Standing::Absent if version == VersionStanding::InTest => {}
        Standing::Pending => return Err(Refusal::TenantPending),
        Standing::Absent => return Err(Refusal::NotProvisioned),
    }
    if !asked.wanted.is_subset(asked.granted) {
        return Err(Refusal::ScopeTooWide);
    }
    Ok(if asked.wanted.is_empty() {
        asked.granted.clone()
    } else {
        asked.wanted.clone()
    })
}

#[cfg(test)]
mod tests;
