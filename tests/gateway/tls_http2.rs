//! HTTP/2 for callers that choose it in their TLS handshake, and its bounds.

use bytes::Bytes;
use gateway_harness::{Gateway, guarded};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::secured::Secured;

/// An error code of HTTP/2 (RFC 9113, section 7).
const ENHANCE_YOUR_CALM: u32 = 11;
const FORWARD: &str = "/v1/messages/om_1/forward";

/// A caller's end of a connection by HTTP/2.
struct Http2 {
    send: SendRequest<Bytes>,
    /// Ends with the connection.
    ended: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

impl Http2 {
    async fn to(secured: &Secured, gateway: &Gateway) -> Self {
        let stream = secured.connect(gateway, &["h2", "http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let handshake =
            h2::client::Builder::new().max_concurrent_reset_streams(10_000).handshake(stream);
        let (send, connection) = guarded(handshake).await.expect("a connection");
        Self { send, ended: tokio::spawn(connection) }
    }

    /// Begins a request without a body.
    async fn begin(&self, request: Request<()>) -> Result<ResponseFuture, h2::Error> {
        let mut send = guarded(self.send.clone().ready()).await?;
        Ok(send.send_request(request, true)?.0)
    }

    async fn forward(
        &self,
        gateway: &Gateway,
        receive_id: &str,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let request = Request::post(format!("{}{FORWARD}", gateway.api))
            .header("x-api-key", &gateway.key)
            .header("content-type", "application/json");
        let mut send = guarded(self.send.clone().ready()).await?;
        let (answer, mut body) = send.send_request(request.body(()).expect("a request"), false)?;
        let content = format!("{{\"receive_id\":\"{receive_id}\"}}");
        body.send_data(content.into(), true)?;
        Ok((answer, body))
    }
}

fn get(gateway: &Gateway, path: &str) -> Request<()> {
    Request::get(format!("{}{path}", gateway.api)).body(()).expect("a request")
}

async fn answer(answer: ResponseFuture) -> Response<RecvStream> {
    guarded(answer).await.expect("an answer")
}

async fn json(response: Response<RecvStream>) -> Value {
    let mut body = response.into_body();
    let mut all = Vec::new();
    while let Some(chunk) = guarded(body.data()).await {
        let chunk = chunk.expect("the whole body");
        all.extend_from_slice(&chunk);
        body.flow_control().release_capacity(chunk.len()).expect("it came");
    }
    serde_json::from_slice(&all).expect("JSON")
}

#[actix_web::test]
async fn many_forwards_go_over_one_connection_at_the_same_time() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let http2 = Http2::to(&secured, &gateway).await;
    let mut answers = Vec::new();
    for number in 0..20 {
        let forward = http2.forward(&gateway, &format!("oc_{number}")).await;
        answers.push(forward.expect("a stream"));
    }
    for (answered, _) in answers {
        let answered = answer(answered).await;
        assert_eq!(answered.status(), 200);
        for name in ["x-request-id", "ratelimit", "content-length", "date"] {
            assert!(answered.headers().contains_key(name), "{name}");
        }
        assert!(json(answered).await["message_id"].is_string());
    }
    let labels = [("listener", "public")];
    assert_eq!(gateway.metrics().await.count("feishu_gateway_connections", &labels), 1);
}

#[actix_web::test]
async fn the_answer_to_head_is_that_to_get_without_its_body() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let http2 = Http2::to(&secured, &gateway).await;
    let request = Request::head(format!("{}/openapi.json", gateway.api)).body(()).expect("one");
    let answered = answer(http2.begin(request).await.expect("a stream")).await;
    assert_eq!(answered.status(), 200);
    assert!(answered.headers()["content-length"].to_str().expect("digits").len() > 3);
    assert!(answered.body().is_end_stream());
}

#[actix_web::test]
async fn a_caller_that_cancels_a_request_or_hangs_up_gives_its_place_back() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup().set("limits.receiver_per_second", "1")).await;
    let http2 = Http2::to(&secured, &gateway).await;
    let (first, _) = http2.forward(&gateway, "oc_1").await.expect("a stream");
    assert_eq!(answer(first).await.status(), 200);

    let (waits, mut stream) = http2.forward(&gateway, "oc_1").await.expect("a stream");
    gateway.in_flight_are(1).await;
    stream.send_reset(h2::Reason::CANCEL);
    gateway.in_flight_are(0).await;
    drop(waits);

    let (_waits, _stream) = http2.forward(&gateway, "oc_1").await.expect("a stream");
    gateway.in_flight_are(1).await;
    http2.ended.abort();
    gateway.in_flight_are(0).await;
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn an_idle_connection_makes_room_and_one_that_forwards_does_not() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup().set("server.max_connections", "1")).await;
    let idle = Http2::to(&secured, &gateway).await;
    let nothing = answer(idle.begin(get(&gateway, "/nothing")).await.expect("a stream")).await;
    assert_eq!(nothing.status(), 404);
    // The newcomer is let in for it.
    let newcomer = Http2::to(&secured, &gateway).await;
    let nothing = answer(newcomer.begin(get(&gateway, "/nothing")).await.expect("a stream")).await;
    assert_eq!(nothing.status(), 404);
    let _ = guarded(idle.ended).await.expect("it has ended");
}

