//! What leads where: one pure function over one provisioning. No I/O, no clock, no chance.
//!
//! | event \ standing | absent | pending | provisioned | denied | failed | removed |
//! |---|---|---|---|---|---|---|
//! | asked | pending, ask | refused | refused | refused | pending, ask | pending, ask |
//! | on record | provisioned | refused | refused | refused | provisioned | provisioned |
//! | asked again | refused | ask | offer deny | pending, ask | pending, ask | refused |
//! | accepted | refused | provisioned | own consent | provisioned | provisioned | refused |
//! | denied | refused | denied | denied, bound to the switch | – | denied | refused |
//! | moved along | by source | – | told anew | – | by source | by source |
//! | voided | – | before | before | before | before | – |
//! | committed | – | stands | stands | stands | stands | – |
//! | removed | refused | removed | removed | removed | removed | – |
//!
//! "By source": admitted tenants are provisioned, or fail if they must be told and nobody is there
//! to tell; those that have not accepted or have denied are asked. Nobody is let in unasked.

use contract::SwitchId;

use super::{
    Basis, Before, Carried, Consent, Contacts, Effect, Event, Failure, Move, Notice, Past, Refusal,
    Removal, Since, Standing, Step, Under,
};
use Standing::{Denied, Failed, PendingAcceptance, Provisioned, Removed};

/// Decides what an event makes of a provisioning, none being there yet or no more.
///
/// `by` says when and through whom. Late, doubled and foreign events leave it as it is.
pub(crate) fn step(row: Option<&Consent>, event: &Event, by: &Since) -> Step {
    match event {
        Event::Asked => add(row, PendingAcceptance, by, vec![Effect::Ask(None)]),
        Event::OnRecord => {
            let effects = vec![Effect::VoidLinks(None), Effect::TellAccepted];
            add(row, Provisioned(Basis::OnRecord), by, effects)
        }
        Event::AskedAgain => with(row, |row| ask_again(row, by)),
        Event::Accepted(basis) => with(row, |row| accept(row, *basis, by)),
        Event::Denied { switch } => with(row, |row| deny(row, *switch, by)),
        Event::MovedAlong(a_move) => move_along(row, a_move, by),
        Event::SourceChanged(a_move) => carry_anew(row, a_move, by),
        Event::Voided(switch) => row.map_or(Step::Same, |row| void(row, *switch, by)),
        Event::Committed(switch) => row.map_or(Step::Same, |row| settle(row, *switch)),
        Event::RemovedByOperator => {
            row.map_or(refused(Refusal::NotProvisioned), |row| remove(row, by))
        }
    }
}

fn refused(refusal: Refusal) -> Step {
    Step::Refused(refusal)
}

/// The operator gives the application, or gives it back: no open switch may take that away again.
fn add(row: Option<&Consent>, standing: Standing, by: &Since, effects: Vec<Effect>) -> Step {
    match row.map(|row| row.standing) {
        Some(PendingAcceptance | Provisioned(_) | Denied) => refused(Refusal::AlreadyProvisioned),
        None | Some(Failed(_) | Removed(_)) => {
            let next = Consent {
                standing,
                since: by.clone(),
                brought_by: None,
                under: None,
            };
            Step::Next(Box::new(next), effects)
        }
    }
}

/// Events that need a provisioning which the tenant has not lost.
fn with(row: Option<&Consent>, decide: impl FnOnce(&Consent) -> Step) -> Step {
    match row.map(|row| row.standing) {
        None | Some(Removed(_)) => refused(Refusal::NotProvisioned),
        Some(PendingAcceptance | Provisioned(_) | Denied | Failed(_)) => {
            row.map_or(refused(Refusal::NotProvisioned), decide)
        }
    }
}

fn ask_again(row: &Consent, by: &Since) -> Step {
    let switch = row.under.as_ref().map(|under| under.switch);
    match row.standing {
        PendingAcceptance | Denied | Failed(_) => Step::Next(
            Box::new(stands(row, PendingAcceptance, by)),
            vec![Effect::Ask(switch)],
        ),
        // Being asked takes nothing away from a tenant that is let in.
        Provisioned(_) => Step::Next(Box::new(row.clone()), vec![Effect::OfferDeny(switch)]),
        Removed(_) => refused(Refusal::NotProvisioned),
    }
}

fn accept(row: &Consent, basis: Basis, by: &Since) -> Step {
    match row.standing {
        Provisioned(Basis::Accepted | Basis::OnRecord) => Step::Same,
        PendingAcceptance
        | Provisioned(Basis::Moved | Basis::MovedWithNotice)
        | Denied
        | Failed(_) => {
            let mut next = stands(row, Provisioned(basis), by);
            // What was accepted is the version, not the switch: it outlives a switch that is given
            // up, unless the whole provisioning was made for it.
            if let Some(Under {
                before: Before::Was(past),
                ..
            }) = &mut next.under
                && past.standing.is_live()
            {
                past.standing = next.standing;
                past.since = next.since.clone();
            }
            Step::Next(Box::new(next), vec![Effect::TellAccepted])
        }
        Removed(_) => refused(Refusal::NotProvisioned),
    }
}

fn deny(row: &Consent, switch: Option<SwitchId>, by: &Since) -> Step {
    match row.standing {
        Denied => Step::Same,
        PendingAcceptance | Failed(_) => {
            Step::Next(Box::new(stands(row, Denied, by)), vec![Effect::TellDenied])
        }
        Provisioned(_) => {
            let mut next = stands(row, Denied, by);
            if next.under.is_none() {
                next.under = switch.map(|switch| Under {
                    switch,
                    before: Before::Was(past(row)),
                });
            }
            Step::Next(Box::new(next), vec![Effect::TellDenied])
        }
        Removed(_) => refused(Refusal::NotProvisioned),
    }
}

