//! Whole requests, from the parsed head to the last byte of the answer: the service of the public
//! listener without its sockets, put together as `app` does it.

use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service as _, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::rt::System;
use actix_web::test::{TestRequest, init_service};
use actix_web::web;
use feishu_forward_gateway::api::{
    self, Admission, BodyLimits, Draining, ForwardSettings, OpenApiDocument, PublicUrl,
};
use feishu_forward_gateway::clock::Clock;
use feishu_forward_gateway::delivery::{
    AppCommon, Apps, CallerBudgets, Context, Delivery, DeliverySettings, Idempotency,
    InDoubtRegister,
};
use feishu_forward_gateway::feishu::client::Client;
use feishu_forward_gateway::feishu::options::Options;
use feishu_forward_gateway::feishu::token::{Credentials, TokenSource};
use feishu_forward_gateway::limits::LimitKey;
use feishu_forward_gateway::model::feishu_api::FeishuApi;
use feishu_forward_gateway::model::idempotency_key::UuidMaker;
use feishu_forward_gateway::model::installation::Installation;
use feishu_forward_gateway::model::receiver::Receiver;
use feishu_forward_gateway::model::urgency::Urgency;
use feishu_forward_gateway::queue::{Bounds, Request, Scheduler, Ticket};
use feishu_forward_gateway::telemetry::audit::{AuditIds, IdForm};
use feishu_forward_gateway::telemetry::logs::{Format, init_to};
use feishu_forward_gateway::telemetry::metrics::Metrics;
use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::REPEATS;
use crate::keys::{key, keyring};
use crate::limits::{APP, long_rules, number};
use crate::lines::caller;

/// Sends the requests and reads the answers.
pub(crate) type Requests = Box<dyn FnMut()>;

const RECEIVER: &str = "oc_5ad11d72b830411d72b836c20";
/// One whose limit is used up.
const SPENT: &str = "oc_be08a7c21d6c4f72b9e5d1a30";
const DEADLINE: Duration = Duration::from_secs(15);

pub(crate) fn an_unknown_key() -> Requests {
    requests(|| forward("", RECEIVER, 1), StatusCode::UNAUTHORIZED)
}

pub(crate) fn a_dry_run() -> Requests {
    requests(|| forward("?dry_run=true", RECEIVER, 0), StatusCode::OK)
}

/// The receiver gets no more, and the caller would not wait.
pub(crate) fn a_refused_forward() -> Requests {
    let request = || forward("", SPENT, 0).insert_header(("Prefer", "wait=0"));
    requests(request, StatusCode::TOO_MANY_REQUESTS)
}

