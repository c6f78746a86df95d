//! The tokens of a store app in its tenants.

use super::store::{Stage, settled, together, token};
use super::*;

/// A token lives for two hours, and is renewed when 30 minutes are left.
const TIME_TO_RENEW: Duration = Duration::from_mins(91);

async fn with_ticket() -> Stage {
    let stage = Stage::new();
    stage.hear("one").await;
    stage
}

#[tokio::test]
async fn callers_of_one_tenant_share_one_call_for_each_token() {
    let stage = with_ticket().await;
    let tenant = stage.tenant("t1");
    for token in together((0..100).map(|_| tenant.clone())).await {
        assert_eq!(token.unwrap(), "Bearer t-t1-1");
    }
    assert_eq!(stage.feishu.calls(), [1, 1, 0]);
}

#[tokio::test]
async fn a_thousand_tenants_share_one_app_token() {
    let stage = with_ticket().await;
    let tokens = together((0..1000).map(|number| stage.tenant(&format!("t{number}")))).await;
    assert!(tokens.iter().all(Result::is_ok));
    assert_eq!((stage.feishu.calls(), stage.feishu.tenants()), ([1, 1000, 0], 1000));
}

#[tokio::test]
async fn a_tenant_that_has_removed_the_app_disturbs_no_other_one() {
    let stage = with_ticket().await;
    let (gone, here) = (stage.tenant("gone"), stage.tenant("here"));
    stage.feishu.state().refused.insert("gone".to_owned(), 99_991_673);
    for _ in 0..10 {
        assert_eq!(token(&gone).await.unwrap_err().error.code(), "99991673");
    }
    assert!(gone.blocked().is_some());
    assert!(here.blocked().is_none() && stage.app.blocked().is_none());
    assert!(token(&here).await.is_ok());
    // The pause of the one tenant leaves out its other calls.
    assert_eq!(stage.feishu.calls(), [1, 2, 0]);
}

#[tokio::test]
async fn a_rejected_app_token_is_replaced_once_for_all_tenants() {
    let stage = with_ticket().await;
    assert!(token(&stage.app).await.is_ok());
    stage.feishu.state().app_token = 1;
    let tokens = together((0..50).map(|number| stage.tenant(&format!("t{number}")))).await;
    assert!(tokens.iter().all(Result::is_ok));
    assert_eq!(stage.feishu.calls()[0], 2);
}

#[tokio::test]
async fn an_app_token_that_is_rejected_again_is_not_fetched_a_third_time() {
    let stage = with_ticket().await;
    stage.feishu.state().refused.insert("odd".to_owned(), 99_991_664);
    let odd = stage.tenant("odd");
    assert_eq!(token(&odd).await.unwrap_err().error.code(), "99991664");
    assert_eq!(stage.feishu.calls(), [2, 2, 0]);
}

#[tokio::test]
async fn a_rejected_tenant_token_is_replaced_with_the_same_app_token() {
    let stage = with_ticket().await;
    let tenant = stage.tenant("t1");
    let first = tenant.get().await.unwrap();
    let error = CallError::TimedOut { is_stale: false };
    tenant.reject(&first, &error).unwrap();
    assert_eq!(token(&tenant).await.unwrap(), "Bearer t-t1-2");
    assert_eq!(stage.feishu.calls(), [1, 2, 0]);
}

#[tokio::test]
async fn a_missing_app_token_is_no_trouble_of_the_tenant() {
    let stage = Stage::new();
    let tenant = stage.tenant("t1");
    let waiting = tokio::spawn({
        let tenant = tenant.clone();
        async move { token(&tenant).await }
    });
    stage.somebody_waits_for(Duration::from_millis(500)).await;
    stage.hand.advance(Duration::from_secs(5));
    assert_eq!(waiting.await.unwrap().unwrap_err().error.code(), "no_app_ticket");
    assert!(tenant.trouble().is_none());
    assert!(tenant.blocked().is_some() && tenant.check().is_err(), "the app token's pause");
    stage.hear("one").await;
    stage.app.ask_again();
    assert!(tenant.check().is_ok());
    assert!(token(&tenant).await.is_ok());
}

#[tokio::test]
async fn a_token_is_renewed_by_its_use_and_only_by_that() {
    let stage = with_ticket().await;
    let (used, unused) = (stage.tenant("used"), stage.tenant("unused"));
    assert!(token(&used).await.is_ok() && token(&unused).await.is_ok());
    stage.hand.advance(TIME_TO_RENEW);
    settled().await;
    assert_eq!(stage.feishu.calls(), [1, 2, 0]);
    for _ in 0..10 {
        assert_eq!(token(&used).await.unwrap(), "Bearer t-used-1", "at once, the old one");
    }
    settled().await;
    assert_eq!(token(&used).await.unwrap(), "Bearer t-used-3");
    settled().await;
    // The app token is still good enough for it.
    assert_eq!(stage.feishu.calls(), [1, 3, 0]);
}

#[tokio::test]
async fn a_renewal_that_fails_costs_no_forward_and_is_tried_again_after_a_pause() {
    let stage = with_ticket().await;
    let tenant = stage.tenant("t1");
    assert!(token(&tenant).await.is_ok());
    stage.hand.advance(TIME_TO_RENEW);
    stage.feishu.state().refused.insert("t1".to_owned(), 10_013);
    for _ in 0..10 {
        assert_eq!(token(&tenant).await.unwrap(), "Bearer t-t1-1");
        settled().await;
    }
    assert_eq!(stage.feishu.calls(), [1, 2, 0]);
    stage.feishu.state().refused.clear();
    stage.hand.advance(Duration::from_millis(999));
    assert_eq!(token(&tenant).await.unwrap(), "Bearer t-t1-1");
    settled().await;
    assert_eq!(stage.feishu.calls(), [1, 2, 0]);
    stage.hand.advance(Duration::from_millis(1));
    assert_eq!(token(&tenant).await.unwrap(), "Bearer t-t1-1");
    settled().await;
    assert_eq!(token(&tenant).await.unwrap(), "Bearer t-t1-3");
}
