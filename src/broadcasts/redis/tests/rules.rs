//! The rules of all stores.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::broadcasts::tests::{TestStore, history, rules};

/// A store whose processes share a Redis. When one begins, the claims of those before it have lapsed.
fn redis() -> TestStore {
    let stage = Stage::new();
    TestStore::new(stage.0.runtime(), move || {
        stage.lua::<u32>("return redis.call('DEL', KEYS[1])", "broadcast:owners");
        Arc::new(stage.replica()) as Arc<dyn Store>
    })
}

#[test]
fn redis_keeps_the_rules() {
    rules::hold(redis);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn redis_does_what_the_model_does(steps in history::steps()) {
        history::agrees(redis(), steps)?;
    }
}
