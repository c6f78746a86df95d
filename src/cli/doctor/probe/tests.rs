//! The probe against a simulator that is switched to each answer that Feishu could give. Time passes only when the
//! probe waits for it.

use std::sync::Arc;
use std::time::Duration;

use feishu_simulator::{
    Api, Duplicate, Fault, FaultKind, Options, Settings, Simulator, WindowShape,
};
use reqwest::header::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::call::Caller;
use super::super::real_forward::Errand;
use super::super::route::Route;
use super::{Lab, Lesson, ProbeReport, connection, run};
use crate::clock::{Clock, ManualClock};
use crate::feishu::options::Options as CallOptions;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;

const TWO_MINUTES: Duration = Duration::from_mins(2);
const RECEIVER: &str = "oc_receiver_of_the_probe";
const MESSAGE: &str = "om_message_of_the_probe";

async fn feishu(clock: &Clock, settings: Settings) -> Simulator {
    let time = clock.clone();
    let options = Options { clock: Arc::new(move || time.now()), settings, ..Options::default() };
    Simulator::start(options).await.expect("a free port")
}

/// Works with a lab against this simulator.
async fn in_lab<T>(
    simulator: &Simulator,
    clock: &Clock,
    patience: Duration,
    work: impl AsyncFnOnce(&Lab<'_>) -> T,
) -> T {
    let timeout = Duration::from_secs(5);
    let options = CallOptions {
        base_url: simulator.url().parse().expect("a URL"),
        authorities: Vec::new(),
        connect_timeout: timeout,
        attempt_timeout: timeout,
    };
    let caller = Caller::new(&options, clock).expect("a client");
    let body = json!({"app_id": "cli_simulator", "app_secret": "simulator-secret"});
    let url = caller.url("auth/v3/tenant_access_token/internal");
    let answer = caller.post(url, None, &body).await.expect("an answer");
    let token = answer.body["tenant_access_token"].as_str().expect("a token");
    let lab = Lab {
        caller: &caller,
        clock,
        route: &Route::to(&options.base_url),
        token: &HeaderValue::try_from(format!("Bearer {token}")).expect("a header"),
        errand: &Errand {
            message: MessageId::parse(MESSAGE).expect("an id"),
            receiver: Receiver::parse(RECEIVER, None).expect("an id"),
        },
        patience,
    };
    work(&lab).await
}

/// Lets time pass whenever everything waits for it and no call is under way.
async fn pass_time(clock: &Clock, hand: &ManualClock) {
    loop {
        hand.wait_for_sleepers(|all| !all.is_empty() && all.len() == hand.pauses().len()).await;
        if let Some(next) = hand.pauses().into_iter().min().filter(|it| *it > clock.now()) {
            hand.advance(next.saturating_sub(clock.now()));
        }
        tokio::task::yield_now().await;
    }
}

/// All lessons about a simulator with these settings and faults, and what it has seen.
async fn probed(
    settings: Settings,
    faults: Vec<Fault>,
    patience: Duration,
) -> (Vec<Lesson>, Simulator) {
    let (clock, hand) = Clock::manual();
    let simulator = feishu(&clock, settings).await;
    for fault in faults {
        simulator.add_fault(fault);
    }
    let lessons = tokio::select! {
        lessons = in_lab(&simulator, &clock, patience, async |lab| run(lab, |_| {}).await) => lessons,
        () = pass_time(&clock, &hand) => unreachable!("it has no end"),
    };
    (lessons, simulator)
}

fn report(lessons: &[Lesson]) -> ProbeReport<'_> {
    ProbeReport { feishu: "other", day: "2026-11-27".to_owned(), lessons }
}

fn answer_of<'a>(lessons: &'a [Lesson], name: &str) -> &'a str {
    let lesson = lessons.iter().find(|it| it.name == name);
    &lesson.unwrap_or_else(|| panic!("no lesson {name}")).answer.en
}

type Change = fn(&mut Settings);

/// Asserts that a simulator with this change teaches this, and that these settings are printed.
async fn assert_taught((change, name, answer, settings): (Change, &str, &str, Value)) {
    let mut feishu = Settings::default();
    change(&mut feishu);
    let (lessons, _) = probed(feishu, Vec::new(), TWO_MINUTES).await;
    let said = answer_of(&lessons, name);
    assert!(said.contains(answer), "{name}: {answer:?} in {said:?}");
    let printed = report(&lessons).json()["simulator_settings"].clone();
    for (setting, value) in settings.as_object().expect("an object") {
        assert_eq!(&printed[setting], value, "{setting} in {printed}");
    }
}

