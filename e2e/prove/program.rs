//! The gateway's process, and what the system says of it.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::signal::{self, Signal};

use serde_json::Value;
use tokio::sync::oneshot;

/// A gateway that serves; it is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) addresses: Addresses,
}

/// Where a gateway listens, as the beginning of a URL.
#[derive(Clone)]
pub(crate) struct Addresses {
    pub(crate) api: String,
    pub(crate) admin: String,
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holdings {
    /// Resident memory in MiB.
    pub(crate) memory: f64,
    pub(crate) threads: usize,
    /// Open file descriptors.
    pub(crate) files: usize,
}

/// What a process has used since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) cpu: Duration,
    /// Bytes that it has written, to files and connections.
    pub(crate) written: usize,
}

impl Spent {
    /// What the process with this number has used so far.
    pub(crate) fn by(process: u32) -> Self {
        let folder = format!("/proc/{process}");
        let stat = fs::read_to_string(format!("{folder}/stat")).expect("the program runs");
        // Behind the name, which may hold anything: the state is the first, user time the 12th, system time the 13th.
        let (_, fields) = stat.rsplit_once(") ").expect("a name");
        let times = fields.split(' ').skip(11).take(2).map(str::parse::<u32>);
        let ticks: u32 = times.map(|it| it.expect("a time")).sum();
        let io = fs::read_to_string(format!("{folder}/io")).expect("the program runs");
        let written = io.lines().find_map(|line| line.strip_prefix("wchar: "));
        let written = written.and_then(|it| it.parse().ok()).expect("a number of bytes");
        Self { cpu: Duration::from_secs(1) * ticks / TICKS, written }
    }

    /// What was used since then.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(before.cpu), written: self.written - before.written }
    }
}

/// How many of the times in `/proc/PID/stat` are a second (Linux).
const TICKS: u32 = 100;

impl Program {
    /// The build of this test, or the one that `PROGRAM` names.
    pub(crate) fn own_build() -> PathBuf {
        let own = env!("CARGO_BIN_EXE_feishu-forward-gateway");
        env::var_os("PROGRAM").map_or_else(|| own.into(), PathBuf::from)
    }

    /// Starts this build with these variables and no others, and returns once it listens, or what it said when it
    /// ends before.
    pub(crate) async fn start(
        build: &Path,
        variables: &[(String, String)],
    ) -> Result<Self, String> {
        let mut child = Command::new(build)
            .arg("serve")
            .env_clear()
            .envs(variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (tell, told) = oneshot::channel();
        // Reads to the end, so that the program never waits for a reader.
        thread::spawn(move || {
            let mut lines = output.lines().map_while(Result::ok);
            let mut said = String::new();
            let listens = lines.find(|line| {
                said.extend([line, "\n"]);
                line.contains("\"listening\"")
            });
            let _ = tell.send(listens.ok_or(said));
            lines.for_each(drop);
        });
        let line = match told.await.expect("its output is read") {
            Ok(line) => line,
            Err(said) => {
                let _ = child.wait();
                return Err(said);
            }
        };
        let line: Value = serde_json::from_str(&line).expect("a log line is JSON");
        let address = |name: &str| format!("http://{}", line[name].as_str().expect("an address"));
        let addresses = Addresses { api: address("listen"), admin: address("admin") };
        Ok(Self { child, addresses })
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        signal::send(&self.child, signal);
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is a child").is_some()
    }

    /// What it has used so far.
    pub(crate) fn spent(&self) -> Spent {
        Spent::by(self.child.id())
    }

    /// What it holds now.
    #[expect(clippy::cast_precision_loss, reason = "kibibytes of memory fit into an f64")]
    pub(crate) fn holdings(&self) -> Holdings {
        let folder = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{folder}/status")).expect("the program runs");
        let number = |name: &str| -> usize {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let number = line.split_whitespace().next().and_then(|number| number.parse().ok());
            number.unwrap_or_else(|| panic!("no {name} in {status}"))
        };
        Holdings {
            memory: number("VmRSS:") as f64 / 1024.0,
            threads: number("Threads:"),
            files: fs::read_dir(format!("{folder}/fd")).expect("its files").count(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
