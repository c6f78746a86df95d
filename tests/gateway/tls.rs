//! TLS on the public listener: whom it lets in, and certificates that are replaced.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{App, Options, Simulator};
use gateway_harness::certificates::{Authority, DnType};
use gateway_harness::{APP_SECRET, Gateway, Program, Wire, guarded};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::secured::{Secured, client, tcp};

/// How often the gateway looks at its files.
const LOOK: Duration = Duration::from_secs(2);
const RIGHT: &str = "feishu_gateway_secrets_last_reload_successful";

async fn looks_again(gateway: &Gateway, looks: u32) {
    gateway.sleeps_until(LOOK * looks).await;
    gateway.advance_to(LOOK * looks);
    gateway.sleeps_until(LOOK * (looks + 1)).await;
}

#[actix_web::test]
async fn a_forward_goes_over_tls_as_over_any_connection() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let answer = gateway.forward("oc_1").send().await;
    answer.message_id();
    let page = gateway.http.get(format!("{}/docs/", gateway.api)).send().await.expect("an answer");
    assert_eq!(page.version(), reqwest::Version::HTTP_11);
    // What operators ask stays plain.
    assert_eq!(gateway.ask_admin("GET", "/readyz").await.status, 200);
}

#[actix_web::test]
async fn pages_of_problems_are_reached_by_https() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let path = format!("{}/open-apis/im/v1/messages/om_1/forward", gateway.api);
    let answer = gateway.http.post(path).send().await.expect("an answer");
    let body: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    let page = body["error"]["troubleshooter"].as_str().expect("an address");
    assert!(page.starts_with(&gateway.api), "{page}");
}

#[actix_web::test]
async fn a_certificate_that_is_put_in_the_place_of_another_is_presented_and_a_broken_one_is_not() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    gateway.forward("oc_1").send().await.message_id();

    // The key of another certificate, and then nothing at all.
    secured.write("tls.key", &secured.authority.server().key);
    looks_again(&gateway, 1).await;
    assert_eq!(gateway.metrics().await.count(RIGHT, &[]), 0);
    std::fs::remove_file(secured.file("tls.crt")).expect("it was there");
    looks_again(&gateway, 2).await;
    assert_eq!(gateway.metrics().await.count(RIGHT, &[]), 0);
    secured.connect(&gateway, &[]).await;

    let other = Authority::new();
    secured.put(&other.server());
    looks_again(&gateway, 3).await;
    assert_eq!(gateway.metrics().await.count(RIGHT, &[]), 1);
    assert!(secured.try_connect(&gateway, &[], None).await.is_err());
    let docs = format!("{}/docs/", gateway.api);
    assert!(client(&other).get(docs).send().await.expect("it is trusted").status().is_success());
    // Whoever was connected before stays so.
    gateway.forward("oc_2").send().await.message_id();
}

#[actix_web::test]
async fn callers_without_a_certificate_of_the_authoritys_are_refused_where_one_is_asked_for() {
    let (secured, clients) = (Secured::new(), Authority::new());
    secured.write("clients.crt", clients.pem());
    let ca = secured.file("clients.crt").display().to_string();
    let setup = secured.setup().set("server.tls.client_ca_file", &ca);
    let gateway = secured.start(setup).await;
    let billing = [(DnType::CommonName, "billing")];
    for (certificate, is_let_in) in [
        (None, false),
        (Some(Authority::new().client(&billing)), false),
        // For servers, not for clients.
        (Some(clients.server()), false),
        (Some(clients.client(&billing)), true),
    ] {
        let connected = secured.try_connect(&gateway, &[], certificate.as_ref()).await;
        // By TLS 1.3 the caller learns of the refusal after its own part of the handshake.
        let answered = async {
            let mut connection = connected?;
            connection.write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await?;
            connection.read_u8().await
        };
        let answered = guarded(answered).await;
        assert_eq!(answered.is_ok(), is_let_in, "{answered:?}");
    }
    let labels = [("listener", "public"), ("reason", "client_certificate")];
    let closed = gateway.metrics().await.count("feishu_gateway_connections_closed_total", &labels);
    assert_eq!(closed, 3);
}