fn move_along(row: Option<&Consent>, a_move: &Move, by: &Since) -> Step {
    let Some(row) = row else {
        return arrive(Before::Absent, a_move, by);
    };
    if is_under(row, a_move.switch) {
        return Step::Same;
    }
    match row.standing {
        // Access follows the provisioning of the version that becomes active.
        PendingAcceptance | Denied => Step::Same,
        Provisioned(_) => {
            let mut next = row.clone();
            next.under = Some(Under {
                switch: a_move.switch,
                before: Before::Was(past(row)),
            });
            let switch = Some(a_move.switch);
            match (a_move.notice, a_move.contacts) {
                (Notice::Told, Contacts::Some) => {
                    Step::Next(Box::new(next), vec![Effect::OfferDeny(switch)])
                }
                (Notice::Told, Contacts::None) => {
                    next.standing = Failed(Failure::NoContact);
                    next.since = by.clone();
                    next.brought_by = switch;
                    Step::Next(Box::new(next), vec![Effect::VoidLinks(switch)])
                }
                (Notice::Untold, Contacts::Some | Contacts::None) => {
                    Step::Next(Box::new(next), vec![Effect::VoidLinks(switch)])
                }
            }
        }
        Failed(_) | Removed(_) => arrive(Before::Was(past(row)), a_move, by),
    }
}

/// A tenant that has no standing of its own with the target comes to it.
fn arrive(before: Before, a_move: &Move, by: &Since) -> Step {
    let switch = Some(a_move.switch);
    let (standing, effects) = match (a_move.carried, a_move.notice, a_move.contacts) {
        (Carried::Admission, Notice::Untold, Contacts::Some | Contacts::None) => {
            (Provisioned(Basis::Moved), vec![Effect::VoidLinks(switch)])
        }
        (Carried::Admission, Notice::Told, Contacts::Some) => (
            Provisioned(Basis::MovedWithNotice),
            vec![Effect::OfferDeny(switch)],
        ),
        (Carried::Question, Notice::Told | Notice::Untold, Contacts::Some) => {
            (PendingAcceptance, vec![Effect::Ask(switch)])
        }
        (Carried::Admission, Notice::Told, Contacts::None)
        | (Carried::Question, Notice::Told | Notice::Untold, Contacts::None) => {
            (Failed(Failure::NoContact), vec![Effect::VoidLinks(switch)])
        }
    };
    let next = Consent {
        standing,
        since: by.clone(),
        brought_by: switch,
        under: Some(Under {
            switch: a_move.switch,
            before,
        }),
    };
    Step::Next(Box::new(next), effects)
}

/// The order of a tenant's decision and of the move does not matter: what the tenant was moved with
/// follows its decision about the source, as long as it has said nothing about the target.
fn carry_anew(row: Option<&Consent>, a_move: &Move, by: &Since) -> Step {
    let Some(row) = row else {
        return arrive(Before::Absent, a_move, by);
    };
    let Some(under) = row
        .under
        .as_ref()
        .filter(|under| under.switch == a_move.switch)
    else {
        return Step::Same;
    };
    let arrived = match &under.before {
        Before::Absent => true,
        Before::Was(past) => !past.standing.is_live(),
    };
    let follows = match row.standing {
        PendingAcceptance | Failed(_) => true,
        Provisioned(Basis::Moved | Basis::MovedWithNotice) => a_move.carried == Carried::Question,
        Provisioned(Basis::Accepted | Basis::OnRecord) | Denied | Removed(_) => false,
    };
    if !arrived || !follows {
        return Step::Same;
    }
    match arrive(under.before.clone(), a_move, by) {
        Step::Next(next, effects) if next.standing != row.standing => Step::Next(next, effects),
        Step::Next(..) | Step::Same | Step::Refused(_) => Step::Same,
    }
}

fn void(row: &Consent, switch: SwitchId, by: &Since) -> Step {
    let Some(under) = row.under.as_ref().filter(|under| under.switch == switch) else {
        return Step::Same;
    };
    let next = match &under.before {
        Before::Was(past) => Consent {
            standing: past.standing,
            since: past.since.clone(),
            brought_by: past.brought_by,
            under: None,
        },
        Before::Absent => Consent {
            standing: Removed(Removal::TakenBack),
            since: by.clone(),
            brought_by: row.brought_by,
            under: None,
        },
    };
    Step::Next(Box::new(next), Vec::new())
}

fn settle(row: &Consent, switch: SwitchId) -> Step {
    if !is_under(row, switch) {
        return Step::Same;
    }
    let mut next = row.clone();
    next.under = None;
    Step::Next(Box::new(next), Vec::new())
}

fn remove(row: &Consent, by: &Since) -> Step {
    match row.standing {
        PendingAcceptance | Provisioned(_) | Denied | Failed(_) => {
            let next = Consent {
                standing: Removed(Removal::ByOperator),
                since: by.clone(),
                brought_by: row.brought_by,
                under: None,
            };
            Step::Next(Box::new(next), vec![Effect::VoidLinks(None)])
        }
        Removed(_) => Step::Same,
    }
}

fn is_under(row: &Consent, switch: SwitchId) -> bool {
    row.under
        .as_ref()
        .is_some_and(|under| under.switch == switch)
}

fn stands(row: &Consent, standing: Standing, by: &Since) -> Consent {
    Consent {
        standing,
        since: by.clone(),
        brought_by: row.brought_by,
        under: row.under.clone(),
    }
}

fn past(row: &Consent) -> Past {
    Past {
        standing: row.standing,
        since: row.since.clone(),
        brought_by: row.brought_by,
    }
}

#[cfg(test)]
mod tests;
