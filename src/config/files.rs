//! The files of a configuration, read with a bound on their size.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::values::ConfigValue;

/// Largest file of configuration or of API keys, in bytes: some 100 000 keys.
pub(super) const LARGEST_TOML: u64 = 16 << 20;
/// Largest file that holds one secret, in bytes.
const LARGEST_SECRET: u64 = 64 << 10;

/// What the file at `path` holds, if that is at most `at_most` bytes.
///
/// Only a regular file is read. The gateway reads it again and again: a pipe may block forever, and it
/// gives its content once.
pub(super) fn read_file(path: &Path, at_most: u64) -> io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
    }
    read_bounded(path, at_most)
}

/// What `path` holds, if that is at most `at_most` bytes. The path may be that of a pipe.
pub(super) fn read_bounded(path: &Path, at_most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(at_most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > at_most {
        let detail = format!("it has more than {at_most} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, detail));
    }
    Ok(content)
}

/// The secret in the file at `path`, by the rules for a secret in the configuration itself.
pub(super) fn read_secret<T>(
    path: &Path,
    parse: impl Fn(&ConfigValue) -> Result<T, String>,
) -> Result<T, String> {
    // No error names the path: somebody may have put the secret itself there.
    let content = read_file(path, LARGEST_SECRET)
        .map_err(|error| format!("names a file that cannot be read: {error}"))?;
    let text = str::from_utf8(&content).map_err(|_| "names a file that is not valid UTF-8")?;
    parse(&ConfigValue::text(text)).map_err(|detail| format!("names a file whose content {detail}"))
}
