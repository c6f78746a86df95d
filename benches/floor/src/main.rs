//! The least that a forward can cost: a server of actix-web that calls Feishu with reqwest, and nothing else. It knows
//! no keys, no limits and no retries, and writes no log. `floor FEISHU` listens on a free port of loopback, which it
//! prints, and forwards to that address.

use std::env;
use std::io;

use actix_web::web::{Bytes, Data, Path};
use actix_web::{App, HttpResponse, HttpServer, error, post};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As long as one of Feishu's.
const TOKEN: &str = "Bearer t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234";
/// As long as one that the gateway makes.
const UUID: &str = "0198c1f2-6a3b-7c4d-8e5f-123456789abc";

/// Where forwards go.
struct Feishu {
    client: reqwest::Client,
    address: String,
}

#[post("/v1/messages/{message}/forward")]
async fn forward(
    message: Path<String>,
    body: Bytes,
    feishu: Data<Feishu>,
) -> actix_web::Result<HttpResponse> {
    let url = format!(
        "{}/open-apis/im/v1/messages/{message}/forward?receive_id_type=chat_id&uuid={UUID}",
        feishu.address
    );
    let call = feishu
        .client
        .post(url)
        .header(AUTHORIZATION, TOKEN)
        .header(CONTENT_TYPE, "application/json")
        .body(body);
    let answer = call
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(error::ErrorBadGateway)?;
    let body = answer.bytes().await.map_err(error::ErrorBadGateway)?;
    Ok(HttpResponse::Ok().content_type("application/json; charset=utf-8").body(body))
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let Some(address) = env::args().nth(1) else {
        return Err(io::Error::other("floor FEISHU"));
    };
    // An error means that it was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Each worker has connections of its own, so that no call changes its thread.
    let app = move || {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("the machine's TLS roots can be read");
        App::new().app_data(Data::new(Feishu { client, address: address.clone() })).service(forward)
    };
    let server = HttpServer::new(app).bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        println!("listening {}", address.port());
    }
    server.run().await
}