fn forward(query: &str, receiver: &str, key_number: usize) -> TestRequest {
    let path = "/v1/messages/om_dc13264520392913993dd051dba21dcf/forward";
    TestRequest::post()
        .uri(&format!("{path}{query}"))
        .insert_header(("X-Api-Key", key(key_number)))
        .insert_header(("Content-Type", "application/json"))
        .set_payload(format!(r#"{{"receive_id":"{receiver}"}}"#))
}

fn requests(request: fn() -> TestRequest, expected: StatusCode) -> Requests {
    init_to(Format::Json, "info", None, io::sink).expect("a filter");
    let system = System::new();
    let service = system.block_on(async { init_service(public(delivery().await)).await });
    let mut requests: Vec<_> = (0..=REPEATS).map(|_| request().to_request()).collect();
    let mut send = move |count| {
        system.block_on(async {
            for request in requests.drain(..count) {
                let response = service.call(request).await.expect("every request is answered");
                assert_eq!(response.status(), expected);
                black_box(to_bytes(response.into_body()).await.ok().expect("a body of bytes"));
            }
        });
    };
    // The first one pays for what is made once.
    send(1);
    Box::new(move || send(REPEATS))
}

/// Like `app::listeners`.
fn public(
    delivery: Delivery,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let (clock, metrics) = (Clock::system(), Metrics::new());
    let admission = Admission::new(clock.clone(), metrics, 1024, Draining::default());
    let settings = ForwardSettings {
        max_wait: Duration::from_secs(5),
        rate_limit_policy: HeaderValue::from_static(r#""receiver";q=5;w=1, "app";q=1000;w=60"#),
        app_per_minute: 1000,
    };
    let body_limits = BodyLimits { max_size: 64 << 10, timeout: Duration::from_secs(10) };
    api::public(true)
        .app_data(web::Data::new(OpenApiDocument::new(|_| String::new())))
        .app_data(web::Data::new(PublicUrl::default()))
        .app_data(web::Data::new(admission))
        .app_data(web::Data::new(body_limits))
        .app_data(web::Data::new(clock))
        .app_data(web::Data::new(keyring(1)))
        .app_data(web::Data::new(delivery))
        .app_data(web::Data::new(settings))
}

/// Like `app::delivery`, with a token.
async fn delivery() -> Delivery {
    let (clock, metrics) = (Clock::system(), Metrics::new());
    let base_url = format!("http://{}", hand_out_one_token());
    let options = Options {
        base_url: base_url.parse().expect("a URL"),
        authorities: Vec::new(),
        connect_timeout: Duration::from_secs(5),
        attempt_timeout: Duration::from_secs(5),
    };
    let client = Client::new(options, Handle::current(), clock.clone()).expect("an HTTP client");
    let name: Arc<str> = APP.into();
    metrics.begin_app(&name);
    let app_secret = SecretString::from("a secret of an app, 32 letters..");
    let audit_ids = AuditIds::new(IdForm::Hashed, &app_secret);
    let uuids = UuidMaker::new(&app_secret);
    let credentials = Credentials { app_id: "cli_a".to_owned(), app_secret };
    let (token_clock, token_metrics) = (clock.clone(), metrics.clone());
    let token = TokenSource::self_built(
        Arc::clone(&name),
        credentials,
        client.clone(),
        token_clock,
        token_metrics,
    );
    token.get().await.expect("a token");
    let quota_interval = Duration::from_hours(1);
    let mut apps = Apps::default();
    let common = AppCommon::new(Arc::clone(&name), audit_ids, uuids, quota_interval, clock.clone());
    apps.add_self_built(common, token);
    let scheduler = spent_scheduler(&name, &clock).await;
    Delivery::new(Context {
        apps,
        budgets: CallerBudgets::new(clock.clone()).into(),
        scheduler,
        register: InDoubtRegister::new(clock.clone()),
        idempotency: Idempotency::new(clock.clone()),
        client,
        calls: TaskTracker::new(),
        clock,
        settings: DeliverySettings {
            deadline: DEADLINE,
            last_start: DEADLINE * 2 / 3,
            max_attempts: number(5),
        },
        closing: CancellationToken::new(),
        metrics,
    })
}

async fn spent_scheduler(app: &Arc<str>, clock: &Clock) -> Scheduler {
    let rules = long_rules(5);
    let bounds = Bounds { per_receiver: 200, in_all: 768 };
    let scheduler = Scheduler::new(&rules, bounds, clock.clone());
    let receiver = Receiver::parse(SPENT, None).expect("the id of a group");
    for _ in 0..rules.receiver_per_second.get() {
        let (key, caller) = (
            &LimitKey::new(Installation::self_built(Arc::clone(app)), FeishuApi::Forward),
            &caller("caller"),
        );
        let (receiver, urgency, until) = (&receiver, Urgency::Interactive, clock.now());
        let request = Request { key, receiver, caller, urgency, until };
        let permit = Ticket::draw(&scheduler).acquire(&scheduler, &request).await;
        permit.expect("it has not had its share yet");
    }
    scheduler
}

/// Answers one call as Feishu answers one for a tenant token.
fn hand_out_one_token() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let answer = move || -> io::Result<()> {
        let (mut stream, mut request) = (listener.accept()?.0, Vec::new());
        while !request.ends_with(b"}") {
            let mut part = [0; 1024];
            let length = stream.read(&mut part)?;
            request.extend(&part[..length]);
        }
        let body = r#"{"code":0,"msg":"ok","tenant_access_token":"t-1","expire":7200}"#;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    thread::spawn(move || answer().expect("a call for a token"));
    address
}
