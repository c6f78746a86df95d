//! The limits for apps and receivers.

use std::time::Duration;

use feishu_simulator::{Api, App, Options, Settings, Simulator, WindowShape};
use serde_json::json;

use crate::feishu::{FORWARD, FORWARD_APIS, Feishu, TENANT_TOKEN, reply};

const SECOND: Duration = Duration::from_secs(1);
const INSTANT: Duration = Duration::from_nanos(1);

#[tokio::test]
async fn a_chat_gets_5_in_a_second_and_the_6th_is_refused() {
    let feishu = Feishu::start().await;
    for _ in 0..5 {
        assert_eq!(feishu.forward("oc_1").await.verdict(), (200, 0));
    }
    let refused = feishu.forward("oc_1").await;
    assert_eq!(refused.verdict(), (400, 230_020));
    assert_eq!(refused.msg(), "This operation triggers the frequency limit, ext=chat rate limit");
    assert_eq!(feishu.forward("oc_2").await.verdict(), (200, 0));
    assert_eq!(feishu.simulator.ledger().deliveries.len(), 6);
}

#[tokio::test]
async fn a_second_is_any_half_open_span_of_that_length() {
    let feishu = Feishu::start().await;
    feishu.forward("oc_1").await;
    feishu.pass(SECOND / 2);
    for _ in 0..4 {
        feishu.forward("oc_1").await;
    }
    feishu.pass(Duration::new(0, 499_999_999));
    assert_eq!(feishu.forward("oc_1").await.code(), 230_020, "the first is still in the span");
    feishu.pass(INSTANT);
    assert_eq!(feishu.forward("oc_1").await.code(), 0, "exactly a second after the first");
    assert_eq!(feishu.forward("oc_1").await.code(), 230_020, "the four and the one fill the span");
    feishu.pass(SECOND / 2);
    for _ in 0..4 {
        assert_eq!(feishu.forward("oc_1").await.code(), 0);
    }
    assert_eq!(feishu.forward("oc_1").await.code(), 230_020);
}

#[tokio::test]
async fn the_refusal_for_a_user_does_not_mention_a_chat() {
    let feishu =
        Feishu::start_with(Settings { receiver_per_second: 1, ..Settings::default() }).await;
    feishu.forward_to("open_id", "ou_1").await;
    let refused = feishu.forward_to("open_id", "ou_1").await;
    assert_eq!(refused.verdict(), (400, 230_020));
    assert_eq!(refused.msg(), "This operation triggers the frequency limit.");
    assert_eq!(feishu.forward_to("user_id", "ou_1").await.code(), 0, "another receiver to Feishu");
}

#[tokio::test]
async fn all_apps_share_the_limit_of_a_chat_but_not_that_of_a_user() {
    let app = |app_id: &str| App::new(app_id, "s");
    let settings = Settings { receiver_per_second: 1, ..Settings::default() };
    let options = Options { apps: vec![app("cli_a"), app("cli_b")], settings, ..frozen() };
    let simulator = Simulator::start(options).await.unwrap();
    let client = crate::feishu::client();
    let mut codes = Vec::new();
    for (app_id, kind) in
        [("cli_a", "chat_id"), ("cli_b", "chat_id"), ("cli_a", "open_id"), ("cli_b", "open_id")]
    {
        let request = client.post(format!("{}{TENANT_TOKEN}", simulator.url()));
        let body = reply(request.json(&json!({"app_id": app_id, "app_secret": "s"}))).await.json();
        let path = FORWARD.replace("chat_id", kind);
        let request = client.post(format!("{}{path}", simulator.url()));
        let request = request.bearer_auth(body["tenant_access_token"].as_str().unwrap());
        codes.push(reply(request.json(&json!({"receive_id": "x"}))).await.code());
    }
    assert_eq!(codes, [0, 230_020, 0, 0]);
}

