//! What has happened to provisionings, as it is kept for the record and told to whoever follows.

use contract::{ProvisioningName, RequestId, Revision, SwitchId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::consent::{
    Event, Standing,
    state::{Gateways, Mail, Outstanding, State},
};

/// A change of a provisioning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Of what.
    pub(crate) name: ProvisioningName,
    /// What happened.
    pub(crate) what: What,
    /// When.
    pub(crate) at: Timestamp,
    /// Who or what caused it.
    pub(crate) actor: String,
    /// Why, as the actor gave it; may be empty.
    pub(crate) reason: String,
    /// How it stood before, if it was there.
    pub(crate) stood: Option<Stood>,
    /// How it stands since.
    pub(crate) stands: Stood,
    /// The switch to which the change belongs.
    pub(crate) switch: Option<SwitchId>,
    /// The request under which it was made.
    pub(crate) request: Option<RequestId>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It stood so when histories were introduced.
    KnownBefore,
    /// The operator gave the application, and the tenant is asked.
    Asked,
    /// The operator gave it, with the tenant's consent on record.
    OnRecord,
    /// The tenant was asked, or told how to deny, once more.
    AskedAgain,
    /// The tenant, or the operator on its word, accepted.
    Accepted,
    /// The tenant, or the operator on its word, denied.
    Denied,
    /// A switch brought the tenant along.
    MovedAlong,
    /// The tenant decided about the version that an open switch starts from.
    SourceChanged,
    /// The switch that had touched it was given up.
    SwitchGivenUp,
    /// The operator took the application away.
    Removed,
    /// The mail with the question was handed over.
    MailHandedOver,
    /// Every gateway has applied it. Never stored: it follows from what gateways say.
    Applied,
}

/// How a provisioning stands, as far as its row and its mail say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stood {
    /// Where.
    pub(crate) standing: Standing,
    /// The mail with its link.
    pub(crate) mail: Mail,
    /// The grants' revision at which its grant last changed.
    pub(crate) granted_at: Revision,
}

/// Where a change is among all: its transaction's number, and its place in the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) struct Place(pub(crate) i64, pub(crate) i64);

impl What {
    /// Every kind that is stored.
    pub(crate) const STORED: [Self; 11] = [
        Self::KnownBefore,
        Self::Asked,
        Self::OnRecord,
        Self::AskedAgain,
        Self::Accepted,
        Self::Denied,
        Self::MovedAlong,
        Self::SourceChanged,
        Self::SwitchGivenUp,
        Self::Removed,
        Self::MailHandedOver,
    ];

    /// Returns what an event is for the record, with the switch that it belongs to; none of what
    /// changes nothing that anybody sees.
    pub(crate) fn of(event: &Event) -> Option<(Self, Option<SwitchId>)> {
        Some(match event {
            Event::Asked => (Self::Asked, None),
            Event::OnRecord => (Self::OnRecord, None),
            Event::AskedAgain => (Self::AskedAgain, None),
            Event::Accepted(_) => (Self::Accepted, None),
            Event::Denied { switch } => (Self::Denied, *switch),
            Event::MovedAlong(a_move) => (Self::MovedAlong, Some(a_move.switch)),
            Event::SourceChanged(a_move) => (Self::SourceChanged, Some(a_move.switch)),
            Event::Voided(switch) => (Self::SwitchGivenUp, Some(*switch)),
            Event::Committed(_) => return None,
            Event::RemovedByOperator => (Self::Removed, None),
        })
    }

    /// Returns how it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::KnownBefore => "known_before",
            Self::Asked => "asked",
            Self::OnRecord => "on_record",
            Self::AskedAgain => "asked_again",
            Self::Accepted => "accepted",
            Self::Denied => "denied",
            Self::MovedAlong => "moved_along",
            Self::SourceChanged => "source_changed",
            Self::SwitchGivenUp => "switch_given_up",
            Self::Removed => "removed",
            Self::MailHandedOver => "mail_handed_over",
            Self::Applied => "applied",
        }
    }
}

impl Change {
    /// Returns the states from which and to which it led, when every gateway has applied the grants up
    /// to `applied`.
    pub(crate) fn states(&self, applied: Revision) -> (Option<State>, State) {
        let before = self.stood.map(|stood| match self.what {
            // Just before, one had not.
            What::Applied => State::of(
                stood.standing,
                Outstanding {
                    mail: stood.mail,
                    gateways: Gateways::Lack,
                },
            ),
            _ => stood.state(applied),
        });
        (before, self.stands.state(applied))
    }
}

impl Stood {
    /// Returns what is outstanding when every gateway has applied the grants up to `applied`.
    pub(crate) fn outstanding(self, applied: Revision) -> Outstanding {
        Outstanding {
            mail: self.mail,
            gateways: gateways(self.granted_at, applied),
        }
    }

    /// Returns the state that is shown then.
    fn state(self, applied: Revision) -> State {
        State::of(self.standing, self.outstanding(applied))
    }
}

/// Tells whether gateways that have all applied the grants up to `applied` have this one.
pub(crate) fn gateways(granted_at: Revision, applied: Revision) -> Gateways {
    if granted_at <= applied {
        Gateways::Have
    } else {
        Gateways::Lack
    }
}
