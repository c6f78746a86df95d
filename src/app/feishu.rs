//! The threads that talk to Feishu.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of its own for the connections to Feishu. The workers that answer callers end one after the
/// other in a drain, and a connection ends with the runtime that opened it; so each worker would need
/// connections of its own, which at low rates are never warm.
pub(super) struct FeishuRuntime(Option<Runtime>);

/// Feishu allows an app fifty calls a second, for which one is enough. While one of them is kept busy by an answer that
/// does not end (hyper reads interim answers for as long as there are any), the other one goes on.
const THREADS: usize = 2;

impl FeishuRuntime {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("feishu")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    pub(super) fn handle(&self) -> &Handle {
        self.0.as_ref().expect("it is there until it is dropped").handle()
    }
}

impl Drop for FeishuRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Nobody waits for a name server that does not answer.
            runtime.shutdown_background();
        }
    }
}