#[actix_web::test]
async fn the_log_says_https_and_whose_certificate_a_request_came_with() {
    let (secured, clients) = (Secured::new(), Authority::new());
    secured.write("clients.crt", clients.pem());
    let app = App::new("cli_main", APP_SECRET);
    let simulator = Simulator::start(Options { apps: vec![app], ..Options::default() });
    let simulator = simulator.await.expect("a free port");
    let settings = [
        ("server.listen", "127.0.0.1:0".to_owned()),
        ("server.admin_listen", "127.0.0.1:0".to_owned()),
        ("server.tls.client_ca_file", secured.file("clients.crt").display().to_string()),
        ("feishu.base_url", simulator.url()),
        ("apps.main.app_id", "cli_main".to_owned()),
        ("apps.main.app_secret", APP_SECRET.to_owned()),
        ("keys.tester.hash", ApiKey::generate().hash().to_string()),
    ];
    let variables: Vec<(String, String)> = settings
        .into_iter()
        .chain(secured.settings())
        .map(|(key, value)| (format!("GATEWAY__{}", key.to_uppercase().replace('.', "__")), value))
        .collect();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut program = Program::start(&["serve"], &variables);
    let listening: Value =
        serde_json::from_str(&program.line_with("\"listening\"").await).expect("JSON");
    assert_eq!(listening["protocol"], "https");
    let address = listening["listen"].as_str().expect("an address");
    let client =
        clients.client(&[(DnType::OrganizationName, "a\nb"), (DnType::CommonName, "billing")]);
    let identity = reqwest::Identity::from_pem(format!("{}{}", client.cert, client.key).as_bytes());
    let root = reqwest::Certificate::from_pem(secured.authority.pem().as_bytes()).expect("PEM");
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    let http = http.identity(identity.expect("PEM")).build().expect("a client");
    let answer = http.get(format!("https://{address}/nothing")).send().await.expect("an answer");
    assert_eq!(answer.status(), 404);
    let line: Value = serde_json::from_str(&program.line_with("\"answered\"").await).expect("JSON");
    assert_eq!(line["certificate"], "CN=billing,O=a\\0Ab");
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0));
}

#[actix_web::test]
async fn whoever_speaks_without_tls_is_closed_without_a_reset() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let mut plain = tcp(&gateway).await;
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it is open");
    let mut came = Vec::new();
    guarded(plain.read_to_end(&mut came)).await.expect("no reset");
    // An alert of TLS and nothing else.
    assert!(came.len() < 16 && came.first() == Some(&0x15), "{came:?}");
    let labels = [("listener", "public"), ("reason", "not_tls")];
    // The worker counts it after the end that the caller sees.
    let name = "feishu_gateway_connections_closed_total";
    guarded(async { while gateway.metrics().await.count(name, &labels) != 1 {} }).await;
}

#[actix_web::test]
async fn a_handshake_that_does_not_end_takes_no_place_from_others() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup().set("server.max_connections", "1")).await;
    let mut slow = tcp(&gateway).await;
    // The beginning of a handshake of 512 bytes.
    slow.write_all(&[0x16, 3, 1, 2, 0, 1]).await.expect("it is open");
    let mut came = Vec::new();
    gateway.forward("oc_1").send().await.message_id();
    // With or without a reset: that depends on whether all that was sent had been read.
    let _ = guarded(slow.read_to_end(&mut came)).await;
    assert!(came.is_empty(), "{came:?}");
}

#[actix_web::test]
async fn a_connection_with_half_a_head_is_idle_under_tls_too() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup().set("server.max_connections", "1")).await;
    let mut half = secured.connect(&gateway, &["http/1.1"]).await;
    half.write_all(b"POST /v1/mess").await.expect("it is open");
    half.flush().await.expect("it is open");
    gateway.forward("oc_1").send().await.message_id();
    let mut came = Vec::new();
    // The gateway has no time to say good-bye.
    let _ = guarded(half.read_to_end(&mut came)).await;
    assert!(came.is_empty(), "{came:?}");
}

#[actix_web::test]
async fn a_head_that_is_too_large_ends_its_connection_under_tls_too() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let mut large = secured.connect(&gateway, &["http/1.1"]).await;
    let head = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(256 << 10));
    // The gateway may close before it has read all.
    let _ = guarded(large.write_all(head.as_bytes())).await;
    let labels = [("listener", "public"), ("reason", "head_too_large")];
    let closed =
        async || gateway.metrics().await.count("feishu_gateway_connections_closed_total", &labels);
    guarded(async { while closed().await == 0 {} }).await;
}

#[actix_web::test]
async fn a_caller_that_hangs_up_gives_its_place_back_under_tls_too() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup().set("limits.receiver_per_second", "1")).await;
    gateway.forward("oc_1").send().await.message_id();
    let waiting = gateway.forward("oc_1").spawn();
    gateway.hang_up(waiting).await;
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn the_admin_listener_speaks_without_tls() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let mut wire = Wire::to(&gateway.admin).await;
    wire.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 200);
}
