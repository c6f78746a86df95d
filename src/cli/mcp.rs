//! `mcp`: the Model Context Protocol of a gateway on standard input and output, for clients that start programs and call
//! no addresses. Nothing but messages of the protocol goes to standard output.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use clap::Args;
use secrecy::SecretString;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

use super::ending::{EXIT_CONFIG, complain};
use super::mcp_gateway::RemoteGateway;
use super::mcp_message::{self, ClientMessage};
use crate::model::tenant_key::TenantKey;

#[derive(Args)]
pub(super) struct Mcp {
    /// The gateway, such as `https://gateway.example.com`. The path is /mcp by default.
    #[arg(long)]
    url: Url,
    /// The file with the API key. By default, the variable `GATEWAY_API_KEY` has the key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The tenant in which a store app forwards, if the API key is for several. By default, the variable
    /// `GATEWAY_TENANT_KEY` has it, if it is set.
    #[arg(long, value_name = "TENANT_KEY")]
    tenant_key: Option<String>,
}

/// The variable with the API key.
const KEY: &str = "GATEWAY_API_KEY";
/// The variable with the tenant.
const TENANT: &str = "GATEWAY_TENANT_KEY";
/// Longest file with a key, in bytes.
const LONGEST_KEY_FILE: u64 = 64 * 1024;
/// What is said of what is no tenant key.
const WRONG_TENANT: &str =
    "--tenant-key and GATEWAY_TENANT_KEY must be 1 to 64 letters, digits, `_` and `-`";
/// Longest line, in bytes. A call for ten thousand receivers, which a gateway reads unless it is told otherwise, fits.
const LONGEST_LINE: u64 = 4 * 1024 * 1024;
/// Requests at the same time. One more waits.
const MOST_AT_ONCE: usize = 16;

impl Mcp {
    pub(super) fn run(self) -> ExitCode {
        let gateway = match self.gateway() {
            Ok(gateway) => gateway,
            Err(why) => {
                complain(&why);
                return EXIT_CONFIG.into();
            }
        };
        actix_web::rt::System::new().block_on(bridge(gateway));
        ExitCode::SUCCESS
    }

    fn gateway(self) -> Result<RemoteGateway, String> {
        let Self { mut url, key_file, tenant_key } = self;
        if url.path() == "/" {
            url.set_path("/mcp");
        }
        let key = match key_file {
            Some(file) => key_in(&file).map_err(|error| format!("--key-file: {error}"))?,
            None => {
                std::env::var(KEY).map_err(|_| format!("no API key: set {KEY} or --key-file"))?
            }
        };
        let key = key.trim_start_matches('\u{feff}').trim();
        let tenant = tenant_key.or_else(|| std::env::var(TENANT).ok().filter(|it| !it.is_empty()));
        let tenant = tenant.map(|it| TenantKey::parse(&it).ok_or(WRONG_TENANT)).transpose()?;
        RemoteGateway::new(url, &SecretString::from(key), tenant.as_ref())
    }
}

fn key_in(file: &Path) -> io::Result<String> {
    let mut key = String::new();
    File::open(file)?.take(LONGEST_KEY_FILE).read_to_string(&mut key)?;
    Ok(key)
}

/// Passes each line on and writes what comes back, until the input has ended and everything is answered.
async fn bridge(gateway: RemoteGateway) {
    let gateway = Arc::new(gateway);
    let mut lines = lines();
    let (out, writer) = writer();
    let places = Arc::new(Semaphore::new(MOST_AT_ONCE));
    let mut requests = JoinSet::new();
    let mut under_way: HashMap<String, AbortHandle> = HashMap::new();
    while let Some(line) = lines.recv().await {
        if out.is_closed() {
            break;
        }
        let parsed = match line {
            Line::Whole(text) => ClientMessage::parse(&text),
            Line::TooLong => Err(mcp_message::too_long()),
        };
        let message = match parsed {
            Ok(message) => message,
            Err(refusal) => {
                let _ = out.send(refusal).await;
                continue;
            }
        };
        under_way.retain(|_, request| !request.is_finished());
        while requests.try_join_next().is_some() {}
        // A gateway without sessions knows a request only by its connection.
        if let Some(id) = message.canceled() {
            if let Some(request) = under_way.remove(&id) {
                request.abort();
            }
            continue;
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let id = message.id().map(ToString::to_string);
        let (gateway, out) = (Arc::clone(&gateway), out.clone());
        let request = requests.spawn(async move {
            gateway.pass_on(message, &out).await;
            drop(place);
        });
        if let Some(id) = id {
            under_way.insert(id, request);
        }
    }
    while requests.join_next().await.is_some() {}
    drop(out);
    // It ends with the last sender.
    let _ = tokio::task::spawn_blocking(|| writer.join()).await;
}

/// A line of standard input.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Whole(String),
    TooLong,
}

/// The lines of standard input that are not empty.
fn lines() -> mpsc::Receiver<Line> {
    let (send, lines) = mpsc::channel(1);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(line)) = next_line(&mut input) {
            let is_empty = matches!(&line, Line::Whole(text) if text.trim().is_empty());
            if !is_empty && send.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// The next line. None at the end.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    if input.take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let is_whole = line.ends_with(b"\n") || (line.len() as u64) < LONGEST_LINE;
    if !is_whole {
        input.skip_until(b'\n')?;
        return Ok(Some(Line::TooLong));
    }
    Ok(Some(Line::Whole(String::from_utf8_lossy(&line).into_owned())))
}

/// What takes the lines for standard output, and the thread that writes them.
fn writer() -> (mpsc::Sender<String>, JoinHandle<()>) {
    let (send, mut lines) = mpsc::channel::<String>(MOST_AT_ONCE);
    let writer = thread::spawn(move || {
        let mut output = io::stdout().lock();
        while let Some(line) = lines.blocking_recv() {
            let line = format!("{line}\n");
            if output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_err() {
                break;
            }
        }
    });
    (send, writer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_read() {
        let long = "x".repeat(usize::try_from(LONGEST_LINE).expect("fits") + 5);
        let text = format!("one\n{long}\ntwo\nthree");
        let mut input = text.as_bytes();
        let mut next = || next_line(&mut input).expect("memory can be read");
        assert_eq!(next(), Some(Line::Whole("one\n".to_owned())));
        assert_eq!(next(), Some(Line::TooLong));
        assert_eq!(next(), Some(Line::Whole("two\n".to_owned())));
        assert_eq!(next(), Some(Line::Whole("three".to_owned())));
        assert_eq!(next(), None);
    }
}
