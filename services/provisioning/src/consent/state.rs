//! Which state of a provisioning is shown: it follows from where the tenant stands and from what is
//! outstanding. One pure function, like [`step`](super::step); what every event leads to, state by
//! state, is in `consent/states.md`.

use serde::{Deserialize, Serialize};

use super::{Consent, Effect, Standing};

/// Where a provisioning stands, as operator and tenant see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// The mail that asks the tenant is not on its way yet.
    Requested,
    /// The tenant was asked, and has not accepted.
    PendingAcceptance,
    /// Users are to be let in, and not every gateway knows yet.
    Provisioning,
    /// Users are let in while the version is the active one.
    Provisioned,
    /// The tenant refused the version.
    Denied,
    /// It could not be done.
    Failed,
    /// Users are to be refused, and not every gateway knows yet.
    Deprovisioning,
    /// Taken away.
    Removed,
}

/// The mail with the link that the tenant was last sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mail {
    /// There is none, or it was handed over.
    Settled,
    /// It waits to be handed over.
    Waiting,
    /// It was refused for good.
    Refused,
}

/// Whether the gateways have applied what became of a provisioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gateways {
    /// Each has.
    Have,
    /// At least one has not, or nobody could say.
    Lack,
}

/// What is outstanding of a provisioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outstanding {
    /// Of its mail.
    pub(crate) mail: Mail,
    /// Of its grant.
    pub(crate) gateways: Gateways,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 8] = [
        Self::Requested,
        Self::PendingAcceptance,
        Self::Provisioning,
        Self::Provisioned,
        Self::Denied,
        Self::Failed,
        Self::Deprovisioning,
        Self::Removed,
    ];

    /// Decides what is shown.
    pub(crate) fn of(standing: Standing, outstanding: Outstanding) -> Self {
        match (standing, outstanding.mail, outstanding.gateways) {
            (Standing::PendingAcceptance, Mail::Waiting | Mail::Refused, _) => Self::Requested,
            (Standing::PendingAcceptance, Mail::Settled, _) => Self::PendingAcceptance,
            (Standing::Provisioned(_), _, Gateways::Lack) => Self::Provisioning,
            (Standing::Provisioned(_), _, Gateways::Have) => Self::Provisioned,
            (Standing::Denied, _, _) => Self::Denied,
            (Standing::Failed(_), _, _) => Self::Failed,
            (Standing::Removed(_), _, Gateways::Lack) => Self::Deprovisioning,
            (Standing::Removed(_), _, Gateways::Have) => Self::Removed,
        }
    }
}

impl Outstanding {
    /// Nothing is.
    pub(crate) const NOTHING: Self = Self {
        mail: Mail::Settled,
        gateways: Gateways::Have,
    };

    /// Returns what is outstanding once a provisioning that stood as `before` stands as `next`, and
    /// these effects have followed.
    pub(crate) fn after(
        self,
        before: Option<Standing>,
        next: Standing,
        effects: &[Effect],
    ) -> Self {
        let mail = effects.iter().fold(self.mail, |mail, effect| match effect {
            Effect::Ask(_) | Effect::OfferDeny(_) => Mail::Waiting,
            Effect::VoidLinks(_) => Mail::Settled,
            Effect::TellDenied | Effect::TellAccepted => mail,
        });
        let gateways = if regrants(before, next) {
            Gateways::Lack
        } else {
            self.gateways
        };
        Self { mail, gateways }
    }
}

/// Tells whether gateways must hear of it: standings differ as grants do, whatever they rest on.
pub(crate) fn regrants(before: Option<Standing>, next: Standing) -> bool {
    before.is_none_or(|before| std::mem::discriminant(&before) != std::mem::discriminant(&next))
}

/// Says to people why a provisioning stands where it stands, and what is outstanding.
pub(crate) fn sentence(consent: &Consent, outstanding: Outstanding) -> String {
    words(consent.standing, outstanding, &consent.since.note)
}

/// Says it, with what the actor said about it.
pub(crate) fn words(standing: Standing, outstanding: Outstanding, note: &str) -> String {
    let why = standing.sentence();
    let yet = match (standing, outstanding.mail, outstanding.gateways) {
        (Standing::PendingAcceptance, Mail::Waiting, _) => {
            return join(
                "The tenant is to be asked; the mail is not on its way yet.",
                "",
                note,
            );
        }
        (Standing::PendingAcceptance, Mail::Refused, _) => {
            return join(
                "The mail that asks the tenant was refused. Look at its contacts, then ask again.",
                "",
                note,
            );
        }
        (Standing::Provisioned(_), _, Gateways::Lack) => "Not every gateway lets its users in yet.",
        (Standing::Denied | Standing::Removed(_), _, Gateways::Lack) => {
            "Not every gateway has heard of it yet."
        }
        (Standing::Failed(_) | Standing::PendingAcceptance, _, _) | (_, _, Gateways::Have) => "",
    };
    join(why, yet, note)
}

fn join(why: &str, yet: &str, note: &str) -> String {
    let parts = [why, yet, note].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}
