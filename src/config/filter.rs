//! Which lines are logged.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::key::nearest;
use super::values::{Value, text};

pub(super) fn log_filter(value: &Value) -> Result<String, String> {
    let filter = text(value)?;
    if let Some(word) = word_without_level(&filter) {
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        let meant = nearest(word, levels).map(|it| format!(" (is \"{it}\" meant?)"));
        return Err(format!(
            "holds a word that is no level{}; a target needs one: \"TARGET=debug\"",
            meant.unwrap_or_default()
        ));
    }
    match EnvFilter::builder().parse(&filter) {
        Ok(_) => Ok(filter),
        Err(_) => Err(
            "must be a level, such as \"info\", or directives of EnvFilter, such as \"info,actix_web=warn\""
                .into(),
        ),
    }
}

/// The first word that names a target and no level: it would log all of that target and of no other.
fn word_without_level(filter: &str) -> Option<&str> {
    let is_bare = |it: &&str| !it.is_empty() && !it.contains(['=', '[', '{', ']', '}']);
    let mut words = filter.split(',').map(str::trim).filter(is_bare);
    words.find(|word| word.parse::<LevelFilter>().is_err())
}
