//! How many of the places that all callers share one caller may take.

/// How many times the places that are left free a caller may hold.
///
/// With 4, a caller that is alone may use four fifths of all places, each of two callers four ninths, and `k` callers
/// that take all they may leave one part in `1 + 4k` free for those who come later. A smaller number would keep more
/// from a caller that is alone, as most are most of the time; a larger one would leave the next caller less until those
/// before it are done.
const TIMES_WHAT_IS_FREE: usize = 4;

/// Whether a caller that holds `own` places may take another one, while `taken` of all `most` places are taken, `own`
/// among them.
///
/// A caller's bound is a multiple of what is free, so it falls as others come and rises as they leave, and nobody has to
/// say how many callers there are (Choudhury and Hahne 1998, "Dynamic queue length thresholds in a shared-memory packet
/// switch"). A caller that holds none may take any free place, and nobody else ever takes the last one.
#[must_use]
pub const fn may_take(own: usize, taken: usize, most: usize) -> bool {
    let free = most.saturating_sub(taken);
    // The bound holds with the place that is asked for, so that one is left.
    free > 0 && (own == 0 || own < TIMES_WHAT_IS_FREE.saturating_mul(free - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes places by turns for each of `held` until nobody may take another one.
    fn fill(held: &mut [usize], most: usize) {
        while let Some(next) = (0..held.len())
            .filter(|caller| may_take(held[*caller], held.iter().sum(), most))
            .min_by_key(|caller| held[*caller])
        {
            held[next] += 1;
        }
    }

    #[test]
    fn a_caller_alone_may_hold_four_fifths() {
        for (most, expected) in [(1, 1), (2, 1), (5, 4), (10, 8), (1024, 819)] {
            let mut held = [0];
            fill(&mut held, most);
            assert_eq!(held, [expected], "of {most}");
        }
    }

    #[test]
    fn callers_that_take_all_they_may_get_the_same_and_leave_the_part_that_is_promised() {
        for callers in [1, 2, 3, 7, 20] {
            let mut held = vec![0; callers];
            fill(&mut held, 1024);
            let (least, most) = (held.iter().min(), held.iter().max());
            assert!(least.zip(most).is_some_and(|(least, most)| most - least <= 1), "{held:?}");
            let free = 1024 - held.iter().sum::<usize>();
            let promised = 1024 / (1 + TIMES_WHAT_IS_FREE * callers);
            assert!(free >= promised && free <= promised + callers, "{callers}: {free} are free");
        }
    }

    #[test]
    fn where_one_holds_the_most_the_share_of_another_is_equal_once_places_end() {
        let mut held = [0, 0];
        fill(&mut held[..1], 1000);
        fill(&mut held, 1000);
        assert_eq!(held, [800, 160]);
        // The first one's end one after the other, and it asks for each place again.
        for _ in 0..1000 {
            held[0] -= 1;
            fill(&mut held, 1000);
        }
        assert_eq!(held, [444, 444]);
    }

    proptest! {
        /// Callers take and give back in any order.
        #[test]
        fn no_more_than_all_are_taken_and_only_a_first_place_is_the_last_one(
            most in 1_usize..200,
            events in prop::collection::vec((0_usize..6, prop::bool::weighted(0.8)), 0..400),
        ) {
            let mut held = [0_usize; 6];
            for (caller, takes) in events {
                let taken = held.iter().sum();
                if !takes {
                    held[caller] = held[caller].saturating_sub(1);
                } else if may_take(held[caller], taken, most) {
                    held[caller] += 1;
                    prop_assert!(taken < most);
                    prop_assert!(held[caller] == 1 || most - taken > 1);
                } else {
                    prop_assert!(taken == most || held[caller] > 0);
                }
            }
        }
    }
}
