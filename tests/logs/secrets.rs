//! No secret in any line that the gateway writes at any level, in any line of anybody's at `info`,
//! in any answer, or in what is printed for debugging.

use std::collections::BTreeSet;
use std::time::Duration;

use feishu_forward_gateway::config;
use feishu_forward_gateway::feishu::token::Credentials;
use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Api, Fault, FaultKind, Phase};
use serde_json::Value;

use gateway_harness::log::{capture, is_seen_at_info, lines};
use gateway_harness::{APP_SECRET, Answer, Gateway, all, code, every_token, foreign, gateway};

const WRONG_SECRET: &str = "wr0ng-S3cr3t-83hd7s";
const WRONG_KEY: &str = "ffg_wrongkey1234_thisIsNoKeyButSomebodySentIt";

/// Secrets that no log may show.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn of(&mut self, gateway: &Gateway) {
        self.0.insert(gateway.key.clone());
        let attempts = gateway.simulator.ledger().attempts;
        let tokens = attempts.iter().flat_map(|attempt| &attempt.headers);
        let tokens = tokens.filter(|(name, _)| name == "authorization");
        self.0.extend(tokens.map(|(_, value)| value.trim_start_matches("Bearer ").to_owned()));
    }

    #[track_caller]
    fn none_in(&self, text: &str) {
        for secret in &self.0 {
            assert!(!text.contains(secret.as_str()), "{secret:?} in {text}");
        }
    }
}

/// Everything that Feishu can do wrong with a forward.
fn faults() -> Vec<FaultKind> {
    let json = "application/json";
    vec![
        FaultKind::Cut,
        FaultKind::CutInBody,
        foreign(502, "text/html", "<html>Bad Gateway</html>"),
        foreign(200, json, "{}"),
        foreign(200, json, "{\"code\":0}"),
        code(230002),
        code(99991663),
        code(99991671),
        code(-7),
    ]
}

async fn failing_forwards(secrets: &mut Secrets) -> Vec<String> {
    let gateway = gateway().one_attempt().no_app_limits().start().await;
    let mut texts = Vec::new();
    for (number, kind) in faults().into_iter().enumerate() {
        for phase in [Phase::BeforeCommit, Phase::AfterCommit] {
            let fault = Fault { api: Some(Api::Forward), phase, ..Fault::once(kind.clone()) };
            gateway.simulator.add_fault(fault);
            texts.push(said(&gateway.forward(&format!("ou_{number}")).send().await));
            // For so long no token is asked for after one that was rejected like the one before.
            gateway.advance(Duration::from_secs(2));
        }
    }
    gateway.spoil_forward(FaultKind::Silence);
    let silent = gateway.forward("oc_1").spawn();
    gateway.forwards_reach(faults().len() * 2 + 1).await;
    let given_up = gateway.clock.now() + Duration::from_secs(5);
    gateway.sleeps_until(given_up).await;
    gateway.advance_to(given_up);
    texts.push(said(&all(vec![silent]).await[0]));
    for authorization in [format!("Basic {}", gateway.key), format!("Bearer {WRONG_KEY}")] {
        let forward = gateway.forward("oc_1").without("x-api-key");
        texts.push(said(&forward.header("authorization", &authorization).send().await));
    }
    texts.push(said(&gateway.ask_admin("GET", "/metrics").await));
    secrets.of(&gateway);
    texts
}

async fn failing_tokens(secrets: &mut Secrets) -> Vec<String> {
    let mut texts = Vec::new();
    // An answer that would be a success, but for a token that fits no header.
    let odd = "{\"code\":0,\"tenant_access_token\":\"t-0dd\\n0dd\",\"expire\":7200}";
    let more = [foreign(200, "application/json", odd), code(10014)];
    for kind in faults().into_iter().chain(more) {
        let fault = every_token(kind);
        let gateway = gateway().one_attempt().fault(fault).cold().start().await;
        texts.push(said(&gateway.forward("oc_1").send().await));
        texts.push(said(&gateway.ask_admin("GET", "/readyz").await));
        secrets.of(&gateway);
    }
    for base_url in [
        |_: &str| "http://127.0.0.1:1".to_owned(),
        |_: &str| format!("http://{}.invalid", "x".repeat(64)),
        |url: &str| url.replace("http:", "https:"),
    ] {
        let gateway = gateway().one_attempt().look_for_feishu_at(base_url).start().await;
        texts.push(said(&gateway.forward("oc_1").send().await));
        secrets.of(&gateway);
    }
    let wrong = gateway().set("apps.main.app_secret", WRONG_SECRET).cold().start().await;
    texts.push(said(&wrong.forward("oc_1").send().await));
    secrets.of(&wrong);
    texts
}

