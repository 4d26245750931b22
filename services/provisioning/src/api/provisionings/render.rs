//! Provisionings and what has happened to them, as the wire has them.

use contract::{Etag, Revision, SwitchName, time};
use jiff::Timestamp;
use proto::provisioning::v1::{self as wire, ConsentBasis, ProvisioningEvent, ProvisioningState};

use crate::{
    change::{Change, What},
    consent::{
        Basis, Standing,
        state::{State, words},
    },
    outstanding::Seen,
};

/// Renders a provisioning.
pub(crate) fn provisioning(seen: &Seen) -> wire::Provisioning {
    let row = &seen.row;
    let consent = &row.consent;
    let basis = match consent.standing {
        Standing::Provisioned(Basis::Accepted) => ConsentBasis::Accepted,
        Standing::Provisioned(Basis::OnRecord) => ConsentBasis::OnRecord,
        Standing::Provisioned(Basis::MovedWithNotice) => ConsentBasis::MovedWithNotice,
        Standing::Provisioned(Basis::Moved) => ConsentBasis::Moved,
        Standing::PendingAcceptance
        | Standing::Denied
        | Standing::Failed(_)
        | Standing::Removed(_) => ConsentBasis::Unspecified,
    };
    let switch = consent.brought_by.map(|switch| {
        let application = row.name.application.clone();
        SwitchName {
            application,
            switch,
        }
        .to_string()
    });
    // Nobody decides about what was taken away.
    let until = seen
        .until
        .filter(|_| !matches!(consent.standing, Standing::Removed(_)));
    wire::Provisioning {
        name: row.name.to_string(),
        state: state(seen.state()).into(),
        state_message: seen.sentence(),
        state_time: Some(time::write(consent.since.at)),
        state_actor: consent.since.actor.clone(),
        consent_basis: basis.into(),
        switch: switch.unwrap_or_default(),
        offer_expire_time: until.map(time::write),
        create_time: Some(time::write(row.created_at)),
        etag: Etag::from(row.revision).to_string(),
    }
}

/// Renders a change as of when every gateway had applied the grants up to `applied`; `applied_at` is
/// when that was so of this change.
pub(crate) fn change(
    change: &Change,
    applied: Revision,
    applied_at: Option<Timestamp>,
) -> wire::ProvisioningChange {
    let switch = change.switch.map(|switch| {
        let application = change.name.application.clone();
        SwitchName {
            application,
            switch,
        }
        .to_string()
    });
    let (before, after) = change.states(applied);
    let stands = change.stands;
    wire::ProvisioningChange {
        provisioning: change.name.to_string(),
        time: Some(time::write(change.at)),
        event: event(change.what).into(),
        actor: change.actor.clone(),
        reason: change.reason.clone(),
        previous_state: before.map_or(ProvisioningState::Unspecified, state).into(),
        state: state(after).into(),
        state_message: words(stands.standing, stands.outstanding(applied), ""),
        switch: switch.unwrap_or_default(),
        request_id: change
            .request
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        apply_time: applied_at.map(time::write),
    }
}

/// Renders a state.
pub(crate) fn state(state: State) -> ProvisioningState {
    match state {
        State::Requested => ProvisioningState::Requested,
        State::PendingAcceptance => ProvisioningState::PendingAcceptance,
        State::Provisioning => ProvisioningState::Provisioning,
        State::Provisioned => ProvisioningState::Provisioned,
        State::Denied => ProvisioningState::Denied,
        State::Failed => ProvisioningState::Failed,
        State::Deprovisioning => ProvisioningState::Deprovisioning,
        State::Removed => ProvisioningState::Removed,
    }
}

fn event(what: What) -> ProvisioningEvent {
    match what {
        What::KnownBefore => ProvisioningEvent::KnownBefore,
        What::Asked => ProvisioningEvent::Asked,
        What::OnRecord => ProvisioningEvent::OnRecord,
        What::AskedAgain => ProvisioningEvent::AskedAgain,
        What::Accepted => ProvisioningEvent::Accepted,
        What::Denied => ProvisioningEvent::Denied,
        What::MovedAlong => ProvisioningEvent::MovedAlong,
        What::SourceChanged => ProvisioningEvent::SourceChanged,
        What::SwitchGivenUp => ProvisioningEvent::SwitchGivenUp,
        What::Removed => ProvisioningEvent::Removed,
        What::MailHandedOver => ProvisioningEvent::MailHandedOver,
        What::Applied => ProvisioningEvent::Applied,
    }
}
