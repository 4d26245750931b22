//! Every state against every event: the table in `states.md`, generated from [`step`] and
//! [`State::of`].

use std::fmt::Write as _;

use contract::{SwitchId, TimedId as _};
use jiff::Timestamp;

use super::{
    Basis, Before, Carried, Consent, Contacts, Effect, Event, Failure, Move, Notice, Refusal,
    Removal, Since, Standing, Step, Under,
    state::{Gateways, Mail, Outstanding, State, words},
    step,
};

/// What may happen to a provisioning, be it decided or be it that something outstanding is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    /// An event of consent.
    Event(Event),
    /// The mail with the link was handed over.
    MailHandedOver,
    /// Every gateway has applied the grant.
    Applied,
}

/// A provisioning before something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// The state that is shown; none if it is not there.
    pub(crate) state: Option<State>,
    /// Its row.
    pub(crate) row: Option<Consent>,
    /// What is outstanding of it.
    pub(crate) outstanding: Outstanding,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing: it was so already, or it is not concerned.
    Same,
    /// It is refused, and why.
    Refused(Refusal),
    /// This state is shown, for this reason, and this is sent.
    Shown(State, String, Vec<&'static str>),
}

/// Returns every state once, that of being absent too. The rows stand under the switch of the table,
/// which made them: so it is while one is open, and the events of no switch do not care.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = vec![Case {
        state: None,
        row: None,
        outstanding: Outstanding::NOTHING,
    }];
    for state in State::ALL {
        let (standing, outstanding) = made(state);
        // What was taken away is under no switch.
        let under = match standing {
            Standing::Removed(_) => None,
            _ => Some(Under {
                switch: switch(),
                before: Before::Absent,
            }),
        };
        all.push(Case {
            state: Some(state),
            row: Some(Consent {
                standing,
                since: by(0),
                brought_by: under.as_ref().map(|_| switch()),
                under,
            }),
            outstanding,
        });
    }
    all
}

/// Returns a standing, and what is outstanding, for which this state is shown.
fn made(state: State) -> (Standing, Outstanding) {
    let lacking = Outstanding {
        gateways: Gateways::Lack,
        ..Outstanding::NOTHING
    };
    let unsent = Outstanding {
        mail: Mail::Waiting,
        ..Outstanding::NOTHING
    };
    match state {
        State::Requested => (Standing::PendingAcceptance, unsent),
        State::PendingAcceptance => (Standing::PendingAcceptance, Outstanding::NOTHING),
        State::Provisioning => (Standing::Provisioned(Basis::MovedWithNotice), lacking),
        State::Provisioned => (
            Standing::Provisioned(Basis::MovedWithNotice),
            Outstanding::NOTHING,
        ),
        State::Denied => (Standing::Denied, Outstanding::NOTHING),
        State::Failed => (Standing::Failed(Failure::NoContact), Outstanding::NOTHING),
        State::Deprovisioning => (Standing::Removed(Removal::ByOperator), lacking),
        State::Removed => (Standing::Removed(Removal::ByOperator), Outstanding::NOTHING),
    }
}

/// Returns everything that may happen, with what the table calls it.
pub(crate) fn happenings() -> Vec<(&'static str, Happening)> {
    let another = |carried, notice, contacts| Move {
        switch: SwitchId::new(2000, [2; 10]),
        carried,
        notice,
        contacts,
    };
    let ours = |carried, notice, contacts| Move {
        switch: switch(),
        ..another(carried, notice, contacts)
    };
    use {Carried::*, Notice::*};
    let events = [
        ("the operator gives it and asks", Event::Asked),
        ("the operator gives it, on record", Event::OnRecord),
        ("the operator asks again", Event::AskedAgain),
        ("the tenant accepts", Event::Accepted(Basis::Accepted)),
        (
            "the operator accepts on its word",
            Event::Accepted(Basis::OnRecord),
        ),
        (
            "the tenant denies",
            Event::Denied {
                switch: Some(switch()),
            },
        ),
        (
            "a switch moves it along, told",
            Event::MovedAlong(another(Admission, Told, Contacts::Some)),
        ),
        (
            "a switch moves it along, nobody to tell",
            Event::MovedAlong(another(Admission, Told, Contacts::None)),
        ),
        (
            "a switch moves it along, untold",
            Event::MovedAlong(another(Admission, Untold, Contacts::Some)),
        ),
        (
            "a switch brings its question along",
            Event::MovedAlong(another(Question, Told, Contacts::Some)),
        ),
        (
            "the source is denied while the switch is open",
            Event::SourceChanged(ours(Question, Told, Contacts::Some)),
        ),
        (
            "the source is accepted while the switch is open",
            Event::SourceChanged(ours(Admission, Told, Contacts::Some)),
        ),
        (
            "the switch that made it is given up",
            Event::Voided(switch()),
        ),
        ("the switch is committed", Event::Committed(switch())),
        ("the operator takes it away", Event::RemovedByOperator),
    ];
    let events = events.map(|(name, event)| (name, Happening::Event(event)));
    events
        .into_iter()
        .chain([
            ("its mail is handed over", Happening::MailHandedOver),
            ("every gateway has applied it", Happening::Applied),
        ])
        .collect()
}

