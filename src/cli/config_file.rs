//! Where the configuration comes from.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub(super) struct ConfigFile {
    /// The TOML file; variables such as `GATEWAY__SERVER__LISTEN` win over it.
    #[arg(long = "config", value_name = "FILE", env = "GATEWAY_CONFIG")]
    pub(super) file: Option<PathBuf>,
}

/// The environment variables as text. A value that is not UTF-8 is refused later, by its key.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    })
}
