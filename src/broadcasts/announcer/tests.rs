//! Ends are announced to a receiver on this machine, which answers as it is told to.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use self::ends::{End, Ends};
use self::receiver::{ENDLESS, Post, SILENCE, receive};
use super::*;
use crate::broadcasts::{BroadcastSettings, Counts, Forecast, ReceiverState};
use crate::clock::{Clock, ManualClock};
use crate::model::broadcast_id::BroadcastId;
use crate::model::message_id::MessageId;
use crate::model::reach::Reach;
use crate::model::webhook::{WebhookSecret, WebhookUrl};
use crate::telemetry::metrics::Gauges;

mod ends;
mod receiver;

const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const FAILED: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
const GONE: &str = "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";

struct World {
    clock: Clock,
    manual: ManualClock,
    broadcasts: Broadcasts,
    metrics: Metrics,
    webhook: Arc<Mutex<Option<Webhook>>>,
    announcer: JoinHandle<()>,
    posts: UnboundedReceiver<Post>,
    noted: UnboundedReceiver<(BroadcastId, Option<Duration>)>,
    address: SocketAddr,
}

fn secret() -> WebhookSecret {
    WebhookSecret::parse(&format!("whsec_{}", "a".repeat(32))).unwrap()
}

fn ended(state: State, at: Timestamp) -> Broadcast {
    let mut counts = Counts::pending(2);
    *counts.of_mut(ReceiverState::Pending) = 0;
    *counts.of_mut(ReceiverState::Delivered) = 1;
    *counts.of_mut(ReceiverState::Unknown) = 1;
    Broadcast {
        id: BroadcastId::generate(at),
        caller: "billing".into(),
        app: "main".into(),
        tenant: None,
        message: MessageId::parse("om_1").unwrap(),
        state,
        paused_by: None,
        total: 2,
        counts,
        created_at: at,
        expires_at: at + Duration::from_hours(2),
        finished_at: Some(at),
        retry_of: None,
        revision: 3,
    }
}

