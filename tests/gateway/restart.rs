//! Rolling restarts under load: neither a caller nor Feishu sees anything of them.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use actix_web::rt;
use feishu_forward_gateway::app::SentBefore;
use feishu_forward_gateway::clock::Clock;
use feishu_forward_gateway::config;
use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Options, Settings, Simulator};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use gateway_harness::{Answer, Process, Wire, client, eventually, guarded, run};

const REPLACEMENTS: usize = 3;
/// Callers that keep their connection, and as many that take a new one for each forward.
const CALLERS: usize = 3;

/// A balancer that knows nothing of HTTP: each connection goes to the next gateway that takes it.
struct Balancer {
    address: SocketAddr,
    gateways: Arc<Mutex<VecDeque<SocketAddr>>>,
}

impl Balancer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has one");
        let gateways = Arc::new(Mutex::new(VecDeque::new()));
        let balancer = Self { address, gateways: Arc::clone(&gateways) };
        rt::spawn(async move {
            loop {
                let (caller, _) = listener.accept().await.expect("a connection");
                let mut gateways = gateways.lock().expect("nobody panics");
                gateways.rotate_left(1);
                rt::spawn(carry(caller, gateways.clone()));
            }
        });
        balancer
    }

    fn add(&self, gateway: SocketAddr) {
        self.gateways.lock().expect("nobody panics").push_back(gateway);
    }

    fn remove(&self, gateway: SocketAddr) {
        self.gateways.lock().expect("nobody panics").retain(|it| *it != gateway);
    }
}

/// Copies what comes from either side to the other.
async fn carry(mut caller: TcpStream, gateways: VecDeque<SocketAddr>) {
    for address in gateways {
        if let Ok(mut gateway) = TcpStream::connect(address).await {
            // Ends with an error where either side resets the connection.
            let _ = copy_bidirectional(&mut caller, &mut gateway).await;
            return;
        }
    }
}

/// One of the gateways behind the balancer, on the machine's time.
struct Replica {
    api: SocketAddr,
    admin: SocketAddr,
    process: Process,
}

impl Replica {
    async fn start(simulator: &Simulator, key: &ApiKey) -> Self {
        let settings = [
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
            ("SERVER__DRAIN_DELAY", "2s"),
            ("FEISHU__BASE_URL", &simulator.url()),
            ("APPS__MAIN__APP_ID", "cli_simulator"),
            ("APPS__MAIN__APP_SECRET", "simulator-secret"),
            ("KEYS__TESTER__HASH", &key.hash().to_string()),
            ("LIMITS__RECEIVER_PER_SECOND", "100000"),
            ("LIMITS__APP_PER_SECOND", "100000"),
            ("LIMITS__APP_PER_MINUTE", "6000000"),
        ];
        let settings = settings.map(|(name, value)| (format!("GATEWAY__{name}"), value.to_owned()));
        let config = config::load(None, settings).expect("the configuration is right");
        let (process, [api, admin]) =
            run(config, Clock::system(), SentBefore::Anything).await.expect("it starts");
        let replica = Self { api, admin, process };
        replica.turns(200).await;
        replica
    }

    /// Returns once `/readyz` has this status.
    async fn turns(&self, status: u16) {
        let (http, url) = (client(), format!("http://{}/readyz", self.admin));
        guarded(async { while Answer::of(http.get(&url)).await.status != status {} }).await;
    }
}

/// What the callers do, all together.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    answered: AtomicUsize,
    sent_away: AtomicUsize,
}

impl Load {
    /// Forwards one message after the other until it is over, over one connection as long as it lasts
    /// or a new one for each; how many those were. Nothing is tried twice.
    async fn call(self: Arc<Self>, name: String, url: String, key: String, keeps: bool) -> usize {
        let body = format!("{{\"receive_id\":\"oc_{name}\"}}");
        let rest = format!("Host: x\r\nX-API-Key: {key}\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut wire = Wire::to(&url).await;
        let mut count = 0;
        while !self.over.load(Relaxed) {
            let line = format!("POST /v1/messages/om_{name}_{count}/forward HTTP/1.1\r\n");
            wire.send(line + &rest + &body).await;
            let answer = wire.answer().await;
            answer.message_id();
            let is_last = answer.header("connection") == Some("close");
            if is_last || !keeps {
                wire = Wire::to(&url).await;
            }
            self.sent_away.fetch_add(usize::from(is_last), Relaxed);
            self.answered.fetch_add(1, Relaxed);
            count += 1;
        }
        count
    }

    /// Returns once so many forwards more are answered.
    async fn goes_on(&self, more: usize) {
        let enough = self.answered.load(Relaxed) + more;
        eventually(|| self.answered.load(Relaxed) >= enough).await;
    }
}

#[actix_web::test]
async fn gateways_that_are_replaced_under_load_lose_nothing_and_double_nothing() {
    let limits = (100_000, 100_000, 6_000_000);
    let mut settings = Settings { ledger_limit: 1_000_000, ..Settings::default() };
    (settings.receiver_per_second, settings.app_per_second, settings.app_per_minute) = limits;
    let simulator = Simulator::start(Options { settings, ..Options::default() }).await.unwrap();
    let key = ApiKey::generate();
    let balancer = Balancer::start().await;
    let mut replicas = VecDeque::new();
    for _ in 0..2 {
        let replica = Replica::start(&simulator, &key).await;
        balancer.add(replica.api);
        replicas.push_back(replica);
    }
    let (load, url) = (Arc::new(Load::default()), format!("http://{}", balancer.address));
    let callers: Vec<_> = (0..2 * CALLERS)
        .map(|number| {
            let (name, key) = (number.to_string(), key.expose().to_owned());
            rt::spawn(Arc::clone(&load).call(name, url.clone(), key, number < CALLERS))
        })
        .collect();

    for _ in 0..REPLACEMENTS {
        let mut old = replicas.pop_front().unwrap();
        let fresh = Replica::start(&simulator, &key).await;
        balancer.add(fresh.api);
        replicas.push_back(fresh);
        load.goes_on(50).await;
        old.process.stop();
        // What a balancer sees; until it does, the old one gets its share.
        old.turns(503).await;
        load.goes_on(50).await;
        balancer.remove(old.api);
        old.process.ended().await;
    }
    load.goes_on(50).await;
    load.over.store(true, Relaxed);

    let mut sent = BTreeSet::new();
    for (number, caller) in callers.into_iter().enumerate() {
        let count = guarded(caller).await.expect("each forward was answered with 200");
        sent.extend((0..count).map(|message| format!("om_{number}_{message}")));
    }
    let ledger = simulator.ledger();
    let delivered: Vec<_> = ledger.deliveries.iter().map(|it| it.message_id.clone()).collect();
    assert_eq!((ledger.dropped, delivered.len()), (0, sent.len()));
    assert_eq!(delivered.into_iter().collect::<BTreeSet<_>>(), sent);
    assert!(load.sent_away.load(Relaxed) >= CALLERS, "nobody met a gateway that drains");
}
