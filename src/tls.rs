//! TLS for all connections: rustls with the cryptography of ring, and certificates and keys from PEM files.

mod pem;
mod server;
mod subject;

pub use pem::{TlsFile, TlsFiles, TlsIdentity, TlsPem, TlsSettings};
pub use server::ServerTls;
pub use subject::subject;

/// Makes ring the cryptography provider of this process. Repeated calls have no effect.
pub fn use_ring() {
    // rustls keeps its provider in a global. An error means that an earlier call has set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
