//! The program as a shell sees it: commands, exit codes, signals, its log on standard output.

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Api, Fault, FaultKind, Options, Simulator};
use serde_json::Value;
use tokio::net::TcpListener;

use gateway_harness::{Answer, Program, eventually, run_program};

/// A gateway that `serve` runs.
pub(crate) struct Served {
    pub(crate) program: Program,
    /// The lines of its log until it listened.
    pub(crate) started_with: Vec<String>,
    pub(crate) simulator: Simulator,
    pub(crate) api: String,
    pub(crate) admin: String,
    key: ApiKey,
}

const SECRET: &str = "simulator-secret";

pub(crate) async fn serve(more: &[(&str, &str)]) -> Served {
    serve_by(more, |variables| Program::start(&["serve"], variables)).await
}

/// The same where the system allows it so many open files.
pub(crate) async fn serve_with_files(files: usize) -> Served {
    serve_by(&[], |variables| Program::start_with_files(files, variables)).await
}

async fn serve_by(more: &[(&str, &str)], start: impl FnOnce(&[(&str, &str)]) -> Program) -> Served {
    let simulator = Simulator::start(Options::default()).await.expect("a free port");
    let key = ApiKey::generate();
    let (url, hash) = (simulator.url(), key.hash().to_string());
    let mut variables = vec![
        ("GATEWAY__SERVER__LISTEN", "127.0.0.1:0"),
        ("GATEWAY__SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
        ("GATEWAY__FEISHU__BASE_URL", &url),
        ("GATEWAY__APPS__MAIN__APP_ID", "cli_simulator"),
        ("GATEWAY__APPS__MAIN__APP_SECRET", SECRET),
        ("GATEWAY__KEYS__TESTER__HASH", &hash),
    ];
    variables.extend(more);
    let mut program = start(&variables);
    let started_with = program.lines_to("listening").await;
    let line = started_with.last().expect("one at least");
    let address = |name: &str| {
        let found = match serde_json::from_str::<Value>(line) {
            Ok(line) => line[name].as_str().map(str::to_owned),
            // As text it is `name=address`.
            Err(_) => line
                .split(' ')
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
                .map(str::to_owned),
        };
        format!("http://{}", found.expect("an address"))
    };
    let (api, admin) = (address("listen"), address("admin"));
    Served { program, started_with, simulator, api, admin, key }
}

pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

impl Served {
    pub(crate) fn forward(&self, receive_id: &str, request_id: &str) -> reqwest::RequestBuilder {
        let body = format!("{{\"receive_id\":\"{receive_id}\"}}");
        self.post("/v1/messages/om_1/forward", &body).header("x-request-id", request_id)
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> reqwest::RequestBuilder {
        let request = client().post(format!("{}{path}", self.api));
        request.header("x-api-key", self.key.expose()).body(body.to_owned())
    }
}

#[actix_web::test]
async fn serve_forwards_and_ends_well_at_either_signal() {
    for signal in ["TERM", "INT"] {
        let mut served = serve(&[]).await;
        Answer::of(served.forward("oc_1", "one")).await.message_id();
        served.program.signal(signal);
        assert_eq!(served.program.exit_code().await, Some(0), "{signal}");
    }
}

#[actix_web::test]
async fn the_log_has_one_structured_line_for_each_request() {
    let mut served = serve(&[]).await;
    Answer::of(served.forward("oc_1", "well")).await.message_id();
    let line: Value =
        serde_json::from_str(&served.program.line_with("\"answered\"").await).unwrap();
    let log_id = served.simulator.ledger().attempts.pop().unwrap().log_id;
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["span"]["request_id"], "well");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["route"], "/v1/messages/{message_id}/forward");
    assert_eq!(line["status"], 200);
    assert_eq!(line["caller"], "tester");
    assert_eq!(line["feishu_log_id"].as_str(), log_id.as_deref());
    for timing in ["wait_ms", "token_ms", "feishu_ms", "total_ms"] {
        assert!(line[timing].is_f64(), "{timing} in {line:#}");
    }
    assert!(line["timestamp"].is_string());
    // The next line is the next request's: there is one for each.
    let wrong = client().post(format!("{}/v1/messages/om_1/forward", served.api));
    let wrong = wrong.header("x-request-id", "wrong");
    assert_eq!(Answer::of(wrong).await.status, 401);
    let line: Value =
        serde_json::from_str(&served.program.line_with("\"answered\"").await).unwrap();
    assert_eq!(line["span"]["request_id"], "wrong");
    assert_eq!((&line["status"], &line["problem"]), (&401.into(), &"unauthorized".into()));
}

