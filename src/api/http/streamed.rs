//! A body that is written while it is sent.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::rt;
use actix_web::web::Bytes;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// A body that a task writes. The task ends with the body.
pub(crate) struct Streamed {
    chunks: mpsc::Receiver<Result<Bytes, Box<dyn Error>>>,
    _writer: AbortOnDropHandle<()>,
}

/// Takes the parts of a body.
pub(crate) struct Chunks(mpsc::Sender<Result<Bytes, Box<dyn Error>>>);

impl Streamed {
    /// The body that `write` writes. Its error cuts the connection, so that nobody takes the part for the whole.
    pub(crate) fn new<F, E>(write: impl FnOnce(Chunks) -> F) -> Self
    where
        F: Future<Output = Result<(), E>> + 'static,
        E: Error + 'static,
    {
        // One chunk is sent while the next one is made.
        let (sender, chunks) = mpsc::channel(1);
        let writing = write(Chunks(sender.clone()));
        let writer = rt::spawn(async move {
            if let Err(error) = writing.await {
                let error: Box<dyn Error> = Box::new(error);
                // Without a body nobody is left to hear of it.
                drop(sender.send(Err(error)).await);
            }
        });
        Self { chunks, _writer: AbortOnDropHandle::new(writer) }
    }
}

impl Chunks {
    /// Adds this to the body, once there is room for it.
    pub(crate) async fn send(&self, chunk: impl Into<Bytes>) {
        // The task of a body that is gone is aborted.
        drop(self.0.send(Ok(chunk.into())).await);
    }
}

impl MessageBody for Streamed {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.chunks.poll_recv(context)
    }
}
