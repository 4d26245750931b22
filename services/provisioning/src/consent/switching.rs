//! What becomes of every tenant at a switch, forward or back: the table in `switching.md`, generated
//! from [`step`].

use std::fmt::Write as _;

use contract::{SwitchId, TimedId as _};
use jiff::Timestamp;

use super::{
    Basis, Consent, Contacts, Effect, Event, Failure, Move, Notice, Removal, Since, Standing, Step,
    step,
};

/// Where a tenant may stand with the version that a switch starts from.
const SOURCES: [Standing; 5] = [
    Standing::Provisioned(Basis::OnRecord),
    Standing::PendingAcceptance,
    Standing::Denied,
    Standing::Failed(Failure::NoContact),
    Standing::Removed(Removal::ByOperator),
];

/// Where it may stand with the target: nowhere when a switch goes forward, else as it was left there.
const TARGETS: [Option<Standing>; 6] = [
    None,
    Some(Standing::Provisioned(Basis::OnRecord)),
    Some(Standing::PendingAcceptance),
    Some(Standing::Denied),
    Some(Standing::Failed(Failure::NoContact)),
    Some(Standing::Removed(Removal::ByOperator)),
];

/// One tenant before a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    /// Where it stands with the version that the switch starts from.
    pub(crate) source: Standing,
    /// Where it stands with the target, if anywhere.
    pub(crate) target: Option<Standing>,
    /// Whether there is somebody to tell.
    pub(crate) contacts: Contacts,
}

/// What has become of it at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Where it stands, if anywhere.
    pub(crate) standing: Option<Standing>,
    /// Whether a mail with a link went out.
    pub(crate) link: bool,
}

/// Returns every case once.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for target in TARGETS {
        for source in SOURCES {
            for contacts in [Contacts::Some, Contacts::None] {
                all.push(Case {
                    source,
                    target,
                    contacts,
                });
            }
        }
    }
    all
}

/// Returns what a switch makes of it, once it is committed and if it is given up instead.
pub(crate) fn outcomes(case: Case, notice: Notice) -> (Outcome, Outcome) {
    let before = case.target.map(|standing| Consent {
        standing,
        since: by(0),
        brought_by: None,
        under: None,
    });
    let (moved, effects) = match case.source.carried() {
        None => (before.clone(), Vec::new()),
        Some(carried) => {
            let event = Event::MovedAlong(Move {
                switch: switch(),
                carried,
                notice,
                contacts: case.contacts,
            });
            after(before.clone(), &event)
        }
    };
    let link = effects
        .iter()
        .any(|it| matches!(it, Effect::Ask(_) | Effect::OfferDeny(_)));
    let (committed, _) = after(moved.clone(), &Event::Committed(switch()));
    let (given_up, _) = after(moved, &Event::Voided(switch()));
    let outcome = |row: Option<Consent>, link| Outcome {
        standing: row.map(|row| row.standing),
        link,
    };
    (outcome(committed, link), outcome(given_up, false))
}

fn after(row: Option<Consent>, event: &Event) -> (Option<Consent>, Vec<Effect>) {
    match step(row.as_ref(), event, &by(1)) {
        Step::Same => (row, Vec::new()),
        Step::Next(next, effects) => (Some(*next), effects),
        Step::Refused(refusal) => panic!("a switch is not refused: {refusal:?}"),
    }
}

fn switch() -> SwitchId {
    SwitchId::new(1000, [1; 10])
}

fn by(second: i64) -> Since {
    Since {
        at: Timestamp::from_second(second).unwrap(),
        actor: String::new(),
        note: String::new(),
    }
}

fn word(standing: Option<Standing>) -> &'static str {
    match standing {
        None => "never had it",
        Some(Standing::PendingAcceptance) => "pending acceptance",
        Some(Standing::Provisioned(_)) => "provisioned",
        Some(Standing::Denied) => "denied",
        Some(Standing::Failed(_)) => "failed",
        Some(Standing::Removed(_)) => "removed",
    }
}

fn cell(outcome: Outcome) -> String {
    let mail = match (outcome.link, outcome.standing) {
        (false, _) => "",
        (true, Some(Standing::PendingAcceptance)) => ", asked by mail",
        (true, _) => ", mail says how to deny",
    };
    format!("{}{mail}", word(outcome.standing))
}

const HEAD: &str = "\
# What becomes of tenants at a switch

Generated from `consent/step.rs`; `UPDATE=1` with the test `the_table_of_switching_is_what_the_code_does`
writes it anew. Every row is also run through the database, committed and given up.

A switch looks at every tenant that has the version it starts from, and at nobody else. Forward and back
are one rule: going back (or to any version that a tenant has had) is a switch to a target where the
tenant has a standing already, and that standing is its own word about that version.

- A tenant that is given the version in use while a switch is open comes to the target at once, by the
  row of its standing. So does one whose decision about the version in use changes while the switch is
  open and its consent is not closed.
- *Told*: at least one of the two versions needs app credentials. *Untold*: neither does.
- Where the target's app credentials have scopes that those of the source have not, and the policy has
  tenants asked then, *provisioned* at the source counts as *pending acceptance* there.
- While a tenant is asked about the target, a question about the source that is still open is void; it
  is open again if the switch is given up.
- Failed tenants are counted and named in the switch. Nobody is let in who is not let in at the source or
  has not agreed to the target before.
";

/// Renders the whole table.
fn table() -> String {
    let mut text = HEAD.to_owned();
    for target in TARGETS {
        let title = match target {
            None => "Forward: the tenant never had the target".to_owned(),
            Some(_) => format!(
                "Back: the tenant's standing at the target is *{}*",
                word(target)
            ),
        };
        write!(
            text,
            "\n## {title}\n\n| at the source | contacts | told | untold | given up |\n|---|---|---|---|---|\n"
        )
        .unwrap();
        for case in cases().into_iter().filter(|case| case.target == target) {
            let (told, given_up) = outcomes(case, Notice::Told);
            let (untold, same) = outcomes(case, Notice::Untold);
            assert_eq!(given_up, same, "what is given up was not told apart");
            let contacts = match case.contacts {
                Contacts::Some => "yes",
                Contacts::None => "none",
            };
            let cells = [
                word(Some(case.source)).to_owned(),
                contacts.to_owned(),
                cell(told),
                cell(untold),
                cell(given_up),
            ];
            writeln!(text, "| {} |", cells.join(" | ")).unwrap();
        }
    }
    text
}

#[test]
fn the_table_of_switching_is_what_the_code_does() {
    crate::testing::is_checked_in("src/consent/switching.md", &table());
}

#[test]
fn nobody_comes_to_be_let_in_by_a_switch_but_from_where_they_were_let_in() {
    let mut let_in = 0;
    for case in cases() {
        for notice in [Notice::Told, Notice::Untold] {
            let admits = |standing| matches!(standing, Some(Standing::Provisioned(_)));
            let (committed, given_up) = outcomes(case, notice);
            if admits(committed.standing) && !admits(case.target) {
                assert!(admits(Some(case.source)), "{case:?} {notice:?}");
                let_in += 1;
            }
            assert!(
                !admits(given_up.standing) || admits(case.target),
                "{case:?}"
            );
        }
    }
    assert!(let_in > 0);
}