#[tokio::test]
async fn an_app_gets_50_in_a_second_and_then_429_with_the_seconds_to_wait() {
    let feishu = Feishu::start().await;
    for n in 0..50 {
        assert_eq!(feishu.forward(&format!("oc_{n}")).await.code(), 0);
    }
    feishu.pass(Duration::new(0, 999_999_999));
    let refused = feishu.forward("oc_x").await;
    assert_eq!(refused.verdict(), (429, 99_991_400));
    assert_eq!(refused.msg(), "request trigger frequency limit");
    assert_eq!(refused.header("x-ogw-ratelimit-limit"), Some("50"));
    assert_eq!(refused.header("x-ogw-ratelimit-reset"), Some("1"));
    feishu.pass(INSTANT);
    assert_eq!(feishu.forward("oc_x").await.code(), 0);
}

#[tokio::test]
async fn an_app_gets_1000_in_a_minute_and_then_429_until_the_first_is_a_minute_old() {
    let feishu = Feishu::start().await;
    for second in 0..20 {
        for n in 0..50 {
            assert_eq!(feishu.forward(&format!("oc_{second}_{n}")).await.code(), 0);
        }
        feishu.pass(SECOND);
    }
    let refused = feishu.forward("oc_x").await;
    assert_eq!(refused.verdict(), (429, 99_991_400));
    assert_eq!(refused.header("x-ogw-ratelimit-limit"), Some("1000"));
    assert_eq!(refused.header("x-ogw-ratelimit-reset"), Some("40"));
    feishu.pass(Duration::new(39, 999_999_999));
    assert_eq!(feishu.forward("oc_x").await.header("x-ogw-ratelimit-reset"), Some("1"));
    feishu.pass(INSTANT);
    assert_eq!(feishu.forward("oc_x").await.code(), 0);
    assert_eq!(feishu.simulator.ledger().max_in_any_span(None, SECOND), 50);
}

