//! Files that the configuration consists of, read with a bound.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Largest file of configuration or of API keys, in bytes: some 100 000 keys.
pub(super) const LARGEST_TOML: u64 = 16 << 20;
/// Largest file that holds one secret, in bytes.
pub(super) const LARGEST_SECRET: u64 = 64 << 10;

/// What the file at `path` holds, if that is at most so many bytes.
///
/// It has to be a file: a pipe may never say anything, and does not say it twice.
pub(super) fn read_file(path: &Path, at_most: u64) -> io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
    }
    read_bounded(path, at_most)
}

/// The same of a file that is read once, when the program starts: it may be a pipe.
pub(super) fn read_bounded(path: &Path, at_most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(at_most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > at_most {
        let detail = format!("it holds more than {at_most} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, detail));
    }
    Ok(content)
}
