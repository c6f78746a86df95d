//! The listener and its connections.

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
use tokio::task::{self, JoinSet};

use crate::call::Line;
use crate::clock::wait;
use crate::cut::{Cut, keep_silent};
use crate::fault::{self, FaultKind};
use crate::reply::reply;
use crate::state::Shared;

/// How many may wait to be accepted.
const BACKLOG: u32 = 1024;
/// Before something is tried again that somebody else is in the way of.
const PAUSE: Duration = Duration::from_millis(10);

/// Serves connections until it is dropped, and drops them with it.
pub(crate) async fn run(mut listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            never = accept(&listener, &mut connections, &shared) => match never {},
            () = shared.port.is_to_shut() => {}
        }
        drop(listener);
        // Who connects to a port that is bound, but not listened on, is refused, and nobody takes it.
        let reserved = persist(|| bind(address)).await;
        while connections.len() > shared.port.kept() {
            connections.join_next().await;
        }
        shared.port.stay_shut().await;
        drop(reserved);
        listener = persist(|| bind(address)?.listen(BACKLOG)).await;
        shared.port.is_open();
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
                    connections.spawn(connection(stream, Arc::clone(shared)));
                }
                // No file descriptors, most likely: others have to end first.
                Err(_) => wait(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Old connections linger on.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn persist<T>(attempt: impl Fn() -> io::Result<T>) -> T {
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(_) => wait(PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let struck = fault::take_for_connection(&mut shared.state().faults);
    let number = shared.lines.open();
    let served = async {
        match struck.map(|fault| fault.kind) {
            None => serve(stream, number, &shared).await,
            Some(FaultKind::Silence) => keep_silent(stream).await,
            Some(kind) => strike(kind.cut().unwrap_or(Cut::Closed), stream).await,
        }
    };
    tokio::pin!(served);
    tokio::select! {
        () = &mut served => return,
        () = shared.port.closes(task::id()) => return,
        () = shared.lines.is_stranded(number) => {}
    }
    // Held, so that it is open, and never looked at again.
    shared.port.closes(task::id()).await;
}

async fn strike(cut: Cut, stream: TcpStream) {
    if cut == Cut::Reset {
        // Sooner, it would be a connection that never came about to some callers and not to others.
        let _ = stream.peek(&mut [0; 1]).await;
    }
    cut.end(stream).await;
}

async fn serve(stream: TcpStream, number: u64, shared: &Arc<Shared>) {
    // Without it a slow drip would arrive in clumps; not being able to set it harms nothing else.
    let _ = stream.set_nodelay(true);
    let is_reused = AtomicBool::new(false);
    let service = service_fn(|request| {
        let line = Line { number, is_reused: is_reused.swap(true, Ordering::Relaxed) };
        Box::pin(reply(request, line, Arc::clone(shared)))
    });
    // One official SDK finds the headers only if their names are in title case.
    let keep_alive = shared.state().settings.keep_alive;
    let mut served = http1::Builder::new()
        .title_case_headers(true)
        .keep_alive(keep_alive)
        .serve_connection(TokioIo::new(stream), service);
    // It ends in an error whenever it is cut, by either side.
    if let Err(error) = poll_fn(|context| served.poll_without_shutdown(context)).await {
        Cut::of(&error).end(served.into_parts().io.into_inner()).await;
    }
}
