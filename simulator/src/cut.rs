//! Connections that end before their answer does.

use std::error::Error;
use std::fmt;
use std::io;

use tokio::net::TcpStream;

/// The connection ends here, whatever was still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It is closed, as after an answer.
    Closed,
    /// It is reset, so that the caller sees an error and no end.
    Reset,
    /// It is closed after something that is no HTTP.
    Garbage,
}

/// What no HTTP answer begins with.
const GARBAGE: &[u8] = b"\x00\xff\xfe~ this is no HTTP ~\xfe\xff\x00\r\n\r\n";

impl Cut {
    /// The one that a service or a body asked for; hyper's own errors close the connection.
    pub(crate) fn of(error: &hyper::Error) -> Self {
        error.source().and_then(|cause| cause.downcast_ref()).copied().unwrap_or(Self::Closed)
    }

    /// Ends a connection. Where the caller was faster, there is nothing left to do.
    pub(crate) async fn end(self, stream: TcpStream) {
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

/// Writes what fits into the socket's buffer, which a few bytes do.
async fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.writable().await?;
    stream.try_write(bytes).map(drop)
}

/// Takes what comes and answers nothing, until the caller hangs up.
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
