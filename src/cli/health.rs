//! `health`: for images that hold no curl.

use std::error::Error;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use url::Url;

use super::config_file::{ConfigFile, environment};
use super::ending::refuse;
use crate::config::{self, ConfigError};

#[derive(Args)]
pub(super) struct Health {
    #[command(flatten)]
    config: ConfigFile,
    /// The URL to ask instead of `server.admin_listen`. The path is /readyz by default.
    #[arg(long)]
    url: Option<Url>,
}

const TIMEOUT: Duration = Duration::from_secs(3);
/// How much of an answer is shown, in bytes.
const SHOWN: usize = 4096;

impl Health {
    pub(super) fn ask(self) -> ExitCode {
        let urls = match self.urls() {
            Ok(urls) => urls,
            Err(errors) => {
                refuse(&errors);
                return ExitCode::FAILURE;
            }
        };
        // Errors of the output are ignored, because the exit code says the same.
        match actix_web::rt::System::new().block_on(ask_in_turn(&urls)) {
            Ok((status, body)) => {
                let _ = writeln!(io::stdout(), "{status} {body}");
                if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "{error}");
                ExitCode::FAILURE
            }
        }
    }

    /// The URLs to ask, one after the other until one answers.
    fn urls(&self) -> Result<Vec<Url>, Vec<ConfigError>> {
        if let Some(mut url) = self.url.clone() {
            if url.path() == "/" {
                url.set_path("/readyz");
            }
            return Ok(vec![url]);
        }
        let listen = config::admin_listen(self.config.file.as_deref(), environment())?;
        let urls = hosts(listen.ip()).into_iter().map(|host| {
            let address = SocketAddr::new(host, listen.port());
            Url::parse(&format!("http://{address}/readyz")).expect("an address makes a URL")
        });
        Ok(urls.collect())
    }
}

/// The addresses at which a listener on `ip` is reached from its own machine.
fn hosts(ip: IpAddr) -> Vec<IpAddr> {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![Ipv4Addr::LOCALHOST.into()],
        // Such a listener takes both families, or IPv4 alone on a machine without IPv6.
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]
        }
        ip => vec![ip],
    }
}

async fn ask_in_turn(urls: &[Url]) -> Result<(StatusCode, String), String> {
    let mut failures = Vec::new();
    for url in urls {
        match ask(url.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => {
                let address = url.origin().ascii_serialization();
                failures.push(format!("{address} does not answer: {}", innermost(&error)));
                if !error.is_connect() {
                    break;
                }
            }
        }
    }
    Err(failures.join("\n"))
}

async fn ask(url: Url) -> reqwest::Result<(StatusCode, String)> {
    crate::tls::use_ring();
    let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(TIMEOUT).build()?;
    let mut response = client.get(url).send().await?;
    let mut body = Vec::new();
    while body.len() < SHOWN
        && let Some(part) = response.chunk().await?
    {
        body.extend_from_slice(&part);
    }
    body.truncate(SHOWN);
    let body = String::from_utf8_lossy(&body).replace(char::is_control, " ");
    Ok((response.status(), body))
}

/// The innermost error, which says what went wrong with the connection.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
