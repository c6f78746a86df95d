//! The server: accepts connections and serves HTTP on them.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{self, JoinSet};

use crate::clock::wait;
use crate::connections::Connection;
use crate::cut::{Cut, keep_silent};
use crate::fault::{self, FaultKind};
use crate::handler::handle;
use crate::state::Shared;

/// How many connections the kernel queues until they are accepted.
const BACKLOG: u32 = 1024;
/// The pause before a failed operation on a socket is retried.
const PAUSE: Duration = Duration::from_millis(10);

/// Serves connections until the future is dropped, which also closes all connections.
pub(crate) async fn run(mut listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            never = accept(&listener, &mut connections, &shared) => match never {},
            () = shared.port.outage_requested() => {}
        }
        drop(listener);
        // A socket that is bound but does not listen refuses connections, and keeps the port from other programs.
        let reserved = retry(|| bind(address)).await;
        while connections.len() > shared.port.kept_connections() {
            connections.join_next().await;
        }
        shared.port.wait_out_outage().await;
        drop(reserved);
        listener = retry(|| bind(address)?.listen(BACKLOG)).await;
        shared.port.mark_open();
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &mut JoinSet<()>,
    shared: &Arc<Shared>,
) -> Infallible {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(shared)));
                }
                // Most likely the process has no free file descriptor. It gets one when a connection ends.
                Err(_) => wait(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Closed connections in the state TIME_WAIT still occupy the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn retry<T>(attempt: impl Fn() -> io::Result<T>) -> T {
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(_) => wait(PAUSE).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    let fault = fault::take_for_connection(&mut shared.state().faults);
    let number = shared.connections.open();
    let served = async {
        match fault.map(|fault| fault.kind) {
            None => serve_http(stream, number, &shared).await,
            Some(FaultKind::Silence) => keep_silent(stream).await,
            Some(kind) => cut(stream, kind.cut().unwrap_or(Cut::Closed)).await,
        }
    };
    tokio::pin!(served);
    tokio::select! {
        () = &mut served => return,
        () = shared.port.wait_until_closed(task::id()) => return,
        () = shared.connections.wait_until_stranded(number) => {}
    }
    // The connection is stranded. `served` still owns it, so it stays open, but is not polled any more.
    shared.port.wait_until_closed(task::id()).await;
}

async fn cut(stream: TcpStream, cut: Cut) {
    if cut == Cut::Reset {
        // A reset before the first byte looks like a refused connection to some callers and not to others.
        let _ = stream.peek(&mut [0; 1]).await;
    }
    cut.end(stream).await;
}

async fn serve_http(stream: TcpStream, number: u64, shared: &Arc<Shared>) {
    // Without this option the bytes of a slow drip are sent in groups. An error affects nothing but that.
    let _ = stream.set_nodelay(true);
    let is_reused = AtomicBool::new(false);
    // Counts up when a request begins and when it is answered: it is odd meanwhile.
    let steps = watch::Sender::new(0_u64);
    let service = service_fn(|request| {
        let connection = Connection { number, is_reused: is_reused.swap(true, Ordering::Relaxed) };
        let steps = &steps;
        Box::pin(async move {
            steps.send_modify(|it| *it += 1);
            let answer = handle(request, connection, Arc::clone(shared)).await;
            steps.send_modify(|it| *it += 1);
            answer
        })
    });
    let (keep_alive, idle_timeout) = {
        let settings = &shared.state().settings;
        (settings.keep_alive, settings.idle_timeout_ms.map(Duration::from_millis))
    };
    let mut served = http1::Builder::new()
        // One official SDK finds the headers only if their names are in title case (sdk).
        .title_case_headers(true)
        .keep_alive(keep_alive)
        .serve_connection(TokioIo::new(stream), service);
    // A fault, or a caller that closes the connection early, ends it with an error.
    let ended = {
        let idle = wait_until_idle(&steps, idle_timeout);
        tokio::pin!(idle);
        tokio::select! {
            ended = poll_fn(|context| served.poll_without_shutdown(context)) => ended,
            () = &mut idle => Ok(()),
        }
    };
    if let Err(error) = ended {
        Cut::of(&error).end(served.into_parts().io.into_inner()).await;
    }
}

/// Waits until nothing has happened on a connection for this long since its last answer. `None` waits for ever.
async fn wait_until_idle(steps: &watch::Sender<u64>, timeout: Option<Duration>) {
    let Some(timeout) = timeout else {
        return std::future::pending().await;
    };
    let mut steps = steps.subscribe();
    loop {
        // This fails only if the sender is dropped, and the caller holds it.
        let answered = steps.wait_for(|it| *it > 0 && it % 2 == 0).await.map_or(0, |it| *it);
        tokio::select! {
            () = wait(timeout) => return,
            _ = steps.wait_for(|it| *it != answered) => {}
        }
    }
}