/// A gateway whose posts reach only these networks, in which these broadcasts have ended. The webhook of `billing` leads
/// to `host`, where the receiver gives these answers.
async fn world(networks: &[&str], host: &str, states: &[State], answers: &[&'static str]) -> World {
    let (clock, manual) = Clock::manual();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (posted, posts) = unbounded_channel();
    tokio::spawn(receive(listener, answers.to_vec(), posted));
    let (note, noted) = unbounded_channel();
    let now = clock.wall();
    let ends =
        states.iter().map(|it| End { broadcast: ended(*it, now), attempts: 0, due: now }).collect();
    let store = Arc::new(Ends { ends: Mutex::new(ends), noted: note });
    let settings = BroadcastSettings {
        max_receivers: 10,
        max_active_per_key: 10,
        keep: Duration::from_hours(1),
    };
    let broadcasts = Broadcasts::new(store, [], settings, Forecast::new(50, 1000), clock.clone());
    let reach = Reach::new(networks.iter().map(|it| it.parse().unwrap()).collect());
    let client = WebhookClient::new(reach, Handle::current(), clock.clone()).unwrap();
    let url = format!("http://{host}:{}/ends?hush=hush", address.port());
    let webhook =
        Webhook { url: WebhookUrl::parse(&url).unwrap(), secret: secret(), secret_file: None };
    let metrics = Metrics::new();
    let webhook = Arc::new(Mutex::new(Some(webhook)));
    let of_billing = Arc::clone(&webhook);
    let webhook_of =
        move |caller: &str| of_billing.lock().unwrap().clone().filter(|_| caller == "billing");
    let announcing = announce_ends(broadcasts.clone(), client, metrics.clone(), webhook_of);
    let announcer = tokio::spawn(announcing);
    World { clock, manual, broadcasts, metrics, webhook, announcer, posts, noted, address }
}

/// A gateway with a receiver that it may post to.
async fn reachable(states: &[State], answers: &[&'static str]) -> World {
    world(&["127.0.0.0/8"], "127.0.0.1", states, answers).await
}

impl World {
    async fn post(&mut self) -> Post {
        self.posts.recv().await.expect("a post")
    }

    /// After which pause an end is to be announced again. None: never.
    async fn noted(&mut self) -> Option<Duration> {
        self.noted.recv().await.expect("a note").1
    }

    /// Asserts that an end is to be announced again, and not long before it is.
    async fn is_to_be_repeated(&mut self) {
        let pause = self.noted().await.expect("another attempt");
        assert!(!pause.is_zero());
    }

    fn counted(&self, result: &str) -> u32 {
        let text = String::from_utf8(self.metrics.render(&Gauges::default())).unwrap();
        let series = format!("feishu_gateway_broadcast_webhooks_total{{result=\"{result}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }

    /// Lets the tasks run that have something to do. They share the thread of the test.
    async fn others_run(&self) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    fn no_more_posts(&mut self) {
        assert!(self.posts.try_recv().is_err());
    }
}

#[tokio::test]
async fn the_end_of_a_broadcast_is_posted_once_and_signed() {
    for (state, event) in
        [(State::Completed, "broadcast.completed"), (State::Canceled, "broadcast.canceled")]
    {
        let mut world = reachable(&[state], &[OK]).await;
        let post = world.post().await;
        let (id, at) = (post.header("webhook-id"), world.clock.wall());
        assert!(post.head.starts_with("POST /ends?hush=hush HTTP/1.1\r\n"), "{}", post.head);
        assert_eq!(post.header("content-type"), "application/json");
        assert_eq!(post.header("webhook-timestamp"), at.as_second().to_string());
        assert_eq!(post.header("webhook-signature"), secret().sign(id, at, &post.body));
        let body: Value = serde_json::from_slice(&post.body).unwrap();
        let broadcast = body["data"]["id"].as_str().unwrap();
        assert_eq!(id, format!("{broadcast}_{}", state.as_str()));
        assert_eq!(
            body,
            json!({
                "type": event,
                "timestamp": "2026-01-01T00:00:00Z",
                "data": {
                    "id": broadcast,
                    "message_id": "om_1",
                    "state": state.as_str(),
                    "total": 2,
                    "counts": {
                        "pending": 0,
                        "in_doubt": 0,
                        "delivered": 1,
                        "not_delivered": 0,
                        "unknown": 1,
                        "canceled": 0,
                        "expired": 0
                    },
                    "created_at": "2026-01-01T00:00:00Z",
                    "expires_at": "2026-01-01T02:00:00Z",
                    "finished_at": "2026-01-01T00:00:00Z"
                }
            })
        );
        assert_eq!(world.noted().await, None);
        assert_eq!(world.counted("delivered"), 1);
        world.no_more_posts();
    }
}

#[tokio::test]
async fn a_post_that_fails_is_repeated_ten_times_in_all_after_growing_pauses() {
    let mut world = reachable(&[State::Completed], &[FAILED; 10]).await;
    let first = world.post().await;
    for pause in PAUSES {
        let after = world.noted().await.expect("another attempt");
        assert!((pause..=pause.mul_f64(1.0 + JITTER)).contains(&after), "{pause:?}: {after:?}");
        world.manual.advance(after.saturating_sub(Duration::from_millis(1)));
        world.others_run().await;
        world.no_more_posts();
        world.manual.advance(LOOK);
        let post = world.post().await;
        let (id, at) = (first.header("webhook-id"), world.clock.wall());
        assert_eq!((post.header("webhook-id"), &post.body), (id, &first.body));
        assert_eq!(post.header("webhook-timestamp"), at.as_second().to_string());
        assert_eq!(post.header("webhook-signature"), secret().sign(id, at, &post.body));
    }
    assert_eq!(world.noted().await, None);
    assert_eq!((world.counted("failed"), world.counted("gave_up")), (9, 1));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_given_up() {
    let mut world = reachable(&[State::Completed], &[GONE]).await;
    assert_eq!(world.noted().await, None);
    assert_eq!((world.counted("failed"), world.counted("gave_up")), (0, 1));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let redirect =
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n";
    let mut world = reachable(&[State::Completed], &[redirect]).await;
    world.is_to_be_repeated().await;
    world.post().await;
    world.no_more_posts();
}

#[tokio::test]
async fn a_receiver_that_is_silent_for_ten_seconds_is_asked_once_for_all_ends_that_were_taken() {
    let mut world = reachable(&[State::Completed; 3], &[SILENCE]).await;
    world.post().await;
    world.manual.advance(Duration::from_millis(9999));
    world.others_run().await;
    assert!(world.noted.try_recv().is_err());
    world.manual.advance(Duration::from_millis(1));
    for _ in 0..3 {
        world.is_to_be_repeated().await;
    }
    assert_eq!(world.counted("failed"), 3);
    world.no_more_posts();
}

#[tokio::test]
async fn a_refusal_of_one_end_does_not_hold_up_the_others() {
    let mut world = reachable(&[State::Completed; 2], &[FAILED, OK]).await;
    world.is_to_be_repeated().await;
    assert_eq!(world.noted().await, None);
}

#[tokio::test]
async fn more_ends_than_are_taken_at_once_are_all_announced_without_a_pause() {
    let mut world = reachable(&[State::Completed; 12], &[OK; 12]).await;
    for _ in 0..12 {
        assert_eq!(world.noted().await, None);
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_its_end() {
    let mut world = reachable(&[State::Completed; 2], &[ENDLESS, OK]).await;
    // The receiver takes the second post when it has found that nobody reads its first answer any more.
    assert_eq!(world.noted().await, None);
    assert_eq!(world.noted().await, None);
}

#[tokio::test]
async fn a_private_address_is_refused_as_an_address_and_as_what_a_name_leads_to() {
    for (networks, host) in [
        (&[][..], "127.0.0.1"),
        (&[], "localhost"),
        (&[], "[::ffff:127.0.0.1]"),
        (&[], "2130706433"),
        (&["10.0.0.0/8"], "127.0.0.1"),
    ] {
        let mut world = world(networks, host, &[State::Completed], &[]).await;
        world.is_to_be_repeated().await;
        world.no_more_posts();
        // The receiver is there: it is not asked.
        assert!(TcpStream::connect(world.address).await.is_ok());
    }
    let networks = ["127.0.0.0/8", "::1/128"];
    let mut world = world(&networks, "localhost", &[State::Completed], &[OK]).await;
    assert_eq!(world.noted().await, None);
    world.post().await;
}

#[tokio::test]
async fn an_end_whose_caller_has_no_webhook_any_more_is_dropped() {
    let mut world = reachable(&[State::Completed], &[FAILED]).await;
    let pause = world.noted().await.expect("another attempt");
    world.post().await;
    *world.webhook.lock().unwrap() = None;
    world.manual.advance(LOOK.max(pause));
    assert_eq!(world.noted().await, None);
    assert_eq!(world.counted("gave_up"), 0);
    world.no_more_posts();
}

#[tokio::test]
async fn a_post_that_was_begun_is_finished_when_the_process_ends_and_no_other_is_begun() {
    let mut world = reachable(&[State::Completed; 2], &[SILENCE]).await;
    world.post().await;
    world.broadcasts.stop();
    world.others_run().await;
    assert!(!world.announcer.is_finished());
    world.manual.advance(Duration::from_secs(10));
    (&mut world.announcer).await.unwrap();
    world.is_to_be_repeated().await;
    assert!(world.noted.try_recv().is_err());
    world.no_more_posts();
}

#[tokio::test]
async fn the_reason_of_a_failure_names_neither_the_path_nor_the_query() {
    let (clock, _) = Clock::manual();
    let reach = Reach::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let client = WebhookClient::new(reach, Handle::current(), clock).unwrap();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    for url in [format!("http://{free}"), format!("https://{free}"), "http://10.0.0.1".to_owned()] {
        let url = WebhookUrl::parse(&format!("{url}/hush?hush")).unwrap();
        let webhook = Webhook { url, secret: secret(), secret_file: None };
        let error = client.post(&webhook, "id", Vec::new()).await.expect_err("nobody is there");
        assert!(matches!(error, PostError::Unreachable(_)), "{error:?}");
        let shown = format!("{error} {error:?}");
        assert!(shown.len() > 40 && !shown.contains("hush"), "{shown}");
    }
}
