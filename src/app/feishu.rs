//! The threads that call Feishu.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

use super::idle_memory::give_back;

/// The runtime of the connections to Feishu. A connection ends with the runtime that opened it, and the workers
/// that answer callers end one after the other in a drain. So each worker would need connections of its own, which
/// are never warm at low rates. It is not the main runtime either, so that no other work delays a call.
pub(super) struct FeishuRuntime(Option<Runtime>);

/// One thread is enough for the fifty calls a second that Feishu allows an app. The second one goes on while an answer
/// without an end keeps the first one busy: hyper reads interim answers for as long as they come.
const THREADS: usize = 2;

impl FeishuRuntime {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("feishu")
            .enable_all()
            .build()?;
        // Whichever of the threads wakes up.
        runtime.spawn(give_back());
        Ok(Self(Some(runtime)))
    }

    pub(super) fn handle(&self) -> &Handle {
        self.0.as_ref().expect("it is there until it is dropped").handle()
    }
}

impl Drop for FeishuRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // In the background, because a lookup at a silent name server would block the end.
            runtime.shutdown_background();
        }
    }
}
