//! The Feishu simulator as a program.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use feishu_simulator::{App, Options, Simulator, StoreApp};
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

/// Simulates the Feishu (Lark) open API for tests: tokens, forwards, limits, faults on demand and a ledger.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The address to listen on. Port 0 selects a free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,

    /// The app that can get a token.
    #[arg(long, value_name = "ID", default_value_t = App::default().app_id)]
    app_id: String,

    /// The app's secret. Do not use a real one: the ledger shows it to everybody who can reach the simulator.
    #[arg(long, value_name = "SECRET", default_value_t = App::default().app_secret)]
    #[arg(env = "FEISHU_SIMULATOR_APP_SECRET", hide_env_values = true)]
    app_secret: String,

    /// Makes the app a store app, installed in this tenant. May be given several times.
    #[arg(long = "tenant", value_name = "KEY")]
    tenants: Vec<String>,

    /// Where a store app's tickets and events are pushed: a URL with the scheme http.
    #[arg(long, value_name = "URL", requires = "tenants", value_parser = push_url)]
    push_url: Option<String>,

    /// The verification token of a store app's events.
    #[arg(long, value_name = "TOKEN", default_value_t = StoreApp::default().verification_token)]
    verification_token: String,

    /// The Encrypt Key of a store app. Without one, events are pushed in plain text.
    #[arg(long, value_name = "KEY")]
    #[arg(env = "FEISHU_SIMULATOR_ENCRYPT_KEY", hide_env_values = true)]
    encrypt_key: Option<String>,

    /// Allows an address other than loopback. Everybody who can reach that address controls the simulator.
    #[arg(long)]
    public: bool,
}

impl Arguments {
    fn app(&self) -> App {
        let store = StoreApp {
            verification_token: self.verification_token.clone(),
            encrypt_key: self.encrypt_key.clone(),
            tenants: self.tenants.clone(),
            push_url: self.push_url.clone(),
            app_ticket: None,
        };
        let store = (!self.tenants.is_empty()).then_some(store);
        App { store, ..App::new(&self.app_id, &self.app_secret) }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.public && !arguments.listen.ip().is_loopback() {
        return fail(
            2,
            &format!("{} is not a loopback address: add --public to allow it", arguments.listen),
        );
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error.to_string()),
    }
}

#[tokio::main]
async fn run(arguments: &Arguments) -> io::Result<()> {
    // The handlers are installed first: another program may send a signal as soon as it reads the first line of output.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (listen, apps) = (arguments.listen, vec![arguments.app()]);
    let options = Options { listen, apps, pushes_by_itself: true, ..Options::default() };
    let simulator = Simulator::start(options).await?;

    let url = simulator.url();
    let greeting = format!(
        "Feishu simulator: {url}\nControl API: {url}/_simulator/\nApp: {}\n",
        arguments.app_id
    );
    io::stdout().write_all(greeting.as_bytes())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    simulator.stop().await;
    Ok(())
}

fn push_url(url: &str) -> Result<String, &'static str> {
    match Url::parse(url) {
        Ok(url) if url.scheme() == "http" && url.has_host() => Ok(url.into()),
        _ => Err("must be a URL with the scheme http"),
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    // If stderr is closed, the exit code still reports the failure.
    let _ = writeln!(io::stderr(), "feishu-simulator: {message}");
    ExitCode::from(code)
}
