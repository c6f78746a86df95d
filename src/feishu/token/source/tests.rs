mod replicas;
mod store;
mod tenants;
mod tickets;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::runtime::{Builder, Handle};

use super::*;
use crate::feishu::fake::FakeFeishu;
use crate::feishu::options::Options;

/// A client that this fake answers.
fn client(clock: &Clock, fake: FakeFeishu) -> Client {
    let options = Options {
        base_url: "http://127.0.0.1:1".parse().unwrap(),
        authorities: Vec::new(),
        connect_timeout: Duration::from_secs(5),
        attempt_timeout: Duration::from_secs(5),
    };
    Client::new(options, Handle::current(), clock.clone()).unwrap().answered_by(fake)
}

/// A source of an app whose secret Feishu refuses, and how many calls it has made.
fn refused(clock: &Clock) -> (TokenSource, Arc<AtomicU32>) {
    let calls = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&calls);
    let fake = FakeFeishu::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        let body = r#"{"code": 10014, "msg": "app secret invalid"}"#;
        async { Ok((200, HeaderMap::new(), body.to_owned())) }
    });
    let client = client(clock, fake);
    let credentials = Credentials { app_id: "cli_1".to_owned(), app_secret: String::new().into() };
    (
        TokenSource::self_built("main".into(), credentials, client, clock.clone(), Metrics::new()),
        calls,
    )
}

#[test]
fn who_waited_for_a_call_shares_its_failure_however_late_it_hears_of_it() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (clock, hand) = Clock::manual();
        let (source, calls) = refused(&clock);
        let (mut first, mut second) = (Box::pin(source.get()), Box::pin(source.get()));
        poll_fn(|context| {
            assert!(first.as_mut().poll(context).is_pending());
            assert!(second.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        assert!(first.await.is_err());
        // Longer than the pause after a failure.
        hand.advance(Duration::from_mins(10));
        assert!(second.await.is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert!(source.get().await.is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_call_that_began_before_the_cause_was_removed_costs_no_pause() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (clock, _hand) = Clock::manual();
        let (source, calls) = refused(&clock);
        let mut call = Box::pin(source.get());
        // The call is a task of its own, which has begun once it was counted.
        while calls.load(Ordering::Relaxed) == 0 {
            poll_fn(|context| {
                assert!(call.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            tokio::task::yield_now().await;
        }
        source.ask_again();
        assert!(call.await.is_err());
        assert!(source.blocked().is_none());
        assert!(source.get().await.is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        assert!(source.blocked().is_some());
    });
}
