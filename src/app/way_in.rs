//! One listener, put together from actix' parts and not by `HttpServer`: actix bounds only the first head of a connection
//! and knows no idle ones (`api/connections`).

use std::fmt;
use std::future::ready;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::error::DispatchError;
use actix_http::{HttpServiceBuilder, Protocol, Request, Response};
use actix_service::boxed::{self, BoxServiceFactory};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_factory,
    fn_service, map_config,
};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server};
use actix_web::rt;
use actix_web::rt::net::TcpStream;

use super::descriptors::AT_THE_DOOR;
use super::idle_memory::give_back;
use super::sockets;
use super::start::StartError;
use crate::api::{self, ClientConnection, ConnectionSlots, Socket};
use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;
use crate::tls::ServerTls;

/// An address, and the server that listens on it.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) server: Server,
}

/// The parts of one listener.
pub(super) struct WayIn {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) workers: usize,
    pub(super) connections: usize,
    pub(super) allows_half_closed: bool,
    /// In seconds.
    pub(super) shutdown_timeout: u64,
    /// None: callers speak HTTP/1 without TLS.
    pub(super) tls: Option<ServerTls>,
}

/// How long a connection is still read from after its last answer. Closing it with unread data would reset it, and
/// the caller would lose the answer.
const LINGER: Duration = Duration::from_secs(1);

/// An application that is made for each worker.
type AppFactory = BoxServiceFactory<(), Request, Response<BoxBody>, Response<BoxBody>, ()>;

impl WayIn {
    /// Listens, and answers with `app`.
    pub(super) fn open<F, A, S, B>(self, metrics: &Metrics, app: F) -> Result<Listener, StartError>
    where
        F: Fn() -> A + Send + Clone + 'static,
        A: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        S::Service: 'static,
        S::Future: 'static,
        <S::Service as Service<Request>>::Future: 'static,
        B: MessageBody + 'static,
    {
        let refused = |cause| StartError::Listen { address: self.address, cause };
        let socket = sockets::listen(self.address).map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        // By the machine's clock, as actix' own time-outs of connections are.
        let slots =
            ConnectionSlots::new(self.name, self.connections, Clock::system(), metrics.clone());
        let server = Server::build()
            .workers(self.workers)
            // A bound that is never reached while a connection is idle: a connection beyond the slots makes an
            // idle one close, or waits until one closes.
            .max_concurrent_connections(self.connections.div_ceil(self.workers) + AT_THE_DOOR)
            .shutdown_timeout(self.shutdown_timeout)
            .disable_signals();
        let door = Door {
            slots,
            stopping: server.graceful_shutdown_signal(),
            address,
            allows_half_closed: self.allows_half_closed,
        };
        let app = move || {
            map_config(app().into_factory().map_err(|error| error.into().error_response()), |()| {
                AppConfig::default()
            })
        };
        let server = match self.tls {
            None => server.listen(self.name, socket, move || {
                rt::spawn(give_back());
                let slots = door.slots.clone();
                apply_fn_factory(door.http().finish(app()), move |stream: TcpStream, http: &_| {
                    let connection = ClientConnection::new(&slots, stream.peer_addr().ok());
                    let socket = Socket::new(stream, &connection);
                    let answering = http.call((socket, Protocol::Http1, connection.peer()));
                    api::serve(connection, answering)
                })
            }),
            Some(tls) => server.listen(self.name, socket, move || {
                rt::spawn(give_back());
                let app = app()
                    .map(|answer| answer.into().map_into_boxed_body())
                    .map_err(Response::from)
                    .map_init_err(|_| ());
                door.secured(&tls, boxed::factory(app))
            }),
        };
        Ok(Listener { address, server: server.map_err(refused)?.run() })
    }
}

/// What all connections of a listener have in common.
#[derive(Clone)]
struct Door {
    slots: ConnectionSlots,
    stopping: actix_server::GracefulShutdownSignal,
    address: SocketAddr,
    allows_half_closed: bool,
}

impl Door {
    /// HTTP/1 over connections whose bytes are those of `T`.
    fn http<T: 'static, S>(&self) -> HttpServiceBuilder<Socket<T>, S>
    where
        S: ServiceFactory<Request, Config = ()>,
        S::Error: Into<Response<BoxBody>> + 'static,
        S::InitError: fmt::Debug,
        <S::Service as Service<Request>>::Future: 'static,
    {
        let stopping = self.stopping.clone();
        HttpServiceBuilder::default()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            // `api::serve` ends slow heads. actix would answer a connection over which nothing came yet, and a pool
            // that keeps such a connection for later would read the answer as that to its next request.
            .client_request_timeout(Duration::ZERO)
            .keep_alive(api::KEEP_ALIVE)
            .client_disconnect_timeout(LINGER)
            .h1_allow_half_closed(self.allows_half_closed)
            .local_addr(self.address)
            .on_connect_ext(api::attach_connection)
    }

    /// HTTP/1 and HTTP/2 over TLS, as the caller chooses in the handshake.
    fn secured(
        &self,
        tls: &ServerTls,
        app: AppFactory,
    ) -> impl ServiceFactory<
        TcpStream,
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    > + use<> {
        let (door, tls) = (self.clone(), tls.clone());
        fn_factory(move || {
            let (door, tls, made) = (door.clone(), tls.clone(), app.new_service(()));
            async move {
                let app = Rc::new(made.await?);
                let shared = Rc::clone(&app);
                let app_of_http1 = fn_factory(move || ready(Ok::<_, ()>(Rc::clone(&shared))));
                let http1 = Rc::new(door.http().finish(app_of_http1).new_service(()).await?);
                Ok(fn_service(move |stream: TcpStream| {
                    let connection = ClientConnection::new(&door.slots, stream.peer_addr().ok());
                    let (stopping, tls) = (door.stopping.clone(), tls.clone());
                    let (app, http1) = (Rc::clone(&app), Rc::clone(&http1));
                    let secured = Arc::clone(&connection);
                    api::serve(connection, async move {
                        let Some(stream) = api::take_up_tls(&tls, stream, &secured).await else {
                            return Ok(());
                        };
                        if secured.speaks_http2() {
                            let stopping = async move { stopping.notified().await };
                            api::serve_http2(stream, secured, app, stopping).await;
                            return Ok(());
                        }
                        let socket = Socket::new(stream, &secured);
                        http1.call((socket, Protocol::Http1, secured.peer())).await
                    })
                }))
            }
        })
    }
}
