//! Bodies that arrive whole, in part, or slowly.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::Sleep;

use crate::clock::wait;
use crate::cut::Cut;

/// The body of an answer as it goes on the wire.
pub(crate) enum WireBody {
    Whole(Bytes),
    /// These bytes, then a pause in which they are written out, then the connection is cut.
    CutAfter(Bytes, Cut),
    Paused(Cut),
    Drip {
        rest: Bytes,
        each: Duration,
        pause: Pin<Box<Sleep>>,
    },
}

impl WireBody {
    pub(crate) fn half(mut whole: Bytes, cut: Cut) -> Self {
        whole.truncate(whole.len() / 2);
        Self::CutAfter(whole, cut)
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
            Self::CutAfter(half, cut) if half.is_empty() => {
                // hyper writes out what it has when the body is not ready, and drops it on an error.
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
