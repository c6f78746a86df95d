//! Traces as a collector gets them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as AnyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;

use crate::program::{Served, listening_at, serve};
use gateway_harness::{Answer, run_program};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

type Attributes = HashMap<String, String>;

/// A span as the tests compare it.
#[derive(Clone, Debug)]
struct Span {
    name: String,
    trace: String,
    id: String,
    parent: String,
    is_server: bool,
    is_client: bool,
    has_failed: bool,
    attributes: Attributes,
}

/// A collector of OTLP over HTTP.
struct Collector {
    url: String,
    requests: Arc<Mutex<Vec<web::Bytes>>>,
    server: ServerHandle,
}

impl Collector {
    fn start() -> Self {
        let requests = Arc::<Mutex<Vec<web::Bytes>>>::default();
        let kept = web::Data::from(Arc::clone(&requests));
        let take = async |kept: web::Data<Mutex<Vec<web::Bytes>>>, body: web::Bytes| {
            kept.lock().expect("no panic").push(body);
            HttpResponse::build(StatusCode::OK).finish()
        };
        let app =
            move || App::new().app_data(kept.clone()).route("/v1/traces", web::post().to(take));
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.disable_signals().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url, requests, server: handle }
    }

    /// The spans, and the attributes of the service that they come from.
    async fn end(self) -> (Vec<Span>, Attributes) {
        self.server.stop(true).await;
        let requests = self.requests.lock().expect("no panic");
        let (mut spans, mut resource) = (Vec::new(), Attributes::new());
        for request in requests.iter() {
            let request = ExportTraceServiceRequest::decode(&**request).expect("OTLP");
            for of_service in request.resource_spans {
                resource = attributes(&of_service.resource.expect("a resource").attributes);
                for span in of_service.scope_spans.into_iter().flat_map(|it| it.spans) {
                    spans.push(Span {
                        trace: hex::encode(&span.trace_id),
                        id: hex::encode(&span.span_id),
                        parent: hex::encode(&span.parent_span_id),
                        is_server: span.kind == SpanKind::Server as i32,
                        is_client: span.kind == SpanKind::Client as i32,
                        has_failed: span.status.is_some_and(|it| it.code == 2),
                        attributes: attributes(&span.attributes),
                        name: span.name,
                    });
                }
            }
        }
        (spans, resource)
    }
}

fn attributes(given: &[KeyValue]) -> Attributes {
    let text = |value: &AnyValue| match value {
        AnyValue::StringValue(text) => text.clone(),
        AnyValue::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let value = |it: &KeyValue| it.value.as_ref().and_then(|it| it.value.as_ref()).map(text);
    given.iter().map(|it| (it.key.clone(), value(it).unwrap_or_default())).collect()
}

impl Span {
    #[track_caller]
    fn has(&self, expected: &[(&str, &str)]) {
        for (name, value) in expected {
            let found = self.attributes.get(*name).map(String::as_str);
            assert_eq!(found, Some(*value), "{name} of {self:#?}");
        }
    }
}

/// The only span with this name in the trace.
#[track_caller]
fn one<'a>(spans: &'a [Span], trace: &str, name: &str) -> &'a Span {
    let found: Vec<&Span> =
        spans.iter().filter(|it| it.trace == trace && it.name == name).collect();
    assert_eq!(found.len(), 1, "{name}: {spans:#?}");
    found[0]
}

async fn stop(mut served: Served) {
    served.program.signal("TERM");
    assert_eq!(served.program.exit_code().await, Some(0));
}

const FORWARD: &str = "POST /v1/messages/{message_id}/forward";
const CALL: &str = "POST /open-apis/im/v1/messages/{message_id}/forward";

#[actix_web::test]
async fn a_forward_is_a_trace_of_what_it_waited_for_and_what_it_called() {
    let collector = Collector::start();
    let served = serve(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]).await;
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let forward = served.forward("oc_traced", "r-1").header("traceparent", traceparent);
    Answer::of(forward).await.message_id();
    let api = served.api.clone();
    stop(served).await;
    let (spans, resource) = collector.end().await;
    assert_eq!(resource["service.name"], "feishu-forward-gateway");
    assert!(resource.contains_key("service.version"));
    let request = one(&spans, TRACE, FORWARD);
    assert!(request.is_server && !request.has_failed && request.parent == PARENT, "{request:#?}");
    request.has(&[
        ("http.request.method", "POST"),
        ("http.route", "/v1/messages/{message_id}/forward"),
        ("http.response.status_code", "200"),
        ("feishu_gateway.caller", "tester"),
        ("request_id", "r-1"),
    ]);
    for name in ["tenant token", "wait for the limits", CALL] {
        assert_eq!(one(&spans, TRACE, name).parent, request.id, "{name}");
    }
    let call = one(&spans, TRACE, CALL);
    assert!(call.is_client && !call.has_failed, "{call:#?}");
    call.has(&[
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("url.template", "/open-apis/im/v1/messages/{message_id}/forward"),
        ("server.address", "127.0.0.1"),
    ]);
    assert!(call.attributes.contains_key("feishu.log_id"), "{call:#?}");
    // Nobody learns from a trace who got what.
    let all = format!("{spans:?}");
    assert!(!all.contains("oc_traced") && !all.contains("om_1") && !all.contains(&api), "{all}");
}

