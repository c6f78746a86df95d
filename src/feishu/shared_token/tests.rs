//! A token in a real Redis, which `TEST_STATE_URL` names; without one these tests hold nothing.

use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::clock::Clock;
use crate::store::Settings;
use crate::telemetry::metrics::Metrics;

const HOUR: Duration = Duration::from_hours(1);

struct Stage {
    runtime: Runtime,
    url: String,
    prefix: String,
}

impl Stage {
    fn new() -> Option<Self> {
        let url = std::env::var("TEST_STATE_URL").ok()?;
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Some(Self { runtime, url, prefix: format!("test-{}", Uuid::now_v7()) })
    }

    fn replica(&self, secret: &str) -> SharedToken {
        let settings = Settings { url: self.url.parse().unwrap(), password: None };
        let store = Store::new(settings, Clock::system(), Metrics::new());
        self.runtime.block_on(store.connect()).unwrap();
        let credentials =
            Credentials { app_id: "cli_a".to_owned(), app_secret: SecretString::from(secret) };
        SharedToken::new(store.into(), &self.prefix, &credentials)
    }

    fn ask(&self, replica: &SharedToken, at_least: Duration) -> Asked {
        self.runtime.block_on(replica.ask(at_least)).unwrap()
    }
}

#[test]
fn one_fetches_it_and_the_others_wait_for_it() {
    let Some(stage) = Stage::new() else { return };
    let (one, other) = (stage.replica("hush"), stage.replica("hush"));
    assert!(matches!(stage.ask(&one, Duration::ZERO), Asked::FetchIt));
    assert!(matches!(stage.ask(&other, Duration::ZERO), Asked::Wait));
    stage.runtime.block_on(one.give(&"t-1".to_owned().into(), HOUR)).unwrap();
    let Asked::Token(token, lives) = stage.ask(&other, Duration::ZERO) else { panic!("no token") };
    assert_eq!(token.expose_secret(), "t-1");
    assert!(lives <= HOUR && lives > HOUR / 2);
}

#[test]
fn a_token_that_does_not_live_long_enough_is_fetched_by_one() {
    let Some(stage) = Stage::new() else { return };
    let (one, other) = (stage.replica("hush"), stage.replica("hush"));
    stage.runtime.block_on(one.give(&"t-1".to_owned().into(), HOUR)).unwrap();
    assert!(matches!(stage.ask(&one, HOUR * 2), Asked::FetchIt));
    assert!(matches!(stage.ask(&other, HOUR * 2), Asked::Wait));
    assert!(matches!(stage.ask(&other, Duration::ZERO), Asked::Token(..)));
}

#[test]
fn whoever_cannot_fetch_it_lets_another_one_try() {
    let Some(stage) = Stage::new() else { return };
    let (one, other) = (stage.replica("hush"), stage.replica("hush"));
    assert!(matches!(stage.ask(&one, Duration::ZERO), Asked::FetchIt));
    // Only the one who is at it can give it up.
    stage.runtime.block_on(other.give_up()).unwrap();
    assert!(matches!(stage.ask(&other, Duration::ZERO), Asked::Wait));
    stage.runtime.block_on(one.give_up()).unwrap();
    assert!(matches!(stage.ask(&other, Duration::ZERO), Asked::FetchIt));
}

#[test]
fn a_token_of_another_secret_is_none() {
    let Some(stage) = Stage::new() else { return };
    let (one, other) = (stage.replica("hush"), stage.replica("changed"));
    stage.runtime.block_on(one.give(&"t-1".to_owned().into(), HOUR)).unwrap();
    assert!(matches!(stage.ask(&other, Duration::ZERO), Asked::FetchIt));
}
