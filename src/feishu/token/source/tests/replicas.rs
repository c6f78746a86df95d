//! Replicas that share the tokens and the ticket of a store app in a real Redis.

use super::store::{Stage, together, token};
use super::*;
use crate::feishu::token::{RedisTicket, TicketStore};
use crate::redis::testing::TestRedis;

/// A replica, with a Feishu of its own to count its calls. Its connections live on the runtime of `redis`.
fn replica(redis: &TestRedis) -> Stage {
    let credentials = Credentials { app_id: "cli_1".to_owned(), app_secret: "hush".into() };
    let ticket = RedisTicket::new(redis.store(), &redis.prefix, "cli_1");
    let shared = SharedToken::store_app(redis.store(), &redis.prefix, &credentials);
    redis.run(async {
        let mut stage = Stage::with_store(|_| TicketStore::Redis(ticket));
        stage.app = stage.app.clone().shared_by(Some(shared));
        stage
    })
}

#[test]
fn a_replica_that_does_not_hear_the_push_finds_the_ticket() {
    let redis = TestRedis::new();
    let (one, other) = (replica(&redis), replica(&redis));
    redis.run(async {
        let waiting = tokio::spawn({
            let app = one.app.clone();
            async move { token(&app).await }
        });
        one.somebody_waits_for(Duration::from_millis(500)).await;
        other.hear("one").await;
        one.hand.advance(Duration::from_millis(500));
        assert!(waiting.await.unwrap().is_ok());
        assert_eq!(one.feishu.calls(), [1, 0, 1]);
    });
}

#[test]
fn a_refused_ticket_is_replaced_by_the_one_that_another_replica_has_heard() {
    let redis = TestRedis::new();
    let (one, other) = (replica(&redis), replica(&redis));
    redis.run(async {
        one.hear("expired").await;
        other.tickets.heard(other.ticket("one", 1)).await.unwrap();
        assert!(token(&one.app).await.is_ok());
        assert_eq!(one.feishu.calls(), [2, 0, 0]);
    });
}

#[test]
fn one_replica_fetches_the_app_token_and_that_of_each_tenant_for_all() {
    let redis = TestRedis::new();
    let (one, other) = (replica(&redis), replica(&redis));
    redis.run(async {
        one.hear("one").await;
        let keys = ["t1", "t2", "t3"];
        let tokens = together(keys.map(|key| one.tenant(key))).await;
        assert!(tokens.iter().all(Result::is_ok));
        assert_eq!(one.feishu.calls(), [1, 3, 0]);
        for (key, token) in keys.iter().zip(together(keys.map(|key| other.tenant(key))).await) {
            let token = token.unwrap();
            assert!(keys.iter().any(|it| token.starts_with(&format!("Bearer t-{it}-"))), "{key}");
        }
        assert!(token(&other.app).await.is_ok());
        assert_eq!(other.feishu.calls(), [0, 0, 0]);
    });
}
