//! The same walk with a bug planted: one that kept its promises all the same would prove nothing.

use runtime::fault::{Plant, plant};

use super::no_order_of_events_breaks_a_promise_with_a_fleet_that_comes_and_goes as walk;

#[test]
#[should_panic(expected = "committed unheard")]
fn a_commit_without_all_members_is_found() {
    plant(Some(Plant::QuorumInsteadOfAll));
    walk();
}

#[test]
#[should_panic(expected = "right: Stays")]
fn an_answer_that_counts_for_another_turn_is_found() {
    plant(Some(Plant::AckNotBoundToRev));
    walk();
}
