//! The calls that ask about an app.

use feishu_simulator::{Api, Settings};
use reqwest::Method;
use serde_json::json;

use crate::feishu::{Feishu, Reply, reply};

const BOT: &str = "/open-apis/bot/v3/info";
const SCOPES: &str = "/open-apis/application/v6/scopes";
const IS_IN_CHAT: &str = "/open-apis/im/v1/chats/oc_1/members/is_in_chat";

async fn ask(feishu: &Feishu, path: &str) -> Reply {
    let (token, _) = feishu.token().await;
    reply(feishu.request(Method::GET, path).bearer_auth(token)).await
}

#[tokio::test]
async fn bot_scopes_and_membership_are_those_of_the_settings() {
    let settings = Settings {
        bot_activate_status: 3,
        ip_white_list: vec!["203.0.113.9".into()],
        scopes: [("im:message".to_owned(), 2)].into(),
        is_in_chat: false,
        ..Settings::default()
    };
    let feishu = Feishu::start_with(settings).await;
    let bot = ask(&feishu, BOT).await.json();
    assert_eq!(bot["bot"]["activate_status"], json!(3));
    assert_eq!(bot["bot"]["ip_white_list"], json!(["203.0.113.9"]));
    let scopes = ask(&feishu, SCOPES).await.json();
    assert_eq!(
        scopes["data"],
        json!({"scopes": [{"scope_name": "im:message", "grant_status": 2}]})
    );
    assert_eq!(ask(&feishu, IS_IN_CHAT).await.json()["data"], json!({"is_in_chat": false}));
    let asked: Vec<Api> = feishu.simulator.ledger().attempts.iter().map(|it| it.api).collect();
    let about_app = [Api::BotInfo, Api::Scopes, Api::IsInChat];
    assert!(about_app.iter().all(|api| asked.contains(api)), "{asked:?}");
}

#[tokio::test]
async fn they_need_a_token_and_the_method_get() {
    let feishu = Feishu::start().await;
    for path in [BOT, SCOPES, IS_IN_CHAT] {
        assert_eq!(reply(feishu.request(Method::GET, path)).await.verdict(), (400, 99_991_661));
        assert_eq!(feishu.post(path, &json!({})).await.status, 404);
    }
}

#[tokio::test]
async fn the_date_can_be_ahead_of_the_clock_or_behind_it() {
    let feishu = Feishu::start().await;
    let mut dates = Vec::new();
    for ahead in [i64::MIN, -86_400, 0, 86_400, i64::MAX] {
        feishu.simulator.change_settings(|settings| settings.date_offset_seconds = ahead);
        let answer = reply(feishu.request(Method::GET, BOT)).await;
        dates.push(httpdate::parse_http_date(answer.header("date").unwrap()).unwrap());
    }
    assert!(dates.is_sorted_by(|one, next| one < next), "{dates:?}");
}
