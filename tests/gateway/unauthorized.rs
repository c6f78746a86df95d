//! Requests without a valid key are counted by reason, so that a flood of them is seen and its cause known.

use feishu_forward_gateway::model::api_key::ApiKey;

use gateway_harness::{Answer, gateway};

const COUNT: &str = "feishu_gateway_unauthorized_total";

#[actix_web::test]
async fn each_is_counted_by_its_reason_and_with_the_name_of_a_key_that_is_known() {
    let (expired, disabled) = (ApiKey::generate(), ApiKey::generate());
    let gateway = gateway().refused_keys(&expired, &disabled).start().await;
    let before = gateway.metrics().await;
    for reason in ["no_key", "unknown", "damaged", "token", "no_app_secret"] {
        let labels = [("reason", reason), ("caller", "")];
        assert_eq!(before.find(COUNT, &labels), Some(0.0), "{reason}");
    }
    for key in [expired.expose(), disabled.expose(), "a password", "ffg_wrong", "ffg_wrong"] {
        let answer = gateway.forward("oc_1").header("x-api-key", key).send().await;
        answer.problem(401, "unauthorized", "not_delivered");
    }
    gateway.forward("oc_1").without("x-api-key").send().await;
    let token = format!("{}/open-apis/auth/v3/tenant_access_token/internal", gateway.api);
    let disabled = format!(r#"{{"app_id":"switched_off","app_secret":"{}"}}"#, disabled.expose());
    for body in [disabled.as_str(), r#"{"app_id":"x","app_secret":"y"}"#, "{}"] {
        Answer::of(gateway.http.post(&token).body(body.to_owned())).await;
    }
    gateway.forward("oc_1").send().await.message_id();
    let metrics = gateway.metrics().await;
    for (reason, caller, count) in [
        ("expired", "outdated", 1),
        ("disabled", "switched_off", 2),
        ("unknown", "", 2),
        ("damaged", "", 2),
        ("no_key", "", 1),
        ("no_app_secret", "", 1),
    ] {
        let labels = [("reason", reason), ("caller", caller)];
        assert_eq!(metrics.count(COUNT, &labels), count, "{reason} {caller}");
    }
    assert_eq!(metrics.count(COUNT, &[]), 9);
    let problems = [("code", "unauthorized")];
    assert_eq!(metrics.count("feishu_gateway_problems_total", &problems), 9);
}