#[actix_web::test]
async fn a_second_signal_ends_the_program_at_once() {
    let mut served = serve(&[
        ("GATEWAY__FEISHU__ATTEMPT_TIMEOUT", "10m"),
        ("GATEWAY__FEISHU__DEADLINE", "10m"),
        ("GATEWAY__SERVER__DRAIN_TIMEOUT", "10m"),
    ])
    .await;
    let silence = Fault { api: Some(Api::Forward), ..Fault::once(FaultKind::Silence) };
    served.simulator.add_fault(silence);
    let in_flight = actix_web::rt::spawn(served.forward("oc_1", "one").send());
    eventually(|| served.simulator.ledger().of(Api::Forward).count() == 1).await;
    served.program.signal("TERM");
    served.program.line_with("draining").await;
    served.program.signal("TERM");
    assert_eq!(served.program.exit_code().await, Some(130));
    assert!(in_flight.await.unwrap().is_err());
}

/// What a gateway needs that does not come to forward anything.
pub(crate) fn listening_at(address: &str) -> [(&'static str, &str); 5] {
    [
        ("GATEWAY__SERVER__LISTEN", address),
        ("GATEWAY__SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
        ("GATEWAY__FEISHU__BASE_URL", "http://127.0.0.1:1"),
        ("GATEWAY__APPS__MAIN__APP_ID", "cli_1"),
        ("GATEWAY__APPS__MAIN__APP_SECRET", SECRET),
    ]
}

#[actix_web::test]
async fn a_taken_port_is_said_and_exits_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut program = Program::start(&["serve"], &listening_at(&address));
    let line = program.line_with("cannot start").await;
    assert!(line.contains(&address) && line.contains("ERROR"), "{line}");
    assert_eq!(program.exit_code().await, Some(1));
}

#[actix_web::test]
async fn served_health_and_readiness_agree() {
    let served = serve(&[]).await;
    Answer::of(served.forward("oc_1", "one")).await.message_id();
    assert_eq!(run_program(&["health", "--url", &served.admin], &[]).status.code(), Some(0));
}

#[actix_web::test]
async fn dev_prints_a_key_a_link_to_the_page_with_that_key_and_a_curl_line_that_works_when_pasted()
{
    let mut program = Program::start(&["dev", "--listen", "127.0.0.1:0"], &[]);
    let key = program.line_with("ffg_").await;
    let page = program.line_with("/docs/").await;
    let page = page.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let mut curl = program.line_with("curl -X POST").await;
    while let Some(line) = curl.strip_suffix('\\') {
        curl = format!("{line}{}", program.line_with("").await);
    }
    // What stands between quotes: the URL, the two headers, the body.
    let quoted: Vec<&str> = curl.split('\'').skip(1).step_by(2).collect();
    let [url, api_key, content_type, body] = quoted[..] else { panic!("{curl}") };
    let mut request = client().post(url).body(body.to_owned());
    for header in [api_key, content_type] {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
        assert!(name != "X-API-Key" || key.contains(value), "{key} {header}");
    }
    Answer::of(request).await.message_id();
    let (_, filled_in) = page.split_once("/docs/#key=").unwrap();
    assert!(filled_in.starts_with("ffg_") && key.contains(filled_in), "{key} {page}");
    assert_eq!(Answer::of(client().get(page)).await.status, 200);
    program.signal("INT");
    assert_eq!(program.exit_code().await, Some(0));
}

/// The address in the next line that begins with this word.
async fn address_of(program: &mut Program, name: &str) -> String {
    let line = program.line_with(name).await;
    line.split(' ').find(|word| word.starts_with("http://")).expect("an address").to_owned()
}

#[actix_web::test]
async fn dev_tells_where_everything_is_and_logs_a_line_for_each_forward() {
    let mut program =
        Program::start(&["dev", "--listen", "0", "--admin-listen", "localhost:0"], &[]);
    let key = program.line_with("ffg_").await;
    let key = key.split(' ').find(|word| word.starts_with("ffg_")).unwrap();
    let start_page = address_of(&mut program, "Start page").await;
    let metrics = address_of(&mut program, "Metrics").await;
    for url in [&start_page, &metrics] {
        assert_eq!(Answer::of(client().get(url)).await.status, 200, "{url}");
    }
    let said = program.line_with("oc_code_230002").await;
    let receiver = said.split('"').nth(1).unwrap();
    for (receiver, request_id) in [("oc_1", "first"), (receiver, "second"), ("oc_1", "third")] {
        let url = format!("{start_page}v1/messages/om_1/forward");
        let request =
            client().post(url).header("x-api-key", key).header("x-request-id", request_id);
        let answer = Answer::of(request.body(format!("{{\"receive_id\":\"{receiver}\"}}"))).await;
        match request_id {
            "second" => drop(answer.problem(403, "bot_not_in_chat", "not_delivered")),
            _ => drop(answer.message_id()),
        }
    }
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.contains("third")) {
        lines.push(program.line_with("").await);
    }
    for request_id in ["first", "second", "third"] {
        let id = format!("\"{request_id}\"");
        let count = lines.iter().filter(|line| line.contains(&id)).count();
        assert_eq!(count, 1, "{lines:#?}");
    }
}

#[test]
fn dev_is_for_this_machine_only() {
    let output = run_program(&["dev", "--listen", "0.0.0.0:0"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("loopback"));
}
