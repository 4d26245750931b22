//! Consent's words: where a tenant stands with a version, what may happen to it, and what follows.
//! What leads where is in [`step`], and which state is shown in [`state`]: state by state and event by
//! event it is written out in `consent/states.md`. What it means for a switch, forward and back, is in
//! `consent/switching.md`.

use contract::SwitchId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) mod apply;
pub(crate) mod decide;
#[cfg(feature = "faults")]
pub mod interleavings;
#[cfg(feature = "faults")]
pub mod model;
pub(crate) mod offer;
pub(crate) mod overview;
pub(crate) mod state;
#[cfg(test)]
pub(crate) mod states;
mod step;
#[cfg(test)]
pub(crate) mod switching;

pub(crate) use step::step;

/// Where a tenant stands with one version of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Asked, and has not accepted; users are refused.
    PendingAcceptance,
    /// Users are let in while the version is the active one.
    Provisioned(Basis),
    /// The tenant refused the version; so are its users.
    Denied,
    /// It could not be done; users are refused.
    Failed(Failure),
    /// Taken away; users are refused.
    Removed(Removal),
}

/// On what a tenant's use of a version rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Basis {
    /// The tenant accepted.
    Accepted,
    /// The operator has it in writing, or has the tenant's word.
    OnRecord,
    /// Moved along, and told how to deny.
    MovedWithNotice,
    /// Moved along between versions without app credentials.
    Moved,
}

/// Why a tenant could not be provisioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    /// There is nobody to tell or to ask.
    NoContact,
}

impl Failure {
    /// Says it to people.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::NoContact => "The tenant has no contact to tell.",
        }
    }
}

/// Why a provisioning was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Removal {
    /// The operator took the application away.
    ByOperator,
    /// It was made for a switch that was given up.
    TakenBack,
    /// The tenant was deleted.
    TenantDeleted,
}

/// When, by whom, and with what words it came to stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Since {
    /// When.
    pub(crate) at: Timestamp,
    /// Who or what.
    pub(crate) actor: String,
    /// A reason or reference that was given; may be empty.
    pub(crate) note: String,
}

/// One provisioning as far as consent goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consent {
    /// Where it stands.
    pub(crate) standing: Standing,
    /// Since when, and through whom.
    pub(crate) since: Since,
    /// The switch that brought the tenant to this version.
    pub(crate) brought_by: Option<SwitchId>,
    /// The open switch that has touched it.
    pub(crate) under: Option<Under>,
}

/// An open switch has touched a provisioning: if it is given up, this is how to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Under {
    /// Which switch.
    pub(crate) switch: SwitchId,
    /// What was there before it.
    pub(crate) before: Before,
}

/// What was there before a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Before {
    /// Nothing.
    Absent,
    /// This.
    Was(Past),
}

/// How a provisioning stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Past {
    /// Where it stood.
    pub(crate) standing: Standing,
    /// Since when, and through whom.
    pub(crate) since: Since,
    /// The switch that had brought the tenant there.
    pub(crate) brought_by: Option<SwitchId>,
}

/// What happens to a provisioning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The operator gives the application to the tenant, and the tenant is to be asked.
    Asked,
    /// The operator gives it, and has the tenant's consent in writing.
    OnRecord,
    /// The operator asks once more.
    AskedAgain,
    /// The tenant, or the operator on its word, accepts.
    Accepted(Basis),
    /// The tenant, or the operator on its word, refuses.
    Denied {
        /// The unsettled switch to this version, if there is one: the denial is bound to it.
        switch: Option<SwitchId>,
    },
    /// A switch to this version comes by the tenant.
    MovedAlong(Move),
    /// The tenant has decided about the version that an open switch starts from.
    SourceChanged(Move),
    /// This switch was given up.
    Voided(SwitchId),
    /// This switch was committed.
    Committed(SwitchId),
    /// The operator takes the application away.
    RemovedByOperator,
}

/// What a switch brings along for one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    /// Which switch.
    pub(crate) switch: SwitchId,
    /// With what the tenant comes from the source version.
    pub(crate) carried: Carried,
    /// Whether tenants are told how to deny.
    pub(crate) notice: Notice,
    /// Whether there is somebody to tell.
    pub(crate) contacts: Contacts,
}

/// With what a tenant comes from the version that a switch starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    /// Its users are let in there.
    Admission,
    /// It has not accepted, has denied, or could not be reached: it is to be asked.
    Question,
}

/// Whether a switch tells tenants how to deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// They are told.
    Told,
    /// Neither version needs app credentials: they are not.
    Untold,
}

/// Whether a tenant has somebody to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contacts {
    /// At least one.
    Some,
    /// None.
    None,
}

/// What follows from an event, in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// A link with which to accept goes to the contacts; earlier links are void.
    Ask(Option<SwitchId>),
    /// A link with which to deny goes to the contacts; earlier links are void.
    OfferDeny(Option<SwitchId>),
    /// Earlier links are void.
    VoidLinks(Option<SwitchId>),
    /// Operator and contacts are told that the tenant has denied.
    TellDenied,
    /// Operator and contacts are told that the tenant has accepted.
    TellAccepted,
}

/// Why an event does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The tenant does not have it.
    NotProvisioned,
    /// The tenant has it.
    AlreadyProvisioned,
}

/// What an event led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing changes: it was so already, or the event is late or foreign.
    Same,
    /// It stands so from now on, and this follows.
    Next(Box<Consent>, Vec<Effect>),
    /// The event does not apply.
    Refused(Refusal),
}

impl Standing {
    /// Tells whether a tenant has the version at all, be it undecided or denied.
    pub(crate) fn is_live(self) -> bool {
        match self {
            Self::PendingAcceptance | Self::Provisioned(_) | Self::Denied => true,
            Self::Failed(_) | Self::Removed(_) => false,
        }
    }

    /// Returns with what a tenant that stands so goes along with a switch; none if it stays behind.
    pub(crate) fn carried(self) -> Option<Carried> {
        match self {
            Self::Provisioned(_) => Some(Carried::Admission),
            Self::PendingAcceptance | Self::Denied | Self::Failed(_) => Some(Carried::Question),
            Self::Removed(_) => None,
        }
    }

    /// Says to people why it stands so.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::PendingAcceptance => "The tenant was asked and has not accepted yet.",
            Self::Provisioned(Basis::Accepted) => "The tenant has accepted.",
            Self::Provisioned(Basis::OnRecord) => {
                "The operator has the tenant's consent on record."
            }
            Self::Provisioned(Basis::MovedWithNotice) => {
                "A switch moved the tenant along; it was told how to deny."
            }
            Self::Provisioned(Basis::Moved) => "A switch moved the tenant along.",
            Self::Denied => "The tenant has denied the version.",
            Self::Failed(failure) => failure.sentence(),
            Self::Removed(Removal::ByOperator) => "The operator has taken the application away.",
            Self::Removed(Removal::TakenBack) => "It was made for a switch that was given up.",
            Self::Removed(Removal::TenantDeleted) => "The tenant was deleted.",
        }
    }
}
