//! The Redis that replicas share: a real server, on loopback.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use feishu_forward_gateway::clock::Clock;
use rand::RngExt;

use crate::program::Spent;
use crate::signal::{self, Signal};

/// A server that listens on the same port each time it is started; it is killed when this is dropped.
pub(crate) struct Redis {
    clock: Clock,
    port: u16,
    /// Where it keeps what it holds, if it does.
    folder: Option<PathBuf>,
    child: Child,
}

/// Ports below those that connections get by themselves, so that a port is free again after a restart.
const PORTS: std::ops::Range<u16> = 10_000..32_000;
/// How often a server that starts is asked whether it answers, and for how long at most.
const ASK_EVERY: Duration = Duration::from_millis(20);
const STARTED_WITHIN: Duration = Duration::from_secs(20);

impl Redis {
    /// Starts an empty one and returns once it answers.
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    async fn start_with(folder: Option<PathBuf>) -> Self {
        let clock = Clock::system();
        let mut ports = std::iter::repeat_with(|| rand::rng().random_range(PORTS));
        let port = ports
            .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
            .expect("the iterator never ends");
        let child = serve(port, folder.as_deref(), &clock).await;
        Self { clock, port, folder, child }
    }

    /// Starts one that keeps what it holds in this folder, and returns once it answers.
    pub(crate) async fn start_in(folder: &Path) -> Self {
        Self::start_with(Some(folder.to_owned())).await
    }

    /// Where gateways find it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Kills it and starts it again, with what it has kept.
    pub(crate) async fn restart(&mut self) {
        self.end();
        self.child = serve(self.port, self.folder.as_deref(), &self.clock).await;
    }

    /// What it has used so far.
    pub(crate) fn spent(&self) -> Spent {
        Spent::by(self.child.id())
    }

    /// How many bytes of memory it uses.
    pub(crate) fn memory(&self) -> usize {
        self.number("memory", "used_memory:")
    }

    /// How many scripts it has run, and how many microseconds it took for them.
    pub(crate) fn scripts(&self) -> (usize, usize) {
        let name = "cmdstat_evalsha:calls=";
        (self.number("commandstats", name), self.number("commandstats", &format!("{name}*,usec=")))
    }

    /// The number behind this name in a section of `INFO`; an asterisk is for any digits.
    fn number(&self, section: &str, name: &str) -> usize {
        let answer = ask(self.port, &format!("INFO {section}")).expect("Redis answers");
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let value = answer.lines().find_map(|line| {
            name.split('*').try_fold(line, |rest, part| {
                let rest = if part == name { rest } else { &rest[digits(rest)..] };
                rest.strip_prefix(part)
            })
        });
        let value = value.map(|it| &it[..digits(it)]);
        value.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no {name} in {answer}"))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        signal::send(&self.child, signal);
    }

    /// Sends it a command that it answers with OK.
    pub(crate) fn command(&self, command: &str) {
        let answer = ask(self.port, command).expect("Redis answers");
        assert!(answer.starts_with("+OK"), "Redis answers to {command}: {answer}");
    }

    fn end(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(port: u16, folder: Option<&Path>, clock: &Clock) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]);
    match folder {
        Some(folder) => command.args(["--appendonly", "yes", "--dir"]).arg(folder),
        None => command.args(["--appendonly", "no"]),
    };
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed");
    let until = clock.now() + STARTED_WITHIN;
    while !ask(port, "PING").is_ok_and(|answer| answer.starts_with("+PONG")) {
        assert!(clock.now() < until, "redis-server does not answer");
        clock.sleep_until(clock.now() + ASK_EVERY).await;
    }
    child
}

fn ask(port: u16, command: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = [0; 8192];
    let length = connection.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
