//! The checkpoint in a real Redis.

use super::*;
use crate::redis::testing::{FOREIGN, TestRedis};

#[test]
fn a_mark_moves_from_where_it_was_and_what_is_no_mark_is_as_if_absent() {
    let redis = TestRedis::new();
    let checkpoint = Checkpoint::new(redis.store(), &redis.prefix);
    let moved = |from, to| redis.wait(checkpoint.advance(from, to));
    let [one, two, three] = [1, 2, 3].map(Moment::from_secs);
    assert_eq!(moved(None, one), None);
    assert_eq!(moved(Some(one), two), Some(one));
    assert_eq!(moved(Some(one), three), Some(two), "it is elsewhere");
    assert_eq!(moved(Some(two), three), Some(two));
    let between = three + Duration::from_nanos(1);
    assert_eq!(moved(Some(three), between), Some(three));
    assert_eq!(moved(Some(between), one), Some(between), "in nanoseconds, as clocks show them");
    assert_eq!(moved(Some(one), three), Some(one));
    let (_, key) = checkpoint.key.split_once("}:").unwrap();
    for foreign in FOREIGN.iter().copied().chain(["redis.call('SET', KEYS[1], '007')"]) {
        redis.plant(key, foreign);
        assert_eq!(moved(None, one), None, "{foreign}");
        assert_eq!(moved(Some(one), two), Some(one), "{foreign}");
    }
}