/// Returns what becomes of a provisioning.
pub(crate) fn outcome(case: &Case, happening: &Happening) -> Outcome {
    let standing = case.row.as_ref().map(|row| row.standing);
    let (next, outstanding, effects) = match (happening, standing) {
        (Happening::Event(event), _) => match step(case.row.as_ref(), event, &by(1)) {
            Step::Same => return Outcome::Same,
            Step::Refused(refusal) => return Outcome::Refused(refusal),
            Step::Next(next, effects) => {
                let outstanding = case.outstanding.after(standing, next.standing, &effects);
                (next.standing, outstanding, effects)
            }
        },
        (Happening::MailHandedOver | Happening::Applied, None) => return Outcome::Same,
        (Happening::MailHandedOver, Some(standing)) => {
            let mail = Mail::Settled;
            (
                standing,
                Outstanding {
                    mail,
                    ..case.outstanding
                },
                Vec::new(),
            )
        }
        (Happening::Applied, Some(standing)) => {
            let gateways = Gateways::Have;
            (
                standing,
                Outstanding {
                    gateways,
                    ..case.outstanding
                },
                Vec::new(),
            )
        }
    };
    let shown = State::of(next, outstanding);
    let sent: Vec<&'static str> = effects.iter().filter_map(sent).collect();
    if Some(next) == standing && Some(shown) == case.state && sent.is_empty() {
        return Outcome::Same;
    }
    Outcome::Shown(shown, words(next, outstanding, ""), sent)
}

fn sent(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::Ask(_) => Some("asked by mail"),
        Effect::OfferDeny(_) => Some("mail says how to deny"),
        Effect::VoidLinks(_) => None,
        Effect::TellDenied => Some("operator and tenant are told of the denial"),
        Effect::TellAccepted => Some("operator and tenant are told of the acceptance"),
    }
}

/// The switch of the table.
pub(crate) fn switch() -> SwitchId {
    SwitchId::new(1000, [1; 10])
}

fn by(second: i64) -> Since {
    Since {
        at: Timestamp::from_second(second).unwrap(),
        actor: String::new(),
        note: String::new(),
    }
}

fn word(state: Option<State>) -> &'static str {
    match state {
        None => "absent",
        Some(State::Requested) => "requested",
        Some(State::PendingAcceptance) => "pending acceptance",
        Some(State::Provisioning) => "provisioning",
        Some(State::Provisioned) => "provisioned",
        Some(State::Denied) => "denied",
        Some(State::Failed) => "failed",
        Some(State::Deprovisioning) => "deprovisioning",
        Some(State::Removed) => "removed",
    }
}

const HEAD: &str = "\
# Every state of a provisioning against every event

Generated from `consent/step.rs` and `consent/state.rs`; `UPDATE=1` with the test
`the_table_of_states_is_what_the_code_does` writes it anew. Every row is also run through the database.

A state is what is written of a tenant and a version, and what is outstanding of it: its mail, and the
gateways that have yet to apply it. *Provisioned* stands for a tenant that a switch has moved along and
told; one that has accepted is not asked by a switch's end. *Told*: at least one of the two versions of a
switch needs app credentials. A dash is an event that changes nothing.
";

/// Renders the whole table.
fn table() -> String {
    let mut text = HEAD.to_owned();
    for case in cases() {
        write!(
            text,
            "\n## {}\n\n| event | then | why | sent |\n|---|---|---|---|\n",
            word(case.state)
        )
        .unwrap();
        for (name, happening) in happenings() {
            let cells = match outcome(&case, &happening) {
                Outcome::Same => ["–".to_owned(), String::new(), String::new()],
                Outcome::Refused(Refusal::NotProvisioned) => [
                    "refused".to_owned(),
                    "NOT_PROVISIONED".to_owned(),
                    String::new(),
                ],
                Outcome::Refused(Refusal::AlreadyProvisioned) => [
                    "refused".to_owned(),
                    "ALREADY_PROVISIONED".to_owned(),
                    String::new(),
                ],
                Outcome::Shown(state, why, sent) => {
                    [word(Some(state)).to_owned(), why, sent.join(", ")]
                }
            };
            writeln!(text, "| {name} | {} |", cells.join(" | ")).unwrap();
        }
    }
    text
}

#[test]
fn the_table_of_states_is_what_the_code_does() {
    crate::testing::is_checked_in("src/consent/states.md", &table());
}

#[test]
fn every_case_of_the_table_shows_the_state_that_it_stands_for() {
    for case in cases() {
        let shown = case
            .row
            .map(|row| State::of(row.standing, case.outstanding));
        assert_eq!(shown, case.state);
    }
}

#[test]
fn every_state_is_reached_and_has_a_way_out() {
    let mut reached = std::collections::BTreeSet::new();
    for case in cases() {
        let mut leads = Vec::new();
        for (_, happening) in happenings() {
            if let Outcome::Shown(state, ..) = outcome(&case, &happening) {
                leads.push(state);
                reached.insert(state);
            }
        }
        assert!(
            leads.iter().any(|state| Some(*state) != case.state),
            "{case:?}"
        );
    }
    assert_eq!(reached.len(), State::ALL.len(), "{reached:?}");
}
