//! The commands.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use super::config_file::{ConfigFile, environment};
#[cfg(feature = "dev")]
use super::dev;
use super::doctor;
use super::ending::{EXIT_CONFIG, complain, end_telemetry, print, refuse, traces};
use super::health;
use super::language::Tongue;
use super::mcp;
use super::signals::{Hangups, Reading, stopped};
use crate::app::{self, Application, SentBefore, StartError};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError};
use crate::model::api_key::ApiKey;
use crate::telemetry::audit::AuditIds;
use crate::{api, telemetry};

/// Forwards Feishu (Lark) messages for internal services.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the gateway.
    Serve(ConfigFile),
    /// Runs the gateway with a Feishu simulator on loopback: no account and no network needed.
    #[cfg(feature = "dev")]
    Dev(dev::Dev),
    /// Makes API keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Checks the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Prints the OpenAPI document.
    Openapi {
        /// The language of its texts.
        #[arg(long, value_enum, value_name = "LANG", default_value_t = Tongue::En)]
        lang: Tongue,
    },
    /// Prints how the audit log shows an id of a receiver or a message, for each app.
    AuditId {
        #[command(flatten)]
        config: ConfigFile,
        /// The id, such as `oc_5ad11d72b830411d72b836c20`.
        id: String,
    },
    /// Checks step by step whether each app can forward, and says who can fix a failure; exit 0, 1 or 2.
    Doctor(doctor::Doctor),
    /// Asks the configured gateway, or `--url`, whether it is ready; exit 0 or 1.
    Health(health::Health),
    /// Connects standard input and output to a gateway's Model Context Protocol, for clients that start a program.
    Mcp(mcp::Mcp),
}

#[derive(Subcommand)]
enum Keys {
    /// Prints a new API key, once, and its configuration entry, which has only the hash.
    New {
        /// The caller's name in logs and metrics.
        name: String,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Prints the effective configuration with masked secrets, and warns of what is probably wrong. If the configuration
    /// has mistakes, prints all of them; exit 0 or 2.
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Also checks whether the Redis of `state.url` answers, accepts writes, and keeps what is written.
        #[arg(long)]
        connect: bool,
    },
}

/// What the program takes on its command line, for completions and the manual.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(file) => serve(file.file),
        #[cfg(feature = "dev")]
        Command::Dev(dev) => dev.run(),
        Command::Keys(Keys::New { name }) => new_key(&name),
        Command::Config(ConfigCommand::Check { config, connect }) => {
            check(config.file.as_deref(), connect)
        }
        Command::Openapi { lang } => {
            print(&api::openapi_json(lang.into(), &api::PublicUrl::default()))
        }
        Command::AuditId { config, id } => audit_id(config.file.as_deref(), &id),
        Command::Doctor(doctor) => doctor.run(),
        Command::Health(health) => health.ask(),
        Command::Mcp(mcp) => mcp.run(),
    }
}

fn serve(file: Option<PathBuf>) -> ExitCode {
    actix_web::rt::System::new().block_on(async {
        let hangups = Hangups::heed();
        let config = match config::load(file.as_deref(), environment()) {
            Ok(config) => config,
            Err(errors) => return refuse(&errors),
        };
        let traces = match traces() {
            Ok(traces) => traces,
            Err(exit_code) => return exit_code,
        };
        let log = &config.log;
        let log = match telemetry::logs::init(log.format, &log.filter, traces.as_ref()) {
            Ok(log) => log,
            Err(error) => {
                complain(&format!("log.filter: {error}"));
                return EXIT_CONFIG.into();
            }
        };
        let exit_code = run(config, hangups.reading(file, environment().collect())).await;
        end_telemetry(traces, log).await;
        exit_code
    })
}

async fn run(config: Config, hangups: Reading) -> ExitCode {
    let protocol = if config.server.tls.files.are_none() { "http" } else { "https" };
    let application = match Application::build(&config, &Clock::system(), SentBefore::Anything) {
        Ok(application) => application,
        Err(StartError::Keys(errors)) => return refuse(&errors),
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!(
        version = telemetry::metrics::VERSION,
        listen = %application.address(),
        protocol,
        admin = %application.admin_address(),
        "listening"
    );
    stopped(application, hangups).await
}

fn new_key(name: &str) -> ExitCode {
    if !config::is_name(name) {
        complain("NAME: must be 1 to 64 letters, digits, `_`, `-` or `.`");
        return EXIT_CONFIG.into();
    }
    let key = ApiKey::generate();
    print(&format!(
        "The API key of {name}, shown only this once:\n\n    {}\n\n\
         Add this entry to the configuration or to the keys file. With several apps, also add a line\n\
         such as `app = \"main\"`, which names the app to forward with:\n\n[{}]\nhash = \"{}\"\n",
        key.expose(),
        config::dotted(&["keys", name]),
        key.hash()
    ))
}

fn check(file: Option<&Path>, connect: bool) -> ExitCode {
    let checked = config::load(file, environment()).and_then(|config| {
        let path = config.keys_file.as_ref();
        let more = path.map(|it| config::read_keys_file(it, &config.apps, &config.keys));
        let more = more.transpose()?;
        let losses = if connect { check_state(&config)? } else { Vec::new() };
        Ok((config, more, losses))
    });
    match checked {
        Ok((config, more, losses)) => {
            let mut output = config.effective.to_string();
            let mut keys = config.keys.clone();
            if let Some((more, effective)) = more {
                output += &effective.as_keys_file_comment();
                keys.extend(more);
            }
            let exit_code = print(&output);
            let warnings = config::warnings(&config, &keys, Clock::system().wall());
            let warnings = warnings.into_iter().map(|it| it.to_string()).chain(losses);
            let warnings: Vec<String> = warnings.map(|it| format!("warning: {it}")).collect();
            if !warnings.is_empty() {
                complain(&warnings.join("\n"));
            }
            exit_code
        }
        Err(errors) => refuse(&errors),
    }
}

fn check_state(config: &Config) -> Result<Vec<String>, Vec<ConfigError>> {
    actix_web::rt::System::new()
        .block_on(app::check_state(config))
        .map_err(|detail| vec![ConfigError::at(&["state", "url"], detail)])
}

fn audit_id(file: Option<&Path>, id: &str) -> ExitCode {
    let config = match config::load(file, environment()) {
        Ok(config) => config,
        Err(errors) => return refuse(&errors),
    };
    let lines = config.apps.iter().map(|(name, app)| {
        format!("{name} {}\n", AuditIds::new(config.log.audit_ids, &app.app_secret).show(id))
    });
    print(&lines.collect::<String>())
}
