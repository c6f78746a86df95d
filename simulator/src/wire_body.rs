//! The body of an HTTP response. A fault can truncate it or slow it down.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::Sleep;

use crate::clock::wait;
use crate::cut::Cut;

/// The body of an HTTP response.
pub(crate) enum WireBody {
    /// All bytes at once.
    Whole(Bytes),
    /// These bytes, then the end of the connection.
    CutAfter(Bytes, Cut),
    /// The end of the connection with the next poll.
    Paused(Cut),
    /// One byte at a time, with a pause before each.
    Drip { rest: Bytes, each: Duration, pause: Pin<Box<Sleep>> },
}

impl WireBody {
    /// The first half of a body, then the end of the connection.
    pub(crate) fn half(mut whole: Bytes, cut: Cut) -> Self {
        whole.truncate(whole.len() / 2);
        Self::CutAfter(whole, cut)
    }

    /// A body that is sent one byte at a time, with the pause `each` before every byte.
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
            Self::CutAfter(half, cut) if half.is_empty() => {
                // hyper flushes the bytes so far when the body is pending, and discards them when it fails. So the
                // body is pending once before it fails.
                *self = Self::Paused(*cut);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::CutAfter(half, _) => data(std::mem::take(half)),
            Self::Paused(cut) => Poll::Ready(Some(Err(*cut))),
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
