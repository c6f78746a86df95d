//! Connections that a fault ends before the answer is complete.

use std::error::Error;
use std::fmt;
use std::io;

use tokio::net::TcpStream;

/// The way in which a connection ends before the answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The connection is closed (FIN).
    Closed,
    /// The connection is reset (RST), so the caller gets an error instead of an end of file.
    Reset,
    /// The connection is closed after bytes that are not HTTP.
    Garbage,
}

/// Bytes with which no HTTP answer starts.
const GARBAGE: &[u8] = b"\x00\xff\xfe~ this is no HTTP ~\xfe\xff\x00\r\n\r\n";

impl Cut {
    /// The `Cut` that the handler or the body returned to hyper as its error. Other errors of hyper close the
    /// connection.
    pub(crate) fn of(error: &hyper::Error) -> Self {
        error.source().and_then(|cause| cause.downcast_ref()).copied().unwrap_or(Self::Closed)
    }

    /// Ends a connection.
    pub(crate) async fn end(self, stream: TcpStream) {
        // An error means that the caller has ended the connection already.
        let _ = match self {
            Self::Closed => Ok(()),
            Self::Reset => stream.set_zero_linger(),
            Self::Garbage => write(&stream, GARBAGE).await,
        };
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl Error for Cut {}

/// Writes a few bytes. They fit into the socket's buffer.
async fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.writable().await?;
    stream.try_write(bytes).map(drop)
}

/// Reads and discards everything until the caller closes the connection.
pub(crate) async fn keep_silent(stream: TcpStream) {
    let mut buffer = [0; 4096];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut buffer) {
            Ok(0) => return,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}
