//! The program, as a shell starts it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use tokio::sync::mpsc::{self, Receiver};

use crate::guarded;

/// A program that runs. It is killed when this is dropped.
///
/// Its standard output is read only when a test asks for a line.
pub struct Program {
    child: Child,
    lines: Receiver<String>,
}

/// Where cargo has built the program; it says so to the tests of its package alone.
fn path() -> String {
    std::env::var("CARGO_BIN_EXE_feishu-forward-gateway").expect("`cargo test` runs this")
}

/// The program with these arguments, and these variables alone.
fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(path());
    command.args(arguments).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs the program and returns its exit code. Both of its outputs are a pipe that is full and that nothing
/// reads.
pub fn run_program_unread(arguments: &[&str], variables: &[(&str, &str)]) -> Option<i32> {
    let (_unread, pipe) = io::pipe().expect("a pipe");
    let end = || pipe.try_clone().expect("a descriptor");
    // A pipe holds 64 KiB.
    let filled = Command::new("head").args(["-c", "65536", "/dev/zero"]).stdout(end()).status();
    assert!(filled.expect("head runs").success());
    let mut command = command(arguments, variables);
    command.stdout(end()).stderr(end()).status().expect("the program runs").code()
}

/// Runs the program to its end.
pub fn run_program(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(arguments, variables).output().expect("the program runs")
}

/// Runs the program to its end, with its standard output in this file.
pub fn run_program_into(file: File, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = command(arguments, variables);
    command.stdout(file).stderr(Stdio::piped());
    command.spawn().and_then(Child::wait_with_output).expect("the program runs")
}

/// Runs the program with this on its standard input, to its end.
pub fn run_program_on(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    run_program_on_parts(arguments, variables, [input.to_owned()])
}

/// Runs the program with these parts on its standard input, each as soon as it is there, to its end.
pub fn run_program_on_parts(
    arguments: &[&str],
    variables: &[(&str, &str)],
    input: impl IntoIterator<Item = String> + Send + 'static,
) -> Output {
    let mut command = command(arguments, variables);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    // A program that refuses to start reads nothing.
    thread::spawn(move || {
        input.into_iter().all(|part| stdin.write_all(part.as_bytes()).is_ok());
    });
    child.wait_with_output().expect("the program runs")
}

impl Program {
    /// Starts the program.
    pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(command(arguments, variables))
    }

    /// Starts `serve` with these variables where the system allows it half of so many open files, and so many
    /// once it asks for them.
    pub fn start_with_files(files: usize, variables: &[(&str, &str)]) -> Self {
        let limited =
            format!("ulimit -S -n {} && ulimit -H -n {files} && exec \"$0\" serve", files / 2);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &limited, &path()]);
        command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (send, lines) = mpsc::channel(1);
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if send.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line of its standard output that holds this text.
    pub async fn line_with(&mut self, text: &str) -> String {
        guarded(async {
            loop {
                let line = self.lines.recv().await;
                let line = line.unwrap_or_else(|| panic!("it ended before it said {text:?}"));
                if line.contains(text) {
                    return line;
                }
            }
        })
        .await
    }

    /// Closes its standard output once one more line has come.
    pub fn stop_reading(&mut self) {
        self.lines.close();
    }

    /// Every line of its standard output up to the next one that holds this text.
    pub async fn lines_to(&mut self, text: &str) -> Vec<String> {
        let mut lines = vec![self.line_with("").await];
        while !lines.last().is_some_and(|line| line.contains(text)) {
            lines.push(self.line_with("").await);
        }
        lines
    }

    /// How many descriptors are open.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).expect("it runs").count()
    }

    /// The memory that it takes, in MiB.
    pub fn resident(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("its memory");
        kib.parse::<usize>().expect("a number") / 1024
    }

    /// Sends it a signal, `TERM` or `INT`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}");
    }

    /// Its exit code, once it has ended by itself; `None` if a signal ended it.
    pub async fn exit_code(&mut self) -> Option<i32> {
        guarded(async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status.code();
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
