//! `dev`: everything in one process, for trying it out.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::thread;

use clap::Args;
use feishu_simulator::{Options, Simulator};
use tempfile::TempDir;

use super::ending::{complain, end_telemetry, traces};
use super::signals::{Hangups, stopped};
use crate::app::{Application, SentBefore, StartError};
use crate::clock::Clock;
use crate::config;
use crate::model::api_key::ApiKey;
use crate::telemetry::logs::{self, Format};

#[derive(Args)]
pub(super) struct Dev {
    /// Address of the API, on loopback: `8081`, `localhost:8081` or `[::1]:8081`. Port 0: any free port.
    #[arg(long, value_name = "ADDR", value_parser = on_loopback, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of metrics and health, on loopback. Default: port 9090, or any free port if `--listen` has port 0.
    #[arg(long, value_name = "ADDR", value_parser = on_loopback)]
    admin_listen: Option<SocketAddr>,
}

const ADMIN_PORT: u16 = 9090;
const CALLER: &str = "developer";
const TAKEN: &str = "; use --listen and --admin-listen for other addresses";
/// Without the audit log, so that a forward is one line.
const LOGGED: &str = "info,audit=off";

/// An address on loopback, or a port of it.
fn on_loopback(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").or(text.strip_prefix(':')).unwrap_or(text).parse();
    let address = match (text.parse::<SocketAddr>(), port) {
        (Ok(address), _) => address,
        (_, Ok(port)) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        _ => return Err("must be a port, `localhost:PORT` or an IP address and a port".to_owned()),
    };
    if !address.ip().is_loopback() {
        return Err("is not a loopback address; dev listens only on this machine".to_owned());
    }
    Ok(address)
}

impl Dev {
    pub(super) fn run(self) -> ExitCode {
        actix_web::rt::System::new().block_on(async {
            let traces = match traces() {
                Ok(traces) => traces,
                Err(exit_code) => return exit_code,
            };
            // Text, because people read these lines.
            let log = logs::init(Format::Text, LOGGED, traces.as_ref()).expect("the filter parses");
            let hangups = Hangups::heed();
            let exit_code = match start(self.listen, self.admin_listen()).await {
                Ok(Running { application, _simulator, _folder, settings }) => {
                    stopped(application, hangups.reading(None, settings)).await
                }
                Err(error) => {
                    let is_taken = matches!(error.downcast_ref(), Some(StartError::Listen { .. }));
                    let more = if is_taken { TAKEN } else { "" };
                    complain(&format!("cannot start: {error}{more}"));
                    ExitCode::FAILURE
                }
            };
            end_telemetry(traces, log).await;
            exit_code
        })
    }

    fn admin_listen(&self) -> SocketAddr {
        let port = if matches!(self.listen.port(), 0 | ADMIN_PORT) { 0 } else { ADMIN_PORT };
        self.admin_listen.unwrap_or(SocketAddr::new(self.listen.ip(), port))
    }
}

/// The gateway, and what goes when it ends.
struct Running {
    application: Application,
    _simulator: Simulator,
    /// The folder of the broadcasts.
    _folder: TempDir,
    settings: Vec<(String, String)>,
}

async fn start(
    listen: SocketAddr,
    admin_listen: SocketAddr,
) -> Result<Running, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let broadcasts = folder.path().join("broadcasts.db");
    let broadcasts = broadcasts.to_str().ok_or("the folder for temporary files is not UTF-8")?;
    let options = Options::default();
    let app = options.apps.first().cloned().ok_or("the simulator has no app")?;
    let simulator = Simulator::start(options).await?;
    let key = ApiKey::generate();
    let settings = [
        ("GATEWAY__SERVER__LISTEN", listen.to_string()),
        ("GATEWAY__SERVER__ADMIN_LISTEN", admin_listen.to_string()),
        // There is no load balancer that has to notice the end.
        ("GATEWAY__SERVER__DRAIN_DELAY", "0s".to_owned()),
        ("GATEWAY__FEISHU__BASE_URL", simulator.url()),
        ("GATEWAY__APPS__SIMULATED__APP_ID", app.app_id),
        ("GATEWAY__APPS__SIMULATED__APP_SECRET", app.app_secret),
        ("GATEWAY__KEYS__DEVELOPER__HASH", key.hash().to_string()),
        ("GATEWAY__BROADCASTS__PATH", broadcasts.to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let config = config::load(None, settings.clone())
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let application = Application::build(&config, &Clock::system(), SentBefore::Nothing)?;
    greet(&application, &simulator, &key);
    Ok(Running { application, _simulator: simulator, _folder: folder, settings })
}

fn greet(application: &Application, simulator: &Simulator, key: &ApiKey) {
    let (api, admin) = (application.address(), application.admin_address());
    let key = key.expose();
    let greeting = format!(
        "\
The gateway is running against a Feishu simulator.

  Your API key   {key}   (caller `{CALLER}`, valid until this process ends)
  Start page     http://{api}/
  Swagger UI     http://{api}/docs/#key={key}   (with your key filled in)
  Metrics        http://{admin}/metrics
  Simulator      {}/_simulator/

Forward a message:

  curl -X POST 'http://{api}/v1/messages/om_dc13264520392913993dd051dba21dcf/forward' \\
    -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \\
    -d '{{\"receive_id\": \"oc_5ad11d72b830411d72b836c20\"}}'

Send to \"oc_code_230002\" to see how a caller sees Feishu's code 230002. Any other code works too.
Press Ctrl-C to stop.

",
        simulator.url()
    );
    // On a thread, because standard output may be a full pipe that nobody reads. It may also be closed.
    thread::spawn(move || io::stdout().write_all(greeting.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_without_a_host_is_one_of_this_machine() {
        for text in ["8081", ":8081", "localhost:8081", "127.0.0.1:8081"] {
            assert_eq!(
                on_loopback(text),
                Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 8081))),
                "{text}"
            );
        }
        assert_eq!(on_loopback("[::1]:8081").map(|it| it.to_string()), Ok("[::1]:8081".to_owned()));
        for text in ["", "localhost", "localhost8081", "99999", "0.0.0.0:8081", "example.com:8081"]
        {
            assert!(on_loopback(text).is_err(), "{text}");
        }
    }
}