#[tokio::test]
async fn each_forward_api_has_limits_of_its_own_for_an_app() {
    let settings = Settings { app_per_second: 1, app_per_minute: 2, ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    for full in ["1", "2"] {
        for limit in [None, Some(full)] {
            for (api, path) in FORWARD_APIS {
                let answer = feishu.forward_by(path, &format!("oc_{api:?}")).await;
                assert_eq!(answer.code(), limit.map_or(0, |_| 99_991_400), "{path}");
                assert_eq!(answer.header("x-ogw-ratelimit-limit"), limit, "{path}");
            }
        }
        feishu.pass(SECOND);
    }
    let ledger = feishu.simulator.ledger();
    assert_eq!(ledger.max_of_in_any_span(Api::MergeForward, SECOND), 2);
    assert_eq!(ledger.max_in_any_span(None, SECOND), 6);
}

#[tokio::test]
async fn all_forward_apis_share_the_limit_of_a_receiver() {
    let feishu =
        Feishu::start_with(Settings { receiver_per_second: 2, ..Settings::default() }).await;
    for (last, path) in FORWARD_APIS {
        for (_, path) in FORWARD_APIS.iter().filter(|(api, _)| *api != last) {
            assert_eq!(feishu.forward_by(path, "oc_1").await.code(), 0, "{path}");
        }
        assert_eq!(feishu.forward_by(path, "oc_1").await.verdict(), (400, 230_020), "{path}");
        feishu.pass(SECOND);
    }
    assert_eq!(feishu.simulator.ledger().max_in_any_span(Some("oc_1"), SECOND), 3);
}

#[tokio::test]
async fn if_both_limits_of_the_app_are_full_the_answer_holds_the_longer_wait() {
    let settings = Settings { app_per_second: 1, app_per_minute: 1, ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    feishu.forward("oc_1").await;
    assert_eq!(feishu.forward("oc_1").await.header("x-ogw-ratelimit-reset"), Some("60"));
}

#[tokio::test]
async fn a_limit_holds_with_many_receivers() {
    let many = 1500;
    let settings = Settings {
        receiver_per_second: 1,
        app_per_second: many + 9,
        app_per_minute: many + 9,
        ..Settings::default()
    };
    let feishu = Feishu::start_with(settings).await;
    for n in 0..many {
        assert_eq!(feishu.forward(&format!("oc_{n}")).await.code(), 0);
    }
    for n in [0, many / 2, many - 1] {
        assert_eq!(feishu.forward(&format!("oc_{n}")).await.code(), 230_020);
    }
}

#[tokio::test]
async fn the_status_of_the_app_limit_can_be_400() {
    let settings = Settings { app_limit_status: 400, app_per_second: 0, ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    let refused = feishu.forward("oc_1").await;
    assert_eq!(refused.verdict(), (400, 99_991_400));
    assert_eq!(refused.header("x-ogw-ratelimit-reset"), Some("1"));
}

#[tokio::test]
async fn a_limit_counts_refused_attempts_only_if_the_setting_says_so() {
    for (refused_attempts_count, code) in [(false, 0), (true, 230_020)] {
        let settings =
            Settings { receiver_per_second: 1, refused_attempts_count, ..Settings::default() };
        let feishu = Feishu::start_with(settings).await;
        feishu.forward("oc_1").await;
        feishu.pass(SECOND / 2);
        assert_eq!(feishu.forward("oc_1").await.code(), 230_020);
        feishu.pass(SECOND / 2);
        assert_eq!(feishu.forward("oc_1").await.code(), code);
    }
}

#[tokio::test]
async fn the_receivers_limit_does_not_count_attempts_that_the_apps_limit_refused() {
    let settings = Settings { app_per_second: 1, receiver_per_second: 1, ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    feishu.forward("oc_1").await;
    feishu.pass(SECOND / 2);
    assert_eq!(feishu.forward("oc_2").await.code(), 99_991_400);
    feishu.pass(SECOND / 2);
    assert_eq!(feishu.forward("oc_2").await.code(), 0);
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let settings =
        Settings { enforce_limits: false, receiver_per_second: 0, ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    for _ in 0..60 {
        assert_eq!(feishu.forward("oc_1").await.code(), 0);
    }
}

#[tokio::test]
async fn token_calls_are_not_limited() {
    let settings = Settings { app_per_second: 0, ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    feishu.token().await;
    assert_eq!(feishu.simulator.ledger().of(Api::TenantAccessToken).count(), 1);
}

fn frozen() -> Options {
    Options { clock: std::sync::Arc::new(|| Duration::ZERO), ..Options::default() }
}

/// Which of the forwards to one chat are accepted that leave 100 ms apart.
async fn accepted(window: WindowShape, refused_attempts_count: bool) -> String {
    let settings = Settings { window, refused_attempts_count, ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    // A span of the calendar begins with the clock's full second.
    feishu.pass(Duration::from_millis(700));
    let mut all = String::new();
    for _ in 0..16 {
        all.push(if feishu.forward("oc_1").await.code() == 0 { '+' } else { '-' });
        feishu.pass(Duration::from_millis(100));
    }
    all
}

#[tokio::test]
async fn each_shape_of_the_time_spans_accepts_what_it_should() {
    for (window, refused_count, pattern) in [
        (WindowShape::Sliding, false, "+++++-----+++++-"),
        (WindowShape::Sliding, true, "+++++-----------"),
        (WindowShape::Calendar, false, "++++++++-----+++"),
        (WindowShape::Bucket, false, "+++++++++-+-+-+-"),
        (WindowShape::Bucket, true, "+++++++++-------"),
    ] {
        assert_eq!(accepted(window, refused_count).await, pattern, "{window:?} {refused_count}");
    }
}

#[tokio::test]
async fn the_refusal_of_a_receiver_carries_a_reset_only_if_the_settings_say_so() {
    for reset in [None, Some(3)] {
        let settings =
            Settings { receiver_per_second: 1, receiver_limit_reset: reset, ..Settings::default() };
        let feishu = Feishu::start_with(settings).await;
        feishu.forward("oc_1").await;
        let refused = feishu.forward("oc_1").await;
        assert_eq!(refused.code(), 230_020);
        let shown = refused.header("x-ogw-ratelimit-reset").map(str::to_owned);
        assert_eq!(shown, reset.map(|it| it.to_string()));
    }
}