#[tokio::test]
#[rustfmt::skip]
async fn each_form_of_the_limits_is_reported_and_set() {
    let cases: [(Change, &str, &str, Value); 14] = [
        (|it| it.window = WindowShape::Sliding, "receiver_limit_shape", "5 a second in any span; refused calls do not", json!({"window": "sliding", "refused_attempts_count": false})),
        (|it| it.refused_attempts_count = true, "receiver_limit_shape", "in any span; refused calls count", json!({"refused_attempts_count": true})),
        (|it| it.window = WindowShape::Calendar, "receiver_limit_shape", "calendar", json!({"window": "calendar"})),
        (|it| it.window = WindowShape::Bucket, "receiver_limit_shape", "bucket", json!({"window": "bucket"})),
        (|it| it.receiver_per_second = 3, "receiver_limit_shape", "3 a second", json!({"receiver_per_second": 3})),
        (|it| it.enforce_limits = false, "receiver_limit_shape", "never came", json!({})),
        (|it| it.receiver_limit_reset = None, "receiver_limit_refusal", "HTTP 400, without a reset; it is a limit", json!({"receiver_limit_reset": null})),
        (|it| it.receiver_limit_reset = Some(3), "receiver_limit_refusal", "with a reset of 3 s", json!({"receiver_limit_reset": 3})),
        (|it| it.window = WindowShape::Sliding, "app_limit_shape", "50 a second in any span; refused calls do not", json!({"app_per_second": 50})),
        (|it| it.window = WindowShape::Calendar, "app_limit_shape", "calendar", json!({})),
        (|it| it.window = WindowShape::Bucket, "app_limit_shape", "bucket", json!({})),
        (|it| it.refused_attempts_count = true, "app_limit_shape", "refused calls count", json!({})),
        (|it| it.app_limit_status = 429, "app_limit_refusal", "HTTP 429, with a reset of 1 s; it is a limit", json!({"app_limit_status": 429})),
        (|it| it.app_limit_status = 400, "app_limit_refusal", "HTTP 400", json!({"app_limit_status": 400})),
    ];
    for case in cases {
        assert_taught(case).await;
    }
}

#[tokio::test]
#[rustfmt::skip]
async fn each_other_answer_that_feishu_could_give_is_reported_and_set() {
    let cases: [(Change, &str, &str, Value); 8] = [
        (|it| it.duplicate = Duplicate::OriginalId, "repeated_uuid", "the original id", json!({"duplicate": "original_id"})),
        (|it| it.duplicate = Duplicate::AnotherId, "repeated_uuid", "another id", json!({"duplicate": "another_id"})),
        (|it| it.duplicate = Duplicate::InProgress, "repeated_uuid", "230049", json!({"duplicate": "in_progress"})),
        (|it| it.rejected_token_status = 400, "rejected_token", "HTTP 400, code 99991663", json!({"rejected_token_status": 400})),
        (|it| it.rejected_token_status = 200, "rejected_token", "HTTP 200, code 99991663", json!({"rejected_token_status": 200})),
        (|_| {}, "uuid_lifetime", "recognized for at least 1 min", json!({})),
        (|_| {}, "idle_timeout", "still open after 120 s", json!({"idle_timeout_ms": null})),
        (|_| {}, "http_2", "no TLS", json!({})),
    ];
    for case in cases {
        assert_taught(case).await;
    }
}

#[tokio::test]
async fn a_code_that_even_a_lone_call_gets_is_no_limit() {
    for (code, name, meaning) in [
        (230020, "receiver_limit_refusal", "the target may have been recalled"),
        (99991400, "app_limit_refusal", "a permission may be missing"),
    ] {
        let kind = FaultKind::Code { code, status: None, msg: None, reset: None };
        let fault = Fault { api: Some(Api::Forward), times: None, ..Fault::once(kind) };
        let (lessons, simulator) = probed(Settings::default(), vec![fault], TWO_MINUTES).await;
        assert!(answer_of(&lessons, name).contains(meaning), "{}", answer_of(&lessons, name));
        assert!(answer_of(&lessons, "repeated_uuid").starts_with("no result"));
        assert!(simulator.ledger().deliveries.is_empty());
    }
}

#[tokio::test]
async fn how_long_a_uuid_is_known_is_found_out_where_there_is_patience() {
    for (lifetime, duplicate, answer, setting) in [
        (
            60,
            Duplicate::OriginalId,
            "recognized after 59 min, executed again after 61 min",
            json!(3600),
        ),
        (
            60,
            Duplicate::InProgress,
            "recognized after 59 min, executed again after 61 min",
            json!(3600),
        ),
        (
            20,
            Duplicate::OriginalId,
            "recognized after 10 min, executed again after 30 min",
            json!(1200),
        ),
        (600, Duplicate::OriginalId, "recognized for at least 66 min", json!(null)),
        (60, Duplicate::AnotherId, "no result", json!(null)),
    ] {
        let uuid_lifetime = Duration::from_mins(lifetime);
        let settings = Settings { uuid_lifetime, duplicate, ..Settings::default() };
        let (lessons, _) = probed(settings, Vec::new(), Duration::from_mins(70)).await;
        let said = answer_of(&lessons, "uuid_lifetime");
        assert!(said.contains(answer), "{answer:?} in {said:?}");
        let printed = report(&lessons).json();
        assert_eq!(printed["simulator_settings"]["uuid_lifetime_seconds"], setting);
    }
}

