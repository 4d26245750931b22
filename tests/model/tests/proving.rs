//! The short run of the proof by exploration.
#![expect(clippy::print_stderr, reason = "a failed run shows how far it came")]

use model::{Limits, Setting, explore, prove};
use runtime::fault::Plant;

const LIMITS: Limits = Limits {
    threads: 2,
    states: 10_000_000,
};

#[test]
fn small_fleets_keep_every_invariant_in_every_state() {
    let figures = prove(Setting::SHORT, &[], LIMITS, &|line| eprintln!("{line}"));
    assert!(figures.wrong.is_empty(), "{:#?}", figures.wrong);
    assert!(figures.complete);
    assert!(
        figures.unique > 50_000,
        "only {} states: the fleets hardly move",
        figures.unique
    );
}

#[test]
fn users_see_every_bug_that_is_planted() {
    let figures = prove(&[], &Plant::ALL, LIMITS, &|line| eprintln!("{line}"));
    assert!(figures.wrong.is_empty(), "{:#?}", figures.wrong);
    assert_eq!((figures.planted, figures.caught), (20, 20));
}

#[test]
fn an_exploration_that_meets_its_limit_proves_nothing() {
    let limits = Limits {
        states: 100,
        ..LIMITS
    };
    let figures = prove(&Setting::SHORT[..1], &[], limits, &|line| {
        eprintln!("{line}");
    });
    assert!(!figures.complete);
    assert!(!figures.wrong.is_empty());
}

#[test]
fn a_setting_that_no_switch_can_commit_in_is_noticed() {
    let still = Setting {
        switches: 0,
        ..Setting::SHORT[0]
    };
    let explored = explore(still, None, LIMITS);
    assert!(explored.broken.is_empty());
    assert!(
        explored
            .unreached
            .contains(&"a switch commits and every gateway serves it"),
        "{:?}",
        explored.unreached
    );
}

#[test]
fn what_a_tenant_was_told_holds_in_every_interleaving_of_its_denial() {
    let figures = provisioning::interleavings::explore();
    eprintln!("{} interleavings explored", figures.explored);
    assert_eq!(figures.wrong, 0, "{:#?}", figures.examples);
    assert!(figures.explored > 100_000, "{figures:?}");
}
