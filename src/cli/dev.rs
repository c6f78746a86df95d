//! `dev`: everything in one process, for trying it out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::Args;
use feishu_simulator::{Options, Simulator};

use super::stopped;
use crate::app::{Application, SentBefore};
use crate::clock::Clock;
use crate::config;
use crate::model::api_key::ApiKey;
use crate::telemetry::logs::{self, Format};

#[derive(Args)]
pub(super) struct Dev {
    /// Address of the API, on loopback. With port 0 free ports are taken.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

const ADMIN_PORT: u16 = 9090;
const CALLER: &str = "developer";

impl Dev {
    pub(super) fn run(self) -> ExitCode {
        if !self.listen.ip().is_loopback() {
            eprintln!(
                "--listen: {} is not a loopback address; dev is for this machine only",
                self.listen
            );
            return super::EXIT_CONFIG.into();
        }
        // The simulator's key is made up, so there is nothing to protect: lines are for reading.
        let _ = logs::init(Format::Text, "info");
        actix_web::rt::System::new().block_on(async {
            match start(self.listen).await {
                Ok((application, _simulator)) => stopped(application).await,
                Err(error) => {
                    eprintln!("cannot start: {error}");
                    ExitCode::FAILURE
                }
            }
        })
    }
}

async fn start(listen: SocketAddr) -> Result<(Application, Simulator), Box<dyn std::error::Error>> {
    let options = Options::default();
    let app = options.apps.first().cloned().ok_or("the simulator has no app")?;
    let simulator = Simulator::start(options).await?;
    let key = ApiKey::generate();
    let admin_port = if matches!(listen.port(), 0 | ADMIN_PORT) { 0 } else { ADMIN_PORT };
    let admin = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), admin_port);
    let settings = [
        ("GATEWAY__SERVER__LISTEN", listen.to_string()),
        ("GATEWAY__SERVER__ADMIN_LISTEN", admin.to_string()),
        // No balancer has to see it go.
        ("GATEWAY__SERVER__DRAIN_DELAY", "0s".to_owned()),
        ("GATEWAY__FEISHU__BASE_URL", simulator.url()),
        ("GATEWAY__APPS__SIMULATED__APP_ID", app.app_id),
        ("GATEWAY__APPS__SIMULATED__APP_SECRET", app.app_secret),
        ("GATEWAY__KEYS__DEVELOPER__HASH", key.hash().to_string()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    let config = config::load(None, settings).map_err(|mistakes| {
        mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    let application = Application::build(&config, &Clock::system(), SentBefore::Nothing)?;
    greet(&application, &simulator, &key);
    Ok((application, simulator))
}

fn greet(application: &Application, simulator: &Simulator, key: &ApiKey) {
    let (api, admin) = (application.address(), application.admin_address());
    let key = key.expose();
    println!(
        "\
The gateway runs, with a Feishu simulator behind it.

  Your API key   {key}   (caller `{CALLER}`, good until this process ends)
  Swagger UI     http://{api}/docs/
  Metrics        http://{admin}/metrics
  Simulator      {}/_simulator/

Forward a message:

  curl -X POST 'http://{api}/v1/messages/om_dc13264520392913993dd051dba21dcf/forward' \\
    -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \\
    -d '{{\"receive_id\": \"oc_5ad11d72b830411d72b836c20\"}}'

Ctrl-C ends it.
",
        simulator.url()
    );
}