#[tokio::test]
async fn a_simulator_with_the_printed_settings_teaches_the_same() {
    let settings = Settings {
        duplicate: Duplicate::InProgress,
        uuid_lifetime: Duration::from_mins(20),
        window: WindowShape::Bucket,
        receiver_per_second: 4,
        receiver_limit_reset: Some(7),
        app_limit_status: 400,
        rejected_token_status: 200,
        ..Settings::default()
    };
    let patience = Duration::from_mins(70);
    let (first, _) = probed(settings, Vec::new(), patience).await;
    let mut printed = json!(Settings::default());
    for (name, value) in report(&first).json()["simulator_settings"].as_object().expect("an object")
    {
        assert!(printed.get(name).is_some(), "the simulator has no setting {name}");
        printed[name] = value.clone();
    }
    let settings: Settings = serde_json::from_value(printed).expect("settings");
    let (second, _) = probed(settings, Vec::new(), patience).await;
    let answers =
        |all: &[Lesson]| all.iter().map(|it| it.answer.en.to_string()).collect::<Vec<_>>();
    assert_eq!(answers(&first), answers(&second));
}

#[tokio::test]
async fn the_report_holds_no_id_and_no_secret_and_the_calls_are_those_announced() {
    let (lessons, simulator) = probed(Settings::default(), Vec::new(), TWO_MINUTES).await;
    let ledger = simulator.ledger();
    assert_eq!(ledger.of(Api::Forward).count(), 1 + 2 + 32 + 240 + 1);
    assert!(ledger.deliveries.len() <= 1 + 32, "{}", ledger.deliveries.len());
    let texts = ["r.md", "r.json"].map(|name| report(&lessons).text_for(name.as_ref()));
    for attempt in &ledger.attempts {
        let headers = attempt.headers.iter().filter(|(name, _)| name == "authorization");
        let token = headers.map(|(_, value)| value.clone());
        let ids = [attempt.uuid.clone(), attempt.log_id.clone(), attempt.new_message_id.clone()];
        for secret in token.chain(ids.into_iter().flatten()) {
            assert!(texts.iter().all(|text| !text.contains(&secret)), "{secret}");
        }
    }
    for secret in [RECEIVER, MESSAGE, "cli_simulator", "simulator-secret", "127.0.0.1"] {
        assert!(texts.iter().all(|text| !text.contains(secret)), "{secret}");
    }
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closes_is_noticed() {
    for settings in [
        Settings { idle_timeout_ms: Some(1), ..Settings::default() },
        Settings { keep_alive: false, ..Settings::default() },
    ] {
        let clock = Clock::system();
        let simulator = feishu(&clock, settings).await;
        let watch = async |lab: &Lab<'_>| connection::idle_timeout(lab).await;
        let lesson = in_lab(&simulator, &clock, TWO_MINUTES, watch).await;
        assert!(lesson.answer.en.starts_with("closed after"), "{}", lesson.answer.en);
    }
}

/// Accepts one connection by TLS and chooses one of these protocols.
async fn tls_server(protocols: &[&[u8]]) -> Route {
    crate::tls::use_ring();
    let certificate =
        CertificateDer::from_pem_slice(include_bytes!("../../../../tests/doctor/cert.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../../../tests/doctor/key.pem"));
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.expect("PEM")], key.expect("PEM"));
    let mut config = config.expect("they fit");
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        TlsAcceptor::from(Arc::new(config)).accept(stream).await.map(drop)
    });
    Route { host: "127.0.0.1".to_owned(), port, is_tls: true, proxy: None }
}

#[tokio::test]
async fn whether_the_server_offers_http_2_is_seen() {
    for (protocols, offered) in
        [(&[&b"h2"[..], b"http/1.1"][..], "offered"), (&[b"http/1.1"], "not offered")]
    {
        let clock = Clock::system();
        let simulator = feishu(&clock, Settings::default()).await;
        let route = tls_server(protocols).await;
        let look = async |lab: &Lab<'_>| connection::http_2(&Lab { route: &route, ..*lab }).await;
        let lesson = in_lab(&simulator, &clock, TWO_MINUTES, look).await;
        assert_eq!(lesson.answer.en, offered);
    }
}
