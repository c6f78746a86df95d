//! Values that no gateway has written.

use super::*;
use crate::redis::testing::FOREIGN;

impl Stage {
    /// Asks everything. Nothing panics, and each answer comes.
    fn ask_everything(&self, store: &RedisStore, id: &BroadcastId) -> Vec<StoreError> {
        let claimed = Claimed { place: 0, receiver: receiver(0), claim: 1, in_doubt_since: None };
        let settle = vec![delivered(&claimed, "om_new")];
        let run = |answer: Answer<'_, ()>| self.0.run(answer).err();
        let errors = [
            self.0.run(store.accept(new(3))).err(),
            self.0.run(store.find(id)).err(),
            self.0.run(store.list("caller", None, 10)).err(),
            self.0.run(store.receivers(id, &ReceiverState::ALL, 0, 10)).err(),
            self.0.run(store.active(APP)).err(),
            self.0.run(store.claim(id, 10, at(5))).err(),
            run(store.settle(id, settle, at(5))),
            run(store.pause(id, Some(ProblemKind::BotNotInChat))),
            run(store.beat(at(5))),
            self.0.run(store.announcements(10, at(5), PAUSE)).err(),
            run(store.announced(id, Some(PAUSE), at(5))),
            self.0.run(store.cancel(id, at(5))).err(),
            run(store.tidy(at(5), at(0), at(0))),
        ];
        errors.into_iter().flatten().collect()
    }
}

#[test]
fn a_foreign_value_in_any_key_is_an_error_and_the_connection_stays() {
    for part in ["", ":again", ":doubtful", ":held"] {
        for lua in FOREIGN {
            let stage = Stage::new();
            let store = stage.replica();
            let id = stage.accepted(&store, 40).id;
            stage.run(store.claim(&id, 5, at(2)));
            stage.0.plant(&format!("broadcast:{id}{part}"), lua);
            let claim = stage.error(store.claim(&id, 5, at(2)));
            assert_eq!(claim, foreign(), "{part} {lua}");
            for error in stage.ask_everything(&store, &id) {
                assert_eq!(error, foreign(), "{part} {lua}");
            }
            // It was forgotten, so its caller is not held up by it.
            assert_eq!(stage.run(store.find(&id)), None, "{part} {lua}");
        }
    }
    for part in ["all", "index", "requests", "catalog", "ends", "notes", "owners"] {
        for lua in FOREIGN {
            let stage = Stage::new();
            let store = stage.replica();
            let id = stage.accepted(&store, 40).id;
            stage.0.plant(&format!("broadcast:{part}"), lua);
            for error in stage.ask_everything(&store, &id) {
                assert_eq!(error, foreign(), "{part} {lua}");
            }
        }
    }
}

#[test]
fn foreign_members_of_the_right_type_are_errors_or_ignored() {
    let many = "for n = 1, 20000 do redis.call('ZADD', KEYS[1], n % 7 - 2, 'member ' .. n) end";
    let huge =
        "redis.call('ZADD', KEYS[1], 0, string.rep('x', 600000), 'inf', '-1', 1e300, 0, 0, '1.5')";
    let places = "for n = 1, 20000 do redis.call('ZADD', KEYS[1], n, n) end";
    for part in ["all", "index", "ends", "owners"] {
        for lua in [many, huge, places] {
            let stage = Stage::new();
            let store = stage.replica();
            let id = stage.accepted(&store, 40).id;
            stage.0.plant(&format!("broadcast:{part}"), lua);
            let errors = stage.ask_everything(&store, &id);
            assert!(errors.iter().all(|it| *it == foreign()), "{part} {lua}: {errors:?}");
        }
    }
    for part in [":again", ":doubtful", ":held"] {
        for lua in [many, huge, places] {
            let stage = Stage::new();
            let store = stage.replica();
            let id = stage.accepted(&store, 40).id;
            stage.0.plant(&format!("broadcast:{id}{part}"), lua);
            let errors = stage.ask_everything(&store, &id);
            assert!(errors.iter().all(|it| *it == foreign()), "{part} {lua}: {errors:?}");
        }
    }
}

#[test]
fn foreign_fields_are_errors() {
    let values = [
        "''",
        "'words'",
        "string.rep('\\145', 60000)",
        "string.rep('x', 600000)",
        "cmsgpack.pack({ 1, 2, 3 })",
        "cmsgpack.pack({ { 1, 2, 3 } })",
        "cmsgpack.pack({ { 0/0, 1e300, -1, {} }, {}, 'a' })",
        "cmsgpack.pack({ { 9, 1, 1, '' }, { 1.5, 1, 1, '' } })",
        "cmsgpack.pack({ { 2, 1, 1, 'not sealed' } })",
    ];
    for (key, field) in [
        ("", "head"),
        ("", "s0"),
        ("", "r0"),
        ("catalog", ""),
        ("notes", "receivers"),
        ("notes", "seen"),
    ] {
        for value in values {
            let stage = Stage::new();
            let store = stage.replica();
            let id = stage.accepted(&store, 40).id;
            stage.run(store.claim(&id, 5, at(2)));
            let key = if key.is_empty() { id.as_str() } else { key };
            let name = if field.is_empty() { id.as_str() } else { field };
            let lua = format!("return redis.call('HSET', KEYS[1], '{name}', {value})");
            stage.lua::<u32>(&lua, &format!("broadcast:{key}"));
            let errors = stage.ask_everything(&store, &id);
            assert!(errors.iter().all(|it| *it == foreign()), "{key} {field} {value}: {errors:?}");
        }
    }
}