#[actix_web::test]
async fn a_drain_answers_what_has_come_and_lets_no_more_in() {
    let secured = Secured::new();
    let mut gateway = secured.start(secured.setup().set("limits.receiver_per_second", "1")).await;
    let http2 = Http2::to(&secured, &gateway).await;
    let (first, _) = http2.forward(&gateway, "oc_1").await.expect("a stream");
    assert_eq!(answer(first).await.status(), 200);
    let (waits, _stream) = http2.forward(&gateway, "oc_1").await.expect("a stream");
    gateway.in_flight_are(1).await;
    gateway.process.stop();
    // It takes no new streams once it has said so.
    let is_answered = async || match http2.begin(get(&gateway, "/nothing")).await {
        Ok(sent) => sent.await.is_ok(),
        Err(_) => false,
    };
    guarded(async { while is_answered().await {} }).await;
    gateway.advance(std::time::Duration::from_secs(2));
    assert_eq!(answer(waits).await.status(), 200);
    let _ = guarded(http2.ended).await.expect("it has ended");
    gateway.process.ended().await;
}

#[actix_web::test]
async fn no_connection_has_more_than_a_hundred_streams() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let http2 = Http2::to(&secured, &gateway).await;
    answer(http2.begin(get(&gateway, "/nothing")).await.expect("a stream")).await;
    assert_eq!(http2.send.current_max_send_streams(), 100);
}

#[actix_web::test]
async fn a_head_that_is_too_large_is_refused() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let http2 = Http2::to(&secured, &gateway).await;
    let request =
        Request::get(format!("{}/nothing", gateway.api)).header("x", "x".repeat(20 << 10));
    let refused = http2.begin(request.body(()).expect("a request")).await.expect("a stream");
    assert_eq!(answer(refused).await.status(), 431);
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short one").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The error code of the last GOAWAY in these frames.
fn goaway(mut frames: &[u8]) -> Option<u32> {
    let mut code = None;
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let (payload, next) = rest.split_at_checked(length)?;
        if *kind == 7 {
            code = Some(u32::from_be_bytes(payload[4..8].try_into().expect("four bytes")));
        }
        frames = next;
    }
    code
}

#[actix_web::test]
async fn a_flood_of_resets_ends_its_connection_and_no_others() {
    let secured = Secured::new();
    let gateway = secured.start(secured.setup()).await;
    let other = Http2::to(&secured, &gateway).await;
    let mut flood = secured.connect(&gateway, &["h2"]).await;
    let mut frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frames.extend(frame(4, 0, 0, &[]));
    for stream in (1..2001).step_by(2) {
        // GET / by https at x; the whole head and no body.
        frames.extend(frame(1, 5, stream, &[0x82, 0x87, 0x84, 0x01, 1, b'x']));
        frames.extend(frame(3, 0, stream, &[0, 0, 0, 8]));
    }
    // The gateway may close before it has read all.
    let _ = guarded(flood.write_all(&frames)).await;
    let mut came = Vec::new();
    let _ = guarded(flood.read_to_end(&mut came)).await;
    assert_eq!(goaway(&came), Some(ENHANCE_YOUR_CALM));
    let answered = answer(other.begin(get(&gateway, "/nothing")).await.expect("a stream")).await;
    assert_eq!(answered.status(), 404);
    gateway.in_flight_are(0).await;
}
