//! Bodies that arrive whole, in part, or slowly.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::Sleep;

use crate::clock::wait;

/// The connection ends here, whatever was still to come.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// The body of an answer as it goes on the wire.
pub(crate) enum WireBody {
    Whole(Bytes),
    /// These bytes, then a pause in which they are written out, then the connection is cut.
    CutAfter(Bytes),
    Paused,
    Drip {
        rest: Bytes,
        each: Duration,
        pause: Pin<Box<Sleep>>,
    },
}

impl WireBody {
    pub(crate) fn half(mut whole: Bytes) -> Self {
        whole.truncate(whole.len() / 2);
        Self::CutAfter(whole)
    }

    pub(crate) fn drip(rest: Bytes, each: Duration) -> Self {
        Self::Drip { rest, each, pause: Box::pin(wait(each)) }
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut *self {
            Self::Whole(rest) if rest.is_empty() => Poll::Ready(None),
            Self::Whole(rest) => data(std::mem::take(rest)),
            Self::CutAfter(half) if half.is_empty() => {
                // hyper writes out what it has when the body is not ready, and drops it on an error.
                *self = Self::Paused;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::CutAfter(half) => data(std::mem::take(half)),
            Self::Paused => Poll::Ready(Some(Err(Cut))),
            Self::Drip { rest, .. } if rest.is_empty() => Poll::Ready(None),
            Self::Drip { rest, each, pause } => {
                ready!(pause.as_mut().poll(cx));
                *pause = Box::pin(wait(*each));
                data(rest.split_to(1))
            }
        }
    }
}

fn data(bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
    Poll::Ready(Some(Ok(Frame::data(bytes))))
}
