use std::num::NonZeroU32;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::constant(1_767_225_600, 0);
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn budget(per_minute: u32, per_month: u32) -> Budget {
    Budget { per_minute: NonZeroU32::new(per_minute), per_month: NonZeroU32::new(per_month) }
}

fn seconds(seconds: u64) -> Moment {
    Duration::from_secs(seconds)
}

/// What happens to a caller, after a pause.
#[derive(Clone, Debug)]
enum Event {
    Reserve,
    Begin,
    GiveBack,
    /// The calendar is moved by hours.
    MoveCalendar(i64),
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let pause_ms = prop_oneof![4 => 0..50_u64, 2 => 0..20_000_u64, 1 => 59_990..60_010_u64];
    let event = prop_oneof![
        6 => Just(Event::Reserve),
        5 => Just(Event::Begin),
        1 => Just(Event::GiveBack),
        1 => (-800..800_i64).prop_map(Event::MoveCalendar),
    ];
    prop::collection::vec((pause_ms, event), 0..200)
}

/// Plays the events, and holds each decision against all calls that ever began.
fn play(budget: Budget, events: &[(u64, Event)]) -> Result<(), TestCaseError> {
    let mut used = BudgetUse::new(START);
    let (mut now, mut calendar) = (Moment::ZERO, SignedDuration::ZERO);
    let mut reserved = 0_u32;
    let mut begun: Vec<(Moment, Month)> = Vec::new();
    for (pause_ms, event) in events {
        now += Duration::from_millis(*pause_ms);
        let wall = START + calendar + now;
        let month = Month::of(wall);
        match event {
            Event::Reserve => {
                let in_minute = begun.iter().filter(|(at, _)| *at + MINUTE > now).count();
                let in_month = begun.iter().filter(|(_, of)| *of == month).count();
                let has_room = |limit: Option<NonZeroU32>, count: usize| {
                    limit.is_none_or(|limit| count + (reserved as usize) < limit.get() as usize)
                };
                let fits_minute = has_room(budget.per_minute, in_minute);
                let fits_month = has_room(budget.per_month, in_month);
                let left = used.standing(budget, now, wall);
                prop_assert_eq!(left.minute.is_none_or(|it| it.remaining > 0), fits_minute);
                prop_assert_eq!(left.month.is_none_or(|it| it.remaining > 0), fits_month);
                match used.reserve(budget, now, wall) {
                    Ok(()) => {
                        prop_assert!(fits_minute && fits_month);
                        reserved += 1;
                    }
                    Err(OverBudget::Month { retry_after, .. }) => {
                        prop_assert!(!fits_month);
                        prop_assert_eq!(retry_after, month.ends_in(wall));
                    }
                    Err(OverBudget::Minute { retry_after, .. }) => {
                        prop_assert!(fits_month && !fits_minute);
                        // Not a moment later than one more may begin, if none of those that are reserved is given back.
                        let later = now + retry_after;
                        let count = begun.iter().filter(|(at, _)| *at + MINUTE > later).count();
                        let limit = budget.per_minute.unwrap().get();
                        prop_assert!(retry_after <= MINUTE);
                        prop_assert!(
                            retry_after == MINUTE || count + (reserved as usize) < limit as usize
                        );
                    }
                }
            }
            Event::Begin if reserved > 0 => {
                used.begin(CountedBy::Process, budget.per_minute.is_some(), now, wall);
                reserved -= 1;
                begun.push((now, month));
            }
            Event::GiveBack if reserved > 0 => {
                used.give_back(CountedBy::Process);
                reserved -= 1;
            }
            Event::Begin | Event::GiveBack => {}
            // To the next month and back, but not through three.
            Event::MoveCalendar(hours) if calendar == SignedDuration::ZERO => {
                calendar = SignedDuration::from_hours(*hours);
            }
            Event::MoveCalendar(_) => calendar = SignedDuration::ZERO,
        }
    }
    if let Some(limit) = budget.per_minute {
        for (first, _) in &begun {
            let span = begun.iter().filter(|(at, _)| at >= first && *at < *first + MINUTE);
            prop_assert!(span.count() <= limit.get() as usize, "in the minute from {:?}", first);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_minute_has_more_calls_than_the_budget_and_no_call_is_refused_that_fits(
        per_minute in 1..8_u32,
        events in events(),
    ) {
        play(budget(per_minute, 0), &events)?;
    }

    #[test]
    fn both_parts_of_a_budget_hold_and_a_clock_that_goes_back_gives_nothing_back(
        per_minute in 0..8_u32,
        per_month in 1..20_u32,
        events in events(),
    ) {
        // Three months in turn are more than are remembered.
        let mut months: Vec<String> = Vec::new();
        let (mut now, mut calendar) = (Moment::ZERO, SignedDuration::ZERO);
        for (pause_ms, event) in &events {
            now += Duration::from_millis(*pause_ms);
            if let Event::MoveCalendar(hours) = event {
                let is_moved = calendar != SignedDuration::ZERO;
                calendar = if is_moved { SignedDuration::ZERO } else { SignedDuration::from_hours(*hours) };
            }
            months.push(Month::of(START + calendar + now).to_string());
        }
        months.sort();
        months.dedup();
        prop_assume!(months.len() <= 2);
        play(budget(per_minute, per_month), &events)?;
    }
}

#[test]
fn a_call_counts_for_a_minute_and_not_a_moment_longer() {
    let (mut used, budget) = (BudgetUse::new(START), budget(2, 0));
    for second in [0, 10] {
        used.reserve(budget, seconds(second), START).unwrap();
        used.begin(CountedBy::Process, true, seconds(second), START);
    }
    let refused = used.reserve(budget, seconds(11), START).unwrap_err();
    assert_eq!(refused, OverBudget::Minute { limit: 2, retry_after: seconds(49) });
    let just_before = seconds(60).checked_sub(Duration::from_nanos(1)).unwrap();
    assert!(used.check(budget, just_before, START).is_err());
    assert_eq!(used.reserve(budget, seconds(60), START), Ok(()));
    // As many as there may be: the first to begin makes room a minute after that.
    let left = used.standing(budget, seconds(60), START).minute.unwrap();
    assert_eq!(left, Standing { remaining: 0, reset: seconds(10) });
}

#[test]
fn a_budget_that_became_smaller_says_when_enough_calls_are_past() {
    let mut used = BudgetUse::new(START);
    for second in 0..10 {
        used.reserve(budget(10, 0), seconds(second), START).unwrap();
        used.begin(CountedBy::Process, true, seconds(second), START);
    }
    let refused = used.reserve(budget(3, 0), seconds(10), START).unwrap_err();
    assert_eq!(refused, OverBudget::Minute { limit: 3, retry_after: seconds(57) });
    assert_eq!(used.reserve(budget(3, 0), seconds(67), START), Ok(()));
}

#[test]
fn a_call_that_waits_over_the_end_of_a_month_counts_in_the_new_one() {
    let (mut used, budget) = (BudgetUse::new(START), budget(0, 1));
    used.reserve(budget, seconds(0), START).unwrap();
    let next_month = START + DAY * 31;
    assert!(used.reserve(budget, seconds(1), next_month).is_err());
    used.begin(CountedBy::Process, false, seconds(1), next_month);
    assert!(used.reserve(budget, seconds(1), next_month).is_err());
    assert_eq!(used.reserve(budget, seconds(1), START), Ok(()));
}

#[test]
fn what_redis_says_of_a_month_counts_with_what_it_was_not_told_of() {
    let (mut used, budget) = (BudgetUse::new(START), budget(0, 10));
    let month = Month::of(START);
    let reply = |calls_in_month| BudgetReply {
        calls_in_minute: 0,
        frees_in: Duration::ZERO,
        calls_in_month,
        refused_by: None,
    };
    let nothing = used.belief(month);
    used.heard(budget, nothing, &reply(4), seconds(0));
    // Alone.
    for _ in 0..3 {
        used.reserve(budget, seconds(1), START).unwrap();
        used.begin(CountedBy::Process, false, seconds(1), START);
    }
    assert_eq!(used.used(seconds(1), START).1, 7);
    let belief = used.belief(month);
    assert_eq!(belief, MonthBelief { month, calls: 7, alone: 3 });
    // Redis has heard of these, and of two of others.
    used.heard(budget, belief, &reply(9), seconds(2));
    assert_eq!(used.used(seconds(2), START).1, 9);
    used.reserve(budget, seconds(2), START).unwrap();
    let refused = used.reserve(budget, seconds(2), START).unwrap_err();
    let retry_after = month.ends_in(START);
    assert_eq!(refused, OverBudget::Month { limit: 10, month, retry_after });
    // Another one gives its call back.
    used.give_back(CountedBy::Redis(month));
    assert_eq!(used.used(seconds(2), START).1, 9);
}
