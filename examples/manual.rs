//! Writes what a release has beside the program into a folder: its man pages, and completions for bash, zsh and fish.
//! `make dist` runs it without `dev`, as the program of a release is: `cargo run --example manual -- FOLDER`.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use clap_complete::Shell;

fn main() -> io::Result<()> {
    let folder =
        PathBuf::from(env::args_os().nth(1).ok_or_else(|| io::Error::other("name a folder"))?);
    let (completions, manual) = (folder.join("completions"), folder.join("man1"));
    fs::create_dir_all(&completions)?;
    fs::create_dir_all(&manual)?;
    let mut command = feishu_forward_gateway::cli::command();
    let name = command.get_name().to_owned();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, &name, &completions)?;
    }
    clap_mangen::generate_to(command, &manual)
}