/// All of an answer, its headers too.
fn said(answer: &Answer) -> String {
    format!("{} {:?} {}", answer.status, answer.headers, answer.text())
}

#[actix_web::test]
async fn no_secret_is_seen_under_any_failure() {
    capture();
    let known = [APP_SECRET, WRONG_SECRET, WRONG_KEY, "t-0dd", "0dd\\n"];
    let mut secrets = Secrets(known.map(str::to_owned).into());
    let mut texts = failing_forwards(&mut secrets).await;
    texts.extend(failing_tokens(&mut secrets).await);
    assert!(secrets.0.iter().filter(|secret| secret.starts_with("t-")).count() > 1);
    assert!(texts.len() > 30);
    for text in &texts {
        secrets.none_in(text);
    }
    let (mut ours, mut seen) = (0, 0);
    for text in lines() {
        let line: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        let target = line["target"].as_str().unwrap_or_default();
        let is_ours = target.starts_with("feishu_forward_gateway");
        ours += usize::from(is_ours);
        seen += usize::from(is_seen_at_info(&line));
        if is_ours || is_seen_at_info(&line) {
            secrets.none_in(&text);
            assert!(!text.contains("Bearer "), "{text}");
        }
    }
    assert!(ours > 50 && seen > 50, "{ours} of ours, {seen} at info: the log is not seen");
}

#[actix_web::test]
async fn neither_receivers_nor_messages_nor_what_callers_paste_into_wrong_places_is_seen() {
    capture();
    let gateway = gateway().start().await;
    let private = ["ou_private_8dk3", "om_private_7sj2", "pasted-private-key-5h2k"];
    let msg = format!("invalid, ext=invalid receive_id {}", private[0]);
    gateway.spoil_forward(FaultKind::Code {
        code: 230001,
        status: None,
        msg: Some(msg),
        reset: None,
    });
    let forward = || gateway.forward(private[0]).message(private[1]);
    let with_id = |number: u32| forward().header("x-request-id", &format!("private-{number}"));
    with_id(1).send().await.problem(400, "invalid_request", "not_delivered");
    gateway.simulator.clear_faults();
    with_id(2).send().await.message_id();
    with_id(3).query(&format!("{}=1", private[2])).send().await.wrong_fields();
    with_id(4).body(format!("{{\"{}\":1}}", private[2])).send().await.wrong_fields();
    with_id(5).header("content-type", private[2]).send().await.problem(
        415,
        "unsupported_media_type",
        "not_delivered",
    );
    with_id(6).body(format!("\"{}\"", private[2])).send().await.wrong_fields();
    let nowhere = format!("/v1/messages/{}/forwrd/{}", private[1], private[2]);
    gateway.ask("GET", &nowhere).await.problem(404, "route_not_found", "not_delivered");
    let mut seen = 0;
    for text in lines() {
        let line: Value = serde_json::from_str(&text).expect("JSON");
        if is_seen_at_info(&line) {
            seen += usize::from(text.contains("private-"));
            for word in private {
                assert!(!text.contains(word), "{word} in {text}");
            }
        }
    }
    assert!(seen >= 6, "the lines of these requests are not seen");
}

#[test]
fn nothing_that_is_printed_for_debugging_holds_a_secret() {
    let key = ApiKey::generate();
    let settings = [
        ("GATEWAY__APPS__MAIN__APP_ID", "cli_main"),
        ("GATEWAY__APPS__MAIN__APP_SECRET", APP_SECRET),
        ("GATEWAY__KEYS__TESTER__HASH", &key.hash().to_string()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = config::load(None, settings).unwrap();
    let credentials = Credentials {
        app_id: "cli_main".into(),
        app_secret: config.apps["main"].app_secret.clone(),
    };
    let printed = [
        format!("{config:?}"),
        format!("{config:#?}"),
        format!("{credentials:?}"),
        format!("{key:?}"),
        config.effective.to_string(),
    ];
    for text in printed {
        assert!(!text.contains(APP_SECRET), "{text}");
        assert!(!text.contains(key.expose()), "{text}");
    }
}

#[test]
fn a_mistake_in_the_configuration_never_repeats_a_value() {
    let settings = [
        ("GATEWAY__SERVER__LISTEN", APP_SECRET),
        ("GATEWAY__LIMITS__MAX_WAIT", APP_SECRET),
        ("GATEWAY__KEYS__TESTER__HASH", APP_SECRET),
        ("GATEWAY__FEISHU__BASE_URL", APP_SECRET),
        ("GATEWAY__NO__SUCH_KEY", APP_SECRET),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mistakes = config::load(None, settings).unwrap_err();
    assert!(mistakes.len() >= 5, "{mistakes:?}");
    assert!(!format!("{mistakes:?}").contains(APP_SECRET));
}
