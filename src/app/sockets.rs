//! Sockets to listen on.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the system queues until they are accepted.
const BACKLOG: i32 = 1024;

/// Listens on an address. `[::]` takes both families, and is `0.0.0.0` where the machine has no IPv6.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    first_of_both_families(address, open)
}

fn first_of_both_families<S>(
    address: SocketAddr,
    open: impl Fn(SocketAddr) -> io::Result<S>,
) -> io::Result<S> {
    match open(address) {
        // These errors would be the same with the other family alone, and trying it would hide them.
        Err(error)
            if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) =>
        {
            Err(error)
        }
        Err(cause) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            let instead = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            let socket = open(instead)?;
            tracing::info!(%address, %instead, %cause, "this machine has no IPv6");
            Ok(socket)
        }
        result => result,
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Otherwise the address would be taken for a minute after a restart.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Without this, the default of the machine would decide.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, TcpStream};

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    /// Opens no socket of a family for which an error is given.
    fn without(
        family: fn(&SocketAddr) -> bool,
        kind: ErrorKind,
    ) -> impl Fn(SocketAddr) -> io::Result<SocketAddr> {
        move |address| if family(&address) { Err(kind.into()) } else { Ok(address) }
    }

    #[test]
    fn all_of_both_families_is_all_of_ipv4_where_there_is_no_ipv6() {
        for kind in [ErrorKind::Unsupported, ErrorKind::AddrNotAvailable, ErrorKind::Other] {
            let open = without(SocketAddr::is_ipv6, kind);
            let opened = first_of_both_families(address("[::]:8080"), &open).expect("IPv4");
            assert_eq!(opened, address("0.0.0.0:8080"));
            // An address that is not `[::]` means that address only.
            assert!(first_of_both_families(address("[::1]:8080"), &open).is_err());
        }
    }

    #[test]
    fn a_port_that_is_taken_or_forbidden_is_not_tried_of_one_family_alone() {
        for kind in [ErrorKind::AddrInUse, ErrorKind::PermissionDenied] {
            let open = without(SocketAddr::is_ipv6, kind);
            let error = first_of_both_families(address("[::]:80"), open).expect_err("refused");
            assert_eq!(error.kind(), kind);
        }
    }

    #[test]
    fn both_families_reach_one_socket() {
        let listener = listen(address("[::]:0")).expect("a free port");
        let port = listener.local_addr().expect("it has one").port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("IPv4");
        let peer = listener.accept().expect("it was connected").1.ip();
        assert_eq!(peer.to_canonical(), IpAddr::from(Ipv4Addr::LOCALHOST));
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("IPv6");
        }
    }
}
