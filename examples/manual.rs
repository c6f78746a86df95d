//! Writes what a release has beside the program into a folder: its man pages, and completions for bash, zsh and fish.
//! `make dist` runs it: `cargo run --example manual -- FOLDER`.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).ok_or_else(|| io::Error::other("name a folder"))?;
    let folder = PathBuf::from(folder);
    let (completions, manual) = (folder.join("completions"), folder.join("man1"));
    fs::create_dir_all(&completions)?;
    fs::create_dir_all(&manual)?;
    let command = released();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let name = command.get_name().to_owned();
        clap_complete::generate_to(shell, &mut command.clone(), name, &completions)?;
    }
    // A page for each `help` of each command would say what the others say.
    let command = command.disable_help_subcommand(true);
    let command = command.mut_subcommands(|it| it.disable_help_subcommand(true));
    clap_mangen::generate_to(command, &manual)
}

/// The program's commands without `dev`, which an example cannot be built without.
fn released() -> Command {
    let all = feishu_forward_gateway::cli::command();
    let commands = all.get_subcommands().filter(|it| it.get_name() != "dev");
    let about = all.get_about().cloned().unwrap_or_default();
    let released = Command::new(env!("CARGO_PKG_NAME")).version(env!("CARGO_PKG_VERSION"));
    released.about(about).subcommands(commands.cloned())
}
