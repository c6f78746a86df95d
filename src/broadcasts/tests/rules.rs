//! The rules of [`Store`](crate::broadcasts::Store), one by one.

mod accepting;
mod delivering;
mod ending;

use super::TestStore;

/// The rules hold for each store that `make` makes.
pub(in crate::broadcasts) fn hold(make: fn() -> TestStore) {
    for rule in RULES {
        rule(&mut make());
    }
}

const RULES: &[fn(&mut TestStore)] = &[
    accepting::an_accepted_broadcast_is_there_as_it_was_given,
    accepting::a_key_is_that_of_one_broadcast,
    accepting::only_so_many_broadcasts_of_a_caller_are_active,
    accepting::what_is_unknown_is_nothing,
    accepting::lists_are_pages,
    accepting::the_apps_with_active_broadcasts_are_known,
    delivering::receivers_are_claimed_by_place_and_are_in_doubt_then,
    delivering::what_is_claimed_is_not_claimed_again_while_its_process_lives,
    delivering::what_a_dead_process_held_is_claimed_again_with_its_doubt,
    delivering::each_settlement_is_written_down,
    delivering::what_was_not_sent_is_pending_without_a_doubt_and_claimed_when_due,
    delivering::what_is_in_doubt_is_claimed_when_due_with_its_first_attempt,
    delivering::a_pause_lasts_also_if_the_store_has_seen_a_later_time,
    delivering::a_settlement_by_an_older_claim_counts_only_if_it_says_delivered,
    delivering::a_final_state_never_changes,
    delivering::a_paused_broadcast_can_be_claimed_from_and_runs_again,
    delivering::no_time_is_before_that_of_an_earlier_change,
    ending::a_broadcast_is_completed_with_its_last_receiver,
    ending::a_canceled_broadcast_finishes_with_its_last_doubt,
    ending::cancelling_what_has_ended_changes_nothing,
    ending::what_is_pending_expires_and_is_not_claimed_then,
    ending::an_old_doubt_that_nobody_holds_is_unknown,
    ending::a_doubt_of_a_canceled_broadcast_is_unknown_once_nobody_holds_it,
    ending::a_broadcast_that_finished_long_ago_is_forgotten_with_its_key,
    ending::an_end_is_announced_until_it_was,
];
