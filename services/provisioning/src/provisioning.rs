//! A provisioning: tenant × application × version, with its consent.

use contract::{ProvisioningName, Revision};
use jiff::Timestamp;

use crate::consent::Consent;

/// What lets a tenant's users into one version of an application, or keeps them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provisioning {
    /// Whose users, into what.
    pub(crate) name: ProvisioningName,
    /// Where it stands.
    pub(crate) consent: Consent,
    /// When it was first asked for.
    pub(crate) created_at: Timestamp,
    /// Grows by one with each change.
    pub(crate) revision: Revision,
    /// The grants' revision at which its grant last changed.
    pub(crate) granted_at: Revision,
}