#[actix_web::test]
async fn a_trace_names_the_kind_of_a_failure_and_log_lines_and_problems_name_the_trace() {
    let collector = Collector::start();
    let served = serve(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{}/v1/traces", collector.url)),
        ("OTEL_SERVICE_NAME", "forwarding"),
        // Nothing answers there.
        ("GATEWAY__STATE__URL", "redis://127.0.0.1:1"),
    ])
    .await;
    let refused = Answer::of(served.forward("oc_code_230002", "r-1")).await;
    let refused = refused.problem(403, "bot_not_in_chat", "not_delivered");
    stop(served).await;
    let (spans, resource) = collector.end().await;
    assert_eq!(resource["service.name"], "forwarding");
    let trace = refused["trace_id"].as_str().expect("a trace");
    let request = one(&spans, trace, FORWARD);
    request.has(&[
        ("http.response.status_code", "403"),
        ("feishu_gateway.problem", "bot_not_in_chat"),
    ]);
    assert!(!request.has_failed && request.parent.is_empty(), "{request:#?}");
    let call = one(&spans, trace, CALL);
    call.has(&[("error.type", "230002"), ("http.response.status_code", "400")]);
    assert!(call.has_failed, "{call:#?}");
    let redis = spans.iter().find(|it| it.name == "connect").expect("Redis");
    redis.has(&[("db.system.name", "redis"), ("db.operation.name", "connect")]);
    assert!(redis.is_client && redis.has_failed, "{redis:#?}");
}

#[actix_web::test]
async fn each_receiver_of_a_broadcast_is_a_trace_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broadcasts.db");
    let path = path.to_str().expect("a path of text");
    let collector = Collector::start();
    let served = serve(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url),
        ("GATEWAY__BROADCASTS__PATH", path),
    ])
    .await;
    let body = r#"{"receivers": [{"receive_id": "oc_1"}, {"receive_id": "oc_2"}]}"#;
    let broadcast = served.post("/v1/messages/om_1/broadcasts", body);
    let broadcast = Answer::of(broadcast.header("idempotency-key", "a")).await;
    assert_eq!(broadcast.status, 202);
    gateway_harness::eventually(|| served.simulator.ledger().deliveries.len() == 2).await;
    stop(served).await;
    let (spans, _) = collector.end().await;
    let items: Vec<&Span> = spans.iter().filter(|it| it.name == "broadcast").collect();
    assert_eq!(items.len(), 2, "{spans:#?}");
    let id = broadcast.json()["id"].as_str().expect("an id").to_owned();
    for item in items {
        item.has(&[("broadcast_id", &id)]);
        assert!(item.parent.is_empty(), "{item:#?}");
        assert_eq!(one(&spans, &item.trace, CALL).parent, item.id);
    }
}

#[actix_web::test]
async fn a_collector_that_is_away_disturbs_no_forward_and_is_logged_once() {
    let mut served = serve(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
    ])
    .await;
    Answer::of(served.forward("oc_1", "r-1")).await.message_id();
    let line = served.program.line_with("spans cannot be exported").await;
    assert!(line.contains("WARN"), "{line}");
    Answer::of(served.forward("oc_2", "r-2")).await.message_id();
    stop(served).await;
}

#[test]
fn variables_that_the_gateway_cannot_heed_are_refused_by_name() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    for (name, value, said) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL: must be"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER: must be"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "not a url", "not a url"),
    ] {
        let mut variables = listening_at("127.0.0.1:0").to_vec();
        variables.extend([endpoint, (name, value)]);
        let ended = run_program(&["serve"], &variables);
        let said_so = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{name}: {said_so}");
        assert!(said_so.contains(said), "{said_so}");
    }
}

#[actix_web::test]
async fn traces_are_off_unless_a_collector_is_named_and_where_they_are_switched_off() {
    let collector = Collector::start();
    for variables in [
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url), ("OTEL_SDK_DISABLED", "true")],
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url), ("OTEL_TRACES_EXPORTER", "none")],
    ] {
        let served = serve(&variables).await;
        Answer::of(served.forward("oc_1", "r-1")).await.message_id();
        stop(served).await;
    }
    assert!(collector.end().await.0.is_empty());
}
