//! What every store must do. To test another one, write a function that makes a [`TestStore`] of it, and hand it to
//! [`rules::hold`] and [`history::agrees`].

pub(super) mod history;
mod model;
pub(super) mod rules;
mod subject;

use std::sync::Arc;

use proptest::prelude::*;
use tokio::runtime::Builder;

pub(super) use self::subject::TestStore;
use super::{SqliteStore, Store};
use crate::sqlite::Database;

fn sqlite() -> TestStore {
    let runtime = Builder::new_current_thread().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    TestStore::new(runtime.into(), move || {
        let database = Database::open_without_sync(&directory.path().join("gateway.db")).unwrap();
        Arc::new(SqliteStore::new(database.into())) as Arc<dyn Store>
    })
}

#[test]
fn sqlite_keeps_the_rules() {
    rules::hold(sqlite);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn sqlite_does_what_the_model_does(steps in history::steps()) {
        history::agrees(sqlite(), steps)?;
    }
}
