//! The Feishu simulator as a program.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use feishu_simulator::{App, Options, Simulator};
use tokio::signal::unix::{SignalKind, signal};

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

    /// Allows an address other than loopback. Everybody who can reach that address controls the simulator.
    #[arg(long)]
    public: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.public && !arguments.listen.ip().is_loopback() {
        return fail(
            2,
            &format!("{} is not a loopback address: add --public to allow it", arguments.listen),
        );
    }
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error.to_string()),
    }
}

#[tokio::main]
async fn run(arguments: Arguments) -> io::Result<()> {
    // The handlers are installed first: another program may send a signal as soon as it reads the first line of output.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let Arguments { listen, app_id, app_secret, .. } = arguments;
    let apps = vec![App::new(&app_id, &app_secret)];
    let simulator = Simulator::start(Options { listen, apps, ..Options::default() }).await?;

    let url = simulator.url();
    let greeting =
        format!("Feishu simulator: {url}\nControl API: {url}/_simulator/\nApp: {app_id}\n");
    io::stdout().write_all(greeting.as_bytes())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    simulator.stop().await;
    Ok(())
}

fn fail(code: u8, message: &str) -> ExitCode {
    // If stderr is closed, the exit code still reports the failure.
    let _ = writeln!(io::stderr(), "feishu-simulator: {message}");
    ExitCode::from(code)
}
