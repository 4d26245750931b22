//! A link that was sent to a tenant, and where it stands.

use contract::{ProvisioningName, SwitchId, VersionName};
use jiff::Timestamp;

use super::{Basis, Consent, Standing, decide::Choice};

/// A link that was sent; its token is known by its hash alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// SHA-256 of the token, lower-case hex.
    pub(crate) hash: String,
    /// What it is about.
    pub(crate) name: ProvisioningName,
    /// What the tenant was asked.
    pub(crate) purpose: Purpose,
    /// The switch it was made for.
    pub(crate) switch: Option<SwitchId>,
    /// The version in use when it was made.
    pub(crate) source: Option<VersionName>,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// Until when it works.
    pub(crate) expires_at: Timestamp,
    /// Whether something has made it void.
    pub(crate) validity: Validity,
}

/// What a tenant was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To accept the application.
    Accept,
    /// It is moved along, and may deny.
    Deny,
}

/// Whether something has made a link void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Nothing has.
    Good,
    /// The tenant was asked anew, the application was taken away, or its switch was given up.
    Void,
}

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nobody has decided.
    Open,
    /// Accepted.
    Accepted,
    /// Denied; whether that is in force is the gateways' to say.
    Denied,
    /// The time to decide is over.
    Expired,
    /// It counts no longer.
    Void,
}

/// Why nothing can be decided by a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It counts no longer, or was made for another switch than the one that it would be about.
    Void,
    /// Its time is over.
    Expired,
}

impl Offer {
    /// Tells whether whoever holds the link may decide so. `switch` is the unsettled one to the version
    /// that it is about, if there is one.
    pub(crate) fn may_decide(
        &self,
        consent: &Consent,
        switch: Option<SwitchId>,
        choice: Choice,
        now: Timestamp,
    ) -> Result<(), Closed> {
        match self.status(consent, now) {
            Status::Void => return Err(Closed::Void),
            Status::Expired => return Err(Closed::Expired),
            Status::Open | Status::Accepted | Status::Denied => {}
        }
        // A link that was made for an earlier switch takes nothing away under a later one.
        let foreign = switch
            .zip(self.switch)
            .is_some_and(|(switch, made_for)| switch != made_for);
        match choice {
            Choice::Deny if foreign => Err(Closed::Void),
            Choice::Deny | Choice::Accept => Ok(()),
        }
    }

    /// Returns where the link stands, given where its provisioning stands.
    pub(crate) fn status(&self, consent: &Consent, now: Timestamp) -> Status {
        match self.validity {
            Validity::Void => return Status::Void,
            Validity::Good if self.expires_at <= now => return Status::Expired,
            Validity::Good => {}
        }
        match consent.standing {
            Standing::PendingAcceptance
            | Standing::Provisioned(Basis::Moved | Basis::MovedWithNotice) => Status::Open,
            // What was accepted before this question was asked does not answer it.
            Standing::Provisioned(Basis::Accepted | Basis::OnRecord)
                if self.purpose == Purpose::Deny && consent.since.at < self.created_at =>
            {
                Status::Open
            }
            Standing::Provisioned(Basis::Accepted | Basis::OnRecord) => Status::Accepted,
            Standing::Denied => Status::Denied,
            Standing::Failed(_) | Standing::Removed(_) => Status::Void,
        }
    }
}
